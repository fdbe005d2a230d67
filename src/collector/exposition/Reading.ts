/**
 * The one walk over the lines of a text body, and what it found.
 */
import type { Metadata } from "./Metadata.ts"
import { samplesMax, type Fault, type MetricType, type Sample } from "./Sample.ts"
import { readExemplar, readSample, type Composite, type Grammar } from "./SampleLine.ts"
import { isBlank, skipBlanks, type Cursor } from "./Scanner.ts"
import { excerpt } from "./Visible.ts"

/** What the rules of a format say beyond single lines; each answers with the first fault it sees. */
export interface Rules {
  readonly metadata: (metadata: Metadata) => Fault | undefined
  readonly sample: (sample: Sample, exemplarLength: number | undefined) => Fault | undefined
  readonly composite: (composite: Composite) => Fault | undefined
  readonly end: () => Fault | undefined
}

/** One format in one mode. */
export interface Dialect {
  readonly grammar: Grammar
  readonly comment: (cursor: Cursor) => Metadata | Fault | undefined
  /** Whether `# EOF` ends the body. */
  readonly terminated: boolean
  /** Present in strict mode. */
  readonly rules: Rules | undefined
}

export interface BadLine {
  /** Counted from 1. */
  readonly number: number
  readonly fault: Fault
  readonly excerpt: string
}

/** What the walk found; mutable while it walks. */
export interface Reading {
  readonly samples: Array<Sample>
  readonly types: Map<string, MetricType>
  /** Good sample lines, kept or beyond the cap. */
  sampleLines: number
  /** Lines that should have been samples and are not. */
  badSampleLines: number
  /** All bad lines: the ones above, and metadata or exemplars that are broken. */
  badLines: number
  firstBad: BadLine | undefined
  /** HELP, TYPE and UNIT lines that could be read. */
  descriptors: number
  nativeHistograms: number
  /** Where `# EOF` was seen: as the last line, or with lines after it. */
  eof: "missing" | "last" | "passed"
}

const newReading = (): Reading => ({
  samples: [],
  types: new Map(),
  sampleLines: 0,
  badSampleLines: 0,
  badLines: 0,
  firstBad: undefined,
  descriptors: 0,
  nativeHistograms: 0,
  eof: "missing"
})

const hash = 35
const carriageReturn = 13

interface Walk {
  readonly cursor: Cursor
  readonly dialect: Dialect
  readonly reading: Reading
  lineStart: number
  lineNumber: number
}

const noteBad = (walk: Walk, fault: Fault): void => {
  const { cursor, lineStart, reading } = walk
  reading.badLines++
  reading.firstBad ??= {
    number: walk.lineNumber,
    fault,
    excerpt: excerpt(cursor.body.slice(lineStart, cursor.end))
  }
}

const keepMetadata = (walk: Walk): void => {
  const { cursor, dialect, reading } = walk
  const metadata = dialect.comment(cursor)
  if (metadata === undefined) return
  if (typeof metadata === "string") return noteBad(walk, metadata)
  reading.descriptors++
  // The first TYPE wins: whoever repeats it has written two exporters into one page.
  if (metadata.type !== undefined && reading.types.size < samplesMax && !reading.types.has(metadata.name)) {
    reading.types.set(metadata.name, metadata.type)
  }
  const fault = dialect.rules?.metadata(metadata)
  if (fault !== undefined) noteBad(walk, fault)
}

const keepSample = (walk: Walk): void => {
  const { cursor, dialect, reading } = walk
  const sample = readSample(cursor, dialect.grammar)
  if (typeof sample === "string") {
    reading.badSampleLines++
    return noteBad(walk, sample)
  }
  reading.sampleLines++
  if (sample.value === undefined) return keepComposite(walk, sample)
  if (reading.samples.length < samplesMax) reading.samples.push(sample)
  // A broken exemplar is noted and costs its sample nothing: the number before it is whole.
  const exemplar = cursor.at < cursor.end ? readExemplar(cursor) : undefined
  const fault = typeof exemplar === "string" ? exemplar : dialect.rules?.sample(sample, exemplar)
  if (fault !== undefined) noteBad(walk, fault)
}

const keepComposite = (walk: Walk, composite: Composite): void => {
  walk.reading.nativeHistograms++
  const fault = walk.dialect.rules?.composite(composite)
  if (fault !== undefined) noteBad(walk, fault)
}

const eofLine = "# EOF"

const isEof = (cursor: Cursor, exact: boolean): boolean => {
  const { at, body, end } = cursor
  if (!body.startsWith(eofLine, at)) return false
  let last = end
  while (last > at + eofLine.length && isBlank(body.charCodeAt(last - 1))) last--
  return at + eofLine.length === (exact ? end : last)
}

const readContent = (walk: Walk): void => {
  const { cursor, dialect, reading } = walk
  const { exact } = dialect.grammar
  if (!exact) skipBlanks(cursor)
  if (cursor.at >= cursor.end && !exact) return
  if (reading.eof !== "missing") reading.eof = "passed"
  if (reading.eof === "passed" && exact) return noteBad(walk, 'a line after "# EOF"')
  if (cursor.at >= cursor.end) return noteBad(walk, "a blank line")
  if (cursor.body.charCodeAt(cursor.at) !== hash) return keepSample(walk)
  if (!dialect.terminated || !isEof(cursor, exact)) return keepMetadata(walk)
  reading.eof = "last"
}

/** Puts the cursor on the line at `at`; returns where the next one starts. */
const enterLine = (walk: Walk, at: number): number => {
  const { cursor } = walk
  const newline = cursor.body.indexOf("\n", at)
  const end = newline < 0 ? cursor.body.length : newline
  const strict = walk.dialect.rules !== undefined
  walk.lineNumber++
  walk.lineStart = at
  cursor.at = at
  // Exporters on Windows write CRLF; no format allows it.
  cursor.end = !strict && end > at && cursor.body.charCodeAt(end - 1) === carriageReturn ? end - 1 : end
  return end + 1
}

/**
 * Reads every line of a body.
 *
 * Shape:  (body, dialect) -> Reading. With rules it stops at the first fault: nobody looks at the rest.
 * Law:    linear in the body, whatever its lines are; never throws.
 */
export const readLines = (body: string, dialect: Dialect): Reading => {
  const reading = newReading()
  const walk: Walk = { cursor: { body, at: 0, end: 0 }, dialect, reading, lineStart: 0, lineNumber: 0 }
  for (let at = 0; at < body.length;) {
    at = enterLine(walk, at)
    readContent(walk)
    if (dialect.rules !== undefined && reading.badLines > 0) return reading
  }
  // A body that was cut short has no last family to judge.
  const whole = !dialect.terminated || reading.eof === "last"
  const fault = whole ? dialect.rules?.end() : undefined
  if (fault !== undefined) noteBad(walk, fault)
  return reading
}
