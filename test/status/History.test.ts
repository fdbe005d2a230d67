import { assert, describe, it } from "vitest"
import { History, Rank } from "../../src/status/History.ts"
import { historyBucketMs, historyBuckets } from "../../src/status/Snapshot.ts"

const minuteMs = 60_000
const dayMs = historyBucketMs * historyBuckets

/** Small and seeded: a failure must come again. */
const chance = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

interface Change {
  readonly rank: Rank
  readonly atMs: number
}

/** What a bucket should say, worked out from the states alone: the worst that held at some moment of it. */
const model = (changes: ReadonlyArray<Change>, nowMs: number): string => {
  const newest = Math.floor(nowMs / historyBucketMs)
  return Array.from({ length: historyBuckets }, (_, n) => {
    const fromMs = (newest - historyBuckets + 1 + n) * historyBucketMs
    const toMs = fromMs + historyBucketMs
    const held = changes.filter(
      ({ atMs }, at) => atMs < toMs && atMs <= nowMs && (changes[at + 1]?.atMs ?? Number.POSITIVE_INFINITY) > fromMs
    )
    return " .h?-#"[Math.max(0, ...held.map(({ rank }) => rank))]
  }).join("")
}

describe("a signal's history", () => {
  it("is blank before the first look, and always one character a bucket", () => {
    const history = new History()

    assert.strictEqual(history.text(0), " ".repeat(historyBuckets))
    history.note(Rank.clear, 3 * minuteMs)
    assert.strictEqual(history.text(3 * minuteMs), `${" ".repeat(historyBuckets - 1)}.`)
  })

  it("keeps the worst of a bucket and begins the next one with what still holds", () => {
    const history = new History()
    history.note(Rank.clear, 0)
    history.note(Rank.active, minuteMs)
    history.note(Rank.clear, 2 * minuteMs)
    history.note(Rank.untold, 6 * minuteMs)

    assert.strictEqual(history.text(11 * minuteMs).slice(-3), "#--")
  })

  it("fills a gap with what held: no look is no change", () => {
    const history = new History()
    history.note(Rank.active, 0)
    history.note(Rank.clear, 20 * minuteMs)

    assert.strictEqual(history.text(26 * minuteMs).slice(-6), "#####.")
  })

  it("forgets what is older than a day, also after a long silence", () => {
    const history = new History()
    history.note(Rank.active, 0)
    history.note(Rank.clear, minuteMs)

    assert.include(history.text(dayMs - 1), "#")
    assert.strictEqual(history.text(dayMs), ".".repeat(historyBuckets))
    assert.strictEqual(history.text(40 * dayMs), ".".repeat(historyBuckets))
  })

  it("does not move for a moment before the newest", () => {
    const history = new History()
    history.note(Rank.clear, 10 * minuteMs)
    history.note(Rank.active, 4 * minuteMs)

    assert.strictEqual(history.text(10 * minuteMs).slice(-2), " #")
  })

  it("says of any course of states what a plain model says of it", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const next = chance(seed)
      const history = new History()
      const changes: Array<Change> = []
      let nowMs = next(dayMs)
      for (let n = next(60); n >= 0; n--) {
        const rank = (1 + next(5)) as Rank
        changes.push({ rank, atMs: nowMs })
        history.note(rank, nowMs)
        // Looking must not change what is seen later.
        if (next(3) === 0) history.text(nowMs)
        nowMs += next(10) === 0 ? next(2 * dayMs) : next(8 * minuteMs)
      }

      assert.strictEqual(history.text(nowMs), model(changes, nowMs), `seed ${seed}`)
    }
  })
})
