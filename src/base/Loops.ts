/**
 * The watchdog's own health: every loop that must keep going, when it last did, how often it crashed.
 *
 * `/healthz` judges these and nothing else: a red Telegram must not get the messenger restarted.
 */
import { Context, Effect, Layer } from "effect"
import { monotonicMs } from "./Monotonic.ts"

export interface LoopHealth {
  readonly name: string
  readonly beatMs: number
  /** Silent for longer than this it counts as stuck; null for a loop that only waits for work. */
  readonly staleAfterMs: number | null
  readonly crashes: number
  /** Restarted too often within its intensity window, and not well since. */
  readonly failing: boolean
  readonly lastCrash: string | null
}

export class Loops extends Context.Service<
  Loops,
  {
    readonly register: (name: string, staleAfterMs: number | null) => Effect.Effect<void>
    readonly beat: (name: string) => Effect.Effect<void>
    readonly crashed: (name: string, cause: string, failing: boolean) => Effect.Effect<void>
    readonly well: (name: string) => Effect.Effect<void>
    readonly all: Effect.Effect<ReadonlyArray<LoopHealth>>
    /** Reasons why the watchdog itself is not well; empty when it is. */
    readonly complaints: Effect.Effect<ReadonlyArray<string>>
  }
>()("watchdog/base/Loops") {
  static readonly layer: Layer.Layer<Loops> = Layer.sync(Loops, () => {
    const loops = new Map<string, LoopHealth>()
    const update = (name: string, change: (loop: LoopHealth, nowMs: number) => LoopHealth): Effect.Effect<void> =>
      Effect.map(monotonicMs, (nowMs) => {
        const loop = loops.get(name) ?? blank(name, nowMs)
        loops.set(name, change(loop, nowMs))
      })
    return Loops.of({
      register: (name, staleAfterMs) => update(name, (loop, beatMs) => ({ ...loop, beatMs, staleAfterMs })),
      beat: (name) => update(name, (loop, beatMs) => ({ ...loop, beatMs })),
      crashed: (name, lastCrash, failing) =>
        update(name, (loop) => ({ ...loop, crashes: loop.crashes + 1, failing: loop.failing || failing, lastCrash })),
      well: (name) => update(name, (loop) => ({ ...loop, failing: false })),
      all: Effect.sync(() => [...loops.values()]),
      complaints: Effect.map(monotonicMs, (nowMs) => [...loops.values()].flatMap((loop) => complaint(loop, nowMs)))
    })
  })
}

const blank = (name: string, beatMs: number): LoopHealth => ({
  name,
  beatMs,
  staleAfterMs: null,
  crashes: 0,
  failing: false,
  lastCrash: null
})

const complaint = (loop: LoopHealth, nowMs: number): ReadonlyArray<string> => {
  if (loop.failing) return [`${loop.name} keeps crashing (${loop.crashes} times): ${loop.lastCrash ?? "unknown"}`]
  const silentMs = nowMs - loop.beatMs
  return loop.staleAfterMs !== null && silentMs > loop.staleAfterMs
    ? [`${loop.name} has not ticked for ${Math.round(silentMs / 1_000)} s`]
    : []
}
