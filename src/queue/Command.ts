/**
 * What people write to the watchdog from a phone, and what it answers. Pure; `Phone.ts` hears, acts and speaks.
 */
import { Result } from "effect"
import { parseDurationMs } from "../base/Keys.ts"
import { matches } from "../base/Glob.ts"
import {
  type Rendering,
  type SignalSpec,
  type SignalState,
  blankEntry,
  durationText,
  iconOf
} from "../decision/index.ts"
import { cut, printable } from "../sink/Message.ts"
import type { SinkStanding } from "../status/StatusBoard.ts"
import { type Mute, coveredBy } from "./Mute.ts"

export type Command =
  | { readonly _tag: "Status" }
  | { readonly _tag: "Help" }
  | { readonly _tag: "Mute"; readonly pattern: string; readonly forMs: number }
  /** null: everything that is muted. */
  | { readonly _tag: "Unmute"; readonly pattern: string | null }
  /** Meant for us, but not to be understood. */
  | { readonly _tag: "Wrong"; readonly why: string }

const muteMinMs = 60_000
/** A week: who wants longer silences the signal where it is configured. */
const muteMaxMs = 7 * 86_400_000

/** What is longer than this is no command. */
const commandUnitsMax = 1_000
/** With so many lines of so many units an answer is one message: 18 signals, 5 mutes and 5 sinks are under 4,096 units. */
const linesMax = 18
const lineUnitsMax = 130
const idUnitsMax = 100
const namedMax = 5

export const helpText = [
  "/status – what is wrong now, what is muted, how the sinks are",
  "/mute <signal|all> <duration> – silence, from 1m to 7d; * stands for anything: /mute container:* 2h",
  "/unmute [signal|all] – ends a mute; without a name all of them",
  "/help – this"
].join("\n")

/**
 * Reads a message. undefined: not meant for us.
 *
 * `bot` is our own name without `@`: in a group a command may be addressed to one bot by it. What is not addressed at all is
 * answered only where it is one of ours, for in a group it may be meant for another bot.
 */
export const readCommand = (text: string, bot: string | null, isPrivate: boolean): Command | undefined => {
  if (text.length > commandUnitsMax) return undefined
  const match = /^\/([a-z0-9_]+)(?:@([a-z0-9_]+))?(?:\s+(.*))?$/isu.exec(text.trim())
  if (match === null) return isPrivate ? { _tag: "Help" } : undefined
  const [, name = "", to, rest = ""] = match
  if (to !== undefined && to.toLowerCase() !== bot?.toLowerCase()) return undefined
  const words = rest.trim().split(/\s+/).filter(Boolean)
  switch (name.toLowerCase()) {
    case "status":
      return { _tag: "Status" }
    case "mute":
      return readMute(words)
    case "unmute":
      return { _tag: "Unmute", pattern: words.length === 0 ? null : patternOf(words) }
    case "help":
    case "start":
      return { _tag: "Help" }
    default:
      return to === undefined && !isPrivate ? undefined : { _tag: "Wrong", why: `there is no /${name}\n\n${helpText}` }
  }
}

const patternOf = (words: ReadonlyArray<string>): string => {
  const pattern = words.join(" ")
  return pattern.toLowerCase() === "all" ? "*" : pattern
}

const readMute = (words: ReadonlyArray<string>): Command => {
  const usage = "for example: /mute container:api 1h, or /mute all 30m"
  if (words.length < 2) return { _tag: "Wrong", why: `what, and for how long? ${usage}` }
  const duration = words.at(-1) ?? ""
  const forMs = parseDurationMs(duration.toLowerCase())
  if (Result.isFailure(forMs) || forMs.success < muteMinMs || forMs.success > muteMaxMs) {
    return { _tag: "Wrong", why: `${shown(duration)} is not a duration from 1m to 7d; ${usage}` }
  }
  return { _tag: "Mute", pattern: patternOf(words.slice(0, -1)), forMs: forMs.success }
}

const shown = (text: string): string => cut(printable(text), idUnitsMax)

/* Answers */

/** A signal as its monitor knows it. */
export interface Watched {
  readonly spec: SignalSpec
  readonly state: SignalState | null
}

export interface View {
  readonly watched: ReadonlyArray<Watched>
  readonly sinks: ReadonlyArray<Pick<SinkStanding, "name" | "red" | "problem" | "waiting">>
  readonly mutes: ReadonlyArray<Mute>
  readonly rendering: Rendering
}

/** `1 signal`, `2 signals`. */
export const countText = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

/** Every id that can be muted: signals, and the sinks' own. */
export const idsOf = ({ watched, sinks }: Pick<View, "watched" | "sinks">): ReadonlyArray<string> => [
  ...watched.map(({ spec }) => spec.signal),
  ...sinks.map(({ name }) => `sink:${name}`)
]

/** What a pattern means now; undefined if it means nothing that is known. */
export const covered = (pattern: string, ids: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
  const found = ids.filter((id) => matches(pattern, id))
  return pattern === "*" || found.length > 0 ? found : undefined
}

export const unknownText = (pattern: string, ids: ReadonlyArray<string>): string => {
  const near = nearest(pattern, ids)
  const said = `there is no signal ${shown(pattern)}`
  return near.length === 0 ? `${said}; /status names those that are active` : `${said}; near it: ${near.join(", ")}`
}

/** Pairs of neighbouring characters, by which two names are alike. */
const pairs = (text: string): ReadonlyArray<string> =>
  Array.from({ length: Math.max(0, text.length - 1) }, (_, at) => text.slice(at, at + 2))

/** From 0 to 1, as Dice has it; a name that holds the other whole counts as near. */
const likeness = (a: string, b: string): number => {
  if (a !== "" && b.includes(a)) return 1
  const [left, right] = [pairs(a), new Set(pairs(b))]
  return left.length === 0 ? 0 : (2 * left.filter((pair) => right.has(pair)).length) / (left.length + right.size)
}

const nearEnough = 0.4

const nearest = (pattern: string, ids: ReadonlyArray<string>): ReadonlyArray<string> => {
  const wanted = pattern.toLowerCase().replaceAll("*", "")
  return ids
    .map((id) => ({ id, like: likeness(wanted, id.toLowerCase()) }))
    .filter(({ like }) => like >= nearEnough)
    .sort((a, b) => b.like - a.like || (a.id < b.id ? -1 : 1))
    .slice(0, namedMax)
    .map(({ id }) => shown(id))
}

const untilText = (mute: Mute, to: Rendering): string =>
  `until ${to.timeText(mute.untilMs)} (${durationText(mute.untilMs - to.nowMs)})`

const nameOf = (pattern: string): string => (pattern === "*" ? "everything" : shown(pattern))

export const mutedText = (mute: Mute, means: ReadonlyArray<string>, to: Rendering): string => {
  const what = mute.pattern === "*" || !mute.pattern.includes("*") ? "" : ` (${countText(means.length, "signal")} now)`
  return `${nameOf(mute.pattern)} is muted ${untilText(mute, to)}${what}. What comes and goes meanwhile is listed at its end.`
}

export const unmutedText = (
  pattern: string | null,
  ended: ReadonlyArray<Mute>,
  left: ReadonlyArray<Mute>,
  to: Rendering
): string => {
  const still = left.length === 0 ? "" : `\nstill muted:\n${limited(left.map((mute) => muteLine(mute, to)))}`
  if (ended.length > 0) return `no longer muted: ${ended.map((mute) => nameOf(mute.pattern)).join(", ")}${still}`
  return pattern === null ? "nothing was muted" : `no mute of ${nameOf(pattern)}${still}`
}

const muteLine = (mute: Mute, to: Rendering): string =>
  `${nameOf(mute.pattern)} ${untilText(mute, to)}, by ${shown(mute.by)}`

const limited = (lines: ReadonlyArray<string>, most = linesMax): string =>
  [
    ...lines.slice(0, most).map((line) => cut(line, lineUnitsMax)),
    ...(lines.length > most ? [`… and ${lines.length - most} more`] : [])
  ].join("\n")

/** Everything at a glance, within one message: counts, what is active (worst and oldest first), mutes, sinks. */
export const statusText = ({ watched, sinks, mutes, rendering }: View): string => {
  const bad = watched.flatMap(({ spec, state }) => (state?.active === true || state?.flapping ? [{ spec, state }] : []))
  const unknown = watched.filter(({ state }) => state !== null && state.unknownSinceMs !== null).length
  const clear = watched.length - bad.length
  const counts = [
    bad.length === 0 ? "nothing is wrong" : `${bad.length} active`,
    `${clear} clear`,
    ...(unknown > 0 ? [`${unknown} not seen lately`] : [])
  ]
  const worst = [...bad].sort(
    (a, b) =>
      Number(a.spec.severity !== "critical") - Number(b.spec.severity !== "critical") ||
      a.state.sinceMs - b.state.sinceMs
  )
  const lines = worst.map(({ spec, state }) => {
    const icon = state.flapping === null ? iconOf(blankEntry("alert", spec.signal, spec.severity)) : "〰️"
    const since = `since ${rendering.timeText(state.sinceMs)} (${durationText(rendering.nowMs - state.sinceMs)})`
    const muted = coveredBy(mutes, spec.signal) === undefined ? "" : " 🔕"
    return printable(`${icon} ${shown(spec.signal)}${muted} ${since}: ${state.evidence.summary}`).replaceAll("\n", " ")
  })
  const sinkLines = sinks.map(({ name, problem, waiting }) => {
    const waits = waiting > 0 ? `, ${waiting} waiting` : ""
    return printable(`${name}: ${problem === null ? "works" : problem}${waits}`).replaceAll("\n", " ")
  })
  return [
    `${counts.join(", ")} · ${rendering.host}`,
    ...(lines.length > 0 ? [limited(lines)] : []),
    ...(mutes.length > 0
      ? [
          `muted:\n${limited(
            mutes.map((mute) => muteLine(mute, rendering)),
            namedMax
          )}`
        ]
      : []),
    `sinks:\n${limited(sinkLines, namedMax)}`
  ].join("\n\n")
}
