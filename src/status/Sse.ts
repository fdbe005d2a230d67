/**
 * `/events`: what has changed on the page, to whoever has it open.
 *
 * One rendering serves all clients, at most four a second, and only what differs is sent. Nobody there: nothing is rendered. A
 * client that does not read is ended: what waits for it would be our memory.
 */
import type * as http from "node:http"
import { Duration, Effect, Latch, Semaphore, type Scope } from "effect"
import type { Loops } from "../base/Loops.ts"
import { monotonicMs } from "../base/Monotonic.ts"
import { supervise } from "../base/Supervise.ts"

/** More than a team has screens; with it the server has connections left for pages and scrapes. */
export const clientsMax = 200
/** Proxies cut what is silent for 60 s or, some of them, 30; the page itself takes three lost beats for a lost connection. */
const beatEveryMs = 15_000
/** A tick brings many changes: those of this moment are one rendering. It is the delay of the first change after quiet. */
const gatherMs = 20
/** Four renderings a second are enough for an eye. */
const renderEveryMs = 250
/** However large the page, rendering takes at most a tenth of the time. */
const renderShare = 10
/** Twice the page, but at least this: what may wait for a client that reads slowly. */
const waitingBytesMin = 1_048_576
/** Two beats: whoever has not read for so long has gone. */
const unreadMaxMs = 30_000
/** What a browser waits until it comes back. */
const retryMs = 2_000
export const retryAfterSeconds = 30

/** A rendering that is older than this is made anew for whoever comes. */
const freshMs = 1_000

/** What is shown, in whatever form (`F`) its renderer has it. */
export interface Source<F> {
  /** The page as it is now. */
  readonly render: Effect.Effect<F>
  /** The event that makes `after` of `before`, the whole page where that is null; null where nothing differs. */
  readonly event: (before: F | null, after: F) => string | null
  /** The event that says the connection lives. */
  readonly beat: Effect.Effect<string>
  /** Waits until something differs from that version; returns the present one at once for a version never given. */
  readonly changedSince: (version: number) => Effect.Effect<number>
}

export interface Hub {
  /** False: there are too many, or we are leaving. */
  readonly hasRoom: () => boolean
  /** Sends the whole page and then what changes, until the client leaves; ends it at once where there is no room after all. */
  readonly connect: (response: http.ServerResponse) => Effect.Effect<void>
  readonly counts: () => { readonly clients: number; readonly dropped: number }
  /** Ends every stream, and takes no new one. */
  readonly end: Effect.Effect<void>
}

interface Client {
  readonly response: http.ServerResponse
  /** Since when it has left something unread; null if it has read all. */
  unreadSinceMs: number | null
}

const neverGiven = -1

export const makeHub = <F>(source: Source<F>): Effect.Effect<Hub, never, Scope.Scope | Loops> =>
  Effect.gen(function* () {
    const clients = new Set<Client>()
    const someone = yield* Latch.make()
    // One hand at a time: a client that comes while a rendering is sent would miss what it changed.
    const hand = yield* Semaphore.make(1)
    let shown: F | null = null
    let renderedMs = Number.NEGATIVE_INFINITY
    let whole: Buffer | null = null
    let version = neverGiven
    let dropped = 0
    let isLeaving = false

    const leave = (client: Client): void => {
      if (!clients.delete(client) || clients.size > 0) return
      someone.closeUnsafe()
      shown = null
      whole = null
    }

    const put = (client: Client, bytes: Buffer, nowMs: number): void => {
      const { response } = client
      client.unreadSinceMs = response.writableNeedDrain ? (client.unreadSinceMs ?? nowMs) : null
      const hasGone = client.unreadSinceMs !== null && nowMs - client.unreadSinceMs >= unreadMaxMs
      if (hasGone || response.writableLength > Math.max(waitingBytesMin, 2 * (whole?.length ?? 0))) {
        dropped += 1
        leave(client)
        response.destroy()
      } else response.write(bytes)
    }

    const putAll = (text: string): Effect.Effect<void> =>
      Effect.map(monotonicMs, (nowMs) => {
        const bytes = Buffer.from(text)
        for (const client of clients) put(client, bytes, nowMs)
      })

    /** Renders, and tells everybody what differs. */
    const refresh = Effect.gen(function* () {
      version = yield* source.changedSince(neverGiven)
      renderedMs = yield* monotonicMs
      const next = yield* source.render
      const news = shown === null ? null : source.event(shown, next)
      shown = next
      whole = null
      if (news !== null) yield* putAll(news)
      return next
    })

    const broadcast = hand.withPermit(
      Effect.gen(function* () {
        if (clients.size === 0) return 0
        const startMs = yield* monotonicMs
        yield* refresh
        return (yield* monotonicMs) - startMs
      })
    )

    const renders = Effect.gen(function* () {
      while (true) {
        yield* someone.await
        yield* source.changedSince(version)
        yield* Effect.sleep(Duration.millis(gatherMs))
        const tookMs = yield* broadcast
        yield* Effect.sleep(Duration.millis(Math.max(renderEveryMs - gatherMs, tookMs * (renderShare - 1))))
      }
    })

    const beats = Effect.gen(function* () {
      while (true) {
        yield* someone.await
        yield* Effect.sleep(Duration.millis(beatEveryMs))
        yield* Effect.flatMap(source.beat, putAll)
      }
    })

    yield* Effect.forkScoped(supervise("page events", renders))
    yield* Effect.forkScoped(supervise("page beats", beats))

    const hasRoom = (): boolean => !isLeaving && clients.size < clientsMax

    const connect = (response: http.ServerResponse): Effect.Effect<void> =>
      hand.withPermit(
        Effect.gen(function* () {
          if (!hasRoom()) return void response.end()
          const isFresh = (yield* monotonicMs) - renderedMs <= freshMs
          const page = shown !== null && isFresh ? shown : yield* refresh
          // It may have left while it waited for its turn; its end has then been told already.
          if (response.destroyed || response.socket?.destroyed !== false) return
          whole ??= Buffer.from(source.event(null, page) ?? "")
          const client: Client = { response, unreadSinceMs: null }
          response.on("close", () => leave(client))
          clients.add(client)
          someone.openUnsafe()
          response.write(`retry: ${retryMs}\n\n`)
          response.write(whole)
        })
      )

    return {
      hasRoom,
      connect,
      counts: () => ({ clients: clients.size, dropped }),
      end: Effect.sync(() => {
        isLeaving = true
        for (const { response } of clients) {
          if (response.writableNeedDrain) response.destroy()
          else response.end()
        }
      })
    }
  })
