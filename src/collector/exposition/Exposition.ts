/**
 * The body of a `/metrics` answer, in whatever format it came: Prometheus text, OpenMetrics or flat JSON.
 *
 * Which stage? A line is read in `SampleLine.ts`, a comment in `Metadata.ts`, numbers in `Decimal.ts`; what a format
 * says beyond lines stands in `PrometheusText.ts`, `OpenMetrics.ts` and `OpenMetricsRules.ts`; here is only the verdict.
 */
import { isUtf8 } from "node:buffer"
import { readFlatJson } from "./FlatJson.ts"
import { chooseFormat, foreignBody, isBlankBody, type Format } from "./Format.ts"
import { readOpenMetrics } from "./OpenMetrics.ts"
import { readPrometheusText } from "./PrometheusText.ts"
import type { Reading } from "./Reading.ts"
import { samplesMax, type MetricType, type Mode, type Sample } from "./Sample.ts"

export type { Format } from "./Format.ts"
export { samplesMax, type MetricType, type Mode, type Sample } from "./Sample.ts"

/** A body that could be read. */
export interface ParsedExposition {
  readonly ok: true
  readonly format: Format
  /** In the order of the body, at most `samplesMax`. */
  readonly samples: ReadonlyArray<Sample>
  /** By family as its TYPE line names it: OpenMetrics calls the family of `x_total` `x`, text calls it `x_total`. */
  readonly types: ReadonlyMap<string, MetricType>
  readonly badLines: number
  /** At most 120 characters, control characters spelt out. */
  readonly firstBadLine: string | undefined
  /** Sentences for an operator; empty when there is nothing to say. */
  readonly warnings: ReadonlyArray<string>
}

/** A body that says nothing that can be trusted. */
export interface RefusedExposition {
  readonly ok: false
  /** Completes "the target answered, but it is …". */
  readonly reason: string
}

export type Exposition = ParsedExposition | RefusedExposition

const refuse = (reason: string): RefusedExposition => ({ ok: false, reason })

const quoteFirst = (reading: Reading): string => `"${reading.firstBad?.excerpt ?? ""}"`

const describeBad = (reading: Reading): string =>
  `line ${reading.firstBad?.number ?? 0}: ${reading.firstBad?.fault ?? ""}: ${quoteFirst(reading)}`

/** More bad lines than good ones: an error page in plain words can hold a line or two that look like samples. */
const garbageReason = (reading: Reading): string | undefined => {
  const bad = reading.badSampleLines
  const lines = bad + reading.sampleLines
  if (bad * 2 <= lines) return undefined
  if (lines === 1) return `not an exposition: its only line is ${quoteFirst(reading)}`
  const count = bad === lines ? `none of ${lines} lines is a sample` : `${bad} of ${lines} lines are not samples`
  return `not an exposition: ${count}; the first is ${quoteFirst(reading)}`
}

const endReason = (reading: Reading): string | undefined => {
  if (reading.eof === "last") return undefined
  return reading.eof === "passed"
    ? 'an OpenMetrics body that goes on after "# EOF"'
    : 'an OpenMetrics body without "# EOF": it was cut short'
}

/** HELP and TYPE without samples are a target that has nothing to count yet; other comments are anybody's. */
const nothingReason = (reading: Reading): string | undefined => {
  if (reading.sampleLines + reading.descriptors > 0 || reading.eof === "last") return undefined
  return reading.badLines > 0
    ? `not an exposition: no sample, and ${describeBad(reading)}`
    : "only comments, without a sample or a # HELP or # TYPE line"
}

const formatNames: Readonly<Record<Format, string>> = {
  "flat-json": "flat JSON",
  openmetrics: "OpenMetrics 1.0",
  "prometheus-text": "Prometheus text"
}

const strictReason = (format: Format, reading: Reading): string | undefined =>
  reading.badLines > 0 ? `not ${formatNames[format]} to the letter, ${describeBad(reading)}` : undefined

const refusalOf = (format: Format, reading: Reading, mode: Mode): string | undefined => {
  const cut = format === "openmetrics" ? endReason(reading) : undefined
  return mode === "strict"
    ? (strictReason(format, reading) ?? cut)
    : (garbageReason(reading) ?? cut ?? nothingReason(reading))
}

const warningsOf = (reading: Reading): ReadonlyArray<string> => {
  const { badLines, nativeHistograms, sampleLines, samples } = reading
  const warnings: Array<string> = []
  if (badLines > 0) warnings.push(`${badLines} bad line${badLines === 1 ? "" : "s"}; ${describeBad(reading)}`)
  const beyond = sampleLines - nativeHistograms - samples.length
  if (beyond > 0) warnings.push(`only the first ${samplesMax} samples are kept, ${beyond} are left out`)
  if (nativeHistograms > 0) warnings.push(`native histograms are not read: ${nativeHistograms} left out`)
  return warnings
}

const fromJson = (body: string, mode: Mode, warnings: ReadonlyArray<string>): Exposition => {
  const reading = readFlatJson(body, mode)
  if (typeof reading === "string") return refuse(reading)
  return {
    ok: true,
    format: "flat-json",
    samples: reading.samples,
    types: new Map(),
    badLines: 0,
    firstBadLine: undefined,
    warnings: [...warnings, ...reading.warnings]
  }
}

const fromLines = (
  format: "openmetrics" | "prometheus-text",
  body: string,
  mode: Mode,
  warnings: ReadonlyArray<string>
): Exposition => {
  const reading = format === "openmetrics" ? readOpenMetrics(body, mode) : readPrometheusText(body, mode)
  const reason = refusalOf(format, reading, mode)
  if (reason !== undefined) return refuse(reason)
  return {
    ok: true,
    format,
    samples: reading.samples,
    types: reading.types,
    badLines: reading.badLines,
    firstBadLine: reading.firstBad?.excerpt,
    warnings: [...warnings, ...warningsOf(reading)]
  }
}

const byteOrderMark = 0xfeff

interface Decoded {
  readonly text: string
  readonly broken: boolean
}

/** Asked of the bytes: in a decoded string a replaced byte and a true U+FFFD, which pages do hold, look the same. */
const decode = (body: string | Uint8Array): Decoded => {
  if (typeof body !== "string") return { text: new TextDecoder().decode(body), broken: !isUtf8(body) }
  return { text: body.charCodeAt(0) === byteOrderMark ? body.slice(1) : body, broken: false }
}

const brokenWarning = "the body holds bytes that are not UTF-8: they were replaced"

const refusalBefore = ({ broken, text }: Decoded, contentType: string | undefined, mode: Mode): string | undefined => {
  const foreign = foreignBody(text, contentType)
  if (foreign !== undefined) return foreign
  if (mode === "strict") return broken ? "a body with bytes that are not UTF-8" : undefined
  return isBlankBody(text) ? "the body is empty: it holds only white space" : undefined
}

/**
 * Reads the body of a `/metrics` answer.
 *
 * Shape:  (body, contentType, mode) -> Exposition. Zero samples are fine when the body is an exposition all the same: one
 *         HELP or TYPE line, or OpenMetrics' `# EOF`.
 * Units:  the body is decoded text, or bytes that are taken for UTF-8; its size is capped where it is received.
 * Law:    never throws; linear in the body; the same body gives the same result.
 * Fails:  never; a refused body is a value whose reason is fit for a message.
 * Gotcha: only of bytes it can be told that they were broken; give bytes where they are at hand.
 * Gotcha: strict judges the format and nothing else, so it takes a text of blank lines or plain comments, which lenient
 *         refuses: a watchdog cannot tell such a page from no exporter at all.
 */
export const parseExposition = (
  body: string | Uint8Array,
  contentType: string | undefined,
  mode: Mode = "lenient"
): Exposition => {
  const decoded = decode(body)
  const { text } = decoded
  const reason = refusalBefore(decoded, contentType, mode)
  if (reason !== undefined) return refuse(reason)
  const { format, warning } = chooseFormat(text, contentType)
  const warnings = [warning, decoded.broken ? brokenWarning : undefined].filter((text) => text !== undefined)
  return format === "flat-json" ? fromJson(text, mode, warnings) : fromLines(format, text, mode, warnings)
}
