/** The stream as a source that may fail: over the whole watchdog in a fake world under a test clock. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { FakeEngine, FakeEngineRudeness, FakeStreamRudeness } from "../../../src/testing/FakeEngine.ts"
import * as Scenario from "../../../src/testing/Scenario.ts"
import { quiesce } from "../../queue/scripted.ts"

/** The time of the test clock goes on by this, and whatever is to happen by then has happened. */
const pass = (ms: number) => Effect.andThen(TestClock.adjust(ms), quiesce)
const minuteMs = 60_000
const intervalMs = 10_000

const begin = (options: Scenario.ScenarioOptions = {}, be: (engine: FakeEngine) => void = () => undefined) =>
  Effect.gen(function* () {
    const scenario = yield* Scenario.make(options)
    scenario.engine.run({ name: "web", restart: "unless-stopped" })
    scenario.engine.run({ name: "db" })
    be(scenario.engine)
    yield* scenario.start
    yield* pass(65_000)
    assert.deepStrictEqual([...scenario.told()], [])
    return scenario
  })

const heads = (scenario: Scenario.Scenario): ReadonlyArray<string> =>
  scenario.told().map((text) => text.split(" ").slice(0, 2).join(" "))

/** When the stream was asked for. */
const openings = (engine: FakeEngine): ReadonlyArray<number> =>
  engine.requests.filter(({ endpoint }) => endpoint === "events").map(({ atMs }) => atMs)

const warnings = (scenario: Scenario.Scenario): ReadonlyArray<string> =>
  scenario
    .journal()
    .map((line) => JSON.stringify(line))
    .filter((line) => line.includes("the event stream is not open"))

/** A crash now is told now. */
const assertImmediate = (scenario: Scenario.Scenario) =>
  Effect.gen(function* () {
    const before = heads(scenario).length
    scenario.engine.die("db", 1)
    yield* pass(0)
    assert.deepStrictEqual(heads(scenario).slice(before), ["🔴 container:db"])
  })

describe("a stream that is open", () => {
  it.effect("is one, and costs no request however much comes over it", () =>
    Effect.gen(function* () {
      const scenario = yield* begin({ engine: { probeNoise: true } })
      const before = scenario.engine.requests.length

      for (let n = 0; n < 500; n++) {
        scenario.engine.exec("web")
        scenario.engine.kill("web", { signal: 1, survives: true })
      }
      yield* pass(9_000)

      assert.strictEqual(openings(scenario.engine).length, 1)
      assert.strictEqual(scenario.engine.openStreams(), 1)
      assert.isAtMost(scenario.engine.requests.length - before, 1)
      assert.deepStrictEqual([...scenario.engine.violations], [])
    }).pipe(Effect.scoped)
  )

  it.effect("beside a thousand containers is one list per tick, and no inspect while nothing changes", () =>
    Effect.gen(function* () {
      const scenario = yield* begin({}, (engine) => {
        for (let n = 0; n < 1_000; n++) engine.run({ name: `svc-${n}`, restart: "always" })
      })
      const before = scenario.engine.requests.length

      yield* pass(10 * intervalMs)

      const asked = scenario.engine.requests.slice(before).map(({ endpoint }) => endpoint)
      assert.deepStrictEqual(
        asked,
        Array.from({ length: 10 }, () => "list")
      )
    }).pipe(Effect.scoped)
  )

  it.effect("is closed when the watchdog leaves", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      yield* scenario.leave

      assert.strictEqual(scenario.engine.openStreams(), 0)
    }).pipe(Effect.scoped)
  )

  it.effect("is not wanted with WATCHDOG_DOCKER_EVENTS=false: a crash is told after K ticks then", () =>
    Effect.gen(function* () {
      const scenario = yield* begin({ env: { WATCHDOG_DOCKER_EVENTS: "false" } })

      scenario.engine.die("db", 1)
      yield* pass(intervalMs - 1)
      const early = heads(scenario)
      yield* pass(intervalMs + 1)

      assert.deepStrictEqual([...openings(scenario.engine)], [])
      assert.deepStrictEqual([...early], [])
      assert.deepStrictEqual([...heads(scenario)], ["🔴 container:db"])
      assert.deepStrictEqual([...warnings(scenario)], [])
    }).pipe(Effect.scoped)
  )
})

describe("a stream that is refused", () => {
  it.effect("leaves polling alone, is said once, and asked for again after five minutes", () =>
    Effect.gen(function* () {
      const scenario = yield* begin({}, (engine) => engine.beRude({ status: 403, html: true }, { on: "events" }))

      scenario.engine.die("db", 1)
      yield* pass(2 * intervalMs)
      const polled = heads(scenario)
      yield* pass(150_000)
      const early = openings(scenario.engine).length
      yield* pass(150_000)
      const again = openings(scenario.engine).length
      const said = warnings(scenario)
      scenario.engine.behave()
      yield* pass(7 * minuteMs)

      assert.deepStrictEqual([...polled], ["🔴 container:db"])
      assert.deepStrictEqual([early, again], [1, 2])
      assert.strictEqual(said.length, 1)
      assert.match(said[0] ?? "", /answered 403 to the event stream\): changes are seen at the next tick/)
      assert.strictEqual(scenario.engine.openStreams(), 1)
      assert.deepStrictEqual([...heads(scenario)], ["🔴 container:db"])
    }).pipe(Effect.scoped)
  )
})

describe("a stream that breaks", () => {
  for (const how of ["cut", "reset"] as const) {
    it.effect(`(${how}) is opened again within half a second, and is immediate again`, () =>
      Effect.gen(function* () {
        const scenario = yield* begin()

        scenario.engine.disturb(how)
        yield* pass(150)
        const closed = scenario.engine.openStreams()
        yield* pass(350)

        assert.strictEqual(closed, 0)
        assert.strictEqual(scenario.engine.openStreams(), 1)
        yield* assertImmediate(scenario)
      }).pipe(Effect.scoped)
    )
  }

  it.effect(
    "is followed by a list, which tells of what happened meanwhile: a fact at once, a sample by the next tick",
    () =>
      Effect.gen(function* () {
        const scenario = yield* begin({}, (engine) => engine.run({ name: "job" }))
        scenario.engine.disturb("reset")
        scenario.engine.goAway("ECONNREFUSED")
        yield* pass(0)

        scenario.engine.die("db", 137, { oom: true })
        scenario.engine.die("job", 4)
        scenario.engine.behave()
        yield* pass(500)
        const onReconnect = heads(scenario)
        yield* pass(intervalMs)

        assert.deepStrictEqual([...onReconnect], ["🔴 container:db"])
        assert.deepStrictEqual([...heads(scenario)], ["🔴 container:db", "🔴 container:job"])
      }).pipe(Effect.scoped)
  )

  it.effect("is asked for at growing distances, at most 36 s, and at once again after a good run", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()
      const before = openings(scenario.engine).length

      scenario.engine.beRude("reset", { on: "events" })
      scenario.engine.disturb("reset")
      yield* pass(5 * minuteMs)
      const tries = openings(scenario.engine).slice(before)
      scenario.engine.behave()
      yield* pass(minuteMs)
      const opened = openings(scenario.engine).length
      scenario.engine.disturb("cut")
      yield* pass(500)

      const gaps = tries.slice(1).map((atMs, n) => atMs - (tries[n] ?? 0))
      assert.isAtLeast(gaps.length, 8)
      assert.isBelow(gaps[0] ?? 0, 1_000)
      assert.isTrue(gaps.slice(-3).every((ms) => ms >= 24_000 && ms <= 36_000))
      assert.strictEqual(openings(scenario.engine).length, opened + 1)
      assert.strictEqual(warnings(scenario).length, 1)
      assert.deepStrictEqual([...scenario.told()], [])
    }).pipe(Effect.scoped)
  )

  it.effect("whose engine hangs at the opening is asked for at growing distances, too", () =>
    Effect.gen(function* () {
      const scenario = yield* begin({ env: { WATCHDOG_INTERVAL: "60s", WATCHDOG_TIMEOUT: "20s" } })
      const before = openings(scenario.engine).length

      scenario.engine.beRude("hang", { on: "events" })
      scenario.engine.disturb("reset")
      yield* pass(10 * minuteMs)

      assert.isAtMost(openings(scenario.engine).length - before, 20)
    }).pipe(Effect.scoped)
  )

  it.effect("with its engine, which comes back with its containers, is nobody's alarm", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      for (let round = 0; round < 5; round++) {
        scenario.engine.restartEngine()
        yield* pass(30_000)
      }

      assert.deepStrictEqual([...scenario.told()], [])
      assert.strictEqual(scenario.engine.openStreams(), 1)
      yield* assertImmediate(scenario)
    }).pipe(Effect.scoped)
  )

  it.effect("counts no start twice when it is back", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()
      scenario.engine.disturb("reset")
      yield* pass(minuteMs)

      for (let crash = 0; crash < 2; crash++) {
        scenario.engine.die("web", 1)
        yield* pass(2_000)
      }
      yield* pass(minuteMs)

      assert.notInclude(scenario.written(), "restart loop")
      assert.deepStrictEqual([...heads(scenario)], ["🔴 container:web", "✅ container:web"])
    }).pipe(Effect.scoped)
  )
})

describe("a stream that is silent without closing", () => {
  it.effect("costs latency only, and is opened anew once polling has seen what it did not tell", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()
      const before = openings(scenario.engine).length

      scenario.engine.disturb("silent")
      scenario.engine.die("db", 1)
      yield* pass(2 * intervalMs)
      const polled = heads(scenario)
      yield* pass(2 * intervalMs)
      const opened = openings(scenario.engine).length
      scenario.engine.start("db")
      yield* pass(minuteMs)

      assert.deepStrictEqual([...polled], ["🔴 container:db"])
      assert.strictEqual(opened, before + 1)
      yield* assertImmediate(scenario)
    }).pipe(Effect.scoped)
  )

  it.effect("does not hide a crash loop whose every sample is running", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()
      scenario.engine.disturb("silent")
      scenario.engine.beRude("silent", { on: "events" })

      for (let lap = 0; lap < 60; lap++) {
        scenario.engine.die("web", 1)
        yield* pass(2_000)
      }

      assert.deepStrictEqual([...heads(scenario)], ["🔴 container:web"])
      assert.match(scenario.told()[0] ?? "", /restart loop: \d+ starts in the last minute/)
    }).pipe(Effect.scoped)
  )

  it.effect("is not doubted while nothing changes", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      yield* pass(60 * minuteMs)

      assert.strictEqual(openings(scenario.engine).length, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("is not doubted for changes it has told of", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      for (let round = 0; round < 10; round++) {
        scenario.engine.stop("web")
        yield* pass(17_000)
        scenario.engine.start("web")
        yield* pass(23_000)
        scenario.engine.pause("db")
        yield* pass(9_000)
        scenario.engine.unpause("db")
        yield* pass(9_000)
      }

      assert.strictEqual(openings(scenario.engine).length, 1)
    }).pipe(Effect.scoped)
  )
})

describe("a stream of odd bytes", () => {
  const odd: ReadonlyArray<readonly [string, FakeStreamRudeness]> = [
    ["a line that is none", { garbage: "hello" }],
    ["half an event", { garbage: '{"Type":"container","Action":"die","Actor":{"ID":"' }],
    ["an event of a type of tomorrow", { garbage: '{"Type":"galaxy","Action":{"deep":[]},"Actor":7}' }],
    ["pieces that cut lines and characters", "split"]
  ]
  it.effect.each(odd)("(%s) is read on, and told at once", ([, rudeness]) =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      scenario.engine.disturb(rudeness)
      yield* assertImmediate(scenario)
    }).pipe(Effect.scoped)
  )

  const lasting: ReadonlyArray<readonly [string, FakeEngineRudeness]> = [
    ["garbage before each event", { garbage: "\u0000\ufffd{]" }],
    ["pieces of seven bytes", "split"]
  ]
  it.effect.each(lasting)("(%s, always) is read on, and told at once", ([, rudeness]) =>
    Effect.gen(function* () {
      const scenario = yield* begin({}, (engine) => engine.beRude(rudeness, { on: "events" }))

      yield* assertImmediate(scenario)
    }).pipe(Effect.scoped)
  )

  it.effect("with a line of 5 MB loses that line, and reads the next", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      scenario.engine.disturb({ longLineBytes: 5_000_000 })
      scenario.engine.disturb({ garbage: "" })
      yield* assertImmediate(scenario)
    }).pipe(Effect.scoped)
  )
})

describe("a flood", () => {
  it.effect(
    "of 10,000 events of one container costs a look for each piece it comes in, and delays no other's crash",
    () =>
      Effect.gen(function* () {
        const scenario = yield* begin()
        const before = scenario.engine.requests.length

        scenario.engine.disturb({ flood: 10_000, action: "unpause", container: "web" })
        scenario.engine.die("db", 1)
        yield* pass(0)

        assert.deepStrictEqual([...heads(scenario)], ["🔴 container:db"])
        // Pieces of 64 KiB hold some two hundred events.
        assert.isAtMost(scenario.engine.requests.length - before, 60)
      }).pipe(Effect.scoped)
  )

  it.effect("of 10,000 containers that nobody has heard of is survived, loses no verdict and is forgotten", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()
      const before = scenario.engine.requests.length

      scenario.engine.disturb({ flood: 10_000 })
      scenario.engine.die("db", 1)
      yield* pass(1_000)
      const during = scenario.engine.requests.length - before
      yield* pass(5 * minuteMs)
      const then = scenario.engine.requests.length
      yield* pass(10 * intervalMs)

      assert.include(heads(scenario), "🔴 container:db")
      assert.isAtMost(during, 10_010)
      // Down, it is inspected at each tick, and nothing else is.
      assert.isAtMost(scenario.engine.requests.length - then, 22)
      assert.deepStrictEqual(
        heads(scenario).filter((head) => !head.endsWith("container:db")),
        []
      )
    }).pipe(Effect.scoped)
  )

  it.effect("of 10,000 crashes of one container is one alert", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      scenario.engine.disturb({ flood: 10_000, action: "die", container: "db" })
      yield* pass(minuteMs)

      assert.deepStrictEqual(heads(scenario).slice(0, 1), ["🔴 container:db"])
      assert.isAtMost(heads(scenario).length, 2)
    }).pipe(Effect.scoped)
  )
})
