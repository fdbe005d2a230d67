import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Settings } from "../../src/base/Keys.ts"
import { Output } from "../../src/base/Output.ts"
import { type Recorder, makeRecorder, recordable, valueStep } from "../../src/collector/Recorder.ts"
import type { Missed, Policy, Seen, SignalSpec } from "../../src/decision/index.ts"
import { type Fields, Journal } from "../../src/status/Journal.ts"
import { missed, policyOf, seen } from "../decision/history.ts"

const specOf = (signal = "disk:/", differs: Partial<Omit<Policy, "v">> = {}): SignalSpec => ({
  signal,
  severity: "critical",
  policy: policyOf(differs)
})
const spec = specOf()
const ceiling = specOf("disk:/", { ceiling: { raiseAt: 90, clearAt: 88 } })

/** The lines of a recorder that is told this. */
const linesOf = (tell: (recorder: Recorder) => ReadonlyArray<Effect.Effect<void, never, Journal>>) =>
  Effect.gen(function* () {
    const lines: Array<Fields> = []
    const recorder = makeRecorder({ name: "disk", intervalMs: 10_000 })
    yield* Effect.forEach(tell(recorder), (one) => one, { discard: true }).pipe(
      Effect.provideService(Journal, {
        runId: "run",
        write: (event, fields) => Effect.sync(() => void lines.push({ event, ...fields }))
      })
    )
    return lines
  })

const looks = (of: SignalSpec, ...inputs: ReadonlyArray<Seen | Missed>) =>
  Effect.map(
    linesOf((recorder) => inputs.map((input) => recorder.looked(of, input))),
    (lines) => lines.map(({ event, tick }) => `${String(event)} ${String(tick)}`)
  )

const at = (active: boolean, tick: number, more: Partial<Seen> = {}): Seen =>
  seen(active, tick, tick * 10_000, { evidence: { summary: active ? "bad" : "", details: [] }, ...more })

describe("a look", () => {
  it.effect("has a line when its verdict or its words change, and its first has the policy", () =>
    Effect.gen(function* () {
      const lines = yield* linesOf((recorder) =>
        [at(false, 1), at(false, 2), at(true, 3), at(true, 4), missed(5, 50_000), at(true, 6)].map((input) =>
          recorder.looked(spec, input)
        )
      )

      assert.deepStrictEqual(
        lines.map(({ event, tick }) => [event, tick]),
        [
          ["observation", 1],
          ["observation", 3],
          ["observation", 5],
          ["observation", 6]
        ]
      )
      assert.deepStrictEqual(lines[0]?.["spec"], { severity: "critical", policy: spec.policy })
      assert.isUndefined(lines[1]?.["spec"])
      assert.strictEqual(lines[0]?.["collector"], "disk")
    })
  )

  it.effect("has one with the policy when that changes, and once a day", () =>
    Effect.gen(function* () {
      const lines = yield* linesOf((recorder) => [
        recorder.looked(spec, at(false, 1)),
        recorder.looked({ ...spec, policy: { ...spec.policy } }, at(false, 2)),
        recorder.looked(specOf("disk:/", { raiseTicks: 5 }), at(false, 3)),
        recorder.looked(specOf("disk:/", { raiseTicks: 5 }), at(false, 4, { asOfMs: 30_000 + 86_399_999 })),
        recorder.looked(specOf("disk:/", { raiseTicks: 5 }), at(false, 5, { asOfMs: 30_000 + 86_400_000 }))
      ])

      assert.deepStrictEqual(
        lines.map(({ event, spec: judged, tick }) => [event, tick, judged !== undefined]),
        [
          ["observation", 1, true],
          ["observation", 3, true],
          ["observation", 5, true]
        ]
      )
    })
  )

  it.effect("out of schedule always has one, and so has the next in schedule: their order is in the journal", () =>
    Effect.gen(function* () {
      const extra = at(false, 2, { scheduled: false, asOfMs: 23_456.789 })

      const lines = yield* linesOf((recorder) =>
        [at(false, 1), at(false, 2), extra, extra, at(false, 3), at(false, 4)].map((input) =>
          recorder.looked(spec, input)
        )
      )

      assert.deepStrictEqual(lines.slice(1), [
        { event: "again", collector: "disk", signal: "disk:/", tick: 2, scheduled: false, asOfMs: 23_456.789 },
        { event: "again", collector: "disk", signal: "disk:/", tick: 2, scheduled: false, asOfMs: 23_456.789 },
        { event: "again", collector: "disk", signal: "disk:/", tick: 3 }
      ])
    })
  )

  it.effect("has one for a value that crosses a threshold, or has moved by a point since the last line", () =>
    Effect.gen(function* () {
      const values = [80, 80.5, 80.99, 81, 81.5, 80.01, 80, 87.9, 88, 88.5, 89.99, 90.1]

      const lines = yield* looks(ceiling, ...values.map((value, tick) => at(value >= 90, tick + 1, { value })))

      // 80 · 81 · 80 · 87.9 · 88: may not clear · 89.99: more than a point · 90.1: active
      assert.deepStrictEqual(lines, [
        "observation 1",
        "again 4",
        "again 7",
        "again 8",
        "again 9",
        "again 11",
        "observation 12"
      ])
    })
  )

  it.effect("has none for a value that nothing is measured against", () =>
    Effect.gen(function* () {
      const lines = yield* looks(spec, at(false, 1, { value: 3 }), at(false, 2, { value: 90 }))

      assert.deepStrictEqual(lines, ["observation 1"])
    })
  )

  it.effect("that was missing from a report has one when it is back, and its absence one", () =>
    Effect.gen(function* () {
      const lines = yield* linesOf((recorder) => [
        recorder.looked(spec, at(false, 1)),
        recorder.absent("disk:/", 2),
        recorder.absent("disk:/", 3),
        recorder.looked(spec, at(false, 4)),
        recorder.absent("disk:/", 5),
        recorder.retired("disk:/", 6),
        recorder.looked(spec, at(false, 7))
      ])

      assert.deepStrictEqual(
        lines.map(({ event, tick }) => `${String(event)} ${String(tick)}`),
        ["observation 1", "absent 2", "observation 4", "absent 5", "retired 6", "observation 7"]
      )
      assert.isDefined(lines.at(-1)?.["spec"])
    })
  )
})

describe("ticks", () => {
  it.effect("have a line for every thirty, with how late each was and how long it took", () =>
    Effect.gen(function* () {
      const lines = yield* linesOf((recorder) =>
        Array.from({ length: 31 }, (_, index) =>
          recorder.ticked({ number: index + 1, asOfMs: 500.25 + index * 10_000 + (index % 2) * 0.132 }, 3.4)
        )
      )

      assert.strictEqual(lines.length, 1)
      assert.deepStrictEqual(
        { ...lines[0], lateUs: (lines[0]?.["lateUs"] as ReadonlyArray<number> | undefined)?.slice(0, 3), tookMs: 30 },
        {
          event: "ticks",
          collector: "disk",
          first: 1,
          asOfMs: 500.25,
          everyMs: 10_000,
          lateUs: [132, -132, 132],
          tookMs: 30
        }
      )
    })
  )

  it.effect("have what is there when the collector stops, and when its loop dies", () =>
    Effect.gen(function* () {
      const lines = yield* linesOf((recorder) => [
        recorder.looked(spec, at(false, 1)),
        recorder.ticked({ number: 1, asOfMs: 10_000 }, 3),
        recorder.looked(spec, at(false, 2)),
        recorder.broke(2),
        recorder.broke(3),
        recorder.ticked({ number: 4, asOfMs: 20_100 }, 3),
        recorder.left
      ])

      assert.deepStrictEqual(lines.slice(1), [
        {
          event: "ticks",
          collector: "disk",
          first: 1,
          asOfMs: 10_000,
          everyMs: 10_000,
          lateUs: [],
          tookMs: [3],
          broken: { tick: 2, asOfMs: 20_000, looked: ["disk:/"] }
        },
        { event: "ticks", collector: "disk", broken: { tick: 3, looked: [] } },
        {
          event: "ticks",
          collector: "disk",
          first: 4,
          asOfMs: 20_100,
          everyMs: 10_000,
          lateUs: [],
          tookMs: [3],
          last: true
        }
      ])
    })
  )

  it.effect("that do not follow each other are in lines of their own", () =>
    Effect.gen(function* () {
      const lines = yield* linesOf((recorder) => [
        recorder.ticked({ number: 1, asOfMs: 10_000 }, 3),
        recorder.crashed(spec, at(true, 2)),
        recorder.ticked({ number: 3, asOfMs: 30_000 }, 3),
        recorder.left
      ])

      assert.deepStrictEqual(
        lines.map(({ crashed, event, first }) => [event, first, crashed]),
        [
          ["observation", false, true],
          ["ticks", 1, undefined],
          ["ticks", 3, undefined]
        ]
      )
    })
  )
})

describe("a quiet day", () => {
  it.effect("of 60 signals of 7 collectors is less than a megabyte", () =>
    Effect.gen(function* () {
      const out: Array<string> = []
      const world = Journal.layer("2a5ce606-8325-4038-83ee-78f59ff1f5c8").pipe(
        Layer.provide(Layer.merge(Output.layerMemory(out, []), Settings.layerTest({ WATCHDOG_LOG_LEVEL: "error" })))
      )
      yield* Effect.gen(function* () {
        // The host has been up for three months, and a look begins up to 1.5 ms late.
        const startMs = 7_776_000_000.123
        const collectors = Array.from({ length: 7 }, (_, index) => ({
          recorder: makeRecorder({ name: "dependencies", intervalMs: 10_000 }),
          specs: Array.from({ length: index < 4 ? 9 : 8 }, (_item, signal) =>
            specOf(`container:shop-${index}-${signal}`, signal === 0 ? { ceiling: { raiseAt: 90, clearAt: 88 } } : {})
          )
        }))
        for (let tick = 1; tick <= 8_640; tick++) {
          if (tick % 60 === 0) yield* TestClock.adjust(600_000)
          for (const { recorder, specs } of collectors) {
            const asOfMs = recordable(startMs + tick * 10_000 + ((tick * 7_919) % 1_500) / 1_000)
            for (const [index, one] of specs.entries()) {
              // A disk that fills by half a point an hour.
              const value = index === 0 ? 60 + tick / 720 : null
              yield* recorder.looked(one, at(false, tick, { asOfMs, value, first: tick === 1 }))
            }
            yield* recorder.ticked({ number: tick, asOfMs }, 4 + ((tick * 31) % 17))
          }
        }
      }).pipe(Effect.provide(world))

      const bytes = out.reduce((sum, line) => sum + line.length + 1, 0)

      assert.isBelow(bytes, 1_000_000)
    })
  )
})

describe("recordable and valueStep", () => {
  it("are microseconds that come back as they were written, and a step that suits the ceiling", () => {
    assert.strictEqual(recordable(4_107_506.052_089_7), 4_107_506.052)
    assert.strictEqual(JSON.parse(JSON.stringify(recordable(7_776_000_000.123_9))), 7_776_000_000.123)
    assert.deepStrictEqual(
      [97, 10, 1.5, 2_000].map((raiseAt) => valueStep({ raiseAt, clearAt: 0 })),
      [1, 0.5, 0.075, 200]
    )
  })
})
