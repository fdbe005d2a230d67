import { assert, describe, it } from "vitest"
import type { DecisionKind } from "../../src/decision/index.ts"
import { Comparison, sameWithinMs } from "../../src/replay/Comparison.ts"

type One = readonly [DecisionKind, number, number?]

const compare = (recorded: ReadonlyArray<One>, replayed: ReadonlyArray<One>) => {
  const comparison = new Comparison()
  for (const [at, [kind, atMs, sinceMs = 0]] of recorded.entries())
    comparison.recorded("a", { kind, atMs, sinceMs, line: at + 1 })
  for (const [kind, atMs, sinceMs = 0] of replayed) comparison.replayed("a", { kind, atMs, sinceMs, line: null })
  const { differences, furthestMs, same } = comparison.end("run")
  return {
    same,
    furthestMs,
    differences: differences.map(
      ({ recorded: a, replayed: b }) => `${a === null ? "nothing" : a.kind} / ${b === null ? "nothing" : b.kind}`
    )
  }
}

describe("a comparison", () => {
  it("finds the same decisions the same, and says how far apart they are", () => {
    assert.deepStrictEqual(
      compare(
        [
          ["alert", 1_000],
          ["recover", 9_000]
        ],
        [
          ["alert", 1_000.5],
          ["recover", 8_997]
        ]
      ),
      { same: 2, furthestMs: 3, differences: [] }
    )
  })

  it("goes on behind one that is missing on either side", () => {
    assert.deepStrictEqual(
      compare(
        [
          ["alert", 10_000],
          ["remind", 20_000],
          ["recover", 30_000]
        ],
        [
          ["alert", 10_000],
          ["recover", 30_000],
          ["alert", 40_000]
        ]
      ),
      { same: 2, furthestMs: 0, differences: ["remind / nothing", "nothing / alert"] }
    )
  })

  it("says together what was decided otherwise at the same time", () => {
    assert.deepStrictEqual(compare([["alert", 10_000]], [["flapping", 10_010]]).differences, ["alert / flapping"])
    assert.deepStrictEqual(compare([["alert", 10_000, 0]], [["alert", 10_000, 5_000]]).differences, ["alert / alert"])
  })

  it("does not take a decision for another that is too far away", () => {
    const far = 10_000 + sameWithinMs

    assert.strictEqual(compare([["alert", 10_000]], [["alert", far]]).same, 1)
    assert.deepStrictEqual(compare([["alert", 10_000]], [["alert", far + 1]]).differences, [
      "alert / nothing",
      "nothing / alert"
    ])
  })
})
