/**
 * A plain HTTP server on one address, as a scoped resource: bounded in what a client may send, how long it may take and how many
 * there may be, and closed at once when its scope closes.
 *
 * Node's own, for two reasons: an event stream must know how much a client has not read, and the page must not cost the memory of
 * a router and of web sockets that nobody uses.
 */
import * as http from "node:http"
import { Cause, Duration, Effect, FiberSet, Schema, type Scope } from "effect"
import { errorText } from "../base/Http.ts"
import type { Listen } from "./Listen.ts"

/** How long a client may take to ask. A request that is sent drop by drop is cut. */
export interface Patience {
  readonly headersMs: number
  readonly requestMs: number
  readonly checkEveryMs: number
}

const defaultPatience: Patience = { headersMs: 5_000, requestMs: 10_000, checkEveryMs: 2_000 }

/** Node's default: browsers send the cookies of every other service on localhost with it. */
const headerBytesMax = 16_384
const keepAliveMs = 5_000
/** A connection on which nothing moves. The event stream says something each 15 s. */
const idleMs = 60_000
/** 200 event streams, and room for pages and scrapes beside them. */
const connectionsMax = 300
/** What an open answer gets at the end; with the flush before it we stay below Docker's 10 s. */
const shutdownTimeout = Duration.seconds(1)

export class ListenError extends Schema.TaggedError<ListenError>()("ListenError", { detail: Schema.String }) {
  override get message(): string {
    return this.detail
  }
}

export type Handle = (request: http.IncomingMessage, response: http.ServerResponse) => Effect.Effect<void>

/**
 * Serves until the scope closes; returns where it really listens. Fails: ListenError (the address is taken, or not ours).
 * A handler that dies is logged and answered 500.
 */
export const serve = (
  listen: Listen,
  handle: Handle,
  patience: Patience = defaultPatience
): Effect.Effect<Listen, ListenError, Scope.Scope> =>
  Effect.gen(function* () {
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    const server = http.createServer({
      headersTimeout: patience.headersMs,
      requestTimeout: patience.requestMs,
      connectionsCheckingInterval: patience.checkEveryMs,
      maxHeaderSize: headerBytesMax,
      keepAliveTimeout: keepAliveMs
    })
    server.timeout = idleMs
    server.maxConnections = connectionsMax
    server.on("request", (request, response) => void run(guarded(handle, request, response)))
    yield* Effect.acquireRelease(open(server, listen), () => close(server))
    // Without a listener an error of the server would end the process.
    server.on(
      "error",
      (error) =>
        void run(Effect.logWarning("the status server complains").pipe(Effect.annotateLogs({ cause: String(error) })))
    )
    const address = server.address()
    return typeof address === "object" && address !== null ? { host: listen.host, port: address.port } : listen
  })

const guarded = (handle: Handle, request: http.IncomingMessage, response: http.ServerResponse): Effect.Effect<void> =>
  Effect.suspend(() => handle(request, response)).pipe(
    Effect.catchCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.sync(() => void response.destroy())
      const said = Effect.logError("the status server could not answer").pipe(
        Effect.annotateLogs({ cause: Cause.pretty(cause).slice(0, 2_000) })
      )
      return Effect.andThen(
        said,
        Effect.sync(() => {
          if (response.headersSent) response.destroy()
          else response.writeHead(500, { "content-type": "text/plain" }).end("a bug in the watchdog: see its log\n")
        })
      )
    })
  )

const open = (server: http.Server, { host, port }: Listen): Effect.Effect<void, ListenError> =>
  Effect.callback((resume) => {
    const refused = (error: Error): void =>
      resume(Effect.fail(new ListenError({ detail: words[codeOf(error)] ?? errorText(error) })))
    server.once("error", refused)
    server.listen(port, host, () => {
      server.off("error", refused)
      resume(Effect.void)
    })
  })

const words: Readonly<Record<string, string>> = {
  EADDRINUSE: "the address is taken",
  EADDRNOTAVAIL: "the address is not of this machine"
}

const codeOf = (error: Error): string => String((error as NodeJS.ErrnoException).code)

/** Idle connections go at once, answers under way get their time, and then everything goes. */
const close = (server: http.Server): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    server.closeIdleConnections()
  }).pipe(Effect.timeoutOption(shutdownTimeout), Effect.andThen(Effect.sync(() => server.closeAllConnections())))
