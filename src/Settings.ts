/**
 * The environment, read and checked as a whole.
 *
 * Keys are declared beside what uses them and gathered here from the catalogues. Everything that is wrong is reported at once,
 * by name, never with a secret's value.
 */
import * as fs from "node:fs"
import { Effect, Layer, Result, Schema } from "effect"
import * as Keys from "./base/Keys.ts"
import { readProxy } from "./base/Proxy.ts"
import * as StateFile from "./base/StateFile.ts"
import * as Cadence from "./collector/Cadence.ts"
import * as collectors from "./collector/index.ts"
import * as Maintenance from "./queue/Maintenance.ts"
import * as Notice from "./queue/Notice.ts"
import * as Phone from "./queue/Phone.ts"
import * as Rendering from "./queue/Rendering.ts"
import * as sinks from "./sink/index.ts"
import * as Telegram from "./sink/Telegram.ts"
import * as Heartbeat from "./status/Heartbeat.ts"
import * as Journal from "./status/Journal.ts"
import * as StatusServer from "./status/StatusServer.ts"

export const enabledKey = Keys.boolean("WATCHDOG_ENABLED", {
  about: "false makes the watchdog inert: up, and doing nothing at all",
  fallback: true
})

/** Every key there is, in the order of the documentation. */
export const allKeys: ReadonlyArray<Keys.AnyKey> = [
  enabledKey,
  ...Object.values(Cadence.keys),
  ...Object.values(collectors).map((module) => module.entry.interval),
  ...Object.values(collectors).flatMap((module) => Object.values(module.entry.keys)),
  ...Object.values(Rendering.keys),
  ...Object.values(sinks).flatMap((module) => Object.values(module.entry.keys)),
  ...Object.values(Phone.keys),
  ...Object.values(Maintenance.keys),
  ...Object.values(Heartbeat.keys),
  ...Object.values(Notice.keys),
  ...Object.values(StateFile.keys),
  ...Object.values(StatusServer.keys),
  ...Object.values(Journal.keys)
]

export class SettingsError extends Schema.TaggedError<SettingsError>()("SettingsError", {
  problems: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return this.problems.join("\n")
  }
}

export type Environment = Readonly<Record<string, string | undefined>>
export type ReadFile = (path: string) => string

const prefix = "WATCHDOG_"
/** systemd's own, for services of `Type=notify`. */
const ignored = new Set(["WATCHDOG_USEC", "WATCHDOG_PID"])
/** A secret file larger than this is not one, unless its key says so. */
const secretUnitsMax = 4_096

/**
 * Reads the environment. Fails: SettingsError with every problem. An empty value counts as unset; `<KEY>_FILE` names a file that
 * holds a secret's value.
 */
export const readSettings = (
  environment: Environment,
  readFile: ReadFile = (path) => fs.readFileSync(path, "utf8")
): Effect.Effect<Keys.Settings["Service"], SettingsError> =>
  Effect.suspend(() => {
    const problems: Array<string> = [...unknownNames(environment)]
    const values = new Map<string, unknown>()
    for (const key of allKeys) {
      const raw = rawValue(key, environment, readFile)
      if (Result.isFailure(raw)) problems.push(raw.failure)
      else if (raw.success !== undefined) {
        const parsed = key.parse(raw.success)
        if (Result.isSuccess(parsed)) values.set(key.name, parsed.success)
        else problems.push(`${key.name}: ${shown(key, raw.success)} is not ${parsed.failure}`)
      }
    }
    const proxy = readProxy(environment)
    for (const [name, value] of proxy.values) values.set(name, value)
    // A proxy that nobody would use is nobody's business: other programs may read more of it than we do.
    if (tellsPeople(environment)) problems.push(...proxy.problems)
    const settings: Keys.Settings["Service"] = {
      get: <A>(key: Keys.Key<A>): A => (values.has(key.name) ? (values.get(key.name) as A) : key.fallback),
      isSet: (key) => values.has(key.name),
      origin: (key) => (values.has(key.name) ? originOf(key, environment) : "default")
    }
    // Contradictions are looked for with defaults in the place of bad values, so that all problems come at once.
    problems.push(...contradictions(settings, environment))
    return problems.length === 0
      ? Effect.succeed(settings)
      : Effect.fail(new SettingsError({ problems: [...new Set(problems)] }))
  })

export const layer = (settings: Keys.Settings["Service"]): Layer.Layer<Keys.Settings> =>
  Layer.succeed(Keys.Settings, settings)

const originOf = (key: Keys.AnyKey, environment: Environment): string => {
  const file = key.secret ? environment[`${key.name}_FILE`]?.trim() : undefined
  return file === undefined || file === "" ? "environment" : `file ${file}`
}

const shown = (key: Keys.AnyKey, raw: string): string =>
  key.secret ? "its value (not shown)" : JSON.stringify(raw.slice(0, 200))

const rawValue = (
  key: Keys.AnyKey,
  environment: Environment,
  readFile: ReadFile
): Result.Result<string | undefined, string> => {
  const plain = environment[key.name]?.trim()
  const file = key.secret ? environment[`${key.name}_FILE`]?.trim() : undefined
  if (file === undefined || file === "") return Result.succeed(plain === "" ? undefined : plain)
  if (plain !== undefined && plain !== "") return Result.fail(`${key.name} and ${key.name}_FILE are both set: set one`)
  return Result.try({
    try: () => readFile(file).trim(),
    catch: (cause) =>
      `${key.name}_FILE: cannot read ${JSON.stringify(file)}: ${(cause as NodeJS.ErrnoException).code ?? "unknown error"}`
  }).pipe(
    Result.flatMap((found) =>
      found === "" || found.length > (key.fileUnitsMax ?? secretUnitsMax)
        ? Result.fail(
            `${key.name}_FILE: ${JSON.stringify(file)} is ${found === "" ? "empty" : key.fileUnitsMax === undefined ? "too long to be a secret" : "too long"}`
          )
        : Result.succeed(found)
    )
  )
}

const contradictions = (settings: Keys.Settings["Service"], environment: Environment): ReadonlyArray<string> => [
  ...Object.values(collectors).flatMap((module) => Cadence.contradictions(settings, module.entry.interval)),
  ...(mentions(environment, collectors.Orchestrator.keys.url) ? [] : collectors.Orchestrator.contradictions(settings)),
  ...(mentions(environment, Telegram.keys.token) && mentions(environment, Telegram.keys.chat)
    ? []
    : Telegram.contradictions(settings)),
  // A bad value was reported: what would follow from its absence is no news.
  ...([sinks.Webhook.keys.url, sinks.FallbackWebhook.keys.url].some(
    (key) => mentions(environment, key) && !settings.isSet(key)
  )
    ? []
    : sinks.FallbackWebhook.contradictions(settings)),
  ...([Telegram.keys.token, Phone.keys.users].some((key) => mentions(environment, key) && !settings.isSet(key))
    ? []
    : Phone.contradictions(settings))
]

/** Whether anything is to go out to people, and so by a proxy. */
const tellsPeople = (environment: Environment): boolean =>
  [...Object.values(sinks).flatMap((module) => Object.values(module.entry.keys)), Heartbeat.keys.url].some((key) =>
    mentions(environment, key)
  )

const mentions = (environment: Environment, key: Keys.AnyKey): boolean =>
  [key.name, `${key.name}_FILE`].some((name) => (environment[name] ?? "").trim() !== "")

const unknownNames = (environment: Environment): ReadonlyArray<string> => {
  const known = new Set(allKeys.flatMap((key) => (key.secret ? [key.name, `${key.name}_FILE`] : [key.name])))
  return Object.keys(environment)
    .filter((name) => name.startsWith(prefix) && !known.has(name) && !ignored.has(name))
    .sort()
    .map((name) => {
      const near = nearest(name, known)
      return `${name}: there is no such setting${near === undefined ? "" : `; did you mean ${near}?`}`
    })
}

/** The known name with the fewest edits, if there are few enough for a slip of the fingers. */
const nearest = (name: string, known: ReadonlySet<string>): string | undefined => {
  const [best] = [...known]
    .map((candidate) => ({ candidate, edits: editDistance(name.slice(prefix.length), candidate.slice(prefix.length)) }))
    .sort((a, b) => a.edits - b.edits)
  return best !== undefined && best.edits <= Math.max(3, Math.floor(best.candidate.length / 4))
    ? best.candidate
    : undefined
}

/** Levenshtein's distance, one row at a time. */
export const editDistance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substituted))
    }
    row = next
  }
  return row[b.length] ?? 0
}
