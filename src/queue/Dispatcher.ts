/**
 * The queue's consumer: hands every alert to the courier of every sink, without ever waiting for one.
 *
 * The third level of never-raise: each path of a send ends in delivered, kept or given up.
 */
import { Context, Effect, Fiber, Layer, Queue } from "effect"
import type { Loops } from "../base/Loops.ts"
import { monotonicMs } from "../base/Monotonic.ts"
import { Output } from "../base/Output.ts"
import { supervise } from "../base/Supervise.ts"
import { type Alert, noEvidence } from "../decision/index.ts"
import { Console } from "../sink/Console.ts"
import type { Sink, SinkError } from "../sink/Sink.ts"
import type { Journal } from "../status/Journal.ts"
import { Alerts } from "./Alerts.ts"
import { type Courier, type SinkHealth, startCourier } from "./Courier.ts"
import type { Renderer } from "./Rendering.ts"

/** Leaving: outboxes are flushed within this. With the server's and our own margins it stays below Docker's 10 s. */
export const flushMs = 5_000

/** A sink that is red belongs to what a human must know; it is repeated like any other alert's first reminder. */
const sinkCooldownMs = 30 * 60_000

export class Dispatcher extends Context.Service<
  Dispatcher,
  {
    readonly health: Effect.Effect<ReadonlyArray<SinkHealth>>
  }
>()("watchdog/queue/Dispatcher") {
  /** `sinks`: none means that alerts go to the console. */
  static readonly layer = (
    sinks: ReadonlyArray<Sink>
  ): Layer.Layer<Dispatcher, never, Alerts | Console | Output | Journal | Renderer | Loops> =>
    Layer.effect(
      Dispatcher,
      Effect.gen(function* () {
        const alerts = yield* Alerts
        const output = yield* Output
        const messages = sinks.filter((sink) => sink.kind === "message")
        const withConsole = sinks.length === 0 ? [yield* Console] : messages
        const view = (text: string): Effect.Effect<void> => (sinks.length === 0 ? Effect.void : output.err(text))
        const couriers: Array<Courier> = []
        const tellOthers = (sink: Sink, problem: SinkError | null): Effect.Effect<void> =>
          Effect.flatMap(monotonicMs, (nowMs) =>
            toAll(
              couriers.filter((courier) => courier.name !== sink.name),
              sinkAlert(sink, problem, nowMs)
            )
          )
        for (const sink of withConsole) couriers.push(yield* startCourier(sink, tellOthers, view))
        const intake = supervise(
          "dispatcher",
          Effect.forever(Effect.flatMap(Queue.take(alerts), (alert) => toAll(couriers, alert)))
        )
        // Not scoped: a scope would interrupt it before the finalizer below can empty the queue.
        const fiber = yield* Effect.forkDetach(intake)
        yield* Effect.addFinalizer(() =>
          Effect.gen(function* () {
            const untilMs = (yield* monotonicMs) + flushMs
            yield* Fiber.interrupt(fiber)
            for (const alert of yield* Queue.clear(alerts)) yield* toAll(couriers, alert)
            yield* Effect.forEach(couriers, (courier) => courier.flush(untilMs), {
              concurrency: "unbounded",
              discard: true
            })
          })
        )
        return Dispatcher.of({ health: Effect.forEach(couriers, (courier) => courier.health) })
      })
    )
}

const toAll = (couriers: ReadonlyArray<Courier>, alert: Alert): Effect.Effect<void> =>
  Effect.forEach(couriers, (courier) => courier.deliver(alert), { discard: true })

const sinkAlert = (sink: Sink, problem: SinkError | null, nowMs: number): Alert => ({
  signal: `sink:${sink.name}`,
  severity: "critical",
  cooldownMs: sinkCooldownMs,
  decision: {
    kind: problem === null ? "recover" : "alert",
    atMs: nowMs,
    active: problem !== null,
    sinceMs: nowMs,
    raises: 1,
    reminders: 0,
    confirmed: true,
    foundAtStart: false,
    evidence: problem === null ? noEvidence : { summary: problem.message, details: [] }
  }
})
