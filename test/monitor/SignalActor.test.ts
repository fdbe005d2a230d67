import { assert, describe, it } from "@effect/vitest"
import { Effect, type Fiber, Queue, Ref, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { Loops } from "../../src/base/Loops.ts"
import { supervise } from "../../src/base/Supervise.ts"
import type { Alert, Input, SignalSpec } from "../../src/decision/index.ts"
import { type SignalActor, live, makeActor } from "../../src/monitor/SignalActor.ts"
import { missed, policyOf, seen } from "../decision/history.ts"
import { quiesce } from "../queue/scripted.ts"

const spec: SignalSpec = {
  signal: "disk:/",
  severity: "critical",
  policy: policyOf({ raiseTicks: 2, cooldownMs: 60_000, reminderFactor: 2, flapRaises: 0 })
}

interface Desk {
  readonly actor: SignalActor
  readonly told: Array<string>
  readonly post: (...inputs: ReadonlyArray<Input>) => Effect.Effect<void>
  readonly life: Fiber.Fiber<void>
}

/** Alive from the start; `onAlert` may break what tells. */
const alive = (
  self: (desk: Desk) => Effect.Effect<void, never, Scope.Scope>,
  onAlert: (alert: Alert) => Effect.Effect<void> = () => Effect.void
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const actor = yield* makeActor(spec, null)
    const told: Array<string> = []
    const alert = (one: Alert) =>
      Effect.andThen(
        onAlert(one),
        Effect.sync(() => void told.push(`${one.decision.kind} at ${one.decision.atMs}`))
      )
    const life = yield* Effect.forkScoped(supervise("actor", live(actor, { alert, stepped: () => undefined })))
    yield* self({
      actor,
      told,
      life,
      post: (...inputs) =>
        Effect.andThen(
          Effect.forEach(inputs, (input) => Queue.offer(actor.mailbox, { spec, input }), { discard: true }),
          quiesce
        )
    })
  }).pipe(Effect.provide(Loops.layer))

const pass = (ms: number) => Effect.andThen(TestClock.adjust(ms), quiesce)
const down: ReadonlyArray<Input> = [seen(true, 1, 0), seen(true, 2, 0)]

describe("the timer of a signal", () => {
  it.effect("rings for a reminder without any look, at its deadline and not before", () =>
    alive(({ post, told }) =>
      Effect.gen(function* () {
        yield* post(...down)
        for (let tick = 3; tick <= 7; tick++) {
          yield* pass(10_000)
          yield* post(seen(true, tick, (tick - 2) * 10_000))
        }

        yield* pass(9_999)
        assert.deepStrictEqual(told, ["alert at 0"])

        yield* pass(1)
        assert.deepStrictEqual(told, ["alert at 0", "remind at 60000"])
      })
    )
  )

  it.effect("is armed anew when something earlier falls due", () =>
    alive(({ post, told }) =>
      Effect.gen(function* () {
        yield* post(seen(false, 1, 0))
        yield* pass(30_000)
        yield* post(seen(true, 2, 30_000), seen(true, 3, 30_000))
        yield* pass(30_000)
        yield* post(seen(true, 4, 60_000))

        yield* pass(29_999)
        assert.deepStrictEqual(told, ["alert at 30000"])

        yield* pass(1)
        assert.deepStrictEqual(told, ["alert at 30000", "remind at 90000"])
      })
    )
  )

  it.effect("makes a signal unknown that is seen no more, and says nothing", () =>
    alive(({ actor, post, told }) =>
      Effect.gen(function* () {
        yield* post(...down)
        yield* post(missed(3, 1))

        yield* pass(34_999)
        assert.isNull((yield* Ref.get(actor.state))?.unknownSinceMs)

        yield* pass(1)
        assert.strictEqual((yield* Ref.get(actor.state))?.unknownSinceMs, 0)
        assert.deepStrictEqual(told, ["alert at 0"])
      })
    )
  )

  it.effect("does not care for the wall clock", () =>
    alive(({ post, told }) =>
      Effect.gen(function* () {
        yield* pass(7_200_000)
        yield* post(seen(true, 1, 7_200_000), seen(true, 2, 7_200_000))

        yield* TestClock.setTime(3_600_000)
        yield* post(seen(true, 3, 7_200_000), missed(4, 7_200_000))

        assert.deepStrictEqual(told, ["alert at 7200000"])
      })
    )
  )
})

describe("the mailbox", () => {
  it.effect("slides: the newest look wins", () =>
    Effect.gen(function* () {
      const actor = yield* makeActor(spec, null)
      for (let tick = 1; tick <= 40; tick++) {
        yield* Queue.offer(actor.mailbox, { spec, input: seen(true, tick, tick) })
      }

      const letters = yield* Queue.takeAll(actor.mailbox)

      assert.deepStrictEqual(
        letters.map(({ input }) => (input._tag === "Seen" ? input.tick : 0)),
        Array.from({ length: 16 }, (_, at) => at + 25)
      )
    })
  )
})

describe("the life of a signal", () => {
  it.effect("ends with Retired: gone if it was active", () =>
    alive(({ life, post, told }) =>
      Effect.gen(function* () {
        yield* post(...down)
        yield* pass(1_000)
        yield* post({ _tag: "Retired", reason: "removed" })

        assert.deepStrictEqual(told, ["alert at 0", "gone at 1000"])
        assert.isDefined(life.pollUnsafe())
      })
    )
  )

  it.effect("goes on with its state after a crash", () => {
    let alerts = 0
    return alive(
      ({ post, told }) =>
        Effect.gen(function* () {
          yield* post(seen(true, 1, 0), seen(true, 2, 0))
          assert.deepStrictEqual(told, [])

          yield* pass(100)
          yield* post(seen(true, 3, 100))
          assert.deepStrictEqual(told, ["alert at 100"])

          yield* post(seen(false, 4, 100))
          assert.deepStrictEqual(told, ["alert at 100", "recover at 100"])
        }),
      () => (++alerts === 1 ? Effect.die("the journal is full") : Effect.void)
    )
  })

  it.effect("does not believe that it was told what could not be told: a crash is told at the next look", () => {
    let alerts = 0
    return alive(
      ({ post, told }) =>
        Effect.gen(function* () {
          yield* post(seen(true, 1, 0, { confirmed: true, scheduled: false }))
          yield* pass(100)

          yield* post(seen(true, 2, 100), seen(true, 3, 101))

          assert.deepStrictEqual(told, ["alert at 100"])
        }),
      () => (++alerts === 1 ? Effect.die("the journal is full") : Effect.void)
    )
  })
})
