/** Fakes as in-memory HTTP clients: nothing is real, so that a test clock may move over days. */
import { Effect } from "effect"
import { HttpClient, HttpClientError, type HttpClientRequest, HttpClientResponse } from "effect/http"
import type { FakeTelegram } from "./FakeTelegram.ts"

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
): HttpClient.HttpClient =>
  HttpClient.make((request, url) =>
    Effect.suspend(() => {
      const found = reply(request, url)
      if (found === "hang") return Effect.never
      if ("errno" in found) return Effect.fail(transportError(request, found.errno))
      return Effect.succeed(responseOf(request, found))
    })
  )

/** `fromWeb` reads its body through a promise, which a test clock overtakes: here the text is there at once. */
const responseOf = (
  request: HttpClientRequest.HttpClientRequest,
  { status, headers, body }: Answer
): HttpClientResponse.HttpClientResponse =>
  Object.defineProperty(HttpClientResponse.fromWeb(request, new Response(body, { status, headers })), "text", {
    value: Effect.succeed(body)
  })

const bodyText = (request: HttpClientRequest.HttpClientRequest): string =>
  request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""

/** The fake Telegram without its server. */
export const telegramClient = (core: FakeTelegram): HttpClient.HttpClient =>
  clientOf((request, url) => {
    const answer = core.handle({
      method: request.method,
      path: url.pathname,
      headers: { ...request.headers },
      body: bodyText(request)
    })
    return answer === "reset" ? { errno: "ECONNRESET" } : answer
  })
