import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  type Anchor,
  type FrozenState,
  type SignalState,
  freezeState,
  step,
  thawState
} from "../../src/decision/index.ts"
import { moves, play, policies, policyOf, seen } from "./history.ts"

const often = { arbitrary: { runs: 300, size: 60 } }

const anchor = (wallMs: number, monotonicMs: number, runId: string): Anchor => ({ wallMs, monotonicMs, runId })
const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** How long ago everything was that a state remembers. */
const agesMs = (state: SignalState, nowMs: number): ReadonlyArray<number> =>
  [
    state.nowMs,
    state.bornMs,
    state.kernel?.toldMs,
    state.kernel?.nowMs,
    state.sinceMs,
    ...state.raisesMs,
    state.flapping?.sinceMs,
    state.flapping?.settleFromMs,
    state.confirmedClearFromMs,
    state.runFromMs,
    state.tickFromMs,
    state.asOfMs,
    state.seenMs,
    state.unknownSinceMs
  ].flatMap((atMs) => (atMs === undefined || atMs === null ? [] : [nowMs - atMs]))

describe("thawState", () => {
  it.prop(
    "lets ages grow by the wall time that passed, into whatever monotonic clock",
    [policies, moves, between(0, 10 * 86_400_000), between(0, 100_000_000)],
    ([policy, history, passedMs, monotonicMs]) => {
      for (const { nowMs, after } of play(policy, history).slice(-1)) {
        const frozen = freezeState(after.state, anchor(1_700_000_000_000, nowMs, "one"))

        const thawed = thawState(frozen, anchor(1_700_000_000_000 + passedMs, monotonicMs, "two"))

        assert.isDefined(thawed)
        if (thawed === undefined) return
        assert.deepStrictEqual(
          agesMs(thawed, monotonicMs),
          agesMs(after.state, nowMs).map((age) => age + passedMs)
        )
      }
    },
    often
  )

  it.prop(
    "never lets an age shrink, whatever the wall clock says",
    [policies, moves, between(-10 * 86_400_000, 0)],
    ([policy, history, passedMs]) => {
      for (const { nowMs, after } of play(policy, history).slice(-1)) {
        const frozen = freezeState(after.state, anchor(1_700_000_000_000, nowMs, "one"))

        const thawed = thawState(frozen, anchor(1_700_000_000_000 + passedMs, 7, "two"))

        assert.isDefined(thawed)
        if (thawed === undefined) return
        assert.deepStrictEqual(agesMs(thawed, 7), agesMs(after.state, nowMs))
      }
    },
    often
  )

  it.prop(
    "changes nothing within one run, whatever the wall clock says",
    [policies, moves, between(-86_400_000, 86_400_000), between(0, 86_400_000)],
    ([policy, history, wallMs, laterMs]) => {
      for (const { nowMs, after } of play(policy, history)) {
        const frozen = freezeState(after.state, anchor(0, nowMs, "one"))

        assert.deepStrictEqual(thawState(frozen, anchor(wallMs, nowMs + laterMs, "one")), after.state)
      }
    },
    often
  )

  it.prop(
    "survives JSON",
    [policies, moves],
    ([policy, history]) => {
      for (const { nowMs, after } of play(policy, history).slice(-1)) {
        const frozen = freezeState(after.state, anchor(5, nowMs, "one"))
        const copy = JSON.parse(JSON.stringify(frozen)) as FrozenState

        assert.deepStrictEqual(thawState(copy, anchor(9, 3, "two")), thawState(frozen, anchor(9, 3, "two")))
      }
    },
    often
  )

  it.prop(
    "takes the next run's ticks as new ones, from the first: what was told is told no second time",
    [policies, moves],
    ([policy, history]) => {
      const last = play(policy, history).at(-1)
      if (last === undefined || !last.after.state.active || last.after.state.flapping !== null) return
      const thawed = thawState(
        freezeState(last.after.state, anchor(0, last.nowMs, "one")),
        anchor(1_000, 50_000, "two")
      )

      const next = step(policy, thawed ?? null, seen(true, 1, 50_000), 50_000)

      assert.isTrue(next.state.active)
      assert.strictEqual(next.state.tick, 1)
      assert.notInclude(["alert", "flapping", "recover"], next.decision?.kind)
    },
    often
  )

  it("refuses a version it does not know, of the frame or of the state", () => {
    const { state } = step(policyOf({}), null, seen(false, 1, 0), 0)
    const frozen = freezeState(state, anchor(0, 0, "one"))

    assert.isUndefined(thawState({ ...frozen, v: 2 } as never, anchor(0, 0, "one")))
    assert.isUndefined(thawState({ ...frozen, state: { ...state, v: 2 } } as never, anchor(0, 0, "one")))
  })
})
