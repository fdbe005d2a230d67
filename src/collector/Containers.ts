/**
 * Containers: one list per tick, whatever their number; an inspect only for what changed or is bad; and the engine's event
 * stream, which makes the same signals immediate.
 *
 * Polling stays the truth: a dead stream costs latency and nothing else. What no single look can know is in `docker/Memory.ts`,
 * what an event does in `docker/Reactions.ts`.
 */
import { Context, Duration, Effect, Layer, Option, Queue } from "effect"
import { departure } from "../base/Departure.ts"
import * as Keys from "../base/Keys.ts"
import { monotonicMs } from "../base/Monotonic.ts"
import { durationText } from "../decision/index.ts"
import { type Cadence, cadenceOf, intervalKey } from "./Cadence.ts"
import { CollectError, type Collector, type Emit, type Report, entry as collectorEntry } from "./Collector.ts"
import { type ListItem, decodeListItem, identify } from "./docker/Container.ts"
import { DockerApi, keys as dockerKeys, socketExists } from "./docker/DockerApi.ts"
import { listen } from "./docker/DockerEvents.ts"
import { tuningOf } from "./docker/Labels.ts"
import { takeLog } from "./docker/LastLog.ts"
import {
  type Known,
  type Present,
  forget,
  group,
  isExpected,
  isOvertaken,
  isSuspect,
  learn,
  lookAt,
  newest,
  remember,
  silence
} from "./docker/Memory.ts"
import { missingRequired } from "./docker/Missing.ts"
import { ownContainerId } from "./docker/OwnContainer.ts"
import { makeReactions } from "./docker/Reactions.ts"
import { parsePatterns, showPatterns } from "./docker/Selection.ts"

export const keys = {
  ...dockerKeys,
  containers: Keys.custom<ReadonlyArray<string>>("WATCHDOG_CONTAINERS", {
    about: "names or globs of containers or services to watch; a plain name is required to exist",
    fallback: [],
    fallbackText: "all",
    parse: parsePatterns,
    show: showPatterns
  }),
  exclude: Keys.custom<ReadonlyArray<string>>("WATCHDOG_CONTAINERS_EXCLUDE", {
    about: "names or globs of containers or services to leave out",
    fallback: [],
    fallbackText: "unset",
    parse: parsePatterns,
    show: showPatterns
  }),
  grace: Keys.duration("WATCHDOG_DEPLOY_GRACE", {
    about: "how long a stop that belongs to a deploy, or our own start, is held back",
    fallback: Duration.seconds(30)
  }),
  events: Keys.boolean("WATCHDOG_DOCKER_EVENTS", {
    about: "listen to the engine's event stream, so that a crash is told at once; false = by polling only",
    fallback: true
  }),
  logLines: Keys.count("WATCHDOG_CONTAINER_LOG_LINES", {
    about: "last lines of a container's log in its alert, scrubbed of what looks like a secret; 0 = none",
    fallback: 0,
    atLeast: 0,
    atMost: 50
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
        logLines: settings.get(keys.logLines),
        looked: false,
        listeningSinceMs: null,
        podman: false,
        refusedSinceMs: null,
        leave: settings.get(keys.exitOnStale)
          ? departing.request({ code: exitStaleSocket, why: `the engine's socket at ${host} has gone stale` })
          : Effect.void,
        doubts: yield* Queue.sliding<void>(1),
        deaf: null
      }
      return Containers.of({
        ...shell(cadence),
        watches: `containers at ${host}${settings.get(keys.events) ? " and their events" : ""}`,
        off: false,
        collect: (tick) => Effect.catch(collect(watching, tick.asOfMs), (error) => noticeStale(watching, error)),
        ...(settings.get(keys.events) ? { events: (emit: Emit) => hear(watching, emit) } : {})
      })
    })
  )
}

/* Events */

/** Listens for ever, and looks at everything anew whenever the stream has been opened: it tells nothing of what came before. */
const hear = (watching: Watching, emit: Emit): Effect.Effect<never> =>
  Effect.scoped(
    Effect.gen(function* () {
      const reactions = yield* makeReactions(watching, watching.api, emit)
      const listening = listen(watching.api, {
        opened: Effect.gen(function* () {
          watching.deaf = null
          watching.listeningSinceMs = yield* monotonicMs
          yield* Effect.logInfo("containers: the event stream is open")
        }),
        catchUp: Effect.gen(function* () {
          // Before the first tick there is nothing to compare with, and a look that fails is the next tick's to tell.
          if (!watching.looked) return
          const asOfMs = yield* monotonicMs
          yield* Effect.ignore(Effect.flatMap(collect(watching, asOfMs), ({ looks }) => emit(looks, asOfMs)))
        }),
        event: reactions.react,
        pieceRead: reactions.settle,
        closed: (reason) => Effect.sync(() => void ((watching.deaf = reason), (watching.listeningSinceMs = null))),
        doubts: watching.doubts
      })
      return yield* Effect.raceFirst(listening, reactions.broken)
    })
  )

export const entry = collectorEntry("containers", Containers, Containers.layer, interval, keys)

const shell = (cadence: Cadence) => ({ name: "containers", ...cadence })
const nothing: Report = { looks: [], complete: true, oddities: [] }

/** Inspects at once; an engine serves them one lock at a time anyway. */
const inspectsAtOnce = 4

interface Watching extends Known {
  readonly api: DockerApi["Service"]
  /** Since when every connection has been refused. */
  refusedSinceMs: number | null
  readonly leave: Effect.Effect<void>
  readonly doubts: Queue.Queue<void>
  /** Why the event stream is not open; null while it is, or is not wanted. */
  deaf: string | null
}

const collect = (watching: Watching, asOfMs: number) =>
  Effect.gen(function* () {
    const { engine, items } = yield* watching.api.list
    watching.refusedSinceMs = null
    watching.podman = engine.podman
    const listedMs = yield* monotonicMs
    const decoded = items.map(decodeListItem)
    const odd = decoded.filter(Option.isNone).length
    const readable = decoded.flatMap(Option.toArray)
    const present = group(watching, readable).flatMap((one) => newest(watching, one, asOfMs))
    const first = !watching.looked
    watching.looked = true
    const suspects = present.filter(
      (one) =>
        !isOvertaken(watching, one, asOfMs) &&
        (remember(watching, one, listedMs, first) || engine.podman || isSuspect(watching, one))
    )
    const leftMs = watching.cadence.timeoutMs - (listedMs - asOfMs)
    const trouble = yield* inspectAll(watching, suspects, leftMs)
    const nowMs = yield* monotonicMs
    const gone = new Set(trouble.gone)
    yield* doubtStream(watching, present)
    yield* takeLogs(watching, suspects, watching.cadence.timeoutMs - ((yield* monotonicMs) - asOfMs))
    const looks = present.flatMap((one) => (gone.has(one.item.Id) ? [] : [lookAt(watching, one, nowMs)]))
    const there = new Set(present.map(({ identity }) => identity.key))
    for (const key of watching.memories.keys()) {
      if (!there.has(key)) forget(watching, key, nowMs)
    }
    silence(watching, readable, there)
    return {
      looks: [...looks, ...missingRequired(watching, present, nowMs)],
      complete: odd === 0,
      unseen: odd === 0 ? undefined : `${odd} of ${items.length} containers cannot be read and are not watched`,
      oddities: [...trouble.oddities, ...deafness(watching), ...labelProblems(readable)]
    } satisfies Report
  })

/** Of what is in trouble, what it said last, in the time that is left. */
const takeLogs = (watching: Watching, suspects: ReadonlyArray<Present>, leftMs: number): Effect.Effect<void> => {
  const troubled = suspects.flatMap(({ item, identity }) => {
    const memory = watching.memories.get(identity.key)
    if (item.State.toLowerCase() === "running" && memory?.health !== "unhealthy") {
      // Well again: the next incident has a log of its own.
      if (memory !== undefined && !memory.looping) memory.log = null
      return []
    }
    return memory === undefined || !isExpected(watching, memory) ? [] : [memory]
  })
  const all = Effect.forEach(troubled, (memory) => takeLog(watching.api, watching, memory), {
    concurrency: inspectsAtOnce,
    discard: true
  })
  return Effect.asVoid(Effect.timeoutOption(all, Duration.millis(Math.max(0, leftMs))))
}

const deafness = ({ deaf }: Watching): ReadonlyArray<string> =>
  deaf === null ? [] : [`the event stream is not open (${deaf}): changes are seen at the next tick`]

/** Labels that are not right would silently do nothing. */
const labelProblems = (items: ReadonlyArray<ListItem>): ReadonlyArray<string> =>
  items
    .flatMap((item) => tuningOf(item).problems.map((problem) => `${identify(item).name}: ${problem}`))
    .slice(0, problemsMax)

/** A page of complaints is not read; the first ones are put right, and the next show. */
const problemsMax = 10

/** A change that polling saw and no event told of, a tick later still not: the stream is open and deaf. */
const doubtStream = (watching: Watching, present: ReadonlyArray<Present>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const since = watching.listeningSinceMs
    const unheard = present.some(({ identity }) => {
      const memory = watching.memories.get(identity.key)
      if (memory === undefined || memory.changedMs === null) return false
      if (since === null || since >= memory.changedMs || memory.listedMs <= memory.changedMs) return false
      const heard = (memory.heardMs ?? Number.NEGATIVE_INFINITY) > memory.changedMs - 2 * watching.cadence.intervalMs
      memory.changedMs = null
      return !heard
    })
    return unheard ? Effect.asVoid(Queue.offer(watching.doubts, undefined)) : Effect.void
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
