import { assert, describe, it } from "@effect/vitest"
import { readOpenMetrics } from "../../../src/collector/exposition/OpenMetrics.ts"

describe("readOpenMetrics", () => {
  it.each([
    ["a 1\n# EOF\n", "last"],
    ["a 1\n# EOF", "last"],
    ["a 1\r\n  # EOF  \r\n\r\n", "last"],
    ["a 1\n# EOF\nb 2\n# EOF\n", "last"],
    ["a 1\n# EOF\nb 2\n", "passed"],
    ["a 1\n", "missing"],
    ["a 1\n# EOFx\n", "missing"],
    ["a 1\n#EOF\n", "missing"]
  ])("sees how %j ends", (body, eof) => {
    assert.strictEqual(readOpenMetrics(body, "lenient").eof, eof)
  })

  it("reads timestamps as seconds", () => {
    assert.strictEqual(readOpenMetrics("a 1 1520879607.5\n# EOF\n", "lenient").samples[0]?.timestampMs, 1520879607500)
  })

  it("takes blank lines, tabs, other comments and untyped in lenient mode", () => {
    const reading = readOpenMetrics("\n# words\n# TYPE a untyped\n\ta\t1\n\n# EOF\n", "lenient")

    assert.strictEqual(reading.badLines, 0)
    assert.strictEqual(reading.samples.length, 1)
    assert.strictEqual(reading.types.get("a"), "unknown")
  })

  it.each(["\n# EOF\n", "# words\n# EOF\n", "a\t1\n# EOF\n", "a 1\r\n# EOF\n", "# EOF\n\n", "# EOF\na 1", " # EOF\n"])(
    "finds fault with %j in strict mode",
    (body) => {
      assert.strictEqual(readOpenMetrics(body, "strict").badLines, 1)
    }
  )

  it("keeps the sample before a broken exemplar and notes the line", () => {
    const reading = readOpenMetrics('a_total 7 # {trace="x"}\n# EOF\n', "lenient")

    assert.strictEqual(reading.samples[0]?.value, 7)
    assert.strictEqual(reading.badLines, 1)
    assert.strictEqual(reading.badSampleLines, 0)
  })

  it("counts native histograms and keeps none", () => {
    const reading = readOpenMetrics("# TYPE nh histogram\nnh {count:24,sum:100}\n# EOF\n", "lenient")

    assert.strictEqual(reading.nativeHistograms, 1)
    assert.strictEqual(reading.samples.length, 0)
  })
})
