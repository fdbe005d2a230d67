/**
 * "Started" and "stopped", where they are wanted: silent, best effort, and never a storm.
 *
 * They say nothing of any signal, so no outbox owes them: a start that could not be told for hours is no news. A watchdog that
 * starts again and again says nothing, for a start is told only after a minute of life, and with a state file at most once in a
 * quarter of an hour, the starts before it counted. A stop is told only where the start was.
 */
import { Clock, Duration, Effect, Fiber, Ref, Result, type Scope } from "effect"
import * as Keys from "../base/Keys.ts"
import type { Loops } from "../base/Loops.ts"
import { monotonicMs } from "../base/Monotonic.ts"
import { supervise } from "../base/Supervise.ts"
import { type Entry, blankEntry, durationText } from "../decision/index.ts"
import type { Draft, MessageSink } from "../sink/Sink.ts"
import { Journal } from "../status/Journal.ts"
import { Mutes, coveredBy } from "./Mute.ts"
import { Renderer } from "./Rendering.ts"

export const keys = {
  start: Keys.boolean("WATCHDOG_NOTIFY_START", {
    about: "tells, silently, when the watchdog has started and when it stops",
    fallback: false
  })
}

/** Supervisors start again within seconds; Docker's own back-off ends at a minute. What lives longer is no crash loop. */
const aliveMs = 60_000
const betweenStartsMs = 15 * 60_000
const tries = 3
const againAfterMs = 5_000
/** Leaving must stay below Docker's 10 s: the outboxes' flush comes after this. */
const stopWithinMs = 1_000

/** As the entries of a notice are called. */
const signal = "watchdog"

export interface Notice {
  /** What the next run must know to keep to the pace; plain JSON. */
  readonly note: Effect.Effect<unknown>
}

export interface Options {
  /** What is watched, in a few words. */
  readonly watching: string
  readonly sinks: ReadonlyArray<MessageSink>
  /** The note of an earlier run; whatever is not one is ignored. */
  readonly earlier: unknown
  /** The note has changed. */
  readonly changed: Effect.Effect<void>
}

interface Note {
  /** Wall time of the last start that was told; null: none. */
  readonly toldWallMs: number | null
  /** Starts since then. */
  readonly untold: number
}

const readNote = (saved: unknown): Note => {
  const { toldWallMs, untold } = (typeof saved === "object" && saved !== null ? saved : {}) as Partial<Note>
  return {
    toldWallMs: typeof toldWallMs === "number" ? toldWallMs : null,
    untold: typeof untold === "number" && Number.isSafeInteger(untold) && untold > 0 ? untold : 0
  }
}

type Runtime = Renderer | Mutes | Journal

/** Tells the start when it is due, and the stop when the scope closes. */
export const make = ({
  watching,
  sinks,
  earlier,
  changed
}: Options): Effect.Effect<Notice, never, Keys.Settings | Loops | Runtime | Scope.Scope> =>
  Effect.gen(function* () {
    if (!(yield* Keys.Settings).get(keys.start)) return { note: Effect.succeed(null) }
    const before = readNote(earlier)
    const note = yield* Ref.make<Note>({ ...before, untold: before.untold + 1 })
    const startMs = yield* monotonicMs
    const told = yield* Ref.make(false)
    const context = yield* Effect.context<Runtime>()

    const begin = Effect.gen(function* () {
      yield* Effect.sleep(Duration.millis(aliveMs))
      const wallMs = yield* Clock.currentTimeMillis
      const sinceMs = before.toldWallMs === null ? betweenStartsMs : wallMs - before.toldWallMs
      // A clock that was set back must not silence it for longer.
      yield* Effect.sleep(Duration.millis(Math.max(0, Math.min(betweenStartsMs, betweenStartsMs - sinceMs))))
      const { untold } = yield* Ref.get(note)
      yield* Ref.set(note, { toldWallMs: yield* Clock.currentTimeMillis, untold: 0 })
      yield* Ref.set(told, true)
      yield* changed
      yield* tell(sinks, started(startMs, yield* monotonicMs, watching, untold - 1), tries)
    })
    const beginning = yield* Effect.forkScoped(supervise("start notice", begin))
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        yield* Fiber.interrupt(beginning)
        if (!(yield* Ref.get(told))) return
        const nowMs = yield* monotonicMs
        yield* Effect.timeoutOption(tell(sinks, stopped(startMs, nowMs), 1), Duration.millis(stopWithinMs))
      }).pipe(Effect.provideContext(context))
    )
    return { note: Ref.get(note) }
  })

const notice = (summary: string, ...details: ReadonlyArray<string>): Entry => ({
  ...blankEntry("notice", signal, "warning"),
  active: true,
  evidence: { summary, details }
})

const started = (startMs: number, nowMs: number, watching: string, others: number): Entry =>
  notice(
    `started ${durationText(nowMs - startMs)} ago, watching ${watching}`,
    ...(others > 0 ? [`started ${others} ${others === 1 ? "time" : "times"} before without telling`] : [])
  )

const stopped = (startMs: number, nowMs: number): Entry =>
  notice(`stops after ${durationText(nowMs - startMs)}: nobody watches until it is started again`)

const tell = (sinks: ReadonlyArray<MessageSink>, entry: Entry, triesMax: number): Effect.Effect<void, never, Runtime> =>
  Effect.gen(function* () {
    // Who mutes everything expects the watchdog to be restarted too.
    if (coveredBy(yield* (yield* Mutes).current, signal) !== undefined) return
    yield* (yield* Journal).write("notice", { ...entry.evidence })
    const rendering = yield* (yield* Renderer).now
    const draft: Draft = { entries: [entry], rendering, alsoActive: 0, replyTo: null }
    yield* Effect.forEach(sinks, (sink) => sendTo(sink, draft, triesMax), { concurrency: "unbounded", discard: true })
  })

const sendTo = (sink: MessageSink, draft: Draft, triesMax: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let tried = 1; ; tried++) {
      const sent = yield* Effect.result(Effect.suspend(() => sink.send(draft)))
      if (Result.isSuccess(sent)) return
      const { retryable, maybeSent, retryAfterMs, message } = sent.failure
      if (!retryable || maybeSent || tried >= triesMax) {
        return yield* Effect.logInfo(`a notice was not told: ${message}`)
      }
      yield* Effect.sleep(Duration.millis(Math.max(againAfterMs, retryAfterMs ?? 0)))
    }
  })
