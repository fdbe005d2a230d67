/**
 * What one look says of one signal.
 *
 * A look that could not be made is an observation too: `Missed` says so and why, so that blindness is never mistaken
 * for a recovery.
 */

/** What a person asks next. `summary` is one line without the signal's name; `details` are further lines. */
export interface Evidence {
  readonly summary: string
  readonly details: ReadonlyArray<string>
}

interface Look {
  /** Number of the collector's tick this look belongs to, from 1. An extra look carries the number of the tick it falls in. */
  readonly tick: number
  /** True for the look the tick itself makes, false for one that an event caused. */
  readonly scheduled: boolean
  /** Milliseconds of the monotonic clock at which the look BEGAN. */
  readonly asOfMs: number
}

/** The source answered. */
export interface Seen extends Look {
  readonly _tag: "Seen"
  readonly active: boolean
  /** A fact, not a sample (a crash, an out-of-memory kill): raises at once. Only with `active`. */
  readonly confirmed: boolean
  /** The measured value, judged against the policy's ceiling where it has one; null where there is nothing to measure. */
  readonly value: number | null
  /** True in the first complete report of a collector: what is active then was found, not seen to happen. */
  readonly first: boolean
  readonly evidence: Evidence
}

/** The source could not be looked at, or is held on purpose (`held`: a deploy's grace), which is not blindness. */
export interface Missed extends Look {
  readonly _tag: "Missed"
  readonly held: boolean
  readonly reason: string
}

/** The one timer of the signal rang: reminders, settling and staleness need no look. */
export interface Elapsed {
  readonly _tag: "Elapsed"
}

/** The source no longer reports this signal. */
export interface Retired {
  readonly _tag: "Retired"
  readonly reason: string
}

export type Observation = Seen | Missed
export type Input = Seen | Missed | Elapsed | Retired

export const noEvidence: Evidence = { summary: "", details: [] }
export const elapsed: Elapsed = { _tag: "Elapsed" }
