import { assert, describe, it } from "@effect/vitest"
import { type Policy, defaultPolicy, makePolicy, worstCaseDetectionMs } from "../../src/decision/index.ts"
import { policyOf } from "./history.ts"

type Differs = Partial<Omit<Policy, "v">>

describe("makePolicy", () => {
  const refused: ReadonlyArray<readonly [Differs, RegExp]> = [
    [{ intervalMs: 0 }, /^intervalMs is 0/],
    [{ intervalMs: Number.NaN }, /^intervalMs is NaN/],
    [{ intervalMs: Number.POSITIVE_INFINITY }, /^intervalMs is Infinity/],
    [{ raiseTicks: 0 }, /^raiseTicks is 0: can never fire/],
    [{ raiseTicks: 1.5 }, /^raiseTicks is 1.5/],
    [{ clearTicks: 0 }, /^clearTicks is 0: can never clear/],
    [{ raiseForMs: -1 }, /^raiseForMs is -1: can never fire/],
    [{ raiseForMs: Number.POSITIVE_INFINITY }, /^raiseForMs is Infinity: can never fire/],
    [{ clearForMs: Number.NaN }, /^clearForMs is NaN: can never clear/],
    [{ cooldownMs: -1 }, /^cooldownMs is -1/],
    [{ cooldownMs: Number.NaN }, /^cooldownMs is NaN/],
    [{ reminderFactor: 0.9 }, /^reminderFactor is 0.9/],
    [{ reminderFactor: Number.POSITIVE_INFINITY }, /^reminderFactor is Infinity/],
    [{ reminderMaxMs: 0 }, /^reminderMaxMs is 0/],
    [{ flapRaises: 1 }, /^flapRaises is 1.*no plain alert can ever fire/],
    [{ flapRaises: -2 }, /^flapRaises is -2/],
    [{ flapRaises: 2.5 }, /^flapRaises is 2.5/],
    [{ flapWindowMs: 0 }, /^flapWindowMs is 0/],
    [{ flapSettleMs: 0 }, /^flapSettleMs is 0.*never end/],
    [{ confirmedClearMs: -1 }, /^confirmedClearMs is -1/],
    [{ ceiling: { raiseAt: Number.NaN, clearAt: 1 } }, /^ceiling.raiseAt is NaN: can never fire/],
    [{ ceiling: { raiseAt: 97, clearAt: Number.NEGATIVE_INFINITY } }, /^ceiling.clearAt is -Infinity: can never clear/],
    [{ ceiling: { raiseAt: 90, clearAt: 95 } }, /^ceiling.clearAt 95 lies beyond ceiling.raiseAt 90/]
  ]

  it.each(refused)("refuses %o", (differs, reason) => {
    const made = makePolicy(differs)

    assert.isFalse(made.ok)
    if (made.ok) return
    assert.strictEqual(made.reasons.length, 1)
    assert.match(made.reasons[0] ?? "", reason)
  })

  it("gives every reason at once", () => {
    const made = makePolicy({ raiseTicks: 0, clearTicks: 0, cooldownMs: -1 })

    assert.strictEqual(made.ok ? 0 : made.reasons.length, 3)
  })

  const taken: ReadonlyArray<Differs> = [
    {},
    { cooldownMs: 0 },
    { confirmedClearMs: 0 },
    { raiseForMs: 0, clearForMs: 0 },
    { raiseForMs: 120_000, clearForMs: null },
    { flapRaises: 0, flapWindowMs: 0, flapSettleMs: 0 },
    { ceiling: { raiseAt: 97, clearAt: 97 } },
    { reminderFactor: 1 }
  ]

  it.each(taken)("takes %o", (differs) => {
    const made = makePolicy(differs)

    assert.deepStrictEqual(made, { ok: true, policy: { ...defaultPolicy, ...differs }, warnings: [] })
  })

  it("counts what has to hold for a time among what flapping needs", () => {
    // One raise and its end take 3 looks (20 s span two intervals) and 1.
    const enough = makePolicy({ flapRaises: 4, raiseForMs: 20_000, clearForMs: 0, flapWindowMs: 120_000 })
    const tooLittle = makePolicy({ flapRaises: 4, raiseForMs: 20_000, clearForMs: 0, flapWindowMs: 119_999 })

    assert.deepStrictEqual(enough.ok && enough.warnings, [])
    assert.match((tooLittle.ok && tooLittle.warnings[0]) || "", /^flapping can never be told/)
  })

  it("warns where flapping can never be told, at one millisecond too little", () => {
    const enough = makePolicy({ flapRaises: 4, raiseTicks: 2, clearTicks: 1, flapWindowMs: 90_000 })
    const tooLittle = makePolicy({ flapRaises: 4, raiseTicks: 2, clearTicks: 1, flapWindowMs: 89_999 })

    assert.deepStrictEqual(enough.ok && enough.warnings, [])
    assert.match((tooLittle.ok && tooLittle.warnings[0]) || "", /^flapping can never be told/)
  })
})

describe("worstCaseDetectionMs", () => {
  it("is K intervals and one timeout", () => {
    assert.strictEqual(worstCaseDetectionMs(policyOf({ raiseTicks: 3 }), 10_000, 5_000), 35_000)
  })

  it.each([
    [0, 15_000],
    [1, 25_000],
    [10_000, 25_000],
    [10_001, 35_000],
    [120_000, 135_000]
  ])("counts the looks that span a time where that replaces K: for %d ms it is %d ms", (raiseForMs, worstMs) => {
    assert.strictEqual(worstCaseDetectionMs(policyOf({ raiseTicks: 3, raiseForMs }), 10_000, 5_000), worstMs)
  })
})
