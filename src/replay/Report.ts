/** What replay found, for people (100 columns of plain text) and for scripts (JSON, documented in docs/replay.md). */
import { DateTime } from "effect"
import { durationText } from "../decision/index.ts"
import type { Compared } from "./Comparison.ts"
import { type Fault, type Incident, type Telling, toldOf } from "./Incidents.ts"
import type { Replayed, Totals } from "./Replay.ts"

/** A terminal of a split screen. */
export const columnsMax = 100
/** Beyond this the table is no longer read; `--json` has all. */
const incidentsShown = 100

export interface Speed {
  readonly tookMs: number
}

const iso = (wallMs: number): string =>
  Math.abs(wallMs) > 8.64e15 ? "?" : DateTime.formatIso(DateTime.makeUnsafe(Math.round(wallMs)))

/* JSON */

/** The documented shape, version 1: within it fields are only added. */
export const reportJson = (found: Replayed, speed: Speed): string =>
  JSON.stringify(
    {
      v: 1,
      period: { from: iso(found.period.fromMs), to: iso(found.period.toMs) },
      lines: { ...found.lines, perSecond: perSecond(found, speed) },
      runs: found.runs.map(({ fromMs, toMs, ...run }) => ({ ...run, from: iso(fromMs), to: iso(toMs) })),
      runsNotListed: found.runsBeyond,
      signals: found.signals,
      set: Object.fromEntries(found.changes.map(({ key, text }) => [key.name, text])),
      comparison: found.comparison,
      incidents: found.incidents.map(incidentJson),
      faultsMissed: found.missed,
      faultsNewlyTold: found.newlyTold,
      before: totalsJson(found.before, found),
      after: totalsJson(found.after, found),
      limits: limitsOf(found)
    },
    null,
    2
  )

const incidentJson = ({ after, before, fromMs, severity, signal, summary, toMs }: Incident): unknown => ({
  signal,
  severity,
  summary,
  from: iso(fromMs),
  to: toMs === null ? null : iso(toMs),
  before: toldOf(before).map(tellingJson),
  after: toldOf(after).map(tellingJson)
})

const tellingJson = ({ active, atMs, kind, sinceMs }: Telling): unknown => ({
  kind,
  at: iso(atMs),
  since: iso(sinceMs),
  active
})

const totalsJson = (totals: Totals, { period }: Replayed): unknown => ({
  ...totals,
  decisionsPerDay: perDay(totals.decisions, period),
  messagesPerDay: perDay(totals.messages, period)
})

const daysOf = ({ fromMs, toMs }: Replayed["period"]): number => Math.max(0, toMs - fromMs) / 86_400_000

/** Of less than an hour nobody can say what a day of it is. */
const perDay = (count: number, period: Replayed["period"]): number | null =>
  daysOf(period) < 1 / 24 ? null : Math.round((count / daysOf(period)) * 10) / 10

const perSecond = ({ lines }: Replayed, { tookMs }: Speed): number =>
  Math.round(lines.read / (Math.max(1, tookMs) / 1_000))

/* Text */

export const reportText = (found: Replayed, speed: Speed): string =>
  [
    ...headText(found, speed),
    "",
    ...comparisonText(found),
    "",
    ...incidentsText(found),
    "",
    ...totalsText(found),
    "",
    "limits",
    ...limitsOf(found).flatMap((limit) => wrap(limit, columnsMax - 2).map((line) => `  ${line}`))
  ].join("\n")

const headText = (found: Replayed, speed: Speed): ReadonlyArray<string> => {
  const { lines, period, runs } = found
  const skipped = [
    ...(lines.foreign > 0 ? [`${lines.foreign} not ours`] : []),
    ...(lines.broken > 0 ? [`${lines.broken} broken`] : []),
    ...(lines.overlong > 0 ? [`${lines.overlong} too long`] : []),
    ...(lines.old > 0 ? [`${lines.old} of an older version`] : []),
    ...(lines.late > 0 ? [`${lines.late} after their run had ended`] : [])
  ]
  const set = found.changes.map(({ key, text }) => `${key.name}=${text}`)
  const count = runs.length + found.runsBeyond
  const hosts = [...new Set(runs.flatMap(({ host }) => (host === null ? [] : [plain(host)])))]
  return [
    ...labelled(
      "period",
      `${stamp(period.fromMs)} to ${stamp(period.toMs)} UTC (${durationText(period.toMs - period.fromMs)})`
    ),
    ...labelled(
      "runs",
      `${count}${hosts.length === 0 ? "" : ` on ${hosts.slice(0, 5).join(", ")}`}, ${found.signals} signals`
    ),
    ...labelled(
      "lines",
      `${lines.read} read${skipped.length === 0 ? "" : ` (skipped: ${skipped.join(", ")})`}, ${perSecond(found, speed)} a second`
    ),
    ...labelled("policy", set.length === 0 ? "as recorded" : `as recorded, but ${set.join(", ")}`)
  ]
}

const labelled = (label: string, text: string): ReadonlyArray<string> =>
  wrap(text, columnsMax - 8).map((line, at) => `${(at === 0 ? label : "").padEnd(8)}${line}`)

const comparisonText = ({ comparison }: Replayed): ReadonlyArray<string> => {
  const { differences, differing, furthestMs, runs, same } = comparison
  if (runs === 0)
    return wrap("The replay cannot be compared with what was told: no run's beginning is in the log.", columnsMax)
  const agree = `${same} recorded decisions, times within ${Math.ceil(furthestMs)} ms`
  if (differing === 0) return wrap(`The replay of the recorded policy decides what was told: ${agree}.`, columnsMax)
  const [first] = differences
  return wrap(
    `The replay of the recorded policy DIFFERS from what was told in ${differing} decisions (it agrees in ${agree}).${
      first === undefined
        ? ""
        : ` First: ${plain(first.signal)}, ${comparedText("recorded", first.recorded)}; ${comparedText("replayed", first.replayed)}.`
    } What follows rests on the replay.`,
    columnsMax
  )
}

const comparedText = (side: string, compared: Compared | null): string =>
  compared === null
    ? `${side} nothing`
    : `${side} ${compared.kind} at ${Math.round(compared.atMs)} ms${compared.line === null ? "" : ` (line ${compared.line})`}`

/* Incidents */

const signalWidth = 28
const timeWidth = 14

const incidentsText = (found: Replayed): ReadonlyArray<string> => {
  const changed = found.changes.length > 0
  const differ = changed ? found.incidents.filter(isDifferent) : found.incidents
  const same = found.incidents.length - differ.length
  const rows = differ.slice(0, incidentsShown).map((one) => rowOf(one, changed))
  const toldWidth = changed ? 26 : 50
  const widths = [signalWidth, timeWidth, toldWidth, ...(changed ? [toldWidth] : [])]
  const header = ["incident", "began (UTC)", "told", ...(changed ? ["would have been told"] : [])]
  const rest = differ.length - rows.length
  return [
    ...(rows.length === 0 ? [] : table([header.map((cell) => [cell]), ...rows], widths)),
    ...(rows.length === 0 && !changed ? ["no incidents"] : []),
    ...(rest > 0 ? [`and ${rest} more: --json has all`] : []),
    ...(changed && same > 0
      ? [
          same === 1
            ? "1 incident is told in the same way, at the same time"
            : `${same} incidents are told in the same way, at the same time`
        ]
      : []),
    ...(changed && found.incidents.length === 0 ? ["no incidents, under either policy"] : [])
  ]
}

/** Told otherwise, or at another time than the clock's rounding makes it. */
const isDifferent = ({ after, before }: Incident): boolean => {
  const a = toldOf(before)
  const b = toldOf(after)
  return (
    a.length !== b.length ||
    a.some((one, at) => one.kind !== b[at]?.kind || Math.abs(one.atMs - (b[at]?.atMs ?? 0)) >= 1_000)
  )
}

const rowOf = (one: Incident, changed: boolean): ReadonlyArray<ReadonlyArray<string>> => [
  [one.signal, ...(one.summary === "" ? [] : [one.summary])],
  [stamp(one.fromMs).slice(5, 19).replace("T", " ")],
  cellOf(one.before),
  ...(changed ? [cellOf(one.after)] : [])
]

const cellOf = (faults: ReadonlyArray<Fault>): ReadonlyArray<string> => {
  const told = toldOf(faults)
  if (told.length === 0) return ["nothing"]
  const lines: Array<string> = []
  let reminders = 0
  const flush = (): void => {
    if (reminders > 0) lines.push(`         ${reminders === 1 ? "1 reminder" : `${reminders} reminders`}`)
    reminders = 0
  }
  for (const one of told) {
    if (one.kind === "remind") reminders += 1
    else {
      flush()
      lines.push(`${stamp(one.atMs).slice(11, 19)} ${wordOf(one)}`)
    }
  }
  flush()
  return lines.length <= cellLinesMax
    ? lines
    : [...lines.slice(0, cellLinesMax - 2), `         ${lines.length - cellLinesMax + 1} more`, ...lines.slice(-1)]
}

/** A signal that comes and goes all day is not read line by line. */
const cellLinesMax = 8

const wordOf = (one: Telling): string => {
  if (one.kind === "recover") return "recovered"
  if (one.kind === "settled") return one.active ? "settled, down" : "settled, well"
  return one.kind === "alert" ? `alert, after ${shortSpan(one.atMs - one.sinceMs)}` : one.kind
}

const shortSpan = (ms: number): string => durationText(ms).replaceAll(" ", "")

/* Totals */

const totalsText = (found: Replayed): ReadonlyArray<string> => {
  const { after, before, period } = found
  const changed = found.changes.length > 0
  const rate = (count: number): string => {
    const each = perDay(count, period)
    return each === null ? `${count}` : `${count} (${each} a day)`
  }
  const span = (ms: number | undefined): string => (ms === undefined ? "-" : durationText(ms))
  const row = (name: string, of: (totals: Totals) => string): ReadonlyArray<string> => [
    name,
    of(before),
    ...(changed ? [of(after)] : [])
  ]
  const rows = [
    ["", "told", ...(changed ? ["would have been told"] : [])],
    row("decisions", ({ decisions }) => rate(decisions)),
    row("messages (an ideal sink)", ({ messages }) => rate(messages)),
    row("faults", ({ faults }) => `${faults}`),
    row("reminders", ({ reminders }) => `${reminders}`),
    row("time to alert, median", ({ toAlertMs }) => span(toAlertMs?.median)),
    row("time to alert, longest", ({ toAlertMs }) => span(toAlertMs?.longest)),
    ...(changed
      ? [
          ["faults now missed", "", `${found.missed}`],
          ["faults newly told", "", `${found.newlyTold}`]
        ]
      : [])
  ]
  return table(
    rows.map((cells) => cells.map((cell) => [cell])),
    [26, 24, 24]
  )
}

/* Limits */

/** What was not known, and what is not simulated: said each time, for a table looks surer than it is. */
const limitsOf = (found: Replayed): ReadonlyArray<string> => {
  const { doubts, lines, runs } = found
  const cut = runs.filter(({ complete }) => !complete).length
  return [
    "Decisions are replayed; delivery (digests, pace, mutes, a sink that is down) is not.",
    ...(lines.journal === 0 ? ["No line of a journal was found: is WATCHDOG_LOG_FORMAT json?"] : []),
    ...(doubts.guessedTicks > 0
      ? [
          `${doubts.guessedTicks} ticks have no record (a process that was killed, a log that goes on or is cut): taken to lie on the grid.`
        ]
      : []),
    ...(doubts.lostTicks > 0
      ? [`${doubts.lostTicks} ticks lie in gaps too wide to be filled, and were left out.`]
      : []),
    ...(cut > 0
      ? [
          `${cut} runs began before the log: their signals are known only from their next line with a policy on (one a day).`
        ]
      : []),
    ...(doubts.unjudged > 0
      ? [`${doubts.unjudged} looks were left out: nothing before them says how their signal is judged.`]
      : []),
    ...(lines.old > 0
      ? [`${lines.old} observations were written by a version that did not record what replay needs.`]
      : []),
    ...(doubts.unknownStates > 0
      ? [`${doubts.unknownStates} signals were handed over from a life that is not in the log: replayed as if new.`]
      : []),
    ...(doubts.sparse.size > 0
      ? [
          `${listed(doubts.sparse)} had no ceiling: of their values only those of lines that had another reason are in the journal.`
        ]
      : []),
    ...(found.changes.some(({ key }) => key.name.endsWith("_CEILING"))
      ? ["Another ceiling is as exact as the recorded values: 1 point of a percentage, a twentieth of a small ceiling."]
      : []),
    ...[...doubts.refused]
      .slice(0, 5)
      .map(([signal, reason]) => `${plain(signal)} keeps its recorded policy: ${plain(reason)}.`),
    ...(doubts.overflows > 0
      ? [`${doubts.overflows} times more lines waited for their ticks than memory is given to: replayed on the grid.`]
      : []),
    ...(found.faultsBeyond > 0 ? [`${found.faultsBeyond} faults are counted in no table: there are too many.`] : [])
  ]
}

const listed = (names: ReadonlySet<string>): string => {
  const shown = [...names].slice(0, 5).map(plain)
  return `${shown.join(", ")}${names.size > shown.length ? ` and ${names.size - shown.length} more` : ""}`
}

/* Layout */

const stamp = (wallMs: number): string => iso(wallMs).slice(0, 19).replace("T", " ")

/** A log is hostile input: what it names must not steer the terminal. */
const plain = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\u{FFFD}")

const wrap = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    for (const piece of pieces(word, width)) {
      if (line !== "" && line.length + 1 + piece.length > width) {
        lines.push(line)
        line = ""
      }
      line = line === "" ? piece : `${line} ${piece}`
    }
  }
  return [...lines, line]
}

/** A word longer than its column is cut, never lost. */
const pieces = (word: string, width: number): ReadonlyArray<string> =>
  word.length <= width ? [word] : (word.match(new RegExp(`.{1,${width}}`, "gsu")) ?? [])

const table = (
  rows: ReadonlyArray<ReadonlyArray<ReadonlyArray<string>>>,
  widths: ReadonlyArray<number>
): ReadonlyArray<string> => rows.flatMap((cells) => tableRow(cells, widths))

const tableRow = (
  cells: ReadonlyArray<ReadonlyArray<string>>,
  widths: ReadonlyArray<number>
): ReadonlyArray<string> => {
  const columns = cells.map((lines, at) =>
    lines.flatMap((line) =>
      line.startsWith(" ") && line.length <= (widths[at] ?? 0) ? [line] : wrap(plain(line), widths[at] ?? columnsMax)
    )
  )
  return Array.from({ length: Math.max(...columns.map((lines) => lines.length)) }, (_, at) =>
    columns
      .map((lines, column) => (lines[at] ?? "").padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd()
  )
}
