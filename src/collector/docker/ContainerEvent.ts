/** One line of the engine's event stream, as far as it concerns a container. */
import { Option, Schema } from "effect"
import type { ListItem } from "./Container.ts"

/** What is asked for. `health_status` makes the engine match all of these by prefix, so what is not listed here is ignored. */
export const actions = [
  "start",
  "die",
  "kill",
  "oom",
  "stop",
  "health_status",
  "pause",
  "unpause",
  "destroy",
  "remove"
] as const
export type Action = (typeof actions)[number]

const Message = Schema.Struct({
  Type: Schema.optionalKey(Schema.String),
  Action: Schema.String,
  /** Podman's dialect has the health here, the engine behind a colon in Action. */
  HealthStatus: Schema.optionalKey(Schema.NullOr(Schema.String)),
  Actor: Schema.Struct({
    ID: Schema.String.check(Schema.isPattern(/^[0-9a-f]{12,64}$/)),
    Attributes: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown)))
  })
})

export interface ContainerEvent {
  readonly action: Action
  readonly id: string
  /** Name, image and labels, as a list item would have them; its state is what the event makes of it. */
  readonly item: ListItem
  readonly exitCode: number | null
  readonly signal: string | null
  readonly health: string | null
}

const decodeMessage = Schema.decodeUnknownOption(Schema.fromJsonString(Message))

/** Before each event of `application/json-seq`. Source: RFC 7464. */
const recordSeparator = "\u001e"

const stateAfter = (action: Action, exitCode: number | null): Pick<ListItem, "State" | "Status"> => {
  switch (action) {
    case "die":
      return { State: "exited", Status: `Exited (${exitCode ?? 0}) Less than a second ago` }
    case "pause":
      return { State: "paused", Status: "Up Less than a second (Paused)" }
    default:
      return { State: "running", Status: "Up Less than a second" }
  }
}

/** Undefined for a line that is no event of ours; one odd line never costs the next. */
export const decodeEvent = (line: string): ContainerEvent | undefined => {
  const message = Option.getOrUndefined(decodeMessage(line.startsWith(recordSeparator) ? line.slice(1) : line))
  if (message === undefined || (message.Type !== undefined && message.Type !== "container")) return undefined
  const [name = "", detail] = message.Action.split(/:\s*/, 2)
  const action = actions.find((one) => one === name)
  if (action === undefined) return undefined
  const attributes = message.Actor.Attributes ?? {}
  const text = (key: string): string | null => {
    const value = Object.hasOwn(attributes, key) ? attributes[key] : undefined
    return typeof value === "string" ? value : null
  }
  const code = text("exitCode") ?? text("containerExitCode")
  const exitCode = code !== null && /^-?\d{1,10}$/.test(code) ? Number(code) : null
  return {
    action,
    id: message.Actor.ID,
    item: {
      Id: message.Actor.ID,
      Names: [text("name") ?? message.Actor.ID.slice(0, 12)],
      Image: text("image"),
      Labels: attributes,
      ...stateAfter(action, exitCode)
    },
    exitCode,
    signal: text("signal"),
    health: message.HealthStatus ?? detail ?? null
  }
}

/** Whether this signal asks a container to end: then its death is meant. A KILL alone does not ask. */
export const isIntent = (signal: string | null, stopSignal: string | null): boolean => {
  if (signal === null) return false
  const sent = signalNumber(signal)
  return asking.has(sent) || (stopSignal !== null && sent === signalNumber(stopSignal))
}

const asking: ReadonlySet<string> = new Set(["2", "3", "15"])

export const isKill = (signal: string | null): boolean => signal !== null && signalNumber(signal) === "9"

/** The stop signals that images use, by number; a name that is not here stands for itself. Source: signal(7), x86 and ARM. */
const numbers: Readonly<Record<string, string>> = {
  HUP: "1",
  INT: "2",
  QUIT: "3",
  KILL: "9",
  USR1: "10",
  USR2: "12",
  TERM: "15",
  WINCH: "28",
  PWR: "30",
  "RTMIN+3": "37"
}

const signalNumber = (signal: string): string => {
  const name = signal.toUpperCase().replace(/^SIG/, "")
  return Object.hasOwn(numbers, name) ? (numbers[name] ?? name) : name
}
