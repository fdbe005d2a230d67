import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Loops } from "../../src/base/Loops.ts"

const withLoops = (self: (loops: Loops["Service"]) => Effect.Effect<void>) =>
  Effect.flatMap(Loops, self).pipe(Effect.provide(Loops.layer))

describe("Loops", () => {
  it.effect("complain of a loop that is silent for longer than it may be, and of no other", () =>
    withLoops((loops) =>
      Effect.gen(function* () {
        yield* loops.register("collector disk", 40_000)
        yield* loops.register("sink telegram", null)

        yield* TestClock.adjust(40_000)
        assert.deepStrictEqual(yield* loops.complaints, [])

        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* loops.complaints, ["collector disk has not ticked for 40 s"])

        yield* loops.beat("collector disk")
        assert.deepStrictEqual(yield* loops.complaints, [])
      })
    )
  )

  it.effect("complain of a loop that keeps crashing until it is well, however well it beats", () =>
    withLoops((loops) =>
      Effect.gen(function* () {
        yield* loops.crashed("dispatcher", "Error: a bug", false)
        assert.deepStrictEqual(yield* loops.complaints, [])

        yield* loops.crashed("dispatcher", "Error: a bug", true)
        yield* loops.crashed("dispatcher", "Error: another", false)
        yield* loops.beat("dispatcher")
        assert.deepStrictEqual(yield* loops.complaints, ["dispatcher keeps crashing (3 times): Error: another"])

        yield* loops.well("dispatcher")
        assert.deepStrictEqual(yield* loops.complaints, [])
        assert.deepInclude((yield* loops.all)[0], { crashes: 3, lastCrash: "Error: another" })
      })
    )
  )

  it.effect("keep what they know of a loop that is registered again", () =>
    withLoops((loops) =>
      Effect.gen(function* () {
        yield* loops.crashed("x", "Error: a bug", false)
        yield* loops.register("x", 10)

        assert.deepInclude((yield* loops.all)[0], { crashes: 1, staleAfterMs: 10 })
      })
    )
  )
})
