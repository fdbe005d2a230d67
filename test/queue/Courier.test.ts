import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { SinkError } from "../../src/sink/Sink.ts"
import { type CourierDesk, alert, atDesk, pass, quiesce, sinkError } from "./scripted.ts"

describe("pace", () => {
  it.effect("sends at once when idle", () =>
    atDesk(({ deliver, tries }) =>
      Effect.gen(function* () {
        yield* pass(5_000)

        yield* deliver(alert("alert"))

        assert.deepStrictEqual(
          tries.map(({ atMs, what }) => [atMs, what]),
          [[5_000, "alert container:api"]]
        )
      })
    )
  )

  it.effect(
    "gathers what comes within a second of a send's start into one message, in a window that never slides",
    () =>
      atDesk(({ deliver, triesMs, said }) =>
        Effect.gen(function* () {
          yield* deliver(alert("alert", "a"))
          yield* pass(100)
          yield* deliver(alert("alert", "b"))
          yield* pass(800)
          yield* deliver(alert("alert", "c"))

          yield* pass(99)
          assert.deepStrictEqual(triesMs(), [0])

          yield* pass(1)
          assert.deepStrictEqual(triesMs(), [0, 1_000])
          assert.deepStrictEqual(said(), ["alert a", "alert b, alert c"])
        })
      )
  )

  it.effect("puts what is worst first", () =>
    atDesk(({ deliver, said }) =>
      Effect.gen(function* () {
        yield* deliver(alert("alert", "a"))
        yield* deliver(alert("alert", "w", {}, "warning"))
        yield* deliver(alert("recover", "a"), alert("alert", "d"), alert("flapping", "e"))
        yield* pass(1_000)

        assert.deepStrictEqual(said().at(-1), "alert d, flapping e, alert w, recovered a")
      })
    )
  )

  it.effect("gathers what comes while a message is under way, and sends it when that has ended", () =>
    atDesk(({ deliver, script, triesMs, said }) =>
      Effect.gen(function* () {
        script.push(Effect.sleep(5_000))
        yield* deliver(alert("alert", "a"))
        yield* pass(3_000)
        yield* deliver(alert("alert", "b"))

        yield* pass(1_999)
        assert.deepStrictEqual(triesMs(), [0])

        yield* pass(1)
        assert.deepStrictEqual(triesMs(), [0, 5_000])
        assert.deepStrictEqual(said(), ["alert a", "alert b"])
      })
    )
  )

  it.effect("starts at most fifteen messages in any minute; the rest becomes one digest", () =>
    atDesk(({ deliver, tries, triesMs }) =>
      Effect.gen(function* () {
        for (let count = 0; count < 30; count++) {
          yield* deliver(alert("alert", `s${count}`))
          if (count < 29) yield* pass(2_000)
        }

        yield* pass(1_999)
        assert.strictEqual(tries.length, 15)
        assert.isAtMost(triesMs().at(-1) ?? 0, 30_000)

        yield* pass(1)
        assert.strictEqual(triesMs().at(-1), 60_000)
        assert.strictEqual(tries[15]?.draft.entries.length, 15)
      })
    )
  )

  it.effect("splits at whole entries what does not fit, a second apart", () =>
    atDesk(
      ({ deliver, triesMs, said }) =>
        Effect.gen(function* () {
          yield* deliver(...["a", "b", "c", "d", "e"].map((signal) => alert("alert", signal)))
          yield* pass(10_000)

          assert.deepStrictEqual(said(), ["alert a, alert b", "alert c, alert d", "alert e"])
          assert.deepStrictEqual(triesMs(), [0, 1_000, 2_000])
        }),
      { sink: { fit: () => 2 } }
    )
  )

  it.effect("sends one entry even where the sink says that none fits", () =>
    atDesk(
      ({ deliver, said }) =>
        Effect.gen(function* () {
          yield* deliver(alert("alert", "a"))

          assert.deepStrictEqual(said(), ["alert a"])
        }),
      { sink: { fit: () => 0 } }
    )
  )
})

describe("a message that fails", () => {
  it.effect("is tried again after 1 s, doubling, up to a minute", () =>
    atDesk(({ deliver, script, triesMs, said }) =>
      Effect.gen(function* () {
        script.push(...Array.from({ length: 8 }, () => Effect.fail(sinkError())))
        yield* deliver(alert("alert"))

        yield* pass(183_000 - 1)
        assert.deepStrictEqual(triesMs(), [0, 1_000, 3_000, 7_000, 15_000, 31_000, 63_000, 123_000])

        yield* pass(1 + 60_000)
        assert.deepStrictEqual(triesMs().slice(8), [183_000, 243_000].slice(0, 1))
        assert.deepStrictEqual(said(), ["alert container:api"])
      })
    )
  )

  it.effect("starts its back-off anew after a success", () =>
    atDesk(({ deliver, script, triesMs }) =>
      Effect.gen(function* () {
        script.push(Effect.fail(sinkError()), Effect.fail(sinkError()), Effect.void, Effect.fail(sinkError()))
        yield* deliver(alert("alert", "a"))
        yield* pass(10_000)

        yield* deliver(alert("alert", "b"))
        yield* pass(1_000)

        assert.deepStrictEqual(triesMs(), [0, 1_000, 3_000, 10_000, 11_000])
      })
    )
  )

  it.effect("waits as long as the other side asks, whatever the jitter", () =>
    atDesk(
      ({ deliver, script, triesMs }) =>
        Effect.gen(function* () {
          script.push(Effect.fail(sinkError({ reason: "RateLimited", retryAfterMs: 30_000 })))
          yield* deliver(alert("alert", "a"))
          yield* deliver(alert("alert", "b"))

          yield* pass(29_999)
          assert.deepStrictEqual(triesMs(), [0])

          yield* pass(1)
          assert.deepStrictEqual(triesMs(), [0, 30_000])
        }),
      { random: 0 }
    )
  )

  it.effect("is composed anew: what has passed meanwhile is not told as if it were true", () =>
    atDesk(({ deliver, script, said }) =>
      Effect.gen(function* () {
        script.push(Effect.fail(sinkError()), Effect.fail(sinkError()))
        yield* deliver(alert("alert", "a"), alert("alert", "b"))
        yield* pass(1_500)
        yield* deliver(alert("recover", "a", { atMs: 1_500 }))

        yield* pass(10_000)
        assert.deepStrictEqual(said(), ["alert b, late a"])
      })
    )
  )

  it.effect("is marked as possibly repeated where it may have arrived", () =>
    atDesk(({ deliver, script, said }) =>
      Effect.gen(function* () {
        script.push(Effect.fail(sinkError({ reason: "Timeout", maybeSent: true })))
        yield* deliver(alert("alert"))
        yield* pass(1_000)

        assert.deepStrictEqual(said(), ["alert container:api (repeated)"])
      })
    )
  )

  const failures: ReadonlyArray<readonly [string, Effect.Effect<unknown, SinkError>]> = [
    ["a typed error", Effect.fail(sinkError())],
    ["a defect", Effect.die(new Error("a bug"))],
    ["a synchronous throw within the effect", Effect.sync(() => JSON.parse("{") as unknown)],
    ["an interruption of its own", Effect.interrupt],
    [
      "a child of its own that was interrupted",
      Effect.flatMap(Effect.forkChild(Effect.never), (child) =>
        Effect.andThen(Fiber.interrupt(child), Fiber.join(child))
      )
    ]
  ]

  it.effect.each(failures)("does not stop the courier: %s", ([, failure]) =>
    atDesk(({ deliver, script, triesMs, told }) =>
      Effect.gen(function* () {
        script.push(failure)
        yield* deliver(alert("alert", "a"))

        yield* pass(999)
        assert.deepStrictEqual([triesMs(), told], [[0], []])

        yield* pass(1)
        assert.deepStrictEqual(triesMs(), [0, 1_000])
        assert.strictEqual(told.length, 1)
      })
    )
  )

  it.effect("does not stop the courier: a throw before there is an effect", () => {
    let calls = 0
    const told: Array<number> = []
    return atDesk(
      ({ deliver }) =>
        Effect.gen(function* () {
          yield* deliver(alert("alert"))
          yield* pass(1_000)

          assert.deepStrictEqual([calls, told], [2, [1]])
        }),
      {
        sink: {
          send: (draft) => {
            calls += 1
            if (calls === 1) throw new Error("thrown at once")
            return Effect.sync(() => (told.push(draft.entries.length), { reference: null, moved: false }))
          }
        }
      }
    )
  })

  it.effect("is cut after a minute if it hangs, and may have arrived", () =>
    atDesk(({ deliver, script, triesMs, said }) =>
      Effect.gen(function* () {
        script.push(Effect.never)
        yield* deliver(alert("alert"))

        yield* pass(60_999)
        assert.deepStrictEqual(triesMs(), [0])

        yield* pass(1)
        assert.deepStrictEqual(triesMs(), [0, 61_000])
        assert.deepStrictEqual(said(), ["alert container:api (repeated)"])
      })
    )
  )

  it.effect("does not keep back what else is owed: after a bug outside of the send the loop begins with that", () => {
    let views = 0
    return atDesk(
      ({ deliver, script, triesMs, said }) =>
        Effect.gen(function* () {
          script.push(Effect.sleep(2_000))
          yield* deliver(alert("alert", "a"))
          yield* deliver(alert("alert", "b"))

          yield* pass(2_099)
          assert.deepStrictEqual(triesMs(), [0])

          yield* pass(1)
          assert.deepStrictEqual(triesMs(), [0, 2_100])
          assert.deepStrictEqual(said(), ["alert a", "alert b"])
        }),
      {
        view: () => {
          views += 1
          if (views === 1) throw new Error("no terminal")
        }
      }
    )
  })

  it.effect("is sent entry by entry to a sink that cannot count", () =>
    atDesk(
      ({ deliver, said }) =>
        Effect.gen(function* () {
          yield* deliver(alert("alert", "a"), alert("alert", "b"), alert("alert", "c"))
          yield* pass(2_000)

          assert.deepStrictEqual(said(), ["alert a", "alert b", "alert c"])
        }),
      {
        sink: {
          fit: () => {
            throw new Error("cannot count")
          }
        }
      }
    )
  )
})

describe("the intake", () => {
  it.effect(
    "never waits, not even for a courier whose loop crashes each time, and keeps one entry for each signal",
    () => {
      let crashes = 0
      return atDesk(
        ({ courier, deliver, said }) =>
          Effect.gen(function* () {
            yield* deliver(alert("alert", "first"))

            // No time passes and no fiber is let in between: whoever waited here would wait for ever.
            const delivered = yield* Effect.forkChild(
              Effect.forEach(
                Array.from({ length: 5_000 }, (_, at) => alert("alert", `s${at % 20}`)),
                (one) => courier.deliver(one),
                { discard: true }
              )
            )
            for (let turn = 0; turn < 50 && delivered.pollUnsafe() === undefined; turn++) yield* quiesce

            assert.isDefined(delivered.pollUnsafe())
            assert.strictEqual((yield* courier.health).waiting, 20)

            yield* pass(60_000)
            assert.isAbove(crashes, 1)
            assert.sameMembers(
              said().flatMap((line) => line.split(", ")),
              ["alert first", ...Array.from({ length: 20 }, (_, at) => `alert s${at}`)]
            )
          }),
        {
          view: () => {
            crashes += 1
            throw new Error("no terminal")
          }
        }
      )
    }
  )

  it.effect("loses nothing that comes in while a message is being put together", () =>
    atDesk(({ courier, said }) =>
      Effect.gen(function* () {
        const many = Array.from({ length: 300 }, (_, at) => alert("alert", `s${at}`))
        yield* Effect.forEach(many, (one) => Effect.andThen(Effect.yieldNow, courier.deliver(one)), {
          concurrency: 30,
          discard: true
        })
        yield* pass(20_000)

        const told = said().flatMap((line) => line.split(", "))
        assert.strictEqual(told.length, 300)
        assert.strictEqual(new Set(told).size, 300)
      })
    )
  )
})

describe("replies", () => {
  it.effect("answer the message that told the fault; a digest only if all its entries share one", () =>
    atDesk(({ deliver, tries }) =>
      Effect.gen(function* () {
        yield* deliver(alert("alert", "a"))
        yield* pass(20_000)
        yield* deliver(alert("alert", "b"))
        yield* pass(20_000)
        yield* deliver(alert("recover", "a"))
        yield* pass(20_000)
        yield* deliver(alert("alert", "a"))
        yield* pass(20_000)
        yield* deliver(alert("alert", "c"))
        yield* deliver(alert("recover", "a"), alert("recover", "b"))
        yield* pass(1_000)

        assert.deepStrictEqual(
          tries.map(({ what, draft }) => [what, draft.replyTo]),
          [
            ["alert a", null],
            ["alert b", null],
            ["recovered a", "1"],
            ["alert a", null],
            ["alert c", null],
            ["recovered a, recovered b", null]
          ]
        )
      })
    )
  )

  it.effect("share a target where one message told all the faults", () =>
    atDesk(({ deliver, tries }) =>
      Effect.gen(function* () {
        yield* deliver(alert("alert", "x"))
        yield* deliver(alert("alert", "a"), alert("alert", "b"))
        yield* pass(2_000)
        yield* deliver(alert("recover", "x"))
        yield* deliver(alert("recover", "a"), alert("recover", "b"))
        yield* pass(2_000)

        assert.strictEqual(tries.at(-1)?.what, "recovered a, recovered b")
        assert.strictEqual(tries.at(-1)?.draft.replyTo, "2")
      })
    )
  )

  it.effect("are forgotten when the chat has moved", () => {
    const replies: Array<string | null> = []
    return atDesk(
      ({ deliver }) =>
        Effect.gen(function* () {
          yield* deliver(alert("alert", "a"))
          yield* pass(1_000)
          yield* deliver(alert("alert", "b"))
          yield* pass(1_000)
          yield* deliver(alert("recover", "a"))
          yield* pass(1_000)
          yield* deliver(alert("recover", "b"))

          assert.deepStrictEqual(replies, [null, null, null, "2"])
        }),
      {
        sink: {
          send: ({ replyTo }) =>
            Effect.sync(() => {
              const count = replies.push(replyTo)
              return { reference: String(count), moved: count === 2 }
            })
        }
      }
    )
  })

  it.effect("come with the number of other signals that are in trouble", () =>
    atDesk(({ deliver, tries }) =>
      Effect.gen(function* () {
        yield* deliver(alert("alert", "a"))
        yield* deliver(alert("alert", "b"), alert("alert", "c"))
        yield* pass(1_000)
        yield* deliver(alert("recover", "b"))
        yield* pass(1_000)

        assert.deepStrictEqual(
          tries.map(({ draft }) => draft.alsoActive),
          [0, 1, 2]
        )
      })
    )
  )
})

describe("leaving", () => {
  const leave = (desk: CourierDesk, untilMs: number) =>
    Effect.gen(function* () {
      const left: Array<number> = []
      const leaving = Effect.andThen(
        desk.courier.flush(untilMs),
        Effect.clockWith((clock) => Effect.sync(() => left.push(clock.currentTimeMillisUnsafe())))
      )
      yield* Effect.forkChild(leaving)
      yield* quiesce
      return left
    })
  const unsent = ({ heard }: CourierDesk) => heard.journal.filter(({ event }) => event === "unsent")

  it.effect("takes no time if nothing is owed", () =>
    atDesk((desk) =>
      Effect.gen(function* () {
        const left = yield* leave(desk, 5_000)

        assert.deepStrictEqual(left, [0])
        assert.deepStrictEqual(unsent(desk), [])
      })
    )
  )

  it.effect("sends what still can be sent, also through failures", () =>
    atDesk((desk) =>
      Effect.gen(function* () {
        desk.script.push(Effect.void, Effect.fail(sinkError()))
        yield* desk.deliver(alert("alert", "a"))
        yield* desk.deliver(alert("alert", "b"))

        const left = yield* leave(desk, 5_000)
        yield* pass(5_000)

        assert.deepStrictEqual(desk.triesMs(), [0, 1_000, 2_000])
        assert.deepStrictEqual(left, [2_000])
        assert.deepStrictEqual(unsent(desk), [])
      })
    )
  )

  it.effect("does not wait for a wait that is longer than what is left, and logs what is unsent", () =>
    atDesk((desk) =>
      Effect.gen(function* () {
        desk.script.push(Effect.fail(sinkError({ retryAfterMs: 5_001 })))
        yield* desk.deliver(alert("alert", "a"))

        const left = yield* leave(desk, 5_000)

        assert.deepStrictEqual(left, [0])
        const [line] = unsent(desk)
        assert.deepInclude(line, { sink: "telegram" })
        assert.strictEqual(
          (JSON.parse(JSON.stringify(line)) as { entries: Array<{ signal: string }> }).entries[0]?.signal,
          "a"
        )
      })
    )
  )

  it.effect("waits for what is under way until the time is up, and then counts it as unsent", () =>
    atDesk((desk) =>
      Effect.gen(function* () {
        desk.script.push(Effect.never)
        yield* desk.deliver(alert("alert", "a"))
        yield* desk.deliver(alert("alert", "b"))

        const left = yield* leave(desk, 5_000)
        yield* pass(4_999)
        assert.deepStrictEqual(left, [])

        yield* pass(1)
        assert.deepStrictEqual(left, [5_000])
        const entries = unsent(desk).flatMap((line) => line["entries"] as Array<{ signal: string }>)
        assert.deepStrictEqual(
          entries.map((entry) => entry.signal),
          ["a", "b"]
        )
      })
    )
  )
})

describe("the record", () => {
  it.effect("has a line for each outcome, and the view shows what was told", () =>
    atDesk(({ deliver, script, heard }) =>
      Effect.gen(function* () {
        script.push(Effect.fail(sinkError()), Effect.fail(sinkError({ maybeSent: true })))
        yield* deliver(alert("alert"))
        yield* pass(10_000)

        assert.deepStrictEqual(
          heard.journal.filter(({ event }) => event === "delivery").map(({ result }) => result),
          ["failed", "maybe sent", "sent"]
        )
        assert.strictEqual(heard.view.length, 1)
        assert.include(heard.view[0], "container:api")
      })
    )
  )
})
