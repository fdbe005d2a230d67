/**
 * What of a collector's looks goes into the journal: enough to rebuild every tick's verdict, and little while nothing happens.
 *
 * A signal that looks as it did gets no line: the `ticks` lines say when it was looked at. The lines stand in the order in which
 * the monitors got the looks, and a look out of schedule always has one, as has the next look in schedule after it: so a look
 * without a line came before every line of its tick.
 */
import { Effect } from "effect"
import type { Ceiling, Missed, Policy, Seen, SignalSpec } from "../decision/index.ts"
import { Journal } from "../status/Journal.ts"
import type { Tick } from "./Collector.ts"

/** A line for 5 minutes at the default pace: what a killed process takes with it is no more than that. */
export const ticksPerLine = 30

/** Logs are rotated: once a day a signal says again how it is judged, or the rest of a long run could not be replayed. */
const specAgainMs = 86_400_000

/** Percentages lie below it; what lies above is milliseconds, whose every wobble would be a line. */
const percentMax = 100

/**
 * How far a value moves until it is written again: so exactly is it known when another ceiling is tried. One point of a
 * percentage, a twentieth of a small ceiling (a load), a tenth of a latency.
 */
export const valueStep = (ceiling: Ceiling): number =>
  ceiling.raiseAt > percentMax ? ceiling.raiseAt / 10 : Math.min(1, ceiling.raiseAt / 20)

/**
 * A moment as the journal has it: whole microseconds, so that replay knows exactly what the monitors were given. Milliseconds
 * would not do: a crash clears when two looks of a grid lie 10 s apart, and they are off by a fraction of one.
 */
export const recordable = (ms: number): number => Math.floor(ms * 1_000) / 1_000

export interface Recorder {
  /** Before the monitors get it. */
  readonly looked: (spec: SignalSpec, input: Seen | Missed) => Effect.Effect<void, never, Journal>
  /** A look of a tick that only counts the loop's crash: no other signal was looked at. */
  readonly crashed: (spec: SignalSpec, input: Seen) => Effect.Effect<void, never, Journal>
  /** It is missing from a report. */
  readonly absent: (signal: string, tick: number) => Effect.Effect<void, never, Journal>
  readonly retired: (signal: string, tick: number) => Effect.Effect<void, never, Journal>
  /** An earlier life has handed its state over. */
  readonly inherited: (spec: SignalSpec) => Effect.Effect<void, never, Journal>
  /** A tick is done. */
  readonly ticked: (at: Tick, tookMs: number) => Effect.Effect<void, never, Journal>
  /** The loop died; `number` is the tick it was at. Some of its looks may have been given. */
  readonly broke: (number: number) => Effect.Effect<void, never, Journal>
  /** The collector stops. */
  readonly left: Effect.Effect<void, never, Journal>
}

interface Written {
  readonly spec: SignalSpec
  /** `asOfMs` of the line that had the spec. */
  readonly specMs: number
  /** The verdict and its words. */
  readonly text: string
  readonly value: number | null
  readonly scheduled: boolean
}

export const makeRecorder = (collector: { readonly name: string; readonly intervalMs: number }): Recorder => {
  const written = new Map<string, Written>()
  const absent = new Set<string>()
  let ticks: Array<Tick & { readonly tookMs: number }> = []
  /** The last tick that was done. */
  let last = 0
  /** When the present tick began, and whom it has looked at without a line. */
  let asOfMs: number | null = null
  let unwritten: Array<string> = []

  const write = (event: string, fields: Readonly<Record<string, unknown>>): Effect.Effect<void, never, Journal> =>
    Effect.flatMap(Journal, (journal) => journal.write(event, { collector: collector.name, ...fields }))

  const flush = (more: Readonly<Record<string, unknown>> = {}): Effect.Effect<void, never, Journal> => {
    const said = ticksFields(ticks, collector.intervalMs)
    ticks = []
    return write("ticks", { ...said, ...more })
  }

  const remember = (spec: SignalSpec, input: Seen | Missed, before: Written | undefined): boolean => {
    const isNew = before === undefined || !isSame(before.spec, spec) || input.asOfMs - before.specMs >= specAgainMs
    written.set(spec.signal, {
      spec,
      specMs: isNew ? input.asOfMs : before.specMs,
      text: textOf(input),
      value: valueOf(input),
      scheduled: input.scheduled
    })
    absent.delete(spec.signal)
    return isNew
  }

  const inFull = (spec: SignalSpec, input: Seen | Missed, more: Readonly<Record<string, unknown>> = {}) => {
    const withSpec = remember(spec, input, written.get(spec.signal))
    const judged = withSpec ? { spec: { severity: spec.severity, policy: spec.policy } } : {}
    return write("observation", { signal: spec.signal, ...input, ...judged, ...more })
  }

  /** The same look again, but for its value or its schedule. */
  const again = (spec: SignalSpec, input: Seen | Missed) => {
    remember(spec, input, written.get(spec.signal))
    const value = valueOf(input)
    return write("again", {
      signal: spec.signal,
      tick: input.tick,
      ...(input.scheduled ? {} : { scheduled: false, asOfMs: input.asOfMs }),
      ...(value === null ? {} : { value })
    })
  }

  return {
    looked: (spec, input) =>
      Effect.suspend(() => {
        const before = written.get(spec.signal)
        if (input.scheduled) asOfMs = input.asOfMs
        if (before === undefined || absent.has(spec.signal) || needsFull(before, spec, input))
          return inFull(spec, input)
        if (needsLine(before, spec.policy, input)) return again(spec, input)
        unwritten.push(spec.signal)
        return Effect.void
      }),
    crashed: (spec, input) => Effect.suspend(() => inFull(spec, input, { crashed: true })),
    absent: (signal, tick) =>
      Effect.suspend(() => {
        if (absent.has(signal)) return Effect.void
        absent.add(signal)
        return write("absent", { signal, tick })
      }),
    retired: (signal, tick) =>
      Effect.suspend(() => {
        written.delete(signal)
        absent.delete(signal)
        return write("retired", { signal, tick })
      }),
    inherited: ({ signal, severity, policy }) => write("inherited", { signal, spec: { severity, policy } }),
    ticked: (at, tookMs) =>
      Effect.suspend(() => {
        const { number } = at
        last = number
        unwritten = []
        asOfMs = null
        // A tick that only counted a crash has no place in the line: its numbers are those of ticks that follow each other.
        const follows = ticks.length === 0 || ticks.at(-1)?.number === number - 1
        const before = follows ? Effect.void : flush()
        return Effect.andThen(
          before,
          Effect.suspend(() => {
            ticks.push({ ...at, tookMs })
            return ticks.length < ticksPerLine ? Effect.void : flush()
          })
        )
      }),
    broke: (number) =>
      Effect.suspend(() => {
        if (number === last) return Effect.void
        const broken = { tick: number, ...(asOfMs === null ? {} : { asOfMs }), looked: unwritten }
        unwritten = []
        asOfMs = null
        return flush({ broken })
      }),
    left: Effect.suspend(() => flush({ last: true }))
  }
}

/** Compact: after the first tick only how late each was, in microseconds, on a grid that begins anew with the one before. */
const ticksFields = (
  ticks: ReadonlyArray<Tick & { readonly tookMs: number }>,
  everyMs: number
): Readonly<Record<string, unknown>> => {
  const [first] = ticks
  if (first === undefined) return {}
  return {
    first: first.number,
    asOfMs: first.asOfMs,
    everyMs,
    lateUs: ticks.slice(1).map(({ asOfMs }, at) => Math.round((asOfMs - (ticks[at]?.asOfMs ?? 0) - everyMs) * 1_000)),
    tookMs: ticks.map(({ tookMs }) => Math.round(tookMs))
  }
}

/** What makes two looks different to the journal: the verdict and its words, not the tick or the value. */
const textOf = (input: Seen | Missed): string =>
  input._tag === "Seen"
    ? `${input.active ? "active" : "clear"}${input.confirmed ? " confirmed" : ""} ${input.active ? input.evidence.summary : ""}`
    : `${input.held ? "held" : "missed"} ${input.reason}`

const valueOf = (input: Seen | Missed): number | null => (input._tag === "Seen" ? input.value : null)

const needsFull = (before: Written, spec: SignalSpec, input: Seen | Missed): boolean =>
  before.text !== textOf(input) ||
  (input._tag === "Seen" && input.first) ||
  !isSame(before.spec, spec) ||
  input.asOfMs - before.specMs >= specAgainMs

const needsLine = (before: Written, { ceiling }: Policy, input: Seen | Missed): boolean =>
  !input.scheduled || !before.scheduled || (ceiling !== null && hasMoved(before.value, valueOf(input), ceiling))

/** Another side of a threshold, which decides; or further than a step, for whoever tries another ceiling. */
const hasMoved = (from: number | null, to: number | null, ceiling: Ceiling): boolean => {
  if (from === null || to === null) return from !== to
  return zoneOf(from, ceiling) !== zoneOf(to, ceiling) || Math.abs(to - from) >= valueStep(ceiling)
}

const zoneOf = (value: number, { raiseAt, clearAt }: Ceiling): number =>
  value >= raiseAt ? 2 : value >= clearAt ? 1 : 0

/** Specs are made anew by some collectors at each tick. */
const isSame = (a: SignalSpec, b: SignalSpec): boolean =>
  a === b || (a.severity === b.severity && (a.policy === b.policy || isSamePolicy(a.policy, b.policy)))

const isSamePolicy = (a: Policy, b: Policy): boolean =>
  (Object.keys(a) as ReadonlyArray<keyof Policy>).every((field) =>
    field === "ceiling"
      ? a.ceiling?.raiseAt === b.ceiling?.raiseAt && a.ceiling?.clearAt === b.ceiling?.clearAt
      : a[field] === b[field]
  )
