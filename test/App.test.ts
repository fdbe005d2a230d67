/** The whole watchdog in a fake world under a test clock: incidents from fault to message, and every bad input. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Scenario from "../src/testing/Scenario.ts"

/** Past our own start's grace, in which what does not run is held. */
const settle = TestClock.adjust("45 seconds")

const begin = (options: Scenario.ScenarioOptions = {}, containers: ReadonlyArray<string> = ["web", "db"]) =>
  Effect.gen(function* () {
    // By polling alone: it is the truth that events only hurry along; what they do is in collector/docker/Reactions.test.ts.
    const env = { WATCHDOG_DOCKER_EVENTS: "false", ...options.env }
    const scenario = yield* Scenario.make({ ...options, env })
    for (const name of containers) scenario.engine.run({ name, image: `${name}:1`, restart: "unless-stopped" })
    yield* scenario.start
    yield* settle
    assert.deepStrictEqual([...scenario.told()], [])
    return scenario
  })

const icons = (texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  texts
    .flatMap((text) => [...text.matchAll(/^(🔴|🟠|🔁|✅|🕓|⚪|〰️) (\S+)/gmu)].map((match) => `${match[1]} ${match[2]}`))
    .filter((entry) => !/\d$/.test(entry) || entry.includes(":"))

describe("a container", () => {
  it.effect("that is killed is told once after K ticks with its exit code, and once when it is back", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      scenario.engine.kill("web")
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([...scenario.told()], [])
      yield* TestClock.adjust("10 seconds")
      const alert = scenario.told()
      scenario.engine.start("web")
      yield* TestClock.adjust("12 seconds")
      yield* TestClock.adjust("10 minutes")

      assert.strictEqual(alert.length, 1)
      assert.match(
        alert[0] ?? "",
        /^🔴 container:web exited with code 137 \(SIGKILL\)\nsince 00:00:\d\d \(\d+ s\) · fake\nimage web:1$/
      )
      assert.deepStrictEqual([...icons(scenario.told())], ["🔴 container:web", "✅ container:web"])
      assert.strictEqual(scenario.telegram.messages[1]?.replyTo, scenario.telegram.messages[0]?.messageId)
      assert.isTrue(scenario.telegram.messages[1]?.silent)
      assert.isFalse(scenario.telegram.messages[0]?.silent)
    }).pipe(Effect.scoped)
  )

  it.effect("that is recreated by compose, step by step at any pace, is never told", () =>
    Effect.gen(function* () {
      const scenario = yield* Scenario.make()
      scenario.engine.run({ project: "shop", service: "api", number: 1, image: "api:1", restart: "always" })
      yield* scenario.start
      yield* settle

      const deploy = scenario.engine.composeRecreate("shop-api-1", { image: "api:2" })
      for (const step of ["created", "stopped", "removed", "renamed", "started"] as const) {
        deploy.to(step)
        yield* TestClock.adjust("11 seconds")
      }
      yield* TestClock.adjust("5 minutes")

      assert.deepStrictEqual([...scenario.told()], [])
    }).pipe(Effect.scoped)
  )

  it.effect("that stays down is reminded of at growing distances", () =>
    Effect.gen(function* () {
      // A look a minute is enough for a day, and the host's own values are not what it is about.
      const slow = Object.fromEntries(
        ["DISK", "MEMORY", "LOAD", "PRESSURE"].map((name) => [`WATCHDOG_${name}_INTERVAL`, "6h"])
      )
      const scenario = yield* begin({ env: slow })

      scenario.engine.kill("web")
      yield* TestClock.adjust("24 hours")

      // 30 min, then 1 h, 2 h, 4 h, 8 h more: at 0.5, 1.5, 3.5, 7.5 and 15.5 hours.
      assert.deepStrictEqual(
        [...icons(scenario.told())],
        ["🔴 container:web", ...Array.from({ length: 5 }, () => "🔁 container:web")]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("named like markup, with labels to match, is told as text", () =>
    Effect.gen(function* () {
      const scenario = yield* begin({}, [])
      const name = "<b>&amp;</b><script>"
      scenario.engine.run({
        name,
        image: "</b><i>",
        labels: { __proto__: "x", "watchdog.x": "<u>" },
        restart: "always"
      })
      yield* TestClock.adjust("60 seconds")

      scenario.engine.kill(name)
      yield* TestClock.adjust("40 seconds")

      assert.include(scenario.told()[0], `container:${name}`)
      assert.deepStrictEqual([...scenario.telegram.refusals], [])
      assert.deepStrictEqual([...scenario.telegram.problems], [])
    }).pipe(Effect.scoped)
  )
})

describe("the engine", () => {
  const rude: ReadonlyArray<readonly [string, (scenario: Scenario.Scenario) => void]> = [
    ["has no socket", (scenario) => scenario.engine.goAway("ENOENT")],
    ["refuses", (scenario) => scenario.engine.goAway("ECONNREFUSED")],
    ["denies permission", (scenario) => scenario.engine.goAway("EACCES")],
    ["hangs after connect", (scenario) => scenario.engine.beRude("hang")],
    ["answers 500", (scenario) => scenario.engine.beRude({ status: 500 })],
    ["answers 500 with a page", (scenario) => scenario.engine.beRude({ status: 500, html: true })],
    ["sends broken JSON", (scenario) => scenario.engine.beRude("brokenJson", { on: "list" })],
    ["sends something else", (scenario) => scenario.engine.beRude({ body: '"hello"' }, { on: "list" })],
    ["sends 100 MB", (scenario) => scenario.engine.beRude({ hugeBytes: 100_000_000 }, { on: "list" })]
  ]

  it.effect.each(rude)("that %s is one alarm of its own, takes no container down, and recovers once", ([, be]) =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      be(scenario)
      yield* TestClock.adjust("60 seconds")
      const during = icons(scenario.told())
      scenario.engine.behave()
      yield* TestClock.adjust("5 minutes")

      assert.deepStrictEqual([...during], ["🔴 source:containers"])
      assert.deepStrictEqual([...icons(scenario.told())], ["🔴 source:containers", "✅ source:containers"])
      assert.deepStrictEqual([...scenario.engine.violations], [])
    }).pipe(Effect.scoped)
  )

  it.effect("with one malformed container among fifty still shows the other forty-nine", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 50 }, (_, at) => `svc-${at}`)
      const scenario = yield* begin({}, names)

      scenario.engine.mangle("svc-7", { list: () => ({ Id: 7, Names: "svc-7", State: null }) })
      scenario.engine.kill("svc-30")
      yield* TestClock.adjust("60 seconds")

      assert.sameMembers([...icons(scenario.told())], ["🔴 container:svc-30", "🔴 source:containers"])
      assert.match(
        scenario.told().join("\n"),
        /source:containers 1 of 50 containers cannot be read and are not watched/
      )
    }).pipe(Effect.scoped)
  )

  it.effect("that returns with a container gone bad meanwhile tells that too", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      scenario.engine.beRude("hang")
      yield* TestClock.adjust("60 seconds")
      scenario.engine.kill("db")
      scenario.engine.behave()
      yield* TestClock.adjust("60 seconds")

      assert.sameMembers(
        [...icons(scenario.told())],
        ["🔴 source:containers", "✅ source:containers", "🔴 container:db"]
      )
    }).pipe(Effect.scoped)
  )
})

describe("a stale socket", () => {
  it.effect("is named with its cure once the engine has refused for five minutes", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      scenario.engine.goAway("ECONNREFUSED")
      yield* TestClock.adjust("40 minutes")

      assert.deepStrictEqual([...icons(scenario.told())], ["🔴 source:containers", "🔁 source:containers"])
      assert.notInclude(scenario.told()[0], "stale")
      assert.match(scenario.told()[1] ?? "", /the mounted socket file is stale: restart the watchdog/)
      assert.isNull(scenario.departed())
    }).pipe(Effect.scoped)
  )

  it.effect("makes it leave with code 3 where that is wanted, after five minutes and not before", () =>
    Effect.gen(function* () {
      const scenario = yield* begin({ env: { WATCHDOG_EXIT_ON_STALE_SOCKET: "true" } })

      scenario.engine.goAway("ECONNREFUSED")
      yield* TestClock.adjust("4 minutes")
      const early = scenario.departed()
      yield* TestClock.adjust("90 seconds")

      assert.isNull(early)
      assert.strictEqual(scenario.departed()?.code, 3)
    }).pipe(Effect.scoped)
  )

  it.effect("is not one where the engine comes back now and then, or is merely slow", () =>
    Effect.gen(function* () {
      const scenario = yield* begin({ env: { WATCHDOG_EXIT_ON_STALE_SOCKET: "true" } })

      for (let round = 0; round < 3; round++) {
        scenario.engine.goAway("ECONNREFUSED")
        yield* TestClock.adjust("4 minutes")
        scenario.engine.behave()
        yield* TestClock.adjust("20 seconds")
      }
      scenario.engine.beRude("hang")
      yield* TestClock.adjust("20 minutes")

      assert.isNull(scenario.departed())
    }).pipe(Effect.scoped)
  )
})

describe("the orchestrator", () => {
  it.effect("that does not answer is orch_down after K = 3 ticks, not before, with the reason", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      scenario.setOrchestrator({ errno: "ECONNREFUSED" })
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual([...scenario.told()], [])
      yield* TestClock.adjust("10 seconds")
      scenario.setOrchestrator(Scenario.wellOrchestrator)
      yield* TestClock.adjust("2 minutes")

      assert.match(scenario.told()[0] ?? "", /^🔴 orch_down \/metrics does not answer: connection refused/)
      assert.deepStrictEqual([...icons(scenario.told())], ["🔴 orch_down", "✅ orch_down"])
    }).pipe(Effect.scoped)
  )

  it.effect("that fails for less than K ticks is never told", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      for (let round = 0; round < 5; round++) {
        scenario.setOrchestrator("hang")
        yield* TestClock.adjust("20 seconds")
        scenario.setOrchestrator(Scenario.wellOrchestrator)
        yield* TestClock.adjust("20 seconds")
      }

      assert.deepStrictEqual([...scenario.told()], [])
    }).pipe(Effect.scoped)
  )
})

describe("Telegram", () => {
  const troubles: ReadonlyArray<readonly [string, (scenario: Scenario.Scenario) => void]> = [
    ["is unreachable", (scenario) => scenario.cutTelegram("ENOTFOUND")],
    ["hangs", (scenario) => scenario.telegram.setMode("hang")],
    ["answers 429", (scenario) => scenario.telegram.setMode({ status: 429, retryAfter: 7 })],
    ["answers 500", (scenario) => scenario.telegram.setMode({ status: 500 })],
    ["resets", (scenario) => scenario.telegram.setMode("reset")],
    ["answers 401", (scenario) => scenario.telegram.setMode({ status: 401 })],
    ["answers 403", (scenario) => scenario.telegram.setMode({ status: 403 })]
  ]
  const restore = (scenario: Scenario.Scenario): void => {
    scenario.cutTelegram(null)
    scenario.telegram.setMode("up")
  }

  it.effect.each(troubles)(
    "that %s during a fault which came and went gets one message with both times, in the end",
    ([, break_]) =>
      Effect.gen(function* () {
        const scenario = yield* begin()

        break_(scenario)
        scenario.engine.kill("web")
        yield* TestClock.adjust("40 seconds")
        scenario.engine.start("web")
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual([...scenario.told()], [])
        restore(scenario)
        // A refusal for good is probed every ten minutes.
        yield* TestClock.adjust("12 minutes")

        assert.strictEqual(scenario.told().length, 1)
        assert.match(scenario.told()[0] ?? "", /^(🕓|✅) container:web [\s\S]*down 00:00:\d\d–00:01:\d\d \(\d+ s\)/)
      }).pipe(Effect.scoped)
  )

  it.effect(
    "that migrates the chat, loses the topic or refuses the markup gets the message all the same, at once",
    () =>
      Effect.gen(function* () {
        const scenario = yield* begin({ env: { WATCHDOG_TELEGRAM_THREAD_ID: "77" } })
        scenario.telegram.script({ mode: { migrateTo: -1002 } })

        scenario.engine.kill("web")
        yield* TestClock.adjust("25 seconds")
        scenario.telegram.setMode({ cantParse: true })
        scenario.engine.kill("db")
        yield* TestClock.adjust("25 seconds")

        assert.deepStrictEqual([...icons(scenario.told())], ["🔴 container:web", "🔴 container:db"])
        assert.deepStrictEqual(
          scenario.telegram.messages.map((message) => message.chatId),
          [-1002, -1002]
        )
      }).pipe(Effect.scoped)
  )

  it.effect("gets fifty deaths at once in at most three messages that name them all, within its limits", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 50 }, (_, at) => `storm-${at}`)
      const scenario = yield* begin({}, names)

      for (const name of names) scenario.engine.kill(name)
      yield* TestClock.adjust("40 seconds")

      assert.isAtMost(scenario.told().length, 3)
      assert.sameMembers(
        [...icons(scenario.told())],
        names.map((name) => `🔴 container:${name}`)
      )
      assert.deepStrictEqual([...scenario.telegram.refusals], [])
    }).pipe(Effect.scoped)
  )

  it.effect("never sees its token in anything that is written", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      for (const [, break_] of troubles) {
        break_(scenario)
        scenario.engine.kill("web")
        yield* TestClock.adjust("1 minute")
        restore(scenario)
        scenario.engine.start("web")
        yield* TestClock.adjust("12 minutes")
      }

      assert.isAbove(scenario.written().length, 1_000)
      assert.notInclude(scenario.written(), "scenario-AAAA")
    }).pipe(Effect.scoped)
  )
})

describe("leaving", () => {
  it.effect("flushes what is owed", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()
      scenario.telegram.script({ mode: { status: 429, retryAfter: 3 } })
      scenario.engine.kill("web")
      yield* TestClock.adjust("17 seconds")
      assert.deepStrictEqual([...scenario.told()], [])

      const leaving = yield* Effect.forkChild(scenario.leave)
      yield* TestClock.adjust("5 seconds")

      assert.deepStrictEqual([...icons(scenario.told())], ["🔴 container:web"])
      assert.isDefined(leaving.pollUnsafe())
    }).pipe(Effect.scoped)
  )

  it.effect("does not wait longer than it may, and writes down what could not be sent", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()
      scenario.telegram.setMode({ status: 429, retryAfter: 60 })
      scenario.engine.kill("web")
      yield* TestClock.adjust("21 seconds")

      const leaving = yield* Effect.forkChild(scenario.leave)
      yield* TestClock.adjust("100 millis")

      assert.isDefined(leaving.pollUnsafe())
      const unsent = scenario.journal().find((line) => line["event"] === "unsent")
      assert.match(JSON.stringify(unsent), /container:web/)
    }).pipe(Effect.scoped)
  )
})

describe("the start", () => {
  it.effect("tells what is already bad as found at start, once, after the grace", () =>
    Effect.gen(function* () {
      const scenario = yield* Scenario.make()
      scenario.engine.run({ name: "web", restart: "always" })
      scenario.engine.kill("web")
      scenario.setOrchestrator({ errno: "ECONNREFUSED" })
      yield* scenario.start

      yield* TestClock.adjust("2 minutes")

      assert.sameMembers([...icons(scenario.told())], ["🔴 orch_down", "🔴 container:web"])
      assert.match(scenario.told().join("\n"), /orch_down[\s\S]*found at start/)
    }).pipe(Effect.scoped)
  )

  it.effect("says what it watches and where alerts go before the first look", () =>
    Effect.gen(function* () {
      const scenario = yield* Scenario.make()
      yield* scenario.start
      yield* TestClock.adjust("10 millis")

      assert.match(
        scenario.written(),
        /watching containers at unix:\/\/\/fake\/docker.sock and their events, every 10 s/
      )
      assert.match(scenario.written(), /alerts go to Telegram chat -1001/)
    }).pipe(Effect.scoped)
  )
})
