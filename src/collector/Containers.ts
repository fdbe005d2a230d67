/**
 * Containers by polling: one list per tick, whatever their number; an inspect only for what changed or is bad.
 *
 * What no single look can know - who is expected to run, how often it started, when it was first seen - is remembered here, per
 * identity, so that a recreated container is its predecessor.
 */
import { Context, Duration, Effect, Layer, Option, Result } from "effect"
import { departure } from "../base/Departure.ts"
import * as Keys from "../base/Keys.ts"
import { monotonicMs } from "../base/Monotonic.ts"
import { durationText } from "../decision/index.ts"
import { type Cadence, cadenceOf, intervalKey } from "./Cadence.ts"
import {
  CollectError,
  type Collector,
  type Report,
  type SignalLook,
  entry as collectorEntry,
  held,
  seen
} from "./Collector.ts"
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
  decodeListItem,
  identify,
  oneLine,
  uptimeMaxMs
} from "./docker/Container.ts"
import { DockerApi, keys as dockerKeys, socketExists } from "./docker/DockerApi.ts"
import { ownContainerId } from "./docker/OwnContainer.ts"

/** Names or globs with `*` and `?`; a plain name is a promise that there is such a container. */
const patterns = (raw: string): Result.Result<ReadonlyArray<string>, string> => {
  const items = raw.split(",").map((item) => item.trim())
  return items.every((item) => /^[A-Za-z0-9*?][A-Za-z0-9_.*?-]*$/.test(item))
    ? Result.succeed(items)
    : Result.fail("container or service names, or globs with * and ?, separated by single commas")
}
const showList = (items: ReadonlyArray<string>): string => (items.length === 0 ? "none" : items.join(","))

export const keys = {
  ...dockerKeys,
  containers: Keys.custom<ReadonlyArray<string>>("WATCHDOG_CONTAINERS", {
    about: "names or globs of containers or services to watch; a plain name is required to exist",
    fallback: [],
    fallbackText: "all",
    parse: patterns,
    show: showList
  }),
  exclude: Keys.custom<ReadonlyArray<string>>("WATCHDOG_CONTAINERS_EXCLUDE", {
    about: "names or globs of containers or services to leave out",
    fallback: [],
    fallbackText: "unset",
    parse: patterns,
    show: showList
  }),
  grace: Keys.duration("WATCHDOG_DEPLOY_GRACE", {
    about: "how long a stop that belongs to a deploy, or our own start, is held back",
    fallback: Duration.seconds(30)
  }),
  exitOnStale: Keys.boolean("WATCHDOG_EXIT_ON_STALE_SOCKET", {
    about:
      "leave with code 3 when the engine's socket file has gone stale, so that a restart policy mounts the new one",
    fallback: false
  })
}

const interval = intervalKey("containers")

export class Containers extends Context.Service<Containers, Collector>()("watchdog/collector/Containers") {
  static readonly layer = Layer.effect(
    Containers,
    Effect.gen(function* () {
      const settings = yield* Keys.Settings
      const departing = yield* departure
      const host = settings.get(keys.host)
      const cadence = cadenceOf(settings, interval)
      if (!settings.isSet(keys.host) && !(yield* socketExists(host))) {
        return Containers.of({
          ...shell(cadence),
          watches: `no container engine at ${host}`,
          off: true,
          collect: () => Effect.succeed(nothing)
        })
      }
      const context = yield* Layer.build(DockerApi.layer(host, cadence.timeoutMs))
      const watching: Watching = {
        api: Context.get(context, DockerApi),
        cadence,
        ownId: yield* ownContainerId,
        wanted: settings.get(keys.containers),
        excluded: settings.get(keys.exclude),
        graceMs: Duration.toMillis(settings.get(keys.grace)),
        startMs: yield* monotonicMs,
        memories: new Map(),
        stoodIn: new Set(),
        inspectRefused: false,
        looked: false,
        refusedSinceMs: null,
        leave: settings.get(keys.exitOnStale)
          ? departing.request({ code: exitStaleSocket, why: `the engine's socket at ${host} has gone stale` })
          : Effect.void
      }
      return Containers.of({
        ...shell(cadence),
        watches: `containers at ${host}`,
        off: false,
        collect: (tick) => Effect.catch(collect(watching, tick.asOfMs), (error) => noticeStale(watching, error))
      })
    })
  )
}

export const entry = collectorEntry("containers", Containers, Containers.layer, interval, keys)

const shell = (cadence: Cadence) => ({ name: "containers", ...cadence })
const nothing: Report = { looks: [], complete: true, oddities: [] }

/** A restart loop: this many starts within the window, whatever state was sampled; it ends below that, after a run of `loopRunMs`. */
const loopStarts = 3
const loopWindowMs = 60_000
/** Docker resets its own restart back-off after a run this long (moby restartmanager). */
const loopRunMs = 10_000

/** Inspects at once; an engine serves them one lock at a time anyway. */
const inspectsAtOnce = 4

interface Watching {
  readonly api: DockerApi["Service"]
  readonly cadence: Cadence
  readonly ownId: string | null
  readonly wanted: ReadonlyArray<string>
  readonly excluded: ReadonlyArray<string>
  readonly graceMs: number
  readonly startMs: number
  readonly memories: Map<string, Memory>
  /** Required names that have been reported missing under their plain name. */
  readonly stoodIn: Set<string>
  inspectRefused: boolean
  /** A first look has been made. */
  looked: boolean
  /** Since when every connection has been refused. */
  refusedSinceMs: number | null
  readonly leave: Effect.Effect<void>
}

/** What is remembered of one identity. */
interface Memory {
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
  looping: boolean
  graceUntilMs: number
  /** A replacement has been seen beside it: its stop is meant. */
  replaced: boolean
  inspected: InspectDocument | null
}

/** A container of this tick, with the one that is to replace it. */
interface Present {
  readonly item: ListItem
  readonly identity: Identity
  readonly replacement: ListItem | null
}

const collect = (watching: Watching, asOfMs: number) =>
  Effect.gen(function* () {
    const { engine, items } = yield* watching.api.list
    watching.refusedSinceMs = null
    const listedMs = yield* monotonicMs
    const decoded = items.map(decodeListItem)
    const odd = decoded.filter(Option.isNone).length
    const present = group(watching, decoded.flatMap(Option.toArray))
    const first = !watching.looked
    watching.looked = true
    const suspects = present.filter(
      (one) => remember(watching, one, listedMs, first) || engine.podman || isSuspect(watching, one)
    )
    const leftMs = watching.cadence.timeoutMs - (listedMs - asOfMs)
    const trouble = yield* inspectAll(watching, suspects, leftMs)
    const nowMs = yield* monotonicMs
    const gone = new Set(trouble.gone)
    const looks = present.flatMap((one) => (gone.has(one.item.Id) ? [] : [lookAt(watching, one, nowMs)]))
    for (const key of watching.memories.keys()) {
      if (!present.some((one) => one.identity.key === key)) forget(watching, key, nowMs)
    }
    return {
      looks: [...looks, ...missingRequired(watching, present, nowMs)],
      complete: odd === 0,
      unseen: odd === 0 ? undefined : `${odd} of ${items.length} containers cannot be read and are not watched`,
      oddities: trouble.oddities
    } satisfies Report
  })

/**
 * Refused for so long, the socket is stale: the engine came back with a new file, and the mount of the old one leads nowhere.
 */
const staleSocketMs = 5 * 60_000
/** Told apart from a bad configuration (2) and a bug (1). */
const exitStaleSocket = 3

const noticeStale = (watching: Watching, error: CollectError): Effect.Effect<never, CollectError> =>
  Effect.gen(function* () {
    if (error.errno !== "ECONNREFUSED") {
      watching.refusedSinceMs = null
      return yield* error
    }
    const nowMs = yield* monotonicMs
    watching.refusedSinceMs ??= nowMs
    if (nowMs - watching.refusedSinceMs < staleSocketMs) return yield* error
    yield* watching.leave
    return yield* new CollectError({
      reason: error.reason,
      errno: error.errno,
      detail: `${error.detail} for ${durationText(nowMs - watching.refusedSinceMs)}; if the engine runs, the mounted socket file is stale: restart the watchdog, or mount the socket's folder (${keys.exitOnStale.name}=true leaves for a restart policy)`
    })
  })

/* Who is who */

const glob = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".")}$`
  )

const isPlain = (pattern: string): boolean => !/[*?]/.test(pattern)

const matches = (pattern: string, identity: Identity): boolean => {
  if (isPlain(pattern)) return pattern === identity.name || pattern === identity.service
  const expression = glob(pattern)
  return expression.test(identity.name) || (identity.service !== null && expression.test(identity.service))
}

const isWatched = (watching: Watching, item: ListItem, identity: Identity): boolean =>
  !identity.oneOff &&
  (watching.ownId === null || !watching.ownId.startsWith(item.Id)) &&
  (watching.wanted.length === 0 || watching.wanted.some((pattern) => matches(pattern, identity))) &&
  !watching.excluded.some((pattern) => matches(pattern, identity))

/**
 * One entry per identity: while compose recreates there are two containers, and the new one is not a signal. Two that only
 * share their labels are told apart by name: none hides behind the other.
 */
const group = (watching: Watching, items: ReadonlyArray<ListItem>): ReadonlyArray<Present> => {
  const byKey = new Map<string, { main: ListItem | null; replacement: ListItem | null; identity: Identity }>()
  for (const item of items) {
    const labelled = identify(item)
    if (!isWatched(watching, item, labelled)) continue
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

const isRequired = (watching: Watching, identity: Identity): boolean =>
  watching.wanted.some((pattern) => isPlain(pattern) && matches(pattern, identity))

/* Memory */

/** Takes this look into memory; true if something changed that only an inspect can tell. */
const remember = (
  watching: Watching,
  { item, identity, replacement }: Present,
  nowMs: number,
  first: boolean
): boolean => {
  const state = item.State.toLowerCase()
  const health = /\((?:health: )?(starting|healthy|unhealthy)\)/.exec(item.Status ?? "")?.[1] ?? ""
  const before = watching.memories.get(identity.key)
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
        looping: false,
        graceUntilMs: nowMs + watching.graceMs,
        replaced: false,
        inspected: null
      }
    : before
  const restarted =
    !isNew &&
    state === "running" &&
    memory.state === "running" &&
    uptimeMaxMs(item.Status ?? "") < nowMs - memory.listedMs
  const changed = isNew || memory.state !== state || memory.health !== health || restarted
  if (restarted && watching.inspectRefused) addStarts(memory, 1, nowMs)
  memory.identity = identity
  memory.state = state
  memory.health = health
  memory.listedMs = nowMs
  memory.seenRunning ||= state === "running"
  if (replacement !== null) {
    memory.replaced = true
    memory.graceUntilMs = nowMs + watching.graceMs
  }
  watching.memories.set(identity.key, memory)
  return changed
}

const addStarts = (memory: Memory, starts: number, nowMs: number): void => {
  const times = Array.from({ length: Math.min(starts, 100) }, () => nowMs)
  memory.startsMs = [...memory.startsMs, ...times]
}

/** What was bad at the last look is inspected again: counts and causes move while the list says the same. */
const isSuspect = (watching: Watching, { item, identity }: Present): boolean => {
  const memory = watching.memories.get(identity.key)
  if (memory === undefined) return true
  const bad = item.State.toLowerCase() !== "running" || memory.health === "unhealthy" || memory.startsMs.length > 0
  return bad && (isExpected(watching, memory) || memory.inspected === null)
}

const policyOf = (memory: Memory): string => memory.inspected?.HostConfig?.RestartPolicy?.Name ?? ""

const isExpected = (watching: Watching, memory: Memory): boolean =>
  isRequired(watching, memory.identity) || !["", "no"].includes(policyOf(memory)) || memory.seenRunning

/** An identity that is gone is kept through a deploy's grace: its successor inherits what was known. A required one is kept for good. */
const forget = (watching: Watching, key: string, nowMs: number): void => {
  const memory = watching.memories.get(key)
  if (memory === undefined || isRequired(watching, memory.identity)) return
  if (nowMs - memory.listedMs > Math.max(watching.graceMs, 3 * watching.cadence.intervalMs)) {
    watching.memories.delete(key)
  }
}

/* Inspects */

interface Trouble {
  readonly gone: ReadonlyArray<string>
  readonly oddities: ReadonlyArray<string>
}

/** Inspects what it must in the time that is left; without an answer the list alone has to do. */
const inspectAll = (watching: Watching, suspects: ReadonlyArray<Present>, leftMs: number): Effect.Effect<Trouble> =>
  Effect.gen(function* () {
    const gone: Array<string> = []
    const oddities = new Set<string>()
    const inspectOne = ({ item, identity }: Present): Effect.Effect<void> =>
      watching.api.inspect(item.Id).pipe(
        Effect.flatMap((answer) =>
          Effect.map(monotonicMs, (nowMs) => {
            watching.inspectRefused = answer._tag === "Refused"
            if (answer._tag === "Gone") gone.push(item.Id)
            if (answer._tag === "Refused")
              oddities.add(
                "inspect is refused (403): restart policy, restart count and out-of-memory flag are not known"
              )
            if (answer._tag === "Document") learn(watching, identity.key, answer.document, nowMs, oddities)
          })
        ),
        Effect.catch((error) => Effect.sync(() => void oddities.add(error.message)))
      )
    const all = Effect.forEach(suspects, inspectOne, { concurrency: inspectsAtOnce, discard: true })
    const done = yield* Effect.timeoutOption(all, Duration.millis(Math.max(0, leftMs)))
    if (done._tag === "None") oddities.add("not every inspect was answered in time")
    return { gone, oddities: [...oddities].sort() }
  })

const learn = (watching: Watching, key: string, document: unknown, nowMs: number, oddities: Set<string>): void => {
  const memory = watching.memories.get(key)
  const inspected = Option.getOrNull(decodeInspect(document))
  if (memory === undefined) return
  if (inspected === null) {
    oddities.add(`inspect of ${memory.identity.name} could not be read`)
    return
  }
  const before = memory.inspected
  memory.inspected = inspected
  if (before === null) return
  const more = restartsDone(inspected) - restartsDone(before)
  const startedAgain = inspected.State.StartedAt !== before.State.StartedAt
  // A count that fell was reset by a manual start or by the engine: one start then, as the time of it says.
  if (more > 0) addStarts(memory, more, nowMs)
  else if (startedAgain) addStarts(memory, 1, nowMs)
}

/** The engine counts a restart when the container has died: in the back-off the last one is still to come. */
const restartsDone = ({ RestartCount, State }: InspectDocument): number =>
  (RestartCount ?? 0) - (State.Restarting === true ? 1 : 0)

/* Verdicts */

const lookAt = (watching: Watching, present: Present, nowMs: number): SignalLook => {
  const memory = watching.memories.get(present.identity.key)
  if (memory === undefined)
    throw new Error(`no memory of ${present.identity.name}, which was remembered in this very tick`)
  const state = classifyContainer(present.item, memory.inspected)
  updateLoop(memory, state, uptimeMaxMs(present.item.Status ?? ""), nowMs)
  const verdict = containerAlarm(state, {
    expected: isExpected(watching, memory),
    starts: memory.startsMs.length,
    looping: memory.looping,
    grace: graceText(watching, memory, state, nowMs),
    context: contextOf(memory)
  })
  return look(watching, present.identity.name, verdict)
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
const graceText = (watching: Watching, memory: Memory, state: ContainerState, nowMs: number): string | null => {
  if (nowMs >= memory.graceUntilMs) return null
  const failed = state._tag === "Exited" && (state.exitCode ?? 0) !== 0 && !memory.atStart && !memory.replaced
  if (failed) return null
  return `held for ${durationText(memory.graceUntilMs - nowMs)} more (deploy grace)`
}

const contextOf = (memory: Memory): ReadonlyArray<string> => {
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
    ...(restarts > 0 ? [`restarted ${restarts} times by the engine`] : [])
  ]
}

const look = (watching: Watching, name: string, verdict: ContainerVerdict): SignalLook => ({
  spec: { signal: `container:${name}`, severity: "critical", policy: watching.cadence.policy },
  look:
    verdict._tag === "Held"
      ? held(verdict.reason)
      : seen(verdict._tag === "Active", verdict.evidence, { confirmed: verdict._tag === "Active" && verdict.confirmed })
})

/** A plain name that matches nothing is missing, under that name; once told so it is also told when it is there. */
const missingRequired = (
  watching: Watching,
  present: ReadonlyArray<Present>,
  nowMs: number
): ReadonlyArray<SignalLook> =>
  watching.wanted.filter(isPlain).flatMap((name) => {
    const found = present.find((one) => matches(name, one.identity))
    if (found !== undefined) {
      const clear = { _tag: "Clear", evidence: { summary: `there, as ${found.identity.name}`, details: [] } } as const
      return watching.stoodIn.has(name) && found.identity.name !== name ? [look(watching, name, clear)] : []
    }
    const known = [...watching.memories.values()].find((memory) => matches(name, memory.identity))
    const signalName = known?.identity.name ?? name
    if (known === undefined) watching.stoodIn.add(name)
    const sinceMs = known?.listedMs ?? watching.startMs
    const grace =
      nowMs - sinceMs < watching.graceMs
        ? `held for ${durationText(sinceMs + watching.graceMs - nowMs)} more (deploy grace)`
        : null
    const verdict = containerAlarm(
      { _tag: "Missing" },
      { expected: true, starts: 0, looping: false, grace, context: [] }
    )
    return [look(watching, signalName, verdict)]
  })
