import { assert, describe, it } from "@effect/vitest"
import { blankEntry } from "../../src/decision/index.ts"
import * as Refusals from "../../src/queue/Refusals.ts"

const entry = blankEntry("alert", "container:api", "critical")
const other = blankEntry("alert", "container:db", "critical")

const after = (times: number): Refusals.Refusals =>
  Array.from({ length: times }).reduce<Refusals.Refusals>(
    (refusals) => Refusals.refusedAgain(refusals, [entry], 1_000),
    Refusals.noRefusals
  )

describe("an entry that is refused", () => {
  const stages: ReadonlyArray<readonly [number, boolean, boolean, boolean, number]> = [
    [1, false, false, false, 1_000],
    [2, true, false, false, 1_000],
    [3, true, true, false, 5_000],
    [4, true, true, false, 17_000],
    [5, true, true, true, 65_000]
  ]

  it.each(stages)(
    "%i times: alone %s, at the least %s, given up %s",
    (times, alone, minimal, hopeless, notBeforeMs) => {
      const refusals = after(times)

      assert.deepStrictEqual(
        [
          Refusals.isSuspect(refusals, entry),
          Refusals.isMinimal(refusals, entry),
          Refusals.isHopeless(refusals, entry),
          Refusals.notBeforeMs(refusals, entry)
        ],
        [alone, minimal, hopeless, notBeforeMs]
      )
    }
  )

  it("begins anew once it was accepted or has gone, and says nothing of others", () => {
    assert.isFalse(Refusals.isSuspect(Refusals.forget(after(4), [entry]), entry))
    assert.strictEqual(Refusals.onlyOf(after(4), new Set(["container:db"])).size, 0)
    assert.isFalse(Refusals.isSuspect(after(4), other))
  })
})
