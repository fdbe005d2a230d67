/**
 * What the watchdog knows at one moment, as data: what the page shows, `/status.json` serves and `watchdog status` prints.
 *
 * Versioned: within one version fields are only added. Moments are ISO 8601 in UTC, spans are milliseconds.
 */
import { Schema } from "effect"

const Moment = Schema.String
const Span = Schema.Finite

/** How a signal stands. `new`: not decided yet; `held`: on purpose (a deploy's grace); `unknown`: not seen for 3.5 intervals. */
export const SignalState = Schema.Literals(["new", "clear", "held", "unknown", "active", "flapping"])

/** Why the signal is quiet although it may be in trouble: muted from the phone, or by a maintenance window. */
export const Muted = Schema.Struct({
  until: Moment,
  /** Who or what: `@name` from the phone, or `maintenance`. */
  by: Schema.String
})

export const SignalView = Schema.Struct({
  id: Schema.String,
  /** The collector that reports it. */
  collector: Schema.String,
  severity: Schema.Literals(["critical", "warning"]),
  state: SignalState,
  /** Since when it has been in this state; null before its first verdict. */
  since: Schema.NullOr(Moment),
  /** What the last look saw, which the debounce may not have taken over yet. */
  look: Schema.Literals(["none", "active", "clear", "missed", "held"]),
  /** One line: what is wrong, or what was seen; empty if there is nothing to say. */
  summary: Schema.String,
  details: Schema.Array(Schema.String),
  value: Schema.NullOr(Schema.Finite),
  /** The unfinished streak, e.g. `2 of 3 ticks towards an alert`; null if none. */
  streak: Schema.NullOr(Schema.String),
  /** What would wake someone and when, e.g. `within 35 s (3 ticks)`. */
  wakes: Schema.String,
  /** Why it is silent or loud now, one reason a line. */
  because: Schema.Array(Schema.String),
  nextReminder: Schema.NullOr(Moment),
  muted: Schema.NullOr(Muted),
  /** Times it was raised since it was first seen. */
  raises: Schema.Int,
  /**
   * The last 24 hours, oldest first, one character per bucket of `historyBucketMs`: ` ` no data, `.` clear, `h` held, `?` not
   * seen, `-` seen active but not told, `#` active. The worst of a bucket wins.
   */
  history: Schema.String
})
export type SignalView = typeof SignalView.Type

export const CollectorView = Schema.Struct({
  name: Schema.String,
  /** What it looks at, or why it is off. */
  watches: Schema.String,
  off: Schema.Boolean,
  interval: Span,
  timeout: Span,
  lastTick: Schema.NullOr(Moment),
  /** How long the last tick took. */
  latency: Schema.NullOr(Span),
  ticks: Schema.Int,
  /** Ticks that could not see. */
  blindTicks: Schema.Int,
  signals: Schema.Int,
  /** Why it cannot see, or what of its source it cannot; null where all is well. */
  problem: Schema.NullOr(Schema.String)
})
export type CollectorView = typeof CollectorView.Type

export const SinkView = Schema.Struct({
  name: Schema.String,
  destination: Schema.String,
  /** Not usable until a human does something. */
  red: Schema.Boolean,
  problem: Schema.NullOr(Schema.String),
  /** Entries it is still owed. */
  waiting: Schema.Int,
  sent: Schema.Int,
  failures: Schema.Int,
  lastSent: Schema.NullOr(Moment)
})
export type SinkView = typeof SinkView.Type

/** A message as it was worded and accepted. */
export const ToldView = Schema.Struct({
  at: Moment,
  sink: Schema.String,
  text: Schema.String,
  rang: Schema.Boolean,
  signals: Schema.Array(Schema.String)
})
export type ToldView = typeof ToldView.Type

export const LoopView = Schema.Struct({
  name: Schema.String,
  lastBeat: Moment,
  crashes: Schema.Int,
  failing: Schema.Boolean
})
export type LoopView = typeof LoopView.Type

export const MuteView = Schema.Struct({
  /** A signal's id or a glob; `*` is everything. */
  pattern: Schema.String,
  until: Moment,
  by: Schema.String
})
export type MuteView = typeof MuteView.Type

export const Snapshot = Schema.Struct({
  v: Schema.Literal(1),
  /** Of the watchdog itself. */
  version: Schema.String,
  host: Schema.String,
  runId: Schema.String,
  at: Moment,
  startedAt: Moment,
  /** The watchdog's own health: every loop goes, every monitor runs, a sink is able. */
  healthy: Schema.Boolean,
  reasons: Schema.Array(Schema.String),
  historyBucketMs: Span,
  signals: Schema.Array(SignalView),
  collectors: Schema.Array(CollectorView),
  sinks: Schema.Array(SinkView),
  /** Newest first. */
  told: Schema.Array(ToldView),
  mutes: Schema.Array(MuteView),
  loops: Schema.Array(LoopView),
  process: Schema.Struct({
    /** Resident memory, bytes. */
    residentBytes: Schema.Finite,
    /** CPU time used since the start, seconds. */
    cpuSeconds: Schema.Finite
  })
})
export type Snapshot = typeof Snapshot.Type

export const historyBucketMs = 300_000
export const historyBuckets = 288
