/**
 * What one sink has been told, and what it is still owed: at most one net change per signal.
 *
 * Pure. `told` is what the sink last accepted, `now` what is true; the entry owed is read off the table of the two:
 *
 * | told \ now | clear                                   | active                                  | flapping |
 * | clear      | late, if it was raised meanwhile        | alert                                   | flapping |
 * | active     | recovered, or gone                      | nothing; `again` if it cleared meanwhile | flapping |
 * | flapping   | settled (clear), or gone                | settled (active)                        | nothing  |
 *
 * An entry in flight is frozen until its outcome; then the table runs again. Memory is bounded by the number of signals.
 *
 * A muted signal is decided as ever; what it owes is held by whoever asks (`allOwed`), and the table runs at the mute's end.
 */
import {
  type Alert,
  type Decision,
  type Entry,
  type Evidence,
  type Severity,
  blankEntry,
  noEvidence
} from "../decision/index.ts"

export type Side = "clear" | "active" | "flapping"

/** What happened since the sink was last told. Two stretches of time join into one (`join`). */
export interface Since {
  /** Faults that were raised. */
  readonly raises: number
  /** Of these, the ones raised while the signal was muted. */
  readonly mutedRaises: number
  readonly firstRaiseMs: number | null
  /** Times it became clear. */
  readonly clears: number
  readonly lastClearMs: number | null
  /** Worst evidence of a fault that has ended: the newest. */
  readonly evidence: Evidence
}

const quiet: Since = {
  raises: 0,
  mutedRaises: 0,
  firstRaiseMs: null,
  clears: 0,
  lastClearMs: null,
  evidence: noEvidence
}

const join = (a: Since, b: Since): Since => ({
  raises: a.raises + b.raises,
  mutedRaises: a.mutedRaises + b.mutedRaises,
  firstRaiseMs: a.firstRaiseMs ?? b.firstRaiseMs,
  clears: a.clears + b.clears,
  lastClearMs: b.lastClearMs ?? a.lastClearMs,
  evidence: b.evidence === noEvidence ? a.evidence : b.evidence
})

export interface Told {
  readonly side: Side
  /** When the sink accepted it; what the cooldown of reminders counts from. */
  readonly atMs: number
  /** What opened the fault was sent and never answered: it may have arrived. */
  readonly maybe: boolean
  /** The sink's own reference of the message that told the fault, to reply to. */
  readonly reference: string | null
}

export interface Box {
  readonly signal: string
  readonly severity: Severity
  readonly told: Told
  readonly now: Side
  /** When the present fault began. */
  readonly sinceMs: number
  readonly endedMs: number | null
  /** It ended because its source no longer reports it. */
  readonly gone: boolean
  readonly raises: number
  readonly foundAtStart: boolean
  readonly evidence: Evidence
  readonly since: Since
  readonly reminder: boolean
  /**
   * A try of what is owed got no answer: saying it again may repeat it. An end that may have arrived is remembered whatever
   * happens next, for the reader may hold the fault for over; any other try counts only while nothing has changed.
   */
  readonly tried: "end" | "other" | null
  readonly inFlight: InFlight | null
  /**
   * The sink refuses what is owed, however it is put: it is not tried again until something changes or a reminder falls due;
   * `unsure` (nothing else was accepted meanwhile either), also until the sink accepts anything.
   */
  readonly givenUp: "sure" | "unsure" | null
  /** The order in which things fell due, for a fair digest. */
  readonly dueMs: number
}

export interface InFlight {
  readonly entry: Entry
  /** What the sink will have been told once it accepts. */
  readonly side: Side
  /** What had happened when it was frozen; comes back if the send fails. */
  readonly since: Since
}

export type Outbox = ReadonlyMap<string, Box>

export const emptyOutbox: Outbox = new Map()

const neverTold: Told = { side: "clear", atMs: Number.NEGATIVE_INFINITY, maybe: false, reference: null }

const freshBox = (alert: Alert): Box => ({
  signal: alert.signal,
  severity: alert.severity,
  told: neverTold,
  now: "clear",
  sinceMs: alert.decision.sinceMs,
  endedMs: null,
  gone: false,
  raises: 1,
  foundAtStart: false,
  evidence: noEvidence,
  since: quiet,
  reminder: false,
  tried: null,
  inFlight: null,
  givenUp: null,
  dueMs: alert.decision.atMs
})

/* What happens */

/** Takes a decision in. A reminder is dropped if this sink was told within the cooldown, or while the signal is muted. */
export const accept = (outbox: Outbox, alert: Alert, muted = false): Outbox =>
  put(outbox, change(outbox.get(alert.signal) ?? freshBox(alert), alert, muted))

/**
 * Takes a decision in for a reader who is to learn only how what he was told ends: nothing new is opened, and nothing that
 * happened on the way is kept. Of a signal he was told nothing about, nothing.
 */
export const follow = (outbox: Outbox, alert: Alert): Outbox => {
  const box = outbox.get(alert.signal)
  if (box === undefined || alert.decision.kind === "remind") return outbox
  const next = change(box, alert, false)
  return put(outbox, next.now === "clear" ? next : { ...next, since: quiet })
}

const change = (box: Box, { severity, decision, cooldownMs }: Alert, muted: boolean): Box => {
  const base: Box = { ...box, severity, givenUp: null, dueMs: owes(box) ? box.dueMs : decision.atMs }
  switch (decision.kind) {
    case "alert":
      return raised(base, decision, "active", muted)
    case "flapping":
      return raised(base, decision, "flapping", muted)
    case "recover":
      return cleared(base, decision, false)
    case "gone":
      return cleared(base, decision, true)
    case "settled":
      return decision.active ? settledDown(base, decision) : cleared(base, decision, false)
    case "remind":
      return muted ? box : reminded(base, decision, cooldownMs)
  }
}

const raised = (box: Box, decision: Decision, now: Side, muted: boolean): Box => ({
  ...box,
  now,
  sinceMs: decision.sinceMs,
  endedMs: null,
  gone: false,
  raises: decision.raises,
  foundAtStart: decision.foundAtStart,
  evidence: decision.evidence,
  reminder: false,
  tried: stillTried(box),
  since: {
    ...box.since,
    raises: box.since.raises + 1,
    mutedRaises: box.since.mutedRaises + (muted ? 1 : 0),
    firstRaiseMs: box.since.firstRaiseMs ?? decision.sinceMs,
    evidence: decision.evidence
  }
})

const cleared = (box: Box, decision: Decision, gone: boolean): Box => ({
  ...box,
  now: "clear",
  sinceMs: decision.sinceMs,
  endedMs: decision.atMs,
  gone,
  raises: decision.raises,
  evidence: decision.evidence,
  reminder: false,
  tried: stillTried(box),
  since: { ...box.since, clears: box.since.clears + 1, lastClearMs: decision.atMs }
})

/** Flapping has settled on the bad side: the same fault, no new raise. */
const settledDown = (box: Box, decision: Decision): Box => ({
  ...box,
  now: "active",
  raises: decision.raises,
  evidence: decision.evidence,
  reminder: false,
  tried: stillTried(box)
})

/** What is left of an unanswered try once something else is owed. */
const stillTried = (box: Box): Box["tried"] => (box.tried === "end" ? "end" : null)

/**
 * The cooldown counts from the decision, what was told from its delivery: a reminder that falls due on time comes this much of a
 * cooldown early by the sink's clock, and is no repetition.
 */
const deliveryShare = 0.1

const reminded = (box: Box, decision: Decision, cooldownMs: number): Box => {
  const updated: Box = { ...box, raises: decision.raises, evidence: decision.evidence }
  const undelivered = box.told.side !== box.now
  const justTold = decision.atMs - box.told.atMs < cooldownMs * (1 - deliveryShare)
  return undelivered || justTold ? updated : { ...updated, reminder: true }
}

/* What is owed */

/** The entry a signal owes this sink, by the table; undefined if nothing. */
export const owed = (box: Box): Entry | undefined => {
  if (box.inFlight !== null || box.givenUp !== null) return undefined
  const entry = owedByTable(box)
  return entry && { ...entry, repeated: box.tried !== null && (box.tried === "other" || isEnd(entry)) }
}

const owedByTable = (box: Box): Entry | undefined => {
  const { told, now } = box
  const base: Entry = {
    ...blankEntry("alert", box.signal, box.severity),
    active: now !== "clear",
    sinceMs: box.sinceMs,
    endedMs: now === "clear" ? box.endedMs : null,
    evidence: box.evidence,
    times: Math.max(1, box.raises)
  }
  if (told.side === "clear") return owedToClear(box, base)
  if (told.side === now) return owedToSame(box, base)
  const uncertain = told.maybe
  if (now === "clear") {
    const kind = box.gone ? "gone" : told.side === "flapping" ? "settled" : "recovered"
    return { ...base, kind, alertUncertain: uncertain }
  }
  return now === "flapping" ? { ...base, kind: "flapping" } : { ...base, kind: "settled", alertUncertain: uncertain }
}

const owedToClear = (box: Box, base: Entry): Entry | undefined => {
  if (box.now === "clear") {
    return box.since.raises === 0
      ? undefined
      : {
          ...base,
          kind: "late",
          times: box.since.raises,
          muted: box.since.mutedRaises === box.since.raises,
          sinceMs: box.since.firstRaiseMs ?? box.sinceMs,
          endedMs: box.since.lastClearMs,
          evidence: box.since.evidence
        }
  }
  if (box.now === "flapping") return { ...base, kind: "flapping" }
  return { ...base, kind: "alert", times: Math.max(1, box.since.raises), foundAtStart: box.foundAtStart }
}

const owedToSame = (box: Box, base: Entry): Entry | undefined => {
  if (box.now === "active" && box.since.clears > 0) {
    return {
      ...base,
      kind: "again",
      endedMs: box.since.lastClearMs,
      times: box.since.raises,
      alertUncertain: box.told.maybe
    }
  }
  // A settling that may have arrived before it flapped on: the reader must not be left with it.
  const unsure = box.told.maybe || (box.now === "flapping" && box.tried === "end")
  if (unsure) return { ...base, kind: box.now === "flapping" ? "flapping" : "alert" }
  return box.reminder ? { ...base, kind: "reminder", times: box.raises, flapping: box.now === "flapping" } : undefined
}

const owes = (box: Box): boolean => owed(box) !== undefined

/** Everything owed now, worst first is the sender's business: here in the order it fell due. Of a muted signal, nothing. */
export const allOwed = (outbox: Outbox, isMuted: (signal: string) => boolean = () => false): ReadonlyArray<Entry> =>
  [...outbox.values()]
    .sort((a, b) => a.dueMs - b.dueMs)
    .flatMap((box) => {
      const entry = isMuted(box.signal) ? undefined : owed(box)
      return entry === undefined ? [] : [entry]
    })

/** Signals whose fault this sink has not surely been told; what a fallback has to tell in its stead. */
export const untold = (outbox: Outbox): ReadonlyMap<string, Box> =>
  new Map([...outbox].filter(([, box]) => box.told.maybe || (pending(box).raises > 0 && !hasSettled(box))))

/** Whatever happened, the reader knows how it stands: there is nothing to tell him. */
const hasSettled = (box: Box): boolean => box.inFlight === null && box.givenUp === null && !owes(box)

const pending = (box: Box): Since => join(box.inFlight?.since ?? quiet, box.since)

/** Takes over what another sink could not tell; what this one has told itself stays told. */
export const adopt = (outbox: Outbox, untoldByOther: ReadonlyMap<string, Box>): Outbox => {
  const next = new Map(outbox)
  for (const [signal, other] of untoldByOther) {
    const own = next.get(signal)
    // Its message is under way: whatever comes of it, the next decision finds it.
    if (own !== undefined && own.inFlight !== null) continue
    const since = pending(other)
    keep(next, {
      ...other,
      told: own?.told ?? neverTold,
      tried: own?.tried ?? null,
      // A fault that may have been told still stands untold here.
      since: since.raises > 0 ? since : { ...since, raises: 1, firstRaiseMs: other.sinceMs, evidence: other.evidence },
      reminder: false,
      inFlight: null,
      givenUp: null
    })
  }
  return next
}

/** Drops what was never told and is not under way: whoever follows only ends has nothing to say of it. */
export const withoutUntold = (outbox: Outbox): Outbox =>
  new Map(
    [...outbox]
      .filter(([, box]) => box.told.side !== "clear" || box.inFlight !== null)
      .map(([signal, box]) => [signal, box.now === "clear" ? box : { ...box, since: quiet, reminder: false }])
  )

/** Where a signal's next entry should reply to, if this sink gave a reference for the message that told the fault. */
export const referenceOf = (outbox: Outbox, signal: string): string | null => outbox.get(signal)?.told.reference ?? null

/* What becomes of a message */

/** Freezes the entries of a message that is about to be sent. */
export const freeze = (outbox: Outbox, entries: ReadonlyArray<Entry>): Outbox =>
  each(outbox, entries, (box, entry) => ({
    ...box,
    since: quiet,
    reminder: false,
    inFlight: { entry, side: box.now, since: box.since }
  }))

/** The sink accepted the message: it has now been told. */
export const delivered = (
  outbox: Outbox,
  entries: ReadonlyArray<Entry>,
  atMs: number,
  reference: string | null
): Outbox =>
  each(outbox, entries, (box, entry) => ({
    ...box,
    told: {
      side: box.inFlight?.side ?? box.told.side,
      atMs,
      maybe: false,
      reference: isOpening(entry) ? reference : isEnd(entry) ? null : box.told.reference
    },
    tried: null,
    // Whoever has just been told needs no reminder.
    reminder: false,
    inFlight: null,
    dueMs: atMs
  }))

/** An entry that opens a fault: its end replies to it. */
export const isOpening = (entry: Entry): boolean =>
  entry.kind === "alert" || entry.kind === "flapping" || entry.kind === "again"

/** An entry that leaves the reader with a fault that is over. */
export const isEnd = (entry: Entry): boolean =>
  entry.kind === "recovered" || entry.kind === "gone" || (entry.kind === "settled" && !entry.active)

/** The send failed and surely did not arrive: all is owed as before, what came meanwhile included. */
export const failed = (outbox: Outbox, entries: ReadonlyArray<Entry>): Outbox => each(outbox, entries, unsent)

const unsent = (box: Box, entry: Entry): Box => ({
  ...box,
  since: join(box.inFlight?.since ?? quiet, box.since),
  // A reminder is of use only while nothing else has happened.
  reminder: entry.kind === "reminder" && box.now === box.told.side,
  inFlight: null
})

/**
 * No answer came: it may have arrived. What opens a fault counts as told, so that its end will be told too; anything else is
 * owed as before. Either is said again, marked as possibly repeated.
 */
export const maybeDelivered = (outbox: Outbox, entries: ReadonlyArray<Entry>, atMs: number): Outbox =>
  each(outbox, entries, (box, entry) => ({
    ...(isOpening(entry) ? maybeOpened(box, atMs) : unsent(box, entry)),
    tried: triedNow(box, entry)
  }))

const triedNow = (box: Box, entry: Entry): Box["tried"] => {
  if (isEnd(entry) || (box.tried === "end" && !isOpening(entry))) return "end"
  return isChanged(box) ? null : "other"
}

/** Something happened while the entry was under way. */
const isChanged = (box: Box): boolean =>
  box.since.raises > 0 || box.since.clears > 0 || (box.inFlight !== null && box.inFlight.side !== box.now)

const maybeOpened = (box: Box, atMs: number): Box => ({
  ...box,
  told: { ...box.told, side: box.inFlight?.side ?? box.told.side, atMs, maybe: true },
  inFlight: null
})

/** Refused however it was put: no longer owed as it is. What has changed meanwhile is owed as ever. */
export const giveUp = (outbox: Outbox, entries: ReadonlyArray<Entry>, sure: boolean): Outbox =>
  each(outbox, entries, (box, entry) => ({
    ...unsent(box, entry),
    givenUp: isChanged(box) ? null : sure ? "sure" : "unsure"
  }))

/** The sink accepts again: what was given up while it accepted nothing at all is owed anew. */
export const takeUp = (outbox: Outbox): Outbox =>
  [...outbox.values()].some((box) => box.givenUp === "unsure")
    ? new Map([...outbox].map(([signal, box]) => [signal, box.givenUp === "unsure" ? { ...box, givenUp: null } : box]))
    : outbox

/** Forgets the references of a chat that has moved. */
export const forgetReferences = (outbox: Outbox): Outbox =>
  new Map([...outbox].map(([signal, box]) => [signal, { ...box, told: { ...box.told, reference: null } }]))

const each = (outbox: Outbox, entries: ReadonlyArray<Entry>, update: (box: Box, entry: Entry) => Box): Outbox => {
  const next = new Map(outbox)
  for (const entry of entries) {
    const box = next.get(entry.signal)
    if (box !== undefined) keep(next, update(box, entry))
  }
  return next
}

const put = (outbox: Outbox, box: Box): Outbox => keep(new Map(outbox), box)

/** A signal that is clear, told so and owes nothing needs no box: its next alert makes one. */
const keep = (outbox: Map<string, Box>, box: Box): Map<string, Box> => {
  const settled =
    box.told.side === "clear" && box.now === "clear" && box.inFlight === null && box.givenUp !== "unsure" && !owes(box)
  if (settled) outbox.delete(box.signal)
  else outbox.set(box.signal, box)
  return outbox
}

/** Signals this sink's reader believes to be in trouble. */
export const openSignals = (outbox: Outbox): ReadonlyArray<string> =>
  [...outbox.values()].filter((box) => box.told.side !== "clear").map((box) => box.signal)
