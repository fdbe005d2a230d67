/**
 * The fake engine where a client can reach it: over a real unix socket or port, or as an in-memory client.
 *
 * Both keep the time of the `Clock` around them. In memory nothing is real: a hang is `Effect.never`, a late answer sleeps on
 * that clock, a body is there at once; so a test clock may move over many ticks. A server is for `it.live`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Readable } from "node:stream"
import { Clock, Duration, Effect, FiberSet, type Scope } from "effect"
import {
  HttpClient,
  HttpClientError,
  type HttpClientRequest,
  HttpClientResponse,
  HttpIncomingMessage
} from "effect/http"
import {
  type FakeEngine,
  type FakeEngineAnswer,
  type FakeEngineOptions,
  type FakeEngineResponse,
  makeFakeEngine
} from "./FakeEngine.ts"

type Options = Omit<FakeEngineOptions, "nowMs">

export type ServeOptions = Options & ({ readonly socketPath: string } | { readonly port: number })

export interface RunningFakeEngine {
  readonly core: FakeEngine
  /** As `WATCHDOG_DOCKER_HOST` takes it: `unix:///…` or `tcp://127.0.0.1:…`. */
  readonly host: string
}

/** The fake on the clock around it. Without a server: see `client`. */
export const make = (options: Options = {}): Effect.Effect<FakeEngine> =>
  Effect.map(Clock.Clock, (clock) => makeFakeEngine({ ...options, nowMs: () => clock.currentTimeMillisUnsafe() }))

/**
 * Serves a fake until the scope closes; connections that hang are cut then. Port 0 is a free one.
 *
 * Fails: never; an address that cannot be listened on is a defect of the test.
 */
export const serve = (options: ServeOptions): Effect.Effect<RunningFakeEngine, never, Scope.Scope> =>
  Effect.gen(function* () {
    const core = yield* make(options)
    const run = yield* FiberSet.makeRuntime()
    const server = createServer((request, response) => void run(receive(core, request, response)))
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.once("error", (error) => resume(Effect.die(error)))
        const listening = () => resume(Effect.void)
        if ("socketPath" in options) server.listen(options.socketPath, listening)
        else server.listen(options.port, "127.0.0.1", listening)
      }),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return { core, host: "socketPath" in options ? `unix://${options.socketPath}` : `tcp://127.0.0.1:${port}` }
  })

const answerOf = (core: FakeEngine, method: string, path: string): FakeEngineAnswer =>
  core.absent() === null ? core.handle({ method, path }) : "reset"

const receive = (core: FakeEngine, request: IncomingMessage, response: ServerResponse): Effect.Effect<void> =>
  Effect.gen(function* () {
    request.resume()
    // A client that gives up is an ordinary sight in tests of time-outs.
    request.on("error", () => undefined)
    response.on("error", () => undefined)
    const answer = answerOf(core, request.method ?? "GET", request.url ?? "/")
    if (answer === "hang") return
    if (answer === "reset") {
      request.socket.destroy()
      return
    }
    if (answer.delayMs > 0) yield* Effect.sleep(Duration.millis(answer.delayMs))
    response.writeHead(answer.status, {
      ...answer.headers,
      "Content-Length": Buffer.byteLength(answer.body) + answer.fillerBytes
    })
    if (answer.fillerBytes === 0) response.end(answer.body)
    else
      Readable.from(bodyOf(answer))
        .on("error", () => undefined)
        .pipe(response)
  })

const fillerChunkBytes = 65_536

/** The body piece by piece: what nobody reads is never made. */
function* bodyOf(answer: FakeEngineResponse): Generator<Buffer> {
  yield Buffer.from(answer.body)
  const chunk = Buffer.alloc(fillerChunkBytes, " ")
  for (let left = answer.fillerBytes; left > 0; left -= chunk.length)
    yield chunk.subarray(0, Math.min(left, chunk.length))
}

/**
 * A client whose every request, whatever the host, goes to this fake.
 *
 * Its bodies keep to `MaxBodySize` as those of node:http do; where the fake is away its requests fail with that errno.
 */
export const client = (core: FakeEngine): HttpClient.HttpClient =>
  HttpClient.make((request, url) =>
    Effect.suspend(() => {
      const absence = core.absent()
      if (absence !== null) return Effect.fail(transportError(request, absence))
      const answer = core.handle({
        method: request.method,
        path: `${url.pathname}${url.search}`,
        headers: request.headers
      })
      if (answer === "hang") return Effect.never
      if (answer === "reset") return Effect.fail(transportError(request, "ECONNRESET"))
      const response = Effect.succeed(responseOf(request, answer))
      return answer.delayMs > 0 ? Effect.delay(response, Duration.millis(answer.delayMs)) : response
    })
  )

const transportError = (request: HttpClientRequest.HttpClientRequest, code: string): HttpClientError.HttpClientError =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({ request, cause: Object.assign(new Error(code), { code }) })
  })

/** `fromWeb` reads its body through a promise, which a test clock overtakes: here the text is there at once. */
const responseOf = (
  request: HttpClientRequest.HttpClientRequest,
  answer: FakeEngineResponse
): HttpClientResponse.HttpClientResponse => {
  const { status, headers } = answer
  const response = HttpClientResponse.fromWeb(
    request,
    new Response(status === 204 || status === 304 ? null : answer.body, { status, headers: { ...headers } })
  )
  const bytes = Buffer.byteLength(answer.body) + answer.fillerBytes
  const text = Effect.flatMap(HttpIncomingMessage.MaxBodySize, (bytesMax) =>
    bytesMax !== undefined && bytes > Number(bytesMax)
      ? Effect.fail(
          new HttpClientError.HttpClientError({
            reason: new HttpClientError.DecodeError({ request, response, cause: new Error("maxBytes exceeded") })
          })
        )
      : Effect.sync(() => answer.body + " ".repeat(answer.fillerBytes))
  )
  return Object.defineProperty(response, "text", { value: text })
}
