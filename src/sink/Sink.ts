/** The contract of a sink: where alerts go. A sink renders and sends; what is owed, when and to whom is the dispatcher's. */
import { type Context, Effect, Layer, Schema, type Scope } from "effect"
import type { Http } from "../base/Http.ts"
import type { KeySet, Settings } from "../base/Keys.ts"
import type { Output } from "../base/Output.ts"
import type { Entry, Evidence, Rendering, Severity } from "../decision/index.ts"

/**
 * A send that did not work. `message` is for the operator and holds no secret; it names the sink, the destination and why.
 */
export class SinkError extends Schema.TaggedError<SinkError>()("SinkError", {
  reason: Schema.Literals([
    "Network",
    "Timeout",
    "RateLimited",
    "Server",
    "Unauthorized",
    "Forbidden",
    /** There is nothing at the destination that takes messages. */
    "NoSuchChat",
    /** This message is refused, whatever becomes of others. */
    "Rejected"
  ]),
  detail: Schema.String,
  /** False: nothing but a human changes it (a revoked token); the sink is red and probed slowly. */
  retryable: Schema.Boolean,
  /** The least the other side wants us to wait, milliseconds. */
  retryAfterMs: Schema.NullOr(Schema.Finite),
  /** The message may have arrived all the same: no answer came. */
  maybeSent: Schema.Boolean
}) {
  override get message(): string {
    return this.detail
  }
}

/** One message: whole entries, already chosen so that they fit (`fit`). */
export interface Draft {
  readonly entries: ReadonlyArray<Entry>
  readonly rendering: Rendering
  /** Signals active besides those named here. */
  readonly alsoActive: number
  /** The sink's reference of the message that this one answers; null if there is no single one. */
  readonly replyTo: string | null
  /** True where the full text was refused or could not be made: icon, id and kind in plain words, and nothing else. */
  readonly minimal?: boolean
}

export interface Receipt {
  /** For replying to this message later; null where the sink has no such thing. */
  readonly reference: string | null
  /** References given before this one are of no use any more (the chat has moved). */
  readonly moved: boolean
}

export interface Pace {
  /** The fixed window after a send's start within which everything joins the next message, milliseconds. */
  readonly windowMs: number
  readonly perMinute: number
}

/** A sink of messages, with a ledger of what it was told: Telegram, a webhook, the console. */
export interface MessageSink {
  readonly kind: "message"
  readonly name: string
  /** Where it leads, for people; no secret in it. */
  readonly destination: string
  readonly pace: Pace
  /** Checks credentials and destination without sending anything. Success: what was found, in words, or nothing. Fails: SinkError. */
  readonly verify: Effect.Effect<string, SinkError>
  /** How many of these entries, from the first, fit into one message; at least one. */
  readonly fit: (draft: Draft) => number
  /** Fails: SinkError. */
  readonly send: (draft: Draft) => Effect.Effect<Receipt, SinkError>
  /** What it has learnt and must not forget over a restart (a chat that has moved): plain JSON. Absent: nothing. */
  readonly memory?: {
    readonly save: Effect.Effect<unknown>
    /** Anything that is not what `save` gave is ignored. */
    readonly load: (saved: unknown) => Effect.Effect<void>
  }
}

/** One signal as a sink of levels is to show it: active now, or ended at `endedMs`. */
export interface Level {
  readonly signal: string
  readonly severity: Severity
  readonly sinceMs: number
  readonly endedMs: number | null
  readonly evidence: Evidence
}

/** A sink of levels, which is sent everything active again and again and forgets by itself: Alertmanager. */
export interface LevelSink {
  readonly kind: "level"
  readonly name: string
  readonly destination: string
  /** Every level is sent again this often, milliseconds. */
  readonly resendEveryMs: number
  /** What has ended is sent as ended for so long, milliseconds. */
  readonly resendEndedMs: number
  readonly verify: Effect.Effect<string, SinkError>
  /** All that is active and what has lately ended. Succeeds where at least one member took it. Fails: SinkError. */
  readonly send: (levels: ReadonlyArray<Level>, rendering: Rendering) => Effect.Effect<void, SinkError>
  /** What is wrong although it works (members that failed last), for people; null: nothing. */
  readonly problem?: Effect.Effect<string | null>
}

export type Sink = MessageSink | LevelSink

/** What a sink may ask for. */
export type Needs = Http | Settings | Output

/** A fallback is for when no primary accepts anything. */
export type Role = "primary" | "fallback"

/** One line of the catalogue. `make` gives undefined where the sink is not configured. */
export interface SinkEntry {
  readonly name: string
  readonly role: Role
  readonly keys: KeySet
  readonly make: Effect.Effect<Sink | undefined, never, Needs | Scope.Scope>
}

export const entry = <I, S extends Sink>(
  name: string,
  service: Context.Key<I, S | undefined>,
  layer: Layer.Layer<I, never, Needs>,
  keys: KeySet,
  role: Role = "primary"
): SinkEntry => ({
  name,
  role,
  keys,
  make: Effect.flatMap(Layer.build(layer), (context) => Effect.provideContext(Effect.service(service), context))
})
