import { assert, describe, it } from "@effect/vitest"
import {
  type Explanation,
  type Input,
  type Policy,
  type SignalState,
  explain,
  step,
  unknownAfterMs
} from "../../src/decision/index.ts"
import { elapsed, missed, moves, play, policies, policyOf, seen } from "./history.ts"

const after = (policy: Policy, ...inputs: ReadonlyArray<readonly [number, Input]>): SignalState => {
  let state: SignalState | null = null
  for (const [nowMs, input] of inputs) state = step(policy, state, input, nowMs).state
  if (state === null) throw new Error("no inputs")
  return state
}

const look = (tick: number, active: boolean): readonly [number, Input] => [
  tick * 10_000,
  seen(active, tick, tick * 10_000)
]

const explained = (policy: Policy, nowMs: number, ...inputs: ReadonlyArray<readonly [number, Input]>): Explanation =>
  explain(after(policy, ...inputs), policy, nowMs)

const policy = policyOf({ raiseTicks: 3, clearTicks: 2, cooldownMs: 60_000, reminderFactor: 2, flapRaises: 2 })
const quick = policyOf({ raiseTicks: 1, cooldownMs: 60_000, flapRaises: 0 })

describe("explain", () => {
  it("says of a signal without a state that it was not looked at yet", () => {
    assert.deepStrictEqual(explain(null, policy, 0).because, ["not looked at yet"])
    assert.strictEqual(explain(null, policy, 0).state, "new")
  })

  it("says how many ticks a clear signal needs, then that it was seen clear", () => {
    const never = explained(policy, 10_000, [10_000, elapsed])
    const clear = explained(policy, 10_000, look(1, false))

    assert.deepStrictEqual(never.because, ["needs 3 ticks seen active to alert"])
    assert.deepInclude(clear, { state: "clear", because: ["seen clear at the last look"] })
  })

  it("names a debounce under way, towards either side", () => {
    const raising = explained(policy, 30_000, look(1, false), look(2, true), look(3, true))
    const clearing = explained(policy, 40_000, look(1, true), look(2, true), look(3, true), look(4, false))

    assert.deepStrictEqual(raising.streak, { towards: "raise", ticks: 2, needed: 3 })
    assert.deepStrictEqual(raising.because, ["2 of 3 ticks towards an alert"])
    assert.deepStrictEqual(clearing.streak, { towards: "clear", ticks: 1, needed: 2 })
    assert.include(clearing.because, "1 of 2 ticks towards a recovery")
  })

  it("names what has to hold for a time, and how long it has", () => {
    const patient = policyOf({ raiseForMs: 120_000, clearForMs: 20_000, cooldownMs: 0 })
    const raising = explained(patient, 48_000, look(1, false), look(2, true), look(3, true), look(4, true))
    const brief = policyOf({ raiseForMs: 10_000, clearForMs: 20_000, cooldownMs: 0 })
    const clearing = explained(brief, 40_000, look(1, true), look(2, true), look(3, false), look(4, false))
    const never = explained(patient, 10_000, [10_000, elapsed])
    const atOnce = explained(policyOf({ raiseForMs: 0 }), 10_000, [10_000, elapsed])

    assert.deepStrictEqual(raising.streak, { towards: "raise", heldMs: 20_000, neededMs: 120_000 })
    assert.deepStrictEqual(raising.because, ["seen for 20 s of 2 min towards an alert"])
    assert.deepInclude(clearing, { state: "active", streak: { towards: "clear", heldMs: 10_000, neededMs: 20_000 } })
    assert.include(clearing.because, "seen for 10 s of 20 s towards a recovery")
    assert.deepStrictEqual(never.because, ["needs to be seen active for 2 min to alert"])
    assert.deepStrictEqual(atOnce.because, ["needs to be seen active once to alert"])
  })

  it("names the cooldown: when the next reminder comes, and that it grows", () => {
    const first = explained(quick, 30_000, look(1, true))
    const second = explained(quick, 80_000, look(1, true), look(7, true))

    assert.strictEqual(first.nextReminderInMs, 40_000)
    assert.deepStrictEqual(first.because, ["next reminder in 40 s"])
    assert.strictEqual(second.nextReminderInMs, 110_000)
  })

  it("says that reminders are off", () => {
    const off = policyOf({ raiseTicks: 1, cooldownMs: 0 })

    assert.deepStrictEqual(explained(off, 20_000, look(1, true)).because, ["reminders are off"])
  })

  it("names a missed look with its reason, and a held one as on purpose", () => {
    const blind = explained(quick, 20_000, look(1, true), [20_000, missed(2, 20_000)])
    const grace = explained(quick, 20_000, look(1, true), [20_000, missed(2, 20_000, true)])

    assert.include(blind.because, "the last look was missed: no answer")
    assert.include(grace.because, "held on purpose: a deploy")
  })

  it("says since when it is unknown, from the moment on at which it is", () => {
    const atMs = 10_000 + unknownAfterMs(quick)
    const before = explained(quick, atMs - 1, look(1, true), [atMs - 1, elapsed])
    const then = explained(quick, atMs, look(1, true), [atMs, elapsed])

    assert.isNull(before.unknownForMs)
    assert.strictEqual(then.unknownForMs, 35_000)
    assert.include(then.because, "not seen for 35 s: unknown, nothing fires and nothing recovers")
  })

  it("names flapping, its raises and what is left of the settling, also while it is paused", () => {
    const flapping = [look(1, true), look(2, false), look(3, true)] as const
    const flaps = policyOf({ raiseTicks: 1, flapRaises: 2, flapSettleMs: 60_000 })

    const running = explained(flaps, 40_000, ...flapping)
    const paused = explained(flaps, 60_000, ...flapping, [40_000, missed(4, 40_000)])

    assert.strictEqual(running.state, "flapping")
    assert.include(running.because, "flapping, 2 raises: silent until one side has held for another 50 s")
    assert.include(paused.because, "flapping, 2 raises: silent until one side has held for another 50 s")
  })

  it("names a confirmed fault, which clears by time", () => {
    const crash: Input = seen(true, 1, 10_000, { confirmed: true, scheduled: false })

    const { because, state } = explained(policy, 10_000, [10_000, crash])

    assert.strictEqual(state, "active")
    assert.include(because, "a confirmed fault: clears after 10 s of clear looks")
  })

  it.prop(
    "always gives a reason, and never a time that has passed",
    [policies, moves],
    ([anyPolicy, history]) => {
      for (const { nowMs, after: stepped } of play(anyPolicy, history)) {
        const { because, nextReminderInMs, unknownForMs } = explain(stepped.state, anyPolicy, nowMs - 5_000)

        assert.isNotEmpty(because)
        assert.isTrue(nextReminderInMs === null || nextReminderInMs >= 0)
        assert.isTrue(unknownForMs === null || unknownForMs >= 0)
      }
    },
    { arbitrary: { runs: 300, size: 60 } }
  )

  it.prop(
    "names every suppression: a signal seen active and not told says why",
    [policies, moves],
    ([anyPolicy, history]) => {
      for (const { nowMs, after: stepped } of play(anyPolicy, history)) {
        const { state, decision } = stepped
        if (state.look !== "active" || decision !== undefined) continue

        const { because } = explain(state, anyPolicy, nowMs)

        assert.match(because.join("; "), /towards an alert|reminder|flapping|unknown|needs/)
      }
    },
    { arbitrary: { runs: 300, size: 60 } }
  )
})
