/**
 * The courier of one sink: an actor that holds what the sink is owed and has at most one parcel under way.
 *
 * What it carries is pure (`Trade`): entries for a sink of messages, levels for a sink of levels. A failed parcel is not sent again
 * as it was: the trade is asked anew, so that nothing stale goes out.
 *
 * Everything that reaches it (alerts, outcomes, checks, the wish to leave) is folded into its state at once and rings a bell: nobody
 * ever waits for it, not even while its loop crashes, and nothing piles up. Each change of the state is one atomic update.
 */
import { Deferred, Duration, Effect, Fiber, Queue, Random, Ref } from "effect"
import { Loops } from "../base/Loops.ts"
import { monotonicMs } from "../base/Monotonic.ts"
import { supervise } from "../base/Supervise.ts"
import { type Alert, type Entry, rings } from "../decision/index.ts"
import { summary } from "../sink/Message.ts"
import type { Sink, SinkError } from "../sink/Sink.ts"
import { Journal } from "../status/Journal.ts"
import { StatusBoard } from "../status/StatusBoard.ts"
import { attempt } from "./Attempt.ts"
import * as Health from "./Health.ts"
import { Mutes } from "./Mute.ts"
import {
  type Ears,
  type IsMuted,
  type Post,
  type Runtime,
  type State,
  type Trade,
  backoffMs,
  isMutedNow,
  mutedBy,
  ring,
  update
} from "./Post.ts"
import { Renderer } from "./Rendering.ts"
import { keepVerifying, settleVerified, show, standing, turnGreen, turnRed } from "./Standing.ts"

export interface Courier {
  readonly name: string
  readonly destination: string
  /** Takes them in at one stroke. Never waits. */
  readonly deliver: (...alerts: ReadonlyArray<Alert>) => Effect.Effect<void>
  /** Makes it look again: something it asks for (a mute) has changed. */
  readonly wake: Effect.Effect<void>
  /** Sends what it still can until then, logs the rest, and ends. */
  readonly flush: (untilMs: number) => Effect.Effect<void>
  readonly health: Effect.Effect<Health.SinkHealth>
}

/** One whose load is open to those who know its trade. */
export interface LoadedCourier<Load> extends Courier {
  readonly load: Effect.Effect<Load>
  readonly alter: (change: (load: Load) => Load) => Effect.Effect<void>
}

/**
 * Starts a sink's courier. It belongs to no scope: it must outlive what produces alerts, and ends with `flush`.
 */
export const startCourier = <Load, Parcel, Receipt>(
  sink: Sink,
  trade: Trade<Load, Parcel, Receipt>,
  load: Load,
  ears: Ears
): Effect.Effect<LoadedCourier<Load>, never, Runtime> =>
  Effect.gen(function* () {
    const idle: State<Load, Parcel, Receipt> = {
      load,
      condition: Health.newCondition(sink),
      sending: false,
      outcome: null,
      verified: null,
      notBeforeMs: 0,
      failuresInRow: 0,
      flush: null
    }
    const post: Post<Load, Parcel, Receipt> = {
      sink,
      trade,
      // One ring is enough to look at everything.
      bell: yield* Queue.sliding<void>(1),
      state: yield* Ref.make(idle),
      ears,
      wake: null,
      shown: ""
    }
    const context = yield* Effect.context<Runtime>()
    const mutes = yield* Mutes
    const loops = yield* Loops
    yield* loops.register(`sink ${sink.name}`, null)
    const loop = yield* Effect.forkDetach(supervise(`sink ${sink.name}`, work(post)))
    const verifying = yield* Effect.forkDetach(supervise(`sink ${sink.name} check`, keepVerifying(post)))
    return {
      name: sink.name,
      destination: sink.destination,
      deliver: (...alerts) => deliver(post, mutes, alerts),
      wake: ring(post),
      load: Effect.map(Ref.get(post.state), (state) => state.load),
      alter: (change) =>
        Effect.andThen(
          update(post, (state) => ({ ...state, load: change(state.load) })),
          ring(post)
        ),
      flush: (untilMs) =>
        Effect.gen(function* () {
          const done = yield* Deferred.make<void>()
          const leftMs = untilMs - (yield* monotonicMs)
          yield* update(post, (state) => ({ ...state, load: trade.leave(state.load), flush: { untilMs, done } }))
          yield* ring(post)
          yield* Effect.timeoutOption(Deferred.await(done), Duration.millis(Math.max(0, leftMs)))
          yield* Fiber.interrupt(verifying)
          yield* Fiber.interrupt(loop)
          if (post.wake !== null) yield* Fiber.interrupt(post.wake.fiber)
          yield* logUnsent(post)
        }).pipe(Effect.provideContext(context)),
      health: standing(post).pipe(Effect.provideContext(context))
    }
  })

const deliver = <L, P, R>(
  post: Post<L, P, R>,
  mutes: Mutes["Service"],
  alerts: ReadonlyArray<Alert>
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const nowMs = yield* monotonicMs
    const isMuted = mutedBy(yield* mutes.current)
    yield* update(post, (state) => ({
      ...state,
      load: alerts.reduce((load, alert) => post.trade.accept(load, alert, isMuted(alert.signal), nowMs), state.load)
    }))
    yield* ring(post)
    yield* post.ears.changed
  })

/** Ends when a flush has nothing left to do. Looks at the whole state each time: an earlier life of the loop may have left some. */
const work = <L, P, R>(post: Post<L, P, R>): Effect.Effect<void, never, Runtime> =>
  Effect.gen(function* () {
    while (true) {
      yield* settleOutcome(post)
      yield* settleVerified(post)
      const over = yield* next(post)
      yield* show(post)
      if (over) return
      yield* Queue.take(post.bell)
    }
  })

/** Sends if there is something to send and it may be sent now; else sees to being woken. True: nothing is left to do, for good. */
const next = <L, P, R>(post: Post<L, P, R>): Effect.Effect<boolean, never, Runtime> =>
  Effect.gen(function* () {
    while (true) {
      const state = yield* Ref.get(post.state)
      if (state.sending) return false
      const nowMs = yield* monotonicMs
      const isMuted = yield* isMutedNow
      const dueMs = post.trade.dueMs(state.load, isMuted, nowMs, state.flush !== null)
      const startMs = Math.max(dueMs, state.notBeforeMs)
      if (startMs > nowMs) {
        if (state.flush !== null && startMs > state.flush.untilMs) {
          yield* Deferred.succeed(state.flush.done, undefined)
          return true
        }
        if (Number.isFinite(startMs)) yield* wakeAt(post, startMs, nowMs)
        return false
      }
      if (yield* begin(post, state, isMuted)) return false
    }
  })

/** False: something came in meanwhile, so that what was packed is not the newest. */
const begin = <L, P, R>(
  post: Post<L, P, R>,
  seen: State<L, P, R>,
  isMuted: IsMuted
): Effect.Effect<boolean, never, Runtime> =>
  Effect.gen(function* () {
    const rendering = yield* (yield* Renderer).now
    const { load, parcel, complaint } = post.trade.pack(seen.load, isMuted, rendering)
    const begun = yield* Ref.modify(post.state, (state) =>
      state.load === seen.load && !state.sending
        ? ([true, { ...state, load, sending: true }] as const)
        : ([false, state] as const)
    )
    if (!begun) return false
    const sending = Effect.gen(function* () {
      const outcome = yield* attempt(post.sink.name, () => post.trade.send(parcel))
      yield* update(post, (state) => ({ ...state, outcome: { parcel, outcome } }))
      yield* ring(post)
    })
    yield* Effect.forkDetach(sending)
    if (complaint !== null) {
      yield* Effect.logError(`sink ${post.sink.name} broke`).pipe(Effect.annotateLogs({ cause: complaint }))
    }
    return true
  })

/** An alarm that rings early is left as it is: whoever is woken looks again. */
const wakeAt = <L, P, R>(post: Post<L, P, R>, atMs: number, nowMs: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (post.wake !== null && post.wake.atMs <= atMs) return
    if (post.wake !== null) yield* Fiber.interrupt(post.wake.fiber)
    const alarm = Effect.gen(function* () {
      yield* Effect.sleep(Duration.millis(Math.ceil(atMs - nowMs)))
      post.wake = null
      yield* ring(post)
    })
    post.wake = { fiber: yield* Effect.forkDetach(alarm), atMs }
  })

/* Outcomes */

const settleOutcome = <L, P, R>(post: Post<L, P, R>): Effect.Effect<void, never, Runtime> =>
  Effect.gen(function* () {
    const { outcome: ended } = yield* Ref.get(post.state)
    if (ended === null) return
    const { parcel, outcome } = ended
    yield* outcome._tag === "Accepted" ? accepted(post, parcel, outcome.receipt) : refused(post, parcel, outcome.error)
    yield* post.ears.changed
  })

const accepted = <L, P, R>(post: Post<L, P, R>, parcel: P, receipt: R): Effect.Effect<void, never, Runtime> =>
  Effect.gen(function* () {
    const nowMs = yield* monotonicMs
    yield* update(post, (state) => ({
      ...state,
      sending: false,
      outcome: null,
      failuresInRow: 0,
      load: post.trade.accepted(state.load, parcel, receipt, nowMs),
      condition: Health.sent(state.condition, nowMs)
    }))
    yield* tell(post, parcel, nowMs)
    yield* turnGreen(post, "send")
  })

/** Notes and shows what was told. Levels that are sent again say nothing new. */
const tell = <L, P, R>(post: Post<L, P, R>, parcel: P, atMs: number): Effect.Effect<void, never, Runtime> =>
  Effect.gen(function* () {
    const { entries, text } = post.trade.said(parcel)
    if (entries.length === 0) return
    yield* journalDelivery(post, entries, { result: "sent" })
    yield* (yield* StatusBoard).told({
      atMs,
      sink: post.sink.name,
      text,
      rang: entries.some(rings),
      signals: entries.map((entry) => entry.signal)
    })
    yield* post.ears.view(text)
  })

const refused = <L, P, R>(post: Post<L, P, R>, parcel: P, error: SinkError): Effect.Effect<void, never, Runtime> =>
  Effect.gen(function* () {
    const nowMs = yield* monotonicMs
    const random = yield* Random.next
    const { waitMs, givenUp, own } = yield* Ref.modify(post.state, (state) => {
      const { load, givenUp, own } = post.trade.refused(state.load, parcel, error, nowMs)
      const waitMs = own ? 0 : backoffMs(error, state.failuresInRow, random)
      const next: State<L, P, R> = {
        ...state,
        sending: false,
        outcome: null,
        failuresInRow: own ? state.failuresInRow : state.failuresInRow + 1,
        notBeforeMs: Math.max(state.notBeforeMs, nowMs + waitMs),
        load,
        condition: Health.failedSend(state.condition, error, givenUp.length)
      }
      return [{ waitMs, givenUp, own }, next] as const
    })
    const { entries } = post.trade.said(parcel)
    yield* journalDelivery(post, entries, {
      result: givenUp.length > 0 ? "given up" : error.maybeSent ? "maybe sent" : "failed",
      reason: error.message,
      nextTryInMs: Math.round(waitMs)
    })
    for (const entry of givenUp) {
      yield* Effect.logError(
        `${post.sink.name} refuses ${entry.signal} (${entry.kind}) however it is put: given up`
      ).pipe(Effect.annotateLogs({ reason: error.message, entry: JSON.stringify(entry) }))
    }
    if (error.retryable) {
      const then = own ? "tried apart from the others" : `tried again in ${Math.ceil(waitMs / 1_000)} s`
      yield* Effect.logWarning(`${error.message}; ${then}`)
    } else yield* turnRed(post, error, "send")
  })

const journalDelivery = <L, P, R>(
  post: Post<L, P, R>,
  entries: ReadonlyArray<Entry>,
  fields: Readonly<Record<string, unknown>>
): Effect.Effect<void, never, Journal> =>
  Effect.flatMap(Effect.service(Journal), (journal) =>
    journal.write("delivery", {
      sink: post.sink.name,
      ...fields,
      entries: entries.map(({ kind, signal, active, times }) => ({ kind, signal, active, times }))
    })
  )

const logUnsent = <L, P, R>(post: Post<L, P, R>): Effect.Effect<void, never, Journal> =>
  Effect.gen(function* () {
    const unsent = post.trade.unsent((yield* Ref.get(post.state)).load)
    if (unsent.length === 0) return
    yield* (yield* Journal).write("unsent", { sink: post.sink.name, entries: unsent })
    yield* Effect.logError(`${post.sink.name}: left with ${unsent.length} entries unsent`).pipe(
      Effect.annotateLogs({ entries: summary(unsent) })
    )
  })
