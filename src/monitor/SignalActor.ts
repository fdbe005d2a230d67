/**
 * The monitor of one signal: a fiber with a mailbox and a `Ref<SignalState>`; sole writer of its state, owner of its one timer.
 *
 * The state lives outside the fiber, so an actor that crashes starts again with what it knew.
 */
import { Clock, Duration, Effect, Fiber, FiberSet, Option, Queue, Ref, type Scope } from "effect"
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
  /** The state after each step, for whoever looks. */
  readonly stepped: (spec: SignalSpec, state: SignalState, input: Input) => void
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
      const clock = yield* Clock.Clock
      // Started again after a crash: what it knew may be due already, and its timer is gone.
      if (Ref.getUnsafe(actor.state) !== null)
        yield* Queue.offer(actor.mailbox, { spec: Ref.getUnsafe(actor.spec), input: elapsed })
      while (true) {
        const letter = yield* Queue.take(actor.mailbox)
        if (Ref.getUnsafe(actor.spec) !== letter.spec) yield* Ref.set(actor.spec, letter.spec)
        const nowMs = Number(clock.monotonicTimeNanosUnsafe()) / 1e6
        const stepped = step(letter.spec.policy, Ref.getUnsafe(actor.state), letter.input, nowMs)
        // The common case is one step that decides nothing: everything else is off this path.
        if (stepped.decision === undefined) yield* Ref.set(actor.state, stepped.state)
        const deadlineMs = isDone(stepped, nowMs)
          ? stepped.deadlineMs
          : yield* goOn(actor, letter, told, stepped, nowMs)
        if (letter.input._tag === "Retired") return
        told.stepped(letter.spec, Ref.getUnsafe(actor.state) ?? stepped.state, letter.input)
        if (timer.isEarlier(deadlineMs)) yield* timer.arm(deadlineMs)
      }
    })
  )

const isDone = ({ decision, deadlineMs }: Stepped, nowMs: number): boolean =>
  decision === undefined && (deadlineMs === undefined || deadlineMs > nowMs)

/** Two decisions can be due at once (settled, then a turn); what should be left after four rings again at once. */
const dueAtOnceMax = 4

/** Tells what was decided, and whatever else has fallen due with it. */
const goOn = (
  actor: SignalActor,
  letter: Letter,
  told: Told,
  first: Stepped,
  nowMs: number
): Effect.Effect<number | undefined> =>
  Effect.gen(function* () {
    let stepped = first
    for (let due = 0; due < dueAtOnceMax && !isDone(stepped, nowMs); due++) {
      const { signal, severity, policy } = letter.spec
      if (stepped.decision !== undefined) {
        yield* told.alert({ signal, severity, cooldownMs: policy.cooldownMs, decision: stepped.decision })
        // Only now: a defect while telling must not leave a state that believes it was told.
        yield* Ref.set(actor.state, stepped.state)
      }
      if (letter.input._tag === "Retired") return undefined
      stepped = step(policy, stepped.state, elapsed, nowMs)
      if (stepped.decision === undefined) yield* Ref.set(actor.state, stepped.state)
    }
    return stepped.deadlineMs
  })

interface Timer {
  readonly isEarlier: (deadlineMs: number | undefined) => deadlineMs is number
  readonly arm: (deadlineMs: number) => Effect.Effect<void>
}

/**
 * One timer per actor. It is armed anew only for an earlier moment and otherwise rings early, for re-arming on every letter
 * cost three times the step itself (27 against 9 ms a round of 1,000 signals).
 */
const makeTimer = (actor: SignalActor): Effect.Effect<Timer, never, Scope.Scope> =>
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
    return {
      isEarlier: (deadlineMs): deadlineMs is number => deadlineMs !== undefined && deadlineMs < armedMs,
      arm: (deadlineMs) =>
        Effect.gen(function* () {
          armedMs = deadlineMs
          if (Option.isSome(ringing)) yield* Fiber.interrupt(ringing.value)
          ringing = Option.some(yield* FiberSet.run(fibers, ring(deadlineMs)))
        })
    }
  })
