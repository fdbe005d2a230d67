import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { configOf, configText } from "../../src/commands/Config.ts"
import { readSettings } from "../../src/Settings.ts"

const token = "123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

const report = (env: Readonly<Record<string, string>>, destinations: ReadonlyArray<string> = ["Telegram chat 42"]) =>
  Effect.map(
    readSettings({ WATCHDOG_DOCKER_HOST: "tcp://engine:2375", ...env }, () => token),
    (settings) => configOf(settings, destinations)
  )

describe("watchdog config", () => {
  it.effect("says where each value comes from, and no secret", () =>
    Effect.gen(function* () {
      const made = yield* report({
        WATCHDOG_RAISE_TICKS: "3",
        WATCHDOG_TELEGRAM_BOT_TOKEN_FILE: "/run/secrets/bot",
        WATCHDOG_TELEGRAM_CHAT_ID: "42"
      })
      const of = (name: string) => made.settings.find((setting) => setting.name === name)

      assert.include(of("WATCHDOG_RAISE_TICKS"), { value: "3", from: "environment" })
      assert.include(of("WATCHDOG_CLEAR_TICKS"), { value: "1", from: "default" })
      assert.include(of("WATCHDOG_TELEGRAM_BOT_TOKEN"), { from: "file /run/secrets/bot" })
      assert.notInclude(JSON.stringify(made), token)
      assert.notInclude(configText(made), token)
    })
  )

  it.effect("says how long each fault can stay untold", () =>
    Effect.gen(function* () {
      const made = yield* report({
        WATCHDOG_ORCH_METRICS_URL: "http://orchestrator/metrics",
        WATCHDOG_RULES: "deep: queue_depth > 100 for 2m"
      })
      const of = (what: string) => made.detection.find((one) => one.what === what)

      assert.deepStrictEqual(of("orch_down"), {
        what: "orch_down",
        intervalMs: 10_000,
        needs: "3 looks in a row",
        worstCaseMs: 35_000
      })
      assert.strictEqual(of("containers")?.worstCaseMs, 25_000)
      assert.match(of("rule:deep")?.needs ?? "", /^seen for (2 min|1 min 59 s)/)
    })
  )

  const warnings: ReadonlyArray<
    readonly [what: string, env: Readonly<Record<string, string>>, destinations: ReadonlyArray<string>, said: RegExp]
  > = [
    ["no sink is set", {}, [], /^no sink is set/],
    ["no orchestrator is watched", {}, ["x"], /^no orchestrator is watched/],
    [
      "the page is open to all",
      { WATCHDOG_HTTP_LISTEN: "0.0.0.0:9469" },
      ["x"],
      /without a token.*WATCHDOG_HTTP_TOKEN/
    ],
    ["flapping can never be told", { WATCHDOG_FLAP_WINDOW: "30s" }, ["x"], /containers.*: flapping can never be told/],
    [
      "the socket is missing",
      { WATCHDOG_DOCKER_HOST: "unix:///no/such.sock" },
      ["x"],
      /^there is no socket at \/no\/such\.sock/
    ]
  ]
  for (const [what, env, destinations, said] of warnings) {
    it.effect(`warns where ${what}`, () =>
      Effect.gen(function* () {
        const made = yield* report(env, destinations)

        assert.isTrue(
          made.warnings.some((warning) => said.test(warning)),
          made.warnings.join("\n")
        )
        assert.include(configText(made), "To know")
      })
    )
  }

  it.effect("warns of nothing where there is nothing", () =>
    Effect.gen(function* () {
      const made = yield* report({ WATCHDOG_ORCH_METRICS_URL: "http://orchestrator/metrics" })

      assert.deepStrictEqual(made.warnings, [])
      assert.notInclude(configText(made), "To know")
    })
  )
})
