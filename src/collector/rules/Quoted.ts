/**
 * Quoted text within rules: where it is, and what it means. The quotes and escapes are those of Go, as in PromQL.
 */
import { Result } from "effect"

/** Text of the same length in which all that is quoted is blanked out, so that searches find only what is not. */
export interface Masked {
  readonly text: string
  /** Where a quote opens that is never closed. */
  readonly open: ReadonlyArray<number>
}

/** No rule is written with it: it ends a quote's masking and begins none. */
const blank = "\u0000"

/** How many units a quoted text takes from its first quote on, and whether it is closed. A newline closes no quote but the raw one. */
const measure = (text: string, from: number): { readonly length: number; readonly closed: boolean } => {
  const quote = text[from]
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === quote) return { length: at + 1 - from, closed: true }
    if (quote === "`") continue
    if (text[at] === "\n") return { length: at - from, closed: false }
    if (text[at] === "\\") at++
  }
  return { length: text.length - from, closed: false }
}

export const mask = (text: string): Masked => {
  const open: Array<number> = []
  let masked = ""
  for (let at = 0; at < text.length;) {
    const char = text[at] ?? ""
    if (char !== '"' && char !== "'" && char !== "`") {
      masked += char
      at++
      continue
    }
    const { length, closed } = measure(text, at)
    if (!closed) open.push(at)
    masked += blank.repeat(length)
    at += length
  }
  return { text: masked, open }
}

const simple: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, "\\": 92 }
const numeric = /^(?:x([0-9A-Fa-f]{2})|([0-7]{3}))/
const unicode = /^(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))/

const isCharacter = (code: number): boolean => code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)

/** One escape, from the character after the backslash on: its bytes, and how many characters it took. */
const escape = (rest: string, quote: string): { readonly bytes: Uint8Array; readonly length: number } | undefined => {
  const first = rest[0] ?? ""
  const code = first === quote ? quote.charCodeAt(0) : simple[first]
  if (code !== undefined) return { bytes: Uint8Array.of(code), length: 1 }
  const byte = numeric.exec(rest)
  if (byte !== null) {
    const value = byte[1] === undefined ? Number.parseInt(byte[2] ?? "", 8) : Number.parseInt(byte[1], 16)
    return value > 0xff ? undefined : { bytes: Uint8Array.of(value), length: byte[0].length }
  }
  const point = unicode.exec(rest)
  const value = Number.parseInt(point?.[1] ?? point?.[2] ?? "", 16)
  if (point === null || !isCharacter(value)) return undefined
  return { bytes: new TextEncoder().encode(String.fromCodePoint(value)), length: point[0].length }
}

/**
 * What a quoted text means.
 *
 * Shape:  the text with its quotes, which are known to close.
 * Fails:  with what is wrong with an escape. Bytes (`\xc3\xa9`) must come to UTF-8.
 */
export const unquote = (quoted: string): Result.Result<string, string> => {
  const quote = quoted[0] ?? ""
  const inner = quoted.slice(1, -1)
  if (quote === "`" || !inner.includes("\\")) return Result.succeed(inner)
  const encoder = new TextEncoder()
  const pieces: Array<Uint8Array> = []
  for (let at = 0; at < inner.length;) {
    if (inner[at] !== "\\") {
      const end = inner.indexOf("\\", at)
      pieces.push(encoder.encode(inner.slice(at, end < 0 ? inner.length : end)))
      at = end < 0 ? inner.length : end
      continue
    }
    const escaped = escape(inner.slice(at + 1, at + 10), quote)
    if (escaped === undefined)
      return Result.fail(`\\${inner[at + 1] ?? ""} is no escape: write \\\\ for a backslash, or quote with backticks`)
    pieces.push(escaped.bytes)
    at += 1 + escaped.length
  }
  return Result.try({
    try: () => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(pieces)),
    catch: () => "its bytes are not UTF-8"
  })
}
