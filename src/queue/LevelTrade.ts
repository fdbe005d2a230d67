/**
 * What the courier of a level sink carries: everything active and what has lately ended, sent whole at each change and again and
 * again. Pure but for the send.
 *
 * An outbox stands beside the levels, as a ledger only: what is owed says that something has changed, and what a person would read.
 */
import type { Alert, Entry, Rendering, Severity, Evidence } from "../decision/index.ts"
import { consoleText } from "../sink/Console.ts"
import type { Level, LevelSink } from "../sink/Sink.ts"
import type { IsMuted, Packed, Refused, Trade } from "./Post.ts"
import * as Outbox from "./Outbox.ts"
import * as Pace from "./Pace.ts"

/** As for messages: what fails together is sent together. */
const pace = { windowMs: 1_000, perMinute: 60 }

interface Known {
  readonly level: Level
  /** What the sink is to see while the signal is muted: its level as the mute found it; undefined: not muted; null: none. */
  readonly frozen: Level | null | undefined
  /** When its end was first taken by the sink. */
  readonly endTakenMs: number | null
}

export type Levels = ReadonlyMap<string, Known>

export interface LevelLoad {
  readonly levels: Levels
  readonly outbox: Outbox.Outbox
  readonly flow: Pace.Flow
  /** When everything was last taken; null: never. */
  readonly takenMs: number | null
  /** The newest state is to be sent once more, whatever was sent before. */
  readonly leaving: boolean
}

export const emptyLevels: LevelLoad = {
  levels: new Map(),
  outbox: Outbox.emptyOutbox,
  flow: Pace.noFlow,
  takenMs: null,
  leaving: false
}

export interface Batch {
  readonly levels: ReadonlyArray<Level>
  readonly rendering: Rendering
  /** What of it is new, in the words of a message. */
  readonly news: ReadonlyArray<Entry>
}

export const levelTrade = (sink: LevelSink): Trade<LevelLoad, Batch, void> => ({
  accept,
  dueMs: (load, isMuted, nowMs, leaving) => dueMs(sink, load, isMuted, nowMs, leaving),
  pack,
  send: ({ levels, rendering }) => sink.send(levels, rendering),
  accepted: (load, batch, _, nowMs) => accepted(sink, load, batch, nowMs),
  refused,
  leave: (load) => ({ ...load, leaving: load.levels.size > 0 }),
  said: ({ news, rendering }) => ({
    entries: news,
    text: news.length === 0 ? "" : consoleText({ entries: news, rendering, alsoActive: 0, replyTo: null })
  }),
  waiting: ({ outbox }, isMuted) => Outbox.allOwed(outbox, isMuted).length,
  unsent: ({ outbox }) => [
    ...[...outbox.values()].flatMap((box) => (box.inFlight === null ? [] : [box.inFlight.entry])),
    ...Outbox.allOwed(outbox)
  ]
})

/* What happens */

const accept = (load: LevelLoad, alert: Alert, muted: boolean, nowMs: number): LevelLoad => {
  const before = load.levels.get(alert.signal)
  const level = changed(before?.level ?? null, alert)
  if (level === null) return load
  const levels = new Map(load.levels)
  levels.set(alert.signal, {
    level,
    frozen: muted
      ? before === undefined
        ? null
        : before.frozen === undefined
          ? before.level
          : before.frozen
      : undefined,
    endTakenMs: level.endedMs === null ? null : (before?.endTakenMs ?? null)
  })
  // A level has no reminders: the same is sent again and again anyway.
  const outbox = alert.decision.kind === "remind" ? load.outbox : Outbox.accept(load.outbox, alert, muted)
  return { ...load, levels, outbox, flow: outbox === load.outbox ? load.flow : Pace.arrived(load.flow, nowMs) }
}

const levelOf = (signal: string, severity: Severity, sinceMs: number, evidence: Evidence): Level => ({
  signal,
  severity,
  sinceMs,
  endedMs: null,
  evidence
})

/** The level after a decision; null: nothing is known of it and nothing begins. */
const changed = (before: Level | null, { signal, severity, decision }: Alert): Level | null => {
  const active = before !== null && before.endedMs === null
  switch (decision.kind) {
    case "alert":
    case "flapping":
      return {
        ...levelOf(signal, severity, decision.sinceMs, decision.evidence),
        // One that flaps has not been well: it is the same fault.
        sinceMs: active ? before.sinceMs : decision.sinceMs
      }
    case "remind":
      return active ? { ...before, severity, evidence: decision.evidence } : before
    case "settled":
      if (decision.active)
        return {
          ...levelOf(signal, severity, decision.sinceMs, decision.evidence),
          ...(active ? { sinceMs: before.sinceMs } : {})
        }
      return before === null ? null : { ...before, endedMs: decision.atMs }
    case "recover":
    case "gone":
      return before === null ? null : { ...before, endedMs: decision.atMs }
  }
}

/* What is sent */

/** As the sink is to see it; undefined: not at all. */
const shown = ({ level, frozen }: Known, muted: boolean): Level | undefined =>
  muted && frozen !== undefined ? (frozen ?? undefined) : level

const isDone = (sink: LevelSink, { endTakenMs }: Known, nowMs: number): boolean =>
  endTakenMs !== null && nowMs - endTakenMs >= sink.resendEndedMs

const dueMs = (sink: LevelSink, load: LevelLoad, isMuted: IsMuted, nowMs: number, leaving: boolean): number => {
  if (load.leaving) return nowMs
  const owed = Outbox.allOwed(load.outbox, isMuted).length
  if (owed > 0) return Pace.earliestMs(pace, load.flow, owed, nowMs, leaving)
  if (![...load.levels].some(([signal, known]) => shown(known, isMuted(signal)) !== undefined)) {
    return Number.POSITIVE_INFINITY
  }
  return load.takenMs === null ? nowMs : load.takenMs + sink.resendEveryMs
}

const pack = (load: LevelLoad, isMuted: IsMuted, rendering: Rendering): Packed<LevelLoad, Batch> => {
  const kept = new Map(
    [...load.levels]
      // What a mute has held is shown again: the next mute finds what is then.
      .map(([signal, known]) => [signal, isMuted(signal) ? known : { ...known, frozen: undefined }])
  )
  const news = Outbox.allOwed(load.outbox, isMuted)
  const levels = [...kept].flatMap(([signal, known]) => {
    const level = shown(known, isMuted(signal))
    return level === undefined ? [] : [level]
  })
  return {
    load: {
      ...load,
      levels: kept,
      outbox: Outbox.freeze(load.outbox, news),
      flow: Pace.started(load.flow, rendering.nowMs, news.length, false),
      leaving: false
    },
    parcel: { levels, rendering, news },
    complaint: null
  }
}

/* Outcomes */

const accepted = (sink: LevelSink, load: LevelLoad, { levels, news }: Batch, nowMs: number): LevelLoad => {
  const ended = new Map(levels.flatMap((level) => (level.endedMs === null ? [] : [[level.signal, level.endedMs]])))
  const next = new Map<string, Known>()
  for (const [signal, known] of load.levels) {
    const taken = known.level.endedMs !== null && ended.get(signal) === known.level.endedMs
    const after = taken ? { ...known, frozen: undefined, endTakenMs: known.endTakenMs ?? nowMs } : known
    if (!isDone(sink, after, nowMs)) next.set(signal, after)
  }
  return { ...load, levels: next, takenMs: nowMs, outbox: Outbox.delivered(load.outbox, news, nowMs, null) }
}

const refused = (load: LevelLoad, { news }: Batch): Refused<LevelLoad> => ({
  // Said again it says the same: whether it has arrived is all one.
  load: { ...load, flow: Pace.failed(load.flow), outbox: Outbox.failed(load.outbox, news) },
  givenUp: [],
  own: false
})
