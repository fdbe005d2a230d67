import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import * as Pace from "../../src/queue/Pace.ts"
import { fitting } from "../../src/sink/Message.ts"
import { alert, dispatching, pass, quiesce, scripted } from "./scripted.ts"

const pace = { windowMs: 1_000, perMinute: 15 }

describe("the next message", () => {
  it("starts at once after quiet, however much there is to say", () => {
    assert.strictEqual(Pace.earliestMs(pace, Pace.arrived(Pace.noFlow, 5_000), 50, 5_000, false), 0)
  })

  it("waits for a window after the last one's start", () => {
    const flow = Pace.arrived(Pace.started(Pace.noFlow, 0, 1, false), 100)

    assert.strictEqual(Pace.earliestMs(pace, flow, 1, 100, false), 1_000)
  })

  it("waits in a storm until nothing has come for a window, or the first has waited five seconds", () => {
    const begun = Pace.started(Pace.noFlow, 0, 1, false)
    const going = Pace.arrived(Pace.arrived(begun, 100), 900)
    const long = Pace.arrived(Pace.arrived(begun, 100), 5_000)

    assert.strictEqual(Pace.earliestMs(pace, going, 4, 900, false), 1_900)
    assert.strictEqual(Pace.earliestMs(pace, long, 4, 5_000, false), 5_100)
    assert.strictEqual(Pace.earliestMs(pace, going, 3, 900, false), 1_000)
  })

  it("does not wait for a storm on the way out", () => {
    const flow = Pace.arrived(Pace.started(Pace.noFlow, 0, 30, false), 900)

    assert.strictEqual(Pace.earliestMs(pace, flow, 20, 900, true), 1_000)
  })

  it("says at once what did not fit or has failed: that has waited", () => {
    const storm = Pace.arrived(Pace.arrived(Pace.started(Pace.noFlow, 0, 1, false), 100), 4_900)

    const left = Pace.arrived(Pace.started(storm, 5_100, 40, true), 6_000)
    const failed = Pace.arrived(Pace.failed(Pace.started(storm, 5_100, 40, false)), 6_000)

    assert.strictEqual(Pace.earliestMs(pace, left, 9, 6_000, false), 6_100)
    assert.strictEqual(Pace.earliestMs(pace, failed, 9, 6_000, false), 6_100)
  })

  it("has a quarter of a minute to be a storm's", () => {
    const flow = Pace.arrived(Pace.started(Pace.noFlow, 0, 30, false), 15_000)

    assert.strictEqual(Pace.earliestMs(pace, flow, 20, 14_999, false), 16_000)
    assert.strictEqual(Pace.earliestMs(pace, flow, 20, 15_000, false), 1_000)
  })

  const arrivals = Arbitrary.array(
    Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40_000 }))),
    {
      maxLength: 60
    }
  )

  it.prop(
    "never lets anything wait for longer than five seconds, while there is room in the minute",
    [arrivals],
    ([moments]) => {
      let flow = Pace.noFlow
      const waiting: Array<number> = []
      const left = [...moments].sort((a, b) => a - b)
      for (let nowMs = 0; nowMs <= 50_000; nowMs += 50) {
        while ((left[0] ?? Number.POSITIVE_INFINITY) <= nowMs) {
          waiting.push(left.shift() ?? 0)
          flow = Pace.arrived(flow, nowMs)
        }
        if (
          waiting.length === 0 ||
          Pace.earliestMs({ ...pace, perMinute: 60 }, flow, waiting.length, nowMs, false) > nowMs
        )
          continue
        for (const atMs of waiting.splice(0)) assert.isAtMost(nowMs - atMs, Pace.gatherMaxMs + 50)
        flow = Pace.started(flow, nowMs, 1, false)
      }
      assert.deepStrictEqual([waiting, left], [[], []])
    },
    { arbitrary: { runs: 200, size: 60 } }
  )
})

interface Storm {
  readonly messages: ReadonlyArray<{ readonly atMs: number; readonly entries: number }>
  readonly longestWaitMs: number
}

/** Fifty containers die at these moments; the sink answers after 100 ms and has Telegram's 4,096 units. */
const storm = (diesMs: ReadonlyArray<number>, self: (storm: Storm) => void): Effect.Effect<void> => {
  const one = scripted("telegram", { fit: (draft) => fitting(draft, 4_096) })
  one.script.push(...diesMs.map(() => Effect.sleep(100)))
  const diedMs = new Map<string, number>()
  return dispatching({ primaries: [one.sink] }, ({ offer }) =>
    Effect.gen(function* () {
      let nowMs = 0
      for (const [at, dieMs] of diesMs.entries()) {
        if (dieMs > nowMs) yield* pass(dieMs - nowMs)
        nowMs = dieMs
        const signal = `container:storm-${String(at).padStart(2, "0")}`
        diedMs.set(signal, dieMs)
        const evidence = { summary: "exited with code 137 (SIGKILL)", details: [] }
        yield* offer(alert("alert", signal, { atMs: dieMs, sinceMs: dieMs, evidence }))
      }
      yield* pass(60_000)
      yield* quiesce

      const told = one.told.flatMap(({ draft }) => draft.entries.map((entry) => entry.signal))
      assert.sameMembers(told, [...diedMs.keys()])
      const waits = one.tries.flatMap(({ atMs, draft }) =>
        draft.entries.map((entry) => atMs - (diedMs.get(entry.signal) ?? 0))
      )
      self({
        messages: one.tries.map(({ atMs, draft }) => ({ atMs, entries: draft.entries.length })),
        longestWaitMs: Math.max(...waits)
      })
    })
  )
}

const show = (name: string, { messages, longestWaitMs }: Storm): void => {
  if (process.env["SHOW"] === undefined) return
  const said = messages.map(({ atMs, entries }) => `${entries} at ${atMs / 1_000} s`).join(", ")
  // oxlint-disable-next-line no-console
  console.log(`fifty, ${name}: ${messages.length} messages (${said}); longest wait ${longestWaitMs / 1_000} s`)
}

describe("fifty containers that die", () => {
  const evenly = (overMs: number): ReadonlyArray<number> => Array.from({ length: 50 }, (_, at) => (at * overMs) / 50)
  const ticks = (...counts: ReadonlyArray<number>): ReadonlyArray<number> =>
    counts.flatMap((count, tick) => Array.from({ length: count }, () => tick * 10_000))
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<number>, number]> = [
    ["at once", evenly(0), 3],
    ["evenly over 2 s", evenly(2_000), 3],
    ["evenly over 5 s", evenly(5_000), 3],
    ["evenly over 10 s", evenly(10_000), 3],
    ["evenly over 20 s", evenly(20_000), 7],
    ["seen at two ticks, 30 and 20", ticks(30, 20), 3],
    ["seen at two ticks, 49 and 1", ticks(49, 1), 3],
    ["seen at two ticks, 1 and 49", ticks(1, 49), 3],
    ["seen at three ticks, 10, 25 and 15", ticks(10, 25, 15), 4]
  ]

  it.effect.each(cases)("%s: few messages name them all, the first at once, none late", ([name, diesMs, messagesMax]) =>
    storm(diesMs, (found) => {
      show(name, found)

      assert.isAtMost(found.messages.length, messagesMax)
      assert.strictEqual(found.messages[0]?.atMs, 0)
      assert.isAtMost(found.longestWaitMs, 6_000)
    })
  )

  it.effect("does not make the next one wait who dies after a quarter of a minute of quiet", () =>
    storm([...evenly(2_000).slice(1), 60_000], ({ messages }) => {
      assert.deepStrictEqual(messages.at(-1), { atMs: 60_000, entries: 1 })
    })
  )
})
