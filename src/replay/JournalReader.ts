/**
 * One line of a log as the journal meant it, or what else it is.
 *
 * A log is what `docker logs` gives: with lines of others among ours, with prefixes of compose, of `--timestamps` or of journald,
 * and with an end that was cut off. Nothing in it is trusted: a line of ours that does not hold what it should is broken.
 */
import { Option } from "effect"
import {
  type Ceiling,
  type DecisionKind,
  type Missed,
  type Policy,
  type Seen,
  type Severity,
  makePolicy
} from "../decision/index.ts"

/** On every line of the journal but log lines. */
interface Stamped {
  readonly run: string
  /** Milliseconds since 1970. */
  readonly wallMs: number
  /** Milliseconds of the run's monotonic clock. */
  readonly atMs: number
}

export interface Judged {
  readonly severity: Severity
  readonly policy: Policy
}

export interface PlayedTick {
  readonly number: number
  readonly asOfMs: number
  readonly tookMs: number
}

/** Something that happened to one signal in one tick of its collector. */
interface OfSignal extends Stamped {
  readonly collector: string
  readonly signal: string
  readonly tick: number
}

export type RunLine = Stamped & {
  readonly _tag: "Run"
  readonly version: string | null
  readonly host: string | null
  /** The decision policy as it was set; null in a journal that did not say. */
  readonly settings: ReadonlyMap<string, string> | null
}
export type TicksLine = Stamped & {
  readonly _tag: "Ticks"
  readonly collector: string
  readonly ticks: ReadonlyArray<PlayedTick>
  readonly everyMs: number | null
  /** A tick that ended in a crash, and who was looked at in it without a line. */
  readonly broken: { readonly tick: PlayedTick; readonly looked: ReadonlySet<string> } | null
  readonly last: boolean
}
export type LookLine = OfSignal & {
  readonly _tag: "Look"
  readonly input: Seen | Missed
  readonly judged: Judged | null
  readonly crashed: boolean
}
export type AgainLine = OfSignal & {
  readonly _tag: "Again"
  readonly scheduled: boolean
  /** Of a look out of schedule; null where it is the tick's. */
  readonly asOfMs: number | null
  readonly value: number | null
}
export type AbsentLine = OfSignal & { readonly _tag: "Absent" }
export type RetiredLine = OfSignal & { readonly _tag: "Retired" }
export type SignalLine = LookLine | AgainLine | AbsentLine | RetiredLine
export type InheritedLine = Stamped & {
  readonly _tag: "Inherited"
  readonly collector: string
  readonly signal: string
  readonly judged: Judged
}
export type DecisionLine = Stamped & {
  readonly _tag: "Decision"
  readonly signal: string
  readonly kind: DecisionKind
  readonly sinceMs: number
}
/** Ours, and nothing that decides: a delivery, a line of another event. */
export type OtherLine = Stamped & { readonly _tag: "Other" }

export type JournalLine = RunLine | TicksLine | SignalLine | InheritedLine | DecisionLine | OtherLine

/** `log`: ours, for people. `old`: an observation of a version that did not yet write what replay needs. */
export type ReadLine = JournalLine | "log" | "foreign" | "broken" | "old"

/** As `src/status/Journal.ts` begins each line. */
const head = '{"time":"'
/** Compose's `service-1  | `, colours, `--timestamps` and journald's names are short and hold neither quote nor brace. */
const prefixUnitsMax = 200

/** 285 years: beyond it microseconds are not whole numbers any more. */
const momentMax = 9e12
const tickMax = 1e9
/** An interval is at most some days; a line of ticks is 30 of them. */
const ticksPerLineMax = 1_000
const nameUnitsMax = 4_096
const summaryUnitsMax = 500

type Fields = Readonly<Record<string, unknown>>

const parseJson = Option.liftThrowable((text: string): unknown => JSON.parse(text))

/**
 * Reads one line. Fails: never, whatever stands in it.
 */
export const readLine = (line: string): ReadLine => {
  const from = line.indexOf(head)
  if (from < 0 || from > prefixUnitsMax || /["{}\\]/.test(line.slice(0, from))) return "foreign"
  const parsed = parseJson(from === 0 ? line : line.slice(from))
  if (Option.isNone(parsed) || !isFields(parsed.value)) return "broken"
  const fields = parsed.value
  if (fields["event"] === "log") return "log"
  // A tool that logs with the same first key.
  if (typeof fields["event"] !== "string") return "foreign"
  const wallMs = Date.parse(String(fields["time"]))
  const atMs = moment(fields["atMs"])
  const run = name(fields["run"])
  if (Number.isNaN(wallMs) || atMs === null || run === null)
    return typeof fields["run"] === "string" ? "broken" : "foreign"
  return readEvent(fields["event"], fields, { run, wallMs, atMs }) ?? "broken"
}

const readEvent = (event: string, fields: Fields, at: Stamped): JournalLine | "old" | null => {
  switch (event) {
    case "run":
      return { _tag: "Run", ...at, ...runOf(fields) }
    case "ticks":
      return readTicks(fields, at)
    case "observation":
      return fields["collector"] === undefined ? "old" : readLook(fields, at)
    case "again":
      return readAgain(fields, at)
    case "absent":
      return withSignal(fields, at, (of): AbsentLine => ({ _tag: "Absent", ...of }))
    case "retired":
      return fields["collector"] === undefined
        ? "old"
        : withSignal(fields, at, (of): RetiredLine => ({ _tag: "Retired", ...of }))
    case "inherited":
      return readInherited(fields, at)
    case "decision":
      return readDecision(fields, at)
    default:
      return { _tag: "Other", ...at }
  }
}

/* Events */

const runOf = (fields: Fields): Pick<RunLine, "version" | "host" | "settings"> => {
  const settings = fields["settings"]
  return {
    version: name(fields["version"]),
    host: name(fields["host"]),
    settings: isFields(settings)
      ? new Map(
          Object.entries(settings)
            .slice(0, ticksPerLineMax)
            .flatMap(([key, value]) => (typeof value === "string" ? [[key, value] as const] : []))
        )
      : null
  }
}

const readTicks = (fields: Fields, at: Stamped): TicksLine | null => {
  const collector = name(fields["collector"])
  if (collector === null) return null
  const broken = fields["broken"] === undefined ? null : brokenOf(fields["broken"], at.atMs)
  if (broken === undefined) return null
  const common = { _tag: "Ticks", ...at, collector, broken, last: fields["last"] === true } as const
  if (fields["first"] === undefined) return { ...common, ticks: [], everyMs: null }
  const ticks = ticksOf(fields)
  return ticks === null ? null : { ...common, ticks, everyMs: moment(fields["everyMs"]) }
}

const brokenOf = (given: unknown, atMs: number): TicksLine["broken"] | undefined => {
  if (!isFields(given)) return undefined
  const number = tick(given["tick"])
  const asOfMs = moment(given["asOfMs"]) ?? atMs
  const looked = given["looked"]
  return number === null || !Array.isArray(looked)
    ? undefined
    : { tick: { number, asOfMs, tookMs: Math.max(0, atMs - asOfMs) }, looked: new Set(looked.map(String)) }
}

const ticksOf = (fields: Fields): ReadonlyArray<PlayedTick> | null => {
  const first = tick(fields["first"])
  const firstMs = moment(fields["asOfMs"])
  const everyMs = moment(fields["everyMs"])
  const late = numbers(fields["lateUs"])
  const took = numbers(fields["tookMs"])
  if (first === null || firstMs === null || everyMs === null || late === null || took?.length !== late.length + 1)
    return null
  const ticks: Array<PlayedTick> = []
  // Summed up in whole microseconds, as they were written: fractions of milliseconds would add their errors.
  let asOfUs = Math.round(firstMs * 1_000)
  for (const [at, tookMs] of took.entries()) {
    if (at > 0) asOfUs += Math.round(everyMs * 1_000) + (late[at - 1] ?? 0)
    if (asOfUs < 0 || asOfUs > momentMax * 1_000 || tookMs < 0) return null
    ticks.push({ number: first + at, asOfMs: asOfUs / 1_000, tookMs })
  }
  return ticks
}

const readLook = (fields: Fields, at: Stamped): LookLine | null =>
  withSignal(fields, at, (of): LookLine | null => {
    const asOfMs = moment(fields["asOfMs"])
    const input = asOfMs === null ? null : inputOf(fields, of.tick, asOfMs)
    const judged = fields["spec"] === undefined ? null : judgedOf(fields["spec"])
    if (input === null || (judged === null && fields["spec"] !== undefined)) return null
    return { _tag: "Look", ...of, input, judged, crashed: fields["crashed"] === true }
  })

const inputOf = (fields: Fields, tick: number, asOfMs: number): Seen | Missed | null => {
  const look = { tick, scheduled: fields["scheduled"] === true, asOfMs }
  if (fields["_tag"] === "Missed") {
    return { _tag: "Missed", ...look, held: fields["held"] === true, reason: text(fields["reason"]) }
  }
  if (fields["_tag"] !== "Seen" || typeof fields["active"] !== "boolean") return null
  const evidence = fields["evidence"]
  return {
    _tag: "Seen",
    ...look,
    active: fields["active"],
    confirmed: fields["confirmed"] === true,
    value: valueOf(fields["value"]),
    first: fields["first"] === true,
    evidence: { summary: isFields(evidence) ? text(evidence["summary"]) : "", details: [] }
  }
}

const readAgain = (fields: Fields, at: Stamped): AgainLine | null =>
  withSignal(fields, at, (of): AgainLine | null => {
    const scheduled = fields["scheduled"] !== false
    const asOfMs = scheduled ? null : moment(fields["asOfMs"])
    return !scheduled && asOfMs === null
      ? null
      : { _tag: "Again", ...of, scheduled, asOfMs, value: valueOf(fields["value"]) }
  })

const readInherited = (fields: Fields, at: Stamped): InheritedLine | null => {
  const collector = name(fields["collector"])
  const signal = name(fields["signal"])
  const judged = judgedOf(fields["spec"])
  return collector === null || signal === null || judged === null
    ? null
    : { _tag: "Inherited", ...at, collector, signal, judged }
}

const kinds: ReadonlySet<unknown> = new Set<DecisionKind>(["alert", "remind", "recover", "flapping", "settled", "gone"])

const readDecision = (fields: Fields, at: Stamped): DecisionLine | null => {
  const signal = name(fields["signal"])
  const sinceMs = moment(fields["sinceMs"])
  const kind = fields["kind"]
  return signal === null || sinceMs === null || !kinds.has(kind)
    ? null
    : { _tag: "Decision", ...at, signal, sinceMs, kind: kind as DecisionKind }
}

const judgedOf = (spec: unknown): Judged | null => {
  if (!isFields(spec) || !isFields(spec["policy"])) return null
  const given = spec["policy"]
  const number = (field: string): number => (typeof given[field] === "number" ? given[field] : Number.NaN)
  const wait = (field: string): number | null => (given[field] === null ? null : number(field))
  const ceiling = ceilingOf(given["ceiling"])
  if (ceiling === undefined) return null
  const made = makePolicy({
    intervalMs: number("intervalMs"),
    raiseTicks: number("raiseTicks"),
    clearTicks: number("clearTicks"),
    raiseForMs: wait("raiseForMs"),
    clearForMs: wait("clearForMs"),
    cooldownMs: number("cooldownMs"),
    reminderFactor: number("reminderFactor"),
    reminderMaxMs: number("reminderMaxMs"),
    flapRaises: number("flapRaises"),
    flapWindowMs: number("flapWindowMs"),
    flapSettleMs: number("flapSettleMs"),
    confirmedClearMs: number("confirmedClearMs"),
    ceiling
  })
  return made.ok ? { severity: spec["severity"] === "warning" ? "warning" : "critical", policy: made.policy } : null
}

const ceilingOf = (given: unknown): Ceiling | null | undefined => {
  if (given === null) return null
  if (!isFields(given)) return undefined
  const { raiseAt, clearAt } = given
  return typeof raiseAt === "number" && typeof clearAt === "number" ? { raiseAt, clearAt } : undefined
}

/* Fields */

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const moment = (value: unknown): number | null =>
  typeof value === "number" && value >= 0 && value <= momentMax ? value : null

const tick = (value: unknown): number | null =>
  typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= tickMax ? value : null

const name = (value: unknown): string | null =>
  typeof value === "string" && value !== "" && value.length <= nameUnitsMax ? value : null

const text = (value: unknown): string => (typeof value === "string" ? value.slice(0, summaryUnitsMax) : "")

const valueOf = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null)

const numbers = (value: unknown): ReadonlyArray<number> | null =>
  Array.isArray(value) &&
  value.length <= ticksPerLineMax &&
  value.every((one) => typeof one === "number" && Number.isFinite(one))
    ? (value as ReadonlyArray<number>)
    : null

const withSignal = <A>(fields: Fields, at: Stamped, make: (of: OfSignal) => A | null): A | null => {
  const collector = name(fields["collector"])
  const signal = name(fields["signal"])
  const number = tick(fields["tick"])
  return collector === null || signal === null || number === null
    ? null
    : make({ ...at, collector, signal, tick: number })
}
