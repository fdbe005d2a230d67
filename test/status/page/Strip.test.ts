import { assert, describe, it } from "@effect/vitest"
import { makeMoments } from "../../../src/status/page/Moments.ts"
import { runsOf, spellsOf, strip, stripLegend, stripText } from "../../../src/status/page/Strip.ts"
import { historyBucketMs } from "../../../src/status/Snapshot.ts"
import { dayOf } from "../../browser/world.ts"

const moments = makeMoments("2026-03-14T14:07:12.000Z", "UTC")

describe("runsOf", () => {
  it("joins what is alike and leaves out what is no data", () => {
    assert.deepStrictEqual(runsOf("  ..#?"), [
      { kind: ".", from: 2, to: 4 },
      { kind: "#", from: 4, to: 5 },
      { kind: "?", from: 5, to: 6 }
    ])
    assert.deepStrictEqual(runsOf(""), [])
  })

  it("takes no unknown character for a kind", () => {
    assert.deepStrictEqual(runsOf("<x>"), [])
  })
})

describe("stripText", () => {
  const table: ReadonlyArray<readonly [string, string, string]> = [
    ["a clear day", dayOf([]), "24 h: clear throughout"],
    ["no day at all", dayOf([], 288), "24 h: nothing recorded yet"],
    ["a short day", dayOf([], 144), "24 h: clear throughout, 50 % of it recorded"],
    ["a fault until now", dayOf([["#", 8, 9]]), "24 h: active 3 %, last at 14:05"],
    [
      "several kinds, worst first",
      dayOf([
        ["?", 12, 1],
        ["-", 24, 2],
        ["#", 36, 3]
      ]),
      "24 h: active 1 %, last at 11:15; seen active but not told under 1 %, last at 12:10; not seen under 1 %, last at 13:05"
    ],
    ["a day all but clear", dayOf([["#", 287, 287]]), "24 h: active 99 %, last at 14:00"]
  ]

  it.each(table)("says %s", (_, history, wanted) => {
    assert.strictEqual(stripText(history, historyBucketMs, moments), wanted)
  })
})

describe("spellsOf", () => {
  it("names the newest first and what lasts", () => {
    const day = dayOf([
      ["#", 0, 1],
      ["?", 12, 2]
    ])

    assert.deepStrictEqual(spellsOf(day, historyBucketMs, moments), ["active 14:05–now", "not seen 13:05–13:15"])
  })
})

describe("strip", () => {
  it("draws one path a kind, and says what it shows", () => {
    const drawn = strip("..##..", historyBucketMs, moments).markup

    assert.include(drawn, '<path class="h-active" d="M2 0h2v16h-2z"/>')
    assert.include(drawn, '<path class="h-clear" d="M0 13h2v3h-2zM4 13h2v3h-2z"/>')
    assert.include(drawn, 'role="img" aria-label="24 h: active 33 %, last at 13:55"')
  })

  it("gives every kind a shape of its own", () => {
    const shapes = stripLegend.map(({ picture }) => /d="([^"]+)"/.exec(picture.markup)?.[1])

    assert.strictEqual(new Set(shapes).size, stripLegend.length)
  })
})
