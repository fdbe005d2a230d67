/** `watchdog config`: the settings in force, where each came from, how long a fault can stay untold, and what cannot work. */
import { Effect, type Scope } from "effect"
import { makeSinks } from "../App.ts"
import type { Http } from "../base/Http.ts"
import { type AnyKey, Settings } from "../base/Keys.ts"
import { Output } from "../base/Output.ts"
import { type Cell, type Paint, cell, columns, plain } from "../base/Paint.ts"
import * as Cadence from "../collector/Cadence.ts"
import * as collectors from "../collector/index.ts"
import { Containers, Orchestrator } from "../collector/index.ts"
import { baseId } from "../collector/rules/LabelSet.ts"
import { rulePolicy } from "../collector/rules/RuleBook.ts"
import { type Policy, durationText, makePolicy, worstCaseDetectionMs } from "../decision/index.ts"
import { allKeys } from "../Settings.ts"
import * as StatusServer from "../status/StatusServer.ts"
import { socketProblem } from "./Socket.ts"

type Reader = Settings["Service"]

export interface ConfigSetting {
  readonly name: string
  /** As people write it; a secret is never shown. */
  readonly value: string
  /** `default`, `environment`, or the file that holds it. */
  readonly from: string
  readonly about: string
}

export interface ConfigDetection {
  /** What is detected: a collector's signals, `orch_down`, or one rule. */
  readonly what: string
  readonly intervalMs: number
  /** How much must be seen before it is told. */
  readonly needs: string
  /** From the fault to the alert by scheduled looks alone, milliseconds; delivery comes on top. */
  readonly worstCaseMs: number
}

/** The JSON form. Within version 1 fields are only added. */
export interface ConfigReport {
  readonly v: 1
  readonly settings: ReadonlyArray<ConfigSetting>
  readonly detection: ReadonlyArray<ConfigDetection>
  /** What alerts go to. */
  readonly sinks: ReadonlyArray<string>
  /** What works, but not as it seems; or does not work. */
  readonly warnings: ReadonlyArray<string>
}

const valueText = (settings: Reader, key: AnyKey): string =>
  settings.isSet(key) ? (key.show as (value: unknown) => string)(settings.get(key as never)) : key.fallbackText

/** What must pass before it is told: ticks, or the time that replaces them. */
const needsText = ({ raiseForMs, raiseTicks }: Policy): string =>
  raiseForMs === null
    ? `${raiseTicks} ${raiseTicks === 1 ? "look" : "looks"} in a row`
    : raiseForMs === 0
      ? "one look"
      : `seen for ${durationText(raiseForMs)}`

interface Judged {
  readonly what: string
  readonly policy: Policy
  readonly cadence: Cadence.Cadence
}

/** Everything that is judged by a policy of its own, as far as it is known without looking. */
const judged = (settings: Reader): ReadonlyArray<Judged> =>
  Object.values(collectors).flatMap(({ entry }) => {
    const cadence = Cadence.cadenceOf(settings, entry.interval)
    if (entry !== Orchestrator.entry) return [{ what: entry.name, policy: cadence.policy, cadence }]
    if (settings.get(Orchestrator.keys.url) === undefined) return []
    const raiseTicks = settings.get(Orchestrator.keys.downTicks)
    const rules = settings.get(Orchestrator.keys.rules)
    return [
      { what: "orch_down", policy: { ...cadence.policy, raiseTicks }, cadence },
      ...rules.map((rule) => ({ what: baseId(rule), policy: rulePolicy(rule, cadence.policy), cadence }))
    ]
  })

const detectionOf = ({ what, policy, cadence }: Judged): ConfigDetection => ({
  what,
  intervalMs: cadence.intervalMs,
  needs: needsText(policy),
  worstCaseMs: worstCaseDetectionMs(policy, cadence.intervalMs, cadence.timeoutMs)
})

const policyWarnings = (all: ReadonlyArray<Judged>): ReadonlyArray<string> => {
  const said = new Map<string, Array<string>>()
  for (const { what, policy } of all) {
    const { v: _v, ...differs } = policy
    const made = makePolicy(differs)
    for (const text of made.ok ? made.warnings : made.reasons) said.set(text, [...(said.get(text) ?? []), what])
  }
  return [...said].map(([text, whom]) => `${whom.join(", ")}: ${text}`)
}

const warningsOf = (
  settings: Reader,
  all: ReadonlyArray<Judged>,
  destinations: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const listen = settings.get(StatusServer.keys.listen)
  const open = listen !== "off" && (listen.host === "0.0.0.0" || listen.host === "::")
  const socket = socketProblem(settings.get(Containers.keys.host))
  return [
    ...(destinations.length === 0
      ? ["no sink is set: alerts go to the console only (WATCHDOG_TELEGRAM_BOT_TOKEN)"]
      : []),
    ...(socket === undefined ? [] : [socket]),
    ...(settings.get(Orchestrator.keys.url) === undefined
      ? ["no orchestrator is watched: WATCHDOG_ORCH_METRICS_URL is not set"]
      : []),
    ...(open && settings.get(StatusServer.keys.token) === undefined
      ? [
          `the status page listens on every address without a token: fine behind a port published on 127.0.0.1 only, else set ${StatusServer.keys.token.name}`
        ]
      : []),
    ...policyWarnings(all)
  ]
}

/** Everything `watchdog config` says, as data. `destinations`: what alerts go to. */
export const configOf = (settings: Reader, destinations: ReadonlyArray<string>): ConfigReport => {
  const all = judged(settings)
  return {
    v: 1,
    settings: allKeys.map((key) => ({
      name: key.name,
      value: valueText(settings, key),
      from: settings.origin(key),
      about: key.about
    })),
    detection: all.map(detectionOf),
    sinks: destinations,
    warnings: warningsOf(settings, all, destinations)
  }
}

const section = (paint: Paint, title: string, body: string): ReadonlyArray<string> => ["", paint("bold", title), body]

const settingRow = ({ name, value, from }: ConfigSetting): ReadonlyArray<Cell> => {
  const style = from === "default" ? "dim" : undefined
  return [cell(name, style), cell(from, style), cell(value, style)]
}

export const configText = (
  report: ConfigReport,
  options: { readonly paint?: Paint; readonly width?: number } = {}
): string => {
  const { paint = plain } = options
  const detection = report.detection.map(({ what, intervalMs, needs, worstCaseMs }) => [
    cell(what),
    cell(`every ${intervalMs / 1_000} s`),
    cell(needs),
    cell(`at most ${worstCaseMs / 1_000} s from fault to alert`)
  ])
  const goTo = report.sinks.length === 0 ? ["the console"] : report.sinks
  return [
    columns(
      [[cell("setting", "bold"), cell("from", "bold"), cell("value", "bold")], ...report.settings.map(settingRow)],
      options
    ),
    ...section(
      paint,
      "How long a fault can stay untold (a crash, heard as an event, is told at once)",
      columns(detection, options)
    ),
    ...section(paint, "Alerts go to", goTo.map((one) => `  ${one}`).join("\n")),
    ...(report.warnings.length === 0
      ? []
      : section(paint, "To know", report.warnings.map((warning) => `  ${warning}`).join("\n")))
  ].join("\n")
}

/** Prints it. */
export const configReport = (options: {
  readonly json: boolean
}): Effect.Effect<void, never, Http | Settings | Output | Scope.Scope> =>
  Effect.gen(function* () {
    const output = yield* Output
    const sinks = yield* makeSinks
    const report = configOf(
      yield* Settings,
      sinks.map(({ destination }) => destination)
    )
    yield* output.out(options.json ? JSON.stringify(report, null, 2) : configText(report, output.look))
  })
