/** All that is remembered of one signal: plain data with a version, every time in milliseconds of one monotonic clock. */
import type { DecideState } from "./decide.ts"
import type { Evidence } from "./Observation.ts"

/** While a signal flaps only its settling is told. */
export interface Flapping {
  readonly sinceMs: number
  /** Raises since flapping's first one. */
  readonly raises: number
  /** How long one side must still be held; shrinks only while the signal is seen. */
  readonly settleLeftMs: number
  /** Since when `settleLeftMs` runs; null while nothing is seen. */
  readonly settleFromMs: number | null
}

export interface SignalState {
  readonly v: 1
  /** The newest time seen. */
  readonly nowMs: number
  readonly bornMs: number
  /** What was decided last; null before the first completed verdict. */
  readonly kernel: DecideState | null
  /** The debounced side. */
  readonly active: boolean
  /** When the present fault began: the first look of the streak that raised it. */
  readonly sinceMs: number
  readonly reminders: number
  /** Times of the latest raises, at most `flapRaises` of them. */
  readonly raisesMs: ReadonlyArray<number>
  readonly flapping: Flapping | null
  /** A fact raised it: clears by time, not by ticks. */
  readonly confirmed: boolean
  /** First of the unbroken run of clear looks after a confirmed fault. */
  readonly confirmedClearFromMs: number | null

  /** The streak that ended before the current tick. */
  readonly runActive: boolean
  readonly runTicks: number
  readonly runFromMs: number
  /** The current tick; its last look wins. 0 = none. */
  readonly tick: number
  readonly tickActive: boolean
  readonly tickScheduled: boolean
  readonly tickFromMs: number

  /** `asOfMs` of the newest look applied; null before the first. */
  readonly asOfMs: number | null
  readonly look: "none" | "active" | "clear" | "missed" | "held"
  /** Why the last look was missed or is held. */
  readonly lookReason: string
  /** When it was last seen, or held on purpose. */
  readonly seenMs: number
  readonly unknownSinceMs: number | null
  /** A turn that had to wait for another decision of the same moment. */
  readonly pending: boolean
  readonly everClear: boolean
  /** Active in the collector's first report, and never seen clear. */
  readonly foundAtStart: boolean
  readonly value: number | null
  /** The newest evidence of the fault. */
  readonly evidence: Evidence
}

export const bornState = (nowMs: number, evidence: Evidence): SignalState => ({
  v: 1,
  nowMs,
  bornMs: nowMs,
  kernel: null,
  active: false,
  sinceMs: nowMs,
  reminders: 0,
  raisesMs: [],
  flapping: null,
  confirmed: false,
  confirmedClearFromMs: null,
  runActive: false,
  runTicks: 0,
  runFromMs: nowMs,
  tick: 0,
  tickActive: false,
  tickScheduled: false,
  tickFromMs: nowMs,
  asOfMs: null,
  look: "none",
  lookReason: "",
  seenMs: nowMs,
  unknownSinceMs: null,
  pending: false,
  everClear: false,
  foundAtStart: false,
  value: null,
  evidence
})
