/** `watchdog config`: the settings in force, where each came from, and how long a fault can stay untold. */
import * as Cadence from "./collector/Cadence.ts"
import * as collectors from "./collector/index.ts"
import { Orchestrator } from "./collector/index.ts"
import type { AnyKey, Settings } from "./base/Keys.ts"
import { baseId } from "./collector/rules/LabelSet.ts"
import { rulePolicy } from "./collector/rules/RuleBook.ts"
import { type Policy, durationText, worstCaseDetectionMs } from "./decision/index.ts"
import { allKeys } from "./Settings.ts"

type Reader = Settings["Service"]

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

const valueText = (settings: Reader, key: AnyKey): string =>
  settings.isSet(key) ? (key.show as (value: unknown) => string)(settings.get(key as never)) : key.fallbackText

const settingRows = (settings: Reader): ReadonlyArray<ReadonlyArray<string>> =>
  allKeys.map((key) => [key.name, valueText(settings, key), settings.isSet(key) ? "environment" : "default"])

/** What must pass before it is told: ticks, or the time that replaces them. */
const waitText = ({ raiseForMs, raiseTicks }: Policy): string =>
  raiseForMs === null ? `K = ${raiseTicks}` : raiseForMs === 0 ? "at once" : `for ${durationText(raiseForMs)}`

const detectionRow = (name: string, policy: Policy, cadence: Cadence.Cadence): ReadonlyArray<string> => [
  name,
  `every ${cadence.intervalMs / 1_000} s`,
  waitText(policy),
  `at most ${worstCaseDetectionMs(policy, cadence.intervalMs, cadence.timeoutMs) / 1_000} s from fault to alert`
]

/** K or a rule's own time, interval and timeout decide it; an event can only shorten it. */
const detectionRows = (settings: Reader): ReadonlyArray<ReadonlyArray<string>> =>
  Object.values(collectors).flatMap(({ entry }) => {
    const cadence = Cadence.cadenceOf(settings, entry.interval)
    if (entry !== Orchestrator.entry) return [detectionRow(entry.name, cadence.policy, cadence)]
    const raiseTicks = settings.get(Orchestrator.keys.downTicks)
    const rules = settings.get(Orchestrator.keys.rules)
    return [
      detectionRow(entry.name, { ...cadence.policy, raiseTicks }, cadence),
      ...rules.map((rule) => detectionRow(baseId(rule), rulePolicy(rule, cadence.policy), cadence))
    ]
  })

export const configText = (settings: Reader): string =>
  [table([["setting", "value", "from"], ...settingRows(settings)]), table(detectionRows(settings))].join("\n\n")

export { table }
