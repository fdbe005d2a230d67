/**
 * The process starts without V8's optimizing compilers (`main.ts`); here they are taken into use when there is work worth them.
 *
 * A watchdog of fifty containers runs half a second a minute: compiling that for speed costs 15 MiB (101 against 86 resident,
 * Node 24.21) and wins nothing. A metrics page of 50,000 samples, though, takes eight times as long without them.
 */
import * as v8 from "node:v8"
import { Context, Duration, Effect } from "effect"

/** V8's names of them. */
const compilers = ["turbofan", "maglev"] as const

export interface Engine {
  /** CPU time of this process so far, seconds. */
  readonly cpuSeconds: () => number
  readonly speedUp: () => void
}

export const engine: Context.Reference<Engine> = Context.Reference<Engine>("watchdog/base/Thrift", {
  defaultValue: () => ({
    cpuSeconds: () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1e6
    },
    speedUp: () => {
      for (const name of compilers) v8.setFlagsFromString(`--${name}`)
    }
  })
})

const lookEvery = Duration.minutes(1)
/** A start takes one second, an idle minute a half. */
const worthSeconds = 2

/** Ends when the compilers are in use: they stay so. */
export const speedUpWhenBusy: Effect.Effect<void> = Effect.gen(function* () {
  const { cpuSeconds, speedUp } = yield* engine
  let before = cpuSeconds()
  while (true) {
    yield* Effect.sleep(lookEvery)
    const now = cpuSeconds()
    if (now - before >= worthSeconds) break
    before = now
  }
  speedUp()
  yield* Effect.logInfo(
    `took ${(cpuSeconds() - before).toFixed(1)} s of CPU within a minute: compiles for speed from now on, for some 15 MiB`
  )
})
