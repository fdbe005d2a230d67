/** The whole watchdog: the only place where layers meet. */
import * as os from "node:os"
import { Duration, Effect, Layer, Queue, type Scope } from "effect"
import type { Http } from "./base/Http.ts"
import { Settings } from "./base/Keys.ts"
import { Loops } from "./base/Loops.ts"
import { monotonicMs, wallOffsetMs } from "./base/Monotonic.ts"
import type { Output } from "./base/Output.ts"
import { supervise } from "./base/Supervise.ts"
import { speedUpWhenBusy } from "./base/Thrift.ts"
import type { Collector } from "./collector/Collector.ts"
import * as collectors from "./collector/index.ts"
import { poll } from "./collector/Poller.ts"
import * as Handover from "./Handover.ts"
import { Monitors, type Watched } from "./monitor/Monitors.ts"
import { endOrphans } from "./Orphans.ts"
import { policySettings } from "./replay/PolicyKeys.ts"
import { Alerts } from "./queue/Alerts.ts"
import { type Destinations, Dispatcher } from "./queue/Dispatcher.ts"
import * as Maintenance from "./queue/Maintenance.ts"
import { type Mute, Mutes } from "./queue/Mute.ts"
import * as Notice from "./queue/Notice.ts"
import * as Phone from "./queue/Phone.ts"
import { Renderer, keys as renderingKeys } from "./queue/Rendering.ts"
import { Console } from "./sink/Console.ts"
import * as sinks from "./sink/index.ts"
import type { Role, Sink } from "./sink/Sink.ts"
import * as Heartbeat from "./status/Heartbeat.ts"
import { Journal } from "./status/Journal.ts"
import { StatusBoard } from "./status/StatusBoard.ts"
import * as StatusServer from "./status/StatusServer.ts"
import { welcome } from "./status/Welcome.ts"

/** What the world outside gives. Tests give a fake one. */
export type World = Http | Settings | Output | Journal | Loops | StatusBoard

/** The board that everything is pushed to, with who we are at its head. */
export const layerBoard = (version: string): Layer.Layer<StatusBoard, never, Settings | Loops | Journal> =>
  Layer.unwrap(
    Effect.map(Settings, (settings) =>
      StatusBoard.layer({ version, host: settings.get(renderingKeys.hostName) ?? os.hostname() })
    )
  )

/** Every collector of the catalogue, on or off. */
export const makeCollectors: Effect.Effect<
  ReadonlyArray<Collector>,
  never,
  Http | Settings | Scope.Scope
> = Effect.forEach(Object.values(collectors), (module) => module.entry.make)

const makeSinksOf = (
  ...roles: ReadonlyArray<Role>
): Effect.Effect<ReadonlyArray<Sink>, never, Http | Settings | Output | Scope.Scope> =>
  Effect.map(
    Effect.forEach(
      Object.values(sinks).filter((module) => roles.includes(module.entry.role)),
      (module) => module.entry.make
    ),
    (made) => made.filter((sink) => sink !== undefined)
  )

/** Every sink of the catalogue that is set, the fallback among them. */
export const makeSinks = makeSinksOf("primary", "fallback")

const makeDestinations = (
  handover: Handover.Handover
): Effect.Effect<Destinations, never, Http | Settings | Output | Scope.Scope> =>
  Effect.gen(function* () {
    const noted = (sink: Sink): Sink => (sink.kind === "level" ? sink : handover.noted(sink))
    const primaries = (yield* makeSinksOf("primary")).map(noted)
    const [fallback] = (yield* makeSinksOf("fallback")).filter((sink) => sink.kind === "message").map(handover.noted)
    const fallbackAfterMs = Duration.toMillis((yield* Settings).get(sinks.FallbackWebhook.keys.after))
    return { primaries, fallback, fallbackAfterMs, handedOver: handover.legacy.sinks }
  })

type Stages = Monitors | Dispatcher | Mutes | Alerts | Renderer

/**
 * Everything between a collector and a sink. What must drain lies below what produces: leaving stops collectors first, then the
 * monitors, then flushes the outboxes, then closes the sinks' connections.
 */
const layerBetween = (
  destinations: Destinations,
  watched: ReadonlyArray<Watched>,
  quiet: Layer.Layer<Mutes, never, World>
): Layer.Layer<Stages, never, World> =>
  Monitors.layer(watched).pipe(
    Layer.provideMerge(Dispatcher.layer(destinations)),
    Layer.provideMerge(quiet),
    Layer.provideMerge(Alerts.layer),
    Layer.provide(Console.layer),
    Layer.provideMerge(Renderer.layer)
  )

/** The stages alone: nothing inherited, nothing muted. */
export const layerStages = (made: ReadonlyArray<Sink>): Layer.Layer<Stages, never, World> =>
  layerBetween({ primaries: made }, [], Mutes.layer())

/** Windows of maintenance are known before anything can be told. */
const layerQuiet = (mutes: ReadonlyArray<Mute>): Layer.Layer<Mutes, never, World> =>
  Layer.provideMerge(Maintenance.layer, Mutes.layer(mutes))

/**
 * Runs the watchdog until its scope closes. Fails: never.
 */
export const run: Effect.Effect<never, never, World | Scope.Scope> = Effect.gen(function* () {
  // First, so that it is the last to close: what is left to the next run is known when the outboxes are flushed.
  const handover = yield* Handover.open
  return yield* Effect.provide(watch(handover), handover.heard)
})

const watch = (handover: Handover.Handover): Effect.Effect<never, never, World | Scope.Scope> =>
  Effect.gen(function* () {
    const { legacy } = handover
    const destinations = yield* makeDestinations(handover)
    const stages = yield* Layer.build(layerBetween(destinations, legacy.watched, layerQuiet(legacy.mutes)))
    const watching = yield* makeCollectors
    yield* sayHello(watching, destinations)
    yield* Effect.gen(function* () {
      const monitors = yield* Monitors
      const board = yield* StatusBoard
      const notice = yield* Notice.make({
        watching: watchingText(watching),
        sinks: destinations.primaries.filter((sink) => sink.kind === "message"),
        earlier: legacy.notes[noticeName],
        changed: handover.changed
      })
      yield* handover.attach(Effect.provideContext(gather(notice), stages))
      yield* board.monitors(monitors.dead)
      yield* Layer.build(StatusServer.layer({ timeZone: yield* timeZone }))
      for (const collector of watching) {
        yield* board.watching(collector)
        if (!collector.off) yield* Effect.forkScoped(poll(collector))
      }
      yield* Effect.forkScoped(welcome)
      yield* Effect.forkScoped(supervise("compilers", speedUpWhenBusy))
      yield* endOrphans(watching, legacy.watched)
      yield* Layer.build(yield* layerOutside)
    }).pipe(Effect.provideContext(stages))
    return yield* Effect.never
  })

/** What hears and is heard besides alerts: the phone, the heartbeat. */
const layerOutside: Effect.Effect<
  Layer.Layer<never, never, World | Stages>,
  never,
  Monitors | Dispatcher | Loops
> = Effect.gen(function* () {
  const monitors = yield* Monitors
  const dispatcher = yield* Dispatcher
  const loops = yield* Loops
  const dead = Effect.map(monitors.dead, (signals) => signals.map((signal) => `the monitor of ${signal} does not run`))
  return Layer.mergeAll(
    Phone.layer({ watched: monitors.all, sinks: dispatcher.health }),
    Heartbeat.layer({
      complaints: Effect.zipWith(loops.complaints, dead, (own, theirs) => [...own, ...theirs]),
      sinks: dispatcher.health
    })
  )
})

/* From run to run */

/** Under which the notices' note is kept. */
const noticeName = "notice"

/** How often it is looked whether what monitors have decided has reached the outboxes. */
const drainLooksMax = 100

/** What the next run must know. Monitors first: what they have decided is in the outboxes by the time those are read. */
const gather = (notice: Notice.Notice): Effect.Effect<Handover.Legacy, never, Stages> =>
  Effect.gen(function* () {
    const watched = yield* (yield* Monitors).all
    const alerts = yield* Alerts
    for (let looks = 0; looks < drainLooksMax && Queue.sizeUnsafe(alerts) > 0; looks++) yield* Effect.yieldNow
    yield* Effect.yieldNow
    return {
      watched,
      sinks: yield* (yield* Dispatcher).handover,
      mutes: yield* (yield* Mutes).current,
      notes: { [noticeName]: yield* notice.note }
    }
  })

const watchingText = (watching: ReadonlyArray<Collector>): string => {
  const on = watching.filter((collector) => !collector.off).map((collector) => collector.name)
  return on.length === 0 ? "nothing" : on.join(", ")
}

/** Times on the page are those of the messages. */
const timeZone: Effect.Effect<string, never, Settings> = Effect.map(
  Settings,
  (settings) => settings.get(renderingKeys.timeZone) ?? new Intl.DateTimeFormat().resolvedOptions().timeZone
)

/** What is watched and where alerts go: the first thing anyone wants to know. */
const sayHello = (
  watching: ReadonlyArray<Collector>,
  { primaries, fallback }: Destinations
): Effect.Effect<void, never, Journal | Output | Settings> =>
  Effect.gen(function* () {
    const journal = yield* Journal
    // The anchor of every moment in this run's journal.
    yield* journal.write("run", {
      monotonicMs: yield* monotonicMs,
      wallOffsetMs: yield* wallOffsetMs,
      settings: policySettings(yield* Settings)
    })
    for (const collector of watching) {
      yield* Effect.logInfo(
        collector.off
          ? `not watching ${collector.name}: ${collector.watches}`
          : `watching ${collector.watches}, every ${collector.intervalMs / 1_000} s`
      )
    }
    if (watching.every((collector) => collector.off))
      yield* Effect.logWarning("nothing is watched: see watchdog config")
    const goTo = primaries.length > 0 ? primaries : fallback === undefined ? [] : [fallback]
    const named = goTo.map((sink) => sink.destination).join(", ")
    yield* Effect.logInfo(`alerts go to ${named === "" ? "this console: no sink is set" : named}`)
  })
