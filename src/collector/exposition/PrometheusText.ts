/**
 * Prometheus text 0.0.4, and 1.0.0 with its quoted UTF-8 names.
 *
 * The two are read as one: 1.0.0 only adds what 0.0.4 has no meaning for.
 *
 * Source: prometheus/docs exposition_formats.md; prometheus/common expfmt; prometheus model/textparse.
 */
import { decimalBetween } from "./Decimal.ts"
import { readComment, type Metadata } from "./Metadata.ts"
import { readLines, type Reading, type Rules } from "./Reading.ts"
import type { Fault, MetricType, Mode, Sample } from "./Sample.ts"

/** The families whose samples carry suffixes. */
const suffixes: ReadonlyMap<MetricType, ReadonlyArray<string>> = new Map<MetricType, ReadonlyArray<string>>([
  ["histogram", ["_bucket", "_count", "_sum"]],
  ["gaugehistogram", ["_bucket", "_count", "_sum", "_gcount", "_gsum"]],
  ["summary", ["_count", "_sum"]]
])

const isDecimal = (text: string): boolean => decimalBetween(text, 0, text.length) !== undefined

const familySuffix = /_(?:bucket|count|sum|gcount|gsum)$/

/** The family a sample belongs to, as far as the TYPE lines before it tell. */
const familyOf = (name: string, types: ReadonlyMap<string, MetricType>): string => {
  const suffix = familySuffix.exec(name)?.[0]
  if (suffix === undefined) return name
  const base = name.slice(0, -suffix.length)
  const type = types.get(base)
  return type !== undefined && suffixes.get(type)?.includes(suffix) === true ? base : name
}

const histogramFault = (sample: Sample, family: string): Fault | undefined => {
  const suffix = sample.name.slice(family.length)
  const le = sample.labels.get("le")
  if (suffix === "_bucket" && le !== undefined && !isDecimal(le)) return "the label le is not a number"
  if ((suffix === "_bucket" || suffix === "_count") && sample.value < 0) return `a negative ${suffix.slice(1)}`
  return undefined
}

const typedFault = (sample: Sample, family: string, type: MetricType | undefined): Fault | undefined => {
  if (type === "histogram" || type === "gaugehistogram") return histogramFault(sample, family)
  const quantile = sample.labels.get("quantile")
  return type === "summary" && quantile !== undefined && !isDecimal(quantile)
    ? "the label quantile is not a number"
    : undefined
}

/**
 * What expfmt demands beyond single lines: one HELP and one TYPE a family, TYPE before its samples, numbers in `le`
 * and `quantile`, no negative counts. Families may be repeated and interleaved.
 */
const textRules = (): Rules => {
  const types = new Map<string, MetricType>()
  const helped = new Set<string>()
  const sampled = new Set<string>()
  const metadata = ({ keyword, name, text, type }: Metadata): Fault | undefined => {
    if (keyword === "HELP" && text !== "") {
      if (helped.has(name)) return `a second HELP for ${name}`
      helped.add(name)
    }
    if (type === undefined) return undefined
    if (types.has(name)) return `a second TYPE for ${name}`
    if (sampled.has(name)) return `the TYPE of ${name} stands after its samples`
    types.set(name, type)
    return undefined
  }
  const sample = (sample: Sample): Fault | undefined => {
    const family = familyOf(sample.name, types)
    sampled.add(family)
    return typedFault(sample, family, types.get(family))
  }
  return { metadata, sample, composite: () => undefined, end: () => undefined }
}

/**
 * Reads a body of Prometheus text.
 *
 * Shape:  (body, mode) -> Reading; `eof` stays "missing", the format has no end mark.
 * Law:    linear; never throws.
 * Gotcha: as Prometheus does, it takes a last line without its newline, `\t` for blank, `{,}` and unknown escapes.
 */
export const readPrometheusText = (body: string, mode: Mode): Reading =>
  readLines(body, {
    // Exemplars are OpenMetrics' only. Some exporters write them here all the same; lenient steps over them.
    grammar: { exact: false, timestamps: "milliseconds", exemplars: mode === "lenient" },
    comment: readComment,
    terminated: false,
    rules: mode === "strict" ? textRules() : undefined
  })
