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
import { live, makeActor, type SignalActor } from "./SignalActor.ts"

export interface Watched {
  readonly spec: SignalSpec
  readonly state: SignalState | null
}

export class Monitors extends Context.Service<
  Monitors,
  {
    /** Hands one observation to its monitor. Never waits: a full mailbox slides. */
    readonly observe: (spec: SignalSpec, observation: Observation) => Effect.Effect<void>
    /** Ends a signal. It is never slid away: nothing is put into its mailbox after it. */
    readonly retire: (signal: string, reason: string) => Effect.Effect<void>
    readonly all: Effect.Effect<ReadonlyArray<Watched>>
    /** Signals whose actor is not running, for `/healthz`. */
    readonly dead: Effect.Effect<ReadonlyArray<string>>
  }
>()("watchdog/monitor/Monitors") {
  static readonly layer: Layer.Layer<Monitors, never, Alerts | Journal | Loops> = Layer.effect(
    Monitors,
    Effect.gen(function* () {
      const alerts = yield* Alerts
      const journal = yield* Journal
      const loops = yield* Loops
      const fibers = yield* FiberMap.make<string>()
      const actors = new Map<string, Child>()
      let born = 0

      const tell = (alert: Alert): Effect.Effect<void> =>
        Effect.asVoid(Effect.andThen(journal.write("decision", decisionFields(alert)), Queue.offer(alerts, alert)))

      const begin = (spec: SignalSpec): Effect.Effect<SignalActor> =>
        Effect.gen(function* () {
          const actor = yield* makeActor(spec, null)
          // A key of its own: a retired actor of the same signal may still be telling its end.
          const fiber = `${spec.signal}\n${++born}`
          actors.set(spec.signal, { actor, fiber })
          const life = supervise(`signal ${spec.signal}`, live(actor, { alert: tell }))
          yield* FiberMap.run(fibers, fiber, Effect.provideService(life, Loops, loops))
          return actor
        })

      return Monitors.of({
        observe: (spec, input) =>
          Effect.suspend(() => {
            const known = actors.get(spec.signal)
            const actor = known === undefined ? begin(spec) : Effect.succeed(known.actor)
            return Effect.flatMap(actor, ({ mailbox }) => Effect.asVoid(Queue.offer(mailbox, { spec, input })))
          }),
        retire: (signal, reason) =>
          Effect.gen(function* () {
            const child = actors.get(signal)
            if (child === undefined) return
            actors.delete(signal)
            const spec = yield* Ref.get(child.actor.spec)
            yield* Queue.offer(child.actor.mailbox, { spec, input: { _tag: "Retired", reason } })
          }),
        all: Effect.sync(() =>
          Array.from(actors.values(), ({ actor }) => ({
            spec: Ref.getUnsafe(actor.spec),
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
  readonly fiber: string
}

const decisionFields = ({ signal, severity, decision }: Alert): Fields => ({ signal, severity, ...decision })
