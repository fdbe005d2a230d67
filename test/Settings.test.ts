import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted, Result, Schema } from "effect"
import type { AnyKey, Settings } from "../src/base/Keys.ts"
import { type Environment, type ReadFile, allKeys, editDistance, readSettings } from "../src/Settings.ts"
import * as Cadence from "../src/collector/Cadence.ts"
import { Dependencies, Disk, Orchestrator } from "../src/collector/index.ts"
import { proxyOf } from "../src/base/Proxy.ts"
import { Alertmanager } from "../src/sink/index.ts"
import * as Telegram from "../src/sink/Telegram.ts"

const noFile: ReadFile = (path) => {
  throw Object.assign(new Error(`no ${path}`), { code: "ENOENT" })
}

const read = (environment: Environment, readFile: ReadFile = noFile): Effect.Effect<Settings["Service"]> =>
  Effect.orDie(readSettings(environment, readFile))

const problems = (environment: Environment, readFile: ReadFile = noFile): Effect.Effect<ReadonlyArray<string>> =>
  Effect.match(readSettings(environment, readFile), {
    onFailure: (error) => error.problems,
    onSuccess: () => []
  })

const token = "123456789:AAG_this-is-the-secret-half-of-it-0"

/** A value that is wrong for the key, and one that is right and not the default. */
const examples: Readonly<Record<string, readonly [bad: string, good: string]>> = {
  WATCHDOG_ENABLED: ["maybe", "OFF"],
  WATCHDOG_INTERVAL: ["50ms", "1m30s"],
  WATCHDOG_TIMEOUT: ["5 seconds", "3s"],
  WATCHDOG_RAISE_TICKS: ["0", "5"],
  WATCHDOG_CLEAR_TICKS: ["1.5", "4"],
  WATCHDOG_COOLDOWN: ["-1s", "0"],
  WATCHDOG_REMINDER_FACTOR: ["0.5", "1.5"],
  WATCHDOG_REMINDER_MAX: ["0", "12h"],
  WATCHDOG_FLAP_RAISES: ["many", "0"],
  WATCHDOG_FLAP_WINDOW: ["1w", "1h"],
  WATCHDOG_FLAP_SETTLE: ["0s", "90"],
  WATCHDOG_CONTAINERS_INTERVAL: ["1ms", "7s"],
  WATCHDOG_DISK_INTERVAL: ["often", "1h"],
  WATCHDOG_ORCHESTRATOR_INTERVAL: ["hourly", "7s"],
  WATCHDOG_DOCKER_HOST: ["ssh://box", "tcp://127.0.0.1:2375"],
  WATCHDOG_CONTAINERS: ["a,,b", "api,job-*"],
  WATCHDOG_CONTAINERS_EXCLUDE: [",", "tmp-*"],
  WATCHDOG_DEPLOY_GRACE: ["soon", "45s"],
  WATCHDOG_DOCKER_EVENTS: ["sometimes", "false"],
  WATCHDOG_CONTAINER_LOG_LINES: ["51", "5"],
  WATCHDOG_ORCH_CONTAINER: ["a b", "shop-orch-1"],
  WATCHDOG_EXIT_ON_STALE_SOCKET: ["perhaps", "true"],
  WATCHDOG_DISK_CEILING: ["101", "97%"],
  WATCHDOG_INODE_CEILING: ["0", "90"],
  WATCHDOG_MEMORY_CEILING: ["much", "90%"],
  WATCHDOG_MEMORY_INTERVAL: ["-5s", "20s"],
  WATCHDOG_SWAP_CEILING: ["-1", "50"],
  WATCHDOG_LOAD_CEILING: ["high", "1.5"],
  WATCHDOG_LOAD_INTERVAL: ["0", "1m"],
  WATCHDOG_PRESSURE_CEILING: ["100.1", "20"],
  WATCHDOG_PRESSURE_INTERVAL: ["now", "15s"],
  WATCHDOG_DISK_PATHS: ["var", "/,/var"],
  WATCHDOG_HOST_ROOT: ["host", "/host"],
  WATCHDOG_ORCH_METRICS_URL: ["orchestrator:9000", "http://orchestrator:9000/metrics"],
  WATCHDOG_ORCH_DOWN_TICKS: ["0", "1"],
  WATCHDOG_RULES: ["slow: rate(x[5m]) > 1", 'queue: queue_depth{queue!="test"} > 100 for 2m; full: free < 5'],
  WATCHDOG_DEPENDENCIES: ["api=https://e.org#statsu=200", "api=https://u:p@e.org/#status=204 db=tcp://db:5432"],
  WATCHDOG_DEPENDENCIES_INTERVAL: ["-1s", "30s"],
  WATCHDOG_CERT_DAYS: ["-1", "21"],
  WATCHDOG_HOST_NAME: ["a\nb", "box"],
  WATCHDOG_TIMEZONE: ["Mars/Olympus", "Europe/Berlin"],
  WATCHDOG_TELEGRAM_BOT_TOKEN: ["123456789:hunter2", token],
  WATCHDOG_TELEGRAM_CHAT_ID: ["my chat", "-1001234567890"],
  WATCHDOG_TELEGRAM_THREAD_ID: ["0", "7"],
  WATCHDOG_TELEGRAM_API_URL: ["ftp://e.org", "http://127.0.0.1:8081"],
  WATCHDOG_ALERTMANAGER_URLS: ["am1:9093", "https://u:p@am1:9093/alerts, http://am2:9093"],
  WATCHDOG_WEBHOOK_URL: ["ftp://e.org/hook", "https://e.org/hook"],
  WATCHDOG_WEBHOOK_SECRET: ["short", "correct-horse-battery"],
  WATCHDOG_FALLBACK_WEBHOOK_URL: ["e.org", "https://elsewhere.org/hook"],
  WATCHDOG_FALLBACK_AFTER: ["1ms", "10m"],
  WATCHDOG_TELEGRAM_COMMANDS: ["perhaps", "true"],
  WATCHDOG_TELEGRAM_USER_IDS: ["@ann", "123456789,987654321"],
  WATCHDOG_MAINTENANCE: ["0 25 * * * 2h", "0 3 * * 0 2h; 30 1 1 * * 15m"],
  WATCHDOG_HEARTBEAT_URL: ["hc-ping.com/uuid", "https://hc-ping.com/uuid"],
  WATCHDOG_HEARTBEAT_INTERVAL: ["30s", "5m"],
  WATCHDOG_NOTIFY_START: ["perhaps", "true"],
  WATCHDOG_STATE_FILE: ["state.json", "/var/lib/watchdog/state.json"],
  WATCHDOG_HTTP_LISTEN: ["everywhere", "0.0.0.0:9470"],
  WATCHDOG_HTTP_HOSTS: ["watchdog:9469", "watchdog,[fd00::1]"],
  WATCHDOG_HTTP_TOKEN: ["too short", "correct-horse-battery"],
  WATCHDOG_LOG_LEVEL: ["loud", "DEBUG"],
  WATCHDOG_LOG_FORMAT: ["xml", "pretty"]
}

const exampleOf = ({ name }: AnyKey): readonly [string, string] => examples[name] ?? ["", ""]
const checked = allKeys.filter((key) => exampleOf(key)[0] !== "")

describe("every key", () => {
  it("has an example here", () => {
    assert.deepStrictEqual(
      allKeys.map(({ name }) => name).filter((name) => examples[name] === undefined),
      []
    )
  })

  it("has a name of its own", () => {
    assert.strictEqual(new Set(allKeys.map(({ name }) => name)).size, allKeys.length)
  })

  it.effect("is reported by name if its value is bad, all at once", () =>
    Effect.gen(function* () {
      const bad = Object.fromEntries(checked.map((key) => [key.name, exampleOf(key)[0]]))

      const found = yield* problems(bad)

      for (const { name, secret } of checked) {
        const said = found.filter((problem) => problem.startsWith(`${name}: `))
        assert.strictEqual(said.length, 1, `${name} in\n${found.join("\n")}`)
        assert.match(said[0] ?? "", secret ? /^\w+: its value \(not shown\) is not / : /^\w+: ".*" is not /s)
      }
      assert.strictEqual(found.length, checked.length)
    })
  )

  it.effect.each(allKeys.map((key) => [key.name, key] as const))("takes a good value: %s", ([name, key]) =>
    Effect.gen(function* () {
      const value = exampleOf(key)[1]
      const pair = { [Telegram.keys.token.name]: token, [Telegram.keys.chat.name]: "1" }
      const hooks = { WATCHDOG_WEBHOOK_URL: "https://a.org/", WATCHDOG_FALLBACK_WEBHOOK_URL: "https://b.org/" }
      const page = { [Orchestrator.keys.url.name]: "http://127.0.0.1/metrics" }

      const users = { WATCHDOG_TELEGRAM_USER_IDS: "11" }

      const settings = yield* read({ ...pair, ...hooks, ...page, ...users, [name]: value })

      assert.isTrue(settings.isSet(key))
      assert.notDeepEqual(settings.get(key as never), key.fallback)
    })
  )

  it.effect.each(allKeys.map((key) => [key.name, key] as const))(
    "keeps its default where it is empty: %s",
    ([name, key]) =>
      Effect.gen(function* () {
        const settings = yield* read({ [name]: "  " })

        assert.isFalse(settings.isSet(key))
        assert.deepStrictEqual(settings.get(key as never), key.fallback)
      })
  )

  /** Defaults that are said in words rather than as a value. */
  const worded = /^(unset|all|the host|min\(|WATCHDOG_|json \()/

  it.each(allKeys.filter(({ fallbackText }) => !worded.test(fallbackText)).map((key) => [key.name, key] as const))(
    "reads its default as it is shown: %s",
    (_, key) => {
      const parsed = key.parse(key.fallbackText)

      assert.isTrue(Result.isSuccess(parsed))
      assert.deepStrictEqual(Result.getOrThrow(parsed), key.fallback)
    }
  )

  it.each(allKeys.filter(({ secret }) => !secret).map((key) => [key.name, key] as const))(
    "reads its value as it is shown: %s",
    (_, key) => {
      const value = Result.getOrThrow(key.parse(exampleOf(key)[1]))

      const shown = (key.show as (value: unknown) => string)(value)

      assert.deepStrictEqual(Result.getOrThrow(key.parse(shown)), value)
    }
  )
})

describe("names", () => {
  it.effect("that do not exist are refused, with the nearest that does", () =>
    Effect.gen(function* () {
      const found = yield* problems({
        WATCHDOG_INTERVALL: "10s",
        WATCHDOG_COOL_DOWN: "1m",
        WATCHDOG_TELEGRAM_TOKEN: "x",
        WATCHDOG_XYZZY_PLUGH_QUUX: "1"
      })

      assert.include(found, "WATCHDOG_INTERVALL: there is no such setting; did you mean WATCHDOG_INTERVAL?")
      assert.include(found, "WATCHDOG_COOL_DOWN: there is no such setting; did you mean WATCHDOG_COOLDOWN?")
      assert.include(
        found,
        "WATCHDOG_TELEGRAM_TOKEN: there is no such setting; did you mean WATCHDOG_TELEGRAM_BOT_TOKEN?"
      )
      assert.include(found, "WATCHDOG_XYZZY_PLUGH_QUUX: there is no such setting")
    })
  )

  it.effect("of systemd and of others are none of our business", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* problems({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "1", PATH: "/bin", X: undefined }),
        []
      )
    })
  )

  it.effect("end in _FILE for secrets only", () =>
    Effect.gen(function* () {
      const [problem] = yield* problems({ WATCHDOG_INTERVAL_FILE: "/run/interval" })

      assert.match(problem ?? "", /^WATCHDOG_INTERVAL_FILE: there is no such setting/)
    })
  )
})

describe("secrets", () => {
  const name = Telegram.keys.token.name
  const chat = { [Telegram.keys.chat.name]: "1" }

  it.effect("may lie in a file, trimmed", () =>
    Effect.gen(function* () {
      const settings = yield* read(
        { ...chat, [`${name}_FILE`]: "/run/token" },
        (path) => `${path === "/run/token" ? token : ""}\n`
      )

      const value = settings.get(Telegram.keys.token)
      assert.strictEqual(value === undefined ? "" : Redacted.value(value), token)
      assert.notInclude(`${inspect(value)} ${JSON.stringify(value)}`, token)
      assert.strictEqual(Telegram.keys.token.show(value), "set (redacted)")
    })
  )

  const wrong: ReadonlyArray<readonly [string, Environment, ReadFile, RegExp]> = [
    ["a file that cannot be read", { [`${name}_FILE`]: "/nope" }, noFile, /_FILE: cannot read "\/nope": ENOENT$/],
    ["an empty file", { [`${name}_FILE`]: "/f" }, () => "\n", /_FILE: "\/f" is empty$/],
    ["a huge file", { [`${name}_FILE`]: "/f" }, () => "x".repeat(5_000), /_FILE: "\/f" is too long to be a secret$/],
    [
      "a list that is longer than any list",
      { WATCHDOG_ALERTMANAGER_URLS_FILE: "/f", [name]: token },
      () => "http://am:9093 ".repeat(5_000),
      /^WATCHDOG_ALERTMANAGER_URLS_FILE: "\/f" is too long$/
    ],
    ["both", { [name]: token, [`${name}_FILE`]: "/f" }, () => token, /are both set: set one$/],
    ["a bad value in a file", { [`${name}_FILE`]: "/f" }, () => "hunter2", /its value \(not shown\) is not a bot token/]
  ]

  it.effect.each(wrong)("are refused without being shown: %s", ([, environment, readFile, wanted]) =>
    Effect.gen(function* () {
      const found = yield* problems({ ...chat, ...environment }, readFile)

      assert.strictEqual(found.length, 1, found.join("\n"))
      assert.match(found[0] ?? "", wanted)
      assert.notMatch(found.join(), /hunter2|secret-half/)
    })
  )
})

describe("a list", () => {
  it.effect("may be longer than a secret in its file", () =>
    Effect.gen(function* () {
      const urls = Array.from({ length: 1_000 }, (_, at) => `http://am${at}:9093`)
      const settings = yield* read(
        { WATCHDOG_ALERTMANAGER_URLS_FILE: "/f", WATCHDOG_DEPENDENCIES_FILE: "/g" },
        (path) => (path === "/f" ? urls : urls.map((url, at) => `d${at}=${url}`)).join("\n")
      )

      const found = settings.get(Alertmanager.keys.urls)
      assert.deepStrictEqual(found === undefined ? [] : Redacted.value(found), urls)
      assert.strictEqual(settings.get(Dependencies.keys.targets).length, 1_000)
    })
  )

  it("is shown without its passwords, and quoted in no complaint", () => {
    const { keys } = Alertmanager
    const urls = Result.getOrThrow(keys.urls.parse("https://me:hunter2@am1/x http://am2:9093,http://am2:9093"))

    assert.strictEqual(keys.urls.show(urls), "https://am1/x (redacted),http://am2:9093")
  })
})

describe("the proxy environment", () => {
  const sink = { WATCHDOG_WEBHOOK_URL: "https://hooks.e.org/x" }

  it.effect("is read where something goes out to people", () =>
    Effect.gen(function* () {
      const settings = yield* read({ ...sink, https_proxy: "proxy:3128", NO_PROXY: "e.org" })

      const proxy = proxyOf(settings)
      assert.deepStrictEqual(
        [proxy?.no, proxy?.http, proxy?.https === undefined ? "" : Redacted.value(proxy.https)],
        ["e.org", undefined, "http://proxy:3128"]
      )
    })
  )

  it.effect("is a problem where it is bad, without its value, and only where it would be used", () =>
    Effect.gen(function* () {
      const bad = { https_proxy: "socks5://me:hunter2@proxy:1080" }

      assert.deepStrictEqual(yield* problems({ ...sink, ...bad }), [
        "https_proxy: its value (not shown) is not the address of an http:// or https:// proxy"
      ])
      assert.deepStrictEqual(yield* problems(bad), [])
    })
  )
})

describe("contradictions", () => {
  it.effect.each([
    [
      { WATCHDOG_TIMEOUT: "10s" },
      /^WATCHDOG_TIMEOUT \(10000 ms\) must be shorter than WATCHDOG_INTERVAL \(10000 ms\)$/
    ],
    [
      { WATCHDOG_TIMEOUT: "7s", WATCHDOG_DISK_INTERVAL: "7s" },
      /^WATCHDOG_TIMEOUT \(7000 ms\) must be shorter than WATCHDOG_DISK_INTERVAL \(7000 ms\)$/
    ],
    [{ WATCHDOG_FLAP_RAISES: "1" }, /^WATCHDOG_FLAP_RAISES is 1: /],
    [{ WATCHDOG_RULES: "a: x > 1" }, /^WATCHDOG_RULES needs WATCHDOG_ORCH_METRICS_URL: /],
    [
      { WATCHDOG_RULES: "a: x > 1", WATCHDOG_ORCH_METRICS_URL: "nowhere" },
      /^WATCHDOG_ORCH_METRICS_URL: "nowhere" is not/
    ],
    [{ WATCHDOG_FALLBACK_AFTER: "1m" }, /^WATCHDOG_FALLBACK_AFTER has no use without WATCHDOG_FALLBACK_WEBHOOK_URL$/],
    [
      { WATCHDOG_FALLBACK_AFTER: "1m", WATCHDOG_FALLBACK_WEBHOOK_URL: "x" },
      /^WATCHDOG_FALLBACK_WEBHOOK_URL: its value/
    ],
    [{ WATCHDOG_TELEGRAM_CHAT_ID: "1" }, /must be set with/],
    [{ WATCHDOG_TELEGRAM_BOT_TOKEN: token }, /must be set with/]
  ] as const)("are refused once, by name: %o", ([environment, wanted]) =>
    Effect.gen(function* () {
      const found = yield* problems(environment)

      assert.strictEqual(found.length, 1, found.join("\n"))
      assert.match(found[0] ?? "", wanted)
    })
  )

  it.effect("allow a timeout just below every interval", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problems({ WATCHDOG_TIMEOUT: "9999ms" }), [])
    })
  )

  it.effect("do not arise for half a destination whose other half is bad: that is reported", () =>
    Effect.gen(function* () {
      const found = yield* problems({ WATCHDOG_TELEGRAM_BOT_TOKEN: "bad", WATCHDOG_TELEGRAM_CHAT_ID: "1" })

      assert.strictEqual(found.length, 1)
    })
  )
})

describe("the cadence", () => {
  it.effect("of one collector overrides that of all, and an unset timeout follows it", () =>
    Effect.gen(function* () {
      const settings = yield* read({ WATCHDOG_INTERVAL: "30s", WATCHDOG_DISK_INTERVAL: "4s" })

      const disk = Cadence.cadenceOf(settings, Disk.entry.interval)

      assert.deepStrictEqual([disk.intervalMs, disk.timeoutMs, disk.policy.intervalMs], [4_000, 2_000, 4_000])
      assert.strictEqual(Duration.toMillis(settings.get(Cadence.keys.interval)), 30_000)
      assert.strictEqual(Cadence.timeoutMsOf(settings, 30_000), 5_000)
    })
  )
})

describe("editDistance", () => {
  it.prop(
    "is a distance",
    [Schema.String, Schema.String, Schema.String],
    ([a, b, c]) => {
      assert.strictEqual(editDistance(a, a), 0)
      assert.strictEqual(editDistance(a, b), editDistance(b, a))
      assert.isAtMost(editDistance(a, c), editDistance(a, b) + editDistance(b, c))
      assert.isAtLeast(editDistance(a, b), Math.abs(a.length - b.length))
    },
    { arbitrary: { runs: 200 } }
  )
})
