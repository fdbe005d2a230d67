import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import { type Action, type DecideState, decide } from "../../src/decision/index.ts"

const Call = Schema.Struct({
  active: Schema.Boolean,
  afterMs: Schema.Int.check(Schema.isBetween({ minimum: -5_000, maximum: 60_000 })),
  cooldownMs: Schema.Literals([0, 1, 10_000, 30_000])
})
const calls = Arbitrary.array(Arbitrary.schema(Call), { maxLength: 80 })
const often = { arbitrary: { runs: 1_000, size: 80 } }

const run = (history: ReadonlyArray<typeof Call.Type>) => {
  let state: DecideState | null = null
  let nowMs = 0
  return history.map(({ active, afterMs, cooldownMs }) => {
    nowMs += afterMs
    const before = state
    const { action, next } = decide(active, before, nowMs, cooldownMs)
    state = next
    return { before, action, next, active, nowMs, cooldownMs }
  })
}

describe("decide", () => {
  it.prop(
    "alerts and recovers by turns, beginning with an alert",
    [calls],
    ([history]) => {
      const turns = run(history)
        .map(({ action }) => action)
        .filter((action) => action === "alert" || action === "recover")

      assert.deepStrictEqual(
        turns,
        turns.map((_, at): Action => (at % 2 === 0 ? "alert" : "recover"))
      )
    },
    often
  )

  it.prop(
    "reminds only while active, with a cooldown, and when it has passed since the last alert or reminder",
    [calls],
    ([history]) => {
      let toldMs = Number.NEGATIVE_INFINITY
      let newestMs = Number.NEGATIVE_INFINITY
      for (const { before, action, active, nowMs, cooldownMs } of run(history)) {
        newestMs = Math.max(newestMs, nowMs)
        const due = before?.active === true && active && cooldownMs > 0 && newestMs - toldMs >= cooldownMs

        assert.strictEqual(action === "remind", due)
        if (action === "alert" || action === "remind") toldMs = newestMs
      }
    },
    often
  )

  it.prop(
    "never goes back in time",
    [calls],
    ([history]) => {
      for (const { before, next } of run(history))
        assert.isAtLeast(next.nowMs, before?.nowMs ?? Number.NEGATIVE_INFINITY)
    },
    often
  )

  it.prop(
    "gives the same for the same, and after a round trip through JSON",
    [calls],
    ([history]) => {
      for (const { before, action, next, active, nowMs, cooldownMs } of run(history)) {
        const copy = JSON.parse(JSON.stringify(before)) as DecideState | null

        assert.deepStrictEqual(decide(active, copy, nowMs, cooldownMs), { action, next })
      }
    },
    often
  )

  it("takes no state and an unset one for the same", () => {
    assert.deepStrictEqual(decide(true, null, 5, 0), decide(true, undefined, 5, 0))
  })
})
