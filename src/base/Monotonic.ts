/**
 * Time for deciding and time for showing.
 *
 * Everything that measures a span reads the monotonic clock: Effect's `Schedule.fixed`, `windowed` and `upTo` read the wall
 * clock and run at half cadence after it is set back. Wall time is for texts only, made from an anchor when they are written.
 */
import { Clock, Duration, Effect } from "effect"

/** Milliseconds of the monotonic clock. */
export const monotonicMs: Effect.Effect<number> = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

/** What to add to a monotonic moment to get wall time, as of now. */
export const wallOffsetMs: Effect.Effect<number> = Effect.zipWith(
  Clock.currentTimeMillis,
  monotonicMs,
  (wallMs, monoMs) => wallMs - monoMs
)

/**
 * Runs `tick` on a fixed grid of the monotonic clock, for ever; never overlapping. A tick that runs late skips the grid points
 * it missed instead of making up for them.
 *
 * Shape: (interval, tick) -> an effect that does not end. `tick` gets its number, from 1.
 */
export const onGrid = <R>(
  interval: Duration.Duration,
  tick: (number: number) => Effect.Effect<void, never, R>
): Effect.Effect<never, never, R> =>
  Effect.gen(function* () {
    const everyMs = Duration.toMillis(interval)
    const startMs = yield* monotonicMs
    let slot = 0
    for (let number = 1; ; number++) {
      yield* tick(number)
      const nowMs = yield* monotonicMs
      // A timer may ring a little early: the next slot is never the one just served.
      slot = Math.max(slot + 1, Math.floor((nowMs - startMs) / everyMs) + 1)
      yield* Effect.sleep(Duration.millis(Math.max(0, Math.ceil(startMs + slot * everyMs - nowMs))))
    }
  })
