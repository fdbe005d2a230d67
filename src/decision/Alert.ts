/** A decision worth telling. */
import type { Evidence } from "./Observation.ts"

export type Severity = "critical" | "warning"

export type DecisionKind = "alert" | "remind" | "recover" | "flapping" | "settled" | "gone"

/** Shape: one per step at most. Times are milliseconds of the monotonic clock; wall times are made when it is rendered. */
export interface Decision {
  readonly kind: DecisionKind
  readonly atMs: number
  /** The side after this decision; for `settled` the side it settled on. */
  readonly active: boolean
  /** When the fault began: the first look that saw it, or the fact itself. */
  readonly sinceMs: number
  /** How often it was raised: 1, or the count while flapping. */
  readonly raises: number
  /** Reminders so far, this one included. */
  readonly reminders: number
  readonly confirmed: boolean
  readonly foundAtStart: boolean
  readonly evidence: Evidence
}

/** A decision with the signal it belongs to, on its way to people. */
export interface Alert {
  readonly signal: string
  readonly severity: Severity
  /** Of the signal's policy: whoever was told within it needs no reminder. */
  readonly cooldownMs: number
  readonly decision: Decision
}
