/**
 * Outgoing HTTP: one client per purpose, each with its own agent.
 *
 * The platform's client layers are memoised by reference: with Docker, orchestrator and Telegram in one graph all would use
 * whichever agent was built first, and the bot token would go into docker.sock. So clients are made here, never as layers.
 * Connections are not kept alive: a look must prove that the other side still accepts one.
 *
 * A proxy is used where the caller names one, by Node's own support for it. The name of a host behind it is the proxy's to
 * resolve, and its own name the system's: the memory of `Lookup.ts` is for direct connections only.
 */
import * as http from "node:http"
import * as https from "node:https"
import type { LookupFunction } from "node:net"
import type { Duplex } from "node:stream"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { ByteSize, Context, Effect, Layer, Redacted, type Scope } from "effect"
import { HttpClient, HttpClientError, HttpIncomingMessage } from "effect/http"
import { makeLookup } from "./Lookup.ts"
import { goesByProxy, type Proxy } from "./Proxy.ts"

export type Route =
  | { readonly _tag: "Tcp"; readonly proxy?: Proxy | undefined }
  | { readonly _tag: "Unix"; readonly path: string }

export class Http extends Context.Service<
  Http,
  {
    /** A client for one purpose; its agent lives as long as the scope. */
    readonly client: (route: Route) => Effect.Effect<HttpClient.HttpClient, never, Scope.Scope>
  }
>()("watchdog/base/Http") {
  static readonly layer: Layer.Layer<Http> = Layer.effect(
    Http,
    Effect.gen(function* () {
      const lookup = yield* makeLookup()
      return Http.of({
        client: (route) => {
          if (route._tag === "Unix") return Effect.map(direct({ socketPath: route.path }), quiet)
          const { proxy } = route
          if (proxy === undefined) return Effect.map(direct({ lookup }), quiet)
          const through = byProxy(proxy)
          return Effect.map(direct({ lookup }), (past) =>
            quiet(HttpClient.make((request, url) => (goesByProxy(proxy, url) ? through : past).execute(request)))
          )
        }
      })
    })
  )

  /** Every client, whatever its route, is the one given. */
  static readonly layerTest = (client: (route: Route) => HttpClient.HttpClient): Layer.Layer<Http> =>
    Layer.succeed(Http, { client: (route) => Effect.succeed(client(route)) })
}

const clientWith = (agent: NodeHttpClient.HttpAgent["Service"]): Effect.Effect<HttpClient.HttpClient> =>
  Effect.provideService(NodeHttpClient.makeNodeHttp, NodeHttpClient.HttpAgent, agent)

const direct = (
  options: { readonly socketPath: string } | { readonly lookup: LookupFunction }
): Effect.Effect<HttpClient.HttpClient, never, Scope.Scope> =>
  Effect.flatMap(NodeHttpClient.makeAgent({ ...options, keepAlive: false }), clientWith)

const byProxy = (proxy: Proxy): HttpClient.HttpClient => {
  const value = (one: Redacted.Redacted | undefined) => (one === undefined ? undefined : Redacted.value(one))
  // What goes directly was decided before: Node's own reading of NO_PROXY knows no networks and no names below a name.
  const options = { keepAlive: false, proxyEnv: { http_proxy: value(proxy.http), https_proxy: value(proxy.https) } }
  return HttpClient.make((request) =>
    Effect.suspend(() => {
      // An agent for each request, so that its connection can be found and cut; nothing is kept alive anyway.
      const agents = { http: new http.Agent(options), https: new TunnelAgent(options) }
      return Effect.flatMap(clientWith(agents), (client) => client.execute(request)).pipe(
        Effect.onError(() => Effect.sync(() => agents.https.cut()))
      )
    })
  )
}

/**
 * Node does not end a tunnel that is still being made when its request is given up: the connection to the proxy stays, and
 * what becomes of it later is an error event that nobody hears, which ends the process.
 */
class TunnelAgent extends https.Agent {
  #socket: Duplex | null | undefined

  override createConnection(
    options: https.RequestOptions,
    callback?: (error: Error | null, stream: Duplex) => void
  ): Duplex | null | undefined {
    this.#socket = super.createConnection(options, callback)
    return this.#socket
  }

  cut(): void {
    this.#socket?.destroy()
  }
}

/** No tracing headers towards systems we only watch. */
const quiet = (client: HttpClient.HttpClient): HttpClient.HttpClient =>
  HttpClient.transform(client, (effect) => Effect.provideService(effect, HttpClient.TracerPropagationEnabled, false))

/** Caps what `.json` and `.text` read of a body; more is an error, not a crash. */
export const capBody = (bytesMax: number): (<A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) =>
  Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.fromInputUnsafe(bytesMax))

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EPIPE: "connection closed",
  ENOTFOUND: "no such host (DNS)",
  EAI_AGAIN: "DNS does not answer",
  ENODATA: "no address for the host (DNS)",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  ETIMEDOUT: "connection timed out",
  ENOENT: "no such socket",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  ERR_INVALID_URL: "not a URL",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate cannot be verified",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is signed by an authority that is not trusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is signed by an authority that is not trusted",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS",
  ERR_PROXY_TUNNEL: "the proxy does not let it through"
}

/** Failures from before a request was written. */
const before = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENODATA",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EACCES",
  "ENOENT",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "ERR_PROXY_TUNNEL"
])

/** True where the other side has certainly not seen the request; after any other failure it may have. */
export const neverSent = (error: unknown): boolean => {
  const code = errorCode(error) ?? ""
  return before.has(code) || /^(CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_)/.test(code)
}

/** A wait that is longer than this is a mistake of the other side: nobody may silence us for good. */
const retryAfterMaxMs = 86_400_000

/** What a `Retry-After` header asks for, in milliseconds: seconds, or an HTTP date; null where it says neither. */
export const retryAfterMs = (header: string | undefined, wallMs: number): number | null => {
  const text = header?.trim() ?? ""
  const isNumber = /^\d+(\.\d+)?$/.test(text)
  // Every HTTP date begins with its weekday; without this "-5" would be a date too.
  if (!isNumber && !/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text)) return null
  const ms = isNumber ? Number(text) * 1_000 : Date.parse(text) - wallMs
  return Number.isFinite(ms) ? Math.min(retryAfterMaxMs, Math.max(0, ms)) : null
}

/** The errno of a failed request, wherever in the chain of causes it hides. */
export const errorCode = (error: unknown): string | undefined => {
  let at: unknown = error
  for (let depth = 0; depth < 6 && at !== null && typeof at === "object"; depth++) {
    const record = at as {
      readonly code?: unknown
      readonly cause?: unknown
      readonly reason?: unknown
      readonly errors?: unknown
    }
    if (typeof record.code === "string") return record.code
    const inner = Array.isArray(record.errors) ? record.errors[0] : undefined
    at = record.cause ?? record.reason ?? inner
  }
  return undefined
}

/**
 * What went wrong, in the operator's words, without the URL: a URL may hold a secret (Telegram's holds the token).
 */
export const errorText = (error: unknown): string => {
  const code = errorCode(error)
  if (code !== undefined) return words[code] ?? code
  if (HttpClientError.isHttpClientError(error)) {
    const said = deepestMessage(error.reason)
    if (/maxBytes/.test(said)) return "the body is larger than allowed"
    if (/aborted|terminated|premature/i.test(said)) return "the connection was cut within the answer"
    return `${error.reason._tag.replace(/Error$/, "").toLowerCase()} error`
  }
  return "unknown error"
}

const deepestMessage = (error: unknown): string => {
  let said = ""
  let at: unknown = error
  for (let depth = 0; depth < 6 && at !== null && typeof at === "object"; depth++) {
    const record = at as { readonly message?: unknown; readonly cause?: unknown }
    if (typeof record.message === "string") said = record.message
    at = record.cause
  }
  return typeof at === "string" ? at : said
}
