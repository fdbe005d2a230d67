/** Whether the replay of the unchanged policy decides what the journal says was decided; and if not, where they part. */
import type { DecisionKind } from "../decision/index.ts"

/** One decision, as recorded or as replayed. Moments are the run's monotonic milliseconds. */
export interface Compared {
  readonly kind: DecisionKind
  readonly atMs: number
  readonly sinceMs: number
  /** The line it stands in; null for a replayed one. */
  readonly line: number | null
}

export interface Difference {
  readonly run: string
  readonly signal: string
  readonly recorded: Compared | null
  readonly replayed: Compared | null
}

/**
 * Two decisions further apart are not the same one. A look is decided when its monitor gets to it, which a busy machine may
 * delay by some hundred milliseconds that no line has.
 */
export const sameWithinMs = 1_000

/** A hostile log; what is beyond is counted as not compared. */
const decisionsMax = 200_000

interface Pair {
  readonly recorded: Array<Compared>
  readonly replayed: Array<Compared>
}

export class Comparison {
  readonly #pairs = new Map<string, Pair>()
  #size = 0
  notCompared = 0

  recorded(signal: string, decision: Compared): void {
    this.#add(signal, "recorded", decision)
  }

  replayed(signal: string, decision: Compared): void {
    this.#add(signal, "replayed", decision)
  }

  #add(signal: string, side: keyof Pair, decision: Compared): void {
    if (this.#size === decisionsMax) {
      this.notCompared += 1
      return
    }
    this.#size += 1
    const pair = this.#pairs.get(signal) ?? { recorded: [], replayed: [] }
    this.#pairs.set(signal, pair)
    pair[side].push(decision)
  }

  /** What differs in this run, and how far apart in time what agrees is. */
  end(run: string): {
    readonly differences: ReadonlyArray<Difference>
    readonly same: number
    readonly furthestMs: number
  } {
    const differences: Array<Difference> = []
    let same = 0
    let furthestMs = 0
    for (const [signal, { recorded, replayed }] of this.#pairs) {
      let at = 0
      let other = 0
      while (at < recorded.length || other < replayed.length) {
        const a = recorded[at] ?? null
        const b = replayed[other] ?? null
        if (a !== null && b !== null && isSame(a, b)) {
          same += 1
          furthestMs = Math.max(furthestMs, Math.abs(a.atMs - b.atMs), Math.abs(a.sinceMs - b.sinceMs))
          at += 1
          other += 1
          continue
        }
        // The earlier one has no counterpart; of two at once that differ both are said together.
        const together = a !== null && b !== null && Math.abs(a.atMs - b.atMs) <= sameWithinMs
        const takeA = a !== null && (together || b === null || a.atMs <= b.atMs)
        const takeB = b !== null && (together || !takeA)
        differences.push({ run, signal, recorded: takeA ? a : null, replayed: takeB ? b : null })
        if (takeA) at += 1
        if (takeB) other += 1
      }
    }
    return { differences, same, furthestMs }
  }
}

const isSame = (a: Compared, b: Compared): boolean =>
  a.kind === b.kind && Math.abs(a.atMs - b.atMs) <= sameWithinMs && Math.abs(a.sinceMs - b.sinceMs) <= sameWithinMs
