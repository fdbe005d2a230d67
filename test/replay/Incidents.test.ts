import { assert, describe, it } from "vitest"
import type { DecisionKind } from "../../src/decision/index.ts"
import { type Fault, Faults, incidentsOf, toldOf } from "../../src/replay/Incidents.ts"

const faultsOf = (
  ...told: ReadonlyArray<readonly [DecisionKind, number, { readonly sinceMs?: number; readonly active?: boolean }?]>
): ReadonlyArray<Fault> => {
  const faults = new Faults()
  for (const [kind, atMs, { active = kind !== "recover" && kind !== "gone", sinceMs = atMs } = {}] of told)
    faults.add("run", "a", "critical", { kind, atMs, sinceMs, active, summary: kind === "alert" ? "down" : "" })
  return faults.all
}

const spans = (faults: ReadonlyArray<Fault>) => faults.map(({ fromMs, toMs, told }) => [fromMs, toMs, told.length])

describe("a fault", () => {
  it("lasts from the decision that tells it to the one that ends it", () => {
    assert.deepStrictEqual(
      spans(
        faultsOf(
          ["alert", 20, { sinceMs: 10 }],
          ["remind", 30],
          ["recover", 40],
          ["flapping", 50],
          ["settled", 60, { active: true }],
          ["gone", 70],
          ["flapping", 80],
          ["settled", 90, { active: false }],
          ["alert", 100]
        )
      ),
      [
        [10, 40, 3],
        [50, 70, 3],
        [80, 90, 2],
        [100, null, 1]
      ]
    )
  })

  it("goes on in the next life if its state was handed over", () => {
    const faults = new Faults()
    const telling = { sinceMs: 10, active: true, summary: "down" }
    faults.add("one", "a", "critical", { kind: "alert", atMs: 10, ...telling })
    faults.handOver("one", "two", "a")
    faults.handOver("one", "two", "b")
    faults.add("two", "a", "critical", { kind: "recover", atMs: 90, ...telling, active: false })

    assert.deepStrictEqual(spans(faults.all), [[10, 90, 2]])
  })
})

describe("an incident", () => {
  it("is what overlaps under both policies, and what only one has", () => {
    const before = faultsOf(
      ["alert", 20, { sinceMs: 10 }],
      ["recover", 30],
      ["alert", 100],
      ["recover", 110],
      ["alert", 500],
      ["recover", 510]
    )
    const after = faultsOf(
      ["alert", 25, { sinceMs: 10 }],
      ["recover", 35],
      ["alert", 300],
      ["recover", 310],
      ["alert", 500],
      ["recover", 520]
    )

    const found = incidentsOf(before, after)

    assert.deepStrictEqual(
      found.map((one) => [one.fromMs, one.toMs, one.before.length, one.after.length]),
      [
        [10, 35, 1, 1],
        [100, 110, 1, 0],
        [300, 310, 0, 1],
        [500, 520, 1, 1]
      ]
    )
    assert.strictEqual(found[0]?.summary, "down")
  })

  it("joins two faults of one policy that are one of the other", () => {
    const before = faultsOf(["alert", 10], ["recover", 30], ["alert", 50], ["recover", 70])
    const after = faultsOf(["alert", 10], ["recover", 70])

    assert.deepStrictEqual(
      incidentsOf(before, after).map((one) => [one.before.length, one.after.length]),
      [[2, 1]]
    )
  })

  it("is told in the order it was, though a flapping fault begins before those it joins", () => {
    const faults = faultsOf(["alert", 10], ["recover", 20], ["flapping", 30, { sinceMs: 5 }])

    assert.deepStrictEqual(
      toldOf(faults.toReversed()).map(({ kind }) => kind),
      ["alert", "recover", "flapping"]
    )
  })
})
