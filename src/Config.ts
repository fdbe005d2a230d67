/** `watchdog config`: the settings in force, where each came from, and how long a fault can stay untold. */
import * as Cadence from "./collector/Cadence.ts"
import * as collectors from "./collector/index.ts"
import { Orchestrator } from "./collector/index.ts"
import type { AnyKey, Settings } from "./base/Keys.ts"
import { worstCaseDetectionMs } from "./decision/index.ts"
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

/** K, interval and timeout decide it; an event can only shorten it. */
const detectionRows = (settings: Reader): ReadonlyArray<ReadonlyArray<string>> =>
  Object.values(collectors).map(({ entry }) => {
    const cadence = Cadence.cadenceOf(settings, entry.interval)
    const policy =
      entry === Orchestrator.entry
        ? { ...cadence.policy, raiseTicks: settings.get(Orchestrator.keys.downTicks) }
        : cadence.policy
    const worstMs = worstCaseDetectionMs(policy, cadence.intervalMs, cadence.timeoutMs)
    return [
      entry.name,
      `every ${cadence.intervalMs / 1_000} s`,
      `K = ${policy.raiseTicks}`,
      `at most ${worstMs / 1_000} s from fault to alert`
    ]
  })

export const configText = (settings: Reader): string =>
  [table([["setting", "value", "from"], ...settingRows(settings)]), table(detectionRows(settings))].join("\n\n")

export { table }
