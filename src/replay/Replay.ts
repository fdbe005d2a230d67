/**
 * A log, replayed: what was told, and what another decision policy would have told, from the same looks and by the same `step`.
 *
 * One pass, a line at a time: what is kept is a state per signal, the lines of the last 5 minutes, and what was told.
 */
import { Result } from "effect"
import { parseDurationMs } from "../base/Keys.ts"
import type { Decision, DecisionKind, Severity } from "../decision/index.ts"
import { Comparison, type Difference } from "./Comparison.ts"
import { type Fault, Faults, type Incident, incidentsOf, isOpening } from "./Incidents.ts"
import { type InheritedLine, type JournalLine, readLine } from "./JournalReader.ts"
import type { Change } from "./PolicyKeys.ts"
import { type Doubts, type Legacy, RunReplay, type Side, noDoubts } from "./RunReplay.ts"

/** A moment of the log: at a wall time, or this long before its end. */
export type Bound = { readonly _tag: "At"; readonly wallMs: number } | { readonly _tag: "Back"; readonly ms: number }

export interface ReplayOptions {
  readonly changes: ReadonlyArray<Change>
  readonly from?: Bound | undefined
  readonly to?: Bound | undefined
}

export interface LineCounts {
  read: number
  /** Of the journal. */
  journal: number
  /** Log lines of the watchdog itself. */
  log: number
  foreign: number
  broken: number
  /** Observations of a version that did not write what replay needs. */
  old: number
  overlong: number
  /** Of runs that were taken for ended. */
  late: number
}

export interface RunSummary {
  readonly run: string
  readonly version: string | null
  readonly host: string | null
  readonly fromMs: number
  readonly toMs: number
  /** The log has its beginning. */
  readonly complete: boolean
}

/** What one policy makes of the period. */
export interface Totals {
  /** Decisions worth telling. */
  readonly decisions: number
  /** Messages to a sink that accepts at once, where what comes within a second of one is the next, in one. */
  readonly messages: number
  readonly faults: number
  readonly reminders: number
  /** From the first look that saw the fault to its alert; null without an alert. */
  readonly toAlertMs: { readonly median: number; readonly longest: number } | null
}

export interface Replayed {
  readonly period: { readonly fromMs: number; readonly toMs: number }
  readonly lines: Readonly<LineCounts>
  readonly runs: ReadonlyArray<RunSummary>
  readonly runsBeyond: number
  readonly signals: number
  readonly changes: ReadonlyArray<Change>
  readonly comparison: {
    /** Runs whose beginning is in the log: only they can be compared. */
    readonly runs: number
    readonly same: number
    readonly differing: number
    readonly notCompared: number
    readonly furthestMs: number
    /** The first ones. */
    readonly differences: ReadonlyArray<Difference>
  }
  readonly incidents: ReadonlyArray<Incident>
  /** Faults that were told, and under the changed policy would not have been. */
  readonly missed: number
  readonly newlyTold: number
  readonly before: Totals
  readonly after: Totals
  readonly doubts: Doubts
  readonly faultsBeyond: number
}

/** More logs of different watchdogs than this are not mixed into one. */
const openRunsMax = 8
const runsShownMax = 200
const endedMax = 100_000
const differencesMax = 20
const decisionsMax = 1_000_000
/** What comes within this of a message joins the next: as the courier does it. */
const windowMs = 1_000

interface Tally {
  readonly atMs: Array<number>
  readonly kinds: Array<DecisionKind>
}

interface Open {
  readonly replay: RunReplay
  readonly comparison: Comparison
}

const tally = (): Tally => ({ atMs: [], kinds: [] })

export class Replay {
  readonly counts: LineCounts = { read: 0, journal: 0, log: 0, foreign: 0, broken: 0, old: 0, overlong: 0, late: 0 }
  readonly #options: ReplayOptions
  readonly #doubts = noDoubts()
  readonly #open = new Map<string, Open>()
  readonly #ended = new Set<string>()
  readonly #legacies: Array<Legacy> = []
  readonly #runs: Array<RunSummary> = []
  #runsBeyond = 0
  readonly #signals = new Set<string>()
  readonly #faults: Readonly<Record<Side, Faults>> = { before: new Faults(), after: new Faults() }
  readonly #tallies: Readonly<Record<Side, Tally>> = { before: tally(), after: tally() }
  readonly #differences: Array<Difference> = []
  readonly #compared = { runs: 0, same: 0, differing: 0, notCompared: 0, furthestMs: 0 }
  #firstMs = Number.POSITIVE_INFINITY
  #lastMs = Number.NEGATIVE_INFINITY

  constructor(options: ReplayOptions) {
    this.#options = options
  }

  /** Takes the next line of the log. */
  push(text: string): void {
    this.counts.read += 1
    const line = readLine(text)
    if (typeof line === "string") {
      this.counts[line] += 1
      return
    }
    if (this.#ended.has(line.run)) {
      this.counts.late += 1
      return
    }
    this.counts.journal += 1
    this.#firstMs = Math.min(this.#firstMs, line.wallMs)
    this.#lastMs = Math.max(this.#lastMs, line.wallMs)
    const open = this.#open.get(line.run) ?? this.#begin(line)
    if (line._tag === "Inherited") this.#inherit(open.replay, line)
    if (line._tag === "Decision") {
      open.comparison.recorded(line.signal, {
        kind: line.kind,
        atMs: line.atMs,
        sinceMs: line.sinceMs,
        line: this.counts.read
      })
    }
    open.replay.take(line)
  }

  /** Ends every run and sums up. Not to be pushed to afterwards. */
  finish(): Replayed {
    for (const open of Array.from(this.#open.values())) this.#end(open)
    const period = this.#period()
    const changed = this.#options.changes.length > 0
    const before = faultsIn(this.#faults.before.all, period)
    const after = changed ? faultsIn(this.#faults.after.all, period) : before
    const incidents = incidentsOf(before, after)
    return {
      period,
      lines: this.counts,
      runs: this.#runs,
      runsBeyond: this.#runsBeyond,
      signals: this.#signals.size,
      changes: this.#options.changes,
      comparison: { ...this.#compared, differences: this.#differences },
      incidents,
      missed: incidents.filter((one) => one.before.length > 0 && one.after.length === 0).length,
      newlyTold: incidents.filter((one) => one.before.length === 0).length,
      before: totalsOf(this.#tallies.before, before, period),
      after: totalsOf(changed ? this.#tallies.after : this.#tallies.before, after, period),
      doubts: this.#doubts,
      faultsBeyond: this.#faults.before.beyond + this.#faults.after.beyond
    }
  }

  #begin(line: JournalLine): Open {
    if (this.#open.size >= openRunsMax) {
      const [oldest] = [...this.#open.values()].sort((a, b) => a.replay.lastWallMs - b.replay.lastWallMs)
      if (oldest !== undefined) this.#end(oldest)
    }
    const comparison = new Comparison()
    const replay = new RunReplay(line, this.#options.changes, this.#doubts, (side, { signal, severity, decision }) => {
      if (side === "before") comparison.replayed(signal, { ...decision, line: null })
      this.#told(side, replay, signal, severity, decision)
    })
    const open: Open = { replay, comparison }
    this.#open.set(line.run, open)
    return open
  }

  #told(side: Side, { id, offsetMs }: RunReplay, signal: string, severity: Severity, decision: Decision): void {
    const atMs = decision.atMs + offsetMs
    const tallied = this.#tallies[side]
    if (tallied.atMs.length < decisionsMax) {
      tallied.atMs.push(atMs)
      tallied.kinds.push(decision.kind)
    }
    this.#faults[side].add(id, signal, severity, {
      kind: decision.kind,
      atMs,
      sinceMs: decision.sinceMs + offsetMs,
      active: decision.active,
      summary: decision.evidence.summary
    })
  }

  /** The life before this one must have ended for its states to be taken over. */
  #inherit(into: RunReplay, line: InheritedLine): void {
    for (const open of Array.from(this.#open.values())) {
      const { id, host, lastWallMs } = open.replay
      if (id !== line.run && host === into.host && lastWallMs <= line.wallMs) this.#end(open)
    }
    const legacy = this.#legacies.findLast(({ states }) => states.has(line.signal)) ?? null
    if (!into.inherit(line, legacy) || legacy === null) return
    for (const side of ["before", "after"] as const)
      this.#faults[side].handOver(legacy.anchor.runId, line.run, line.signal)
  }

  #end({ replay, comparison }: Open): void {
    const legacy = replay.end()
    this.#open.delete(replay.id)
    if (this.#ended.size < endedMax) this.#ended.add(replay.id)
    this.#legacies.push(legacy)
    if (this.#legacies.length > openRunsMax) this.#legacies.shift()
    for (const signal of replay.signalNames) this.#signals.add(signal)
    const { complete, firstWallMs: fromMs, host, id: run, lastWallMs: toMs, version } = replay
    if (this.#runs.length < runsShownMax) this.#runs.push({ run, version, host, fromMs, toMs, complete })
    else this.#runsBeyond += 1
    if (!complete) return
    const { differences, furthestMs, same } = comparison.end(run)
    const so = this.#compared
    so.runs += 1
    so.same += same
    so.differing += differences.length
    so.notCompared += comparison.notCompared
    so.furthestMs = Math.max(so.furthestMs, furthestMs)
    this.#differences.push(...differences.slice(0, Math.max(0, differencesMax - this.#differences.length)))
  }

  #period(): Replayed["period"] {
    if (this.#lastMs === Number.NEGATIVE_INFINITY) return { fromMs: 0, toMs: 0 }
    const at = (bound: Bound | undefined, otherwise: number): number =>
      bound === undefined ? otherwise : bound._tag === "At" ? bound.wallMs : this.#lastMs - bound.ms
    return { fromMs: at(this.#options.from, this.#firstMs), toMs: at(this.#options.to, this.#lastMs) }
  }
}

/** Reads `2d` (back from the log's end) or `2026-11-22T14:00`, which is UTC unless it says otherwise. */
export const readBound = (text: string): Result.Result<Bound, string> => {
  const back = parseDurationMs(text)
  if (Result.isSuccess(back)) return Result.succeed({ _tag: "Back", ms: back.success })
  const isTime = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/.test(text)
  const zoned = /T|\s/.test(text) && !/(Z|[+-]\d\d:?\d\d)$/.test(text) ? `${text}Z` : text
  const wallMs = isTime ? Date.parse(zoned.replace(" ", "T")) : Number.NaN
  return Number.isNaN(wallMs)
    ? Result.fail(
        `${JSON.stringify(text.slice(0, 100))} is neither a time, such as 2026-11-22T14:00, nor a duration back from the log's end, such as 2d`
      )
    : Result.succeed({ _tag: "At", wallMs })
}

/** Those of which something was told in the period. */
const faultsIn = (faults: ReadonlyArray<Fault>, { fromMs, toMs }: Replayed["period"]): ReadonlyArray<Fault> =>
  faults.filter(({ told }) => told.some(({ atMs }) => atMs >= fromMs && atMs <= toMs))

const totalsOf = (
  { atMs, kinds }: Tally,
  faults: ReadonlyArray<Fault>,
  { fromMs, toMs }: Replayed["period"]
): Totals => {
  const within = atMs.flatMap((at, index) => (at >= fromMs && at <= toMs ? [{ at, kind: kinds[index] }] : []))
  const waits = faults
    .flatMap(({ told }) => told.slice(0, 1))
    .filter(({ kind, atMs: at }) => kind === "alert" && at >= fromMs && at <= toMs)
    .map(({ atMs: at, sinceMs }) => at - sinceMs)
    .sort((a, b) => a - b)
  return {
    decisions: within.length,
    messages: messagesOf(within.map(({ at }) => at).sort((a, b) => a - b)),
    faults: faults.filter(({ told }) => told.some((one) => isOpening(one) && one.atMs >= fromMs && one.atMs <= toMs))
      .length,
    reminders: within.filter(({ kind }) => kind === "remind").length,
    toAlertMs:
      waits.length === 0 ? null : { median: waits[Math.floor((waits.length - 1) / 2)] ?? 0, longest: waits.at(-1) ?? 0 }
  }
}

/** Sent at once when idle; what comes within the window of a message's start waits for its end, together. */
const messagesOf = (sorted: ReadonlyArray<number>): number => {
  let messages = 0
  let sentMs = Number.NEGATIVE_INFINITY
  for (const at of sorted) {
    // Joins the digest that is to be sent when the window ends.
    if (at <= sentMs) continue
    messages += 1
    sentMs = at - sentMs < windowMs ? sentMs + windowMs : at
  }
  return messages
}
