/**
 * What a message says of one signal: data, so that every sink and the console say the same.
 *
 * An entry is a net change, from what a sink was last told to what is true now. The outbox makes them.
 */
import type { Severity } from "./Alert.ts"
import { type Evidence, noEvidence } from "./Observation.ts"

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

const headline = (entry: Entry): string => {
  const what = entry.evidence.summary
  switch (entry.kind) {
    case "alert":
      return what || "active"
    case "again":
      return what === "" ? "failed again" : `failed again: ${what}`
    case "reminder":
      return what === "" ? "still active" : `still: ${what}`
    case "recovered":
      return "recovered"
    case "late":
      return `was down${timesText(entry.times)}, told late${what === "" ? "" : `: ${what}`}`
    case "gone":
      return "gone: no longer reported, not known to have recovered"
    case "flapping":
      return `flapping, raised ${entry.times} times${what === "" ? "" : `: ${what}`}`
    case "settled":
      return entry.active ? `settled: stays down${what === "" ? "" : `: ${what}`}` : "settled: stays well"
    case "drill":
      return what || "drill"
  }
}

const spanText = (entry: Entry, to: Rendering): string => {
  const from = to.timeText(entry.sinceMs)
  if (entry.kind === "again") {
    const wellFrom = entry.endedMs === null ? "?" : to.timeText(entry.endedMs)
    return `well ${wellFrom}–${from}, down again since ${from} (${durationText(to.nowMs - entry.sinceMs)})`
  }
  if (entry.endedMs !== null) {
    return `${entry.kind === "gone" ? "was active" : "down"} ${from}–${to.timeText(entry.endedMs)} (${durationText(entry.endedMs - entry.sinceMs)})`
  }
  const since = `since ${from} (${durationText(to.nowMs - entry.sinceMs)})`
  return entry.foundAtStart ? `found at start, ${since.replace("since", "seen since")}` : since
}

const notes = (entry: Entry): ReadonlyArray<string> => [
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
  lines: [`${spanText(entry, to)} · ${to.host}`, ...notes(entry), ...(entry.active ? entry.evidence.details : [])]
})
