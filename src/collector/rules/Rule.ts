/**
 * A rule: one selector over the orchestrator's samples, compared with one number.
 */
import { Result } from "effect"
import { compilePattern } from "./Pattern.ts"

export type MatchOp = "=" | "!=" | "=~" | "!~"
export type Comparison = ">" | ">=" | "<" | "<=" | "==" | "!="

export interface Matcher {
  readonly label: string
  readonly op: MatchOp
  readonly value: string
}

export interface Rule {
  readonly name: string
  /** The metric's name, where the selector fixes it. */
  readonly metric: string | null
  /** All others; `__name__` is the metric's name. */
  readonly matchers: ReadonlyArray<Matcher>
  /** Sample on the left, number on the right, however it was written. */
  readonly comparison: Comparison
  readonly threshold: number
  /** Replaces K; null where it is not given. */
  readonly forMs: number | null
  /** Replaces M; null where it is not given. */
  readonly keepFiringForMs: number | null
  /** The expression, as it was written, on one line. */
  readonly expression: string
  /** The whole rule, as it was written, on one line. */
  readonly text: string
}

/** The label under which Prometheus keeps a metric's name. */
export const nameLabel = "__name__"

/** Each rule may have as many signals again; who needs more than a hundred wants the larger language. */
export const rulesMax = 100

/** Compares as IEEE 754 and Prometheus do: nothing is more, less or equal where one side is NaN, and everything is unequal to it. */
export const compare = (value: number, comparison: Comparison, threshold: number): boolean => {
  switch (comparison) {
    case ">":
      return value > threshold
    case ">=":
      return value >= threshold
    case "<":
      return value < threshold
    case "<=":
      return value <= threshold
    case "==":
      return value === threshold
    case "!=":
      return value !== threshold
  }
}

/** A number as Prometheus writes it. */
export const numberText = (value: number): string =>
  Number.isFinite(value) || Number.isNaN(value) ? String(value) : value > 0 ? "+Inf" : "-Inf"

/** Is this the label's value? A label that is not there has the empty one. */
export type ValueTest = (value: string) => boolean

/** Fails: with what is wrong with the pattern of `=~` and `!~`. */
export const matcherTest = ({ op, value: wanted }: Matcher): Result.Result<ValueTest, string> => {
  switch (op) {
    case "=":
      return Result.succeed((value) => value === wanted)
    case "!=":
      return Result.succeed((value) => value !== wanted)
    case "=~":
      return Result.map(compilePattern(wanted), ({ test }) => test)
    case "!~":
      return Result.map(
        compilePattern(wanted),
        ({ test }) =>
          (value: string) =>
            !test(value)
      )
  }
}
