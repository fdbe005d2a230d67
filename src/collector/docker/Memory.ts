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
  loopText,
  oneLine,
  uptimeMaxMs
} from "./Container.ts"
import { type Tuning, tuningOf, untuned } from "./Labels.ts"
import { type Selection, isPlain, isPromised, isSelected, matches } from "./Selection.ts"

/** A restart loop: this many starts within the window, whatever state was sampled; it ends below that, after a run of `loopRunMs`. */
const loopStarts = 3
const loopWindowMs = 60_000
/** Docker resets its own restart back-off after a run this long (moby restartmanager). */
const loopRunMs = 10_000

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
export interface Memory {
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
  /** Times of starts within the loop window. */
  startsMs: ReadonlyArray<number>
  /** Starts that events have told of since the last inspect, which is going to count them too. */
  startsHeard: number
  /** Starts that an inspect has counted before their events came, and when. */
  startsAhead: number
  startsAheadMs: number
  looping: boolean
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
        startsMs: [],
        startsHeard: 0,
        startsAhead: 0,
        startsAheadMs: 0,
        looping: false,
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

/** A start that an event tells of, unless an inspect has counted it already. One after a stop that was meant makes no loop. */
export const hearStart = (memory: Memory, atMs: number, meant = false): void => {
  if (memory.startsAhead > 0 && atMs - memory.startsAheadMs <= startsAheadMaxMs) {
    memory.startsAhead -= 1
    if (meant) memory.startsMs = memory.startsMs.slice(0, -1)
    return
  }
  memory.startsAhead = 0
  memory.startsHeard += 1
  if (!meant) addStarts(memory, 1, atMs)
}

/** An event is read within a second of what it tells, or it was lost. */
const startsAheadMaxMs = 1_000

export const addStarts = (memory: Memory, starts: number, nowMs: number): void => {
  const times = Array.from({ length: Math.min(starts, 100) }, () => nowMs)
  memory.startsMs = [...memory.startsMs, ...times]
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
  const heard = memory.startsHeard
  memory.startsHeard = 0
  if (before === null) return
  const more = restartsDone(inspected) - restartsDone(before)
  const startedAgain = inspected.State.StartedAt !== before.State.StartedAt
  // A count that fell was reset by a manual start or by the engine: one start then, as the time of it says.
  const starts = more > 0 ? more : startedAgain ? 1 : 0
  if (starts <= heard) return
  addStarts(memory, starts - heard, nowMs)
  memory.startsAhead = known.listeningSinceMs === null ? 0 : starts - heard
  memory.startsAheadMs = nowMs
}

/** The engine counts a restart when the container has died: in the back-off the last one is still to come. */
const restartsDone = ({ RestartCount, State }: InspectDocument): number =>
  (RestartCount ?? 0) - (State.Restarting === true ? 1 : 0)

/* Verdicts */

export const lookAt = (known: Known, present: Present, nowMs: number): SignalLook => {
  const memory = known.memories.get(present.identity.key)
  if (memory === undefined)
    throw new Error(`no memory of ${present.identity.name}, which was remembered in this very tick`)
  const state = classifyContainer(present.item, memory.inspected)
  updateLoop(memory, state, uptimeMaxMs(present.item.Status ?? ""), nowMs)
  const verdict = containerAlarm(state, {
    expected: isExpected(known, memory),
    starts: memory.startsMs.length,
    looping: memory.looping,
    grace: graceText(known, memory, state, nowMs),
    context: contextOf(memory)
  })
  return look(known, memory.identity.name, verdict, memory.tuning)
}

/** What a restart loop is called, if this is one. */
export const loopTextOf = (
  memory: Memory,
  nowMs: number,
  ended: { readonly exitCode: number | null; readonly oom: boolean }
): string | undefined => {
  updateLoop(memory, { _tag: "Restarting", ...ended }, 0, nowMs)
  return memory.looping ? loopText({ starts: memory.startsMs.length, looping: true }, ended) : undefined
}

const updateLoop = (memory: Memory, state: ContainerState, uptimeMs: number, nowMs: number): void => {
  memory.startsMs = memory.startsMs.filter((at) => nowMs - at <= loopWindowMs)
  const many = memory.startsMs.length >= loopStarts
  const steady = state._tag === "Running" && uptimeMs > loopRunMs
  // At rest it loops no more: the engine gave up, or somebody stopped it.
  const alive = state._tag === "Running" || state._tag === "Restarting"
  memory.looping = many || (memory.looping && alive && !steady)
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

/** Who is required and not there: by plain name, or by the label on what was last listed. */
export const missingRequired = (
  known: Known,
  present: ReadonlyArray<Present>,
  nowMs: number
): ReadonlyArray<SignalLook> => {
  const named = missingNamed(known, present, nowMs)
  const told = new Set([
    ...present.map(({ identity }) => identity.name),
    ...named.map(({ spec }) => spec.signal.slice("container:".length))
  ])
  const labelled = [...known.memories.values()].filter(
    ({ tuning, identity }) => tuning.required && !told.has(identity.name)
  )
  return [...named, ...labelled.map((memory) => missing(known, memory.identity.name, memory, nowMs))]
}

/** A plain name that matches nothing is missing, under that name; once told so it is also told when it is there. */
const missingNamed = (known: Known, present: ReadonlyArray<Present>, nowMs: number): ReadonlyArray<SignalLook> =>
  known.wanted.filter(isPlain).flatMap((name) => {
    const found = present.find((one) => matches(name, one.identity))
    if (found !== undefined) {
      const clear = { _tag: "Clear", evidence: { summary: `there, as ${found.identity.name}`, details: [] } } as const
      return known.stoodIn.has(name) && found.identity.name !== name ? [look(known, name, clear)] : []
    }
    const remembered = [...known.memories.values()].find((memory) => matches(name, memory.identity))
    if (remembered === undefined) known.stoodIn.add(name)
    return [missing(known, remembered?.identity.name ?? name, remembered, nowMs)]
  })

const missing = (known: Known, name: string, remembered: Memory | undefined, nowMs: number): SignalLook => {
  const sinceMs = remembered?.listedMs ?? known.startMs
  const grace =
    nowMs - sinceMs < known.graceMs
      ? `held for ${durationText(sinceMs + known.graceMs - nowMs)} more (deploy grace)`
      : null
  const verdict = containerAlarm({ _tag: "Missing" }, { expected: true, starts: 0, looping: false, grace, context: [] })
  return look(known, name, verdict, remembered?.tuning)
}
