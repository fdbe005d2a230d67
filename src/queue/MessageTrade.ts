/**
 * What the courier of a message sink carries: the outbox, when it may send, what was refused. Pure but for the send.
 */
import { Result } from "effect"
import { type Alert, type Entry, type Rendering, rank } from "../decision/index.ts"
import { consoleText } from "../sink/Console.ts"
import type { Draft, MessageSink, Receipt, SinkError } from "../sink/Sink.ts"
import type { IsMuted, Packed, Refused, Trade } from "./Post.ts"
import * as Outbox from "./Outbox.ts"
import * as Pace from "./Pace.ts"
import * as Refusals from "./Refusals.ts"

/** Of a fallback: what it is for at present. A primary has none, and is told everything. */
export interface Standby {
  /** It gets what no primary has told; closed, it gets only the ends of what it told. */
  readonly open: boolean
  /** Since when, or when it last was. */
  readonly openedMs: number
  readonly closedMs: number | null
  /** Faults it was told since then, those of sinks not counted. */
  readonly told: number
  /** Primaries that have not yet been told about it. */
  readonly awaited: ReadonlyArray<string>
}

export const closedStandby: Standby = { open: false, openedMs: 0, closedMs: null, told: 0, awaited: [] }

export interface MessageLoad {
  readonly outbox: Outbox.Outbox
  readonly flow: Pace.Flow
  readonly refusals: Refusals.Refusals
  /** The last message was one of an entry that goes alone: the others are next. */
  readonly wasAlone: boolean
  readonly lastAcceptedMs: number
  readonly standby: Standby | null
}

export const emptyLoad: MessageLoad = {
  outbox: Outbox.emptyOutbox,
  flow: Pace.noFlow,
  refusals: Refusals.noRefusals,
  wasAlone: false,
  lastAcceptedMs: Number.NEGATIVE_INFINITY,
  standby: null
}

export type MessageTrade = Trade<MessageLoad, Draft, Receipt>

export const messageTrade = (sink: MessageSink): MessageTrade => ({
  accept,
  dueMs: (load, isMuted, nowMs, leaving) => dueMs(sink, load, isMuted, nowMs, leaving),
  pack: (load, isMuted, rendering) => pack(sink, load, isMuted, rendering),
  send: (draft) => sink.send(draft),
  accepted,
  refused,
  leave: (load) => load,
  said: (draft) => ({ entries: draft.entries, text: consoleText(draft) }),
  waiting: (load, isMuted) => owedNow(load, isMuted).length,
  unsent: ({ outbox }) => [
    ...[...outbox.values()].flatMap((box) => (box.inFlight === null ? [] : [box.inFlight.entry])),
    ...Outbox.allOwed(outbox)
  ]
})

const isClosed = ({ standby }: MessageLoad): boolean => standby !== null && !standby.open

const accept = (load: MessageLoad, alert: Alert, muted: boolean, nowMs: number): MessageLoad => {
  const outbox = isClosed(load) ? Outbox.follow(load.outbox, alert) : Outbox.accept(load.outbox, alert, muted)
  if (outbox === load.outbox) return load
  const box = outbox.get(alert.signal)
  const due = box !== undefined && Outbox.owed(box) !== undefined
  return { ...load, outbox, flow: due ? Pace.arrived(load.flow, nowMs) : load.flow }
}

/** What may be sent now, as far as mutes and the fallback's rule go. */
export const owedNow = (load: MessageLoad, isMuted: IsMuted): ReadonlyArray<Entry> => {
  const owed = Outbox.allOwed(load.outbox, isMuted)
  return isClosed(load) ? owed.filter(Outbox.isEnd) : owed
}

/** What goes together, and the first of what must go alone. */
const turns = (load: MessageLoad, owed: ReadonlyArray<Entry>) => {
  const together = owed.filter((entry) => !Refusals.isSuspect(load.refusals, entry))
  const [alone] = owed
    .filter((entry) => Refusals.isSuspect(load.refusals, entry))
    .sort((a, b) => Refusals.notBeforeMs(load.refusals, a) - Refusals.notBeforeMs(load.refusals, b))
  return { together, alone, aloneMs: alone && Refusals.notBeforeMs(load.refusals, alone) }
}

const dueMs = (sink: MessageSink, load: MessageLoad, isMuted: IsMuted, nowMs: number, leaving: boolean): number => {
  const { together, aloneMs } = turns(load, owedNow(load, isMuted))
  const paceMs = Pace.earliestMs(sink.pace, load.flow, together.length, nowMs, leaving || together.length === 0)
  if (together.length > 0) return paceMs
  return aloneMs === undefined ? Number.POSITIVE_INFINITY : Math.max(paceMs, aloneMs)
}

const pack = (
  sink: MessageSink,
  load: MessageLoad,
  isMuted: IsMuted,
  rendering: Rendering
): Packed<MessageLoad, Draft> => {
  const { together, alone, aloneMs } = turns(load, owedNow(load, isMuted))
  const isAlone =
    alone !== undefined &&
    aloneMs !== undefined &&
    (together.length === 0 || (aloneMs <= rendering.nowMs && !load.wasAlone))
  // Worst first; what is equally bad by name, as a person would look for it.
  const sorted = isAlone ? [alone] : [...together].sort((a, b) => rank(a) - rank(b) || (a.signal < b.signal ? -1 : 1))
  const minimal = isAlone && Refusals.isMinimal(load.refusals, alone)
  const all: Draft = { entries: sorted, rendering, alsoActive: 0, replyTo: null, ...(minimal ? { minimal } : {}) }
  // A sink that cannot count gets one entry at a time: a bug of one sink must not stop its courier.
  const counted = Result.try(() => sink.fit(all))
  const entries = sorted.slice(
    0,
    Math.max(
      1,
      Result.getOrElse(counted, () => 1)
    )
  )
  const left = entries.length < together.length
  return {
    load: {
      ...load,
      outbox: Outbox.freeze(load.outbox, entries),
      flow: Pace.started(load.flow, rendering.nowMs, entries.length, left),
      wasAlone: isAlone
    },
    parcel: {
      ...all,
      entries,
      ...(minimal ? {} : { alsoActive: alsoActive(load.outbox, entries), replyTo: replyTo(load.outbox, entries) })
    },
    complaint: Result.isFailure(counted) ? String(counted.failure).slice(0, 2_000) : null
  }
}

/** Signals this reader believes to be in trouble, besides those of the message. */
const alsoActive = (outbox: Outbox.Outbox, entries: ReadonlyArray<Entry>): number => {
  const named = new Set(entries.map((entry) => entry.signal))
  return Outbox.openSignals(outbox).filter((signal) => !named.has(signal)).length
}

/** A message replies only if all its entries share one target. */
const replyTo = (outbox: Outbox.Outbox, entries: ReadonlyArray<Entry>): string | null => {
  const targets = new Set(
    entries.map((entry) => (entry.kind === "alert" ? null : Outbox.referenceOf(outbox, entry.signal)))
  )
  const [target = null] = targets
  return targets.size === 1 ? target : null
}

/* Outcomes */

const accepted = (load: MessageLoad, draft: Draft, receipt: Receipt, nowMs: number): MessageLoad => {
  const known = receipt.moved ? Outbox.forgetReferences(load.outbox) : load.outbox
  return tidy({
    ...load,
    outbox: Outbox.takeUp(Outbox.delivered(known, draft.entries, nowMs, receipt.reference)),
    refusals: Refusals.forget(load.refusals, draft.entries),
    lastAcceptedMs: nowMs,
    standby: load.standby && { ...load.standby, told: load.standby.told + draft.entries.filter(isNews).length }
  })
}

/** A fault that somebody was told of, the sinks' own aside. */
const isNews = (entry: Entry): boolean =>
  (Outbox.isOpening(entry) || entry.kind === "late") && !entry.signal.startsWith("sink:")

const refused = (load: MessageLoad, draft: Draft, error: SinkError, nowMs: number): Refused<MessageLoad> => {
  const { entries } = draft
  const flow = Pace.failed(load.flow)
  if (error.maybeSent) {
    const outbox = Outbox.maybeDelivered(load.outbox, entries, nowMs)
    return { load: tidy({ ...load, flow, outbox }), givenUp: [], own: false }
  }
  if (error.reason !== "Rejected") {
    return { load: tidy({ ...load, flow, outbox: Outbox.failed(load.outbox, entries) }), givenUp: [], own: false }
  }
  const own = load.wasAlone
  const refusals = Refusals.refusedAgain(load.refusals, entries, nowMs)
  const hopeless = entries.filter((entry) => Refusals.isHopeless(refusals, entry))
  const [first] = hopeless
  if (first === undefined) {
    return { load: tidy({ ...load, flow, refusals, outbox: Outbox.failed(load.outbox, entries) }), givenUp: [], own }
  }
  // Where something else went through meanwhile it is the entry that is refused; else it may be the channel.
  const sure = load.lastAcceptedMs >= (refusals.get(first.signal)?.firstMs ?? 0)
  const outbox = Outbox.giveUp(load.outbox, entries, sure)
  return {
    load: tidy({ ...load, flow, outbox, refusals: Refusals.forget(refusals, entries) }),
    givenUp: hopeless,
    own
  }
}

/** Drops what is of no use any more. */
const tidy = (load: MessageLoad): MessageLoad => ({
  ...load,
  outbox: isClosed(load) ? Outbox.withoutUntold(load.outbox) : load.outbox,
  refusals: Refusals.onlyOf(load.refusals, new Set(load.outbox.keys()))
})

/* The fallback's rule */

/** From now on it tells what no primary could, and goes on with what is new. */
export const open = (
  load: MessageLoad,
  untold: ReadonlyMap<string, Outbox.Box>,
  awaited: ReadonlyArray<string>,
  nowMs: number
): MessageLoad => ({
  ...load,
  outbox: Outbox.adopt(load.outbox, untold),
  flow: Pace.arrived(load.flow, nowMs),
  standby: { open: true, openedMs: nowMs, closedMs: null, told: 0, awaited }
})

/** From now on it tells only how what it told has ended. */
export const close = (load: MessageLoad, nowMs: number): MessageLoad =>
  tidy({ ...load, standby: { ...(load.standby ?? closedStandby), open: false, closedMs: nowMs } })
