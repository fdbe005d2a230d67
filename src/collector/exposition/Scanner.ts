/**
 * A cursor over one line of a body, and the tokens both text formats are made of.
 *
 * The body is never split: a cursor moves between `at` and `end`, so a line costs no copy, one 8 MiB line is read
 * once, and a `#`, `,` or `}` inside quotes cannot be taken for structure. No regular expression runs on a line.
 */

export interface Cursor {
  readonly body: string
  at: number
  /** One past the last character of the line. */
  end: number
}

const space = 32
const tab = 9
const quote = 34
const backslash = 92

const nameStart = 1
const namePart = 2
const colonPart = 4

// ASCII letters and `_` start a name, digits continue it, `:` belongs to metric names only.
const characterKinds = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  if (/[A-Za-z_]/.test(character)) return nameStart | namePart
  if (/[0-9]/.test(character)) return namePart
  return character === ":" ? colonPart : 0
})

export const isBlank = (code: number): boolean => code === space || code === tab

/** The character code at the cursor; -1 at the end of the line. */
export const peek = (cursor: Cursor): number => (cursor.at < cursor.end ? cursor.body.charCodeAt(cursor.at) : -1)

/** Steps over one expected character; false when another one is there. */
export const take = (cursor: Cursor, code: number): boolean => {
  if (peek(cursor) !== code) return false
  cursor.at++
  return true
}

export const skipBlanks = (cursor: Cursor): void => {
  while (cursor.at < cursor.end && isBlank(cursor.body.charCodeAt(cursor.at))) cursor.at++
}

const takeWhile = (cursor: Cursor, first: number, later: number): string => {
  const { body, end } = cursor
  const start = cursor.at
  let kinds = first
  while (cursor.at < end && ((characterKinds[body.charCodeAt(cursor.at)] ?? 0) & kinds) !== 0) {
    kinds = later
    cursor.at++
  }
  return body.slice(start, cursor.at)
}

/** Takes a bare metric name (`a:b_c1`); "" when none starts here. */
export const takeMetricName = (cursor: Cursor): string => takeWhile(cursor, nameStart | colonPart, namePart | colonPart)

/** Takes a bare label name (`b_c1`); "" when none starts here. */
export const takeLabelName = (cursor: Cursor): string => takeWhile(cursor, nameStart, namePart)

/** Takes everything up to the next blank. */
export const takeWord = (cursor: Cursor): string => {
  const start = cursor.at
  while (cursor.at < cursor.end && !isBlank(cursor.body.charCodeAt(cursor.at))) cursor.at++
  return cursor.body.slice(start, cursor.at)
}

// A run of backslashes pairs up from its left, so cutting at two of them leaves only `\n` and `\"` to undo. Four native passes:
// a replacing callback takes two seconds on an 8 MiB value of nothing but escapes.
const unescape = (raw: string): string =>
  raw
    .split("\\\\")
    .map((part) => part.replaceAll("\\n", "\n").replaceAll('\\"', '"'))
    .join("\\")

/**
 * Takes a quoted string, escapes undone.
 *
 * Shape:  the cursor stands on `"`; returns undefined when the line ends before the closing one.
 * Gotcha: an unknown escape (`\t`) stays as it is, as Prometheus reads it; expfmt would refuse the body.
 */
export const takeQuoted = (cursor: Cursor): string | undefined => {
  const { body, end } = cursor
  const start = ++cursor.at
  let escaped = false
  for (let at = start; at < end; at++) {
    const code = body.charCodeAt(at)
    if (code === quote) {
      cursor.at = at + 1
      return escaped ? unescape(body.slice(start, at)) : body.slice(start, at)
    }
    if (code === backslash) {
      escaped = true
      at++
    }
  }
  cursor.at = end
  return undefined
}
