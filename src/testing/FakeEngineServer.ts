/**
 * The fake engine where a client can reach it: over a real unix socket or port, or as an in-memory client.
 *
 * Both keep the time of the `Clock` around them. In memory nothing is real: a hang is `Effect.never`, a late answer sleeps on
 * that clock, a body is there at once; so a test clock may move over many ticks. A server is for `it.live`.
 *
 * An event stream gets each event before the deed that is its cause returns; what the world does by itself (a crash loop) it does
 * on time while somebody reads events. Read it as `response.stream`; its `text` is whole only when the stream has ended.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Readable } from "node:stream"
import { Cause, Clock, Duration, Effect, FiberSet, Queue, type Scope, Stream } from "effect"
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
  type FakeEngineFlow,
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
    if (answer.flow !== undefined) {
      yield* pour(core, answer, answer.flow, response)
      return
    }
    response.writeHead(answer.status, {
      ...answer.headers,
      "Content-Length": bytesOf(answer).length + answer.fillerBytes
    })
    if (answer.fillerBytes === 0) response.end(bytesOf(answer))
    else
      Readable.from(bodyOf(answer))
        .on("error", () => undefined)
        .pipe(response)
  })

/** Headers at once, then chunk by chunk until one of both has had enough. */
const pour = (
  core: FakeEngine,
  { status, headers }: FakeEngineResponse,
  flow: FakeEngineFlow,
  response: ServerResponse
): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    response.writeHead(status, headers)
    response.flushHeaders()
    const hangUp = flow.subscribe({
      chunk: (bytes) => void response.write(bytes),
      end: (how) => {
        if (how === "end") response.end()
        else response.destroy()
      }
    })
    response.on("close", () => {
      hangUp()
      resume(Effect.void)
    })
    return Effect.sync(hangUp)
  }).pipe(Effect.raceFirst(keepTime(core)))

/** Lets happen what the fake world does by itself, when it is due. */
const keepTime = (core: FakeEngine): Effect.Effect<never> =>
  Effect.scoped(
    Effect.gen(function* () {
      const deeds = yield* Queue.sliding<void>(1)
      yield* Effect.acquireRelease(
        Effect.sync(() => core.onDeed(() => void Queue.offerUnsafe(deeds, undefined))),
        (end) => Effect.sync(end)
      )
      const clock = yield* Clock.Clock
      return yield* Effect.forever(
        Effect.suspend(() => {
          const dueMs = core.catchUp()
          const deed = Queue.take(deeds)
          if (dueMs === null) return deed
          const waitMs = Math.max(1, dueMs - clock.currentTimeMillisUnsafe())
          return Effect.raceFirst(deed, Effect.sleep(Duration.millis(waitMs)))
        })
      )
    })
  )

const bytesOf = ({ body, bytes }: FakeEngineResponse): Buffer => bytes ?? Buffer.from(body)

const fillerChunkBytes = 65_536

/** The body piece by piece: what nobody reads is never made. */
function* bodyOf(answer: FakeEngineResponse): Generator<Buffer> {
  yield bytesOf(answer)
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
  HttpClient.make((request, url, signal) =>
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
      const response = Effect.sync(() =>
        answer.flow === undefined
          ? responseOf(request, answer)
          : streamingResponse(core, request, answer, answer.flow, signal)
      )
      return answer.delayMs > 0 ? Effect.delay(response, Duration.millis(answer.delayMs)) : response
    })
  )

const transportError = (request: HttpClientRequest.HttpClientRequest, code: string): HttpClientError.HttpClientError =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({ request, cause: Object.assign(new Error(code), { code }) })
  })

/** `fromWeb` reads its body through a promise, which a test clock overtakes: here all of it is there at once. */
const responseOf = (
  request: HttpClientRequest.HttpClientRequest,
  answer: FakeEngineResponse
): HttpClientResponse.HttpClientResponse => {
  const { status, headers } = answer
  const response = HttpClientResponse.fromWeb(request, new Response(null, { status, headers: { ...headers } }))
  const whole = <A>(read: () => A): Effect.Effect<A, HttpClientError.HttpClientError> =>
    Effect.flatMap(HttpIncomingMessage.MaxBodySize, (bytesMax) =>
      bytesMax !== undefined && bytesOf(answer).length + answer.fillerBytes > Number(bytesMax)
        ? Effect.fail(decodeError(request, response, new Error("maxBytes exceeded")))
        : Effect.sync(read)
    )
  return Object.defineProperties(response, {
    text: { value: whole(() => (answer.bytes?.toString() ?? answer.body) + " ".repeat(answer.fillerBytes)) },
    arrayBuffer: { value: whole(() => new Uint8Array(Buffer.concat([...bodyOf(answer)])).buffer) },
    stream: { value: Stream.suspend(() => Stream.fromIterable(bodyOf(answer))) }
  })
}

/** A body that comes bit by bit, at once when it comes. A torn stream fails as the real client's does. */
const streamingResponse = (
  core: FakeEngine,
  request: HttpClientRequest.HttpClientRequest,
  { status, headers }: FakeEngineResponse,
  flow: FakeEngineFlow,
  signal: AbortSignal
): HttpClientResponse.HttpClientResponse => {
  const response = HttpClientResponse.fromWeb(request, new Response(null, { status, headers: { ...headers } }))
  // Not `Stream.callback`: what waits already is to be read in the fiber's first run, not some runs later.
  const stream = Stream.unwrap(
    Effect.gen(function* () {
      const queue = yield* Queue.unbounded<Uint8Array, HttpClientError.HttpClientError | Cause.Done>()
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          flow.subscribe({
            chunk: (bytes) => void Queue.offerUnsafe(queue, bytes),
            end: (how) => {
              if (how === "end") Queue.endUnsafe(queue)
              else Queue.failCauseUnsafe(queue, Cause.fail(decodeError(request, response, resetError())))
            }
          })
        ),
        (hangUp) => Effect.sync(hangUp)
      )
      yield* Effect.forkScoped(keepTime(core))
      return Stream.fromQueue(queue)
    })
  )
  // Whoever gives up before the first byte hangs up too.
  signal.addEventListener("abort", () => flow.subscribe({ chunk: () => undefined, end: () => undefined })())
  return Object.defineProperties(response, {
    stream: { value: stream },
    text: { value: Stream.mkString(Stream.decodeText(stream)) }
  })
}

const resetError = (): Error => Object.assign(new Error("aborted"), { code: "ECONNRESET" })

const decodeError = (
  request: HttpClientRequest.HttpClientRequest,
  response: HttpClientResponse.HttpClientResponse,
  cause: Error
): HttpClientError.HttpClientError =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.DecodeError({ request, response, cause })
  })
