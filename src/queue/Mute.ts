/**
 * Quiet, on purpose: which signals are muted now, until when and by whom. A gate before the outboxes, not part of `step`: a muted
 * signal is decided as ever, and what it owes is held until the mute ends.
 */
import { Context, type Effect, type Stream } from "effect"

export interface Mute {
  /** A signal's id, or a glob of ids; `*` is everything. */
  readonly pattern: string
  /** Milliseconds of the monotonic clock. */
  readonly untilMs: number
  /** Who or what: `@name` from the phone, or `maintenance`. */
  readonly by: string
}

export class Mutes extends Context.Service<
  Mutes,
  {
    /** Mutes until then; the same pattern by the same hand is replaced. */
    readonly mute: (mute: Mute) => Effect.Effect<void>
    /** Ends what these hold: every mute of that very pattern, `*` included; returns what was ended. */
    readonly unmute: (pattern: string) => Effect.Effect<ReadonlyArray<Mute>>
    /** What is in force now. */
    readonly current: Effect.Effect<ReadonlyArray<Mute>>
    /** What is in force, now and at each change, the end of one by time included. */
    readonly changes: Stream.Stream<ReadonlyArray<Mute>>
  }
>()("watchdog/queue/Mutes") {}
