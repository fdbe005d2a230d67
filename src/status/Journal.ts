/**
 * The journal: one JSON line on standard output for each change of an observation, each decision, each delivery.
 *
 * Enough to rebuild every tick's verdict afterwards. Ages and moments are monotonic milliseconds of one run, tied to wall time
 * by the `run` line at the start. It is not a log: no level hides it.
 */
import { Clock, Context, DateTime, Effect, Layer, Logger, References } from "effect"
import { monotonicMs } from "../base/Monotonic.ts"
import { Output } from "../base/Output.ts"
import * as Keys from "../base/Keys.ts"

export const keys = {
  level: Keys.oneOf("WATCHDOG_LOG_LEVEL", {
    about: "least level of log lines; the journal itself is always written",
    fallback: "info",
    of: ["debug", "info", "warn", "error"] as const
  }),
  format: Keys.oneOf("WATCHDOG_LOG_FORMAT", {
    about: "json, or pretty for people",
    fallback: "auto",
    fallbackText: "json (pretty on a terminal)",
    of: ["auto", "json", "pretty"] as const
  })
}

export type Fields = Readonly<Record<string, unknown>>

export class Journal extends Context.Service<
  Journal,
  {
    readonly runId: string
    readonly write: (event: string, fields: Fields) => Effect.Effect<void>
  }
>()("watchdog/status/Journal") {
  static readonly layer = (runId: string): Layer.Layer<Journal, never, Output | Keys.Settings> =>
    Layer.effect(
      Journal,
      Effect.gen(function* () {
        const line = yield* lineWriter
        return Journal.of({
          runId,
          write: (event, fields) =>
            Effect.flatMap(monotonicMs, (atMs) => line({ event, run: runId, atMs: Math.round(atMs), ...fields }))
        })
      })
    )
}

type Write = (fields: Fields) => Effect.Effect<void>

const lineWriter: Effect.Effect<Write, never, Output | Keys.Settings> = Effect.gen(function* () {
  const output = yield* Output
  const pretty = isPretty(yield* Keys.Settings, output.terminal)
  return (fields) =>
    Effect.flatMap(Clock.currentTimeMillis, (wallMs) =>
      pretty ? prettyLine(output, wallMs, fields) : output.out(jsonLine(wallMs, fields))
    )
})

const isPretty = (settings: Keys.Settings["Service"], terminal: boolean): boolean => {
  const format = settings.get(keys.format)
  return format === "pretty" || (format === "auto" && terminal)
}

/** ISO 8601 in UTC, from milliseconds since 1970. */
export const isoTime = (wallMs: number): string => DateTime.formatIso(DateTime.makeUnsafe(wallMs))

const jsonLine = (wallMs: number, fields: Fields): string => JSON.stringify({ time: isoTime(wallMs), ...fields })

/** For people only what they would ask for: each observation belongs to the journal, the alerts to the console. */
const quietEvents = new Set([
  "run",
  "ticks",
  "observation",
  "again",
  "absent",
  "inherited",
  "retired",
  "decision",
  "delivery"
])

const textOf = (value: unknown): string =>
  value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value)

const prettyLine = (output: Output["Service"], wallMs: number, fields: Fields): Effect.Effect<void> => {
  if (quietEvents.has(String(fields["event"]))) return Effect.void
  const { event, level, message, run: _run, atMs: _atMs, ...rest } = fields as Record<string, unknown>
  const tail = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`
  )
  const head = `${isoTime(wallMs).slice(11, 19)} ${textOf(level ?? event)}`
  return output.err([head, textOf(message), ...tail].filter((part) => part !== "").join(" "))
}

/** Effect's log lines in the journal's form: `event` is `log`. */
export const layerLogger: Layer.Layer<never, never, Output | Keys.Settings> = Layer.unwrap(
  Effect.gen(function* () {
    const output = yield* Output
    const settings = yield* Keys.Settings
    const pretty = isPretty(settings, output.terminal)
    const runSync = Effect.runSyncWith(yield* Effect.context())
    const logger = Logger.make<unknown, void>(({ message, logLevel, date, fiber }) => {
      const wallMs = date.getTime()
      const fields = {
        event: "log",
        level: logLevel.toLowerCase(),
        message: Array.isArray(message) ? message.map(String).join(" ") : String(message),
        ...fiber.getRef(References.CurrentLogAnnotations)
      }
      runSync(pretty ? prettyLine(output, wallMs, fields) : output.out(jsonLine(wallMs, fields)))
    })
    const level = { debug: "Debug", info: "Info", warn: "Warn", error: "Error" } as const
    return Layer.mergeAll(
      Logger.layer([logger]),
      Layer.succeed(References.MinimumLogLevel, level[settings.get(keys.level)])
    )
  })
)
