/**
 * Numbers as the text formats write them: Go's ParseFloat without hexadecimal and `_`.
 *
 * `Number(text)` alone would take `0x1p`, `0b1`, "" and blanks, and costs a slice per value.
 */

const zero = 48
const nine = 57
const plus = 43
const minus = 45
const dot = 46

// Up to 15 digits the integer is exact in a double, and dividing by an exact power of ten rounds once, so the
// result is the same as strtod's (Clinger 1990, "How to read floating point numbers accurately", the fast path).
const exactDigitsMax = 15
const powersOfTen = Array.from({ length: exactDigitsMax + 1 }, (_, exponent) => 10 ** exponent)

const isDigit = (code: number): boolean => code >= zero && code <= nine

const skipDigits = (text: string, from: number, to: number): number => {
  let at = from
  while (at < to && isDigit(text.charCodeAt(at))) at++
  return at
}

const skipSign = (text: string, from: number, to: number): number => {
  const code = from < to ? text.charCodeAt(from) : 0
  return code === plus || code === minus ? from + 1 : from
}

// Longest word: "+infinity".
const wordLengthMax = 9

const nonFinite = (text: string, from: number, to: number): number | undefined => {
  if (to - from > wordLengthMax) return undefined
  switch (text.slice(from, to).toLowerCase()) {
    case "nan":
    case "+nan":
    case "-nan":
      return Number.NaN
    case "inf":
    case "+inf":
    case "infinity":
    case "+infinity":
      return Number.POSITIVE_INFINITY
    case "-inf":
    case "-infinity":
      return Number.NEGATIVE_INFINITY
    default:
      return undefined
  }
}

/** The end of `e±digits` at `at`; -1 when the exponent has no digit. */
const skipExponent = (text: string, at: number, to: number): number => {
  const digits = skipSign(text, at + 1, to)
  const end = skipDigits(text, digits, to)
  return end === digits ? -1 : end
}

const digitsValue = (text: string, from: number, to: number, start: number): number => {
  let value = start
  for (let at = from; at < to; at++) value = value * 10 + text.charCodeAt(at) - zero
  return value
}

/**
 * Reads `text[from, to)` as one decimal.
 *
 * Shape:  (text, from, to) -> number, or undefined when the whole range is not one number. NaN is a number here.
 * Law:    linear in the length; equal to `Number(slice)` wherever both take the text.
 * Source: OpenMetrics 1.0, ABNF `number`; prometheus/common expfmt `parseFloat`.
 */
export const decimalBetween = (text: string, from: number, to: number): number | undefined => {
  const whole = skipSign(text, from, to)
  const wholeEnd = skipDigits(text, whole, to)
  const hasDot = wholeEnd < to && text.charCodeAt(wholeEnd) === dot
  const fraction = hasDot ? wholeEnd + 1 : wholeEnd
  const fractionEnd = hasDot ? skipDigits(text, fraction, to) : fraction
  const digits = wholeEnd - whole + (fractionEnd - fraction)
  if (digits === 0) return nonFinite(text, from, to)
  if (fractionEnd < to) {
    const isExponent = (text.charCodeAt(fractionEnd) | 32) === 101 // e or E
    return isExponent && skipExponent(text, fractionEnd, to) === to ? Number(text.slice(from, to)) : undefined
  }
  if (digits > exactDigitsMax) return Number(text.slice(from, to))
  const mantissa = digitsValue(text, fraction, fractionEnd, digitsValue(text, whole, wholeEnd, 0))
  const value = mantissa / (powersOfTen[fractionEnd - fraction] ?? 1)
  return text.charCodeAt(from) === minus ? -value : value
}

/**
 * Reads `text[from, to)` as a whole number: text 0.0.4 timestamps are int64 milliseconds, never `1.5` or `1e3`.
 *
 * Shape:  (text, from, to) -> number, or undefined.
 */
export const integerBetween = (text: string, from: number, to: number): number | undefined => {
  const digits = skipSign(text, from, to)
  const end = skipDigits(text, digits, to)
  return end === to && end > digits ? decimalBetween(text, from, to) : undefined
}
