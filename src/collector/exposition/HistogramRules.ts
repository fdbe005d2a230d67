/**
 * What OpenMetrics promises about the buckets of one histogram after another.
 */
import { decimalBetween } from "./Decimal.ts"
import type { Fault, Sample } from "./Sample.ts"

/** Fed the samples of one family in order; `end` judges the last histogram. */
export interface HistogramCheck {
  readonly sample: (sample: Sample, suffix: string, group: string) => Fault | undefined
  readonly end: () => Fault | undefined
}

/** One histogram: the samples of one label set at one time. */
interface Histogram {
  readonly group: string
  readonly timestampMs: number | undefined
  bound: number | undefined
  bucketValue: number
  count: number | undefined
  sum: number | undefined
  gaugeSum: number | undefined
  negativeBounds: boolean
}

const newHistogram = (group: string, timestampMs: number | undefined): Histogram => ({
  group,
  timestampMs,
  bound: undefined,
  bucketValue: 0,
  count: undefined,
  sum: undefined,
  gaugeSum: undefined,
  negativeBounds: false
})

const bucketFault = (histogram: Histogram, sample: Sample): Fault | undefined => {
  const le = sample.labels.get("le") ?? ""
  const bound = decimalBetween(le, 0, le.length) ?? Number.NaN
  if (histogram.bound !== undefined && bound <= histogram.bound) return "the buckets are out of order"
  if (sample.value < histogram.bucketValue) return "a bucket holds less than the one before it"
  histogram.negativeBounds ||= bound < 0
  histogram.bound = bound
  histogram.bucketValue = sample.value
  return undefined
}

const keepPart = (histogram: Histogram, sample: Sample, suffix: string): Fault | undefined => {
  if (suffix === "_bucket") return bucketFault(histogram, sample)
  if (suffix === "_count" || suffix === "_gcount") histogram.count = sample.value
  if (suffix === "_sum") histogram.sum = sample.value
  if (suffix === "_gsum") histogram.gaugeSum = sample.value
  return undefined
}

const endFault = ({ bound, bucketValue, count, gaugeSum, negativeBounds, sum }: Histogram): Fault | undefined => {
  const hasSum = sum !== undefined || gaugeSum !== undefined
  if (bound !== Number.POSITIVE_INFINITY) return "no +Inf bucket"
  if (count !== undefined && count !== bucketValue) return "the count is not what the +Inf bucket holds"
  if (hasSum !== (count !== undefined)) return hasSum ? "a sum without a count" : "a count without a sum"
  // With observations below zero the sum can fall, and a counter may not.
  if (negativeBounds && sum !== undefined) return "a sum beside negative buckets"
  return !negativeBounds && (gaugeSum ?? 0) < 0 ? "a negative sum without negative buckets" : undefined
}

export const newHistogramCheck = (): HistogramCheck => {
  let histogram: Histogram | undefined
  const end = (): Fault | undefined => {
    const fault = histogram === undefined ? undefined : endFault(histogram)
    return fault === undefined ? undefined : `in the histogram before: ${fault}`
  }
  const sample = (sample: Sample, suffix: string, group: string): Fault | undefined => {
    if (histogram?.group === group && histogram.timestampMs === sample.timestampMs) {
      return keepPart(histogram, sample, suffix)
    }
    const fault = end()
    histogram = newHistogram(group, sample.timestampMs)
    return fault ?? keepPart(histogram, sample, suffix)
  }
  return { sample, end }
}
