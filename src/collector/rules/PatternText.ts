/**
 * The text of a pattern, as RE2 reads it, made into a tree.
 *
 * Read: literals, `.`, classes, `\d \s \w` and their opposites, groups, `|`, `* + ?`, `{n,m}`, `^`, `$`. What RE2 knows beyond that
 * (flags such as `(?i)`, `\b`, `\pL`, `[[:alpha:]]`, `\Q`) is refused, never read differently.
 */
import { Result } from "effect"

/** Code points, both ends included. */
export type Ranges = ReadonlyArray<readonly [from: number, to: number]>

export type Node =
  | { readonly _tag: "Set"; readonly ranges: Ranges }
  | { readonly _tag: "Sequence"; readonly of: ReadonlyArray<Node> }
  | { readonly _tag: "Choice"; readonly of: ReadonlyArray<Node> }
  | { readonly _tag: "Repeat"; readonly of: Node; readonly least: number; readonly most: number }
  | { readonly _tag: "Begin" }
  | { readonly _tag: "End" }

/** RE2's own limit for `{n}`. Source: regexp/syntax, ErrInvalidRepeatSize. */
const repeatMax = 1_000
/** Instructions of one pattern; a step through the automaton costs at most this many. `.*(a|b|...).*` of a page's names has fewer. */
const instructionsMax = 1_000
/** Far above any pattern a person writes. */
const patternCharsMax = 1_000
/** Groups within groups; the reader below calls itself once for each. */
const depthMax = 100

const codePointMax = 0x10ffff
const any: Ranges = [[0, codePointMax]]
const nothing: Node = { _tag: "Sequence", of: [] }

interface Reader {
  readonly chars: ReadonlyArray<string>
  at: number
  depth: number
  /** The first thing that is wrong. */
  fault: string | undefined
}

const refuse = (reader: Reader, fault: string): void => {
  reader.fault ??= fault
  reader.at = reader.chars.length
}

const readChoice = (reader: Reader): Node => {
  const of = [readSequence(reader)]
  while (reader.chars[reader.at] === "|") {
    reader.at++
    of.push(readSequence(reader))
  }
  return of.length === 1 ? (of[0] ?? nothing) : { _tag: "Choice", of }
}

const readSequence = (reader: Reader): Node => {
  const of: Array<Node> = []
  for (let char = reader.chars[reader.at]; char !== undefined && char !== "|" && char !== ")";) {
    of.push(readRepeated(reader))
    char = reader.chars[reader.at]
  }
  return { _tag: "Sequence", of }
}

interface Count {
  readonly least: number
  readonly most: number
  readonly length: number
}

/** A quantifier at this place, if there is one; a `{` that does not begin one is a letter. */
const quantifier = ({ at, chars }: Reader): Count | undefined => {
  switch (chars[at]) {
    case "*":
      return { least: 0, most: Number.POSITIVE_INFINITY, length: 1 }
    case "+":
      return { least: 1, most: Number.POSITIVE_INFINITY, length: 1 }
    case "?":
      return { least: 0, most: 1, length: 1 }
    case "{":
      return braces(chars.slice(at, at + bracesUnitsMax).join(""))
    default:
      return undefined
  }
}

const bracesUnitsMax = 40

const braces = (text: string): Count | undefined => {
  const match = /^\{(\d+)(,(\d*))?\}/.exec(text)
  if (match === null) return undefined
  const least = Number(match[1])
  const most =
    match[2] === undefined ? least : match[3] === "" ? Number.POSITIVE_INFINITY : Number(match[3] ?? Number.NaN)
  return { least, most, length: match[0].length }
}

const readRepeated = (reader: Reader): Node => {
  if (quantifier(reader) !== undefined) {
    refuse(reader, `there is nothing before ${reader.chars[reader.at]} to repeat`)
    return nothing
  }
  const of = readAtom(reader)
  const count = quantifier(reader)
  if (count === undefined) return of
  reader.at += count.length
  // Lazy or greedy is the same to a yes or no.
  if (reader.chars[reader.at] === "?") reader.at++
  if (quantifier(reader) !== undefined) refuse(reader, "one repetition directly follows another")
  else if (count.least > count.most) refuse(reader, `{${count.least},${count.most}} goes backwards`)
  else if (count.least > repeatMax || (Number.isFinite(count.most) && count.most > repeatMax))
    refuse(reader, `it repeats more than ${repeatMax} times`)
  return { _tag: "Repeat", of, least: count.least, most: count.most }
}

const readAtom = (reader: Reader): Node => {
  const char = reader.chars[reader.at++] ?? ""
  switch (char) {
    case "(":
      return readGroup(reader)
    case "[":
      return { _tag: "Set", ranges: readClass(reader) }
    case ".":
      return { _tag: "Set", ranges: any }
    case "^":
      return { _tag: "Begin" }
    case "$":
      return { _tag: "End" }
    case "\\":
      return { _tag: "Set", ranges: readEscape(reader) }
    default:
      return { _tag: "Set", ranges: one(char) }
  }
}

const one = (char: string): Ranges => {
  const code = char.codePointAt(0) ?? 0
  return [[code, code]]
}

const readGroup = (reader: Reader): Node => {
  const head = reader.chars.slice(reader.at, reader.at + groupHeadUnitsMax).join("")
  if (head.startsWith("?")) {
    const named = /^\?(?::|P?<[A-Za-z_]\w*>)/.exec(head)
    if (named === null) refuse(reader, "(? is supported only in (?: and in named groups, flags such as (?i) are not")
    else reader.at += named[0].length
  }
  if (++reader.depth > depthMax) refuse(reader, `it has more than ${depthMax} groups within each other`)
  const of = readChoice(reader)
  reader.depth--
  if (reader.chars[reader.at] === ")") reader.at++
  else refuse(reader, "a ( is not closed")
  return of
}

const groupHeadUnitsMax = 80

const digits: Ranges = [[48, 57]]
/** Perl's classes as RE2 has them: ASCII only, and no vertical tab. */
const classes: Readonly<Record<string, Ranges>> = {
  d: digits,
  s: [
    [9, 10],
    [12, 13],
    [32, 32]
  ],
  w: [
    [48, 57],
    [65, 90],
    [95, 95],
    [97, 122]
  ]
}

const controls: Readonly<Record<string, string>> = { a: "\u0007", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" }

/** What does not lie in these ranges, which need not be sorted. */
const opposite = (ranges: Ranges): Ranges => {
  const others: Array<readonly [number, number]> = []
  let from = 0
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    if (first > from) others.push([from, first - 1])
    from = Math.max(from, last + 1)
  }
  if (from <= codePointMax) others.push([from, codePointMax])
  return others
}

const readEscape = (reader: Reader): Ranges => {
  const char = reader.chars[reader.at++]
  if (char === undefined) {
    refuse(reader, "it ends in a backslash")
    return any
  }
  const named = classes[char]
  if (named !== undefined) return named
  const opposed = classes[char.toLowerCase()]
  if (opposed !== undefined) return opposite(opposed)
  const control = controls[char]
  if (control !== undefined) return one(control)
  if (char === "x") return readHex(reader)
  if (/[\x21-\x7e]/.test(char) && !/[A-Za-z0-9]/.test(char)) return one(char)
  refuse(reader, `\\${char} is not supported`)
  return any
}

const readHex = (reader: Reader): Ranges => {
  const match = /^(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,8})\})/.exec(
    reader.chars.slice(reader.at, reader.at + 10).join("")
  )
  const code = Number.parseInt(match?.[1] ?? match?.[2] ?? "", 16)
  if (match === null || code > codePointMax) {
    refuse(reader, "\\x needs two hexadecimal digits, or {digits} of a character")
    return any
  }
  reader.at += match[0].length
  return [[code, code]]
}

const readClass = (reader: Reader): Ranges => {
  const isOpposite = reader.chars[reader.at] === "^"
  if (isOpposite) reader.at++
  const ranges: Array<readonly [number, number]> = []
  for (let first = true; first || reader.chars[reader.at] !== "]"; first = false) {
    if (reader.at >= reader.chars.length) {
      refuse(reader, "a [ is not closed")
      return any
    }
    ranges.push(...readItem(reader))
  }
  reader.at++
  return isOpposite ? opposite(ranges) : ranges
}

/** One letter, one range or one class such as `\d`, within brackets. */
const readItem = (reader: Reader): Ranges => {
  const { at, chars } = reader
  if (chars[at] === "[" && chars[at + 1] === ":") {
    refuse(reader, "[[:name:]] is not supported")
    return any
  }
  const low = readClassLetter(reader)
  const isRange = chars[reader.at] === "-" && chars[reader.at + 1] !== "]" && reader.at + 1 < chars.length
  if (!isRange) return low
  reader.at++
  const high = readClassLetter(reader)
  const from = single(low)
  const to = single(high)
  if (from === undefined || to === undefined || from > to) {
    refuse(reader, "a range within [ ] does not go from a lower to a higher character")
    return any
  }
  return [[from, to]]
}

const readClassLetter = (reader: Reader): Ranges => {
  const char = reader.chars[reader.at++] ?? ""
  return char === "\\" ? readEscape(reader) : one(char)
}

const single = (ranges: Ranges): number | undefined => {
  const [range] = ranges
  return ranges.length === 1 && range !== undefined && range[0] === range[1] ? range[0] : undefined
}

/**
 * Reads a pattern.
 *
 * Fails: with what is wrong, or not supported, in words that follow "the pattern ...: ".
 */
export const readPattern = (source: string): Result.Result<Node, string> => {
  const reader: Reader = { chars: Array.from(source), at: 0, depth: 0, fault: undefined }
  if (reader.chars.length > patternCharsMax) return Result.fail(`it is longer than ${patternCharsMax} characters`)
  const node = readChoice(reader)
  if (reader.at < reader.chars.length) refuse(reader, "a ) closes nothing")
  if (reader.fault !== undefined) return Result.fail(reader.fault)
  const size = sizeOf(node)
  return size > instructionsMax ? Result.fail("it is too large") : Result.succeed(node)
}

/** Instructions it takes; told before any is made, for `((a{1000}){1000}){1000}` would take a billion. */
const sizeOf = (node: Node): number => {
  switch (node._tag) {
    case "Set":
    case "Begin":
    case "End":
      return 1
    case "Sequence":
      return node.of.reduce((sum, part) => sum + sizeOf(part), 0)
    case "Choice":
      return node.of.reduce((sum, part) => sum + sizeOf(part) + 1, 0)
    case "Repeat":
      return (sizeOf(node.of) + 1) * Math.max(node.least + 1, Number.isFinite(node.most) ? node.most : 0)
  }
}
