/**
 * What every exposition format comes down to: a name, labels and a number.
 */

/**
 * One value of one series, as the target wrote it.
 *
 * Shape:  a sample without labels shares one empty map; names and values keep any UTF-8 the format allows.
 * Units:  timestampMs: milliseconds since the epoch, with a fraction where OpenMetrics wrote one (it writes seconds);
 *         undefined when the line had none, that is "now".
 * Gotcha: value may be NaN or infinite, and every comparison with NaN is false: a rule must ask for it by name.
 * Gotcha: strings are slices of the body, so one kept sample keeps the whole body in memory.
 */
export interface Sample {
  readonly name: string
  /** A Map and not an object: `__proto__` and `constructor` are legal label names. */
  readonly labels: ReadonlyMap<string, string>
  readonly value: number
  readonly timestampMs: number | undefined
}

/** The types of both text formats; `unknown` is what text 0.0.4 calls `untyped`. */
export type MetricType =
  | "counter"
  | "gauge"
  | "gaugehistogram"
  | "histogram"
  | "info"
  | "stateset"
  | "summary"
  | "unknown"

/**
 * How much a body may break its format.
 *
 * lenient: what the watchdog runs. A bad line is counted and left out, the others are kept: one broken label must not
 *          take a hundred true values from the operator.
 * strict:  any bad line, and any broken promise of a metric family, refuses the body.
 */
export type Mode = "lenient" | "strict"

/** What is wrong with a line or a family, in words that follow "line 12: ". */
export type Fault = string

export const noLabels: ReadonlyMap<string, string> = new Map()

// An 8 MiB body could hold 2 million lines of `a 1`; a sample with three labels takes about half a kilobyte here. The
// largest exporters in use (kube-state-metrics, cAdvisor on a full host) write tens of thousands.
export const samplesMax = 200_000
