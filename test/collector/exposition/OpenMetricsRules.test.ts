import { assert, describe, it } from "@effect/vitest"
import { readOpenMetrics } from "../../../src/collector/exposition/OpenMetrics.ts"

const faultOf = (lines: ReadonlyArray<string>): string | undefined =>
  readOpenMetrics([...lines, "# EOF\n"].join("\n"), "strict").firstBad?.fault

const longest = "x".repeat(127)

describe("openMetricsRules", () => {
  it.each([
    [["# TYPE a counter", "a_total 1", "a_created 5"]],
    [["# TYPE a counter", 'a_total{b="1"} 1', 'a_total{b="2"} 1']],
    [["# HELP a x", "# TYPE a gauge", "a NaN", "b -1"]],
    [["# TYPE a_s gauge", "# UNIT a_s s", "a_s 1"]],
    [["# TYPE a info", 'a_info{b="1"} 1 2', 'a_info{b="2"} 1 1']],
    [["# TYPE a stateset", 'a{a="x"} 0', 'a{a="y"} 1']],
    [["# TYPE a summary", 'a{quantile="1"} 2', "a_sum 1", "a_count 1"]],
    [["# TYPE a counter", `a_total 1 # {a="${longest}"} 1`]],
    [["# TYPE a histogram", 'a_bucket{le="+Inf"} 1 # {a="b"} 1 2']],
    [["# TYPE a histogram", "a {count:1}"]],
    [["# TYPE a gauge", "a 1 1", "a 2 1", "a 3 2"]]
  ])("takes %j", (lines) => {
    assert.isUndefined(faultOf(lines))
  })

  it.each([
    ["a second HELP for a", ["# HELP a x", "# HELP a x"]],
    ["a second TYPE for a", ["# TYPE a gauge", "# TYPE a gauge"]],
    ["a second UNIT for a_s", ["# UNIT a_s s", "# UNIT a_s s"]],
    ["metadata of a after its samples", ["# TYPE a gauge", "a 1", "# HELP a x"]],
    ["the family a clashes with an earlier one", ["# TYPE a gauge", "a 1", "b 1", "a 2"]],
    ["the family a clashes with an earlier one", ["# TYPE a_created gauge", "# TYPE a counter"]],
    ["the unit s is not the suffix of a", ["# UNIT a s"]],
    ["a_s has a unit, and its type allows none", ["# TYPE a_s info", "# UNIT a_s s"]],
    ["_total is NaN", ["# TYPE a counter", "a_total NaN"]],
    ["_total is negative", ["# TYPE a counter", "a_total -1"]],
    ["_count is not a whole number", ["# TYPE a summary", "a_count 0.5"]],
    ["the label le is missing or not a number", ["# TYPE a histogram", "a_bucket 1"]],
    ['the last le is not written "+Inf"', ["# TYPE a histogram", 'a_bucket{le="inf"} 1']],
    ["the label quantile is missing or not between 0 and 1", ["# TYPE a summary", 'a{quantile="1.01"} 1']],
    ["a negative quantile", ["# TYPE a summary", 'a{quantile="1"} -1']],
    ["a state without the label a", ["# TYPE a stateset", "a 1"]],
    ["a state that is neither 0 nor 1", ["# TYPE a stateset", 'a{a="x"} 2']],
    ["an info that is not 1", ["# TYPE a info", "a_info 2"]],
    ["an exemplar where none may stand: only on counters' _total and on buckets", ["# TYPE a gauge", "a 1 # {} 1"]],
    ["an exemplar of 129 characters, at most 128 are allowed", ["# TYPE a counter", `a_total 1 # {ab="${longest}"} 1`]],
    ["a metric that comes back after another one", ["# TYPE a gauge", 'a{b="1"} 1', 'a{b="2"} 1', 'a{b="1"} 2']],
    ["a metric with and without timestamps", ["# TYPE a gauge", "a 1", "a 1 1"]],
    ["a timestamp that goes backwards", ["# TYPE a gauge", "a 1 -1", "a 1 -1.1"]],
    ["a native histogram outside its family", ["# TYPE a gauge", "a {count:1}"]],
    ["in the histogram before: no +Inf bucket", ["# TYPE a histogram", 'a_bucket{le="1"} 1', "b 1"]]
  ])("says: %s", (fault, lines) => {
    assert.strictEqual(faultOf(lines), fault)
  })
})
