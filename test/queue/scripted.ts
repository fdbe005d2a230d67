/** A sink whose every send is decided by the test, and the services a courier needs, with all they say collected. */
import { Effect, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { Loops } from "../../src/base/Loops.ts"
import { monotonicMs } from "../../src/base/Monotonic.ts"
import type { Alert, DecisionKind, Entry } from "../../src/decision/index.ts"
import { Renderer } from "../../src/queue/Rendering.ts"
import { type Draft, type Receipt, type MessageSink, SinkError } from "../../src/sink/Sink.ts"
import { type Fields, Journal } from "../../src/status/Journal.ts"

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
}

export const makeHeard = (): Heard => ({ journal: [], logs: [], view: [] })

/** What a courier asks for; `heard` gets the journal's and the log's lines. */
export const layerCourier = (heard: Heard): Layer.Layer<Journal | Renderer | Loops> =>
  Layer.mergeAll(
    Layer.succeed(Journal, {
      runId: "test",
      write: (event, fields) => Effect.sync(() => void heard.journal.push({ event, ...fields }))
    }),
    Layer.succeed(Renderer, {
      now: Effect.map(monotonicMs, (nowMs) => ({ nowMs, host: "box", timeText: (atMs: number) => `t${atMs}` }))
    }),
    Loops.layer,
    Logger.layer([
      Logger.make<unknown, void>(({ message, logLevel }) => void heard.logs.push(`${logLevel} ${String(message)}`))
    ])
  )
