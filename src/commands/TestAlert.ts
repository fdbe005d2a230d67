/**
 * `watchdog test-alert`: a drill through the real path.
 *
 * One made-up observation goes to a real monitor, and from there everything is as ever: decision, queue, outbox, every sink that is
 * set. It is raised and ended, and marked as a drill in both messages.
 */
import { Duration, Effect, Layer, type Scope } from "effect"
import { type World, layerStages, makeSinks } from "../App.ts"
import { monotonicMs } from "../base/Monotonic.ts"
import { Output } from "../base/Output.ts"
import { cell, columns } from "../base/Paint.ts"
import { type Seen, type SignalSpec, defaultPolicy, drillSignal } from "../decision/index.ts"
import { Monitors } from "../monitor/Monitors.ts"
import { Dispatcher } from "../queue/Dispatcher.ts"

/** One look raises and one clears it; no reminder, no flapping. */
const spec: SignalSpec = {
  signal: drillSignal,
  severity: "critical",
  policy: { ...defaultPolicy, raiseTicks: 1, clearTicks: 1, cooldownMs: 0, flapRaises: 0 }
}

/** A sink that has not accepted a message by then is reported as it stands. */
const patience = Duration.seconds(20)
const lookAgainEvery = Duration.millis(50)

const lookOf = (tick: number, active: boolean, asOfMs: number): Seen => ({
  _tag: "Seen",
  tick,
  scheduled: true,
  asOfMs,
  active,
  confirmed: false,
  value: null,
  first: false,
  evidence: { summary: active ? "nothing is wrong: someone ran watchdog test-alert" : "", details: [] }
})

interface Outcome {
  readonly destination: string
  readonly tookMs: number | null
  readonly problem: string | null
}

/** Waits until every sink has accepted so many messages, and says how long each took. */
const accepted = (messages: number): Effect.Effect<ReadonlyArray<Outcome>, never, Dispatcher> =>
  Effect.gen(function* () {
    const dispatcher = yield* Dispatcher
    const startMs = yield* monotonicMs
    const tookMs = new Map<string, number>()
    while (true) {
      const health = yield* dispatcher.health
      const passedMs = (yield* monotonicMs) - startMs
      for (const { name, sent } of health) if (sent >= messages && !tookMs.has(name)) tookMs.set(name, passedMs)
      const failed = health.every(({ name, red }) => tookMs.has(name) || red)
      if (failed || passedMs > Duration.toMillis(patience)) {
        return health.map(({ name, destination, problem }) => ({
          destination,
          tookMs: tookMs.get(name) ?? null,
          problem: tookMs.has(name) ? null : (problem ?? `no answer within ${Duration.toSeconds(patience)} s`)
        }))
      }
      yield* Effect.sleep(lookAgainEvery)
    }
  })

const rowsOf = (what: string, outcomes: ReadonlyArray<Outcome>) =>
  outcomes.map(({ destination, tookMs, problem }) => [
    tookMs === null ? cell("✖", "red") : cell("✔", "green"),
    cell(what),
    cell(destination),
    cell(tookMs === null ? `not accepted: ${problem ?? ""}` : `accepted after ${Math.round(tookMs)} ms`)
  ])

/** Returns the exit code: 0 if every sink accepted alert and end, else 1. */
export const testAlert: Effect.Effect<number, never, World | Scope.Scope> = Effect.gen(function* () {
  const output = yield* Output
  const sinks = yield* makeSinks
  if (sinks.length === 0) yield* output.err("no sink is set: the drill goes to this console")
  const stages = yield* Layer.build(layerStages(sinks))
  const outcomes = yield* Effect.gen(function* () {
    const monitors = yield* Monitors
    yield* monitors.observe(spec, lookOf(1, true, yield* monotonicMs), drillSignal)
    const raised = yield* accepted(1)
    yield* output.out(columns(rowsOf("alert", raised), output.look))
    if (raised.every(({ tookMs }) => tookMs === null)) return raised
    yield* monitors.observe(spec, lookOf(2, false, yield* monotonicMs), drillSignal)
    const ended = yield* accepted(2)
    yield* output.out(columns(rowsOf("end", ended), output.look))
    return [...raised, ...ended]
  }).pipe(Effect.provideContext(stages))
  return outcomes.every(({ tookMs }) => tookMs !== null) ? 0 : 1
})
