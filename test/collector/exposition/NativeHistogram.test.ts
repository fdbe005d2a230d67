import { assert, describe, it } from "@effect/vitest"
import { takeNativeHistogram } from "../../../src/collector/exposition/NativeHistogram.ts"

const takes = (body: string): boolean => takeNativeHistogram({ body, at: 0, end: body.length })

describe("takeNativeHistogram", () => {
  it.each([
    "{count:24,sum:100,schema:0,zero_threshold:0.001,zero_count:4,positive_spans:[0:2,1:2],positive_deltas:[2,1,-3,3]}",
    "{count:0,positive_spans:[]}",
    "{zero_threshold:2.938735877055719e-39}"
  ])("steps over %s", (body) => {
    assert.isTrue(takes(body))
  })

  it.each([
    "",
    "{",
    "{}",
    "{count:24",
    "{count}",
    "{count:}",
    "{count:x}",
    "{a:[1}",
    "{a:[1,]}",
    "{a:[1:]}",
    "{a:1,}",
    "{a:1} 1"
  ])("refuses %j", (body) => {
    assert.isFalse(takes(body))
  })
})
