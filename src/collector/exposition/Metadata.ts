/**
 * Comment lines: `# HELP name text`, `# TYPE name type`, `# UNIT name unit`, and those that mean nothing.
 */
import type { Fault, MetricType } from "./Sample.ts"
import { isBlank, peek, skipBlanks, take, takeMetricName, takeQuoted, takeWord, type Cursor } from "./Scanner.ts"

export interface Metadata {
  readonly keyword: "HELP" | "TYPE" | "UNIT"
  readonly name: string
  /** What follows the name; a HELP text with its escapes untouched, since nobody reads it. */
  readonly text: string
  /** Only on TYPE. */
  readonly type: MetricType | undefined
}

const quote = 34
const space = 32

const openMetricsTypes: ReadonlyMap<string, MetricType> = new Map(
  (["counter", "gauge", "gaugehistogram", "histogram", "info", "stateset", "summary", "unknown"] as const).map(
    (type) => [type, type]
  )
)

// Prometheus' text parser takes OpenMetrics' words too; expfmt's spelling of the fourth has an underscore.
const textTypes: ReadonlyMap<string, MetricType> = new Map<string, MetricType>([
  ...openMetricsTypes,
  ["untyped", "unknown"],
  ["gauge_histogram", "gaugehistogram"]
])

const takeName = (cursor: Cursor): string =>
  peek(cursor) === quote ? (takeQuoted(cursor) ?? "") : takeMetricName(cursor)

const isKeyword = (word: string): word is Metadata["keyword"] => word === "HELP" || word === "TYPE" || word === "UNIT"

const withType = (
  keyword: Metadata["keyword"],
  name: string,
  text: string,
  types: ReadonlyMap<string, MetricType>
): Metadata | Fault => {
  if (keyword !== "TYPE") return { keyword, name, text, type: undefined }
  const type = types.get(text)
  return type === undefined ? `"${text.slice(0, 32)}" is no metric type` : { keyword, name, text, type }
}

/**
 * Reads a comment of text 0.0.4, or of OpenMetrics without insisting on its spaces.
 *
 * Shape:  the cursor stands on `#`; undefined for a comment that is only one, which includes a HELP without a name.
 * Gotcha: `# EOF` is a comment here; who ends a body by it looks for it first.
 */
export const readComment = (cursor: Cursor): Metadata | Fault | undefined => {
  cursor.at++
  skipBlanks(cursor)
  const keyword = takeWord(cursor)
  if (!isKeyword(keyword)) return undefined
  skipBlanks(cursor)
  if (cursor.at === cursor.end) return undefined
  const name = takeName(cursor)
  if (name === "" || (cursor.at < cursor.end && !isBlank(peek(cursor)))) return `no metric name after ${keyword}`
  skipBlanks(cursor)
  return withType(keyword, name, cursor.body.slice(cursor.at, cursor.end).trimEnd(), textTypes)
}

/**
 * Reads a comment of OpenMetrics to the letter: one of three keywords, single spaces, a name and a text.
 *
 * Shape:  the cursor stands on `#`; every other comment is a fault.
 * Source: OpenMetrics 1.0, ABNF `metric-descriptor`. The text may be empty, the space before it may not be missing.
 */
export const readDescriptor = (cursor: Cursor): Metadata | Fault => {
  cursor.at++
  if (!take(cursor, space)) return 'no space after "#"'
  const keyword = takeWord(cursor)
  if (!isKeyword(keyword)) return "a comment that is neither HELP, TYPE, UNIT nor EOF"
  if (!take(cursor, space)) return `not one space after ${keyword}`
  const name = takeName(cursor)
  if (name === "") return `no metric name after ${keyword}`
  if (!take(cursor, space)) return `not one space after the name of ${keyword}`
  return withType(keyword, name, cursor.body.slice(cursor.at, cursor.end), openMetricsTypes)
}
