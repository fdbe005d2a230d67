/** A sink whose every send is decided by the test, and the services a courier needs, with all they say collected. */
import { Effect, Exit, Layer, Logger, Queue, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Loops } from "../../src/base/Loops.ts"
import { monotonicMs } from "../../src/base/Monotonic.ts"
import { Output } from "../../src/base/Output.ts"
import type { Alert, DecisionKind, Entry, Rendering } from "../../src/decision/index.ts"
import { Alerts } from "../../src/queue/Alerts.ts"
import { type Destinations, Dispatcher } from "../../src/queue/Dispatcher.ts"
import { type Courier, startCourier } from "../../src/queue/Courier.ts"
import { emptyLoad, messageTrade } from "../../src/queue/MessageTrade.ts"
import { Mutes } from "../../src/queue/Mute.ts"
import { Renderer } from "../../src/queue/Rendering.ts"
import { Console } from "../../src/sink/Console.ts"
import { type Draft, type Receipt, type MessageSink, type Sink, SinkError } from "../../src/sink/Sink.ts"
import { type Fields, Journal } from "../../src/status/Journal.ts"
import { type SinkStanding, StatusBoard, type ToldMessage } from "../../src/status/StatusBoard.ts"

export const alert = (
  kind: DecisionKind,
  signal = "container:api",
  more: Partial<Alert["decision"]> = {},
  severity: Alert["severity"] = "critical"
): Alert => ({
  signal,
  severity,
  cooldownMs: 1_800_000,
  decision: {
    kind,
    atMs: 0,
    active: kind !== "recover" && kind !== "gone",
    sinceMs: 0,
    raises: 1,
    reminders: 0,
    confirmed: false,
    foundAtStart: false,
    evidence: { summary: "down", details: [] },
    ...more
  }
})

export const sinkError = (more: Partial<ConstructorParameters<typeof SinkError>[0]> = {}): SinkError =>
  new SinkError({
    reason: "Network",
    detail: "unreachable",
    retryable: true,
    retryAfterMs: null,
    maybeSent: false,
    ...more
  })

export const permanent = sinkError({ reason: "Forbidden", detail: "kicked from the chat", retryable: false })

export interface Sent {
  readonly atMs: number
  readonly what: string
  readonly draft: Draft
}

export interface Scripted {
  readonly sink: MessageSink
  /** Every send that began, whatever came of it. */
  readonly tries: Array<Sent>
  /** What was accepted. */
  readonly told: Array<Sent>
  /** What the next sends do, in order; afterwards they are accepted. */
  readonly script: Array<Effect.Effect<unknown, SinkError>>
}

export const saying = (entries: ReadonlyArray<Entry>): string =>
  entries.map(({ kind, signal, repeated }) => `${kind} ${signal}${repeated ? " (repeated)" : ""}`).join(", ")

export const scripted = (name = "telegram", more: Partial<MessageSink> = {}): Scripted => {
  const tries: Array<Sent> = []
  const told: Array<Sent> = []
  const script: Array<Effect.Effect<unknown, SinkError>> = []
  const sink: MessageSink = {
    kind: "message",
    name,
    destination: `the ${name} of the test`,
    pace: { windowMs: 1_000, perMinute: 15 },
    verify: Effect.succeed("it is there"),
    fit: (draft) => draft.entries.length,
    send: (draft) =>
      Effect.gen(function* () {
        const sent: Sent = { atMs: yield* monotonicMs, what: saying(draft.entries), draft }
        tries.push(sent)
        yield* script.shift() ?? Effect.void
        told.push(sent)
        return { reference: String(told.length), moved: false } satisfies Receipt
      }),
    ...more
  }
  return { sink, tries, told, script }
}

/** Lets every fiber do what it can without time passing. */
export const quiesce: Effect.Effect<void> = Effect.forEach(
  Array.from({ length: 20 }, (_, at) => at),
  () => TestClock.adjust(0),
  { discard: true }
)

export interface Heard {
  readonly journal: Array<{ readonly event: string } & Fields>
  readonly logs: Array<string>
  readonly view: Array<string>
  /** What the board was pushed. */
  readonly standings: Array<SinkStanding>
  readonly messages: Array<ToldMessage>
}

export const makeHeard = (): Heard => ({ journal: [], logs: [], view: [], standings: [], messages: [] })

/** Jitter is 80 to 120 % of the back-off: 0.5 is none. */
export const luck = (random = 0.5): Layer.Layer<never> =>
  Layer.succeed(Random.Random, { nextDoubleUnsafe: () => random, nextIntUnsafe: () => 0 })

/** A board that only collects what sinks push. */
const layerBoard = (heard: Heard): Layer.Layer<StatusBoard> =>
  Layer.effect(
    StatusBoard,
    Effect.map(Effect.provide(StatusBoard, StatusBoard.layerNone), (none) => ({
      ...none,
      sink: (standing: SinkStanding) => Effect.sync(() => void heard.standings.push(standing)),
      told: (message: ToldMessage) => Effect.sync(() => void heard.messages.push(message))
    }))
  )

/** What a courier asks for; `heard` gets the journal's and the log's lines, and what the board is pushed. */
export const layerCourier = (
  heard: Heard,
  timeText: Rendering["timeText"] = (atMs) => `t${atMs}`
): Layer.Layer<Journal | Renderer | Loops | StatusBoard | Mutes> =>
  Layer.mergeAll(
    layerBoard(heard),
    Layer.provide(Mutes.layer(), StatusBoard.layerNone),
    Layer.succeed(Journal, {
      runId: "test",
      write: (event, fields) => Effect.sync(() => void heard.journal.push({ event, ...fields }))
    }),
    Layer.succeed(Renderer, {
      now: Effect.map(monotonicMs, (nowMs) => ({ nowMs, host: "box", timeText }))
    }),
    Loops.layer,
    Logger.layer([
      Logger.make<unknown, void>(({ message, logLevel }) => void heard.logs.push(`${logLevel} ${String(message)}`))
    ])
  )

export interface Desk {
  readonly heard: Heard
  /** What the console shows. */
  readonly shown: ReadonlyArray<string>
  readonly offer: (...alerts: ReadonlyArray<Alert>) => Effect.Effect<void>
  readonly dispatcher: Dispatcher["Service"]
  readonly mutes: Mutes["Service"]
  /** Closes the dispatcher's scope; gives the time at which that was done, once it was. */
  readonly leave: Effect.Effect<ReadonlyArray<number>>
}

/** A dispatcher with everything around it, under the test's clock. */
export const dispatching = (
  destinations: Destinations,
  self: (desk: Desk) => Effect.Effect<void>,
  timeText?: Rendering["timeText"]
): Effect.Effect<void> => {
  const heard = makeHeard()
  const shown: Array<string> = []
  const output = Output.layerMemory([], shown)
  const world = Layer.mergeAll(layerCourier(heard, timeText), luck(), output, Layer.provide(Console.layer, output))
  return Effect.gen(function* () {
    const scope = yield* Scope.make()
    const stages = Dispatcher.layer(destinations).pipe(Layer.provideMerge(Alerts.layer), Layer.provideMerge(world))
    const context = yield* Layer.buildWithScope(stages, scope)
    yield* Effect.gen(function* () {
      const alerts = yield* Alerts
      yield* quiesce
      yield* self({
        heard,
        shown,
        offer: (...given) =>
          Effect.andThen(
            Effect.forEach(given, (one) => Queue.offer(alerts, one), { discard: true }),
            quiesce
          ),
        dispatcher: yield* Dispatcher,
        mutes: yield* Mutes,
        leave: Effect.gen(function* () {
          const done: Array<number> = []
          const leaving = Effect.andThen(
            Scope.close(scope, Exit.void),
            Effect.clockWith((clock) => Effect.sync(() => done.push(clock.currentTimeMillisUnsafe())))
          )
          yield* Effect.forkChild(leaving)
          yield* quiesce
          return done
        })
      })
    }).pipe(Effect.provideContext(context))
  })
}

export const pass = (ms: number): Effect.Effect<void> => Effect.andThen(TestClock.adjust(ms), quiesce)

export interface CourierDesk extends Scripted {
  readonly courier: Courier
  readonly heard: Heard
  readonly health: Array<string>
  readonly deliver: (...alerts: ReadonlyArray<Alert>) => Effect.Effect<void>
  readonly triesMs: () => ReadonlyArray<number>
  readonly said: () => ReadonlyArray<string>
}

/** One courier and its sink, under the test's clock. */
export const atDesk = (
  self: (desk: CourierDesk) => Effect.Effect<void>,
  {
    sink,
    random = 0.5,
    view = () => undefined
  }: { readonly sink?: Partial<MessageSink>; readonly random?: number; readonly view?: (text: string) => void } = {}
): Effect.Effect<void> => {
  const heard = makeHeard()
  const health: Array<string> = []
  const one = scripted("telegram", sink)
  const ears = {
    health: (at: Pick<Sink, "name">, problem: SinkError | null) =>
      Effect.sync(() => void health.push(`${at.name}: ${problem === null ? "well" : problem.message}`)),
    view: (text: string) => Effect.sync(() => (view(text), void heard.view.push(text))),
    changed: Effect.void
  }
  return Effect.gen(function* () {
    const courier = yield* startCourier(one.sink, messageTrade(one.sink), emptyLoad, ears)
    yield* quiesce
    yield* self({
      ...one,
      courier,
      heard,
      health,
      deliver: (...alerts) =>
        Effect.andThen(
          Effect.forEach(alerts, (one) => courier.deliver(one), { discard: true }),
          quiesce
        ),
      triesMs: () => one.tries.map((sent) => sent.atMs),
      said: () => one.told.map((sent) => sent.what)
    })
  }).pipe(Effect.provide(Layer.merge(layerCourier(heard), luck(random))))
}
