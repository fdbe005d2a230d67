import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Random } from "effect"
import { TestClock } from "effect/testing"
import { Loops } from "../../src/base/Loops.ts"
import {
  CollectError,
  type Collector,
  type Report,
  type SignalLook,
  type Tick,
  held,
  missed,
  seen
} from "../../src/collector/Collector.ts"
import { cutMs, poll } from "../../src/collector/Poller.ts"
import { noEvidence } from "../../src/decision/index.ts"
import { Monitors } from "../../src/monitor/Monitors.ts"
import { type Fields, Journal } from "../../src/status/Journal.ts"
import { StatusBoard } from "../../src/status/StatusBoard.ts"
import { policyOf } from "../decision/history.ts"
import { quiesce } from "../queue/scripted.ts"

const policy = policyOf({})

const look = (signal: string, what: SignalLook["look"] = seen(false, noEvidence)): SignalLook => ({
  spec: { signal, severity: "critical", policy },
  look: what
})
const report = (...looks: ReadonlyArray<SignalLook>): Report => ({ looks, complete: true, oddities: [] })

interface Desk {
  readonly startsMs: ReadonlyArray<number>
  /** What the monitors were given: `signal: verdict #tick`. */
  readonly observed: Array<string>
  readonly retired: Array<string>
  readonly journal: Array<Fields>
  readonly loops: Loops["Service"]
}

/** Polls every 10 s with a timeout of 4 s; without any offset unless `random` says so. */
const polling = (
  collect: (tick: Tick) => Effect.Effect<Report, CollectError>,
  self: (desk: Desk) => Effect.Effect<void>,
  random = 0
) => {
  const startsMs: Array<number> = []
  const observed: Array<string> = []
  const retired: Array<string> = []
  const journal: Array<Fields> = []
  const collector: Collector = {
    name: "test",
    watches: "the test",
    off: false,
    intervalMs: 10_000,
    timeoutMs: 4_000,
    policy,
    collect: (tick) => {
      startsMs.push(tick.asOfMs)
      return collect(tick)
    }
  }
  const world = Layer.mergeAll(
    Loops.layer,
    StatusBoard.layerNone,
    Layer.succeed(Random.Random, { nextDoubleUnsafe: () => random, nextIntUnsafe: () => 0 }),
    Layer.succeed(Journal, {
      runId: "test",
      write: (event, fields) => Effect.sync(() => void journal.push({ event, ...fields }))
    }),
    Layer.succeed(Monitors, {
      observe: ({ signal }, input) =>
        Effect.sync(() => {
          const verdict = input._tag === "Seen" ? (input.active ? "active" : "clear") : input.held ? "held" : "missed"
          observed.push(`${signal}: ${verdict} #${input.tick}${input._tag === "Seen" && input.first ? " first" : ""}`)
        }),
      retire: (signal) => Effect.sync(() => void retired.push(signal)),
      all: Effect.succeed([]),
      inherited: () => [],
      dead: Effect.succeed([])
    })
  )
  return Effect.gen(function* () {
    yield* Effect.forkScoped(poll(collector))
    yield* quiesce
    yield* self({ startsMs, observed, retired, journal, loops: yield* Loops })
  }).pipe(Effect.provide(world))
}

const pass = (ms: number) => Effect.andThen(TestClock.adjust(ms), quiesce)

describe("cadence", () => {
  it.effect("is a fixed grid from the first look on, whatever a look takes", () =>
    polling(
      ({ number }) => Effect.as(Effect.sleep(number * 700), report()),
      ({ startsMs }) =>
        Effect.gen(function* () {
          yield* pass(39_999)
          assert.deepStrictEqual(startsMs, [0, 10_000, 20_000, 30_000])

          yield* pass(1)
          assert.deepStrictEqual(startsMs, [0, 10_000, 20_000, 30_000, 40_000])
        })
    )
  )

  it.effect("begins within a second, at random, and keeps that offset", () =>
    polling(
      () => Effect.succeed(report()),
      ({ startsMs }) =>
        Effect.gen(function* () {
          yield* pass(20_499)
          assert.deepStrictEqual(startsMs, [500, 10_500])

          yield* pass(1)
          assert.deepStrictEqual(startsMs, [500, 10_500, 20_500])
        }),
      0.5
    )
  )

  it.effect("does not care for a wall clock that is set back", () =>
    polling(
      () => Effect.succeed(report()),
      ({ startsMs }) =>
        Effect.gen(function* () {
          yield* pass(40_000)
          yield* TestClock.setTime(10_000)
          yield* quiesce

          assert.deepStrictEqual(startsMs, [0, 10_000, 20_000, 30_000, 40_000])
        })
    )
  )
})

describe("a look that goes wrong", () => {
  const failures: ReadonlyArray<readonly [string, () => Effect.Effect<Report, CollectError>]> = [
    ["a typed error", () => Effect.fail(new CollectError({ reason: "Unreachable", detail: "no socket" }))],
    ["a defect", () => Effect.die(new Error("a bug"))],
    ["a synchronous throw within the effect", () => Effect.sync(() => JSON.parse("{") as Report)],
    ["an interruption of its own", () => Effect.interrupt],
    [
      "a throw before there is an effect",
      () => {
        throw new Error("thrown at once")
      }
    ]
  ]

  it.effect.each(failures)("holds its signals, makes the source active, and the next tick comes: %s", ([, fail]) =>
    polling(
      ({ number }) => (number === 2 ? fail() : Effect.succeed(report(look("a")))),
      ({ observed }) =>
        Effect.gen(function* () {
          yield* pass(20_000)

          assert.deepStrictEqual(observed, [
            "source:test: clear #1 first",
            "a: clear #1 first",
            "source:test: active #2",
            "a: missed #2",
            "source:test: clear #3",
            "a: clear #3"
          ])
        })
    )
  )

  it.effect("is cut halfway between its timeout and the next tick if it hangs", () =>
    polling(
      ({ number }) => (number === 2 ? Effect.never : Effect.succeed(report(look("a")))),
      ({ observed, startsMs }) =>
        Effect.gen(function* () {
          yield* pass(16_999)
          assert.strictEqual(observed.length, 2)

          yield* pass(1)
          assert.deepStrictEqual(observed.slice(2), ["source:test: active #2", "a: missed #2"])

          yield* pass(3_000)
          assert.deepStrictEqual(startsMs, [0, 10_000, 20_000])
        })
    )
  )

  it.effect("never overlaps the next one: a look that cannot be cut makes ticks late, which are not made up for", () =>
    polling(
      ({ number }) =>
        number === 2 ? Effect.uninterruptible(Effect.as(Effect.sleep(25_000), report())) : Effect.succeed(report()),
      ({ startsMs }) =>
        Effect.gen(function* () {
          yield* pass(60_000)

          assert.deepStrictEqual(startsMs, [0, 10_000, 40_000, 50_000, 60_000])
        })
    )
  )

  it.effect("is the first report's only if it is one: what is found later was not there at the start", () =>
    polling(
      ({ number }) =>
        number === 1
          ? Effect.fail(new CollectError({ reason: "Timeout", detail: "late" }))
          : Effect.succeed(report(look("a"))),
      ({ observed }) =>
        Effect.gen(function* () {
          yield* pass(20_000)

          assert.deepStrictEqual(observed, [
            "source:test: active #1 first",
            "source:test: clear #2",
            "a: clear #2 first",
            "source:test: clear #3",
            "a: clear #3"
          ])
        })
    )
  )

  it.effect("keeps the loop beating", () =>
    polling(
      () => Effect.die("always"),
      ({ loops }) =>
        Effect.gen(function* () {
          yield* pass(600_000)

          assert.deepStrictEqual(yield* loops.complaints, [])
        })
    )
  )
})

describe("retirement", () => {
  it.effect("comes with the third complete report in which a signal is missing", () =>
    polling(
      ({ number }) => Effect.succeed(number === 1 ? report(look("a"), look("b")) : report(look("b"))),
      ({ retired, observed }) =>
        Effect.gen(function* () {
          yield* pass(29_999)
          assert.deepStrictEqual(retired, [])

          yield* pass(1)
          assert.deepStrictEqual(retired, ["a"])

          yield* pass(50_000)
          assert.deepStrictEqual(retired, ["a"])
          assert.strictEqual(observed.filter((one) => one.startsWith("a:")).length, 1)
        })
    )
  )

  it.effect("starts its count anew when the signal is seen, missed by name, or nothing is seen at all", () =>
    polling(
      ({ number }) => {
        if (number === 4) return Effect.succeed(report(look("a", missed("refused"))))
        if (number === 7) return Effect.fail(new CollectError({ reason: "Timeout", detail: "late" }))
        return Effect.succeed(number === 1 ? report(look("a")) : report())
      },
      ({ retired }) =>
        Effect.gen(function* () {
          yield* pass(99_999 - 10_000)
          assert.deepStrictEqual(retired, [])

          yield* pass(1)
          assert.deepStrictEqual(retired, ["a"])
        })
    )
  )

  it.effect("never comes while something could not be read", () =>
    polling(
      ({ number }) => Effect.succeed(number === 1 ? report(look("a")) : { ...report(), complete: false }),
      ({ retired }) =>
        Effect.gen(function* () {
          yield* pass(600_000)

          assert.deepStrictEqual(retired, [])
        })
    )
  )

  it.effect("is never that of the source itself", () =>
    polling(
      () => Effect.succeed(report()),
      ({ retired }) =>
        Effect.gen(function* () {
          yield* pass(600_000)

          assert.deepStrictEqual(retired, [])
        })
    )
  )
})

describe("the journal", () => {
  const lines = (journal: ReadonlyArray<Fields>, signal = "a") =>
    journal
      .filter((line) => line["signal"] === signal || line["event"] === "ticks")
      .map(({ event, first, tick, _tag }) => [event, tick ?? first, ...(_tag === undefined ? [] : [_tag])])

  it.effect("has a line for each change of an observation, not for each look", () =>
    polling(
      ({ number }) => {
        const looks = [seen(false, noEvidence), seen(false, noEvidence), missed("refused"), held("a deploy")]
        return Effect.succeed(report(look("a", looks[Math.min(number, 4) - 1] ?? held("a deploy"))))
      },
      ({ journal }) =>
        Effect.gen(function* () {
          yield* pass(60_000)

          assert.deepStrictEqual(lines(journal), [
            ["observation", 1, "Seen"],
            ["observation", 3, "Missed"],
            ["observation", 4, "Missed"]
          ])
        })
    )
  )

  it.effect("has when ticks were, thirty a line", () =>
    polling(
      ({ number }) => Effect.as(Effect.sleep(number === 7 ? 25_000 : 40), report(look("a"))),
      ({ journal }) =>
        Effect.gen(function* () {
          yield* pass(320_000)

          const { asOfMs, everyMs, lateUs, tookMs } = journal.find(({ event }) => event === "ticks") ?? {}
          assert.deepStrictEqual(
            { asOfMs, everyMs, lateUs, tookMs },
            {
              asOfMs: 0,
              everyMs: 10_000,
              lateUs: Array.from({ length: 29 }, () => 0),
              tookMs: Array.from({ length: 30 }, (_, at) => (at === 6 ? 7_000 : 40))
            }
          )
        })
    )
  )

  it.effect("has each look that is missing from a report, complete or not, and when it is back", () =>
    polling(
      ({ number }) =>
        Effect.succeed({ ...report(...(number === 2 || number === 3 ? [] : [look("a")])), complete: number !== 2 }),
      ({ journal }) =>
        Effect.gen(function* () {
          yield* pass(60_000)

          assert.deepStrictEqual(lines(journal), [
            ["observation", 1, "Seen"],
            ["absent", 2],
            ["observation", 4, "Seen"]
          ])
        })
    )
  )

  it.effect("has a tick that broke the poller itself, with whom it had looked at", () =>
    polling(
      ({ number }) =>
        Effect.succeed(
          number === 3 ? report(look("a"), undefined as unknown as SignalLook) : report(look("a"), look("b"))
        ),
      ({ journal }) =>
        Effect.gen(function* () {
          yield* pass(30_000)

          const { broken, first, tookMs } = journal.find(({ event }) => event === "ticks") ?? {}
          assert.deepStrictEqual(
            { broken, first, tookMs },
            { broken: { tick: 3, asOfMs: 20_000, looked: ["source:test", "a"] }, first: 1, tookMs: [0, 0] }
          )
        })
    )
  )
})

describe("cutMs", () => {
  it("lies halfway between timeout and interval", () => {
    assert.strictEqual(cutMs({ timeoutMs: 4_000, intervalMs: 10_000 } as Collector), 7_000)
  })
})
