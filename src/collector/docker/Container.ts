/**
 * One container: what the engine says of it, read tolerantly; what state that is; whether that is an alarm.
 *
 * Everything here is pure. Names, labels, images and outputs are hostile input; `Env` is never decoded.
 */
import type { Option } from "effect"
import { Schema } from "effect"
import type { Evidence } from "../../decision/index.ts"

const NullableText = Schema.optionalKey(Schema.NullOr(Schema.String))

/** An item of `GET /containers/json`. Unknown fields are ignored; later engines add some, and change others' types. */
export const ListItem = Schema.Struct({
  Id: Schema.String.check(Schema.isPattern(/^[0-9a-f]{12,64}$/)),
  Names: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  Image: NullableText,
  State: Schema.String,
  Status: NullableText,
  Labels: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown)))
})
export type ListItem = typeof ListItem.Type

export const decodeListItem: (input: unknown) => Option.Option<ListItem> = Schema.decodeUnknownOption(ListItem)

const Health = Schema.Struct({
  Status: NullableText,
  FailingStreak: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
  Log: Schema.optionalKey(
    Schema.NullOr(
      Schema.Array(
        Schema.Struct({ Start: NullableText, ExitCode: Schema.optionalKey(Schema.Finite), Output: NullableText })
      )
    )
  )
})

/** `GET /containers/<id>/json`, as far as it matters. */
export const InspectDocument = Schema.Struct({
  RestartCount: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
  State: Schema.Struct({
    Status: NullableText,
    Running: Schema.optionalKey(Schema.Boolean),
    Paused: Schema.optionalKey(Schema.Boolean),
    Restarting: Schema.optionalKey(Schema.Boolean),
    OOMKilled: Schema.optionalKey(Schema.Boolean),
    Dead: Schema.optionalKey(Schema.Boolean),
    ExitCode: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
    Error: NullableText,
    StartedAt: NullableText,
    FinishedAt: NullableText,
    Health: Schema.optionalKey(Schema.NullOr(Health))
  }),
  Config: Schema.optionalKey(
    Schema.NullOr(
      Schema.Struct({
        StopSignal: NullableText,
        StopTimeout: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
        Tty: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
        /** Spans in nanoseconds; 0 is the engine's default. */
        Healthcheck: Schema.optionalKey(
          Schema.NullOr(
            Schema.Struct({
              Interval: Schema.optionalKey(Schema.Finite),
              Timeout: Schema.optionalKey(Schema.Finite),
              Retries: Schema.optionalKey(Schema.Finite)
            })
          )
        )
      })
    )
  ),
  HostConfig: Schema.optionalKey(
    Schema.NullOr(
      Schema.Struct({
        RestartPolicy: Schema.optionalKey(
          Schema.NullOr(
            Schema.Struct({ Name: NullableText, MaximumRetryCount: Schema.optionalKey(Schema.NullOr(Schema.Finite)) })
          )
        )
      })
    )
  )
})
export type InspectDocument = typeof InspectDocument.Type

export const decodeInspect: (input: unknown) => Option.Option<InspectDocument> =
  Schema.decodeUnknownOption(InspectDocument)

/* Identity */

export interface Identity {
  /** The same for a container and the one that replaces it. */
  readonly key: string
  /** What people call it: its name, without compose's temporary prefix. */
  readonly name: string
  readonly service: string | null
  /** Compose has made it to take its predecessor's place and has not renamed it yet. */
  readonly replacement: boolean
  /** `docker compose run`: not part of the stack. */
  readonly oneOff: boolean
}

const label = (item: ListItem, name: string): string | null => {
  const value = item.Labels && Object.hasOwn(item.Labels, name) ? item.Labels[name] : undefined
  return typeof value === "string" ? value : null
}

/** Names may hold those of links (`/web/db`): the container's own has one slash. */
const ownName = (item: ListItem): string => {
  const names = (item.Names ?? []).map((name) => name.replace(/^\//, ""))
  return names.find((name) => !name.includes("/")) ?? names[0] ?? item.Id.slice(0, 12)
}

/** Compose recreates under `<id12>_<name>`, labelled; the label stays for ever, so the name decides. */
const temporaryName = /^[0-9a-f]{12}_(.+)$/

export const identify = (item: ListItem): Identity => {
  const name = ownName(item)
  const temporary = label(item, "com.docker.compose.replace") === null ? null : temporaryName.exec(name)
  const project = label(item, "com.docker.compose.project")
  const service = label(item, "com.docker.compose.service")
  const canonical = temporary?.[1] ?? name
  return {
    key:
      project !== null && service !== null
        ? `compose ${project} ${service} ${label(item, "com.docker.compose.container-number") ?? "1"}`
        : `name ${canonical}`,
    name: canonical,
    service,
    replacement: temporary !== null,
    oneOff: /^true$/i.test(label(item, "com.docker.compose.oneoff") ?? "")
  }
}

/* State */

export type HealthState = "none" | "starting" | "healthy" | "unhealthy"

export type ContainerState =
  | { readonly _tag: "Running"; readonly health: HealthState; readonly check: string | null }
  | { readonly _tag: "Paused" }
  | { readonly _tag: "Restarting"; readonly exitCode: number | null; readonly oom: boolean }
  | { readonly _tag: "Exited"; readonly exitCode: number | null; readonly oom: boolean; readonly error: string | null }
  /** Made and never started: a port was taken, a mount is missing. */
  | { readonly _tag: "Created"; readonly error: string | null }
  | { readonly _tag: "Removing" }
  | { readonly _tag: "Dead"; readonly error: string | null }
  /** Required, and not there at all. */
  | { readonly _tag: "Missing" }
  | { readonly _tag: "Unknown"; readonly text: string }

const exitCodeIn = (status: string): number | null => {
  const found = /^(?:Exited|Restarting|Exit) \(?(-?\d+)\)?/i.exec(status)?.[1]
  return found === undefined ? null : Number(found)
}

const healthIn = (status: string): HealthState => {
  if (status.includes("(healthy)")) return "healthy"
  if (status.includes("(unhealthy)")) return "unhealthy"
  return status.includes("(health: starting)") || status.includes("(starting)") ? "starting" : "none"
}

/** Podman has further words for it (`stopped`, `reset`): nothing that a check has said. */
const healthOf = (item: ListItem, inspected: InspectDocument | null): HealthState => {
  const listed = healthIn(item.Status ?? "")
  const said = inspected?.State.Health?.Status
  if (listed !== "none" || said === undefined) return listed
  return said === "healthy" || said === "unhealthy" || said === "starting" ? said : "none"
}

const textOrNull = (text: string | null | undefined): string | null =>
  text === undefined || text === null || text === "" ? null : text

/**
 * What state a container is in.
 *
 * The list says which (an inspect may already show the next one); the inspect adds what the list lacks. `Running` with
 * `Restarting` or `Paused` are not exclusive in the engine, which the list's own word has sorted out.
 * Health counts only while running: the engine calls a container unhealthy on exit and on pause.
 */
export const classifyContainer = (item: ListItem, inspected: InspectDocument | null): ContainerState => {
  const status = item.Status ?? ""
  const state = inspected?.State
  const exitCode = exitCodeIn(status) ?? state?.ExitCode ?? null
  const error = textOrNull(state?.Error)
  // The flag means that some process in it was killed since its start: one that ended with 0 did not die of it.
  // The flag says that some process of it was killed so since its start; who ends by 0 or by a stop's SIGTERM did not die of it.
  const oom = state?.OOMKilled === true && exitCode !== 0 && exitCode !== exitBySigterm
  switch (item.State.toLowerCase()) {
    case "running":
      return /\(paused\)/i.test(status)
        ? { _tag: "Paused" }
        : { _tag: "Running", health: healthOf(item, inspected), check: lastCheck(inspected) }
    case "paused":
      return { _tag: "Paused" }
    case "restarting":
      return { _tag: "Restarting", exitCode, oom }
    case "exited":
    case "stopped":
      return { _tag: "Exited", exitCode, oom, error }
    case "created":
    case "configured":
      return { _tag: "Created", error }
    case "removing":
    case "stopping":
      return { _tag: "Removing" }
    case "dead":
      return { _tag: "Dead", error }
    default:
      return { _tag: "Unknown", text: item.State }
  }
}

/** The last health check's output, on one line. */
const lastCheck = (inspected: InspectDocument | null): string | null => {
  const last = inspected?.State.Health?.Log?.at(-1)
  const output = textOrNull(last?.Output?.trim())
  return output === null ? null : clip(oneLine(output), 300)
}

/* Alarm */

export interface Circumstances {
  /** Someone counts on it: required, a restart policy other than `no`, or seen running by this process. */
  readonly expected: boolean
  /** Starts within the last minute, and whether that is a restart loop. */
  readonly starts: number
  readonly looping: boolean
  /** Why not-running and missing looks are held now (deploy grace); null if they are not. */
  readonly grace: string | null
  /** Why "unhealthy" is not taken for its check's word now; null or left out if it is. */
  readonly doubt?: string | null
  /** What is known besides: image, restart count. Lines for the alert. */
  readonly context: ReadonlyArray<string>
}

export type ContainerVerdict =
  | { readonly _tag: "Clear"; readonly evidence: Evidence }
  /** At rest, and nobody expects it to run: shown, clear. */
  | { readonly _tag: "Idle"; readonly evidence: Evidence }
  | { readonly _tag: "Held"; readonly reason: string }
  /** `confirmed`: a fact the engine has recorded, not a sample. */
  | { readonly _tag: "Active"; readonly confirmed: boolean; readonly evidence: Evidence }

const exitBySigterm = 143

const signals: Readonly<Record<number, string>> = {
  130: "SIGINT",
  132: "SIGILL",
  133: "SIGTRAP",
  134: "SIGABRT, an abort",
  135: "SIGBUS",
  136: "SIGFPE",
  137: "SIGKILL",
  139: "SIGSEGV, a segmentation fault",
  141: "SIGPIPE",
  143: "SIGTERM"
}

const codes: Readonly<Record<number, string>> = {
  125: "the engine could not run it",
  126: "its command cannot be executed",
  127: "its command was not found",
  255: "unknown: the engine lost track of it"
}

/** An exit code with its meaning. 137 is a SIGKILL, from whom is not known: out of memory is said only by the engine's flag. */
export const exitText = (code: number | null): string => {
  if (code === null) return "exited, code unknown"
  const meaning = signals[code] ?? codes[code]
  return meaning === undefined ? `exited with code ${code}` : `exited with code ${code} (${meaning})`
}

const active = (summary: string, details: ReadonlyArray<string>, confirmed = false): ContainerVerdict => ({
  _tag: "Active",
  confirmed,
  evidence: { summary, details }
})

const atRest = (
  is: Circumstances,
  summary: string,
  details: ReadonlyArray<string>,
  confirmed = false
): ContainerVerdict => {
  if (!is.expected) return { _tag: "Idle", evidence: { summary: `idle: ${summary}`, details } }
  if (is.grace !== null) return { _tag: "Held", reason: `${summary}; ${is.grace}` }
  return active(summary, [...details, ...is.context], confirmed)
}

const errorLines = (error: string | null): ReadonlyArray<string> =>
  error === null ? [] : [`engine: ${clip(oneLine(error), 300)}`]

const endText = (exitCode: number | null, oom: boolean): string =>
  oom ? `killed: out of memory (${exitText(exitCode)})` : exitText(exitCode)

const loop = (is: Circumstances, state: ContainerState): ContainerVerdict => {
  const ended = state._tag === "Restarting" || state._tag === "Exited" ? state : { exitCode: null, oom: false }
  return active(loopText(is, ended), is.context, ended.oom)
}

export const loopText = (
  is: Pick<Circumstances, "starts" | "looping">,
  ended: { readonly exitCode: number | null; readonly oom: boolean }
): string => {
  const last = ended.exitCode === null ? "" : `, last ${endText(ended.exitCode, ended.oom)}`
  if (!is.looping || is.starts === 0) return `restarting${last}`
  return `restart loop: ${is.starts} ${is.starts === 1 ? "start" : "starts"} in the last minute${last}`
}

/**
 * Whether a container's state is an alarm.
 *
 * Departs from "everything but running or healthy alarms" where that would wake people for nothing: what is at rest and not
 * expected is idle; a stop within a deploy's grace is held; a health check that has not answered yet is held; a state this
 * code does not know alarms only where the container is expected to run.
 */
export const containerAlarm = (state: ContainerState, is: Circumstances): ContainerVerdict => {
  if (is.looping) return loop(is, state)
  switch (state._tag) {
    case "Running":
      return running(state.health, state.check, is)
    case "Restarting":
      return loop(is, state)
    case "Exited":
      return atRest(is, endText(state.exitCode, state.oom), errorLines(state.error), state.oom)
    case "Created":
      return atRest(is, "created but never started", errorLines(state.error))
    case "Paused":
      return atRest(is, "paused", [])
    case "Dead":
      return atRest(is, "dead: the engine failed to remove it", errorLines(state.error))
    case "Missing":
      return atRest(is, "missing: there is no such container", [])
    case "Removing":
      return { _tag: "Held", reason: "being removed" }
    case "Unknown":
      return atRest(is, `in a state unknown to the watchdog: ${clip(oneLine(state.text), 60)}`, [])
  }
}

const running = (health: HealthState, check: string | null, is: Circumstances): ContainerVerdict => {
  switch (health) {
    case "unhealthy":
      if (is.doubt !== undefined && is.doubt !== null) return { _tag: "Held", reason: is.doubt }
      return active("running but unhealthy", [...(check === null ? [] : [`last check: ${check}`]), ...is.context])
    case "starting":
      return { _tag: "Held", reason: "running; its health check has not answered yet" }
    case "healthy":
      return { _tag: "Clear", evidence: { summary: "running, healthy", details: [] } }
    case "none":
      return { _tag: "Clear", evidence: { summary: "running", details: [] } }
  }
}

/* Text */

/** Control characters and line breaks become spaces. */
export const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim()

/** At most so many UTF-16 units; a pair of surrogates is kept or dropped whole. */
export const clip = (text: string, unitsMax: number): string =>
  text.length <= unitsMax ? text : `${text.slice(0, unitsMax - 1).replace(/[\uD800-\uDBFF]$/, "")}…`

const spans: ReadonlyArray<readonly [RegExp, number, number]> = [
  [/^Less than a second/, 0, 1_000],
  [/^About a minute/, 0, 120_000],
  [/^About an hour/, 0, 90 * 60_000],
  [/^(\d+) seconds?/, 1_000, 1_000],
  [/^(\d+) minutes?/, 60_000, 60_000],
  [/^(\d+) hours?/, 3_600_000, 1_800_000]
]

/**
 * At most how long a container has been up, in milliseconds, from `Up 3 seconds`; infinite where the text is coarser than hours.
 * Source: docker/go-units HumanDuration, which rounds down (hours: to the nearest).
 */
export const uptimeMaxMs = (status: string): number => {
  const text = /^Up (.*)$/.exec(status)?.[1]
  if (text === undefined) return Number.POSITIVE_INFINITY
  for (const [pattern, unitMs, slackMs] of spans) {
    const match = pattern.exec(text)
    if (match !== null) return Number(match[1] ?? 0) * unitMs + slackMs
  }
  return Number.POSITIVE_INFINITY
}
