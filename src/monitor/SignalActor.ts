/**
 * The monitor of one signal: a fiber with a mailbox and a `Ref<SignalState>`; sole writer of its state, owner of its one timer.
 *
 * The state lives outside the fiber, so an actor that crashes starts again with what it knew.
 */
import { Duration, Effect, Fiber, FiberSet, Option, Queue, Ref, type Scope } from "effect"
import { monotonicMs } from "../base/Monotonic.ts"
import {
  type Alert,
  type Input,
  type SignalSpec,
  type SignalState,
  type Stepped,
  elapsed,
  step
} from "../decision/index.ts"

/** Sixteen looks: more than a tick and its events bring. It slides: the newest look is worth more than the oldest. */
const mailboxCapacity = 16

export interface Letter {
  readonly spec: SignalSpec
  readonly input: Input
}

export interface SignalActor {
  readonly mailbox: Queue.Queue<Letter>
  readonly spec: Ref.Ref<SignalSpec>
  readonly state: Ref.Ref<SignalState | null>
}

export const makeActor = (spec: SignalSpec, state: SignalState | null): Effect.Effect<SignalActor> =>
  Effect.all({
    mailbox: Queue.sliding<Letter>(mailboxCapacity),
    spec: Ref.make(spec),
    state: Ref.make(state)
  })

export interface Told {
  /** What to do with a decision. Never waits for a sink. */
  readonly alert: (alert: Alert) => Effect.Effect<void>
}

/**
 * The actor's life: takes letters, steps, tells, until `Retired`.
 *
 * Ends: when the signal retired. Fails: never; a defect leaves state and mailbox as they were, less the letter that caused it.
 */
export const live = (actor: SignalActor, told: Told): Effect.Effect<void> =>
  Effect.scoped(
    Effect.gen(function* () {
      const timer = yield* makeTimer(actor)
      while (true) {
        const letter = yield* Queue.take(actor.mailbox)
        yield* Ref.set(actor.spec, letter.spec)
        const deadlineMs = yield* handle(actor, letter, told)
        if (letter.input._tag === "Retired") return
        yield* timer(deadlineMs)
      }
    })
  )

/** One letter and whatever has fallen due with it; at most a second decision can be due at once. */
const handle = (actor: SignalActor, letter: Letter, told: Told): Effect.Effect<number | undefined> =>
  Effect.gen(function* () {
    let input = letter.input
    while (true) {
      const nowMs = yield* monotonicMs
      const stepped: Stepped = step(letter.spec.policy, yield* Ref.get(actor.state), input, nowMs)
      const { decision, deadlineMs } = stepped
      if (decision !== undefined) {
        const { signal, severity, policy } = letter.spec
        yield* told.alert({ signal, severity, cooldownMs: policy.cooldownMs, decision })
      }
      // Only now: a defect while telling must not leave a state that believes it was told.
      yield* Ref.set(actor.state, stepped.state)
      if (deadlineMs === undefined || deadlineMs > nowMs) return deadlineMs
      input = elapsed
    }
  })

type Arm = (deadlineMs: number | undefined) => Effect.Effect<void>

/**
 * One timer per actor. It is armed anew only for an earlier moment and otherwise rings early, for re-arming on every letter
 * cost three times the step itself (27 against 9 ms a round of 1,000 signals).
 */
const makeTimer = (actor: SignalActor): Effect.Effect<Arm, never, Scope.Scope> =>
  Effect.gen(function* () {
    const fibers = yield* FiberSet.make<void>()
    let armedMs = Number.POSITIVE_INFINITY
    let ringing: Option.Option<Fiber.Fiber<void>> = Option.none()
    const ring = (atMs: number): Effect.Effect<void> =>
      Effect.gen(function* () {
        const nowMs = yield* monotonicMs
        yield* Effect.sleep(Duration.millis(Math.max(0, Math.ceil(atMs - nowMs))))
        armedMs = Number.POSITIVE_INFINITY
        const spec = yield* Ref.get(actor.spec)
        yield* Queue.offer(actor.mailbox, { spec, input: elapsed })
      })
    return (deadlineMs) => {
      if (deadlineMs === undefined || deadlineMs >= armedMs) return Effect.void
      const before = ringing
      armedMs = deadlineMs
      return Effect.gen(function* () {
        if (Option.isSome(before)) yield* Fiber.interrupt(before.value)
        ringing = Option.some(yield* FiberSet.run(fibers, ring(deadlineMs)))
      })
    }
  })
