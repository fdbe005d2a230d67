/**
 * What one actor per signal costs: memory for each, and the time of a round of looks through all of them, against the same looks
 * through `step` in a plain loop.
 */
import { Effect, Layer } from "effect"
import { Loops } from "../src/base/Loops.ts"
import { Settings } from "../src/base/Keys.ts"
import { monotonicMs } from "../src/base/Monotonic.ts"
import { Output } from "../src/base/Output.ts"
import { type SignalSpec, type SignalState, defaultPolicy, noEvidence, step } from "../src/decision/index.ts"
import { Monitors } from "../src/monitor/Monitors.ts"
import { Alerts } from "../src/queue/Alerts.ts"
import { Journal } from "../src/status/Journal.ts"
import { StatusBoard } from "../src/status/StatusBoard.ts"

const rounds = 21

const specs = (count: number): ReadonlyArray<SignalSpec> =>
  Array.from({ length: count }, (_, at) => ({ signal: `container:${at}`, severity: "critical", policy: defaultPolicy }))

const look = (tick: number, asOfMs: number) =>
  ({
    _tag: "Seen",
    tick,
    scheduled: true,
    asOfMs,
    active: false,
    confirmed: false,
    value: null,
    first: tick === 1,
    evidence: noEvidence
  }) as const

const residentMiB = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().rss / 1_048_576
}

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

const throughActors = (count: number) =>
  Effect.gen(function* () {
    const monitors = yield* Monitors
    const all = specs(count)
    const before = residentMiB()
    const timings: Array<number> = []
    for (let tick = 1; tick <= rounds; tick++) {
      const asOfMs = yield* monotonicMs
      const startMs = performance.now()
      for (const spec of all) yield* monitors.observe(spec, look(tick, asOfMs), "bench")
      // The round is over when the last actor has stepped.
      while ((yield* monitors.all).some(({ state }) => state?.tick !== tick)) yield* Effect.yieldNow
      timings.push(performance.now() - startMs)
    }
    return { grownMiB: residentMiB() - before, roundMs: median(timings.slice(1)) }
  })

const throughLoop = (count: number): number => {
  const states = new Map<string, SignalState | null>(specs(count).map((spec) => [spec.signal, null]))
  const timings: Array<number> = []
  for (let tick = 1; tick <= rounds; tick++) {
    const startMs = performance.now()
    for (const [signal, state] of states)
      states.set(signal, step(defaultPolicy, state, look(tick, tick * 10_000), tick * 10_000).state)
    timings.push(performance.now() - startMs)
  }
  return median(timings.slice(1))
}

const world = Monitors.layer().pipe(
  Layer.provideMerge(StatusBoard.layer({ version: "bench", host: "bench" })),
  Layer.provideMerge(Layer.mergeAll(Alerts.layer, Loops.layer, Journal.layer("bench"))),
  Layer.provide(Layer.merge(Output.layerMemory([], []), Settings.layerTest()))
)

const main = Effect.forEach([100, 1_000, 10_000], (count) =>
  Effect.gen(function* () {
    const { grownMiB, roundMs } = yield* throughActors(count)
    const loopMs = throughLoop(count)
    console.log(
      `${String(count).padStart(6)} signals: ${roundMs.toFixed(1).padStart(6)} ms a round through actors, ${loopMs.toFixed(2)} ms through a loop (${(roundMs / loopMs).toFixed(0)} x), ` +
        `${((grownMiB * 1_024) / count).toFixed(1)} KiB resident each`
    )
  }).pipe(Effect.scoped, Effect.provide(world, { local: true }))
)

await Effect.runPromise(main)
