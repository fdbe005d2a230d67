/** The whole watchdog: the only place where layers meet. */
import { Effect, Layer, type Scope } from "effect"
import type { Http } from "./base/Http.ts"
import { Settings } from "./base/Keys.ts"
import type { Loops } from "./base/Loops.ts"
import { monotonicMs, wallOffsetMs } from "./base/Monotonic.ts"
import type { Output } from "./base/Output.ts"
import type { Collector } from "./collector/Collector.ts"
import * as collectors from "./collector/index.ts"
import { poll } from "./collector/Poller.ts"
import { Monitors } from "./monitor/Monitors.ts"
import { Alerts } from "./queue/Alerts.ts"
import { Dispatcher } from "./queue/Dispatcher.ts"
import { Renderer } from "./queue/Rendering.ts"
import { Console } from "./sink/Console.ts"
import * as sinks from "./sink/index.ts"
import type { Sink } from "./sink/Sink.ts"
import { Journal } from "./status/Journal.ts"
import { StatusBoard } from "./status/StatusBoard.ts"
import * as StatusServer from "./status/StatusServer.ts"

/** What the world outside gives. Tests give a fake one. */
export type World = Http | Settings | Output | Journal | Loops | StatusBoard

/** Every collector of the catalogue, on or off. */
export const makeCollectors: Effect.Effect<
  ReadonlyArray<Collector>,
  never,
  Http | Settings | Scope.Scope
> = Effect.forEach(Object.values(collectors), (module) => module.entry.make)

const makeSinks: Effect.Effect<ReadonlyArray<Sink>, never, Http | Settings | Output | Scope.Scope> = Effect.map(
  Effect.forEach(Object.values(sinks), (module) => module.entry.make),
  (made) => made.filter((sink) => sink !== undefined)
)

/**
 * Everything between a collector and a sink. What must drain lies below what produces: leaving stops collectors first, then the
 * monitors, then flushes the outboxes, then closes the sinks' connections.
 */
const layerStages = (made: ReadonlyArray<Sink>): Layer.Layer<Monitors | Dispatcher, never, World> =>
  Monitors.layer().pipe(
    Layer.provideMerge(Dispatcher.layer(made)),
    Layer.provide(Alerts.layer),
    Layer.provide(Console.layer),
    Layer.provide(Renderer.layer)
  )

/**
 * Runs the watchdog until its scope closes. Fails: never.
 */
export const run: Effect.Effect<never, never, World | Scope.Scope> = Effect.gen(function* () {
  const settings = yield* Settings
  const made = yield* makeSinks
  const stages = yield* Layer.build(layerStages(made))
  const watching = yield* makeCollectors
  yield* sayHello(watching, made)
  yield* Effect.gen(function* () {
    const monitors = yield* Monitors
    const listen = settings.get(StatusServer.keys.listen)
    if (listen !== "off") yield* Layer.build(StatusServer.layer(listen, monitors.dead))
    const board = yield* StatusBoard
    for (const collector of watching) {
      yield* board.watching(collector)
      if (!collector.off) yield* Effect.forkScoped(poll(collector))
    }
  }).pipe(Effect.provideContext(stages))
  return yield* Effect.never
})

/** What is watched and where alerts go: the first thing anyone wants to know. */
const sayHello = (
  watching: ReadonlyArray<Collector>,
  made: ReadonlyArray<Sink>
): Effect.Effect<void, never, Journal | Output> =>
  Effect.gen(function* () {
    const journal = yield* Journal
    // The anchor of every moment in this run's journal.
    yield* journal.write("run", { monotonicMs: yield* monotonicMs, wallOffsetMs: yield* wallOffsetMs })
    for (const collector of watching) {
      yield* Effect.logInfo(
        collector.off
          ? `not watching ${collector.name}: ${collector.watches}`
          : `watching ${collector.watches}, every ${collector.intervalMs / 1_000} s`
      )
    }
    if (watching.every((collector) => collector.off))
      yield* Effect.logWarning("nothing is watched: see watchdog config")
    const goTo = made.length === 0 ? "this console: no sink is set" : made.map((sink) => sink.destination).join(", ")
    yield* Effect.logInfo(`alerts go to ${goTo}`)
  })
