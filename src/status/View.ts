/** One signal in words and moments: pure, from its state and its policy, for the snapshot. */
import {
  type Evidence,
  type Policy,
  type SignalSpec,
  type SignalState,
  durationText,
  explain,
  streakText,
  worstCaseDetectionMs
} from "../decision/index.ts"
import { Rank } from "./History.ts"
import type { SignalView } from "./Snapshot.ts"

/** How a signal stands. An open fault stays one while nobody can look: it is still owed its end. */
export const standing = (state: SignalState): SignalView["state"] => {
  if (state.flapping !== null) return "flapping"
  if (state.active) return "active"
  if (state.unknownSinceMs !== null) return "unknown"
  if (state.look === "held") return "held"
  return state.kernel === null ? "new" : "clear"
}

/** What the strip keeps of it. */
export const rankOf = (state: SignalState): Rank => {
  if (state.active || state.flapping !== null) return Rank.active
  if (state.unknownSinceMs !== null) return Rank.unseen
  switch (state.look) {
    case "active":
      return Rank.untold
    case "missed":
      return Rank.unseen
    case "held":
      return Rank.held
    case "clear":
      return Rank.clear
    case "none":
      return Rank.blank
  }
}

/** What the board has noted of a signal besides its state. */
export interface Noted {
  readonly collector: string
  /** Since when it has stood as it does. */
  readonly sinceMs: number
  readonly raises: number
  /** What the last look that saw it said. */
  readonly seen: Evidence
  readonly history: string
}

/** How its collector looks. */
export interface Pace {
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Facts come by themselves, between looks. */
  readonly hasEvents: boolean
}

const shortSpan = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : durationText(ms))

/** Signals that do nothing without a ceiling, and what their values are counted in. */
const measured: ReadonlyArray<readonly [pattern: RegExp, unit: string]> = [
  [/^(disk|inodes|pressure):/, " %"],
  [/^(memory|swap)$/, " %"],
  [/^load$/, " per core"]
]

const unitOf = (signal: string): string | undefined => measured.find(([pattern]) => pattern.test(signal))?.[1]

const streakNeeded = ({ raiseForMs, raiseTicks }: Policy): string => {
  if (raiseForMs === 0) return "one look"
  if (raiseForMs !== null) return `seen for ${shortSpan(raiseForMs)}`
  return `${raiseTicks} ${raiseTicks === 1 ? "tick" : "ticks"}`
}

/** What would wake someone, and when at the latest. */
export const wakesText = ({ signal, policy }: SignalSpec, pace: Pace): string => {
  const unit = unitOf(signal)
  const { ceiling } = policy
  if (unit !== undefined && ceiling === null) return "nothing: no ceiling is set"
  const from =
    ceiling === null
      ? ""
      : signal.startsWith("dependency:")
        ? `down, or slower than ${ceiling.raiseAt} ms, `
        : `at ${ceiling.raiseAt}${unit ?? ""} and above, `
  const facts = pace.hasEvents && signal.startsWith("container:") ? "at once on a crash, else " : ""
  const worst = shortSpan(worstCaseDetectionMs(policy, pace.intervalMs, pace.timeoutMs))
  return `${from}${facts}within ${worst} (${streakNeeded(policy)})`
}

/** The newest evidence is that of a fault: for a signal that is well it would be news of yesterday. */
const evidenceOf = (state: SignalState, noted: Noted): Pick<SignalView, "summary" | "details"> => {
  if (state.active || state.flapping !== null || state.look === "active") return state.evidence
  return { summary: state.look === "clear" ? noted.seen.summary : state.lookReason, details: [] }
}

const sinceMsOf = (state: SignalState, noted: Noted): number | null => {
  if (state.flapping !== null) return state.flapping.sinceMs
  if (state.active) return state.sinceMs
  if (state.unknownSinceMs !== null) return state.unknownSinceMs
  return standing(state) === "new" ? null : noted.sinceMs
}

/** A signal as the snapshot shows it, all but who has muted it. `momentOf` writes a monotonic moment as wall time. */
export const viewOf = (
  spec: SignalSpec,
  state: SignalState | null,
  noted: Noted,
  pace: Pace,
  nowMs: number,
  momentOf: (ms: number) => string
): Omit<SignalView, "muted"> => {
  const { signal, severity, policy } = spec
  const explained = explain(state, policy, nowMs)
  const sinceMs = state === null ? null : sinceMsOf(state, noted)
  const inMs = explained.nextReminderInMs
  return {
    id: signal,
    collector: noted.collector,
    severity,
    state: state === null ? "new" : standing(state),
    since: sinceMs === null ? null : momentOf(sinceMs),
    look: state?.look ?? "none",
    ...(state === null ? { summary: "", details: [] } : evidenceOf(state, noted)),
    value: state !== null && state.value !== null && Number.isFinite(state.value) ? state.value : null,
    streak: explained.streak === null ? null : streakText(explained.streak),
    wakes: wakesText(spec, pace),
    because: explained.because,
    nextReminder: inMs === null || !Number.isFinite(inMs) ? null : momentOf(nowMs + inMs),
    raises: noted.raises,
    history: noted.history
  }
}
