/**
 * The last lines of a container's log, for an alert: taken apart, scrubbed of what looks like a secret, clipped.
 *
 * Off by default: whoever reads the alert reads them, and no pattern finds every secret.
 */
import { clip, oneLine } from "./Container.ts"

/** A frame's head: the stream's number, three zeros, four bytes of length. Source: Engine API, attach, stream format. */
const headBytes = 8
/** A line that says more than this says it in its first part. */
const lineUnitsMax = 240

/** The text of a log as the engine sends it: framed, or raw where the container has a terminal. */
export const logText = (bytes: Uint8Array, tty: boolean): string => {
  const decoder = new TextDecoder()
  if (tty) return decoder.decode(bytes)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: Array<Uint8Array> = []
  let at = 0
  while (at + headBytes <= bytes.length) {
    // Bytes that are no frame: an engine or a gateway that sends it raw all the same.
    if ((bytes[at] ?? 0) > 2 || bytes[at + 1] !== 0 || bytes[at + 2] !== 0 || bytes[at + 3] !== 0)
      return decoder.decode(bytes)
    const length = view.getUint32(at + 4)
    parts.push(bytes.subarray(at + headBytes, at + headBytes + length))
    at += headBytes + length
  }
  return decoder.decode(concat(parts))
}

const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

const hidden = "[hidden]"

/** What follows such a word is a secret, whatever stands between them. */
const named =
  /((?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_ ]?key|access[-_ ]?key|private[-_ ]?key|credentials?|auth|session|cookie|dsn)["']?\s*(?:[:=]|\bis\b)\s*)("[^"]{0,200}"|'[^']{0,200}'|[^\s,;&]{1,200})/gi

/** Things that are secrets by their form. */
const shaped: ReadonlyArray<RegExp> = [
  /-----BEGIN[ A-Z]{0,40}PRIVATE KEY-----.*/g,
  /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\b(?:gh[pousr]|glpat|xox[abprs]|sk|pk|rk)[-_][A-Za-z0-9_-]{16,}/g,
  /\b\d{6,12}:[A-Za-z0-9_-]{30,}\b/g,
  /\b[A-Fa-f0-9]{40,}\b/g,
  /\b(?=[A-Za-z0-9+/_-]*\d)(?=[A-Za-z0-9+/_-]*[A-Z])(?=[A-Za-z0-9+/_-]*[a-z])[A-Za-z0-9+/_-]{40,}={0,2}/g
]

/** Hides what looks like a secret; what is left may still be one. */
export const scrub = (line: string): string => {
  const withoutUsers = line
    .replace(/([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/@]{1,200}@/gi, `$1${hidden}@`)
    .replace(/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi, `$1 ${hidden}`)
    .replace(named, `$1${hidden}`)
  return shaped.reduce((text, pattern) => text.replace(pattern, hidden), withoutUsers)
}

/** Colours and cursor movements of a terminal. */
// eslint-disable-next-line no-control-regex
const escapes = /\u001b\[[0-9;?]*[A-Za-z]/g

/** The last `count` lines, each on one line, scrubbed and clipped. */
export const lastLines = (text: string, count: number): ReadonlyArray<string> =>
  text
    .split(/\r?\n|\r/)
    .map((line) => oneLine(line.replace(escapes, "")))
    .filter((line) => line !== "")
    .slice(-count)
    .map((line) => clip(scrub(line.slice(0, 4_000)), lineUnitsMax))
