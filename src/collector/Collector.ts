/**
 * The contract of a collector: an Effect service that reads one source, and says what each look saw of each signal.
 *
 * A collector does not know ticks that went before, monitors or alerts. It bounds each of its requests by `timeoutMs`; the
 * poller's own cut catches only our bugs.
 */
import { type Context, type Duration, Effect, Layer, Schema, type Scope } from "effect"
import type { Http } from "../base/Http.ts"
import type { Key, KeySet, Settings } from "../base/Keys.ts"
import type { Evidence, Policy, SignalSpec } from "../decision/index.ts"

export interface SeenLook {
  readonly _tag: "Seen"
  readonly active: boolean
  readonly confirmed: boolean
  readonly value: number | null
  readonly evidence: Evidence
}

export interface MissedLook {
  readonly _tag: "Missed"
  /** Held on purpose (a deploy's grace), which is not blindness. */
  readonly held: boolean
  readonly reason: string
}

export interface SignalLook {
  readonly spec: SignalSpec
  readonly look: SeenLook | MissedLook
}

/** The whole set of a collector's signals at one tick. */
export interface Report {
  readonly looks: ReadonlyArray<SignalLook>
  /** False if an item could not be read: then a missing signal says nothing, and none retires. */
  readonly complete: boolean
  /** What cannot be seen though the source answers (an item that cannot be read, a mount that hangs): an alarm of the source. */
  readonly unseen?: string | undefined
  /** What was odd but not fatal, for the journal: told once for as long as it stays the same. */
  readonly oddities: ReadonlyArray<string>
}

/** The source could not be read. `reason` is for code, `message` for the operator: it names the source and no secret. */
export class CollectError extends Schema.TaggedError<CollectError>()("CollectError", {
  reason: Schema.Literals(["Timeout", "Unreachable", "Refused", "Malformed"]),
  detail: Schema.String,
  /** Of a connection that failed, where there is one. */
  errno: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return this.detail
  }
}

export interface Tick {
  readonly number: number
  /** When this look began, monotonic milliseconds. */
  readonly asOfMs: number
}

/** Hands over extra looks; `asOfMs` is when they began. They never retire a signal, and never complete a debounce. */
export type Emit = (looks: ReadonlyArray<SignalLook>, asOfMs: number) => Effect.Effect<void>

export interface Collector {
  /** One word, as in `source:<name>` and `WATCHDOG_<NAME>_INTERVAL`. */
  readonly name: string
  /** What it looks at, for people; or why it is off. */
  readonly watches: string
  readonly off: boolean
  readonly intervalMs: number
  readonly timeoutMs: number
  /** The policy of `source:<name>`. */
  readonly policy: Policy
  /** Looks that an event causes, between ticks; runs for as long as the collector does. */
  readonly events?: (emit: Emit) => Effect.Effect<never>
  /** Fails: CollectError (Timeout | Unreachable | Refused | Malformed). */
  readonly collect: (tick: Tick) => Effect.Effect<Report, CollectError>
}

/** What a collector may ask for. */
export type Needs = Http | Settings

/** One line of the catalogue: the service, its keys, and how to get it. */
export interface Entry {
  readonly name: string
  readonly keys: KeySet
  readonly interval: Key<Duration.Duration | undefined>
  readonly make: Effect.Effect<Collector, never, Needs | Scope.Scope>
}

/** Ties a collector's service, layer and keys together, so that the catalogue can be walked. */
export const entry = <I>(
  name: string,
  service: Context.Key<I, Collector>,
  layer: Layer.Layer<I, never, Needs>,
  interval: Key<Duration.Duration | undefined>,
  keys: KeySet
): Entry => ({
  name,
  keys,
  interval,
  make: Effect.flatMap(Layer.build(layer), (context) => Effect.provideContext(Effect.service(service), context))
})

export const seen = (active: boolean, evidence: Evidence, more: Partial<SeenLook> = {}): SeenLook => ({
  _tag: "Seen",
  active,
  confirmed: false,
  value: null,
  evidence,
  ...more
})

export const held = (reason: string): MissedLook => ({ _tag: "Missed", held: true, reason })
export const missed = (reason: string): MissedLook => ({ _tag: "Missed", held: false, reason })
