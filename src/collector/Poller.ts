/**
 * Ticks: one poller per collector, on a fixed cadence of the monotonic clock, never overlapping.
 *
 * The first level of never-raise: whatever a collector does - a typed failure, a hang, a defect, a synchronous throw - becomes
 * `Missed` for its signals and evidence for `source:<name>`, and the next tick comes on time.
 */
import { Cause, Duration, Effect, Random } from "effect"
import { Loops } from "../base/Loops.ts"
import { monotonicMs, onGrid } from "../base/Monotonic.ts"
import { defaultIntensity, supervise } from "../base/Supervise.ts"
import type { Missed, Seen, SignalSpec } from "../decision/index.ts"
import { Monitors } from "../monitor/Monitors.ts"
import type { Journal } from "../status/Journal.ts"
import { StatusBoard } from "../status/StatusBoard.ts"
import type { Collector, Emit, Report, SignalLook, Tick } from "./Collector.ts"
import { type Recorder, makeRecorder, recordable } from "./Recorder.ts"

/** A signal missing from this many complete reports is retired. */
const reportsUntilRetired = 3

/** Collectors start within this of each other at random, once; more would keep a newcomer waiting, jitter on every tick would leave the grid. */
const offsetMaxMs = 1_000

interface Known {
  readonly spec: SignalSpec
  readonly missing: number
}

interface Polling {
  readonly collector: Collector
  readonly known: Map<string, Known>
  readonly recorder: Recorder
  reported: boolean
  oddities: string
  /** The current tick. It outlives a restart of the loop, or a new loop's first ticks would look old to the monitors. */
  number: number
}

/** The poller's own cut, halfway between the collector's timeout and the next tick: it catches only our bugs. */
export const cutMs = (collector: Collector): number => (collector.timeoutMs + collector.intervalMs) / 2

/** Who is told of what a tick saw. */
type Desk = Monitors | Journal | StatusBoard

/** Silent for longer than this, a poller is stuck: three ticks and the cut of a fourth. */
const staleAfterMs = (collector: Collector): number => 4 * collector.intervalMs

/**
 * Polls one collector for ever. Fails: never. Needs a `Monitors` to hand its observations to.
 */
export const poll = (collector: Collector): Effect.Effect<void, never, Desk | Loops> =>
  Effect.gen(function* () {
    const loops = yield* Loops
    const name = `collector ${collector.name}`
    const inherited = (yield* Monitors).inherited(collector.name)
    const known = new Map(inherited.map((spec): [string, Known] => [spec.signal, { spec, missing: 0 }]))
    const recorder = makeRecorder(collector)
    const polling: Polling = { collector, known, recorder, reported: false, oddities: "", number: 0 }
    yield* Effect.forEach(inherited, recorder.inherited, { discard: true })
    yield* loops.register(name, staleAfterMs(collector))
    yield* Effect.sleep(Duration.millis(Math.min(offsetMaxMs, collector.intervalMs / 4) * (yield* Random.next)))
    const ticks = onGrid(Duration.millis(collector.intervalMs), () =>
      Effect.andThen(
        Effect.suspend(() => tick(polling, ++polling.number)),
        loops.beat(name)
      )
    )
    const onCrash = (said: string, failing: boolean) =>
      Effect.andThen(
        recorder.broke(polling.number),
        failing
          ? Effect.flatMap(lookMs, (asOfMs) => crashed(polling, { number: ++polling.number, asOfMs }, said))
          : Effect.void
      )
    const polls = Effect.ensuring(supervise(name, ticks, defaultIntensity, onCrash), recorder.left)
    const { events } = collector
    if (events === undefined) return yield* polls
    const hearing = Effect.gen(function* () {
      const context = yield* Effect.context<Desk>()
      const emit: Emit = (looks, asOfMs) => Effect.provideContext(extra(polling, looks, asOfMs), context)
      return yield* events(emit)
    })
    const hears = supervise(`${name} events`, hearing)
    yield* Effect.all([polls, hears], { concurrency: "unbounded", discard: true })
  })

/** When a look begins. */
const lookMs = Effect.map(monotonicMs, recordable)

/** Looks that an event has caused. They belong to the tick they fall in; before the first there is none to belong to. */
const extra = (polling: Polling, looks: ReadonlyArray<SignalLook>, asOfMs: number): Effect.Effect<void, never, Desk> =>
  polling.number === 0
    ? Effect.void
    : Effect.forEach(
        looks,
        (look) => observe(polling, look.spec, observation(look, { number: polling.number, asOfMs }, false, false)),
        { discard: true }
      )

const tick = (polling: Polling, number: number): Effect.Effect<void, never, Desk> =>
  Effect.gen(function* () {
    const asOfMs = yield* lookMs
    const at: Tick = { number, asOfMs }
    const outcome = yield* attempt(polling.collector, at)
    const tookMs = (yield* monotonicMs) - asOfMs
    yield* outcome._tag === "Report" ? route(polling, at, outcome.report) : blind(polling, at, outcome.reason)
    const isBlind = outcome._tag === "Blind"
    yield* (yield* StatusBoard).ticked({
      collector: polling.collector.name,
      asOfMs,
      tookMs,
      blind: isBlind,
      problem: isBlind ? outcome.reason : (outcome.report.unseen ?? null),
      signals: polling.known.size
    })
    yield* polling.recorder.ticked(at, tookMs)
  })

type Outcome =
  | { readonly _tag: "Report"; readonly report: Report }
  | { readonly _tag: "Blind"; readonly reason: string }

/** The catch-all of the first level: every way out is a report or a reason; the poller's own interruption does not come by here. */
const attempt = (collector: Collector, at: Tick): Effect.Effect<Outcome> =>
  Effect.suspend(() => collector.collect(at)).pipe(
    Effect.map((report): Outcome => ({ _tag: "Report", report })),
    Effect.timeoutOption(Duration.millis(cutMs(collector))),
    Effect.map((found): Outcome =>
      found._tag === "Some"
        ? found.value
        : {
            _tag: "Blind",
            reason: `no answer within ${Math.round(cutMs(collector))} ms (its own timeout did not end it)`
          }
    ),
    Effect.catchCause((cause): Effect.Effect<Outcome> => {
      const error = Cause.squash(cause)
      const said = error instanceof Error ? error.message : String(error)
      if (!Cause.hasDies(cause)) return Effect.succeed({ _tag: "Blind", reason: said })
      return Effect.as(
        Effect.logError(`collector ${collector.name} broke`).pipe(
          Effect.annotateLogs({ cause: Cause.pretty(cause).slice(0, 2_000) })
        ),
        { _tag: "Blind", reason: `a bug in the watchdog: ${said}` }
      )
    })
  )

const sourceSpec = (collector: Collector): SignalSpec => ({
  signal: `source:${collector.name}`,
  severity: "critical",
  policy: collector.policy
})

const route = (polling: Polling, at: Tick, report: Report): Effect.Effect<void, never, Desk> =>
  Effect.gen(function* () {
    const first = !polling.reported
    polling.reported = true
    yield* reportOddities(polling, report.oddities)
    yield* observe(
      polling,
      sourceSpec(polling.collector),
      sourceSeen(at, report.unseen !== undefined, report.unseen ?? "")
    )
    const present = new Set<string>()
    for (const look of report.looks) {
      present.add(look.spec.signal)
      yield* observe(polling, look.spec, observation(look, at, first))
    }
    yield* recordAbsent(polling, at, present)
    if (report.complete) yield* retireMissing(polling, at, present)
  })

const observation = ({ look }: SignalLook, at: Tick, first: boolean, scheduled = true): Seen | Missed =>
  ({
    ...look,
    tick: at.number,
    scheduled,
    asOfMs: at.asOfMs,
    ...(look._tag === "Seen" ? { first } : {})
  }) as Seen | Missed

const blind = (polling: Polling, at: Tick, reason: string): Effect.Effect<void, never, Desk> =>
  Effect.gen(function* () {
    const source = sourceSpec(polling.collector)
    yield* observe(polling, source, sourceSeen(at, true, `cannot see: ${reason}`))
    for (const { spec } of polling.known.values()) {
      if (spec.signal === source.signal) continue
      yield* observe(polling, spec, {
        _tag: "Missed",
        tick: at.number,
        scheduled: true,
        asOfMs: at.asOfMs,
        held: false,
        reason
      })
    }
  })

/** The loop itself keeps dying: that is blindness too, and each crash counts as a tick of it. */
const crashed = (polling: Polling, at: Tick, said: string): Effect.Effect<void, never, Desk> =>
  Effect.suspend(() => {
    const spec = sourceSpec(polling.collector)
    const input = sourceSeen(at, true, `its loop keeps crashing: ${said}`)
    return Effect.andThen(polling.recorder.crashed(spec, input), hand(polling, spec, input))
  })

const sourceSeen = (at: Tick, active: boolean, summary: string): Seen => ({
  _tag: "Seen",
  tick: at.number,
  scheduled: true,
  asOfMs: at.asOfMs,
  active,
  confirmed: false,
  value: null,
  first: at.number === 1,
  evidence: {
    summary,
    details: active ? ["what it watches is held as it was last seen: nothing is reported recovered"] : []
  }
})

const observe = (polling: Polling, spec: SignalSpec, input: Seen | Missed): Effect.Effect<void, never, Desk> =>
  Effect.andThen(polling.recorder.looked(spec, input), hand(polling, spec, input))

const hand = (polling: Polling, spec: SignalSpec, input: Seen | Missed): Effect.Effect<void, never, Desk> =>
  Effect.flatMap(Monitors, (monitors) => {
    polling.known.set(spec.signal, { spec, missing: 0 })
    return monitors.observe(spec, input, polling.collector.name)
  })

/** The journal must know of each tick in which a signal was not looked at, even where the report was not complete. */
const recordAbsent = (polling: Polling, at: Tick, present: ReadonlySet<string>): Effect.Effect<void, never, Desk> => {
  const source = sourceSpec(polling.collector).signal
  const absent = [...polling.known.keys()].filter((signal) => signal !== source && !present.has(signal))
  return Effect.forEach(absent, (signal) => polling.recorder.absent(signal, at.number), { discard: true })
}

const retireMissing = (polling: Polling, at: Tick, present: ReadonlySet<string>): Effect.Effect<void, never, Desk> =>
  Effect.gen(function* () {
    const source = sourceSpec(polling.collector).signal
    for (const [signal, known] of polling.known) {
      if (signal === source || present.has(signal)) continue
      if (known.missing + 1 < reportsUntilRetired) {
        polling.known.set(signal, { ...known, missing: known.missing + 1 })
        continue
      }
      polling.known.delete(signal)
      yield* polling.recorder.retired(signal, at.number)
      yield* (yield* Monitors).retire(signal, `missing from ${reportsUntilRetired} complete reports`)
    }
  })

const reportOddities = (polling: Polling, oddities: ReadonlyArray<string>): Effect.Effect<void> => {
  const said = oddities.join("; ")
  if (said === polling.oddities) return Effect.void
  polling.oddities = said
  return said === ""
    ? Effect.logInfo(`${polling.collector.name}: nothing odd any more`)
    : Effect.logWarning(`${polling.collector.name}: ${said}`)
}
