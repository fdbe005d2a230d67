/**
 * Outgoing HTTP: one client per purpose, each with its own agent.
 *
 * The platform's client layers are memoised by reference: with Docker, orchestrator and Telegram in one graph all would use
 * whichever agent was built first, and the bot token would go into docker.sock. So clients are made here, never as layers.
 * Connections are not kept alive: a look must prove that the other side still accepts one.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { ByteSize, Context, Effect, Layer, type Scope } from "effect"
import { HttpClient, HttpClientError, HttpIncomingMessage } from "effect/http"
import { makeLookup } from "./Lookup.ts"

export type Route = { readonly _tag: "Tcp" } | { readonly _tag: "Unix"; readonly path: string }

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
          const options = route._tag === "Unix" ? { socketPath: route.path } : { lookup }
          const agent = NodeHttpClient.makeAgent({ ...options, keepAlive: false })
          return Effect.flatMap(agent, (made) =>
            Effect.provideService(NodeHttpClient.makeNodeHttp, NodeHttpClient.HttpAgent, made)
          ).pipe(Effect.map(quiet))
        }
      })
    })
  )

  /** Every client, whatever its route, is the one given. */
  static readonly layerTest = (client: (route: Route) => HttpClient.HttpClient): Layer.Layer<Http> =>
    Layer.succeed(Http, { client: (route) => Effect.succeed(client(route)) })
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
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name"
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
