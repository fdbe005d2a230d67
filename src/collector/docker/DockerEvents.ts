/**
 * The engine's event stream, kept open: back-off that resets, a cap on lines, each line decoded alone.
 *
 * It makes detection immediate and is never the truth: a dead or silent stream costs latency, polling goes on.
 */
import { Duration, Effect, Queue, Random, Stream } from "effect"
import { monotonicMs } from "../../base/Monotonic.ts"
import type { CollectError } from "../Collector.ts"
import { type ContainerEvent, decodeEvent } from "./ContainerEvent.ts"
import type { DockerApi } from "./DockerApi.ts"
import { Lines } from "./Lines.ts"

const firstBackoffMs = 200
const backoffMaxMs = 30_000
/** A gateway that does not let events through is asked again now and then. */
const refusedRetryMs = 300_000
/** A connection that lived this long was a good one: the next back-off starts anew. */
const goodAfterMs = 10_000

export interface Listener {
  /** The stream is open from now on. */
  readonly opened: Effect.Effect<void>
  /** Whatever happened before it must be looked at; runs beside the reading, which a slow look must not hold up. */
  readonly catchUp: Effect.Effect<void>
  /** Never waits for a request. `atMs` is when the line was read. */
  readonly event: (event: ContainerEvent, atMs: number) => Effect.Effect<void>
  /** What came in one piece has all been given: a flood is looked at piece by piece, not event by event. */
  readonly pieceRead: Effect.Effect<void>
  /** It is not open, and why. */
  readonly closed: (reason: string) => Effect.Effect<void>
  /** Whoever puts something in here has reason to doubt the stream: it is opened anew. */
  readonly doubts: Queue.Queue<void>
}

/** Listens for ever. Fails: never. */
export const listen = (api: DockerApi["Service"], listener: Listener): Effect.Effect<never> =>
  Effect.gen(function* () {
    let failures = 0
    while (true) {
      const { reason, openMs } = yield* connection(api, listener).pipe(
        // A bug of ours: the supervisor tells of it and starts anew.
        Effect.onError(() => listener.closed("the watchdog's own reading of it broke"))
      )
      failures = openMs >= goodAfterMs ? 0 : failures + 1
      yield* listener.closed(reason)
      const own = Math.min(backoffMaxMs, firstBackoffMs * 2 ** Math.min(failures, 16))
      const waitMs = /answered 403|answered 404|answered 405/.test(reason) ? refusedRetryMs : own
      yield* Effect.sleep(Duration.millis(waitMs * (0.8 + 0.4 * (yield* Random.next))))
    }
  })

interface Ended {
  readonly reason: string
  /** How long it had been open; 0 if it never was. */
  readonly openMs: number
}

/** One connection; ends with the reason why it ended. */
const connection = (api: DockerApi["Service"], listener: Listener): Effect.Effect<Ended> =>
  Effect.gen(function* () {
    let openedMs = Number.POSITIVE_INFINITY
    const reason = yield* reasonOf(
      api,
      listener,
      Effect.map(monotonicMs, (nowMs) => void (openedMs = nowMs))
    )
    return { reason, openMs: Math.max(0, (yield* monotonicMs) - openedMs) }
  })

const reasonOf = (
  api: DockerApi["Service"],
  listener: Listener,
  noteOpened: Effect.Effect<void>
): Effect.Effect<string> =>
  Effect.gen(function* () {
    const stream = yield* api.events
    yield* noteOpened
    yield* Queue.clear(listener.doubts)
    yield* listener.opened
    yield* Effect.forkScoped(listener.catchUp)
    const lines = new Lines()
    const reading = Stream.runForEach(stream, (bytes) => read(lines, bytes, listener)).pipe(
      // The engine never ends the stream of itself; where it ends, something between us did.
      Effect.as("the stream ended")
    )
    const doubted = Effect.as(Queue.take(listener.doubts), "it has missed a change that polling saw")
    return yield* Effect.raceFirst(reading, doubted)
  }).pipe(
    Effect.scoped,
    Effect.catch((error: CollectError) => Effect.succeed(error.message))
  )

const read = (lines: Lines, bytes: Uint8Array, listener: Listener): Effect.Effect<void> =>
  Effect.gen(function* () {
    const atMs = yield* monotonicMs
    for (const line of lines.push(bytes)) {
      const event = decodeEvent(line)
      if (event !== undefined) yield* listener.event(event, atMs)
    }
    yield* listener.pieceRead
  })
