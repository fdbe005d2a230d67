/**
 * The Docker Engine API, as far as it can only be read.
 *
 * A socket mounted `:ro` still takes POST. So read-only is by construction here: the service has no method that could write,
 * one private GET primitive, and an allow-list of paths; anything else is a defect.
 */
import * as fs from "node:fs"
import { Context, Duration, Effect, Layer, Ref, Result, type Scope, Stream } from "effect"
import { HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { Http, type Route, capBody, errorCode, errorText } from "../../base/Http.ts"
import * as Keys from "../../base/Keys.ts"
import { CollectError } from "../Collector.ts"
import { actions } from "./ContainerEvent.ts"

export const keys = {
  host: Keys.custom("WATCHDOG_DOCKER_HOST", {
    about: "the engine: unix:// or tcp://; unset and no socket there = off",
    fallback: "unix:///var/run/docker.sock",
    parse: (raw) =>
      /^unix:\/\/\/.+$/.test(raw) || /^tcp:\/\/[^/\s]+:\d+$/.test(raw)
        ? Result.succeed(raw)
        : Result.fail("unix:///path/to/docker.sock or tcp://host:port"),
    show: String
  })
}

/**
 * The newest API we speak. 1.44 is inside the window of every engine from 25 to 29 (29.0 refuses below 1.44); older ones are
 * met at their own maximum. Source: moby daemon/config/config.go at each tag.
 */
const apiVersionMax = "1.44"
const apiVersionMin = "1.24"

/** A thousand containers list as 0.4 MB; past this it is not a container list. */
const bodyBytesMax = 8 * 1_024 * 1_024

const allowedPaths =
  /^\/(?:_ping|version|v1\.\d{1,2}\/(?:containers\/json\?all=1|containers\/[0-9a-f]{12,64}\/json|containers\/[0-9a-f]{12,64}\/logs\?stdout=1&stderr=1&tail=\d{1,3}|events\?filters=[A-Za-z0-9%_.~-]+))$/

/** Lines are asked for by number, and one may be long. */
const logBytesMax = 1_048_576

const eventFilters = encodeURIComponent(JSON.stringify({ type: ["container"], event: actions }))

export interface Engine {
  readonly apiVersion: string
  /** Podman's compatible API lists containers without their health. */
  readonly podman: boolean
}

/** What an inspect gave: the raw document, or why there is none. */
export type Inspected =
  | { readonly _tag: "Document"; readonly document: unknown }
  /** Removed between list and inspect. */
  | { readonly _tag: "Gone" }
  /** A gateway does not let inspects through: degrade, do not fail. */
  | { readonly _tag: "Refused" }

export class DockerApi extends Context.Service<
  DockerApi,
  {
    readonly host: string
    /** All containers, running or not, undecoded: one that is odd must not hide the rest. Fails: CollectError. */
    readonly list: Effect.Effect<{ readonly engine: Engine; readonly items: ReadonlyArray<unknown> }, CollectError>
    /** The event stream, open once this succeeds; as bytes, for as long as the scope. Fails: CollectError. */
    readonly events: Effect.Effect<Stream.Stream<Uint8Array, CollectError>, CollectError, Scope.Scope>
    /** The last lines of a log as the engine sends them: framed, or raw with a terminal. Fails: CollectError. */
    readonly logs: (id: string, lines: number) => Effect.Effect<Uint8Array, CollectError>
    /** Fails: CollectError. */
    readonly inspect: (id: string) => Effect.Effect<Inspected, CollectError>
  }
>()("watchdog/collector/docker/DockerApi") {
  static readonly layer = (host: string, timeoutMs: number): Layer.Layer<DockerApi, never, Http> =>
    Layer.effect(DockerApi, make(host, timeoutMs))
}

const routeOf = (host: string): Route =>
  host.startsWith("unix://") ? { _tag: "Unix", path: host.slice("unix://".length) } : { _tag: "Tcp" }

/** True if there is something at the socket's path; a tcp engine cannot be told from here. */
export const socketExists = (host: string): Effect.Effect<boolean> =>
  Effect.sync(() => !host.startsWith("unix://") || fs.existsSync(host.slice("unix://".length)))

const make = (host: string, timeoutMs: number): Effect.Effect<DockerApi["Service"], never, Http | Scope.Scope> =>
  Effect.gen(function* () {
    const route = routeOf(host)
    // The name is only a Host header where the route is a socket; a socket's path there would be refused.
    const base = route._tag === "Unix" ? "http://docker" : `http://${host.slice("tcp://".length)}`
    const client = (yield* (yield* Http).client(route)).pipe(
      HttpClient.mapRequest((request) => HttpClientRequest.prependUrl(HttpClientRequest.acceptJson(request), base))
    )
    const engine = yield* Ref.make<Engine | undefined>(undefined)
    const failed = (error: unknown): CollectError => {
      const errno = errorCode(error)
      return new CollectError({
        reason: "Unreachable",
        detail: connectText(host, error),
        ...(errno === undefined ? {} : { errno })
      })
    }

    const get = (path: string): Effect.Effect<Answer, CollectError> =>
      allowedPaths.test(path)
        ? client.get(path).pipe(
            Effect.flatMap((response) => Effect.map(response.text, (body) => ({ response, body }))),
            capBody(bodyBytesMax),
            Effect.mapError(failed),
            Effect.tapError(() => Ref.set(engine, undefined))
          )
        : Effect.die(new Error(`GET ${path} is not on the allow-list`))

    /** The answer's body is left to be read as it comes; only its head must come in time. */
    const open = (path: string): Effect.Effect<Stream.Stream<Uint8Array, CollectError>, CollectError> =>
      allowedPaths.test(path)
        ? client.get(path).pipe(
            Effect.mapError(failed),
            Effect.flatMap((response) =>
              response.status === 200
                ? Effect.succeed(Stream.mapError(response.stream, failed))
                : Effect.fail(refused(host, "the event stream", { response, body: "" }))
            )
          )
        : Effect.die(new Error(`GET ${path} is not on the allow-list`))

    const logs = (id: string, lines: number): Effect.Effect<Uint8Array, CollectError> =>
      Effect.gen(function* () {
        const { apiVersion } = yield* negotiate
        const path = `/v${apiVersion}/containers/${id}/logs?stdout=1&stderr=1&tail=${lines}`
        if (!allowedPaths.test(path)) return yield* Effect.die(new Error(`GET ${path} is not on the allow-list`))
        const response = yield* Effect.mapError(client.get(path), failed)
        if (response.status !== 200) return yield* refused(host, "the log", { response, body: "" })
        return new Uint8Array(yield* Effect.mapError(capBody(logBytesMax)(response.arrayBuffer), failed))
      })

    /** One deadline for a look and all its requests: a slow ping leaves its list less time. */
    const inTime = <A>(look: Effect.Effect<A, CollectError>): Effect.Effect<A, CollectError> =>
      Effect.timeoutOrElse(look, {
        duration: Duration.millis(timeoutMs),
        orElse: () =>
          Effect.andThen(
            Ref.set(engine, undefined),
            Effect.fail(
              new CollectError({
                reason: "Timeout",
                detail: `the engine at ${host} does not answer: nothing within ${timeoutMs} ms`
              })
            )
          )
      })

    const negotiate: Effect.Effect<Engine, CollectError> = Effect.gen(function* () {
      const known = yield* Ref.get(engine)
      if (known !== undefined) return known
      const ping = yield* get("/_ping")
      if (ping.response.status !== 200) return yield* refused(host, "/_ping", ping)
      const offered =
        ping.response.headers["api-version"] ?? (yield* Effect.flatMap(get("/version"), apiVersionOf(host)))
      const podman =
        ping.response.headers["libpod-api-version"] !== undefined ||
        /libpod/i.test(ping.response.headers["server"] ?? "")
      const found: Engine = { apiVersion: olderVersion(offered, apiVersionMax), podman }
      yield* Ref.set(engine, found)
      return found
    })

    /** GET under the negotiated version; renegotiates once if the engine has been exchanged under us. */
    const versioned = (path: string): Effect.Effect<Answer & { readonly engine: Engine }, CollectError> =>
      Effect.gen(function* () {
        const first = yield* negotiate
        const answer = yield* get(`/v${first.apiVersion}${path}`)
        const wanted = answer.response.status === 400 ? wantedVersion(answer.body) : undefined
        if (wanted === undefined) return { ...answer, engine: first }
        const second: Engine = { ...first, apiVersion: wanted }
        yield* Ref.set(engine, second)
        return { ...(yield* get(`/v${wanted}${path}`)), engine: second }
      })

    return DockerApi.of({
      host,
      list: Effect.gen(function* () {
        const answer = yield* versioned("/containers/json?all=1")
        if (answer.response.status !== 200) return yield* refused(host, "the container list", answer)
        const items = yield* parseJson(host, "the container list", answer.body)
        if (!Array.isArray(items)) return yield* malformed(host, "the container list is not a JSON array", answer.body)
        return { engine: answer.engine, items }
      }).pipe(inTime),
      events: Effect.flatMap(
        Effect.map(negotiate, ({ apiVersion }) => `/v${apiVersion}/events?filters=${eventFilters}`),
        open
      ).pipe(inTime),
      logs: (id, lines) => inTime(logs(id, lines)),
      inspect: (id) =>
        Effect.gen(function* () {
          const answer = yield* versioned(`/containers/${id}/json`)
          const status = answer.response.status
          if (status === 404) return { _tag: "Gone" as const }
          if (status === 403 || status === 405) return { _tag: "Refused" as const }
          if (status !== 200) return yield* refused(host, `inspect of ${id.slice(0, 12)}`, answer)
          return {
            _tag: "Document" as const,
            document: yield* parseJson(host, `inspect of ${id.slice(0, 12)}`, answer.body)
          }
        }).pipe(inTime)
    })
  })

interface Answer {
  readonly response: HttpClientResponse.HttpClientResponse
  readonly body: string
}

const connectText = (host: string, error: unknown): string => {
  const said = `the engine at ${host}: ${errorText(error)}`
  switch (errorCode(error)) {
    case "EACCES":
      return `${said}; the watchdog's user must be in the socket's group (stat -c %g shows it; group_add in compose)`
    case "ENOENT":
      return `${said}; is the engine installed, and the socket mounted?`
    default:
      return said
  }
}

/** The first characters of a body on one line, for a message. */
const excerpt = (body: string): string => JSON.stringify(body.trim().slice(0, 80))

const refused = (host: string, what: string, { response, body }: Answer): CollectError =>
  new CollectError({
    reason: "Refused",
    detail: `the engine at ${host} answered ${response.status} to ${what}${body === "" ? "" : `: ${excerpt(messageOf(body))}`}`
  })

const malformed = (host: string, what: string, body: string): CollectError =>
  new CollectError({ reason: "Malformed", detail: `the engine at ${host}: ${what}; it begins ${excerpt(body)}` })

const messageOf = (body: string): string =>
  /"message"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(body.slice(0, 2_000))?.[1] ?? body

const parseJson = (host: string, what: string, body: string): Effect.Effect<unknown, CollectError> =>
  Effect.try({ try: () => JSON.parse(body) as unknown, catch: () => malformed(host, `${what} is not JSON`, body) })

const apiVersionOf =
  (host: string) =>
  ({ body }: Answer): Effect.Effect<string, CollectError> => {
    const found = /"ApiVersion"\s*:\s*"(\d+\.\d+)"/.exec(body)?.[1]
    return found === undefined ? Effect.fail(malformed(host, "it names no API version", body)) : Effect.succeed(found)
  }

const minor = (version: string): number => Number(version.split(".")[1] ?? 0)

const olderVersion = (offered: string, ours: string): string => {
  if (!/^1\.\d+$/.test(offered)) return ours
  return minor(offered) < minor(ours) ? (minor(offered) < minor(apiVersionMin) ? apiVersionMin : offered) : ours
}

/** The version a "client version is too old/new" answer asks for. */
const wantedVersion = (body: string): string | undefined =>
  /(?:Minimum|Maximum) supported API version is (1\.\d{1,2})(?!\d)/i.exec(body)?.[1]
