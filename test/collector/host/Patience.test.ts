import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import { makePatience } from "../../../src/collector/host/Patience.ts"
import { quiesce } from "../../queue/scripted.ts"

describe("Patience", () => {
  it.effect("waits until the timeout, not a millisecond longer", () =>
    Effect.gen(function* () {
      const inTime = yield* makePatience<string>(1_000, 1)
      const looking = yield* Effect.forkChild(inTime("a", Effect.never))
      yield* quiesce

      yield* TestClock.adjust("999 millis")
      assert.isUndefined(looking.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(looking), Option.none())
    }).pipe(Effect.scoped)
  )

  it.effect("asks once per key while the call is under way, and hands its late answer to who waits then", () =>
    Effect.gen(function* () {
      const inTime = yield* makePatience<string>(1_000, 2)
      const answer = yield* Deferred.make<string>()
      let asked = 0
      const call = Effect.suspend(() => {
        asked += 1
        return Deferred.await(answer)
      })
      const first = yield* Effect.forkChild(inTime("a", call))
      yield* quiesce
      yield* TestClock.adjust("1 second")
      const second = yield* Effect.forkChild(inTime("a", call))
      yield* quiesce
      yield* Deferred.succeed(answer, "late")

      assert.deepStrictEqual(
        [yield* Fiber.join(first), yield* Fiber.join(second)],
        [Option.none(), Option.some("late")]
      )
      assert.strictEqual(asked, 1)
      assert.deepStrictEqual(yield* inTime("a", Effect.succeed("anew")), Option.some("anew"))
    }).pipe(Effect.scoped)
  )

  it.effect("has no more calls under way than there are places", () =>
    Effect.gen(function* () {
      const inTime = yield* makePatience<string>(1_000, 1)
      let asked = ""
      const call = (key: string) =>
        inTime(
          key,
          Effect.suspend(() => {
            asked += key
            return Effect.never
          })
        )
      const looking = yield* Effect.forkChild(Effect.all([call("a"), call("b")], { concurrency: "unbounded" }))
      yield* quiesce
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(yield* Fiber.join(looking), [Option.none(), Option.none()])
      assert.strictEqual(asked, "a")
    }).pipe(Effect.scoped)
  )
})
