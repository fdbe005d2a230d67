import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { attempt, sendCutMs, verifyOnce } from "../../src/queue/Attempt.ts"
import type { SinkError } from "../../src/sink/Sink.ts"
import { permanent } from "./scripted.ts"

describe("a send", () => {
  const bugs: ReadonlyArray<readonly [string, () => Effect.Effect<string, SinkError>]> = [
    ["a defect", () => Effect.die(new Error("a bug"))],
    ["an interruption of its own", () => Effect.interrupt],
    [
      "a throw before there is an effect",
      () => {
        throw new Error("thrown at once")
      }
    ]
  ]

  it.effect.each(bugs)("ends as a failure that may have arrived: %s", ([, send]) =>
    Effect.gen(function* () {
      const outcome = yield* attempt("telegram", send)

      assert.deepInclude(outcome._tag === "Failed" ? outcome.error : outcome, { retryable: true, maybeSent: true })
    })
  )

  it.effect("ends as it says itself", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* attempt("telegram", () => Effect.succeed("it")), {
        _tag: "Accepted",
        receipt: "it"
      })
      assert.deepStrictEqual(yield* attempt("telegram", () => Effect.fail(permanent)), {
        _tag: "Failed",
        error: permanent
      })
    })
  )

  it.effect("ends after a minute if it hangs", () =>
    Effect.gen(function* () {
      const sending = yield* Effect.forkChild(attempt("telegram", () => Effect.never))

      yield* TestClock.adjust(sendCutMs - 1)
      assert.isUndefined(sending.pollUnsafe())

      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Fiber.join(sending))._tag, "Failed")
    })
  )
})

describe("a check", () => {
  it.effect("never fails: it says what was found, or what is wrong", () =>
    Effect.gen(function* () {
      const check = (verify: Effect.Effect<string, SinkError>) => verifyOnce({ name: "telegram", verify })

      assert.deepStrictEqual(yield* check(Effect.succeed("bot @b")), { problem: null, found: "bot @b" })
      assert.deepStrictEqual(yield* check(Effect.fail(permanent)), { problem: permanent, found: "" })
      assert.isTrue((yield* check(Effect.die("a bug"))).problem?.retryable)
    })
  )
})
