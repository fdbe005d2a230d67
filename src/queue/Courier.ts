/**
 * The courier of one sink: a fiber with a mailbox, sole writer of the sink's outbox, at most one message under way.
 *
 * Idle, it sends at once. What comes within a second of that send's start, while it is under way or while the sink wants us to
 * wait, becomes one digest. A failed message is not retried as it was: the outbox is asked anew, so that nothing stale goes out.
 */
import { Cause, Deferred, Duration, Effect, Fiber, Queue, Random, Ref } from "effect"
import { Loops } from "../base/Loops.ts"
import { monotonicMs } from "../base/Monotonic.ts"
import { supervise } from "../base/Supervise.ts"
import { type Alert, type Entry, rank } from "../decision/index.ts"
import { consoleText } from "../sink/Console.ts"
import { summary } from "../sink/Message.ts"
import { type Draft, type Receipt, type MessageSink, SinkError } from "../sink/Sink.ts"
import { Journal } from "../status/Journal.ts"
import * as Outbox from "./Outbox.ts"
import { Renderer } from "./Rendering.ts"

/** Letters are taken in at once, whatever the sink does; this many may wait for a fiber's turn. */
const mailboxCapacity = 256

/** Back-off between tries: from a second, doubling, to a minute; a sink that refuses for good is probed every ten. */
const firstBackoffMs = 1_000
const backoffMaxMs = 60_000
const probeEveryMs = 600_000
/** A token revoked at noon is not to be found out at three at night; it also keeps the address fresh for a resolver that hangs. */
const verifyEveryMs = 3_600_000
const minuteMs = 60_000

/** A sink bounds its own requests; this cut catches only our bugs: repairs of one message, each with its own timeout. */
const sendCutMs = 60_000

export interface SinkHealth {
  readonly name: string
  readonly destination: string
  /** Not usable until a human does something. */
  readonly red: boolean
  readonly problem: string | null
  readonly waiting: number
  readonly sent: number
  readonly failures: number
  readonly lastSentMs: number | null
}

type Letter =
  | { readonly _tag: "Alert"; readonly alert: Alert }
  | { readonly _tag: "Sent"; readonly draft: Draft; readonly outcome: Outcome }
  | { readonly _tag: "Verified"; readonly problem: SinkError | null }
  | { readonly _tag: "Wake" }
  | { readonly _tag: "Flush"; readonly untilMs: number; readonly done: Deferred.Deferred<void> }

type Outcome =
  | { readonly _tag: "Accepted"; readonly receipt: Receipt }
  | { readonly _tag: "Failed"; readonly error: SinkError }

type FoundBy = "verify" | "send"

interface State {
  readonly outbox: Outbox.Outbox
  readonly sending: boolean
  readonly health: SinkHealth
  /** No message starts before this. */
  readonly notBeforeMs: number
  /** Starts of the messages of the last minute. */
  readonly startsMs: ReadonlyArray<number>
  readonly failuresInRow: number
  /** What found the present problem. */
  readonly foundBy: FoundBy
  readonly flush: { readonly untilMs: number; readonly done: Deferred.Deferred<void> } | null
}

export interface Courier {
  readonly name: string
  readonly deliver: (alert: Alert) => Effect.Effect<void>
  /** Sends what it still can until then, logs the rest, and ends. */
  readonly flush: (untilMs: number) => Effect.Effect<void>
  readonly health: Effect.Effect<SinkHealth>
}

/** Told to the other sinks: this one has turned red, or works again. */
export type OnHealth = (sink: MessageSink, problem: SinkError | null) => Effect.Effect<void>

interface Post {
  readonly sink: MessageSink
  readonly mailbox: Queue.Queue<Letter>
  readonly state: Ref.Ref<State>
  readonly onHealth: OnHealth
  /** Prints what was told; nothing where the sink itself is the console. */
  readonly view: (text: string) => Effect.Effect<void>
  wake: { readonly fiber: Fiber.Fiber<void>; readonly atMs: number } | null
}

type Runtime = Journal | Renderer | Loops

/**
 * Starts a sink's courier. It belongs to no scope: it must outlive what produces alerts, and ends with `flush`.
 */
export const startCourier = (
  sink: MessageSink,
  onHealth: OnHealth,
  view: (text: string) => Effect.Effect<void>
): Effect.Effect<Courier, never, Runtime> =>
  Effect.gen(function* () {
    const health: SinkHealth = {
      name: sink.name,
      destination: sink.destination,
      red: false,
      problem: null,
      waiting: 0,
      sent: 0,
      failures: 0,
      lastSentMs: null
    }
    const idle: State = {
      outbox: Outbox.emptyOutbox,
      sending: false,
      health,
      notBeforeMs: 0,
      startsMs: [],
      failuresInRow: 0,
      foundBy: "verify",
      flush: null
    }
    const post: Post = {
      sink,
      mailbox: yield* Queue.bounded<Letter>(mailboxCapacity),
      state: yield* Ref.make(idle),
      onHealth,
      view,
      wake: null
    }
    const context = yield* Effect.context<Runtime>()
    const loops = yield* Loops
    yield* loops.register(`sink ${sink.name}`, null)
    const loop = yield* Effect.forkDetach(supervise(`sink ${sink.name}`, work(post)))
    const verifying = yield* Effect.forkDetach(supervise(`sink ${sink.name} check`, keepVerifying(post)))
    return {
      name: sink.name,
      deliver: (alert) => Effect.asVoid(Queue.offer(post.mailbox, { _tag: "Alert", alert })),
      flush: (untilMs) =>
        Effect.gen(function* () {
          const done = yield* Deferred.make<void>()
          const leftMs = untilMs - (yield* monotonicMs)
          const asked = Queue.offer(post.mailbox, { _tag: "Flush", untilMs, done })
          yield* Effect.timeoutOption(Effect.andThen(asked, Deferred.await(done)), Duration.millis(Math.max(0, leftMs)))
          yield* Fiber.interrupt(verifying)
          yield* Fiber.interrupt(loop)
          if (post.wake !== null) yield* Fiber.interrupt(post.wake.fiber)
          yield* logUnsent(post)
        }).pipe(Effect.provideContext(context)),
      health: Effect.map(Ref.get(post.state), (state) => ({
        ...state.health,
        waiting: Outbox.allOwed(state.outbox).length
      }))
    }
  })

/** Ends when a flush has nothing left to do. Begins with what an earlier life of the loop has left. */
const work = (post: Post): Effect.Effect<void, never, Runtime> =>
  Effect.gen(function* () {
    if (yield* next(post)) return
    while (true) {
      const letter = yield* Queue.take(post.mailbox)
      yield* read(post, letter)
      if (yield* next(post)) return
    }
  })

const update = (post: Post, change: (state: State) => State): Effect.Effect<void> => Ref.update(post.state, change)

const read = (post: Post, letter: Letter): Effect.Effect<void, never, Runtime> => {
  switch (letter._tag) {
    case "Alert":
      return update(post, (state) => ({ ...state, outbox: Outbox.accept(state.outbox, letter.alert) }))
    case "Sent":
      return letter.outcome._tag === "Accepted"
        ? accepted(post, letter.draft, letter.outcome.receipt)
        : refused(post, letter.draft, letter.outcome.error)
    case "Verified":
      return letter.problem === null ? turnGreen(post, "verify") : turnRed(post, letter.problem, "verify")
    case "Flush":
      return update(post, (state) => ({ ...state, flush: letter }))
    case "Wake":
      return Effect.sync(() => void (post.wake = null))
  }
}

/** Sends if there is something to send and it may be sent now; else sees to being woken. True: nothing is left to do, for good. */
const next = (post: Post): Effect.Effect<boolean, never, Runtime> =>
  Effect.gen(function* () {
    const state = yield* Ref.get(post.state)
    if (state.sending) return false
    const nowMs = yield* monotonicMs
    const owed = Outbox.allOwed(state.outbox)
    const startMs = owed.length === 0 ? Number.POSITIVE_INFINITY : earliestMs(post.sink, state, nowMs)
    if (startMs <= nowMs) {
      yield* begin(post, owed, nowMs)
      return false
    }
    if (state.flush !== null && startMs > state.flush.untilMs) {
      yield* Deferred.succeed(state.flush.done, undefined)
      return true
    }
    if (Number.isFinite(startMs)) yield* wakeAt(post, startMs, nowMs)
    return false
  })

/** When the next message may start: after the window, any wait that was asked for, and within so many a minute. */
const earliestMs = (sink: MessageSink, state: State, nowMs: number): number => {
  const recent = state.startsMs.filter((at) => nowMs - at < minuteMs)
  const oldest = recent[recent.length - sink.pace.perMinute]
  return Math.max(state.notBeforeMs, oldest === undefined ? 0 : oldest + minuteMs)
}

/** An alarm that rings early is left as it is: whoever is woken looks again. */
const wakeAt = (post: Post, atMs: number, nowMs: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (post.wake !== null && post.wake.atMs <= atMs) return
    if (post.wake !== null) yield* Fiber.interrupt(post.wake.fiber)
    const ring = Effect.andThen(
      Effect.sleep(Duration.millis(Math.ceil(atMs - nowMs))),
      Queue.offer(post.mailbox, { _tag: "Wake" })
    )
    post.wake = { fiber: yield* Effect.forkDetach(Effect.asVoid(ring)), atMs }
  })

const begin = (post: Post, owed: ReadonlyArray<Entry>, nowMs: number): Effect.Effect<void, never, Runtime> =>
  Effect.gen(function* () {
    const { outbox } = yield* Ref.get(post.state)
    const rendering = yield* (yield* Renderer).now
    // Worst first; what is equally bad by name, as a person would look for it.
    const sorted = [...owed].sort((a, b) => rank(a) - rank(b) || (a.signal < b.signal ? -1 : 1))
    const all: Draft = { entries: sorted, rendering, alsoActive: 0, replyTo: null }
    const entries = sorted.slice(0, Math.max(1, yield* fit(post.sink, all)))
    const draft: Draft = { ...all, entries, alsoActive: alsoActive(outbox, entries), replyTo: replyTo(outbox, entries) }
    yield* update(post, (state) => ({
      ...state,
      outbox: Outbox.freeze(state.outbox, entries),
      sending: true,
      notBeforeMs: nowMs + post.sink.pace.windowMs,
      startsMs: [...state.startsMs.filter((at) => nowMs - at < minuteMs), nowMs]
    }))
    const sending = Effect.flatMap(attempt(post.sink, draft), (outcome) =>
      Queue.offer(post.mailbox, { _tag: "Sent", draft, outcome })
    )
    yield* Effect.forkDetach(sending)
  })

/** A sink that cannot count gets one entry at a time: a bug of one sink must neither stop its courier nor those of others. */
const fit = (sink: MessageSink, draft: Draft): Effect.Effect<number> =>
  Effect.sync(() => sink.fit(draft)).pipe(
    Effect.catchCause((cause) =>
      Effect.as(
        Effect.logError(`sink ${sink.name} broke`).pipe(
          Effect.annotateLogs({ cause: Cause.pretty(cause).slice(0, 2_000) })
        ),
        1
      )
    )
  )

/** Signals this reader believes to be in trouble, besides those of the message. */
const alsoActive = (outbox: Outbox.Outbox, entries: ReadonlyArray<Entry>): number => {
  const named = new Set(entries.map((entry) => entry.signal))
  return Outbox.openSignals(outbox).filter((signal) => !named.has(signal)).length
}

/** A message replies only if all its entries share one target. */
const replyTo = (outbox: Outbox.Outbox, entries: ReadonlyArray<Entry>): string | null => {
  const targets = new Set(
    entries.map((entry) => (entry.kind === "alert" ? null : Outbox.referenceOf(outbox, entry.signal)))
  )
  const [target = null] = targets
  return targets.size === 1 ? target : null
}

/** The catch-all of the third level: a send ends accepted or failed, whatever the sink does. */
const attempt = (sink: MessageSink, draft: Draft): Effect.Effect<Outcome> =>
  Effect.suspend(() => sink.send(draft)).pipe(
    Effect.map((receipt): Outcome => ({ _tag: "Accepted", receipt })),
    Effect.timeoutOrElse({
      duration: Duration.millis(sendCutMs),
      orElse: () => Effect.fail(broken(`${sink.name} has not ended its send within ${sendCutMs / 1_000} s`, true))
    }),
    // An interruption seen here is the sink's own (ours does not come by): it too must end the send, or the sink falls silent.
    Effect.catchCause((cause): Effect.Effect<Outcome> => {
      const error = Cause.squash(cause)
      if (error instanceof SinkError) return Effect.succeed({ _tag: "Failed", error })
      return Effect.as(
        Effect.logError(`sink ${sink.name} broke`).pipe(
          Effect.annotateLogs({ cause: Cause.pretty(cause).slice(0, 2_000) })
        ),
        { _tag: "Failed", error: broken(`${sink.name}: a bug in the watchdog`, true) }
      )
    })
  )

const broken = (detail: string, maybeSent: boolean): SinkError =>
  new SinkError({ reason: "Server", detail, retryable: true, retryAfterMs: null, maybeSent })

/* Outcomes */

const accepted = (post: Post, draft: Draft, receipt: Receipt): Effect.Effect<void, never, Runtime> =>
  Effect.gen(function* () {
    const nowMs = yield* monotonicMs
    yield* update(post, (state) => {
      const outbox = receipt.moved ? Outbox.forgetReferences(state.outbox) : state.outbox
      return {
        ...state,
        sending: false,
        failuresInRow: 0,
        outbox: Outbox.delivered(outbox, draft.entries, nowMs, receipt.reference),
        health: { ...state.health, sent: state.health.sent + 1, lastSentMs: nowMs }
      }
    })
    yield* journalDelivery(post, draft, { result: "sent" })
    yield* post.view(consoleText(draft))
    yield* turnGreen(post, "send")
  })

const refused = (post: Post, draft: Draft, error: SinkError): Effect.Effect<void, never, Runtime> =>
  Effect.gen(function* () {
    const nowMs = yield* monotonicMs
    const state = yield* Ref.get(post.state)
    const waitMs = yield* backoffMs(error, state.failuresInRow)
    yield* update(post, (before) => ({
      ...before,
      sending: false,
      failuresInRow: before.failuresInRow + 1,
      foundBy: "send",
      notBeforeMs: Math.max(before.notBeforeMs, nowMs + waitMs),
      outbox: error.maybeSent
        ? Outbox.maybeDelivered(before.outbox, draft.entries, nowMs)
        : Outbox.failed(before.outbox, draft.entries),
      health: { ...before.health, failures: before.health.failures + 1, problem: error.message }
    }))
    yield* journalDelivery(post, draft, {
      result: error.maybeSent ? "maybe sent" : "failed",
      reason: error.message,
      nextTryInMs: Math.round(waitMs)
    })
    if (error.retryable) yield* Effect.logWarning(`${error.message}; tried again in ${Math.ceil(waitMs / 1_000)} s`)
    else yield* turnRed(post, error, "send")
  })

/** Exponential with jitter, never below what the other side asked for: jitter first, or it could undercut that. */
const backoffMs = (error: SinkError, failuresInRow: number): Effect.Effect<number> =>
  Effect.map(Random.next, (random) => {
    const own = Math.min(backoffMaxMs, firstBackoffMs * 2 ** Math.min(failuresInRow, 16)) * (0.8 + 0.4 * random)
    const wait = error.retryable ? own : probeEveryMs
    return Math.max(wait, error.retryAfterMs ?? 0)
  })

const journalDelivery = (
  post: Post,
  draft: Draft,
  fields: Readonly<Record<string, unknown>>
): Effect.Effect<void, never, Journal> =>
  Effect.flatMap(Effect.service(Journal), (journal) =>
    journal.write("delivery", {
      sink: post.sink.name,
      ...fields,
      entries: draft.entries.map(({ kind, signal, active, times }) => ({ kind, signal, active, times }))
    })
  )

/* Health */

/** Asks the sink whether it works, at the start and every hour; what is owed is sent whatever it says. */
const keepVerifying = (post: Post): Effect.Effect<never, never, Runtime> =>
  Effect.gen(function* () {
    let failures = 0
    let said = ""
    while (true) {
      const { problem, found } = yield* verifyOnce(post.sink)
      if (problem === null && found !== said) yield* Effect.logInfo(`alerts go to ${post.sink.destination}: ${found}`)
      said = found
      yield* Queue.offer(post.mailbox, { _tag: "Verified", problem })
      const waitMs = problem === null ? verifyEveryMs : yield* backoffMs(problem, failures)
      failures = problem === null ? 0 : failures + 1
      yield* Effect.sleep(Duration.millis(waitMs))
    }
  })

interface Verified {
  readonly problem: SinkError | null
  readonly found: string
}

const verifyOnce = (sink: MessageSink): Effect.Effect<Verified> =>
  Effect.suspend(() => sink.verify).pipe(
    Effect.map((found): Verified => ({ problem: null, found })),
    Effect.timeoutOrElse({
      duration: Duration.millis(sendCutMs),
      orElse: () => Effect.fail(broken(`${sink.name} has not answered`, false))
    }),
    Effect.catchCause((cause): Effect.Effect<Verified> => {
      const error = Cause.squash(cause)
      const problem = error instanceof SinkError ? error : broken(`${sink.name}: a bug in the watchdog`, false)
      return Effect.succeed({ problem, found: "" })
    })
  )

const turnRed = (post: Post, error: SinkError, foundBy: FoundBy): Effect.Effect<void, never, Runtime> =>
  Effect.gen(function* () {
    const { health } = yield* Ref.get(post.state)
    yield* update(post, (state) => ({
      ...state,
      // What a send has found stays a send's to clear, whatever a check finds meanwhile.
      foundBy: state.health.red ? state.foundBy : foundBy,
      health: { ...state.health, red: state.health.red || !error.retryable, problem: error.message }
    }))
    if (health.problem === error.message && health.red === !error.retryable) return
    yield* Effect.logError(error.message)
    yield* (yield* Journal).write("sink", { sink: post.sink.name, red: !error.retryable, problem: error.message })
    if (!error.retryable && !health.red) yield* post.onHealth(post.sink, error)
  })

/** What a send has found only a send can clear: a bot that may read its chat may still not write there. */
const turnGreen = (post: Post, by: FoundBy): Effect.Effect<void, never, Runtime> =>
  Effect.gen(function* () {
    const { health, foundBy } = yield* Ref.get(post.state)
    if (health.problem === null || (by === "verify" && foundBy === "send")) return
    yield* update(post, (state) => ({ ...state, health: { ...state.health, red: false, problem: null } }))
    yield* (yield* Journal).write("sink", { sink: post.sink.name, red: false, problem: null })
    yield* Effect.logInfo(`${post.sink.destination} works again`)
    if (health.red) yield* post.onHealth(post.sink, null)
  })

const logUnsent = (post: Post): Effect.Effect<void, never, Journal> =>
  Effect.gen(function* () {
    const { outbox } = yield* Ref.get(post.state)
    const inFlight = [...outbox.values()].flatMap((box) => (box.inFlight === null ? [] : [box.inFlight.entry]))
    const unsent = [...inFlight, ...Outbox.allOwed(outbox)]
    if (unsent.length === 0) return
    yield* (yield* Journal).write("unsent", { sink: post.sink.name, entries: unsent })
    yield* Effect.logError(`${post.sink.name}: left with ${unsent.length} entries unsent`).pipe(
      Effect.annotateLogs({ entries: summary(unsent) })
    )
  })
