import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Queue, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Output } from "../../src/base/Output.ts"
import type { Alert } from "../../src/decision/index.ts"
import { Alerts } from "../../src/queue/Alerts.ts"
import { Dispatcher, flushMs } from "../../src/queue/Dispatcher.ts"
import { Console } from "../../src/sink/Console.ts"
import type { Sink } from "../../src/sink/Sink.ts"
import { type Heard, alert, layerCourier, makeHeard, permanent, quiesce, scripted, sinkError } from "./scripted.ts"

interface Desk {
  readonly heard: Heard
  /** What the console shows. */
  readonly shown: ReadonlyArray<string>
  readonly offer: (...alerts: ReadonlyArray<Alert>) => Effect.Effect<void>
  readonly dispatcher: Dispatcher["Service"]
  /** Closes the dispatcher's scope; gives the time at which that was done, once it was. */
  readonly leave: Effect.Effect<ReadonlyArray<number>>
}

const noJitter = Layer.succeed(Random.Random, { nextDoubleUnsafe: () => 0.5, nextIntUnsafe: () => 0 })

const dispatching = (sinks: ReadonlyArray<Sink>, self: (desk: Desk) => Effect.Effect<void>): Effect.Effect<void> => {
  const heard = makeHeard()
  const shown: Array<string> = []
  const output = Output.layerMemory([], shown)
  const world = Layer.mergeAll(layerCourier(heard), noJitter, output, Layer.provide(Console.layer, output))
  return Effect.gen(function* () {
    const scope = yield* Scope.make()
    const stages = Dispatcher.layer(sinks).pipe(Layer.provideMerge(Alerts.layer), Layer.provideMerge(world))
    const context = yield* Layer.buildWithScope(stages, scope)
    yield* Effect.gen(function* () {
      const alerts = yield* Alerts
      yield* quiesce
      yield* self({
        heard,
        shown,
        offer: (...given) =>
          Effect.andThen(
            Effect.forEach(given, (one) => Queue.offer(alerts, one), { discard: true }),
            quiesce
          ),
        dispatcher: yield* Dispatcher,
        leave: Effect.gen(function* () {
          const done: Array<number> = []
          const leaving = Effect.andThen(
            Scope.close(scope, Exit.void),
            Effect.clockWith((clock) => Effect.sync(() => done.push(clock.currentTimeMillisUnsafe())))
          )
          yield* Effect.forkChild(leaving)
          yield* quiesce
          return done
        })
      })
    }).pipe(Effect.provideContext(context))
  })
}

const pass = (ms: number): Effect.Effect<void> => Effect.andThen(TestClock.adjust(ms), quiesce)
const said = (one: ReturnType<typeof scripted>): ReadonlyArray<string> => one.told.map((sent) => sent.what)

describe("handing out", () => {
  it.effect("gives every alert to every sink, none waiting for another", () => {
    const slow = scripted("slow")
    const quick = scripted("quick")
    slow.script.push(Effect.never)
    return dispatching([slow.sink, quick.sink], ({ offer }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* pass(1_000)
        yield* offer(alert("alert", "b"))

        assert.deepStrictEqual(said(quick), ["alert a", "alert b"])
        assert.deepStrictEqual(said(slow), [])
      })
    )
  })

  it.effect("takes in more than any buffer holds while a sink hangs, and owes one entry for each signal", () => {
    const one = scripted()
    one.script.push(Effect.never)
    return dispatching([one.sink], ({ offer, dispatcher }) =>
      Effect.gen(function* () {
        for (let round = 0; round < 50; round++) {
          const kind = round % 2 === 0 ? "alert" : "recover"
          yield* offer(...Array.from({ length: 50 }, (_, at) => alert(kind, `s${at}`)))
        }

        const [health] = yield* dispatcher.health
        assert.strictEqual(health?.waiting, 49)
      })
    )
  })

  it.effect("holds up no sink because another one is broken, however much there is to tell", () => {
    const broken = scripted("broken", {
      fit: () => {
        throw new Error("cannot count")
      },
      send: () => {
        throw new Error("cannot send")
      },
      verify: Effect.die("cannot even say")
    })
    const well = scripted("well")
    return dispatching([broken.sink, well.sink], ({ offer }) =>
      Effect.gen(function* () {
        // More than any mailbox holds.
        for (let round = 0; round < 60; round++) {
          yield* offer(...Array.from({ length: 10 }, (_, at) => alert("alert", `s${round}-${at}`)))
          yield* pass(1_000)
        }
        yield* pass(60_000)

        assert.strictEqual(well.told.flatMap(({ draft }) => draft.entries).length, 600)
      })
    )
  })

  it.effect("goes to the console where there is no sink, and shows it once", () =>
    dispatching([], ({ offer, shown, dispatcher }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))

        assert.strictEqual(shown.length, 1)
        assert.include(shown[0], "🔴 a down")
        assert.deepStrictEqual(
          (yield* dispatcher.health).map(({ name }) => name),
          ["console"]
        )
      })
    )
  )

  it.effect("shows on the console what a sink was told, when it was told", () => {
    const one = scripted()
    one.script.push(Effect.fail(sinkError()))
    return dispatching([one.sink], ({ offer, shown }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* pass(999)
        assert.deepStrictEqual(shown, [])

        yield* pass(1)
        assert.strictEqual(shown.length, 1)
      })
    )
  })
})

describe("a sink that turns red", () => {
  it.effect("is told by every other sink, once, and so is its end; never by itself", () => {
    const red = scripted("red")
    const other = scripted("other")
    red.script.push(Effect.fail(permanent), Effect.fail(permanent))
    return dispatching([red.sink, other.sink], ({ offer }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* pass(1_000)
        assert.deepStrictEqual(said(other), ["alert a", "alert sink:red"])
        assert.strictEqual(other.told[1]?.draft.entries[0]?.evidence.summary, "kicked from the chat")

        yield* pass(1_199_000 - 1)
        assert.deepStrictEqual(said(red), [])

        yield* pass(1 + 1_000)
        assert.deepStrictEqual(said(red), ["alert a"])
        assert.deepStrictEqual(said(other), ["alert a", "alert sink:red", "recovered sink:red"])
      })
    )
  })

  it.effect("is told by sinks that start after it, too", () => {
    const red = scripted("red", { verify: Effect.fail(permanent) })
    const other = scripted("other")
    return dispatching([red.sink, other.sink], () =>
      Effect.gen(function* () {
        yield* pass(1_000)

        assert.deepStrictEqual(said(other), ["alert sink:red"])
        assert.deepStrictEqual(said(red), [])
      })
    )
  })
})

describe("leaving", () => {
  it.effect("hands out what still waits in the queue, and is gone as soon as all is told", () => {
    const one = scripted()
    return dispatching([one.sink], ({ offer, leave }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"), alert("alert", "b"))

        const left = yield* leave
        yield* pass(1_000)

        assert.deepStrictEqual(said(one), ["alert a", "alert b"])
        assert.deepStrictEqual(left, [1_000])
      })
    )
  })

  it.effect("takes five seconds at most, however many sinks hang, and writes what is unsent of each", () => {
    const sinks = ["x", "y", "z"].map((name) => scripted(name))
    for (const one of sinks) one.script.push(Effect.never, Effect.never)
    return dispatching(
      sinks.map(({ sink }) => sink),
      ({ offer, leave, heard }) =>
        Effect.gen(function* () {
          yield* offer(alert("alert", "a"))

          const left = yield* leave
          yield* pass(flushMs - 1)
          assert.deepStrictEqual(left, [])

          yield* pass(1)
          assert.deepStrictEqual(left, [5_000])
          assert.deepStrictEqual(
            heard.journal.filter(({ event }) => event === "unsent").map(({ sink }) => sink),
            ["x", "y", "z"]
          )
        })
    )
  })

  it.effect("lets a sink that works go on while another waits too long", () => {
    const late = scripted("late")
    const well = scripted("well")
    late.script.push(Effect.fail(sinkError({ retryAfterMs: 60_000 })))
    well.script.push(Effect.sleep(2_000))
    return dispatching([late.sink, well.sink], ({ offer, leave, heard }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))

        const left = yield* leave
        yield* pass(1_999)
        assert.deepStrictEqual(left, [])

        yield* pass(1)
        assert.deepStrictEqual(left, [2_000])
        assert.deepStrictEqual(said(well), ["alert a"])
        assert.deepStrictEqual(
          heard.journal.filter(({ event }) => event === "unsent").map(({ sink }) => sink),
          ["late"]
        )
      })
    )
  })
})
