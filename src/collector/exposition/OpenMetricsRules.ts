/**
 * What OpenMetrics 1.0 promises about metric families, checked line by line.
 *
 * A family is the lines between its first metadata (or sample) and the next family's; it may not come back. Prometheus
 * itself checks almost none of this, so only strict mode does: a scraper that refused them would go blind.
 *
 * Source: OpenMetrics 1.0; where the specification leaves room, as prometheus_client's parser decides.
 */
import { decimalBetween } from "./Decimal.ts"
import { newHistogramCheck, type HistogramCheck } from "./HistogramRules.ts"
import type { Metadata } from "./Metadata.ts"
import type { Rules } from "./Reading.ts"
import type { Fault, MetricType, Sample } from "./Sample.ts"
import type { Composite } from "./SampleLine.ts"

/** Which suffixes the samples of a family may have; every other type has samples of its bare name. */
const typeSuffixes: ReadonlyMap<MetricType, ReadonlyArray<string>> = new Map<MetricType, ReadonlyArray<string>>([
  ["counter", ["_total", "_created"]],
  ["gaugehistogram", ["_gcount", "_gsum", "_bucket"]],
  ["histogram", ["_count", "_sum", "_bucket", "_created"]],
  ["info", ["_info"]],
  ["summary", ["", "_count", "_sum", "_created"]]
])
const bareSuffix: ReadonlyArray<string> = [""]

const neverNaN = new Set(["_total", "_sum", "_count", "_bucket", "_gcount", "_gsum"])
const neverNegative = new Set(["_total", "_sum", "_count", "_bucket", "_gcount"])
const alwaysWhole = new Set(["_bucket", "_count", "_gcount"])

// OpenMetrics 1.0, "Exemplars": 128 UTF-8 characters of label names and values together.
const exemplarLengthMax = 128

interface Family {
  readonly name: string
  type: MetricType | undefined
  help: boolean
  unit: string | undefined
  samples: number
  /** The metric (the samples that share a label set) the last sample belonged to. */
  group: string | undefined
  groupTimestampMs: number | undefined
  readonly groups: Set<string>
  readonly histogram: HistogramCheck
}

const newFamily = (name: string): Family => ({
  name,
  type: undefined,
  help: false,
  unit: undefined,
  samples: 0,
  group: undefined,
  groupTimestampMs: undefined,
  groups: new Set(),
  histogram: newHistogramCheck()
})

const isHistogram = (family: Family): boolean => family.type === "histogram" || family.type === "gaugehistogram"

const suffixesOf = (family: Family): ReadonlyArray<string> =>
  (family.type === undefined ? undefined : typeSuffixes.get(family.type)) ?? bareSuffix

const owns = (family: Family, name: string): boolean =>
  name.startsWith(family.name) && suffixesOf(family).includes(name.slice(family.name.length))

/** What a family owes when the next one begins. */
const closeFamily = (family: Family, taken: Set<string>): Fault | undefined => {
  for (const suffix of new Set([...suffixesOf(family), ""])) {
    if (taken.has(family.name + suffix)) return `the family ${family.name} clashes with an earlier one`
    taken.add(family.name + suffix)
  }
  return unitFault(family) ?? (isHistogram(family) ? family.histogram.end() : undefined)
}

const unitFault = ({ name, type, unit }: Family): Fault | undefined => {
  if (unit === undefined || unit === "") return undefined
  if (!name.endsWith(`_${unit}`)) return `the unit ${unit} is not the suffix of ${name}`
  return type === "info" || type === "stateset" ? `${name} has a unit, and its type allows none` : undefined
}

const describe = (family: Family, { keyword, text, type }: Metadata): Fault | undefined => {
  if (family.samples > 0) return `metadata of ${family.name} after its samples`
  if (keyword === "HELP" ? family.help : keyword === "TYPE" ? family.type !== undefined : family.unit !== undefined) {
    return `a second ${keyword} for ${family.name}`
  }
  if (keyword === "HELP") family.help = true
  else if (keyword === "UNIT") family.unit = text
  else family.type = type
  return undefined
}

const quantileFault = (sample: Sample): Fault | undefined => {
  const quantile = sample.labels.get("quantile") ?? ""
  const rank = decimalBetween(quantile, 0, quantile.length) ?? Number.NaN
  if (!(rank >= 0 && rank <= 1)) return "the label quantile is missing or not between 0 and 1"
  return sample.value < 0 ? "a negative quantile" : undefined
}

const bucketFault = (sample: Sample): Fault | undefined => {
  const le = sample.labels.get("le") ?? ""
  const bound = decimalBetween(le, 0, le.length) ?? Number.NaN
  if (Number.isNaN(bound)) return "the label le is missing or not a number"
  return bound === Number.POSITIVE_INFINITY && le !== "+Inf" ? 'the last le is not written "+Inf"' : undefined
}

const valueFault = (value: number, suffix: string): Fault | undefined => {
  if (Number.isNaN(value) && neverNaN.has(suffix)) return `${suffix} is NaN`
  if (value < 0 && neverNegative.has(suffix)) return `${suffix} is negative`
  return alwaysWhole.has(suffix) && !Number.isInteger(value) ? `${suffix} is not a whole number` : undefined
}

const typedFault = (family: Family, sample: Sample, suffix: string): Fault | undefined => {
  if (suffix === "_bucket") return bucketFault(sample)
  switch (family.type) {
    case "stateset":
      if (!sample.labels.has(family.name)) return `a state without the label ${family.name}`
      return sample.value === 0 || sample.value === 1 ? undefined : "a state that is neither 0 nor 1"
    case "info":
      return sample.value === 1 ? undefined : "an info that is not 1"
    case "summary":
      return suffix === "" ? quantileFault(sample) : undefined
    default:
      return undefined
  }
}

const exemplarFault = (family: Family, suffix: string, length: number | undefined): Fault | undefined => {
  if (length === undefined) return undefined
  const allowed = isHistogram(family) ? suffix === "_bucket" : family.type === "counter" && suffix === "_total"
  if (!allowed) return "an exemplar where none may stand: only on counters' _total and on buckets"
  return length > exemplarLengthMax
    ? `an exemplar of ${length} characters, at most ${exemplarLengthMax} are allowed`
    : undefined
}

/** The label that tells the samples of one metric apart. */
const innerLabel = (family: Family, suffix: string): string | undefined => {
  if (suffix === "_bucket") return "le"
  if (family.type === "summary" && suffix === "") return "quantile"
  return family.type === "stateset" ? family.name : undefined
}

/** The key of the metric a sample belongs to. All infos of a family are one: no label tells state from identity. */
const groupOf = (family: Family, sample: Sample, suffix: string): string => {
  if (family.type === "info") return ""
  const inner = innerLabel(family, suffix)
  const labels = [...sample.labels].filter(([name]) => name !== inner)
  return JSON.stringify(labels.sort(([a], [b]) => (a < b ? -1 : 1)))
}

const groupFault = (family: Family, sample: Sample, group: string): Fault | undefined => {
  if (family.group === group) return timestampFault(family, sample)
  return family.groups.has(group) ? "a metric that comes back after another one" : undefined
}

const timestampFault = (family: Family, { timestampMs }: Sample): Fault | undefined => {
  const before = family.groupTimestampMs
  if ((timestampMs === undefined) !== (before === undefined)) return "a metric with and without timestamps"
  if (family.type === "info" || timestampMs === undefined || before === undefined) return undefined
  return timestampMs < before ? "a timestamp that goes backwards" : undefined
}

const enterGroup = (family: Family, sample: Sample, suffix: string): Fault | undefined => {
  const group = groupOf(family, sample, suffix)
  const fault = groupFault(family, sample, group)
  if (fault !== undefined) return fault
  family.group = group
  family.groupTimestampMs = sample.timestampMs
  family.groups.add(group)
  return isHistogram(family) ? family.histogram.sample(sample, suffix, group) : undefined
}

const sampleFault = (family: Family, sample: Sample, exemplarLength: number | undefined): Fault | undefined => {
  const suffix = sample.name.slice(family.name.length)
  family.samples++
  return (
    valueFault(sample.value, suffix) ??
    typedFault(family, sample, suffix) ??
    exemplarFault(family, suffix, exemplarLength) ??
    enterGroup(family, sample, suffix)
  )
}

/**
 * A checker for one body.
 *
 * Shape:  fed every line in order, it answers with the first broken promise; `end` closes the last family.
 * Gotcha: a family's own promises (unit, +Inf bucket, clash) are judged where the next one begins, so the fault names
 *         the family and the line is the one after it.
 */
export const openMetricsRules = (): Rules => {
  const taken = new Set<string>()
  let family: Family | undefined
  const close = (): Fault | undefined => (family === undefined ? undefined : closeFamily(family, taken))
  const metadata = (metadata: Metadata): Fault | undefined => {
    if (family?.name === metadata.name) return describe(family, metadata)
    const fault = close()
    family = newFamily(metadata.name)
    return fault ?? describe(family, metadata)
  }
  const sample = (sample: Sample, exemplarLength: number | undefined): Fault | undefined => {
    if (family !== undefined && owns(family, sample.name)) return sampleFault(family, sample, exemplarLength)
    const fault = close()
    family = newFamily(sample.name)
    return fault ?? sampleFault(family, sample, exemplarLength)
  }
  const composite = ({ name }: Composite): Fault | undefined => {
    if (family?.name !== name || family.type !== "histogram") return "a native histogram outside its family"
    family.samples++
    return undefined
  }
  return { metadata, sample, composite, end: close }
}
