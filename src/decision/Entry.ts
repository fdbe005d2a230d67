/**
 * What a message says of one signal: data, so that every sink and the console say the same.
 *
 * An entry is a net change, from what a sink was last told to what is true now. The outbox makes them.
 */
import type { Severity } from "./Alert.ts"
import { type Evidence, noEvidence } from "./Observation.ts"
import { drillSignal } from "./SignalSpec.ts"

export type EntryKind =
  | "alert"
  /** Told active; meanwhile well, and failed again. */
  | "again"
  | "reminder"
  | "recovered"
  /** Came and went before it could be told. */
  | "late"
  | "gone"
  | "flapping"
  | "settled"
  | "drill"
  /** Of no fault: the watchdog says something of itself. */
  | "notice"

export interface Entry {
  readonly kind: EntryKind
  readonly signal: string
  readonly severity: Severity
  /** The side this entry leaves the reader with. */
  readonly active: boolean
  /** When the fault began (for `again`: when it failed again). */
  readonly sinceMs: number
  /** When the fault ended (for `again`: when it had become well). */
  readonly endedMs: number | null
  /** How often it was raised (`late`: faults that came and went; `flapping`: raises). */
  readonly times: number
  readonly foundAtStart: boolean
  /** A message that said this may already have arrived. */
  readonly repeated: boolean
  /** The alert this ends may never have arrived. */
  readonly alertUncertain: boolean
  /** `late`: all of it happened while the signal was muted. */
  readonly muted: boolean
  /** `reminder`: of flapping, not of a fault that holds. */
  readonly flapping: boolean
  readonly evidence: Evidence
}

/** What the renderer knows and this data does not: the present, the host and how a moment is written. */
export interface Rendering {
  readonly nowMs: number
  readonly host: string
  /** A monotonic moment as wall time, e.g. `14:03:05`. */
  readonly timeText: (monotonicMs: number) => string
}

/** An entry in words. `id` is verbatim and to be set in bold; `text` follows it; `lines` stand below. */
export interface Worded {
  readonly icon: string
  readonly id: string
  readonly text: string
  readonly lines: ReadonlyArray<string>
}

export const blankEntry = (kind: EntryKind, signal: string, severity: Severity): Entry => ({
  kind,
  signal,
  severity,
  active: false,
  sinceMs: 0,
  endedMs: null,
  times: 1,
  foundAtStart: false,
  repeated: false,
  alertUncertain: false,
  muted: false,
  flapping: false,
  evidence: noEvidence
})

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000]
] as const

/** A span for people: the two largest units that are not zero (`2 h 5 min`, `45 s`, `0 s`). */
export const durationText = (ms: number): string => {
  let left = Math.max(0, Math.round(ms / 1_000)) * 1_000
  const parts: Array<string> = []
  for (const [name, unit] of units) {
    const count = Math.floor(left / unit)
    left -= count * unit
    if (count > 0) parts.push(`${count} ${name}`)
    else if (parts.length > 0) break
    if (parts.length === 2) break
  }
  return parts.length === 0 ? "0 s" : parts.join(" ")
}

export const iconOf = (entry: Entry): string => {
  if (entry.signal === drillSignal) return "🧪"
  switch (entry.kind) {
    case "alert":
      return entry.severity === "critical" ? "🔴" : "🟠"
    case "again":
    case "reminder":
      return "🔁"
    case "recovered":
      return "✅"
    case "late":
      return "🕓"
    case "gone":
      return "⚪"
    case "flapping":
    case "settled":
      return "〰️"
    case "drill":
      return "🧪"
    case "notice":
      return "ℹ️"
  }
}

/** A message rings if it brings a new fault; everything else is delivered silently. */
export const rings = (entry: Entry): boolean =>
  entry.kind === "alert" ||
  entry.kind === "again" ||
  entry.kind === "flapping" ||
  entry.kind === "drill" ||
  (entry.kind === "settled" && entry.active)

/** Order in a digest: what is worst first, then what is active, then ends. */
export const rank = (entry: Entry): number =>
  (rings(entry) ? 0 : entry.active ? 2 : 4) + (entry.severity === "critical" ? 0 : 1)

const timesText = (times: number): string => (times > 1 ? ` (${times} times)` : "")

/** Signals of things that can be down; a full disk or a rule is active instead. */
const canBeDown = /^(orch_down$|(container|dependency|source|sink):)/

const badWord = ({ signal }: Entry): string => (canBeDown.test(signal) ? "down" : "active")

const because = (text: string, what: string): string => (what === "" ? text : `${text}: ${what}`)

const headline = (entry: Entry): string => {
  const what = entry.evidence.summary
  switch (entry.kind) {
    case "alert":
      return what || "active"
    case "again":
      return because("failed again", what)
    case "reminder":
      if (entry.flapping) return because(`still flapping, raised ${entry.times} times`, what)
      return because(`still ${badWord(entry)}`, what)
    case "recovered":
      return entry.signal === drillSignal ? "is over: the end of an alert arrives too" : "recovered"
    case "late":
      return because(
        `was ${badWord(entry)}${timesText(entry.times)}${entry.muted ? " while muted" : ", told late"}`,
        what
      )
    case "gone":
      return "gone: no longer reported, not known to have recovered"
    case "flapping":
      return because(`flapping, raised ${entry.times} times`, what)
    case "settled":
      return entry.active ? because(`settled: stays ${badWord(entry)}`, what) : "settled: stays well"
    case "drill":
      return what || "drill"
    case "notice":
      return what
  }
}

/** What a span of time was full of, as its line begins. */
const spanWord = (entry: Entry): string => {
  if (entry.kind === "settled") return "flapped"
  return entry.kind === "gone" ? "was active" : badWord(entry)
}

const spanText = (entry: Entry, to: Rendering): string => {
  const from = to.timeText(entry.sinceMs)
  if (entry.kind === "again") {
    const wellFrom = entry.endedMs === null ? "?" : to.timeText(entry.endedMs)
    return `well ${wellFrom}–${from}, ${badWord(entry)} again since ${from} (${durationText(to.nowMs - entry.sinceMs)})`
  }
  if (entry.endedMs !== null) {
    const until = to.timeText(entry.endedMs)
    // Came and went more than once: it was not bad all the while.
    if (entry.kind === "late" && entry.times > 1) return `between ${from} and ${until}`
    return `${spanWord(entry)} ${from}–${until} (${durationText(entry.endedMs - entry.sinceMs)})`
  }
  const age = `${from} (${durationText(to.nowMs - entry.sinceMs)})`
  if (entry.kind === "settled") return `flapped since ${age}`
  return entry.foundAtStart ? `found at start, seen since ${age}` : `since ${age}`
}

const notes = (entry: Entry): ReadonlyArray<string> => [
  ...(entry.kind === "alert" && entry.times > 1 ? [`raised ${entry.times} times before this could be told`] : []),
  ...(entry.repeated ? ["possibly repeated: the first try got no answer"] : []),
  ...(entry.alertUncertain ? ["its alert may not have arrived"] : [])
]

/**
 * Puts an entry into words: what, since when, why, on which host.
 *
 * Law: the signal's id appears verbatim in `id` and nowhere else.
 */
export const wordEntry = (entry: Entry, to: Rendering): Worded => ({
  icon: iconOf(entry),
  id: entry.signal,
  text: headline(entry),
  lines: [
    entry.kind === "notice" ? to.host : `${spanText(entry, to)} · ${to.host}`,
    ...notes(entry),
    ...(entry.active ? entry.evidence.details : [])
  ]
})

/**
 * The least an entry can say, for a channel that refuses everything else: icon, id, kind.
 */
export const minimalText = (entry: Entry): string => `${iconOf(entry)} ${entry.signal}: ${entry.kind}`
