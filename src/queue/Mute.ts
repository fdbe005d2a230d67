/**
 * Quiet, on purpose: which signals are muted now, until when and by whom. A gate before the outboxes, not part of `step`: a muted
 * signal is decided as ever, and what it owes is held until the mute ends.
 */
import { Context, Duration, Effect, FiberHandle, Layer, Stream, SubscriptionRef } from "effect"
import { matches } from "../base/Glob.ts"
import { monotonicMs } from "../base/Monotonic.ts"
import { StatusBoard } from "../status/StatusBoard.ts"

export interface Mute {
  /** A signal's id, or a glob of ids; `*` is everything. */
  readonly pattern: string
  /** Milliseconds of the monotonic clock. */
  readonly untilMs: number
  /** Who or what: `@name` from the phone, or `maintenance`. */
  readonly by: string
}

/** The hand of maintenance windows: they are worked out anew at each start, so these mutes are never handed over. */
export const byMaintenance = "maintenance"

/** A timer that is set for longer than this is set again: Node's longest is 24.8 days. */
const sleepMaxMs = 86_400_000

export class Mutes extends Context.Service<
  Mutes,
  {
    /** Mutes until then; the same pattern by the same hand is replaced. */
    readonly mute: (mute: Mute) => Effect.Effect<void>
    /** Ends what these hold: every mute of that very pattern, `*` included; returns what was ended. */
    readonly unmute: (pattern: string) => Effect.Effect<ReadonlyArray<Mute>>
    /** What is in force now. */
    readonly current: Effect.Effect<ReadonlyArray<Mute>>
    /** What is in force, now and at each change, the end of one by time included. */
    readonly changes: Stream.Stream<ReadonlyArray<Mute>>
  }
>()("watchdog/queue/Mutes") {
  /** `inherited`: what an earlier life has handed over, in this run's clock. */
  static readonly layer = (inherited: ReadonlyArray<Mute> = []): Layer.Layer<Mutes, never, StatusBoard> =>
    Layer.effect(
      Mutes,
      Effect.gen(function* () {
        const board = yield* StatusBoard
        const inForce = yield* SubscriptionRef.make<ReadonlyArray<Mute>>(running(inherited, yield* monotonicMs))
        const timer = yield* FiberHandle.make<void>()

        const change = (next: (mutes: ReadonlyArray<Mute>) => ReadonlyArray<Mute>): Effect.Effect<void> =>
          Effect.flatMap(SubscriptionRef.updateAndGet(inForce, next), board.mutes)

        /** The one timer: sleeps until the next mute ends, ends it, and goes on until none is left. */
        const expire: Effect.Effect<void> = Effect.gen(function* () {
          while (true) {
            const mutes = yield* SubscriptionRef.get(inForce)
            const nowMs = yield* monotonicMs
            const left = running(mutes, nowMs)
            if (left.length < mutes.length) yield* change((now) => running(now, nowMs))
            if (left.length === 0) return
            const waitMs = Math.min(...left.map((mute) => mute.untilMs)) - nowMs
            yield* Effect.sleep(Duration.millis(Math.min(sleepMaxMs, Math.ceil(waitMs))))
          }
        })
        const setTimer = Effect.asVoid(FiberHandle.run(timer, expire))

        yield* board.mutes(yield* SubscriptionRef.get(inForce))
        yield* setTimer

        return Mutes.of({
          mute: (mute) =>
            Effect.flatMap(monotonicMs, (nowMs) =>
              change((mutes) =>
                running(
                  [...mutes.filter((other) => other.pattern !== mute.pattern || other.by !== mute.by), mute],
                  nowMs
                )
              )
            ).pipe(Effect.andThen(setTimer)),
          unmute: (pattern) =>
            Effect.gen(function* () {
              const mutes = yield* SubscriptionRef.get(inForce)
              const ended = mutes.filter((mute) => mute.pattern === pattern)
              if (ended.length > 0) yield* change((now) => now.filter((mute) => mute.pattern !== pattern))
              return ended
            }),
          current: Effect.zipWith(SubscriptionRef.get(inForce), monotonicMs, running),
          changes: SubscriptionRef.changes(inForce)
        })
      })
    )

  /** Nothing is ever muted. */
  static readonly layerNone: Layer.Layer<Mutes> = Layer.succeed(Mutes, {
    mute: () => Effect.void,
    unmute: () => Effect.succeed([]),
    current: Effect.succeed([]),
    changes: Stream.concat(Stream.make<[ReadonlyArray<Mute>]>([]), Stream.never)
  })
}

const running = (mutes: ReadonlyArray<Mute>, nowMs: number): ReadonlyArray<Mute> =>
  mutes.filter((mute) => mute.untilMs > nowMs)

/** The mute that covers a signal, the one that ends last; undefined if none does. */
export const coveredBy = (mutes: ReadonlyArray<Mute>, signal: string): Mute | undefined =>
  mutes
    .filter((mute) => matches(mute.pattern, signal))
    .reduce<Mute | undefined>(
      (last, mute) => (last === undefined || mute.untilMs > last.untilMs ? mute : last),
      undefined
    )
