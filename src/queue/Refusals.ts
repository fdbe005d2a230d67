/**
 * What to do about messages that a destination refuses without saying anything we know (`Rejected`). Pure.
 *
 * One entry that is refused must hold up nothing else, and nothing may be refused for ever: after `togetherMax` refusals in a row the
 * entries of such a message go one by one, so that the culprit stands alone; then as the least that can be said of it; and after
 * `triesMax` it is given up.
 */
import type { Entry } from "../decision/index.ts"

/** Twice may be the other side's bad moment. */
const togetherMax = 2
/** Two together, one alone, two at the least. */
export const triesMax = 5
const firstWaitMs = 1_000

export interface Refusal {
  readonly times: number
  readonly firstMs: number
  /** It is not tried before. */
  readonly notBeforeMs: number
}

export type Refusals = ReadonlyMap<string, Refusal>

export const noRefusals: Refusals = new Map()

export const refusedAgain = (refusals: Refusals, entries: ReadonlyArray<Entry>, nowMs: number): Refusals => {
  const next = new Map(refusals)
  for (const { signal } of entries) {
    const before = next.get(signal)
    const times = (before?.times ?? 0) + 1
    next.set(signal, {
      times,
      firstMs: before?.firstMs ?? nowMs,
      // Who is alone waits by himself: 4 s, then 16 s.
      notBeforeMs: times > togetherMax ? nowMs + firstWaitMs * 4 ** (times - togetherMax) : nowMs
    })
  }
  return next
}

/** Accepted, or given up: what comes next of these signals is a new try. */
export const forget = (refusals: Refusals, entries: ReadonlyArray<Entry>): Refusals => {
  if (refusals.size === 0) return refusals
  const next = new Map(refusals)
  for (const { signal } of entries) next.delete(signal)
  return next
}

/** Of what is not owed any more there is nothing to remember: memory is bounded by the number of signals. */
export const onlyOf = (refusals: Refusals, signals: ReadonlySet<string>): Refusals =>
  refusals.size === 0 ? refusals : new Map([...refusals].filter(([signal]) => signals.has(signal)))

/** It goes alone. */
export const isSuspect = (refusals: Refusals, { signal }: Entry): boolean =>
  (refusals.get(signal)?.times ?? 0) >= togetherMax

/** It was refused alone: only the least is said of it. */
export const isMinimal = (refusals: Refusals, { signal }: Entry): boolean =>
  (refusals.get(signal)?.times ?? 0) > togetherMax

export const isHopeless = (refusals: Refusals, { signal }: Entry): boolean =>
  (refusals.get(signal)?.times ?? 0) >= triesMax

export const notBeforeMs = (refusals: Refusals, { signal }: Entry): number =>
  refusals.get(signal)?.notBeforeMs ?? Number.NEGATIVE_INFINITY
