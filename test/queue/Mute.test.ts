/** Mutes: what they cover, how they end, what is said of them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { type Mute, Mutes, coveredBy } from "../../src/queue/Mute.ts"
import { type MuteStanding, StatusBoard } from "../../src/status/StatusBoard.ts"

describe("coveredBy", () => {
  const mutes: ReadonlyArray<Mute> = [
    { pattern: "container:*", untilMs: 10, by: "@ann" },
    { pattern: "container:api", untilMs: 30, by: "@bob" },
    { pattern: "container:*", untilMs: 20, by: "@cid" }
  ]

  it("names the mute that ends last", () => {
    assert.strictEqual(coveredBy(mutes, "container:api")?.by, "@bob")
    assert.strictEqual(coveredBy(mutes, "container:db")?.by, "@cid")
    assert.isUndefined(coveredBy(mutes, "disk:/"))
  })
})

const world = (inherited: ReadonlyArray<Mute> = []) => {
  const shown: Array<ReadonlyArray<MuteStanding>> = []
  const board = Layer.effect(
    StatusBoard,
    Effect.map(StatusBoard, (none) => ({ ...none, mutes: (standing) => Effect.sync(() => void shown.push(standing)) }))
  ).pipe(Layer.provide(StatusBoard.layerNone))
  return { shown, layer: Layer.provide(Mutes.layer(inherited), board) }
}

const mute = (pattern: string, minutes: number, by = "@ann"): Mute => ({ pattern, untilMs: minutes * 60_000, by })

describe("a mute", () => {
  it.effect("holds to the millisecond, is seen to end, and is shown on the board", () => {
    const { shown, layer } = world()
    return Effect.gen(function* () {
      const mutes = yield* Mutes
      const seen: Array<number> = []
      yield* Effect.forkScoped(Stream.runForEach(mutes.changes, (now) => Effect.sync(() => void seen.push(now.length))))
      yield* TestClock.adjust(0)

      yield* mutes.mute(mute("disk:/", 10))
      yield* mutes.mute(mute("*", 5))
      yield* TestClock.adjust("299999 millis")
      const before = yield* mutes.current
      yield* TestClock.adjust("1 millis")
      const after = yield* mutes.current
      yield* TestClock.adjust("5 minutes")

      assert.strictEqual(before.length, 2)
      assert.deepStrictEqual(after, [mute("disk:/", 10)])
      assert.deepStrictEqual(yield* mutes.current, [])
      assert.deepStrictEqual(seen, [0, 1, 2, 1, 0])
      assert.deepStrictEqual(
        shown.map((standing) => standing.length),
        [0, 1, 2, 1, 0]
      )
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("of the same pattern by the same hand replaces the one before; another hand's stands beside it", () => {
    const { layer } = world()
    return Effect.gen(function* () {
      const mutes = yield* Mutes

      yield* mutes.mute(mute("*", 60))
      yield* mutes.mute(mute("*", 30, "maintenance"))
      yield* mutes.mute(mute("*", 5))
      const both = yield* mutes.current
      yield* TestClock.adjust("6 minutes")

      assert.deepStrictEqual(both, [mute("*", 30, "maintenance"), mute("*", 5)])
      assert.deepStrictEqual(yield* mutes.current, [mute("*", 30, "maintenance")])
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("is ended by its very pattern, whoever made it, and by no other", () => {
    const { layer } = world()
    return Effect.gen(function* () {
      const mutes = yield* Mutes
      yield* mutes.mute(mute("container:*", 60))
      yield* mutes.mute(mute("container:*", 60, "@bob"))
      yield* mutes.mute(mute("disk:/", 60))

      const none = yield* mutes.unmute("container:api")
      const ended = yield* mutes.unmute("container:*")

      assert.deepStrictEqual(none, [])
      assert.strictEqual(ended.length, 2)
      assert.deepStrictEqual(yield* mutes.current, [mute("disk:/", 60)])
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("that was handed over goes on, unless it has ended meanwhile", () => {
    const { layer, shown } = world([mute("disk:/", 10), mute("*", 0)])
    return Effect.gen(function* () {
      const mutes = yield* Mutes
      const first = yield* Stream.runCollect(Stream.take(mutes.changes, 1)).pipe(Effect.forkChild)
      yield* TestClock.adjust("10 minutes")

      assert.deepStrictEqual([...(yield* Fiber.join(first))], [[mute("disk:/", 10)]])
      assert.deepStrictEqual(yield* mutes.current, [])
      assert.strictEqual(shown[0]?.length, 1)
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("for longer than a timer can be set still ends in time", () => {
    const { layer } = world()
    return Effect.gen(function* () {
      const mutes = yield* Mutes
      yield* mutes.mute(mute("*", 7 * 24 * 60))

      yield* TestClock.adjust("10079 minutes")
      const before = yield* mutes.current
      yield* TestClock.adjust("1 minute")

      assert.strictEqual(before.length, 1)
      assert.deepStrictEqual(yield* mutes.current, [])
    }).pipe(Effect.provide(layer), Effect.scoped)
  })
})
