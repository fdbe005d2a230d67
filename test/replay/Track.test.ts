import { assert, describe, it } from "vitest"
import type { Decision } from "../../src/decision/index.ts"
import { Track } from "../../src/replay/Track.ts"
import { policyOf, seen } from "../decision/history.ts"

const policy = policyOf({ raiseTicks: 1, cooldownMs: 20_000, reminderFactor: 1, flapRaises: 0 })

const told: Array<string> = []
const tell = ({ atMs, kind }: Decision): void => void told.push(`${kind} at ${Math.round(atMs)}`)

describe("a track", () => {
  it("rings between looks when something falls due, at its time", () => {
    told.length = 0
    const track = new Track()

    track.feed(policy, seen(true, 1, 0), 5, tell)
    track.feed(policy, seen(true, 2, 15_000), 15_000, tell)
    track.pass(policy, 20_004, tell)
    assert.deepStrictEqual(told, ["alert at 5"])
    track.feed(policy, seen(true, 3, 30_000), 30_000, tell)
    track.pass(policy, 45_000, tell)

    assert.deepStrictEqual(told, ["alert at 5", "remind at 20005", "remind at 40005"])
  })

  it("says no more once the signal is unknown", () => {
    told.length = 0
    const track = new Track()

    track.feed(policy, seen(true, 1, 0), 0, tell)
    track.pass(policy, 1e12, tell)

    assert.deepStrictEqual(told, ["alert at 0", "remind at 20000"])
  })

  it("does not hang on the fraction of a nanosecond that a sum is off by", () => {
    told.length = 0
    const track = new Track()
    const from = 16_077.210_796
    track.feed(policy, seen(true, 1, from), from, tell)

    for (let tick = 2; tick < 200; tick++)
      track.feed(policy, seen(true, tick, from + tick * 9_999.7), from + tick * 9_999.7, tell)

    assert.strictEqual(track.cut, 0)
    assert.strictEqual(told.length, 1 + Math.floor((199 * 9_999.7) / 20_000))
  })

  it("gives up on a policy that reminds for ever without a look", () => {
    told.length = 0
    const track = new Track()
    const hostile = policyOf({ ...policy, intervalMs: 1e12, cooldownMs: 1 })

    track.feed(hostile, seen(true, 1, 0), 0, tell)
    track.pass(hostile, 1e12, tell)

    assert.strictEqual(track.cut, 1)
  })
})
