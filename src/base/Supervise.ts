/**
 * One-for-one supervision: a loop that dies is logged, counted and started again; the others do not notice.
 *
 * A forked Effect fiber that dies does so in silence (no log, no exit code): every long-running loop goes through here.
 */
import { Cause, Duration, Effect, Fiber } from "effect"
import { Loops } from "./Loops.ts"
import { monotonicMs } from "./Monotonic.ts"

export interface Intensity {
  /** Crashes within `withinMs` before the loop is reported as failing. It is still restarted, slowly: a watchdog does not give up watching. */
  readonly crashes: number
  readonly withinMs: number
  readonly firstBackoffMs: number
  readonly backoffMaxMs: number
}

/** Five in a minute, as many supervisors have it (Erlang/OTP's examples: intensity 5, period 60 s); half a minute at most between tries. */
export const defaultIntensity: Intensity = {
  crashes: 5,
  withinMs: 60_000,
  firstBackoffMs: 100,
  backoffMaxMs: 30_000
}

/**
 * Runs `loop`, restarting it when it dies.
 *
 * `onCrash` is told each time; a defect of its own is ignored, as the crash itself has been logged.
 * Ends: when the loop returns of itself, or this effect is interrupted. Fails: never.
 */
export const supervise = <R>(
  name: string,
  loop: Effect.Effect<unknown, never, R>,
  intensity: Intensity = defaultIntensity,
  onCrash: (said: string, failing: boolean) => Effect.Effect<void, never, R> = () => Effect.void
): Effect.Effect<void, never, R | Loops> =>
  Effect.gen(function* () {
    const loops = yield* Loops
    let crashesMs: ReadonlyArray<number> = []
    let reported = false
    // A run that outlives the window ends the report: only a loop that keeps crashing is failing.
    const heal = Effect.gen(function* () {
      yield* Effect.sleep(Duration.millis(intensity.withinMs))
      reported = false
      yield* loops.well(name)
    })
    while (true) {
      const startedMs = yield* monotonicMs
      const healing = reported ? yield* Effect.forkChild(heal) : undefined
      const exit = yield* Effect.exit(loop)
      if (healing !== undefined) yield* Fiber.interrupt(healing)
      if (exit._tag === "Success") return
      // Our own interruption never comes by here: one that is seen is the loop's own, a crash like any other.
      const nowMs = yield* monotonicMs
      // A run that outlived the window earns a clean slate: its back-off starts anew.
      if (nowMs - startedMs > intensity.withinMs) crashesMs = []
      crashesMs = [...crashesMs.filter((at) => nowMs - at <= intensity.withinMs), nowMs]
      const failing = crashesMs.length >= intensity.crashes
      reported = reported || failing
      const said = Cause.pretty(exit.cause).slice(0, 2_000)
      const firstLine = said.split("\n")[0] ?? said
      yield* loops.crashed(name, firstLine, failing)
      yield* Effect.logError(`${name} crashed, restarting`).pipe(
        Effect.annotateLogs({ loop: name, crashes: crashesMs.length, failing, cause: said })
      )
      yield* Effect.ignoreCause(onCrash(firstLine, failing))
      yield* Effect.sleep(Duration.millis(backoffMs(intensity, crashesMs.length)))
    }
  })

const backoffMs = (intensity: Intensity, crashes: number): number =>
  Math.min(intensity.backoffMaxMs, intensity.firstBackoffMs * 2 ** Math.min(crashes - 1, 20))
