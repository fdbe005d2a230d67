/**
 * One run of the watchdog, played again from its journal: every tick of every collector, each signal under the policy it had and
 * under the one it might have had.
 *
 * A signal without a line in a tick looked as it did before. When that tick was, the `ticks` lines say; where one is missing (a
 * killed process, a cut log) the collector's grid stands in for it, and that is counted.
 */
import {
  type Decision,
  type Missed,
  type Policy,
  type Seen,
  type Severity,
  type SignalState,
  freezeState,
  thawState
} from "../decision/index.ts"
import type {
  AgainLine,
  InheritedLine,
  JournalLine,
  Judged,
  PlayedTick,
  RunLine,
  SignalLine,
  TicksLine
} from "./JournalReader.ts"
import { type Change, changedPolicy, recordedDefaults } from "./PolicyKeys.ts"
import { Track } from "./Track.ts"

/** `before`: as it was judged. `after`: as it would have been. */
export type Side = "before" | "after"

export interface Told {
  readonly signal: string
  readonly severity: Severity
  readonly decision: Decision
}

/** What could not be rebuilt exactly, in numbers. */
export interface Doubts {
  /** Ticks that no `ticks` line has, played on the grid. */
  guessedTicks: number
  /** Ticks that were left out because a gap is too wide to be one. */
  lostTicks: number
  /** Lines of a signal whose beginning is not in the log. */
  unjudged: number
  /** Collectors whose lines did not fit into memory until their `ticks` line came. */
  overflows: number
  /** Signals for which the change contradicts what a label or a rule says of them. */
  readonly refused: Map<string, string>
  /** Signals whose ceiling is tried without a recorded one: few of their values were written. */
  readonly sparse: Set<string>
  /** Handed-over states that are not in the log. */
  unknownStates: number
}

export const noDoubts = (): Doubts => ({
  guessedTicks: 0,
  lostTicks: 0,
  unjudged: 0,
  overflows: 0,
  refused: new Map(),
  sparse: new Set(),
  unknownStates: 0
})

/** Two weeks at the default pace: what is wider is not a gap in a log. */
const gapTicksMax = 120_960

/** Lines that wait for their `ticks` line, of one collector: 5 minutes of them. Only a hostile log has more. */
const pendingMax = 50_000

/** More signals than this in one run are not ours; each costs memory. */
const signalsMax = 100_000

interface Signal {
  judged: Judged
  after: Policy
  readonly tracks: Readonly<Record<Side, Track>>
  /** The newest look; null before the first. */
  look: Seen | Missed | null
  absent: boolean
}

interface CollectorRun {
  readonly name: string
  readonly signals: Map<string, Signal>
  pending: Array<SignalLine>
  last: PlayedTick | null
  everyMs: number | null
  /** Ticks that only counted a crash: what has no line was not looked at. */
  readonly unplayed: Set<number>
  ended: boolean
}

/** A signal's states when its run ended. */
export interface Legacy {
  readonly anchor: { readonly wallMs: number; readonly monotonicMs: number; readonly runId: string }
  readonly states: ReadonlyMap<string, Readonly<Record<Side, SignalState | null>>>
}

export class RunReplay {
  readonly id: string
  /** The log has its beginning. */
  complete = false
  version: string | null = null
  host: string | null = null
  settings: ReadonlyMap<string, string> | null = null
  readonly firstWallMs: number
  lastWallMs: number
  lastAtMs: number
  /** What to add to a moment of this run to get wall time, as of its latest line. */
  offsetMs: number
  readonly signalNames = new Set<string>()
  readonly #collectors = new Map<string, CollectorRun>()
  readonly #changes: ReadonlyArray<Change>
  readonly #doubts: Doubts
  readonly #tell: (side: Side, told: Told) => void
  #defaults: Partial<Policy> | null = null
  #signals = 0

  constructor(
    first: JournalLine,
    changes: ReadonlyArray<Change>,
    doubts: Doubts,
    tell: (side: Side, told: Told) => void
  ) {
    this.id = first.run
    this.firstWallMs = first.wallMs
    this.lastWallMs = first.wallMs
    this.lastAtMs = first.atMs
    this.offsetMs = first.wallMs - first.atMs
    this.#changes = changes
    this.#doubts = doubts
    this.#tell = tell
  }

  /** Takes the next line of this run. */
  take(line: JournalLine): void {
    this.lastWallMs = line.wallMs
    this.lastAtMs = Math.max(this.lastAtMs, line.atMs)
    this.offsetMs = line.wallMs - line.atMs
    switch (line._tag) {
      case "Run":
        this.#begin(line)
        break
      case "Ticks":
        this.#ticks(this.#collector(line.collector), line)
        break
      case "Look":
      case "Again":
      case "Absent":
      case "Retired":
        this.#pend(this.#collector(line.collector), line)
        break
      case "Inherited":
      case "Decision":
      case "Other":
        break
    }
  }

  /** Takes a signal over from an earlier life. True if its state is known. */
  inherit(line: InheritedLine, legacy: Legacy | null): boolean {
    const of = this.#collector(line.collector)
    const states = legacy?.states.get(line.signal)
    const into = { wallMs: line.wallMs, monotonicMs: line.atMs, runId: this.id }
    const thaw = (state: SignalState | null | undefined): Track => {
      const thawed = legacy === null || !state ? undefined : thawState(freezeState(state, legacy.anchor), into)
      return new Track(thawed ?? null, line.atMs)
    }
    if (states === undefined) this.#doubts.unknownStates += 1
    this.#add(of, line.signal, line.judged, { before: thaw(states?.before), after: thaw(states?.after) })
    return states !== undefined
  }

  /** Plays what is left, and lets time pass to the run's last line. */
  end(): Legacy {
    const states = new Map<string, Readonly<Record<Side, SignalState | null>>>()
    for (const of of this.#collectors.values()) {
      this.#catchUp(of, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
      this.#goOn(of)
      for (const [name, signal] of of.signals) {
        this.#pass(name, signal, this.lastAtMs)
        states.set(name, { before: signal.tracks.before.state, after: signal.tracks.after.state })
      }
    }
    return { anchor: { wallMs: this.lastAtMs + this.offsetMs, monotonicMs: this.lastAtMs, runId: this.id }, states }
  }

  #begin(line: RunLine): void {
    this.complete = this.#collectors.size === 0
    this.version = line.version
    this.host = line.host
    this.settings = line.settings
    if (line.settings !== null) this.#defaults = recordedDefaults(line.settings)
  }

  #collector(name: string): CollectorRun {
    const known = this.#collectors.get(name)
    if (known !== undefined) return known
    const made: CollectorRun = {
      name,
      signals: new Map(),
      pending: [],
      last: null,
      everyMs: null,
      unplayed: new Set(),
      ended: false
    }
    this.#collectors.set(name, made)
    return made
  }

  /* Ticks */

  #pend(of: CollectorRun, line: SignalLine): void {
    if (line._tag === "Look" && line.crashed) of.unplayed.add(line.tick)
    of.pending.push(line)
    if (of.pending.length <= pendingMax) return
    this.#doubts.overflows += 1
    this.#catchUp(of, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
  }

  #ticks(of: CollectorRun, line: TicksLine): void {
    if (line.everyMs !== null && line.everyMs > 0) of.everyMs = line.everyMs
    const [first] = line.ticks
    if (first !== undefined) this.#catchUp(of, first.number, first.asOfMs)
    // What has been played already, for want of memory, is not played twice.
    for (const tick of line.ticks) if (of.last === null || tick.number > of.last.number) this.#play(of, tick)
    if (line.broken !== null) {
      this.#catchUp(of, line.broken.tick.number, line.broken.tick.asOfMs)
      this.#play(of, line.broken.tick, line.broken.looked)
    }
    if (line.last) {
      // The tick that was under way came to nothing: what it has of lines are looks out of schedule.
      for (const { tick } of of.pending) of.unplayed.add(tick)
      of.ended = true
    }
  }

  /** Plays everything before this tick: what has lines, and the ticks between, on the grid. */
  #catchUp(of: CollectorRun, number: number, asOfMs: number): void {
    let head = of.pending[0]
    while (head !== undefined && head.tick < number) {
      if (of.last !== null && head.tick <= of.last.number) this.#applyTo(of, of.last)
      else {
        const tick = this.#guess(of, head.tick)
        this.#fill(of, tick.number, tick.asOfMs)
        this.#playGuessed(of, tick)
      }
      head = of.pending[0]
    }
    if (Number.isFinite(number)) this.#fill(of, number, asOfMs)
  }

  /** When a tick was that has lines of its own and no place in a `ticks` line. */
  #guess(of: CollectorRun, number: number): PlayedTick {
    const tookMs = of.last?.tookMs ?? 0
    for (const line of of.pending) {
      if (line.tick !== number) break
      if (line._tag === "Look" && line.input.scheduled) return { number, asOfMs: line.input.asOfMs, tookMs }
      if (line._tag !== "Look" && !(line._tag === "Again" && !line.scheduled))
        return { number, asOfMs: Math.max(0, line.atMs - tookMs), tookMs }
    }
    const ticks = of.last === null ? 0 : number - of.last.number
    return { number, asOfMs: (of.last?.asOfMs ?? of.pending[0]?.atMs ?? 0) + ticks * this.#every(of), tookMs }
  }

  /** The ticks between the last one and this, which no line has. */
  #fill(of: CollectorRun, number: number, asOfMs: number): void {
    if (of.last === null) return
    const { number: from, asOfMs: fromMs, tookMs } = of.last
    const between = number - from - 1
    if (between <= 0) return
    if (between > gapTicksMax) {
      this.#doubts.lostTicks += between
      return
    }
    const everyMs = Math.min(this.#every(of), Math.max(0, asOfMs - fromMs) / (between + 1))
    for (let at = 1; at <= between; at++) {
      this.#playGuessed(of, { number: from + at, asOfMs: fromMs + at * everyMs, tookMs })
    }
  }

  #playGuessed(of: CollectorRun, tick: PlayedTick): void {
    if (!of.unplayed.has(tick.number)) this.#doubts.guessedTicks += 1
    this.#play(of, tick)
  }

  /** A run that did not say its last tick went on looking until its last line. */
  #goOn(of: CollectorRun): void {
    const everyMs = this.#every(of)
    if (of.ended || of.last === null || everyMs <= 0) return
    const leftMs = this.lastAtMs - of.last.tookMs - of.last.asOfMs
    const { number, asOfMs } = of.last
    const ticks = Math.max(0, Math.floor(leftMs / everyMs))
    if (ticks > 0) this.#fill(of, number + ticks + 1, asOfMs + (ticks + 1) * everyMs)
  }

  #every(of: CollectorRun): number {
    if (of.everyMs !== null) return of.everyMs
    for (const { judged } of of.signals.values()) return judged.policy.intervalMs
    for (const line of of.pending)
      if (line._tag === "Look" && line.judged !== null) return line.judged.policy.intervalMs
    return 0
  }

  /**
   * One tick: first what has no line, for a look without a line came before every line of its tick; then the lines. `looked`: of
   * a tick that broke, who was looked at without a line.
   */
  #play(of: CollectorRun, tick: PlayedTick, looked?: ReadonlySet<string>): void {
    // Looks out of schedule that came after the tick before.
    if (of.last !== null) this.#applyTo(of, of.last)
    if (!of.unplayed.has(tick.number)) {
      const told = toldIn(of.pending, tick.number)
      for (const [name, signal] of of.signals) {
        if (signal.look === null || signal.absent || told.has(name)) continue
        if (looked !== undefined && !looked.has(name)) continue
        this.#look(name, signal, repeated(signal.look, tick), tick.asOfMs + tick.tookMs)
      }
    }
    this.#applyTo(of, tick)
    of.unplayed.delete(tick.number)
    if (of.last === null || tick.number > of.last.number) of.last = tick
  }

  /** Applies the lines up to this tick. */
  #applyTo(of: CollectorRun, tick: PlayedTick): void {
    let at = 0
    for (let line = of.pending[0]; line !== undefined && line.tick <= tick.number; line = of.pending[at]) {
      this.#apply(of, line, tick)
      at += 1
    }
    if (at > 0) of.pending = of.pending.slice(at)
  }

  /* Signals */

  #apply(of: CollectorRun, line: SignalLine, tick: PlayedTick): void {
    const signal = of.signals.get(line.signal)
    switch (line._tag) {
      case "Look": {
        const known = line.judged === null ? signal : this.#judge(of, line.signal, signal, line.judged, line.atMs)
        if (known === undefined) this.#doubts.unjudged += 1
        else this.#look(line.signal, known, line.input, line.atMs)
        return
      }
      case "Again":
        if (signal === undefined || signal.look === null) this.#doubts.unjudged += 1
        else this.#look(line.signal, signal, again(signal.look, line, tick), line.atMs)
        return
      case "Absent":
        if (signal !== undefined) signal.absent = true
        return
      case "Retired":
        if (signal === undefined) return
        this.#feed(line.signal, signal, { _tag: "Retired", reason: "" }, line.atMs)
        of.signals.delete(line.signal)
        this.#signals -= 1
        return
    }
  }

  #judge(of: CollectorRun, name: string, signal: Signal | undefined, judged: Judged, atMs: number): Signal | undefined {
    if (signal === undefined) return this.#add(of, name, judged, { before: new Track(), after: new Track() })
    // What falls due before the look that brings the new policy is still judged by the old one.
    this.#pass(name, signal, atMs)
    signal.judged = judged
    signal.after = this.#policyAfter(of, name, judged)
    return signal
  }

  #add(of: CollectorRun, name: string, judged: Judged, tracks: Readonly<Record<Side, Track>>): Signal | undefined {
    if (this.#signals >= signalsMax) return undefined
    this.#signals += 1
    if (this.signalNames.size < signalsMax) this.signalNames.add(name)
    const made: Signal = { judged, after: this.#policyAfter(of, name, judged), tracks, look: null, absent: false }
    of.signals.set(name, made)
    return made
  }

  #policyAfter(of: CollectorRun, name: string, { policy }: Judged): Policy {
    if (this.#changes.length === 0) return policy
    // Nobody tunes the signal of the source: it has its collector's defaults, even where the run line is not in the log.
    const defaults = this.#defaults ?? of.signals.get(`source:${of.name}`)?.judged.policy ?? policy
    const changed = changedPolicy({ signal: name, policy, defaults }, this.#changes)
    if (!changed.ok) {
      this.#doubts.refused.set(name, changed.reasons.join("; "))
      return policy
    }
    if (changed.policy.ceiling !== null && policy.ceiling === null) this.#doubts.sparse.add(name)
    return changed.policy
  }

  #look(name: string, signal: Signal, input: Seen | Missed, atMs: number): void {
    signal.look = input
    signal.absent = false
    this.#feed(name, signal, input, atMs)
  }

  #feed(name: string, { after, judged, tracks }: Signal, input: Parameters<Track["feed"]>[1], atMs: number): void {
    const { severity, policy } = judged
    tracks.before.feed(policy, input, atMs, (decision) => this.#tell("before", { signal: name, severity, decision }))
    if (this.#changes.length === 0) return
    const seen = unjudgedIfOff(input, policy, after)
    tracks.after.feed(after, seen, atMs, (decision) => this.#tell("after", { signal: name, severity, decision }))
  }

  #pass(name: string, { after, judged, tracks }: Signal, toMs: number): void {
    const { severity, policy } = judged
    tracks.before.pass(policy, toMs, (decision) => this.#tell("before", { signal: name, severity, decision }))
    if (this.#changes.length === 0) return
    tracks.after.pass(after, toMs, (decision) => this.#tell("after", { signal: name, severity, decision }))
  }
}

/** Signals that have something said of this tick's own look. */
const toldIn = (pending: ReadonlyArray<SignalLine>, number: number): ReadonlySet<string> => {
  const told = new Set<string>()
  for (const line of pending) {
    if (line.tick > number) break
    const scheduled = line._tag === "Look" ? line.input.scheduled : line._tag !== "Again" || line.scheduled
    if (line.tick === number && scheduled) told.add(line.signal)
  }
  return told
}

const repeated = (look: Seen | Missed, { number, asOfMs }: PlayedTick): Seen | Missed =>
  look._tag === "Seen"
    ? { ...look, tick: number, scheduled: true, asOfMs, first: false }
    : { ...look, tick: number, scheduled: true, asOfMs }

const again = (look: Seen | Missed, line: AgainLine, tick: PlayedTick): Seen | Missed => {
  const tickMs = line.tick === tick.number ? tick.asOfMs : line.atMs
  const input = repeated(look, { number: line.tick, asOfMs: line.asOfMs ?? tickMs, tookMs: 0 })
  const scheduled = line.scheduled
  return input._tag === "Seen" ? { ...input, scheduled, value: line.value } : { ...input, scheduled }
}

/** Where the ceiling is taken away the collector's own word falls too: it was the ceiling's. */
const unjudgedIfOff = <I extends { readonly _tag: string }>(input: I, before: Policy, after: Policy): I =>
  input._tag === "Seen" && before.ceiling !== null && after.ceiling === null ? { ...input, active: false } : input
