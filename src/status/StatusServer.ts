/**
 * The status server: the page, the same as data, its changes as they come, metrics, and how the watchdog itself is.
 *
 * It reads the board and changes nothing. What it may be asked, and by whom, is in `Gate.ts`.
 */
import type * as http from "node:http"
import { Clock, Effect, Layer, Redacted, Result, Schema } from "effect"
import * as Keys from "../base/Keys.ts"
import type { Loops } from "../base/Loops.ts"
import { type Asked, type Gate, acceptedHosts, defaultHosts, isLoopback, parseHosts, pathOf, refuse } from "./Gate.ts"
import { isoTime } from "./Journal.ts"
import { type Listen, defaultListen, parseListen, showListen } from "./Listen.ts"
import * as Metrics from "./Metrics.ts"
import { serve } from "./Serve.ts"
import { Snapshot } from "./Snapshot.ts"
import { type Hub, makeHub, retryAfterSeconds } from "./Sse.ts"
import { StatusBoard, vitals } from "./StatusBoard.ts"
import {
  type PageOptions,
  type StatusFragments,
  beatEvent,
  changedFragments,
  contentSecurityPolicy,
  snapshotEvent,
  statusFragments,
  statusPage
} from "./StatusPage.ts"

export const keys = {
  listen: Keys.custom<Listen | "off">("WATCHDOG_HTTP_LISTEN", {
    about: "where the status page, /metrics and /healthz are served; off = nowhere",
    fallback: defaultListen,
    parse: (raw) => {
      const listen = parseListen(raw)
      return listen === undefined ? Result.fail("address:port such as 127.0.0.1:9469, or off") : Result.succeed(listen)
    },
    show: showListen
  }),
  hosts: Keys.custom<ReadonlyArray<string>>("WATCHDOG_HTTP_HOSTS", {
    about: "names by which the status server may be asked, besides those of the loopback and the address it listens on",
    fallback: defaultHosts,
    parse: parseHosts,
    show: (names) => names.join(",")
  }),
  token: Keys.secretOptional("WATCHDOG_HTTP_TOKEN", {
    about: "what whoever asks the status server must give, as Bearer or as a browser's password",
    fallback: undefined,
    pattern: /^[\x21-\x7e]{16,512}$/,
    expected: "16 to 512 printable characters without spaces"
  })
}

/** A whole answer; a stream is begun by `connect` instead. */
interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

type Route = Effect.Effect<Answer>

const json = "application/json; charset=utf-8"
const text = "text/plain; charset=utf-8"
const html = "text/html; charset=utf-8"

/** On every answer: nothing here is to be kept, framed, guessed at or told to others. */
const guardHeaders: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin"
}

/** For what is no page: nothing in it is ever to be run or loaded. */
const inertPolicy = "default-src 'none'; frame-ancestors 'none'"

const healthAnswer = (reasons: ReadonlyArray<string>): Answer => ({
  status: reasons.length === 0 ? 200 : 503,
  type: json,
  body: JSON.stringify({ ok: reasons.length === 0, reasons })
})

const encodeSnapshot = Schema.encodeEffect(Schema.fromJsonString(Snapshot))

const eventsPath = "/events"

const makeRoutes = (
  board: StatusBoard["Service"],
  hub: Hub,
  page: PageOptions,
  startedMs: number
): ReadonlyMap<string, Route> =>
  new Map<string, Route>([
    [
      "/",
      Effect.map(board.snapshot, (snapshot) => ({
        status: 200,
        type: html,
        body: statusPage(snapshot, page),
        headers: { "content-security-policy": contentSecurityPolicy() }
      }))
    ],
    [
      "/status.json",
      Effect.flatMap(board.snapshot, encodeSnapshot).pipe(
        Effect.orDie,
        Effect.map((body) => ({ status: 200, type: json, body }))
      )
    ],
    [
      "/metrics",
      Effect.zipWith(board.snapshot, board.counters, (snapshot, counters) => ({
        status: 200,
        type: Metrics.contentType,
        body: Metrics.metricsText(snapshot, counters, { startedMs, sse: hub.counts() })
      }))
    ],
    ["/healthz", Effect.map(board.health, ({ own, sinks }) => healthAnswer([...own, ...sinks]))],
    ["/livez", Effect.map(board.health, ({ own }) => healthAnswer(own))]
  ])

const header = (request: http.IncomingMessage, name: string): string | undefined => {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(", ") : value
}

const askedOf = (request: http.IncomingMessage): Asked => ({
  method: request.method ?? "",
  target: request.url ?? "",
  host: request.headers.host,
  authorization: request.headers.authorization,
  fetchSite: header(request, "sec-fetch-site"),
  fetchMode: header(request, "sec-fetch-mode"),
  loopback: isLoopback(request.socket.remoteAddress)
})

/** Node leaves the body of an answer to HEAD away, and keeps its length. */
const answer = (response: http.ServerResponse, { status, type, body, headers }: Answer): void =>
  void response
    .writeHead(status, {
      ...guardHeaders,
      "content-security-policy": inertPolicy,
      ...headers,
      "content-type": type,
      "content-length": Buffer.byteLength(body)
    })
    .end(body)

const answerText = (
  response: http.ServerResponse,
  status: number,
  said: string,
  headers: Readonly<Record<string, string>> = {}
): void => answer(response, { status, type: text, body: `${said}\n`, headers })

const stream = (hub: Hub, request: http.IncomingMessage, response: http.ServerResponse): Effect.Effect<void> => {
  response.writeHead(200, {
    ...guardHeaders,
    "content-security-policy": inertPolicy,
    "content-type": "text/event-stream; charset=utf-8",
    // nginx would hold it back until its buffer is full.
    "x-accel-buffering": "no",
    // It must not outlive the stream, or the server could not close.
    connection: "close"
  })
  if (request.method === "HEAD") return Effect.sync(() => void response.end())
  return Effect.asVoid(hub.connect(response))
}

const handle =
  (gate: Gate, routes: ReadonlyMap<string, Route>, hub: Hub) =>
  (request: http.IncomingMessage, response: http.ServerResponse): Effect.Effect<void> => {
    const asked = askedOf(request)
    const refused = refuse(gate, asked)
    if (refused !== undefined)
      return Effect.sync(() => answerText(response, refused.status, refused.why, refused.headers))
    const path = pathOf(asked.target)
    if (path === eventsPath) {
      return hub.hasRoom()
        ? stream(hub, request, response)
        : Effect.sync(() =>
            answerText(response, 503, "too many are looking", { "retry-after": String(retryAfterSeconds) })
          )
    }
    const route = routes.get(path)
    return route === undefined
      ? Effect.sync(() => answerText(response, 404, "no such page"))
      : Effect.map(route, (made) => answer(response, made))
  }

/**
 * Serves until its scope closes; nothing where `WATCHDOG_HTTP_LISTEN` is off. An address that is taken is logged and not fatal: a
 * watchdog without its page still watches.
 */
export const layer = (page: PageOptions): Layer.Layer<never, never, StatusBoard | Loops | Keys.Settings> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const settings = yield* Keys.Settings
      const listen = settings.get(keys.listen)
      if (listen === "off") return
      const board = yield* StatusBoard
      const token = settings.get(keys.token)
      const gate: Gate = {
        hosts: acceptedHosts(settings.get(keys.hosts), listen.host),
        token: token === undefined ? undefined : Redacted.value(token)
      }
      const hub = yield* makeHub<StatusFragments>({
        render: Effect.map(board.snapshot, (snapshot) => statusFragments(snapshot, page)),
        event: (before, after) => {
          const changed = changedFragments(before, after)
          return Object.keys(changed).length === 0 ? null : snapshotEvent(after.at, changed)
        },
        beat: Effect.map(Clock.currentTimeMillis, (ms) => beatEvent(isoTime(ms))),
        changedSince: board.changedSince
      })
      const routes = makeRoutes(board, hub, page, (yield* vitals)().startedMs)
      const where = yield* serve(listen, handle(gate, routes, hub))
      // After `serve`, so that the streams end before the server waits for them.
      yield* Effect.addFinalizer(() => hub.end)
      yield* Effect.logInfo(`status page on http://${showListen(where)}`)
    }).pipe(
      Effect.catchTag("ListenError", (error) =>
        Effect.flatMap(Keys.Settings, (settings) =>
          Effect.logError(
            `cannot listen on ${showListen(settings.get(keys.listen))}: ${error.message}; going on without a status page`
          )
        )
      )
    )
  )
