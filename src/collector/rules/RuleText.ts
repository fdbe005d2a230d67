/**
 * The text of WATCHDOG_RULES: `name: selector > number for 2m keep_firing_for 5m; name: ...`.
 *
 * Everything that is wrong with it is found at once, each with its place.
 */
import { Result } from "effect"
import { parseDurationMs } from "../../base/Keys.ts"
import { type Fault, readExpression } from "./Expression.ts"
import { type Masked, mask } from "./Quoted.ts"
import { type Rule, rulesMax } from "./Rule.ts"

export type { Fault } from "./Expression.ts"

const fault = (at: number, text: string): Fault => ({ at, text })

/** A piece of the whole text, as it was and masked, and where it begins. */
interface Piece {
  readonly text: string
  readonly masked: string
  readonly at: number
}

const cut = ({ text, masked, at }: Piece, from: number, to?: number): Piece => ({
  text: text.slice(from, to),
  masked: masked.slice(from, to),
  at: at + from
})

const trim = (piece: Piece): Piece => {
  const from = piece.text.length - piece.text.trimStart().length
  return cut(piece, from, Math.max(from, piece.text.trimEnd().length))
}

/** On one line, as a message or a table needs it; what is quoted stays as it is. */
const tidy = ({ text, masked }: Piece): string => {
  let tidied = ""
  let from = 0
  for (const blank of masked.matchAll(/\s+/g)) {
    tidied += `${text.slice(from, blank.index)} `
    from = blank.index + blank[0].length
  }
  return tidied + text.slice(from)
}

/** A `;` separates rules wherever it is not quoted: PromQL knows none. One may end the text. */
const split = (text: string, masked: Masked): ReadonlyArray<Piece> => {
  const pieces: Array<Piece> = []
  const whole: Piece = { text, masked: masked.text, at: 0 }
  for (let from = 0; from <= text.length;) {
    const end = masked.text.indexOf(";", from)
    pieces.push(cut(whole, from, end < 0 ? undefined : end))
    from = end < 0 ? text.length + 1 : end + 1
  }
  const last = pieces.at(-1)
  return pieces.length > 1 && last?.text.trim() === "" ? pieces.slice(0, -1) : pieces
}

/** Sixty-four: it is part of a signal's id, which heads every message. */
const namePattern = /^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/

const readName = (piece: Piece, faults: Array<Fault>): { readonly name: string; readonly rest: Piece } => {
  const colon = piece.masked.search(/[:{]/)
  if (colon < 0 || piece.masked[colon] === "{") {
    faults.push(fault(piece.at, 'a rule begins with its name and a colon, such as "queue: queue_depth > 100"'))
    return { name: "", rest: piece }
  }
  const name = trim(cut(piece, 0, colon))
  if (!namePattern.test(name.text))
    faults.push(
      fault(
        name.at,
        `${JSON.stringify(name.text.slice(0, 80))} is no name: a letter or _, then at most 63 more, digits and -`
      )
    )
  return { name: name.text, rest: cut(piece, colon + 1) }
}

/** Where the first keyword after the expression stands; what lies within brackets is the expression's. */
const clausesAt = (masked: string): number => {
  let depth = 0
  for (let at = 0; at < masked.length; at++) {
    const char = masked[at] ?? ""
    if ("({[".includes(char)) depth++
    else if (")}]".includes(char)) depth--
    else if (depth <= 0 && /\s/.test(char) && /^(?:for|keep_firing_for)(?:\s|$)/.test(masked.slice(at + 1, at + 20)))
      return at + 1
  }
  return masked.length
}

type Clauses = Pick<Rule, "forMs" | "keepFiringForMs">

const readClauses = (piece: Piece, faults: Array<Fault>): Clauses => {
  const found: { forMs: number | null; keepFiringForMs: number | null } = { forMs: null, keepFiringForMs: null }
  const words = [...piece.text.matchAll(/\S+/g)].map((match) => ({ text: match[0], at: piece.at + match.index }))
  for (let at = 0; at < words.length; at += 2) {
    const [word, span] = [words[at], words[at + 1]]
    if (word === undefined) break
    const field = word.text === "for" ? "forMs" : word.text === "keep_firing_for" ? "keepFiringForMs" : undefined
    if (field === undefined) {
      faults.push(
        fault(
          word.at,
          `${JSON.stringify(word.text)} does not belong here: after the comparison come for and keep_firing_for`
        )
      )
      break
    }
    if (found[field] !== null) faults.push(fault(word.at, `${word.text} is given twice`))
    const parsed = parseDurationMs(span?.text ?? "")
    if (Result.isSuccess(parsed)) found[field] = parsed.success
    else {
      const said = span === undefined ? `${word.text} needs` : `${JSON.stringify(span.text)} is not`
      faults.push(fault(span?.at ?? word.at, `${said} ${parsed.failure}`))
    }
  }
  return found
}

interface Read {
  readonly at: number
  readonly name: string
  /** Undefined where the expression is faulty. */
  readonly rule: Rule | undefined
}

const readRule = (piece: Piece, faults: Array<Fault>): Read => {
  if (piece.text === "") {
    faults.push(fault(piece.at, "a rule is empty"))
    return { at: piece.at, name: "", rule: undefined }
  }
  const { name, rest } = readName(piece, faults)
  const end = clausesAt(rest.masked)
  const expression = trim(cut(rest, 0, end))
  const clauses = readClauses(cut(rest, end), faults)
  const read = readExpression(expression.text)
  if (Result.isFailure(read)) {
    faults.push(fault(expression.at + read.failure.at, read.failure.text))
    return { at: piece.at, name, rule: undefined }
  }
  const rule: Rule = { name, ...read.success, ...clauses, expression: tidy(expression), text: tidy(piece) }
  return { at: piece.at, name, rule }
}

const repeatedNames = (read: ReadonlyArray<Read>): ReadonlyArray<Fault> => {
  const seen = new Set([""])
  const again = read.filter(({ name }) => name !== "" && (seen.has(name) || !seen.add(name)))
  return again.map(({ at, name }) => fault(at, `the name ${name} is taken by a rule before it`))
}

/**
 * Reads rules.
 *
 * Law:   never throws; the text of what was read, put together with `;`, is read as the same again.
 * Fails: with everything that is wrong, by place.
 */
export const readRules = (text: string): Result.Result<ReadonlyArray<Rule>, ReadonlyArray<Fault>> => {
  const masked = mask(text)
  const faults: Array<Fault> = []
  const read: Array<Read> = []
  const pieces = split(text, masked).map(trim)
  for (const piece of pieces) {
    const open = masked.open.find((at) => at >= piece.at && at < piece.at + piece.text.length)
    // What a quote that is never closed has swallowed would only bring faults that are none.
    if (open === undefined) read.push(readRule(piece, faults))
    else faults.push(fault(open, "this quote is not closed"))
  }
  faults.push(...repeatedNames(read))
  if (pieces.length > rulesMax) faults.push(fault(pieces[rulesMax]?.at ?? 0, `there are more than ${rulesMax} rules`))
  return faults.length > 0
    ? Result.fail(faults.sort((a, b) => a.at - b.at))
    : Result.succeed(read.flatMap(({ rule }) => (rule === undefined ? [] : [rule])))
}

/** Places are counted from 1, as people do. */
const faultText = ({ at, text }: Fault): string => `character ${at + 1}: ${text}`

const described = "a list of rules (name: selector > number for 2m; ...)"

/** What is wrong, to follow "... is not". */
export const faultsText = (faults: ReadonlyArray<Fault>): string =>
  faults.length === 1
    ? `${described}: ${faults.map(faultText).join()}`
    : `${described}:${faults.map((one) => `\n    ${faultText(one)}`).join("")}`
