import { assert, describe, it } from "@effect/vitest"
import { readPrometheusText } from "../../../src/collector/exposition/PrometheusText.ts"
import { samplesMax } from "../../../src/collector/exposition/Sample.ts"

describe("readLines", () => {
  it("counts the samples beyond the cap and keeps none of them", () => {
    const reading = readPrometheusText("a 1\n".repeat(samplesMax + 3), "lenient")

    assert.strictEqual(reading.samples.length, samplesMax)
    assert.strictEqual(reading.sampleLines, samplesMax + 3)
  })

  it("takes CRLF in lenient mode and not in strict", () => {
    assert.strictEqual(readPrometheusText('a{b="c"} 1\r\n\r\nd 2\r\n', "lenient").badLines, 0)
    assert.strictEqual(readPrometheusText("a 1\r\n", "strict").badLines, 1)
  })

  it("numbers lines from one and shows what a line hides", () => {
    const { firstBad } = readPrometheusText("a 1\n\n\tb\u0007 x\n", "lenient")

    assert.strictEqual(firstBad?.number, 3)
    assert.strictEqual(firstBad?.excerpt, "\\tb\\u0007 x")
  })

  it("does not look for a quote in the next line", () => {
    const reading = readPrometheusText('a{b="1\nc{d="2"} 1\n', "lenient")

    assert.strictEqual(reading.badLines, 1)
    assert.strictEqual(reading.samples[0]?.labels.get("d"), "2")
  })
})
