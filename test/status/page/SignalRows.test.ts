import { assert, describe, it } from "@effect/vitest"
import { makeMoments } from "../../../src/status/page/Moments.ts"
import { keyOf, reasonsOf, signalParts, streakText } from "../../../src/status/page/SignalRows.ts"
import { ahead, calmWorld, collectorOf, signalOf, world, worldAt } from "../../browser/world.ts"

const moments = makeMoments(worldAt, "UTC")
const partOf = (id: string): string =>
  signalParts(world(), moments).find((part) => part.id === `s-${keyOf(id)}`)?.markup ?? ""

describe("signalParts", () => {
  it("has one for each signal and a head for each collector that has some, all with ids of their own", () => {
    const parts = signalParts(world(), moments)

    assert.strictEqual(parts.filter((part) => part.id.startsWith("s-")).length, 60)
    assert.strictEqual(parts.filter((part) => part.id.startsWith("g-")).length, 5)
    assert.strictEqual(new Set(parts.map((part) => part.id)).size, parts.length)
  })

  it("sorts by name, numbers as numbers, whatever the order of the snapshot", () => {
    const signals = ["c:10", "c:9", "c:1"].map((id) => signalOf(id))
    const parts = signalParts({ ...calmWorld(), collectors: [collectorOf("containers")], signals }, moments)

    assert.deepStrictEqual(
      parts.slice(1).map((part) => part.id),
      ["c:1", "c:9", "c:10"].map((id) => `s-${keyOf(id)}`)
    )
  })

  it("shows a signal whose collector is not on the list", () => {
    const parts = signalParts(
      { ...calmWorld(), collectors: [], signals: [signalOf("a", { collector: "ghost" })] },
      moments
    )

    assert.include(parts[0]?.markup, "ghost")
    assert.lengthOf(parts, 2)
  })

  it("says in a row what is, since when, what was seen, how far the streak is and what would wake whom", () => {
    const row = partOf("rule:queue_backlog")

    for (const wanted of [
      'data-state="active"',
      ", warning",
      "is 18,240, above 10,000",
      ">21 min</time>",
      "1 of 2 ticks towards a recovery",
      "●○",
      "within 5 min 15 s (seen for 5 min)",
      'aria-label="24 h: active',
      "watchdog explain <bdi>rule:queue_backlog</bdi>"
    ])
      assert.include(row, wanted)
  })

  it("marks what is muted, by whom and for how long", () => {
    assert.match(partOf("disk:/var/lib/docker"), /muted by <bdi>@mira<\/bdi> for <time data-ahead [^>]*>55 min</)
  })
})

describe("streakText", () => {
  it("draws no dots where there is nothing to count or too much", () => {
    assert.notInclude(streakText(signalOf("a", { streak: "seen for 2 min of 5 min" })).markup, "dots")
    assert.notInclude(streakText(signalOf("a", { streak: "99999999 of 99999999 ticks" })).markup, "dots")
    assert.strictEqual(streakText(signalOf("a")).markup, "")
  })
})

describe("reasonsOf", () => {
  it("leaves out the sentence that the countdown says better", () => {
    const because = ["next reminder in 9 min", "a confirmed fault"]

    assert.deepStrictEqual(reasonsOf(signalOf("a", { because, nextReminder: ahead(1) })), ["a confirmed fault"])
    assert.deepStrictEqual(reasonsOf(signalOf("a", { because })), because)
  })
})
