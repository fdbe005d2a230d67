import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { alert, atDesk, pass, permanent, sinkError } from "./scripted.ts"

describe("a sink that refuses for good", () => {
  it.effect("is red, said once, probed every ten minutes, and said to be well again", () =>
    atDesk(({ courier, deliver, script, triesMs, health, said }) =>
      Effect.gen(function* () {
        script.push(Effect.fail(permanent), Effect.fail(permanent))
        yield* deliver(alert("alert", "a"))
        const red = yield* courier.health
        yield* deliver(alert("alert", "b"))

        yield* pass(600_000 - 1)
        assert.deepStrictEqual(triesMs(), [0])
        assert.deepInclude(red, { red: true, problem: "kicked from the chat", failures: 1, sent: 0, waiting: 1 })

        yield* pass(1)
        assert.deepStrictEqual(triesMs(), [0, 600_000])
        assert.deepStrictEqual(health, ["telegram: kicked from the chat"])

        yield* pass(600_000)
        assert.deepStrictEqual(triesMs(), [0, 600_000, 1_200_000])
        assert.deepStrictEqual(said(), ["alert a, alert b"])
        assert.deepStrictEqual(health, ["telegram: kicked from the chat", "telegram: well"])
        assert.deepInclude(yield* courier.health, { red: false, problem: null, failures: 2, sent: 1, waiting: 0 })
      })
    )
  )

  it.effect("is red from the start if it is found so when asked, and what is owed is sent all the same", () =>
    atDesk(
      ({ deliver, health, said }) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(health, ["telegram: kicked from the chat"])

          yield* deliver(alert("alert"))

          assert.deepStrictEqual(said(), ["alert container:api"])
          assert.deepStrictEqual(health, ["telegram: kicked from the chat", "telegram: well"])
        }),
      { sink: { verify: Effect.fail(permanent) } }
    )
  )

  it.effect("does not count as well again because it could not be asked", () =>
    atDesk(
      ({ courier, deliver, script, health }) =>
        Effect.gen(function* () {
          script.push(Effect.fail(permanent))
          yield* deliver(alert("alert"))

          yield* pass(5_000)
          assert.isTrue((yield* courier.health).red)

          yield* pass(600_000)
          assert.deepStrictEqual(health, ["telegram: kicked from the chat", "telegram: well"])
        }),
      { sink: { verify: Effect.andThen(Effect.sleep(5_000), Effect.fail(sinkError())) } }
    )
  )

  it.effect("stays red while only reading works: what a send has found only a send can clear", () => {
    let asked = 0
    return atDesk(
      ({ courier, deliver, script, health }) =>
        Effect.gen(function* () {
          script.push(...Array.from({ length: 20 }, () => Effect.fail(permanent)))
          yield* deliver(alert("alert"))

          yield* pass(2 * 3_600_000)
          assert.isAbove(asked, 1)
          assert.isTrue((yield* courier.health).red)
          assert.deepStrictEqual(health, ["telegram: kicked from the chat"])
        }),
      {
        sink: { verify: Effect.suspend(() => (++asked === 2 ? Effect.fail(sinkError()) : Effect.succeed("readable"))) }
      }
    )
  })

  it.effect.each([
    ["a defect", Effect.die("a bug")],
    ["an interruption", Effect.interrupt],
    ["a hang", Effect.never]
  ] as const)("needs no answer when it is asked whether it works: %s", ([, verify]) =>
    atDesk(
      ({ deliver, said }) =>
        Effect.gen(function* () {
          yield* pass(120_000)

          yield* deliver(alert("alert"))

          assert.deepStrictEqual(said(), ["alert container:api"])
        }),
      { sink: { verify } }
    )
  )
})

describe("the board", () => {
  it.effect("is pushed the sink's standing at each change, and each accepted message in plain words", () =>
    atDesk(({ deliver, script, heard }) =>
      Effect.gen(function* () {
        script.push(Effect.sleep(500), Effect.fail(permanent))
        yield* deliver(alert("alert", "a"))
        yield* pass(1_000)
        yield* deliver(alert("recover", "a", { atMs: 1_000 }))
        yield* pass(600_000)

        assert.deepStrictEqual(
          heard.standings.map(({ red, waiting, sent, failures }) => [red, waiting, sent, failures]),
          [
            [false, 0, 0, 0],
            [false, 0, 1, 0],
            [true, 1, 1, 1],
            [true, 0, 1, 1],
            [false, 0, 2, 1]
          ]
        )
        assert.deepStrictEqual(
          heard.messages.map(({ atMs, sink, rang, signals }) => [atMs, sink, rang, signals]),
          [
            [500, "telegram", true, ["a"]],
            [601_000, "telegram", false, ["a"]]
          ]
        )
        assert.strictEqual(heard.messages[0]?.text, "🔴 a down\nsince t0 (0 s) · box")
      })
    )
  )
})
