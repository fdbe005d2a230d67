/** What a courier is made of: what it carries (`Trade`), what it remembers, whom it tells. */
import { type Deferred, Effect, type Fiber, Queue, Ref } from "effect"
import type { Loops } from "../base/Loops.ts"
import type { Alert, Entry, Rendering } from "../decision/index.ts"
import type { Sink, SinkError } from "../sink/Sink.ts"
import type { Journal } from "../status/Journal.ts"
import type { StatusBoard } from "../status/StatusBoard.ts"
import type { Outcome, Verified } from "./Attempt.ts"
import type * as Health from "./Health.ts"
import { type Mute, Mutes, coveredBy } from "./Mute.ts"
import type { Renderer } from "./Rendering.ts"

/** Back-off between tries: from a second, doubling, to a minute; a sink that refuses for good is probed every ten. */
const firstBackoffMs = 1_000
const backoffMaxMs = 60_000
const probeEveryMs = 600_000

/** What a person reads of a parcel, and what the journal notes. */
export interface Said {
  readonly entries: ReadonlyArray<Entry>
  readonly text: string
}

/** What became of a parcel that failed. */
export interface Refused<Load> {
  readonly load: Load
  /** Given up for good. */
  readonly givenUp: ReadonlyArray<Entry>
  /** The failure is of these entries alone: it holds up nothing else. */
  readonly own: boolean
}

/** What a courier carries, and how. All of it pure but `send`. `isMuted` is asked, never remembered. */
export interface Trade<Load, Parcel, Receipt> {
  readonly accept: (load: Load, alert: Alert, muted: boolean, nowMs: number) => Load
  /** When the next parcel may leave; infinity: there is nothing to send. */
  readonly dueMs: (load: Load, isMuted: IsMuted, nowMs: number, leaving: boolean) => number
  /** `complaint`: a bug of the sink that was worked around. */
  readonly pack: (load: Load, isMuted: IsMuted, rendering: Rendering) => Packed<Load, Parcel>
  readonly send: (parcel: Parcel) => Effect.Effect<Receipt, SinkError>
  readonly accepted: (load: Load, parcel: Parcel, receipt: Receipt, nowMs: number) => Load
  readonly refused: (load: Load, parcel: Parcel, error: SinkError, nowMs: number) => Refused<Load>
  /** The wish to leave has come. */
  readonly leave: (load: Load) => Load
  readonly said: (parcel: Parcel) => Said
  /** How many entries wait. */
  readonly waiting: (load: Load, isMuted: IsMuted) => number
  readonly unsent: (load: Load) => ReadonlyArray<Entry>
}

export type IsMuted = (signal: string) => boolean

export interface Packed<Load, Parcel> {
  readonly load: Load
  readonly parcel: Parcel
  readonly complaint: string | null
}

interface Flush {
  readonly untilMs: number
  readonly done: Deferred.Deferred<void>
}

export interface State<Load, Parcel, Receipt> {
  readonly load: Load
  readonly condition: Health.Condition
  readonly sending: boolean
  /** Of the parcel that was under way, not yet looked at. */
  readonly outcome: { readonly parcel: Parcel; readonly outcome: Outcome<Receipt> } | null
  /** Of the last check, not yet looked at. */
  readonly verified: Verified | null
  /** No parcel leaves before this. */
  readonly notBeforeMs: number
  readonly failuresInRow: number
  readonly flush: Flush | null
}

/** Whom a courier tells of itself. */
export interface Ears {
  /** This sink has turned red, or works again. */
  readonly health: (sink: Pick<Sink, "name">, problem: SinkError | null) => Effect.Effect<void>
  /** Prints what was told; nothing where the sink itself is the console. */
  readonly view: (text: string) => Effect.Effect<void>
  /** Something has changed: an alert, an outcome. */
  readonly changed: Effect.Effect<void>
}

export interface Post<Load, Parcel, Receipt> {
  readonly sink: Sink
  readonly trade: Trade<Load, Parcel, Receipt>
  readonly bell: Queue.Queue<void>
  readonly state: Ref.Ref<State<Load, Parcel, Receipt>>
  readonly ears: Ears
  wake: { readonly fiber: Fiber.Fiber<void>; readonly atMs: number } | null
  /** What the board shows of it. */
  shown: string
}

export type Runtime = Journal | Renderer | Loops | StatusBoard | Mutes

export const update = <L, P, R>(
  post: Post<L, P, R>,
  change: (state: State<L, P, R>) => State<L, P, R>
): Effect.Effect<void> => Ref.update(post.state, change)

export const ring = <L, P, R>(post: Post<L, P, R>): Effect.Effect<void> =>
  Effect.asVoid(Queue.offer(post.bell, undefined))

export const mutedBy =
  (mutes: ReadonlyArray<Mute>): IsMuted =>
  (signal) =>
    mutes.length > 0 && coveredBy(mutes, signal) !== undefined

export const isMutedNow: Effect.Effect<IsMuted, never, Mutes> = Effect.flatMap(Mutes, (mutes) =>
  Effect.map(mutes.current, mutedBy)
)

/** Exponential with jitter, never below what the other side asked for: jitter first, or it could undercut that. */
export const backoffMs = (error: SinkError, failuresInRow: number, random: number): number => {
  const own = Math.min(backoffMaxMs, firstBackoffMs * 2 ** Math.min(failuresInRow, 16)) * (0.8 + 0.4 * random)
  const wait = error.retryable ? own : probeEveryMs
  return Math.max(wait, error.retryAfterMs ?? 0)
}
