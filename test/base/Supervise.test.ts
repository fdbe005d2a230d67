import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Loops } from "../../src/base/Loops.ts"
import { monotonicMs } from "../../src/base/Monotonic.ts"
import { supervise } from "../../src/base/Supervise.ts"
import { quiesce } from "../queue/scripted.ts"

const pass = (ms: number) => Effect.andThen(TestClock.adjust(ms), quiesce)

/** A loop whose n-th life (from 1) is `lives(n)`; gives when each began. */
const supervised = (lives: (life: number) => Effect.Effect<unknown>) =>
  Effect.gen(function* () {
    const startsMs: Array<number> = []
    const loop = Effect.suspend(() =>
      Effect.flatMap(monotonicMs, (nowMs) => {
        startsMs.push(nowMs)
        return lives(startsMs.length)
      })
    )
    const fiber = yield* Effect.forkScoped(supervise("it", loop))
    yield* quiesce
    return { startsMs, fiber, loops: yield* Loops }
  })

describe("supervise", () => {
  it.effect("ends when the loop returns of itself", () =>
    Effect.gen(function* () {
      const { startsMs, fiber } = yield* supervised(() => Effect.void)

      assert.isDefined(fiber.pollUnsafe())
      assert.deepStrictEqual(startsMs, [0])
    }).pipe(Effect.provide(Loops.layer))
  )

  it.effect.each([
    ["a defect", Effect.die(new Error("a bug"))],
    ["a synchronous throw", Effect.sync(() => JSON.parse("{") as unknown)],
    ["an interruption of its own", Effect.interrupt]
  ] as const)("starts the loop again after %s", ([, crash]) =>
    Effect.gen(function* () {
      const { startsMs, loops } = yield* supervised((life) => (life === 1 ? crash : Effect.never))

      yield* pass(99)
      assert.deepStrictEqual(startsMs, [0])

      yield* pass(1)
      assert.deepStrictEqual(startsMs, [0, 100])
      assert.deepInclude((yield* loops.all)[0], { name: "it", crashes: 1, failing: false })
    }).pipe(Effect.provide(Loops.layer))
  )

  it.effect("waits twice as long each time, up to half a minute", () =>
    Effect.gen(function* () {
      const { startsMs } = yield* supervised(() => Effect.die("always"))

      yield* pass(200_000)

      const waits = startsMs.slice(1).map((at, index) => at - (startsMs[index] ?? 0))
      assert.deepStrictEqual(waits.slice(0, 9), [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600])
      assert.isAtMost(Math.max(...waits), 30_000)
    }).pipe(Effect.provide(Loops.layer))
  )

  it.effect("reports a loop that crashes five times in a minute, until it has run for a minute", () =>
    Effect.gen(function* () {
      const { startsMs, loops } = yield* supervised((life) => (life <= 5 ? Effect.die("often") : Effect.never))

      yield* pass(1_499)
      assert.deepStrictEqual(yield* loops.complaints, [])
      yield* pass(1)
      assert.match((yield* loops.complaints).join(), /^it keeps crashing \(5 times\)/)

      yield* pass(1_600)
      assert.strictEqual(startsMs.at(-1), 3_100)
      yield* pass(59_999)
      assert.strictEqual((yield* loops.complaints).length, 1)

      yield* pass(1)
      assert.deepStrictEqual(yield* loops.complaints, [])
    }).pipe(Effect.provide(Loops.layer))
  )

  it.effect("begins its back-off anew after a run that outlived the window", () =>
    Effect.gen(function* () {
      const { startsMs } = yield* supervised((life) =>
        life === 4 ? Effect.andThen(Effect.sleep(60_001), Effect.die("late")) : Effect.die("early")
      )

      yield* pass(60_801)

      assert.deepStrictEqual(startsMs, [0, 100, 300, 700, 60_801])
    }).pipe(Effect.provide(Loops.layer))
  )

  it.effect("lets itself be interrupted, also while it waits", () =>
    Effect.gen(function* () {
      const { startsMs, fiber } = yield* supervised(() => Effect.die("always"))

      yield* Fiber.interrupt(fiber)
      yield* pass(60_000)

      assert.deepStrictEqual(startsMs, [0])
    }).pipe(Effect.provide(Loops.layer))
  )
})
