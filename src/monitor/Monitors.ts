/**
 * All monitors: a `FiberMap` of signal actors, one per signal id, forked when a signal is first observed.
 *
 * One-for-one: an actor that crashes is restarted with its state, and the others do not notice.
 */
import { Context, Effect, FiberMap, Layer, Queue, Ref } from "effect"
import { Loops } from "../base/Loops.ts"
import { supervise } from "../base/Supervise.ts"
import type { Alert, Observation, SignalSpec, SignalState } from "../decision/index.ts"
import { Alerts } from "../queue/Alerts.ts"
import { type Fields, Journal } from "../status/Journal.ts"
import { type Place, StatusBoard } from "../status/StatusBoard.ts"
import { live, makeActor, type SignalActor } from "./SignalActor.ts"

export interface Watched {
  readonly spec: SignalSpec
  /** The collector that reports it. */
  readonly collector: string
  readonly state: SignalState | null
}

export class Monitors extends Context.Service<
  Monitors,
  {
    /** Hands one observation of a collector to its monitor. Never waits: a full mailbox slides. */
    readonly observe: (spec: SignalSpec, observation: Observation, collector: string) => Effect.Effect<void>
    /** Ends a signal. It is never slid away: nothing is put into its mailbox after it. */
    readonly retire: (signal: string, reason: string) => Effect.Effect<void>
    readonly all: Effect.Effect<ReadonlyArray<Watched>>
    /** The signals of a collector that an earlier life has handed over: what it no longer reports is to be retired. */
    readonly inherited: (collector: string) => ReadonlyArray<SignalSpec>
    /** Signals whose actor is not running, for `/healthz`. */
    readonly dead: Effect.Effect<ReadonlyArray<string>>
  }
>()("watchdog/monitor/Monitors") {
  /** `inherited`: what an earlier life has handed over, its states already in this run's clock. */
  static readonly layer = (
    inherited: ReadonlyArray<Watched> = []
  ): Layer.Layer<Monitors, never, Alerts | Journal | Loops | StatusBoard> =>
    Layer.effect(
      Monitors,
      Effect.gen(function* () {
        const board = yield* StatusBoard
        const alerts = yield* Alerts
        const journal = yield* Journal
        const loops = yield* Loops
        const fibers = yield* FiberMap.make<string>()
        const actors = new Map<string, Child>()
        let born = 0

        const tell = (alert: Alert): Effect.Effect<void> =>
          Effect.suspend(() => {
            board.decided(alert.decision.kind)
            return Effect.asVoid(
              Effect.andThen(journal.write("decision", decisionFields(alert)), Queue.offer(alerts, alert))
            )
          })

        const begin = ({ spec, collector, state }: Watched): Effect.Effect<SignalActor> =>
          Effect.gen(function* () {
            const actor = yield* makeActor(spec, state)
            // A key of its own: a retired actor of the same signal may still be telling its end.
            const fiber = `${spec.signal}\n${++born}`
            const place = board.place(spec.signal, collector)
            actors.set(spec.signal, { actor, collector, place, fiber })
            const life = supervise(`signal ${spec.signal}`, live(actor, { alert: tell, stepped: place.stepped }))
            yield* FiberMap.run(fibers, fiber, Effect.provideService(life, Loops, loops))
            return actor
          })

        for (const watched of inherited) yield* begin(watched)

        return Monitors.of({
          inherited: (collector) =>
            inherited.filter((watched) => watched.collector === collector).map(({ spec }) => spec),
          observe: (spec, input, collector) =>
            Effect.suspend(() => {
              const known = actors.get(spec.signal)
              const actor = known === undefined ? begin({ spec, collector, state: null }) : Effect.succeed(known.actor)
              return Effect.flatMap(actor, ({ mailbox }) => Effect.asVoid(Queue.offer(mailbox, { spec, input })))
            }),
          retire: (signal, reason) =>
            Effect.gen(function* () {
              const child = actors.get(signal)
              if (child === undefined) return
              actors.delete(signal)
              child.place.retired()
              const spec = yield* Ref.get(child.actor.spec)
              yield* Queue.offer(child.actor.mailbox, { spec, input: { _tag: "Retired", reason } })
            }),
          all: Effect.sync(() =>
            Array.from(actors.values(), ({ actor, collector }) => ({
              spec: Ref.getUnsafe(actor.spec),
              collector,
              state: Ref.getUnsafe(actor.state)
            }))
          ),
          dead: Effect.sync(() =>
            [...actors].filter(([, child]) => !FiberMap.hasUnsafe(fibers, child.fiber)).map(([signal]) => signal)
          )
        })
      })
    )
}

interface Child {
  readonly actor: SignalActor
  readonly collector: string
  readonly place: Place
  readonly fiber: string
}

const decisionFields = ({ signal, severity, decision }: Alert): Fields => ({ signal, severity, ...decision })
