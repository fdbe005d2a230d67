/**
 * What is remembered of containers between looks: what no single look can know.
 *
 * Who is expected to run, how often it started, when it was first seen, whether its end was meant. Kept per identity, so that a
 * recreated container is its predecessor. Pure but for the memory itself; one writer at a time.
 */
import { Option } from "effect"
import { type SignalSpec, durationText } from "../../decision/index.ts"
import type { Cadence } from "../Cadence.ts"
import { type SignalLook, held, seen } from "../Collector.ts"
import {
  type ContainerState,
  type ContainerVerdict,
  type Identity,
  type InspectDocument,
  type ListItem,
  classifyContainer,
  clip,
  containerAlarm,
  decodeInspect,
  identify,
  oneLine,
  uptimeMaxMs
} from "./Container.ts"
import { type Doubt, doubtAfter, doubtText } from "./Doubt.ts"
import { type Tuning, tuningOf, untuned } from "./Labels.ts"
import { type Selection, isPromised, isSelected } from "./Selection.ts"
import { type Starts, addStarts, countStarts, noStarts, updateLoop } from "./Starts.ts"

export interface Known extends Selection {
  readonly cadence: Cadence
  readonly ownId: string | null
  readonly graceMs: number
  readonly startMs: number
  readonly memories: Map<string, Memory>
  /** Required names that have been reported missing under their plain name. */
  readonly stoodIn: Set<string>
  inspectRefused: boolean
  /** Lines of the log that an alert carries; 0 = none. */
  readonly logLines: number
  /** A first look has been made. */
  looked: boolean
  /** Since when the event stream has been open; null while it is not. */
  listeningSinceMs: number | null
  /** Podman tells of no signals: what was meant is known only by the `stop` or `remove` that comes with a death. */
  podman: boolean
}

/** What is remembered of one identity. */
export interface Memory extends Starts {
  id: string
  identity: Identity
  image: string
  /** The image before the last recreate, if it was another. */
  imageBefore: string | null
  /** It was there at our first complete look: how long it has been so is not known. */
  atStart: boolean
  listedMs: number
  state: string
  health: string
  seenRunning: boolean
  graceUntilMs: number
  /** A replacement has been seen beside it, or an event has told of the wish: its stop is meant. */
  replaced: boolean
  inspected: InspectDocument | null
  inspectedMs: number
  tuning: Tuning
  /** The newest item, by list or event. */
  item: ListItem
  /** When a signal that asks it to end was last sent; consumed by one death. */
  intentMs: number | null
  /** When it was last sent a KILL. */
  killedMs: number | null
  oomMs: number | null
  /** When it was stopped by wish while it was at rest already: Podman, and some engines, tell of the death first. */
  stoppedMs: number | null
  destroyed: boolean
  /** When it was last unpaused, as far as that was seen. */
  unpausedMs: number | null
  /** Whether "unhealthy" is its check's word. */
  doubt: Doubt | null
  /** When an event last told of it. */
  heardMs: number | null
  /** When an event last changed its state: a list asked for before that is older news. */
  turnedMs: number
  /** When a look last found it started or stopped; null once the event stream has been held against it. */
  changedMs: number | null
  /** What it said last, of this incident; null before it was asked. */
  log: ReadonlyArray<string> | null
}

/** A container of this tick, with the one that is to replace it. */
export interface Present {
  readonly item: ListItem
  readonly identity: Identity
  readonly replacement: ListItem | null
}

export const isOwn = (known: Known, item: ListItem): boolean => known.ownId !== null && known.ownId.startsWith(item.Id)

export const isWatched = (known: Known, item: ListItem, identity: Identity): boolean =>
  !isOwn(known, item) && isSelected(known, identity) && tuningOf(item).enabled

/**
 * One entry per identity: while compose recreates there are two containers, and the new one is not a signal. Two that only
 * share their labels are told apart by name: none hides behind the other.
 */
export const group = (known: Known, items: ReadonlyArray<ListItem>): ReadonlyArray<Present> => {
  const byKey = new Map<string, { main: ListItem | null; replacement: ListItem | null; identity: Identity }>()
  for (const item of items) {
    const labelled = identify(item)
    if (!isWatched(known, item, labelled)) continue
    const isDouble = !labelled.replacement && (byKey.get(labelled.key)?.main ?? null) !== null
    const identity = isDouble ? { ...labelled, key: `${labelled.key} ${labelled.name}` } : labelled
    const found = byKey.get(identity.key) ?? { main: null, replacement: null, identity }
    if (identity.replacement) found.replacement = item
    else {
      found.main = item
      found.identity = identity
    }
    byKey.set(identity.key, found)
  }
  return [...byKey.values()].flatMap(({ main, replacement, identity }) => {
    const item = main ?? replacement
    return item === null ? [] : [{ item, identity, replacement: main === null ? null : replacement }]
  })
}

/** Whether events have told of this container, or of another in its place, since the list that has it was asked for. */
export const isOvertaken = (known: Known, { identity }: Present, asOfMs: number): boolean =>
  (known.memories.get(identity.key)?.turnedMs ?? Number.NEGATIVE_INFINITY) > asOfMs

/** The container as the newest word has it, list or event; none if it has been removed meanwhile. */
export const newest = (known: Known, one: Present, asOfMs: number): ReadonlyArray<Present> => {
  const memory = known.memories.get(one.identity.key)
  if (memory === undefined || !isOvertaken(known, one, asOfMs)) return [one]
  return memory.destroyed ? [] : [{ ...one, item: memory.item }]
}

/** A container that has been labelled out of sight is not missed either. */
export const silence = (known: Known, items: ReadonlyArray<ListItem>, present: ReadonlySet<string>): void => {
  for (const item of items) {
    const { key, oneOff } = identify(item)
    // One that is present is another container, which only shares the labels that tell who is who.
    if (!oneOff && !present.has(key) && known.memories.has(key) && !tuningOf(item).enabled) known.memories.delete(key)
  }
}

/* Memory */

/** Takes this look into memory; true if something changed that only an inspect can tell. */
export const remember = (
  known: Known,
  { item, identity, replacement }: Present,
  nowMs: number,
  first: boolean
): boolean => {
  const state = item.State.toLowerCase()
  const health = /\((?:health: )?(starting|healthy|unhealthy)\)/.exec(item.Status ?? "")?.[1] ?? ""
  const before = known.memories.get(identity.key)
  const image = item.Image ?? ""
  const isNew = before === undefined || before.id !== item.Id
  const memory: Memory = isNew
    ? {
        id: item.Id,
        identity,
        image,
        imageBefore: before !== undefined && before.image !== image ? before.image : null,
        atStart: first,
        listedMs: nowMs,
        state: "",
        health: "",
        seenRunning: before?.seenRunning ?? false,
        ...noStarts,
        graceUntilMs: nowMs + known.graceMs,
        replaced: false,
        inspected: null,
        inspectedMs: Number.NEGATIVE_INFINITY,
        tuning: tuningOf(item),
        item,
        intentMs: null,
        killedMs: null,
        oomMs: null,
        stoppedMs: null,
        destroyed: false,
        unpausedMs: null,
        doubt: null,
        heardMs: null,
        turnedMs: Number.NEGATIVE_INFINITY,
        changedMs: null,
        log: null
      }
    : before
  const restarted =
    !isNew &&
    state === "running" &&
    memory.state === "running" &&
    uptimeMaxMs(item.Status ?? "") < nowMs - memory.listedMs
  const changed = isNew || memory.state !== state || memory.health !== health || restarted
  if (restarted && known.inspectRefused) addStarts(memory, 1, nowMs)
  if (!isNew && (restarted || (memory.state === "running") !== (state === "running"))) memory.changedMs = nowMs
  if (!isNew && memory.state === "paused" && state === "running") memory.unpausedMs = nowMs
  memory.identity = identity
  memory.item = item
  memory.state = state
  memory.health = health
  memory.listedMs = nowMs
  memory.seenRunning ||= state === "running"
  if (replacement !== null) {
    memory.replaced = true
    memory.graceUntilMs = nowMs + known.graceMs
  }
  known.memories.set(identity.key, memory)
  return changed
}

/** What was bad at the last look is inspected again: counts and causes move while the list says the same. */
export const isSuspect = (known: Known, { item, identity }: Present): boolean => {
  const memory = known.memories.get(identity.key)
  if (memory === undefined) return true
  const bad = item.State.toLowerCase() !== "running" || memory.health === "unhealthy" || memory.startsMs.length > 0
  return bad && (isExpected(known, memory) || memory.inspected === null)
}

const policyOf = (memory: Memory): string => memory.inspected?.HostConfig?.RestartPolicy?.Name ?? ""

const isRequired = (known: Known, memory: Memory): boolean =>
  memory.tuning.required || isPromised(known, memory.identity)

export const isExpected = (known: Known, memory: Memory): boolean =>
  isRequired(known, memory) || !["", "no"].includes(policyOf(memory)) || memory.seenRunning

/** An identity that is gone is kept through a deploy's grace: its successor inherits what was known. A required one is kept for good. */
export const forget = (known: Known, key: string, nowMs: number): void => {
  const memory = known.memories.get(key)
  if (memory === undefined || isRequired(known, memory)) return
  if (nowMs - memory.listedMs > Math.max(known.graceMs, 3 * known.cadence.intervalMs)) {
    known.memories.delete(key)
  }
}

export const learn = (known: Known, key: string, document: unknown, nowMs: number, oddities: Set<string>): void => {
  const memory = known.memories.get(key)
  const inspected = Option.getOrNull(decodeInspect(document))
  if (memory === undefined) return
  if (inspected === null) {
    oddities.add(`inspect of ${memory.identity.name} could not be read`)
    return
  }
  const before = memory.inspected
  memory.inspected = inspected
  memory.inspectedMs = nowMs
  if (before === null) memory.startsHeard = 0
  else countStarts(memory, before, inspected, known.listeningSinceMs !== null, nowMs)
}

/* Verdicts */

export const lookAt = (known: Known, present: Present, nowMs: number): SignalLook => {
  const memory = known.memories.get(present.identity.key)
  if (memory === undefined)
    throw new Error(`no memory of ${present.identity.name}, which was remembered in this very tick`)
  const state = classifyContainer(present.item, memory.inspected)
  updateLoop(memory, state, uptimeMaxMs(present.item.Status ?? ""), nowMs)
  // Its check has run since.
  if (state._tag === "Running" && state.health === "healthy") memory.unpausedMs = null
  memory.doubt = doubtAfter(memory.doubt, state, memory.inspected, memory.unpausedMs, nowMs)
  const verdict = containerAlarm(state, {
    expected: isExpected(known, memory),
    doubt: doubtText(memory.doubt, memory.inspected, known.graceMs, nowMs),
    starts: memory.startsMs.length,
    looping: memory.looping,
    grace: graceText(known, memory, state, nowMs),
    context: contextOf(memory)
  })
  return look(known, memory.identity.name, verdict, memory.tuning)
}

/**
 * Why a container that does not run is held now, or null.
 *
 * Without events intent is inferred: a sibling made to replace it, a container younger than the grace, our own start. A
 * container that came after our start and exited with a code is a failed deploy: no grace for that.
 */
const graceText = (known: Known, memory: Memory, state: ContainerState, nowMs: number): string | null => {
  if (nowMs >= memory.graceUntilMs) return null
  const failed = state._tag === "Exited" && (state.exitCode ?? 0) !== 0 && !memory.atStart && !memory.replaced
  if (failed) return null
  return `held for ${durationText(memory.graceUntilMs - nowMs)} more (deploy grace)`
}

export const contextOf = (memory: Memory): ReadonlyArray<string> => {
  const restarts = memory.inspected?.RestartCount ?? 0
  const image = clip(oneLine(memory.image), 200)
  return [
    ...(image === ""
      ? []
      : [
          memory.imageBefore === null
            ? `image ${image}`
            : `image ${image}, before ${clip(oneLine(memory.imageBefore), 200)}`
        ]),
    ...(restarts > 0 ? [`restarted ${restarts} times by the engine`] : []),
    ...(memory.log ?? []).map((line) => `log: ${line}`)
  ]
}

const specOf = (known: Known, name: string, tuning: Tuning): SignalSpec => ({
  signal: `container:${name}`,
  severity: tuning.severity,
  policy: { ...known.cadence.policy, ...tuning.policy }
})

export const look = (known: Known, name: string, verdict: ContainerVerdict, tuning: Tuning = untuned): SignalLook => ({
  spec: specOf(known, name, tuning),
  look:
    verdict._tag === "Held"
      ? held(verdict.reason)
      : seen(verdict._tag === "Active", verdict.evidence, { confirmed: verdict._tag === "Active" && verdict.confirmed })
})
