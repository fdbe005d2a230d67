/** A measured value as a look: its ceiling if it has one, its words, and what clears it. */
import type { Policy } from "../../decision/index.ts"
import { type Report, type SeenLook, seen } from "../Collector.ts"

/**
 * What a ceiling makes of a policy: it raises there and clears only this far below.
 *
 * Never less than half of it: with a ceiling of 1 % and a gap of 5 points nothing could ever be low enough to clear.
 */
export const ceilingAt = (raiseAt: number | undefined, gap: number): Partial<Pick<Policy, "ceiling">> =>
  raiseAt === undefined ? {} : { ceiling: { raiseAt, clearAt: Math.max(raiseAt / 2, raiseAt - gap) } }

/** The policy judges the value, with its lower clear threshold; the verdict here is for the journal. */
export const measured = (
  policy: Policy,
  value: number,
  unit: string,
  summary: string,
  details: ReadonlyArray<string> = []
): SeenLook => {
  const { ceiling } = policy
  return seen(
    ceiling !== null && value >= ceiling.raiseAt,
    { summary: ceiling === null ? summary : `${summary}, the ceiling is ${ceiling.raiseAt}${unit}`, details },
    { value }
  )
}

/** For a line of what is watched. */
export const ceilingText = (raiseAt: number | undefined, unit: string): string =>
  raiseAt === undefined ? "no ceiling" : `ceiling ${raiseAt}${unit}`

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]

/** Bytes for people: `512 MiB`, `1.5 GiB`. */
export const sizeText = (bytes: number): string => {
  let left = Math.max(0, bytes)
  let unit = 0
  while (left >= 1_023.95 && unit < units.length - 1) {
    left /= 1_024
    unit += 1
  }
  return `${left >= 100 ? Math.round(left) : Math.round(left * 10) / 10} ${units[unit]}`
}

/**
 * What this system does not have is no signal, neither 0 nor an alert, and is said once. Only as long as it was never seen: what
 * was there and is gone cannot be looked at, which is blindness.
 */
export const unsupported = (why: string): Report => ({
  looks: [],
  complete: true,
  oddities: [`unsupported on this system: ${why}`]
})
