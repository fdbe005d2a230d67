/**
 * Which format a body is in, and which bodies are in none.
 *
 * The media type is asked first, the body has the last word: exporters behind proxies and hand-written ones send the
 * wrong header, and the operator wants the numbers and the complaint, not the complaint alone.
 */

export type Format = "prometheus-text" | "openmetrics" | "flat-json"

export interface Choice {
  readonly format: Format
  readonly warning: string | undefined
}

const mediaTypeOf = (contentType: string): string => (contentType.split(";", 1)[0] ?? "").trim().toLowerCase()

const declaredFormat = (mediaType: string): Format | undefined => {
  if (mediaType === "application/openmetrics-text") return "openmetrics"
  if (mediaType === "text/plain") return "prometheus-text"
  return mediaType === "application/json" || mediaType.endsWith("+json") ? "flat-json" : undefined
}

const isWhite = (code: number): boolean => code === 32 || (code >= 9 && code <= 13)

const skipWhite = (body: string, from: number): number => {
  let at = from
  while (at < body.length && isWhite(body.charCodeAt(at))) at++
  return at
}

/** The end of the string literal that opens at `from`; -1 when it does not close. */
const literalEnd = (body: string, from: number): number => {
  for (let at = from + 1; at < body.length; at++) {
    if (body[at] === "\\") at++
    else if (body[at] === '"') return at + 1
  }
  return -1
}

/** `{"a": 1}` is JSON, `{"a"} 1` and `{"a",b="c"} 1` are text with a quoted metric name. */
const opensObject = (body: string, at: number): boolean => {
  const key = skipWhite(body, at + 1)
  if (body[key] === "}") return skipWhite(body, key + 1) === body.length
  if (body[key] !== '"') return false
  const end = literalEnd(body, key)
  return end > 0 && body[skipWhite(body, end)] === ":"
}

const eofLine = "# EOF"

const endsInEof = (body: string): boolean => {
  let end = body.length
  while (end > 0 && isWhite(body.charCodeAt(end - 1))) end--
  const start = end - eofLine.length
  return start >= 0 && body.startsWith(eofLine, start) && (start === 0 || body[start - 1] === "\n")
}

const sniff = (body: string): Format => {
  const start = skipWhite(body, 0)
  if (body[start] === "[" || (body[start] === "{" && opensObject(body, start))) return "flat-json"
  return endsInEof(body) ? "openmetrics" : "prometheus-text"
}

const warningFor = (
  contentType: string | undefined,
  declared: Format | undefined,
  format: Format
): string | undefined => {
  if (contentType === undefined) return `no Content-Type: the body was read as ${format}`
  return declared === format
    ? undefined
    : `Content-Type "${contentType.slice(0, 80)}", but the body was read as ${format}`
}

/**
 * Chooses the format of a body.
 *
 * Shape:  (body, contentType) -> { format, warning }; the warning says when header and body disagree.
 * Law:    linear; never throws.
 * Gotcha: OpenMetrics by header alone stays OpenMetrics: a body without `# EOF` is then a body cut short, and not text.
 * Gotcha: text/plain stays text, though it ends in `# EOF`: there it is a comment, and exporters that answer both kinds
 *         of client from one page write it.
 */
export const chooseFormat = (body: string, contentType: string | undefined): Choice => {
  const declared = contentType === undefined ? undefined : declaredFormat(mediaTypeOf(contentType))
  const sniffed = sniff(body)
  const trusted = declared !== undefined && declared !== "flat-json" && sniffed !== "flat-json"
  const format = trusted ? declared : sniffed
  return { format, warning: warningFor(contentType, declared, format) }
}

const htmlOpening = /^<(?:!doctype\s+html|!--|html|head|body|title|h1|p|div|pre|center)\b/i
const htmlOpeningLengthMax = 64

const markupName = (body: string, start: number): string => {
  const opening = body.slice(start, start + htmlOpeningLengthMax)
  return htmlOpening.test(opening) || opening.startsWith("<!--") ? "an HTML page" : "a page of XML or other markup"
}

// RFC 1952: 1f 8b, as a UTF-8 or a latin1 decoder leaves it.
const gzipMagics = ["\u001F\uFFFD", "\u001F\u008B"]

/**
 * Names a body that cannot be an exposition, whatever its lines are.
 *
 * Shape:  (body, contentType) -> reason, or undefined.
 */
export const foreignBody = (body: string, contentType: string | undefined): string | undefined => {
  if (body === "") return "the body is empty"
  const mediaType = mediaTypeOf(contentType ?? "")
  // Never offered in Accept; some exporters send it regardless.
  if (mediaType === "application/vnd.google.protobuf") return "a protobuf body, which is not read: ask for text"
  if (gzipMagics.some((magic) => body.startsWith(magic))) return "a gzip body that was not decompressed"
  const start = skipWhite(body, 0)
  return body[start] === "<" ? `${markupName(body, start)}, not an exposition` : undefined
}

export const isBlankBody = (body: string): boolean => skipWhite(body, 0) === body.length
