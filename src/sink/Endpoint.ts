/**
 * One HTTP address of a sink, asked with a timeout of its own and put into words without its secrets.
 *
 * Redirects are not followed: they would carry the message, and its password, to wherever the other side says.
 */
import { Clock, Duration, Effect } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { capBody, errorText, neverSent, retryAfterMs } from "../base/Http.ts"
import { SinkError } from "./Sink.ts"

export interface Endpoint {
  /** Without credentials. */
  readonly url: URL
  readonly username: string
  readonly password: string
  /** For people: no path either, for in a webhook's it is the secret. */
  readonly host: string
}

export interface Answered {
  readonly status: number
  /** The wait that was asked for. */
  readonly retryAfterMs: number | null
  /** Empty where it could not be read to its end. */
  readonly body: string
}

/** What a healthy receiver of a message needs; it is retried anyway. */
const requestTimeoutMs = 10_000
/** For what an answer has besides its status: it is there already, or not worth waiting for. */
const bodyTimeoutMs = 2_000

const decoded = (text: string): string => (/%(?![0-9a-f]{2})/i.test(text) ? text : decodeURIComponent(text))

/** Fails: never; a URL that is none was refused with the settings. */
export const endpointOf = (address: string): Endpoint => {
  const url = new URL(address)
  const { username, password, host } = url
  url.username = ""
  url.password = ""
  url.hash = ""
  return { url, username: decoded(username), password: decoded(password), host }
}

/** Another path below the endpoint's own: a proxy's prefix stays. */
export const below = (endpoint: Endpoint, path: string): Endpoint => {
  const url = new URL(endpoint.url)
  url.pathname = `${url.pathname.replace(/\/+$/, "")}${path}`
  return { ...endpoint, url }
}

export interface Posted {
  readonly json: string
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Asks, or posts where there is something to post. Any status is an answer.
 *
 * Fails: SinkError (Network | Timeout), worded with `who`.
 */
export const ask = (
  client: HttpClient.HttpClient,
  endpoint: Endpoint,
  who: string,
  bodyBytesMax: number,
  posted?: Posted
): Effect.Effect<Answered, SinkError> =>
  Effect.gen(function* () {
    const response = yield* client.execute(requestOf(endpoint, posted))
    const wallMs = yield* Clock.currentTimeMillis
    // The status has decided: what follows can no longer make a delivered message an undelivered one.
    const body = yield* response.text.pipe(
      Effect.timeout(Duration.millis(bodyTimeoutMs)),
      Effect.orElseSucceed(() => "")
    )
    return { status: response.status, retryAfterMs: retryAfterMs(response.headers["retry-after"], wallMs), body }
  }).pipe(
    capBody(bodyBytesMax),
    // The client's error holds the URL: only its words go on.
    Effect.mapError((error) =>
      failure("Network", `${who} cannot be reached: ${errorText(error)}`, { maybeSent: !neverSent(error) })
    ),
    Effect.timeoutOrElse({
      duration: Duration.millis(requestTimeoutMs),
      orElse: () =>
        Effect.fail(
          failure("Timeout", `${who} has not answered within ${requestTimeoutMs / 1_000} s`, { maybeSent: true })
        )
    })
  )

const requestOf = (endpoint: Endpoint, posted: Posted | undefined): HttpClientRequest.HttpClientRequest => {
  const { url, username, password } = endpoint
  const request =
    posted === undefined
      ? HttpClientRequest.get(url)
      : HttpClientRequest.post(url).pipe(
          HttpClientRequest.bodyText(posted.json, "application/json"),
          HttpClientRequest.setHeaders(posted.headers ?? {})
        )
  const named = HttpClientRequest.setHeader(request, "user-agent", "orchestrator-watchdog")
  return username === "" && password === "" ? named : HttpClientRequest.basicAuth(named, username, password)
}

/** What a status that is not 2xx means. */
export const refusal = (who: string, { status, retryAfterMs: waitMs }: Answered): SinkError => {
  const said = `${who} answered with status ${status}`
  if (status === 429) return failure("RateLimited", said, { retryAfterMs: waitMs })
  if (status === 407) return failure("Network", `${who} cannot be reached: the proxy asks for a password`)
  if (status === 408 || status >= 500) return failure("Server", said, { retryAfterMs: waitMs, maybeSent: true })
  // It is about this message, not about the destination.
  if (status === 400 || status === 413 || status === 422) return failure("Rejected", said)
  const reason = status === 401 ? "Unauthorized" : status === 403 ? "Forbidden" : "NoSuchChat"
  const moved = status >= 300 && status < 400 ? " (redirects are not followed: set the new address)" : ""
  return failure(reason, said + moved, { retryable: false })
}

export const failure = (
  reason: SinkError["reason"],
  detail: string,
  more: Partial<Pick<SinkError, "retryable" | "retryAfterMs" | "maybeSent">> = {}
): SinkError => new SinkError({ reason, detail, retryable: true, retryAfterMs: null, maybeSent: false, ...more })

export const isOk = ({ status }: Answered): boolean => status >= 200 && status < 300
