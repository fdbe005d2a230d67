/**
 * How a fake engine gives out what a container wrote: `GET /containers/<id>/logs`.
 *
 * A container without a terminal has its lines in frames of 8 bytes and a text; one with a terminal has one raw stream, its lines
 * ended as a terminal does. `follow` is not modelled: the answer ends with the last line there is.
 * Source: moby daemon/logs.go, pkg/stdcopy; texts and content types measured with 26.1.
 */
import { DateTime } from "effect"
import type { FakeContainer, FakeLogLine } from "./FakeEngineWorld.ts"

export type LogsAnswer =
  | { readonly _tag: "Logs"; readonly contentType: string; readonly bytes: Buffer }
  | { readonly _tag: "Refused"; readonly status: number; readonly message: string }

const multiplexedFrom = 42 // API 1.42: below it frames are called a raw stream too
const headerBytes = 8
const streams = { stdout: 1, stderr: 2 } as const
/** Those that can be read from, but for the copy that newer engines keep of the others' lines. */
const readableDrivers = ["json-file", "local", "journald"]

export const readLogs = (container: FakeContainer, query: string, minor: number): LogsAnswer => {
  const given = new URLSearchParams(query)
  const wanted = (["stdout", "stderr"] as const).filter((from) => isYes(given.get(from)))
  if (wanted.length === 0)
    return { _tag: "Refused", status: 400, message: "Bad parameters: you must choose at least one stream" }
  if (!readableDrivers.includes(container.logDriver))
    return { _tag: "Refused", status: 501, message: "configured logging driver does not support reading" }
  const sinceMs = Number(given.get("since") ?? 0) * 1_000
  const untilMs = Number(given.get("until") ?? 0) * 1_000
  const within = container.logs.filter((line) => line.atMs >= sinceMs && (untilMs === 0 || line.atMs <= untilMs))
  // The tail is cut off before the streams are told apart: it may have none of the one that is asked for.
  const bytes = tailOf(within, given.get("tail"))
    .filter((line) => container.tty || wanted.includes(line.from))
    .map((line) => writeLine(container.tty, line, isYes(given.get("timestamps"))))
  const raw = container.tty || minor < multiplexedFrom
  return {
    _tag: "Logs",
    contentType: `application/vnd.docker.${raw ? "raw" : "multiplexed"}-stream`,
    bytes: Buffer.concat(bytes)
  }
}

/** Source: moby api/server/httputils/form.go, BoolValue. */
const isYes = (text: string | null): boolean => !["", "0", "no", "false", "none"].includes((text ?? "").toLowerCase())

const tailOf = (lines: ReadonlyArray<FakeLogLine>, tail: string | null): ReadonlyArray<FakeLogLine> => {
  const count = /^\d+$/.test(tail ?? "") ? Number(tail) : lines.length
  return lines.slice(Math.max(0, lines.length - count))
}

const writeLine = (tty: boolean, { atMs, from, text }: FakeLogLine, timestamps: boolean): Buffer => {
  const stamp = timestamps
    ? `${DateTime.formatIso(DateTime.makeUnsafe(atMs)).replace(/(\.\d{3})Z$/, "$1000000Z")} `
    : ""
  const line = Buffer.from(`${stamp}${tty ? text.replace(/\r?\n$/, "\r\n") : text}`)
  if (tty) return line
  const header = Buffer.alloc(headerBytes)
  header.writeUInt8(streams[from], 0)
  header.writeUInt32BE(line.length, 4)
  return Buffer.concat([header, line])
}
