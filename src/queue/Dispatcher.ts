/**
 * The queue's consumer: hands every alert to the courier of every sink, without ever waiting for one.
 *
 * The third level of never-raise: each path of a send ends in delivered, kept or given up.
 */
import { Clock, Context, Effect, Fiber, Layer, Option, Queue, Schema, Stream } from "effect"
import type { Loops } from "../base/Loops.ts"
import { monotonicMs } from "../base/Monotonic.ts"
import { Output } from "../base/Output.ts"
import { supervise } from "../base/Supervise.ts"
import type { Anchor } from "../decision/index.ts"
import { Console } from "../sink/Console.ts"
import type { LevelSink, MessageSink, Sink, SinkError } from "../sink/Sink.ts"
import { Journal } from "../status/Journal.ts"
import type { StatusBoard } from "../status/StatusBoard.ts"
import { Alerts } from "./Alerts.ts"
import { type Courier, startCourier } from "./Courier.ts"
import { type Primary, sinkAlert, watch } from "./Fallback.ts"
import type { SinkHealth } from "./Health.ts"
import * as Ledger from "./Ledger.ts"
import { emptyLevels, levelTrade } from "./LevelTrade.ts"
import * as MessageTrade from "./MessageTrade.ts"
import { Mutes } from "./Mute.ts"
import type { Outbox } from "./Outbox.ts"
import type { Ears, Runtime } from "./Post.ts"
import type { Renderer } from "./Rendering.ts"

/** Leaving: outboxes are flushed within this. With the server's and our own margins it stays below Docker's 10 s. */
export const flushMs = 5_000

/** Five minutes: longer than a restart of the other side, shorter than anyone's patience. */
export const defaultFallbackAfterMs = 300_000

export interface Destinations {
  /** None means that alerts go to the fallback, or to the console. */
  readonly primaries: ReadonlyArray<Sink>
  readonly fallback?: MessageSink | undefined
  readonly fallbackAfterMs?: number | undefined
  /** What an earlier life has handed over; whatever is not that is ignored. */
  readonly handedOver?: unknown
}

/** Plain JSON. */
export interface Handover {
  readonly v: 1
  readonly sinks: Readonly<Record<string, SinkHandover>>
}

interface SinkHandover {
  readonly outbox: Ledger.Frozen
  readonly memory: unknown
}

const HandoverOf = Schema.Struct({
  v: Schema.Literal(1),
  sinks: Schema.Record(Schema.String, Schema.Struct({ outbox: Schema.Unknown, memory: Schema.Unknown }))
})

export class Dispatcher extends Context.Service<
  Dispatcher,
  {
    readonly health: Effect.Effect<ReadonlyArray<SinkHealth>>
    /** What the next life must know: what each sink was told, and what it has learnt. What is under way counts as maybe sent. */
    readonly handover: Effect.Effect<Handover>
  }
>()("watchdog/queue/Dispatcher") {
  static readonly layer = (
    destinations: Destinations
  ): Layer.Layer<Dispatcher, never, Alerts | Console | Output | Journal | Renderer | Loops | StatusBoard | Mutes> =>
    Layer.effect(
      Dispatcher,
      Effect.gen(function* () {
        const alerts = yield* Alerts
        const desks = yield* open(destinations)
        const couriers = desks.map((desk) => desk.courier)
        const intake = supervise(
          "dispatcher",
          Effect.forever(
            Effect.flatMap(Queue.take(alerts), (alert) =>
              Effect.forEach(couriers, (courier) => courier.deliver(alert), { discard: true })
            )
          )
        )
        const mutes = yield* Mutes
        const heedMutes = supervise(
          "mutes",
          Stream.runForEach(mutes.changes, () => Effect.forEach(couriers, (courier) => courier.wake, { discard: true }))
        )
        // Not scoped: a scope would interrupt it before the finalizer below can empty the queue.
        const fiber = yield* Effect.forkDetach(intake)
        yield* Effect.forkScoped(heedMutes)
        yield* Effect.addFinalizer(() =>
          Effect.gen(function* () {
            const untilMs = (yield* monotonicMs) + flushMs
            yield* Fiber.interrupt(fiber)
            for (const alert of yield* Queue.clear(alerts)) {
              yield* Effect.forEach(couriers, (courier) => courier.deliver(alert), { discard: true })
            }
            yield* Effect.forEach(couriers, (courier) => courier.flush(untilMs), {
              concurrency: "unbounded",
              discard: true
            })
          })
        )
        const { runId } = yield* Journal
        return Dispatcher.of({
          health: Effect.forEach(couriers, (courier) => courier.health),
          handover: Effect.gen(function* () {
            const anchor = yield* anchorOf(runId)
            const sinks: Record<string, SinkHandover> = {}
            for (const desk of desks) sinks[desk.courier.name] = yield* desk.handover(anchor)
            return { v: 1, sinks }
          })
        })
      })
    )
}

/** A courier with what the dispatcher must know of its trade. */
interface Desk {
  readonly courier: Courier
  readonly outbox: Effect.Effect<Outbox>
  readonly handover: (anchor: Anchor) => Effect.Effect<SinkHandover>
}

const anchorOf = (runId: string): Effect.Effect<Anchor> =>
  Effect.zipWith(monotonicMs, Clock.currentTimeMillis, (nowMs, wallMs) => ({ monotonicMs: nowMs, wallMs, runId }))

/** Starts a courier for each sink, and what decides when the fallback speaks. */
const open = ({ primaries, fallback, fallbackAfterMs = defaultFallbackAfterMs, handedOver }: Destinations) =>
  Effect.gen(function* () {
    const output = yield* Output
    const saved = yield* readHandover(handedOver)
    const bell = yield* Queue.sliding<void>(1)
    // Where there is nothing else a fallback is a sink like any other.
    const alone = primaries.length === 0
    const [first, ...others] = alone ? [fallback ?? (yield* Console)] : primaries
    const onConsole = first?.name === "console"
    const couriers: Array<Courier> = []
    const redSinceMs = new Map<string, number>()
    const ears: Ears = {
      health: (sink, problem) => tellOthers(couriers, redSinceMs, sink, problem),
      view: (text) => (onConsole ? Effect.void : output.err(text)),
      changed: Effect.asVoid(Queue.offer(bell, undefined))
    }
    const desks: Array<Desk> = []
    const seat = <D extends Desk>(desk: D): D => {
      desks.push(desk)
      couriers.push(desk.courier)
      return desk
    }
    for (const sink of first === undefined ? [] : [first, ...others]) {
      const given = saved.get(sink.name)
      seat(sink.kind === "message" ? yield* messageDesk(sink, ears, given, false) : yield* levelDesk(sink, ears, given))
    }
    if (!alone && fallback !== undefined) {
      const watched: ReadonlyArray<Primary> = [...desks]
      const standby = seat(yield* messageDesk(fallback, ears, saved.get(fallback.name), true))
      const watching = watch({ primaries: watched, fallback: standby.courier, afterMs: fallbackAfterMs, bell })
      yield* Effect.forkScoped(supervise("fallback", watching))
    }
    return desks
  })

/** One sink's trouble is every other sink's news. */
const tellOthers = (
  couriers: ReadonlyArray<Courier>,
  redSinceMs: Map<string, number>,
  { name }: Pick<Sink, "name">,
  problem: SinkError | null
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const nowMs = yield* monotonicMs
    const sinceMs = redSinceMs.get(name) ?? nowMs
    if (problem === null) redSinceMs.delete(name)
    else redSinceMs.set(name, sinceMs)
    const alert = sinkAlert(name, problem === null ? null : problem.message, nowMs, sinceMs)
    const others = couriers.filter((courier) => courier.name !== name)
    yield* Effect.forEach(others, (courier) => courier.deliver(alert), { discard: true })
  })

/* Desks */

const messageDesk = (sink: MessageSink, ears: Ears, given: Given | undefined, standsBy: boolean) =>
  Effect.gen(function* () {
    const load = yield* thawed(sink, given, Ledger.thawMessages, MessageTrade.emptyLoad)
    if (given?.memory !== undefined && sink.memory !== undefined) yield* harmless(sink, sink.memory.load(given.memory))
    const standby = standsBy ? (load.standby ?? MessageTrade.closedStandby) : null
    const courier = yield* startCourier(sink, MessageTrade.messageTrade(sink), { ...load, standby }, ears)
    return {
      courier,
      outbox: Effect.map(courier.load, ({ outbox }) => outbox),
      handover: (anchor: Anchor): Effect.Effect<SinkHandover> =>
        Effect.gen(function* () {
          const memory = sink.memory === undefined ? null : yield* harmless(sink, sink.memory.save)
          return { outbox: Ledger.freezeMessages(yield* courier.load, anchor), memory: memory ?? null }
        })
    }
  })

const levelDesk = (sink: LevelSink, ears: Ears, given: Given | undefined): Effect.Effect<Desk, never, Runtime> =>
  Effect.gen(function* () {
    const load = yield* thawed(sink, given, Ledger.thawLevels, emptyLevels)
    const courier = yield* startCourier(sink, levelTrade(sink), load, ears)
    return {
      courier,
      outbox: Effect.map(courier.load, ({ outbox }) => outbox),
      handover: (anchor) =>
        Effect.map(courier.load, (now) => ({ outbox: Ledger.freezeLevels(now, anchor), memory: null }))
    }
  })

/** A sink's memory is worth something, but nothing that its bugs could stop us with. */
const harmless = <A>(sink: Sink, effect: Effect.Effect<A>): Effect.Effect<A | undefined> =>
  Effect.catchCause(effect, () =>
    Effect.as(Effect.logError(`sink ${sink.name}: its memory could not be handed over`), undefined)
  )

/* Handing over */

type Given = (typeof HandoverOf.Type.sinks)[string]

const readHandover = (handedOver: unknown): Effect.Effect<ReadonlyMap<string, Given>> =>
  Effect.gen(function* () {
    if (handedOver === undefined || handedOver === null) return new Map()
    const read = Schema.decodeUnknownOption(HandoverOf)(handedOver)
    if (Option.isSome(read)) return new Map(Object.entries(read.value.sinks))
    yield* Effect.logWarning("what an earlier run has handed over to the sinks cannot be read: it is ignored")
    return new Map()
  })

const thawed = <Load>(
  sink: Sink,
  given: Given | undefined,
  thaw: (saved: unknown, into: Anchor) => Ledger.Thawed<Load>,
  empty: Load
): Effect.Effect<Load, never, Journal> =>
  Effect.gen(function* () {
    if (given === undefined) return empty
    const { runId } = yield* Journal
    const { load, ignored } = thaw(given.outbox, yield* anchorOf(runId))
    if (ignored.length > 0) {
      yield* Effect.logWarning(`${sink.name}: handed over by an earlier run and not understood: ${ignored.join(", ")}`)
    }
    return load
  })
