/**
 * One sample line: `name{label="value",…} value [timestamp] [# exemplar]`.
 */
import { decimalBetween, integerBetween } from "./Decimal.ts"
import { takeNativeHistogram } from "./NativeHistogram.ts"
import { noLabels, type Fault, type Sample } from "./Sample.ts"
import { isBlank, peek, skipBlanks, take, takeLabelName, takeMetricName, takeQuoted, type Cursor } from "./Scanner.ts"

/** Where the text formats differ within a sample line. */
export interface Grammar {
  /** OpenMetrics to the letter: single spaces, no comma before `}`. Otherwise blanks may stand between any tokens. */
  readonly exact: boolean
  /** Text 0.0.4 writes whole milliseconds, OpenMetrics seconds with a fraction. */
  readonly timestamps: "milliseconds" | "seconds"
  /** Whether ` # …` may follow the numbers. */
  readonly exemplars: boolean
}

/** A native histogram in OpenMetrics' text: a whole distribution and no single number. */
export interface Composite {
  readonly name: string
  readonly value: undefined
}

const openBrace = 123
const closeBrace = 125
const comma = 44
const equals = 61
const quote = 34
const hash = 35
const space = 32

const secondMs = 1000

/** Steps over what separates two tokens; false when nothing does and something must. */
const separate = (cursor: Cursor, grammar: Grammar): boolean => {
  if (grammar.exact) return take(cursor, space) && !isBlank(peek(cursor))
  const start = cursor.at
  skipBlanks(cursor)
  return cursor.at > start
}

/** Blanks inside braces: none to the letter, except the one after a comma that client_python writes and reads. */
const skipInner = (cursor: Cursor, grammar: Grammar, afterComma: boolean): void => {
  if (!grammar.exact) skipBlanks(cursor)
  else if (afterComma) take(cursor, space)
}

interface Head {
  name: string
  labels: Map<string, string> | undefined
}

const keepName = (head: Head, name: string): Fault | undefined => {
  if (head.name !== "") return "two metric names"
  if (name === "") return "an empty metric name"
  head.name = name
  return undefined
}

const keepLabel = (head: Head, name: string, value: string): Fault | undefined => {
  if (name === "__name__") return "the label __name__ is reserved"
  head.labels ??= new Map()
  if (head.labels.has(name)) return `the label ${name} stands twice`
  head.labels.set(name, value)
  return undefined
}

/** One `label="value"`, or the quoted metric name of text 1.0.0, which may stand at any place in the braces. */
const readPair = (cursor: Cursor, grammar: Grammar, head: Head): Fault | undefined => {
  const quoted = peek(cursor) === quote
  const name = quoted ? takeQuoted(cursor) : takeLabelName(cursor)
  if (name === undefined) return "a quoted name without its closing quote"
  if (name === "" && !quoted) return "no label name where one must stand"
  skipInner(cursor, grammar, false)
  if (!take(cursor, equals)) return quoted ? keepName(head, name) : `no "=" after the label name ${name}`
  if (name === "") return "an empty label name"
  skipInner(cursor, grammar, false)
  if (peek(cursor) !== quote) return `the value of the label ${name} is not quoted`
  const value = takeQuoted(cursor)
  return value === undefined ? `the value of the label ${name} has no closing quote` : keepLabel(head, name, value)
}

/** Text 0.0.4 as client_python and Prometheus read it: `{,}` is an empty set. */
const readEmptyBraces = (cursor: Cursor, grammar: Grammar): boolean => {
  skipInner(cursor, grammar, false)
  if (!grammar.exact && take(cursor, comma)) skipBlanks(cursor)
  return take(cursor, closeBrace)
}

const readBraces = (cursor: Cursor, grammar: Grammar, head: Head): Fault | undefined => {
  const start = ++cursor.at
  if (readEmptyBraces(cursor, grammar)) return undefined
  cursor.at = start
  skipInner(cursor, grammar, false)
  for (;;) {
    const fault = readPair(cursor, grammar, head)
    if (fault !== undefined) return fault
    skipInner(cursor, grammar, false)
    if (take(cursor, closeBrace)) return undefined
    if (!take(cursor, comma)) return 'neither "," nor "}" after a label'
    skipInner(cursor, grammar, true)
    if (!grammar.exact && take(cursor, closeBrace)) return undefined
  }
}

/** The name and its labels, and the blank after them. */
const readHead = (cursor: Cursor, grammar: Grammar, head: Head): Fault | undefined => {
  head.name = takeMetricName(cursor)
  let braced = peek(cursor) === openBrace
  if (!braced && !grammar.exact) {
    skipBlanks(cursor)
    braced = peek(cursor) === openBrace
    // `nh {count:1}`: the brace opens a value, not labels.
    if (braced && startsComposite(cursor)) return undefined
  }
  if (braced) {
    const fault = readBraces(cursor, grammar, head)
    if (fault !== undefined) return fault
    const separated = separate(cursor, grammar)
    if (!separated && grammar.exact) return 'not one space after "}"'
    return head.name === "" ? "no metric name" : undefined
  }
  if (head.name === "") return "no metric name"
  const separated = grammar.exact ? separate(cursor, grammar) : isBlank(cursor.body.charCodeAt(cursor.at - 1))
  if (separated) return undefined
  return cursor.at < cursor.end ? "a character that no metric name has" : "no value after the metric name"
}

const startsComposite = (cursor: Cursor): boolean => {
  const start = cursor.at++
  const composite = takeLabelName(cursor) !== "" && peek(cursor) === 58 // :
  cursor.at = start
  return composite
}

/** The end of the word at the cursor: the next blank or the end of the line. */
const wordEnd = (cursor: Cursor): number => {
  let at = cursor.at
  while (at < cursor.end && !isBlank(cursor.body.charCodeAt(at))) at++
  return at
}

/** A timestamp in milliseconds; undefined when the word is none. OpenMetrics forbids NaN and infinities here. */
const readTimestamp = (cursor: Cursor, grammar: Grammar): number | undefined => {
  const end = wordEnd(cursor)
  const raw =
    grammar.timestamps === "milliseconds"
      ? integerBetween(cursor.body, cursor.at, end)
      : decimalBetween(cursor.body, cursor.at, end)
  cursor.at = end
  if (raw === undefined || !Number.isFinite(raw)) return undefined
  return grammar.timestamps === "milliseconds" ? raw : raw * secondMs
}

const startsExemplar = (cursor: Cursor, grammar: Grammar): boolean => grammar.exemplars && peek(cursor) === hash

/**
 * Reads the line at the cursor up to its exemplar.
 *
 * Shape:  (cursor, grammar) -> Sample | Composite | Fault; the cursor then stands at the end of the line or, where the
 *         grammar has exemplars, on the `#` of one.
 * Law:    linear in the line; never reads past `cursor.end`.
 * Source: prometheus/docs exposition_formats.md; OpenMetrics 1.0, ABNF `sample`.
 */
export const readSample = (cursor: Cursor, grammar: Grammar): Sample | Composite | Fault => {
  const head: Head = { name: "", labels: undefined }
  const fault = readHead(cursor, grammar, head)
  if (fault !== undefined) return fault
  if (peek(cursor) === openBrace) return readComposite(cursor, head.name)
  const end = wordEnd(cursor)
  const value = decimalBetween(cursor.body, cursor.at, end)
  if (value === undefined) return end === cursor.at ? "no value" : "the value is not a number"
  cursor.at = end
  return readTail(cursor, grammar, head, value)
}

const readTail = (cursor: Cursor, grammar: Grammar, head: Head, value: number): Sample | Fault => {
  let timestampMs: number | undefined
  if (cursor.at < cursor.end) {
    if (!separate(cursor, grammar)) return "more than one space"
    if (!startsExemplar(cursor, grammar) && (grammar.exact || cursor.at < cursor.end)) {
      timestampMs = readTimestamp(cursor, grammar)
      if (timestampMs === undefined) return "the timestamp is not a number"
    }
  }
  if (cursor.at < cursor.end && !startsExemplar(cursor, grammar)) {
    if (!separate(cursor, grammar)) return "more than one space"
    if ((grammar.exact || cursor.at < cursor.end) && !startsExemplar(cursor, grammar)) {
      return "something after the timestamp"
    }
  }
  return { name: head.name, labels: head.labels ?? noLabels, value, timestampMs }
}

const readComposite = (cursor: Cursor, name: string): Composite | Fault =>
  takeNativeHistogram(cursor) ? { name, value: undefined } : "neither a number nor a native histogram"

/**
 * Reads the exemplar at the cursor, to the letter.
 *
 * Shape:  the cursor stands on `#`; returns how many code points its label set has, or a fault.
 * Source: OpenMetrics 1.0, ABNF `exemplar`.
 */
export const readExemplar = (cursor: Cursor): number | Fault => {
  const grammar: Grammar = { exact: true, timestamps: "seconds", exemplars: false }
  const head: Head = { name: "exemplar", labels: undefined }
  cursor.at++
  if (!take(cursor, space) || peek(cursor) !== openBrace) return 'no " {" after the "#" of an exemplar'
  const fault = readBraces(cursor, grammar, head)
  if (fault !== undefined) return `in the exemplar: ${fault}`
  if (!separate(cursor, grammar)) return "not one space before the value of the exemplar"
  const end = wordEnd(cursor)
  const value = decimalBetween(cursor.body, cursor.at, end)
  if (value === undefined) return "the value of the exemplar is not a number"
  cursor.at = end
  const tail = readTail(cursor, grammar, head, value)
  return typeof tail === "string" ? `in the exemplar: ${tail}` : codePoints(tail.labels)
}

/** OpenMetrics counts characters, not UTF-16 units: a surrogate pair is one. */
const codePoints = (labels: ReadonlyMap<string, string>): number => {
  let count = 0
  for (const [name, value] of labels) count += Array.from(name).length + Array.from(value).length
  return count
}
