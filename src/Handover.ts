/**
 * What one run leaves to the next, in `WATCHDOG_STATE_FILE`: the state of every signal, what each sink was told, and the mutes of
 * people. With it nothing is repeated and nothing lost over a restart; without it what is active is told as "found at start".
 *
 * It is written before a message leaves and when it has arrived, so that a run that is killed within a send says it again as
 * possibly repeated, and one that is killed at any other moment does not say it again at all.
 */
import { Clock, Duration, Effect, Layer, Queue, Ref, Result, type Scope, Semaphore } from "effect"
import { Settings } from "./base/Keys.ts"
import { Loops } from "./base/Loops.ts"
import { monotonicMs } from "./base/Monotonic.ts"
import * as StateFile from "./base/StateFile.ts"
import { supervise } from "./base/Supervise.ts"
import { type Anchor, type SignalSpec, type SignalState, freezeState, thawState } from "./decision/index.ts"
import type { Watched } from "./monitor/Monitors.ts"
import { type Mute, byMaintenance } from "./queue/Mute.ts"
import type { MessageSink } from "./sink/Sink.ts"
import { Journal } from "./status/Journal.ts"

/** What changed may wait so long to be written, together with what else changes. */
const gatherMs = 1_000
/** Written this often though nothing has changed: ages must not grow by more than this where a run is killed. */
const writeEveryMs = 60_000
/** A message waits for the disk so long and no longer: the news is worth more than the note of it. */
const sendPatienceMs = 250

/** What is handed over. */
export interface Legacy {
  readonly watched: ReadonlyArray<Watched>
  /** As the dispatcher made it; it reads it itself. */
  readonly sinks: unknown
  readonly mutes: ReadonlyArray<Mute>
  /** Plain JSON that a part keeps for its next life, by the part's name. */
  readonly notes: Readonly<Record<string, unknown>>
}

export const nothing: Legacy = { watched: [], sinks: null, mutes: [], notes: {} }

/* In and out of JSON */

const version = 1

interface Payload {
  readonly v: typeof version
  readonly watched: ReadonlyArray<{
    readonly spec: SignalSpec
    readonly collector: string
    readonly state: SignalState
  }>
  readonly sinks: unknown
  readonly mutes: ReadonlyArray<Mute>
  readonly notes: Readonly<Record<string, unknown>>
}

export const freeze = ({ watched, sinks, mutes, notes }: Legacy, anchor: Anchor): StateFile.Saved => ({
  anchor,
  payload: {
    v: version,
    watched: watched.flatMap(({ spec, collector, state }) => (state === null ? [] : [{ spec, collector, state }])),
    sinks,
    // Windows of maintenance are worked out anew from the clock at each start.
    mutes: mutes.filter((mute) => mute.by !== byMaintenance),
    notes
  } satisfies Payload
})

type Fields = Readonly<Record<string, unknown>>

const record = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {})
const list = (value: unknown): ReadonlyArray<Fields> => (Array.isArray(value) ? value.map(record) : [])

/**
 * Brings what was left into this run's clock: ages grow by the wall time that passed, never below zero.
 *
 * Fails: with a reason, where another version has written it. Single signals that make no sense are left out.
 */
export const thaw = ({ anchor, payload }: StateFile.Saved, into: Anchor): Result.Result<Legacy, string> => {
  const { v, watched, sinks, mutes, notes } = record(payload)
  if (v !== version) return Result.fail(`its content has version ${JSON.stringify(v)}, not ${version}`)
  const passedMs = Math.max(0, into.wallMs - anchor.wallMs)
  return Result.succeed({
    watched: list(watched).flatMap((item) => thawWatched(item, anchor, into)),
    sinks: sinks ?? null,
    mutes: list(mutes).flatMap(({ pattern, untilMs, by }) =>
      typeof pattern === "string" && typeof by === "string" && typeof untilMs === "number"
        ? [{ pattern, by, untilMs: into.monotonicMs + untilMs - anchor.monotonicMs - passedMs }]
        : []
    ),
    notes: record(notes)
  })
}

const thawWatched = ({ spec, collector, state }: Fields, anchor: Anchor, into: Anchor): ReadonlyArray<Watched> => {
  const { signal, severity, policy } = record(spec)
  const isWhole =
    typeof signal === "string" &&
    (severity === "critical" || severity === "warning") &&
    record(policy)["v"] === 1 &&
    typeof collector === "string" &&
    record(state)["v"] === 1
  if (!isWhole) return []
  // The checksum says that it is as we wrote it, the versions that we wrote it as we read it.
  const thawed = thawState(freezeState(state as SignalState, anchor), into)
  return thawed === undefined ? [] : [{ spec: spec as SignalSpec, collector, state: thawed }]
}

/* The hand-over of a run */

export interface Handover {
  /** What the run before has left; nothing where there is no file. */
  readonly legacy: Legacy
  /** Where what is to be left is read from now on. */
  readonly attach: (gather: Effect.Effect<Legacy>) => Effect.Effect<void>
  /** Something has changed that is worth keeping. Never waits. */
  readonly changed: Effect.Effect<void>
  /** The same sink; what it sends is noted before it leaves. Levels are sent again and again anyway. */
  readonly noted: (sink: MessageSink) => MessageSink
  /** The same journal; what it notes of decisions and deliveries is kept. */
  readonly heard: Layer.Layer<Journal, never, Journal>
}

const none: Handover = {
  legacy: nothing,
  attach: () => Effect.void,
  changed: Effect.void,
  noted: (sink) => sink,
  heard: Layer.effect(
    Journal,
    Effect.map(Journal, (journal) => journal)
  )
}

const loopName = "hand-over"

/** Lines of the journal after which something else is to be kept; what was told is kept at once. */
const decides = new Set(["observation", "decision", "retired", "mute", "unmute", "sink"])
const tells = new Set(["delivery"])

/** Reads what was left, and keeps what is to be left until the scope closes: then it is written for the last time. */
export const open: Effect.Effect<Handover, never, Settings | Journal | Loops | Scope.Scope> = Effect.gen(function* () {
  const name = (yield* Settings).get(StateFile.keys.file)
  if (name === undefined) return none
  const journal = yield* Journal
  const loops = yield* Loops
  const file = yield* StateFile.make(name)
  const anchorNow = Effect.zipWith(Clock.currentTimeMillis, monotonicMs, (wallMs, nowMs): Anchor => ({
    wallMs,
    monotonicMs: nowMs,
    runId: journal.runId
  }))
  const legacy = yield* read(file, yield* anchorNow)

  // Until everything is built there is nothing to leave but what was left to us.
  const source = yield* Ref.make<Effect.Effect<Legacy> | null>(null)
  const isWell = yield* Ref.make(true)
  const writing = yield* Semaphore.make(1)
  // One at a time, what is gathered included: an older view of things must never follow a newer one.
  const write = Effect.gen(function* () {
    const gather = yield* Ref.get(source)
    if (gather === null) return
    const found = yield* gather
    yield* Ref.set(isWell, yield* file.save(freeze(found, yield* anchorNow)))
  }).pipe(writing.withPermits(1))
  const bell = yield* Queue.sliding<void>(1)
  const changed = Effect.asVoid(Queue.offer(bell, undefined))
  const keep = Effect.gen(function* () {
    const rung = Effect.andThen(Queue.take(bell), Effect.sleep(Duration.millis(gatherMs)))
    yield* Effect.timeoutOption(rung, Duration.millis(writeEveryMs))
    yield* Queue.clear(bell)
    yield* write
    yield* loops.beat(loopName)
  })
  // Below the loop, so that it is the last to write.
  yield* Effect.addFinalizer(() => write)
  yield* loops.register(loopName, 4 * writeEveryMs)
  yield* Effect.forkScoped(supervise(loopName, Effect.forever(keep)))

  const beforeSend = Effect.gen(function* () {
    // A disk in trouble must not hold up every message.
    if (!(yield* Ref.get(isWell))) return
    yield* Effect.timeoutOption(write, Duration.millis(sendPatienceMs))
  })
  return {
    legacy,
    changed,
    // Written at once: a file that cannot be written is said at the start, not at the first alert.
    attach: (gather) => Effect.asVoid(Effect.andThen(Ref.set(source, gather), Effect.forkDetach(write))),
    noted: (sink) => ({ ...sink, send: (draft) => Effect.andThen(beforeSend, sink.send(draft)) }),
    heard: Layer.succeed(Journal, {
      ...journal,
      write: (event, fields) =>
        Effect.andThen(
          journal.write(event, fields),
          // Not waited for: the next message is, before it leaves.
          tells.has(event) ? Effect.forkDetach(write) : decides.has(event) ? changed : Effect.void
        )
    })
  }
})

const read = (file: StateFile.StateFile, into: Anchor): Effect.Effect<Legacy> =>
  Effect.gen(function* () {
    const saved = yield* file.load
    if (saved === undefined) return nothing
    const thawed = thaw(saved, into)
    if (Result.isFailure(thawed)) return yield* Effect.as(file.reject(thawed.failure), nothing)
    const { watched, mutes } = thawed.success
    const active = watched.filter(({ state }) => state?.active === true).length
    yield* Effect.logInfo(
      `taken over from an earlier run: ${watched.length} signals (${active} active), ${mutes.length} mutes`
    )
    return thawed.success
  })
