import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { monotonicMs, onGrid, wallOffsetMs } from "../../src/base/Monotonic.ts"
import { quiesce } from "../queue/scripted.ts"

const pass = (ms: number) => Effect.andThen(TestClock.adjust(ms), quiesce)

const ticking = (tick: (number: number) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const ticks: Array<readonly [number, number]> = []
    const grid = onGrid(Duration.seconds(10), (number) =>
      Effect.flatMap(monotonicMs, (nowMs) => {
        ticks.push([number, nowMs])
        return tick(number)
      })
    )
    yield* Effect.forkScoped(grid)
    yield* quiesce
    return ticks
  })

describe("onGrid", () => {
  it.effect("ticks at once, then on the grid, numbered from 1", () =>
    Effect.gen(function* () {
      yield* pass(300)
      const ticks = yield* ticking(() => Effect.void)

      yield* pass(19_999)
      assert.deepStrictEqual(ticks, [
        [1, 300],
        [2, 10_300]
      ])

      yield* pass(1)
      assert.deepStrictEqual(ticks.at(-1), [3, 20_300])
    })
  )

  it.effect("skips the points that a late tick has missed", () =>
    Effect.gen(function* () {
      const ticks = yield* ticking((number) => (number === 2 ? Effect.sleep(25_000) : Effect.void))

      yield* pass(50_000)

      assert.deepStrictEqual(ticks, [
        [1, 0],
        [2, 10_000],
        [3, 40_000],
        [4, 50_000]
      ])
    })
  )

  it.effect("takes the next point where a tick ends exactly on one", () =>
    Effect.gen(function* () {
      const ticks = yield* ticking((number) => (number === 1 ? Effect.sleep(10_000) : Effect.void))

      yield* pass(20_000)

      assert.deepStrictEqual(ticks, [
        [1, 0],
        [2, 20_000]
      ])
    })
  )
})

describe("the clocks", () => {
  it.effect("differ by the wall clock's steps only", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(5_000)
      const before = yield* wallOffsetMs

      yield* TestClock.setTime(2_000)

      assert.strictEqual(yield* monotonicMs, 5_000)
      assert.strictEqual((yield* wallOffsetMs) - before, -3_000)
    })
  )
})
