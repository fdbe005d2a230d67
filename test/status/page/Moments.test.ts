import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { ageless, makeMoments, momentMs, since, spanScript, spanText, until } from "../../../src/status/page/Moments.ts"

const moments = makeMoments("2026-03-14T14:05:12.000Z", "Europe/Berlin")

describe("spanText", () => {
  const table: ReadonlyArray<readonly [number, string]> = [
    [-1, "0 s"],
    [999, "0 s"],
    [59_999, "59 s"],
    [60_000, "1 min"],
    [3_599_999, "59 min"],
    [3_600_000, "1 h"],
    [7_500_000, "2 h 5 min"],
    [86_400_000, "1 d"],
    [273_600_000, "3 d 4 h"]
  ]

  it.each(table)("%i ms is %s", (ms, wanted) => {
    assert.strictEqual(spanText(ms), wanted)
  })

  it("says the same in the browser", () => {
    const inBrowser = runInNewContext(`(${spanScript})`) as (ms: number) => string

    for (let ms = -5_000; ms < 400 * 86_400_000; ms = Math.ceil(ms * 1.003) + 250) {
      assert.strictEqual(inBrowser(ms), spanText(ms), String(ms))
    }
  })
})

describe("since and until", () => {
  it("show the age, and the moment behind it in the messages' own words", () => {
    assert.strictEqual(
      since("2026-03-14T13:05:12.000Z", moments).markup,
      '<time datetime="2026-03-14T13:05:12.000Z" title="14:05:12">1 h</time>'
    )
  })

  it("name the day where it is not today's", () => {
    assert.include(since("2026-03-13T13:05:12.000Z", moments).markup, 'title="13 Mar 14:05:12"')
  })

  it("count down to nothing", () => {
    assert.include(until("2026-03-14T14:10:12.000Z", moments).markup, ">5 min<")
    assert.include(until("2026-03-14T14:00:00.000Z", moments).markup, ">0 s<")
  })

  it("show what is no moment as it came", () => {
    assert.strictEqual(since("<x> 12", moments).markup, "<bdi>&lt;x&gt; 12</bdi>")
    assert.isNaN(momentMs("tame 12"))
    assert.include(since(null, moments).markup, "–")
  })
})

describe("makeMoments", () => {
  it("survives a snapshot without a sensible time", () => {
    assert.strictEqual(makeMoments("never", "UTC").nowMs, 0)
    assert.strictEqual(moments.text(Number.NaN), "?")
  })
})

describe("ageless", () => {
  it("sees no difference between two ages of one moment, but between two moments", () => {
    const at = "2026-03-14T14:00:00.000Z"
    const later = makeMoments("2026-03-14T14:09:00.000Z", "Europe/Berlin")

    assert.strictEqual(ageless(since(at, moments).markup), ageless(since(at, later).markup))
    assert.notStrictEqual(
      ageless(since(at, moments).markup),
      ageless(since("2026-03-14T14:00:01.000Z", moments).markup)
    )
  })
})
