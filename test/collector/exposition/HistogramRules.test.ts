import { assert, describe, it } from "@effect/vitest"
import { newHistogramCheck } from "../../../src/collector/exposition/HistogramRules.ts"

type Part = readonly [suffix: string, value: number, le?: string, group?: string, timestampMs?: number]

const faultOf = (parts: ReadonlyArray<Part>): string | undefined => {
  const check = newHistogramCheck()
  for (const [suffix, value, le, group, timestampMs] of parts) {
    const labels = new Map(le === undefined ? [] : [["le", le]])
    const fault = check.sample({ name: `h${suffix}`, labels, value, timestampMs }, suffix, group ?? "")
    if (fault !== undefined) return fault
  }
  return check.end()
}

describe("newHistogramCheck", () => {
  it.each<[string, ReadonlyArray<Part>]>([
    [
      "buckets alone",
      [
        ["_bucket", 0, "1"],
        ["_bucket", 3, "+Inf"]
      ]
    ],
    [
      "count and sum before the buckets",
      [
        ["_count", 3],
        ["_sum", 1],
        ["_bucket", 3, "+Inf"]
      ]
    ],
    [
      "two label sets",
      [
        ["_bucket", 3, "+Inf", "x"],
        ["_bucket", 1, "+Inf", "y"]
      ]
    ],
    [
      "two times of one label set",
      [
        ["_bucket", 3, "+Inf", "x", 1],
        ["_bucket", 1, "+Inf", "x", 2]
      ]
    ],
    [
      "negative buckets without a sum",
      [
        ["_bucket", 1, "-1"],
        ["_bucket", 3, "+Inf"]
      ]
    ],
    [
      "a negative gauge sum beside negative buckets",
      [
        ["_bucket", 1, "-1"],
        ["_bucket", 3, "+Inf"],
        ["_gcount", 3],
        ["_gsum", -5]
      ]
    ]
  ])("takes %s", (_, parts) => {
    assert.isUndefined(faultOf(parts))
  })

  it.each<[string, ReadonlyArray<Part>]>([
    [
      "the buckets are out of order",
      [
        ["_bucket", 0, "2"],
        ["_bucket", 0, "1"]
      ]
    ],
    [
      "a bucket holds less than the one before it",
      [
        ["_bucket", 2, "1"],
        ["_bucket", 1, "2"]
      ]
    ],
    ["in the histogram before: no +Inf bucket", [["_bucket", 2, "1"]]],
    [
      "in the histogram before: no +Inf bucket",
      [
        ["_bucket", 2, "1", "x"],
        ["_bucket", 2, "+Inf", "y"]
      ]
    ],
    [
      "in the histogram before: the count is not what the +Inf bucket holds",
      [
        ["_bucket", 2, "+Inf"],
        ["_count", 1],
        ["_sum", 1]
      ]
    ],
    [
      "in the histogram before: a sum without a count",
      [
        ["_bucket", 2, "+Inf"],
        ["_sum", 1]
      ]
    ],
    [
      "in the histogram before: a count without a sum",
      [
        ["_bucket", 2, "+Inf"],
        ["_gcount", 2]
      ]
    ],
    [
      "in the histogram before: a sum beside negative buckets",
      [
        ["_bucket", 0, "-1"],
        ["_bucket", 2, "+Inf"],
        ["_count", 2],
        ["_sum", 1]
      ]
    ],
    [
      "in the histogram before: a negative sum without negative buckets",
      [
        ["_bucket", 2, "+Inf"],
        ["_gcount", 2],
        ["_gsum", -1]
      ]
    ]
  ])("says: %s", (fault, parts) => {
    assert.strictEqual(faultOf(parts), fault)
  })
})
