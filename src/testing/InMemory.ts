/** Fakes as in-memory HTTP clients: nothing is real, so that a test clock may move over days. */
import { Clock, Duration, Effect } from "effect"
import { HttpClient, HttpClientError, type HttpClientRequest, HttpClientResponse } from "effect/http"
import type { FakeTelegram, FakeTelegramPoll, FakeTelegramResponse } from "./FakeTelegram.ts"

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** `hang` never answers; an errno fails the request with it. */
export type Reply = Answer | "hang" | { readonly errno: string }

export const transportError = (
  request: HttpClientRequest.HttpClientRequest,
  errno: string
): HttpClientError.HttpClientError =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({ request, cause: Object.assign(new Error(errno), { code: errno }) })
  })

/** A client whose every request is answered by this function. */
export const clientOf = (
  reply: (request: HttpClientRequest.HttpClientRequest, url: URL) => Reply
): HttpClient.HttpClient => HttpClient.make((request, url) => Effect.suspend(() => given(request, reply(request, url))))

const given = (
  request: HttpClientRequest.HttpClientRequest,
  found: Reply
): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> => {
  if (found === "hang") return Effect.never
  return "errno" in found
    ? Effect.fail(transportError(request, found.errno))
    : Effect.succeed(responseOf(request, found))
}

/** `fromWeb` reads its body through a promise, which a test clock overtakes: here the text is there at once. */
const responseOf = (
  request: HttpClientRequest.HttpClientRequest,
  { status, headers, body }: Answer
): HttpClientResponse.HttpClientResponse =>
  Object.defineProperty(
    HttpClientResponse.fromWeb(request, new Response(body === "" ? null : body, { status, headers })),
    "text",
    {
      value: Effect.succeed(body)
    }
  )

const bodyText = (request: HttpClientRequest.HttpClientRequest): string =>
  request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""

/** The fake Telegram without its server. Its long polls wait by the clock around them. */
export const telegramClient = (core: FakeTelegram): HttpClient.HttpClient =>
  HttpClient.make((request, url) =>
    Effect.suspend(() => {
      const answer = core.open({
        method: request.method,
        path: url.pathname + url.search,
        headers: { ...request.headers },
        body: bodyText(request)
      })
      if (answer === "reset") return given(request, { errno: "ECONNRESET" })
      if (typeof answer === "string" || !("expire" in answer)) return given(request, answer)
      return Effect.flatMap(waitFor(answer), (found) => given(request, found))
    })
  )

const waitFor = (poll: FakeTelegramPoll): Effect.Effect<FakeTelegramResponse> =>
  Effect.gen(function* () {
    const leftMs = poll.untilMs - (yield* Clock.currentTimeMillis)
    const answered = Effect.callback<FakeTelegramResponse>((resume) => {
      poll.onAnswer((answer) => resume(Effect.succeed(answer)))
    })
    const expired = Effect.andThen(
      Effect.sleep(Duration.millis(Math.max(0, leftMs))),
      Effect.sync(() => poll.expire())
    )
    return yield* Effect.raceFirst(answered, expired)
  }).pipe(Effect.onInterrupt(() => Effect.sync(() => poll.abandon())))
