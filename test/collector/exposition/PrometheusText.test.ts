import { assert, describe, it } from "@effect/vitest"
import { readPrometheusText } from "../../../src/collector/exposition/PrometheusText.ts"

const strictFault = (body: string): string | undefined => readPrometheusText(body, "strict").firstBad?.fault

describe("readPrometheusText", () => {
  it("keeps good lines and counts bad ones in lenient mode", () => {
    const reading = readPrometheusText("a 1\nb\nc 3\n# TYPE d bla\n", "lenient")

    assert.deepEqual(
      reading.samples.map((sample) => sample.name),
      ["a", "c"]
    )
    assert.strictEqual(reading.badLines, 2)
    assert.strictEqual(reading.badSampleLines, 1)
    assert.deepEqual(reading.firstBad, { number: 2, fault: "no value after the metric name", excerpt: "b" })
  })

  it("stops at the first fault in strict mode", () => {
    assert.strictEqual(readPrometheusText("a 1\nb\nc\n", "strict").badLines, 1)
  })

  it.each(["a 1", "a 1\n", "\n\n", " # a comment\n#\na 1\n", "# HELP a\n# HELP a\na 1\n", "# EOF\na 1\n"])(
    "takes %j in strict mode",
    (body) => {
      assert.isUndefined(strictFault(body))
    }
  )

  it.each([
    ["a second HELP for a", "# HELP a x\n# HELP a y\n"],
    ["a second TYPE for a", "# TYPE a gauge\n# TYPE a gauge\n"],
    ["the TYPE of a stands after its samples", "a 1\n# TYPE a gauge\n"],
    ["the label le is not a number", '# TYPE a histogram\na_bucket{le="x"} 1\n'],
    ["the label quantile is not a number", '# TYPE a summary\na{quantile="x"} 1\n'],
    ["a negative count", "# TYPE a histogram\na_count -1\n"],
    ["a negative bucket", '# TYPE a histogram\na_bucket{le="1"} -1\n'],
    ["the timestamp is not a number", 'a 1 # {b="c"} 1\n']
  ])("says in strict mode: %s", (fault, body) => {
    assert.strictEqual(strictFault(body), fault)
  })

  it("steps over an exemplar in lenient mode", () => {
    const reading = readPrometheusText('a_total 1 # {trace="}"} 1\n', "lenient")

    assert.strictEqual(reading.samples[0]?.value, 1)
    assert.strictEqual(reading.badLines, 0)
  })

  it("keeps the first of two types", () => {
    assert.strictEqual(readPrometheusText("# TYPE a gauge\n# TYPE a counter\n", "lenient").types.get("a"), "gauge")
  })
})
