/** Decisions as incidents: from the one that tells a fault to the one that ends it; and what was told beside what would have been. */
import type { DecisionKind, Severity } from "../decision/index.ts"

/** A decision worth telling, in wall time. */
export interface Telling {
  readonly kind: DecisionKind
  readonly atMs: number
  readonly sinceMs: number
  /** The side after it. */
  readonly active: boolean
  readonly summary: string
}

export interface Fault {
  readonly signal: string
  readonly severity: Severity
  /** When it began, as its first decision says. */
  readonly fromMs: number
  /** Its end; null where none was told. */
  readonly toMs: number | null
  readonly summary: string
  readonly told: ReadonlyArray<Telling>
}

/** One stretch of trouble of one signal, under both policies; at least one of them told something. */
export interface Incident {
  readonly signal: string
  readonly severity: Severity
  readonly fromMs: number
  /** The latest end of its faults; null where one has none. */
  readonly toMs: number | null
  readonly summary: string
  readonly before: ReadonlyArray<Fault>
  readonly after: ReadonlyArray<Fault>
}

/** Beyond this only the totals go on counting: a log that has more faults is not read fault by fault. */
export const faultsMax = 50_000
/** Reminders of one fault that are kept, with their times. */
const tellingsMax = 1_000

type Draft = { -readonly [K in keyof Fault]: Fault[K] } & { readonly told: Array<Telling> }

/** The faults of one policy, made from decisions as they come. `life` tells signals of the same name in different runs apart. */
export class Faults {
  readonly #open = new Map<string, Draft>()
  readonly #all: Array<Draft> = []
  /** Faults that were not kept. */
  beyond = 0

  add(life: string, signal: string, severity: Severity, telling: Telling): void {
    const key = keyOf(life, signal)
    const open = this.#open.get(key) ?? this.#begin(key, signal, severity, telling)
    if (open === undefined) return
    if (open.told.length < tellingsMax) open.told.push(telling)
    if (isEnd(telling)) {
      open.toMs = telling.atMs
      this.#open.delete(key)
    }
  }

  /** A fault whose state was handed over goes on in the next life. */
  handOver(from: string, to: string, signal: string): void {
    const open = this.#open.get(keyOf(from, signal))
    if (open === undefined) return
    this.#open.delete(keyOf(from, signal))
    this.#open.set(keyOf(to, signal), open)
  }

  get all(): ReadonlyArray<Fault> {
    return this.#all
  }

  #begin(key: string, signal: string, severity: Severity, telling: Telling): Draft | undefined {
    if (this.#all.length === faultsMax) {
      this.beyond += isOpening(telling) ? 1 : 0
      return undefined
    }
    const { sinceMs, summary } = telling
    const begun: Draft = { signal, severity, fromMs: sinceMs, toMs: null, summary, told: [] }
    this.#open.set(key, begun)
    this.#all.push(begun)
    return begun
  }
}

const keyOf = (life: string, signal: string): string => `${life}\n${signal}`

export const isOpening = ({ kind }: Pick<Telling, "kind">): boolean => kind === "alert" || kind === "flapping"

const isEnd = ({ kind, active }: Telling): boolean =>
  kind === "recover" || kind === "gone" || (kind === "settled" && !active)

/** All that was told of these faults, in the order it was: a flapping fault begins with its first raise, before those it joins. */
export const toldOf = (faults: ReadonlyArray<Fault>): ReadonlyArray<Telling> =>
  faults.flatMap(({ told }) => told).sort((a, b) => a.atMs - b.atMs)

/** Faults of one signal that overlap in time are one incident. In the order of their beginnings. */
export const incidentsOf = (before: ReadonlyArray<Fault>, after: ReadonlyArray<Fault>): ReadonlyArray<Incident> => {
  const bySignal = new Map<string, Array<{ readonly side: "before" | "after"; readonly fault: Fault }>>()
  const sort = (side: "before" | "after", faults: ReadonlyArray<Fault>): void => {
    for (const fault of faults) {
      const of = bySignal.get(fault.signal) ?? []
      bySignal.set(fault.signal, of)
      of.push({ side, fault })
    }
  }
  sort("before", before)
  sort("after", after)
  return [...bySignal.values()].flatMap(clusters).sort((a, b) => a.fromMs - b.fromMs)
}

const clusters = (
  faults: ReadonlyArray<{ readonly side: "before" | "after"; readonly fault: Fault }>
): ReadonlyArray<Incident> => {
  const made: Array<Incident> = []
  let group: Array<{ readonly side: "before" | "after"; readonly fault: Fault }> = []
  let untilMs = Number.NEGATIVE_INFINITY
  const close = (): void => {
    if (group.length > 0) made.push(incidentOf(group))
    group = []
    untilMs = Number.NEGATIVE_INFINITY
  }
  for (const one of [...faults].sort((a, b) => a.fault.fromMs - b.fault.fromMs)) {
    if (one.fault.fromMs > untilMs) close()
    group.push(one)
    untilMs = Math.max(untilMs, reachOf(one.fault))
  }
  close()
  return made
}

/** A fault without an end reaches to the last thing told of it: in the next run it is another one, found at start. */
const reachOf = ({ toMs, told, fromMs }: Fault): number => toMs ?? told.at(-1)?.atMs ?? fromMs

const incidentOf = (group: ReadonlyArray<{ readonly side: "before" | "after"; readonly fault: Fault }>): Incident => {
  const faults = group.map(({ fault }) => fault)
  const [first] = faults
  const ends = faults.map(({ toMs }) => toMs)
  return {
    signal: first?.signal ?? "",
    severity: first?.severity ?? "warning",
    fromMs: Math.min(...faults.map(({ fromMs }) => fromMs)),
    toMs: ends.includes(null) ? null : Math.max(...ends.map((end) => end ?? 0)),
    summary: faults.find(({ summary }) => summary !== "")?.summary ?? "",
    before: group.flatMap(({ side, fault }) => (side === "before" ? [fault] : [])),
    after: group.flatMap(({ side, fault }) => (side === "after" ? [fault] : []))
  }
}
