/** `watchdog check`: one look at everything, as a table for people or JSON for scripts. */
import { Duration, Effect, Fiber, Ref, Result, type Scope } from "effect"
import { makeCollectors } from "../App.ts"
import type { Http } from "../base/Http.ts"
import { Settings } from "../base/Keys.ts"
import { monotonicMs } from "../base/Monotonic.ts"
import { Output } from "../base/Output.ts"
import { type Cell, type Paint, type Style, cell, columns, plain } from "../base/Paint.ts"
import { type Collector, type SignalLook } from "../collector/Collector.ts"
import { Containers } from "../collector/index.ts"
import { cutMs } from "../collector/Poller.ts"
import { printable } from "../sink/Message.ts"

/** 0 all clear, 1 something active, 2 blind. */
export type CheckCode = 0 | 1 | 2

/** One signal as a single look saw it; part of the JSON form. */
export interface CheckedSignal {
  readonly signal: string
  readonly collector: string
  readonly severity: "critical" | "warning"
  readonly state: "clear" | "active" | "held" | "blind"
  readonly value: number | null
  readonly summary: string
  readonly details: ReadonlyArray<string>
}

export interface CheckedCollector {
  readonly name: string
  readonly watches: string
  readonly off: boolean
  /** How long the look took, milliseconds; null where it is off. */
  readonly tookMs: number | null
  /** Why it sees nothing, or what of its source it cannot see. */
  readonly problem: string | null
  /** What was odd but not fatal. */
  readonly oddities: ReadonlyArray<string>
}

/** The JSON form. Within version 1 fields are only added. */
export interface Checked {
  readonly v: 1
  readonly code: CheckCode
  readonly signals: ReadonlyArray<CheckedSignal>
  readonly collectors: ReadonlyArray<CheckedCollector>
}

interface Looked {
  readonly collector: CheckedCollector
  readonly signals: ReadonlyArray<CheckedSignal>
}

const signalOf = (collector: Collector, { spec, look }: SignalLook): CheckedSignal => {
  const base = { signal: spec.signal, collector: collector.name, severity: spec.severity }
  if (look._tag === "Missed") {
    return { ...base, state: look.held ? "held" : "blind", value: null, summary: look.reason, details: [] }
  }
  const ceiling = spec.policy.ceiling
  const active = ceiling === null || look.value === null ? look.active : look.value >= ceiling.raiseAt
  const { summary, details } = look.evidence
  return { ...base, state: active ? "active" : "clear", value: look.value, summary, details: active ? details : [] }
}

const blindSignal = (collector: Collector, summary: string): CheckedSignal => ({
  signal: `source:${collector.name}`,
  collector: collector.name,
  severity: "critical",
  state: "blind",
  value: null,
  summary,
  details: []
})

const lookOnce = (collector: Collector): Effect.Effect<Looked> =>
  Effect.gen(function* () {
    const { name, watches, off } = collector
    const base = { name, watches, off, oddities: [] }
    if (off) return { collector: { ...base, tookMs: null, problem: null }, signals: [] }
    const asOfMs = yield* monotonicMs
    const outcome = yield* Effect.suspend(() => collector.collect({ number: 1, asOfMs })).pipe(
      Effect.mapError((error) => error.message),
      Effect.timeoutOrElse({
        duration: Duration.millis(cutMs(collector)),
        orElse: () => Effect.fail(`no answer within ${Math.round(cutMs(collector))} ms`)
      }),
      Effect.result
    )
    const tookMs = (yield* monotonicMs) - asOfMs
    if (Result.isFailure(outcome)) {
      const problem = outcome.failure
      return { collector: { ...base, tookMs, problem }, signals: [blindSignal(collector, problem)] }
    }
    const { looks, unseen, oddities } = outcome.success
    const signals = looks.map((look) => signalOf(collector, look))
    return {
      collector: { ...base, tookMs, problem: unseen ?? null, oddities },
      signals: unseen === undefined ? signals : [...signals, blindSignal(collector, unseen)]
    }
  })

/** A single look knows no deploy: what does not run is said, not held. */
const withoutGrace = (settings: Settings["Service"]): Settings["Service"] => ({
  ...settings,
  get: (key) => (key === (Containers.keys.grace as unknown) ? Result.getOrThrow(key.parse("0")) : settings.get(key))
})

const codeOf = (signals: ReadonlyArray<CheckedSignal>): CheckCode =>
  signals.some(({ state }) => state === "blind") ? 2 : signals.some(({ state }) => state === "active") ? 1 : 0

/** Looks once at everything. `onWaiting` is told who has not answered yet, at each change. */
export const lookAtAll = (
  onWaiting: (names: ReadonlyArray<string>) => Effect.Effect<void> = () => Effect.void
): Effect.Effect<Checked, never, Http | Settings | Scope.Scope> =>
  Effect.gen(function* () {
    const settings = withoutGrace(yield* Settings)
    const collectors = yield* Effect.provideService(makeCollectors, Settings, settings)
    const waiting = yield* Ref.make(collectors.filter(({ off }) => !off).map(({ name }) => name))
    yield* Effect.flatMap(Ref.get(waiting), onWaiting)
    const looked = yield* Effect.forEach(
      collectors,
      (collector) =>
        Effect.tap(lookOnce(collector), () =>
          Effect.flatMap(
            Ref.updateAndGet(waiting, (names) => names.filter((name) => name !== collector.name)),
            onWaiting
          )
        ),
      { concurrency: "unbounded" }
    )
    const signals = looked.flatMap((one) => one.signals)
    return { v: 1, code: codeOf(signals), signals, collectors: looked.map(({ collector }) => collector) }
  })

const marks: Readonly<Record<CheckedSignal["state"], readonly [text: string, style: Style]>> = {
  blind: ["? BLIND", "yellow"],
  active: ["✖ ACTIVE", "red"],
  held: ["‖ held", "cyan"],
  clear: ["✔ ok", "green"]
}

/** Worst first; in the order of the collectors within. */
const stateOrder = ["blind", "active", "held", "clear"]

const signalRows = (signals: ReadonlyArray<CheckedSignal>): ReadonlyArray<ReadonlyArray<Cell>> =>
  [...signals]
    .sort((a, b) => stateOrder.indexOf(a.state) - stateOrder.indexOf(b.state))
    .flatMap(({ signal, state, summary, details }) => [
      [cell(marks[state][0], marks[state][1]), cell(signal, state === "active" ? "bold" : undefined), cell(summary)],
      ...details.map((line) => [cell(""), cell(""), cell(line, "dim")])
    ])
    .map((row) => row.map((one) => ({ ...one, text: printable(one.text).replaceAll("\n", " ") })))

/** The table for people: what is wrong first, what is odd and what is not watched below. */
export const checkText = (
  checked: Checked,
  options: { readonly paint?: Paint; readonly width?: number } = {}
): string => {
  const { paint = plain } = options
  const odd = checked.collectors.flatMap(({ name, oddities }) => oddities.map((line) => `  ${name}: ${line}`))
  const off = checked.collectors.filter(({ off }) => off).map(({ name, watches }) => `  ${name}: ${watches}`)
  return [
    columns(signalRows(checked.signals), options),
    ...(odd.length > 0 ? ["", paint("bold", "odd, but no alarm"), printable(odd.join("\n"))] : []),
    ...(off.length > 0 ? ["", paint("bold", "not watched"), printable(off.join("\n"))] : [])
  ].join("\n")
}

/** How often the line that says who is waited for is written anew. */
const progressEvery = Duration.millis(100)

/** Looks once, shows who is waited for on a terminal, prints. */
export const check = (options: {
  readonly json: boolean
}): Effect.Effect<CheckCode, never, Http | Settings | Output | Scope.Scope> =>
  Effect.gen(function* () {
    const output = yield* Output
    const startMs = yield* monotonicMs
    const waiting = yield* Ref.make<ReadonlyArray<string>>([])
    const say = Effect.gen(function* () {
      const seconds = ((yield* monotonicMs) - startMs) / 1_000
      const names = yield* Ref.get(waiting)
      yield* output.passing(`looking: ${names.join(", ")} (${seconds.toFixed(1)} s)`)
    })
    const saying = yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(progressEvery), say)))
    const checked = yield* lookAtAll((names) => Ref.set(waiting, names))
    yield* Fiber.interrupt(saying)
    yield* output.passing("")
    yield* output.out(options.json ? JSON.stringify(checked, null, 2) : checkText(checked, output.look))
    return checked.code
  })
