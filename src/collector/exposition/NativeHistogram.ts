/**
 * The composite value of a native histogram in OpenMetrics text, as client_python and Prometheus write it:
 * `{count:24,sum:100,schema:0,zero_threshold:0.001,zero_count:4,positive_spans:[0:2],positive_deltas:[2,1]}`.
 *
 * It is recognised and stepped over, not read: no rule compares a whole distribution with a threshold, and its
 * classic twin (`_count`, `_sum`, `_bucket`) stands on lines of its own.
 */
import { decimalBetween } from "./Decimal.ts"
import { peek, take, takeLabelName, type Cursor } from "./Scanner.ts"

const openBrace = 123
const closeBrace = 125
const openBracket = 91
const closeBracket = 93
const comma = 44
const colon = 58

const isDelimiter = (code: number): boolean =>
  code === comma || code === colon || code === closeBrace || code === closeBracket

const takeNumber = (cursor: Cursor): boolean => {
  const start = cursor.at
  while (cursor.at < cursor.end && !isDelimiter(cursor.body.charCodeAt(cursor.at))) cursor.at++
  return decimalBetween(cursor.body, start, cursor.at) !== undefined
}

/** `2` of a delta or `0:2` of a span. */
const takeItem = (cursor: Cursor): boolean => takeNumber(cursor) && (!take(cursor, colon) || takeNumber(cursor))

const takeList = (cursor: Cursor): boolean => {
  if (take(cursor, closeBracket)) return true
  for (;;) {
    if (!takeItem(cursor)) return false
    if (take(cursor, closeBracket)) return true
    if (!take(cursor, comma)) return false
  }
}

const takeField = (cursor: Cursor): boolean => {
  if (takeLabelName(cursor) === "" || !take(cursor, colon)) return false
  return peek(cursor) === openBracket && take(cursor, openBracket) ? takeList(cursor) : takeNumber(cursor)
}

/**
 * Steps over a composite value that reaches the end of the line.
 *
 * Shape:  the cursor stands on `{`; false when the braces hold anything else or something follows them.
 * Gotcha: a timestamp or exemplar after it is not taken; neither reference writes one.
 */
export const takeNativeHistogram = (cursor: Cursor): boolean => {
  if (!take(cursor, openBrace)) return false
  for (;;) {
    if (!takeField(cursor)) return false
    if (take(cursor, closeBrace)) return cursor.at === cursor.end
    if (!take(cursor, comma)) return false
  }
}
