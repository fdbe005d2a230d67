/**
 * A fake container engine, as rude as the real one, for tests of whatever reads the Docker API.
 *
 * Pure: a request in, an answer out; the clock is injected, nothing waits and nothing is sent. `FakeEngineServer.ts` puts it
 * behind a real unix socket or an in-memory client. What happens to its containers is in `FakeEngineWorld.ts`, how the engine
 * writes them down in `FakeEngineText.ts`.
 *
 * It only has what can be read: ping, version, list, inspect, events and logs. Any other verb is a violation, and refused.
 * Stats are not modelled: asking for them gets the engine's 404.
 *
 * Events: every deed of the world tells what the real engine tells, before it returns. `GET /events` gets a `flow` for a body,
 * which `FakeEngineServer.ts` turns into a chunked response or into the `stream` of an in-memory response:
 *
 * ```ts
 * const response = yield* FakeEngineServer.client(engine).get("http://docker/v1.44/events")
 * const lines = response.stream.pipe(Stream.decodeText(), Stream.splitLines)
 * engine.die("web", 3) // {"status":"die", ... "Action":"die","Actor":{"ID":...,"Attributes":{"exitCode":"3", ...}}, ...}
 * engine.disturb("cut") // ends the streams that are open
 * engine.beRude("silent", { on: "events" }) // for those to come
 * ```
 */
import {
  type Events,
  eventsContentType,
  type FakeEngineEvent,
  type FakeEngineFlow,
  type FakeEventSpec,
  type FakeStreamRudeness,
  makeEvents,
  readQuery
} from "./FakeEngineEvents.ts"
import { readLogs } from "./FakeEngineLogs.ts"
import { type Dialect, inspectDocument, listItem } from "./FakeEngineText.ts"
import { type FakeContainer, type FakeWorld, type World, makeWorld } from "./FakeEngineWorld.ts"

export type {
  FakeEngineEvent,
  FakeEngineFlow,
  FakeEngineListener,
  FakeEventSpec,
  FakeStreamRudeness
} from "./FakeEngineEvents.ts"
export type {
  ComposeRecreate,
  ComposeStep,
  FakeContainer,
  FakeContainerSpec,
  FakeHealthStatus,
  FakeLogLine,
  FakeMangle,
  FakeRestartPolicy,
  FakeWorld
} from "./FakeEngineWorld.ts"

/** Which engine it is. What is left out follows from the API version, as in the engines that had it. */
export interface FakeEngineVersion {
  /** The newest API it speaks; default 1.45. */
  readonly apiVersion?: string
  readonly minApiVersion?: string
  readonly engineVersion?: string
}

export interface FakeEngineOptions extends FakeEngineVersion {
  /** Milliseconds since 1970: what the engine calls now. */
  readonly nowMs: () => number
  /** Podman's compatible API: other headers, no health in the list's texts, other error texts. */
  readonly podman?: boolean
  /** Whether `docker stop` is told of before the death or after it; by default as that version did: 20.10 after, 26.1 before. */
  readonly stopOrder?: "stopFirst" | "dieFirst"
  /** Each health probe is three `exec_` events too, as with a real one. Default not. */
  readonly probeNoise?: boolean
}

export interface FakeEngineRequest {
  readonly method: string
  /** With the query, as it stands in the request line. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface FakeEngineResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Who sends it waits this long first. */
  readonly delayMs: number
  /** So many spaces follow the body, made while they are sent: a body too large to be kept. */
  readonly fillerBytes: number
  /** Where there are some, the body is these and not a text; `body` is empty then. */
  readonly bytes?: Buffer
  /** Where there is one, the body is what flows out of it; `body` is empty then. */
  readonly flow?: FakeEngineFlow
}

/** `"hang"`: the connection stands, and nothing comes. `"reset"`: it is torn down. */
export type FakeEngineAnswer = FakeEngineResponse | "hang" | "reset"

/** What a request is for; `other` is any path the engine here does not have. */
export type FakeEngineEndpoint = "ping" | "version" | "list" | "inspect" | "events" | "logs" | "other"

/**
 * A way to be rude.
 *
 * - `"hang"`, `"reset"`: no answer.
 * - `"brokenJson"`: status 200, and half of the body.
 * - `{ status }`: refused with the engine's JSON, or with a gateway's page where `html` is set. 404 for `inspect` is a
 *   container that went between list and inspect.
 * - `{ body }`: status 200 and this text, whatever was asked.
 * - `{ hugeBytes }`: a body of about this size.
 * - `{ staleMs }`: the answer is of the world as it was so long ago.
 * - `{ slowMs }`: the right answer, late; together with others too.
 * - `{ withoutHeaders }`: these are left out, in lower case (`api-version`).
 * - a `FakeStreamRudeness` is for event streams that are opened from now on, with their headers well; see `disturb` for those
 *   that are open. Only `"reset"` is before the headers, as everywhere.
 */
export type FakeEngineRudeness =
  | "hang"
  | "reset"
  | "brokenJson"
  | { readonly status: number; readonly message?: string; readonly html?: boolean }
  | { readonly body: string }
  | { readonly hugeBytes: number }
  | { readonly staleMs: number }
  | { readonly slowMs: number }
  | { readonly withoutHeaders: ReadonlyArray<string> }
  | FakeStreamRudeness

/** Which requests a rudeness meets; without any of these, all. */
export interface FakeEngineReach {
  readonly on?: FakeEngineEndpoint
  /** Name or id of the container that is inspected, or whose logs are read. */
  readonly container?: string
  /** Requests it lasts; without it until `behave`. */
  readonly count?: number
}

export interface FakeEngineRecord {
  readonly atMs: number
  readonly method: string
  readonly path: string
  readonly endpoint: FakeEngineEndpoint
  readonly status: number | "hang" | "reset"
}

/** Nobody listens: what a client's connect fails with. A server over a socket cannot do that, it resets. */
export type FakeEngineAbsence = "ENOENT" | "EACCES" | "ECONNREFUSED"

/** The records are live: the same arrays grow as requests come in. */
export interface FakeEngine extends FakeWorld {
  readonly handle: (request: FakeEngineRequest) => FakeEngineAnswer
  readonly beRude: (rudeness: FakeEngineRudeness, reach?: FakeEngineReach) => void
  /** Rude to the event streams that are open, now. */
  readonly disturb: (rudeness: FakeStreamRudeness) => void
  /** Ends all rudeness, and is there again. */
  readonly behave: () => void
  /** From now on nobody listens. Open streams are reset, the events so far forgotten, but where it is only `EACCES`. */
  readonly goAway: (absence: FakeEngineAbsence) => void
  readonly absent: () => FakeEngineAbsence | null
  /** Another engine takes its place, with the same containers. Open streams are reset, the events so far forgotten. */
  readonly upgrade: (version: FakeEngineVersion) => void
  /** The same engine anew, its containers living on (live-restore): streams are reset, the events so far forgotten. */
  readonly restartEngine: () => void
  /** Sends and keeps this event, without anything having happened. */
  readonly emit: (event: FakeEventSpec) => void
  /** All events so far, whoever listened. */
  readonly events: ReadonlyArray<FakeEngineEvent>
  readonly openStreams: () => number
  /**
   * Lets happen what is due by now (a back-off that ends, a crash loop's next crash, a stream's `until`), and says when the next
   * is, in milliseconds since 1970; null if nothing is. `FakeEngineServer` calls it while somebody reads events.
   */
  readonly catchUp: () => number | null
  /** Calls back after each deed, which may have made something due; gives the way to end that. */
  readonly onDeed: (callback: () => void) => () => void
  readonly requests: ReadonlyArray<FakeEngineRecord>
  /** Requests that would have changed something. */
  readonly violations: ReadonlyArray<FakeEngineRecord>
}

// A fake left running for days must not grow for ever; no test looks so far back.
const recordsMax = 100_000

interface Rule {
  readonly rudeness: FakeEngineRudeness
  readonly reach: FakeEngineReach
  left: number
}

interface Version {
  readonly api: string
  readonly apiMin: string
  readonly engine: string
}

interface State {
  readonly nowMs: () => number
  readonly podman: boolean
  readonly world: World
  readonly events: Events
  readonly callbacks: Set<() => void>
  readonly requests: Array<FakeEngineRecord>
  readonly violations: Array<FakeEngineRecord>
  rules: Array<Rule>
  absence: FakeEngineAbsence | null
  version: Version
}

/**
 * Builds the pure fake.
 *
 * Shape:  options -> a world to play with, a function from request to answer, and its records.
 * Law:    the same deeds and requests at the same times get the same answers.
 * Fails:  `handle` never; a deed on a container that is not there throws, as that is the test's own bug.
 */
export const makeFakeEngine = (options: FakeEngineOptions): FakeEngine => {
  const podman = options.podman ?? false
  const isAway = (): boolean => state.absence !== null && state.absence !== "EACCES"
  const events = makeEvents({
    nowMs: options.nowMs,
    podman,
    minor: () => minorOf(state.version.api),
    away: isAway
  })
  const world = makeWorld({
    nowMs: options.nowMs,
    tell: events.tell,
    stopOrder: () => options.stopOrder ?? stopOrderOf(state),
    probeNoise: options.probeNoise ?? false
  })
  const state: State = {
    nowMs: options.nowMs,
    podman,
    world,
    events,
    callbacks: new Set(),
    requests: [],
    violations: [],
    rules: [],
    absence: null,
    version: versionOf(options, podman)
  }
  return {
    ...noticed(world, state.callbacks),
    handle: (request) => handle(state, request),
    beRude: (rudeness, reach = {}) => {
      state.rules.push({ rudeness, reach, left: reach.count ?? Number.POSITIVE_INFINITY })
    },
    disturb: (rudeness) => {
      const { container } = typeof rudeness === "object" && "flood" in rudeness ? rudeness : {}
      events.disturb(rudeness, container === undefined ? undefined : world.get(container))
    },
    behave: () => {
      state.rules = []
      state.absence = null
      events.behave()
    },
    goAway: (absence) => {
      state.absence = absence
      if (isAway()) events.forget()
    },
    absent: () => state.absence,
    upgrade: (version) => {
      state.version = versionOf(version, state.podman)
      events.forget()
    },
    restartEngine: () => events.forget(),
    emit: (spec) => events.emit(spec, spec.container === undefined ? undefined : world.get(spec.container)),
    events: events.emitted,
    openStreams: events.openCount,
    catchUp: () => {
      const dues = [world.nextDueMs(), events.endDue()].filter((at) => at !== null)
      return dues.length === 0 ? null : Math.min(...dues)
    },
    onDeed: (callback) => {
      state.callbacks.add(callback)
      return () => void state.callbacks.delete(callback)
    },
    requests: state.requests,
    violations: state.violations
  }
}

/** The same world, whose every deed is followed by the callbacks. */
const noticed = (world: World, callbacks: ReadonlySet<() => void>): FakeWorld => {
  const after = <In extends ReadonlyArray<unknown>, Out>(deed: (...given: In) => Out) => {
    return (...given: In): Out => {
      const done = deed(...given)
      for (const callback of callbacks) callback()
      return done
    }
  }
  return {
    create: after(world.create),
    run: after(world.run),
    start: after(world.start),
    die: after(world.die),
    oom: after(world.oom),
    crashLoop: after(world.crashLoop),
    settle: after(world.settle),
    stop: after(world.stop),
    restart: after(world.restart),
    kill: after(world.kill),
    health: after(world.health),
    pause: after(world.pause),
    unpause: after(world.unpause),
    remove: after(world.remove),
    removing: after(world.removing),
    rename: after(world.rename),
    exec: after(world.exec),
    log: world.log,
    mangle: world.mangle,
    composeRecreate: (name, options) => {
      const { id, to } = world.composeRecreate(name, options)
      return { id, to: after(to) }
    },
    get: world.get
  }
}

const stopFirstFrom = 42 // measured: 20.10 (1.41) tells of the death first, 26.1 (1.45) of the stop; between them not measured

const stopOrderOf = ({ podman, version }: State): "stopFirst" | "dieFirst" =>
  podman || minorOf(version.api) >= stopFirstFrom ? "stopFirst" : "dieFirst"

/* Versions */

/** Source: moby daemon/config/config.go at each tag: newest API, default oldest, an engine that had them. */
const windows: ReadonlyArray<readonly [minor: number, minorMin: number, engine: string]> = [
  [40, 12, "19.03.15"],
  [41, 12, "20.10.24"],
  [42, 12, "23.0.6"],
  [43, 12, "24.0.9"],
  [44, 24, "25.0.5"],
  [45, 24, "26.1.5"],
  [46, 24, "27.1.2"],
  [47, 24, "27.5.1"],
  [51, 24, "28.5.2"],
  [52, 44, "29.1.5"],
  [53, 44, "29.2.1"],
  [54, 40, "29.5.3"],
  [55, 40, "29.7.2"]
]

const minorOf = (version: string): number => Number(version.split(".")[1] ?? 0)

const versionOf = ({ apiVersion = "1.45", ...given }: FakeEngineVersion, podman: boolean): Version => {
  const minor = minorOf(apiVersion)
  const [, minorMin, engine] = windows.findLast((window) => window[0] <= minor) ?? [0, 12, "18.09.9"]
  return {
    api: apiVersion,
    apiMin: given.minApiVersion ?? (podman ? "1.24" : `1.${minorMin}`),
    engine: given.engineVersion ?? (podman ? "5.4.2" : engine)
  }
}

/* Requests */

interface Asked {
  readonly endpoint: FakeEngineEndpoint
  /** The path's version, if it has one. */
  readonly version: string | null
  readonly all: boolean
  readonly reference: string
  readonly query: string
}

const readPath = (path: string): Asked => {
  const [bare = "", query = ""] = path.split("?", 2)
  const [, version = null, rest = ""] = /^(?:\/v(1\.\d+))?(\/.*)?$/.exec(bare) ?? []
  const [, reference = "", what] = /^\/containers\/([^/]+)\/(json|logs)$/.exec(rest) ?? []
  const asked = { version, reference, query, all: /(?:^|&)all=(?:1|true|True)(?:&|$)/.test(query) }
  if (rest === "/_ping") return { ...asked, endpoint: "ping" }
  if (rest === "/version") return { ...asked, endpoint: "version" }
  if (rest === "/events") return { ...asked, endpoint: "events" }
  if (rest === "/containers/json") return { ...asked, endpoint: "list", reference: "" }
  return { ...asked, endpoint: what === undefined ? "other" : what === "logs" ? "logs" : "inspect" }
}

const handle = (state: State, request: FakeEngineRequest): FakeEngineAnswer => {
  const asked = readPath(request.path)
  const answer = answerRudely(state, request, asked)
  const record: FakeEngineRecord = {
    atMs: state.nowMs(),
    method: request.method,
    path: request.path,
    endpoint: asked.endpoint,
    status: typeof answer === "string" ? answer : answer.status
  }
  keep(state.requests, record)
  if (!isReading(request.method)) keep(state.violations, record)
  return answer
}

const keep = <A>(records: Array<A>, record: A): void => {
  records.push(record)
  if (records.length > recordsMax) records.shift()
}

const isReading = (method: string): boolean => method === "GET" || method === "HEAD"

const answerRudely = (state: State, request: FakeEngineRequest, asked: Asked): FakeEngineAnswer => {
  const met = state.rules.filter((rule) => rule.left > 0 && isMet(state, rule.reach, asked)).map(spend)
  const staleMs = met.map((rudeness) => field(rudeness, "staleMs")).find((ms) => ms !== undefined) ?? 0
  const plain = answerPlainly(state, request, asked, state.nowMs() - staleMs, met.filter(isForStreams))
  const answer = met.reduce(
    (spoilt: FakeEngineAnswer, rudeness) => (typeof spoilt === "string" ? spoilt : spoil(state, spoilt, rudeness)),
    plain as FakeEngineAnswer
  )
  if (plain.flow !== undefined && (typeof answer === "string" || answer.flow === undefined)) hangUp(plain.flow)
  return answer
}

const hangUp = (flow: FakeEngineFlow): void => flow.subscribe({ chunk: () => undefined, end: () => undefined })()

const isForStreams = (rudeness: FakeEngineRudeness): rudeness is FakeStreamRudeness =>
  typeof rudeness === "string"
    ? rudeness === "cut" || rudeness === "silent" || rudeness === "split"
    : "garbage" in rudeness || "longLineBytes" in rudeness || "flood" in rudeness

const spend = (rule: Rule): FakeEngineRudeness => {
  rule.left -= 1
  return rule.rudeness
}

const isMet = (state: State, reach: FakeEngineReach, asked: Asked): boolean =>
  (reach.on === undefined || reach.on === asked.endpoint) &&
  (reach.container === undefined ||
    (asked.reference !== "" && state.world.find(reach.container)?.id === state.world.find(asked.reference)?.id))

const field = (rudeness: FakeEngineRudeness, name: "staleMs"): number | undefined =>
  typeof rudeness === "object" && name in rudeness ? rudeness[name] : undefined

const spoil = (state: State, answer: FakeEngineResponse, rudeness: FakeEngineRudeness): FakeEngineAnswer => {
  if (rudeness === "hang" || rudeness === "reset") return rudeness
  // It was opened with them.
  if (isForStreams(rudeness)) return answer
  if (rudeness === "brokenJson") {
    const { body, bytes } = answer
    return bytes === undefined
      ? { ...answer, body: body.slice(0, Math.ceil(body.length / 2)) }
      : { ...answer, bytes: bytes.subarray(0, Math.ceil(bytes.length / 2)) }
  }
  if ("status" in rudeness) {
    const message = rudeness.message ?? (rudeness.status === 403 ? "forbidden" : "internal error")
    return {
      ...(rudeness.html === true ? page(rudeness.status) : refusal(state, rudeness.status, message)),
      delayMs: answer.delayMs
    }
  }
  if ("body" in rudeness) return { ...textual(answer), status: 200, body: rudeness.body }
  if ("hugeBytes" in rudeness)
    return { ...textual(answer), fillerBytes: Math.max(0, rudeness.hugeBytes - answer.body.length) }
  if ("slowMs" in rudeness) return { ...answer, delayMs: answer.delayMs + rudeness.slowMs }
  if ("withoutHeaders" in rudeness) {
    const left = Object.entries(answer.headers).filter(
      ([name]) => !rudeness.withoutHeaders.includes(name.toLowerCase())
    )
    return { ...answer, headers: Object.fromEntries(left) }
  }
  return answer
}

/** With a text for a body. */
const textual = ({ flow: _flow, bytes: _bytes, ...answer }: FakeEngineResponse): FakeEngineResponse => answer

/** As the engine would answer, of the world at `atMs`. */
const answerPlainly = (
  state: State,
  { method, path }: FakeEngineRequest,
  asked: Asked,
  atMs: number,
  rudeness: ReadonlyArray<FakeStreamRudeness>
): FakeEngineResponse => {
  if (!isReading(method)) return refusal(state, 403, `${method} ${path} would change something`)
  const { api, apiMin } = state.version
  const version = asked.version ?? api
  if (minorOf(version) > minorOf(api))
    return refusal(state, 400, `client version ${version} is too new. Maximum supported API version is ${api}`)
  if (minorOf(version) < minorOf(apiMin)) {
    const upgrade = state.podman ? "" : ", please upgrade your client to a newer version"
    return refusal(
      state,
      400,
      `client version ${version} is too old. Minimum supported API version is ${apiMin}${upgrade}`
    )
  }
  const dialect: Dialect = { podman: state.podman, minor: minorOf(version) }
  if (method === "HEAD") return asked.endpoint === "ping" ? { ...ping(state), body: "" } : pageNotFound
  switch (asked.endpoint) {
    case "ping":
      return ping(state)
    case "version":
      return json(state, 200, versionDocument(state))
    case "list":
      return json(
        state,
        200,
        state.world
          .containersAt(atMs)
          .filter((container) => asked.all || container.running)
          .map((container) => listItem(container, atMs, dialect))
      )
    case "inspect":
      return inspect(state, asked.reference, dialect)
    case "logs":
      return logs(state, asked, dialect)
    case "events":
      return listen(state, asked.query, dialect, rudeness)
    case "other":
      return pageNotFound
  }
}

const listen = (
  state: State,
  query: string,
  dialect: Dialect,
  rudeness: ReadonlyArray<FakeStreamRudeness>
): FakeEngineResponse => {
  // What was before is not news to who listens from now on.
  state.world.nextDueMs()
  const read = readQuery(query)
  if (read._tag === "Refused") return refusal(state, read.status, read.message)
  return {
    ...respond(200, { ...ownHeaders(state), "Content-Type": eventsContentType(dialect.minor) }, ""),
    flow: state.events.open(read.wants, dialect, rudeness)
  }
}

const inspect = (state: State, reference: string, dialect: Dialect): FakeEngineResponse => {
  const container: FakeContainer | undefined = state.world.find(reference)
  return container === undefined ? notFound(state, reference) : json(state, 200, inspectDocument(container, dialect))
}

const logs = (state: State, { reference, query }: Asked, { minor }: Dialect): FakeEngineResponse => {
  const container = state.world.find(reference)
  if (container === undefined) return notFound(state, reference)
  const read = readLogs(container, query, minor)
  return read._tag === "Refused"
    ? refusal(state, read.status, read.message)
    : { ...respond(200, { ...ownHeaders(state), "Content-Type": read.contentType }, ""), bytes: read.bytes }
}

const notFound = (state: State, reference: string): FakeEngineResponse =>
  state.podman
    ? json(state, 404, {
        cause: "no such container",
        message: `no container with name or ID "${reference}" found: no such container`,
        response: 404
      })
    : refusal(state, 404, `No such container: ${reference}`)

/* Answers */

const respond = (status: number, headers: Readonly<Record<string, string>>, body: string): FakeEngineResponse => ({
  status,
  headers,
  body,
  delayMs: 0,
  fillerBytes: 0
})

/** On every reply but those that come from before the router. */
const ownHeaders = ({ version, podman }: State): Readonly<Record<string, string>> =>
  podman
    ? {
        "Api-Version": version.api,
        "Libpod-API-Version": version.engine,
        Server: `Libpod/${version.engine} (linux)`,
        "X-Reference-Id": "0xc000010000"
      }
    : {
        "Api-Version": version.api,
        "Docker-Experimental": "false",
        Ostype: "linux",
        Server: `Docker/${version.engine} (linux)`
      }

const json = (state: State, status: number, body: unknown): FakeEngineResponse =>
  respond(status, { ...ownHeaders(state), "Content-Type": "application/json" }, `${JSON.stringify(body)}\n`)

const refusal = (state: State, status: number, message: string): FakeEngineResponse =>
  json(state, status, state.podman ? { cause: message, message, response: status } : { message })

/** What HAProxy says for itself: no engine's header, no JSON. */
const page = (status: number): FakeEngineResponse =>
  respond(
    status,
    { "Content-Type": "text/html", "Cache-Control": "no-cache" },
    `<html><body><h1>${status} ${status === 403 ? "Forbidden" : "Server Error"}</h1>\nRequest refused by administrative rules.\n</body></html>\n`
  )

const pageNotFound = respond(404, { "Content-Type": "application/json" }, '{"message":"page not found"}\n')

const ping = (state: State): FakeEngineResponse =>
  respond(
    200,
    {
      ...ownHeaders(state),
      "Builder-Version": state.podman ? "" : "2",
      "Cache-Control": "no-cache, no-store, must-revalidate",
      "Content-Type": "text/plain; charset=utf-8",
      Pragma: "no-cache",
      ...(state.podman ? {} : { Swarm: "inactive" })
    },
    "OK"
  )

const versionDocument = ({ version, podman }: State) => ({
  Platform: { Name: "" },
  Components: [
    {
      Name: podman ? "Podman Engine" : "Engine",
      Version: version.engine,
      Details: { ApiVersion: version.api, MinAPIVersion: version.apiMin }
    }
  ],
  Version: version.engine,
  ApiVersion: version.api,
  MinAPIVersion: version.apiMin,
  Os: "linux",
  Arch: "amd64"
})
