import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { engine, speedUpWhenBusy } from "../../src/base/Thrift.ts"

/** Lets minutes pass that took so many seconds of CPU each, and counts how often it was sped up. */
const after = (...minutes: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    let cpuSeconds = 100
    let spedUp = 0
    const fiber = yield* Effect.forkChild(
      Effect.provideService(speedUpWhenBusy, engine, { cpuSeconds: () => cpuSeconds, speedUp: () => void spedUp++ })
    )
    for (const seconds of minutes) {
      yield* TestClock.adjust("59 seconds")
      cpuSeconds += seconds
      yield* TestClock.adjust("1 seconds")
    }
    yield* Fiber.interrupt(fiber)
    return spedUp
  })

describe("the optimizing compilers", () => {
  it.effect("stay off while there is little to do, however long", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* after(1.2, ...Array.from({ length: 60 }, () => 0.5), 1.9), 0)
    })
  )

  it.effect("are taken into use after a busy minute, once", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* after(0.5, 2, 5, 5), 1)
    })
  )
})
