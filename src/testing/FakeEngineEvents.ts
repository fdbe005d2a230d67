/**
 * What a fake engine tells of itself while it happens: `GET /events`.
 *
 * Pure: what happens in the world comes in as a `Happening`, is put into the engine's words, kept in its ring of 256, and handed
 * to whoever listens, at once. Everything is sent before the deed returns, so that a test has nothing to wait for.
 *
 * Gotcha: the text has `timeNano` in full; as a JavaScript number its last digits are wrong, as with the real engine.
 * Source: moby daemon/events/events.go, filter.go; Podman pkg/domain/entities/events.go, pkg/api/handlers/compat/events.go;
 * sequences measured with 20.10 and 26.1.
 */
import { Result } from "effect"
import type { FakeContainer, Happening } from "./FakeEngineWorld.ts"

/** One event, before it is written down. */
export interface FakeEngineEvent {
  readonly type: string
  /** `die`, `health_status: unhealthy`, `exec_create: /bin/sh -c true`. */
  readonly action: string
  readonly id: string
  /** The labels, `image`, `name`, and what the action adds. Sorted, as Go writes a map. */
  readonly attributes: Readonly<Record<string, string>>
  readonly timeNano: bigint
  /** Podman's, which does not put it into the action. */
  readonly healthStatus?: string
}

/** Something the world does not do by itself: another type, an action of tomorrow. */
export interface FakeEventSpec {
  /** Default `container`. */
  readonly type?: string
  readonly action: string
  /** Name or id of a container in the world, whose id and attributes the event gets. */
  readonly container?: string
  /** Where there is no such container. */
  readonly id?: string
  readonly attributes?: Readonly<Record<string, string>>
}

/**
 * A way to be rude to who reads events.
 *
 * - `"cut"`: the stream ends in order. `"reset"`: it is torn down.
 * - `"silent"`: it stays open, and what happens is lost to it, until `behave`.
 * - `"split"`: what it gets comes in chunks of 7 bytes, across lines and characters, until `behave`.
 * - `{ garbage }`: a line that is none, once; where it is for streams to come, before each event.
 * - `{ longLineBytes }`: so many bytes without a line break.
 * - `{ flood }`: so many events at once, each of a container of its own, which no list has; `action` is `start` where left out,
 *   `container` has them all be of that one. They pass every filter and are kept nowhere.
 */
export type FakeStreamRudeness =
  | "cut"
  | "reset"
  | "silent"
  | "split"
  | { readonly garbage: string }
  | { readonly longLineBytes: number }
  | { readonly flood: number; readonly action?: string; readonly container?: string }

export interface FakeEngineListener {
  readonly chunk: (bytes: Uint8Array) => void
  /** Called once, and nothing after it. `"end"` is in order, `"reset"` is not. */
  readonly end: (how: "end" | "reset") => void
}

/** An answer's body that comes bit by bit. */
export interface FakeEngineFlow {
  /** What came since the request arrived, then what comes. Gives the way to hang up. Once only. */
  readonly subscribe: (listener: FakeEngineListener) => () => void
}

export interface EventsDialect {
  readonly podman: boolean
  /** The minor number of the API version that the path asks for. */
  readonly minor: number
}

/** The query of `GET /events`, or what is wrong with it. */
export type EventsQuery =
  | { readonly _tag: "Query"; readonly wants: Wants }
  | { readonly _tag: "Refused"; readonly status: number; readonly message: string }

interface Wants {
  readonly filters: Filters
  readonly sinceNano: bigint | null
  readonly untilNano: bigint | null
}

type Filters = ReadonlyMap<string, ReadonlyArray<string>>

export interface Events {
  readonly tell: (happening: Happening) => void
  readonly emit: (spec: FakeEventSpec, container: FakeContainer | undefined) => void
  readonly open: (wants: Wants, dialect: EventsDialect, rudeness: ReadonlyArray<FakeStreamRudeness>) => FakeEngineFlow
  readonly disturb: (rudeness: FakeStreamRudeness, container: FakeContainer | undefined) => void
  readonly behave: () => void
  /** The engine is gone or another: who listens is torn off, and the ring is lost. */
  readonly forget: () => void
  /** Ends what should have ended, and says when the next is to. */
  readonly endDue: () => number | null
  readonly openCount: () => number
  readonly emitted: ReadonlyArray<FakeEngineEvent>
}

export interface EventsOptions {
  readonly nowMs: () => number
  readonly podman: boolean
  /** The engine's newest API, by its minor number. */
  readonly minor: () => number
  /** While the engine is away nothing is told. */
  readonly away: () => boolean
}

const ringMax = 256 // moby daemon/events/events.go, eventsLimit
const pendingMax = 1_024 // moby daemon/events/events.go, bufferSize: who reads slower loses
const durationFrom = 45 // measured: execDuration is in 26.1, not in 20.10
const jsonLinesFrom = 52 // API 1.52: application/jsonl, and the fields of old are gone
const emittedMax = 100_000 // a fake left running must not grow for ever
const chunkBytesMax = 65_536
const splitBytes = 7 // odd, so that every two-byte character is cut sooner or later
const nanoPerMs = 1_000_000n
// Two events of one millisecond stay apart even where they are read as numbers, whose steps are 256 ns today.
const nanoStep = 1_003n

export const eventsContentType = (minor: number): string =>
  minor >= jsonLinesFrom ? "application/jsonl" : "application/json"

export const makeEvents = (options: EventsOptions): Events => {
  const ring: Array<FakeEngineEvent> = []
  const emitted: Array<FakeEngineEvent> = []
  const open = new Set<OpenStream>()
  let lastNano = 0n

  const nanoAt = (atMs: number): bigint => {
    const at = BigInt(Math.trunc(atMs)) * nanoPerMs
    lastNano = at > lastNano ? at : lastNano + nanoStep
    return lastNano
  }
  const publish = (event: FakeEngineEvent): void => {
    ring.push(event)
    if (ring.length > ringMax) ring.shift()
    emitted.push(event)
    if (emitted.length > emittedMax) emitted.shift()
    for (const stream of open) stream.send(event)
  }

  return {
    tell: (happening) => {
      if (options.away()) return
      const atMs = happening.atMs
      for (const { action, attributes, healthStatus } of wordsOf(happening, options.podman, options.minor()))
        publish({
          type: "container",
          action,
          id: happening.container.id,
          attributes: attributesOf(happening.container, attributes, options.podman),
          timeNano: nanoAt(atMs),
          ...(healthStatus === undefined ? {} : { healthStatus })
        })
    },
    emit: ({ type = "container", action, id, attributes = {} }, container) =>
      publish({
        type,
        action,
        id: container?.id ?? id ?? "",
        attributes: container === undefined ? sorted(attributes) : attributesOf(container, attributes, options.podman),
        timeNano: nanoAt(options.nowMs())
      }),
    open: (wants, dialect, rudeness) => {
      const stream = openStream(wants, dialect, (closed) => open.delete(closed))
      if (wants.sinceNano !== null || wants.untilNano !== null)
        for (const event of ring) if (isWithin(event, wants)) stream.send(event)
      open.add(stream)
      for (const one of rudeness) stream.disturb(one, () => floodOf(one, undefined, nanoAt(options.nowMs())), "lasting")
      stream.endBy(options.nowMs())
      return stream.flow
    },
    disturb: (rudeness, container) => {
      const flood = floodOf(rudeness, container, nanoAt(options.nowMs()))
      for (const stream of open) stream.disturb(rudeness, () => flood, "once")
    },
    behave: () => {
      for (const stream of open) stream.behave()
    },
    forget: () => {
      ring.length = 0
      for (const stream of open) stream.disturb("reset", () => [], "once")
    },
    endDue: () => {
      const ends = [...open].map((stream) => stream.endBy(options.nowMs())).filter((atMs) => atMs !== null)
      return ends.length === 0 ? null : Math.min(...ends)
    },
    openCount: () => open.size,
    emitted
  }
}

/* One stream */

interface OpenStream {
  readonly flow: FakeEngineFlow
  readonly send: (event: FakeEngineEvent) => void
  readonly disturb: (
    rudeness: FakeStreamRudeness,
    flood: () => ReadonlyArray<FakeEngineEvent>,
    how: "once" | "lasting"
  ) => void
  readonly behave: () => void
  /** Ends it where its `until` has come; else says when it will, in milliseconds since 1970. */
  readonly endBy: (nowMs: number) => number | null
}

const openStream = (wants: Wants, dialect: EventsDialect, closed: (stream: OpenStream) => void): OpenStream => {
  const pending: Array<Uint8Array> = []
  let listener: FakeEngineListener | null = null
  let ended: "end" | "reset" | null = null
  let silent = false
  let split = false
  let garbage: string | null = null

  const write = (bytes: Uint8Array): void => {
    if (ended !== null || silent) return
    for (const piece of pieces(bytes, split ? splitBytes : chunkBytesMax)) {
      if (listener !== null) listener.chunk(piece)
      else if (pending.length < pendingMax) pending.push(piece)
    }
  }
  const end = (how: "end" | "reset"): void => {
    if (ended !== null) return
    ended = how
    closed(stream)
    listener?.end(how)
  }
  const stream: OpenStream = {
    flow: {
      subscribe: (given) => {
        for (const piece of pending.splice(0)) given.chunk(piece)
        if (ended === null) listener = given
        else given.end(ended)
        return () => {
          listener = null
          ended ??= "end"
          closed(stream)
        }
      }
    },
    send: (event) => {
      if (!passes(event, wants.filters)) return
      write(Buffer.from(`${garbage === null ? "" : `${garbage}\n`}${writeEvent(event, dialect)}`))
    },
    disturb: (rudeness, flood, how) => {
      if (rudeness === "cut" || rudeness === "reset") end(rudeness === "cut" ? "end" : "reset")
      else if (rudeness === "silent") silent = true
      else if (rudeness === "split") split = true
      else if ("longLineBytes" in rudeness) write(Buffer.alloc(rudeness.longLineBytes, "x"))
      else if ("flood" in rudeness)
        write(
          Buffer.from(
            flood()
              .map((event) => writeEvent(event, dialect))
              .join("")
          )
        )
      else if (how === "once") write(Buffer.from(`${rudeness.garbage}\n`))
      else garbage = rudeness.garbage
    },
    behave: () => {
      silent = false
      split = false
      garbage = null
    },
    endBy: (nowMs) => {
      if (wants.untilNano === null || ended !== null) return null
      const untilMs = Number(wants.untilNano / nanoPerMs)
      if (nowMs < untilMs) return untilMs
      end("end")
      return null
    }
  }
  return stream
}

function* pieces(bytes: Uint8Array, sizeMax: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += sizeMax) yield bytes.subarray(at, at + sizeMax)
}

const floodOf = (
  rudeness: FakeStreamRudeness,
  container: FakeContainer | undefined,
  timeNano: bigint
): ReadonlyArray<FakeEngineEvent> => {
  if (typeof rudeness === "string" || !("flood" in rudeness)) return []
  return Array.from({ length: rudeness.flood }, (_, n) => ({
    type: "container",
    action: rudeness.action ?? "start",
    id: container?.id ?? `f100d${n.toString(16).padStart(59, "0")}`,
    attributes: { image: container?.image ?? "flood:latest", name: container?.name ?? `flood-${n}` },
    timeNano: timeNano + BigInt(n)
  }))
}

/* What is asked for */

export const readQuery = (query: string): EventsQuery => {
  const given = new URLSearchParams(query)
  const filters = readFilters(given.get("filters"))
  if (filters === null) return { _tag: "Refused", status: 400, message: "invalid filter" }
  const since = readMoment(given.get("since"))
  const until = readMoment(given.get("until"))
  const odd = [since, until].find((moment) => typeof moment === "string")
  if (typeof since === "string" || typeof until === "string")
    return { _tag: "Refused", status: 500, message: `strconv.ParseInt: parsing "${String(odd)}": invalid syntax` }
  return { _tag: "Query", wants: { filters, sinceNano: since, untilNano: until } }
}

/** Seconds since 1970 with up to nine digits after the point; a text that is none comes back. */
const readMoment = (text: string | null): bigint | string | null => {
  if (text === null || text === "") return null
  const [, seconds, fraction = ""] = /^(\d+)(?:\.(\d{0,9}))?$/.exec(text) ?? []
  return seconds === undefined ? text : BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0"))
}

/** Lists of values, or the older maps of value to true. */
const readFilters = (text: string | null): Filters | null => {
  if (text === null || text === "") return new Map()
  const read: unknown = Result.getOrElse(
    Result.try(() => JSON.parse(text) as unknown),
    () => null
  )
  if (typeof read !== "object" || read === null || Array.isArray(read)) return null
  return new Map(
    Object.entries(read).map(([key, values]) => [
      key,
      Array.isArray(values) ? values.map(String) : Object.keys((values ?? {}) as object)
    ])
  )
}

const isWithin = ({ timeNano }: FakeEngineEvent, { sinceNano, untilNano }: Wants): boolean =>
  (sinceNano === null || timeNano >= sinceNano) && (untilNano === null || timeNano <= untilNano)

/** One of these in the list of events has all of them match by their beginning. Source: moby daemon/events/filter.go, matchEvent. */
const fuzzyActions = ["health_status", "exec_create", "exec_start"]

const passes = (event: FakeEngineEvent, filters: Filters): boolean => {
  const actions = filters.get("event") ?? []
  const fuzzy = actions.some((action) => fuzzyActions.includes(action))
  const name = event.attributes["name"] ?? ""
  return (
    matches(filters.get("type"), (type) => type === event.type) &&
    matches(actions, (action) => (fuzzy ? event.action.startsWith(action) : event.action === action)) &&
    matches(filters.get("container"), (one) => event.id.startsWith(one) || name.startsWith(one)) &&
    (filters.get("label") ?? []).every((label) => {
      const [key = "", ...value] = label.split("=")
      const found = event.attributes[key]
      return found !== undefined && (value.length === 0 || found === value.join("="))
    })
  )
}

const matches = (values: ReadonlyArray<string> | undefined, matching: (value: string) => boolean): boolean =>
  values === undefined || values.length === 0 || values.some(matching)

/* Words */

interface Words {
  readonly action: string
  readonly attributes: Readonly<Record<string, string>>
  readonly healthStatus?: string
}

const words = (action: string, attributes: Readonly<Record<string, string>> = {}): ReadonlyArray<Words> => [
  { action, attributes }
]

const wordsOf = (happening: Happening, podman: boolean, minor: number): ReadonlyArray<Words> =>
  podman ? podmanWords(happening) : dockerWords(happening, minor)

const dockerWords = (happening: Happening, minor: number): ReadonlyArray<Words> => {
  switch (happening.what) {
    case "die": {
      const { exitCode, startedMs } = happening.container
      const ranSeconds = Math.trunc((happening.atMs - (startedMs ?? happening.atMs)) / 1_000)
      return words("die", {
        ...(minor >= durationFrom ? { execDuration: String(ranSeconds) } : {}),
        exitCode: String(exitCode)
      })
    }
    case "kill":
      return words("kill", { signal: String(happening.signal) })
    case "probe":
      return happening.changed && happening.status !== "starting" ? words(`health_status: ${happening.status}`) : []
    case "rename":
      return words("rename", { oldName: `/${happening.oldName}` })
    case "exec": {
      const { command, execId, exitCode } = happening
      return [
        ...words(`exec_create: ${command}`, { execID: execId }),
        ...words(`exec_start: ${command}`, { execID: execId }),
        ...words("exec_die", { execID: execId, exitCode: String(exitCode) })
      ]
    }
    case "restarted-by-policy":
      return []
    default:
      return words(happening.what)
  }
}

/** Podman tells of no out-of-memory and no signal of a stop, of every probe, and of more steps. */
const podmanWords = (happening: Happening): ReadonlyArray<Words> => {
  switch (happening.what) {
    case "start":
      return [...words("init"), ...words("start")]
    case "die": {
      const exitCode = String(happening.container.exitCode)
      return [...words("die", { containerExitCode: exitCode, exitCode }), ...words("cleanup")]
    }
    case "kill":
      return happening.by === "kill" ? words("kill") : []
    case "probe":
      return [{ action: "health_status", attributes: {}, healthStatus: happening.status }]
    case "exec":
      return [...words("exec"), ...words("exec_died", { containerExitCode: String(happening.exitCode) })]
    case "destroy":
      return words("remove")
    case "oom":
      return []
    case "restarted-by-policy":
      return words("restart")
    default:
      return words(happening.what)
  }
}

const attributesOf = (
  container: FakeContainer,
  added: Readonly<Record<string, string>>,
  podman: boolean
): Readonly<Record<string, string>> =>
  sorted({
    ...Object.fromEntries(Object.entries(container.labels ?? {}).map(([key, value]) => [key, String(value)])),
    image: container.image,
    name: container.name,
    ...(podman ? { podId: "" } : {}),
    ...added
  })

const sorted = (attributes: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(attributes).toSorted(([a], [b]) => (a < b ? -1 : 1)))

const writeEvent = (event: FakeEngineEvent, { minor }: EventsDialect): string => {
  const { type, action, id, attributes, timeNano, healthStatus } = event
  const text = JSON.stringify({
    ...(minor < jsonLinesFrom && type === "container" ? { status: action, id, from: attributes["image"] ?? "" } : {}),
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: attributes },
    scope: "local",
    time: Number(timeNano / 1_000_000_000n)
  })
  const health = healthStatus === undefined ? "" : `,"HealthStatus":${JSON.stringify(healthStatus)}`
  return `${text.slice(0, -1)},"timeNano":${timeNano}${health}}\n`
}
