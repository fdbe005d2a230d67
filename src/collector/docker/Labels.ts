/**
 * A container's own `watchdog.*` labels. They tune or silence only the container they are on: whoever can start a container
 * can set labels, so they carry no address, no command and no secret.
 */
import type { Policy, Severity } from "../../decision/index.ts"
import { parseBoolean, parseDurationMs } from "../../base/Keys.ts"
import { Result } from "effect"
import { type ListItem, clip, oneLine } from "./Container.ts"

export interface Tuning {
  readonly enabled: boolean
  readonly required: boolean
  readonly severity: Severity
  readonly policy: Partial<Pick<Policy, "raiseTicks" | "cooldownMs">>
  /** Labels that are not known or not right, in words. */
  readonly problems: ReadonlyArray<string>
}

export const untuned: Tuning = { enabled: true, required: false, severity: "critical", policy: {}, problems: [] }

const prefix = "watchdog."
/** What one container may complain about: a hostile one must not fill the log. */
const problemsMax = 5
const raiseTicksMax = 1_000

type Read = (value: string, tuning: Tuning) => Tuning | string

const readers: Readonly<Record<string, Read>> = {
  enable: (value, tuning) =>
    Result.match(parseBoolean(value), {
      onFailure: (wanted) => wanted,
      onSuccess: (enabled) => ({ ...tuning, enabled })
    }),
  required: (value, tuning) =>
    Result.match(parseBoolean(value), {
      onFailure: (wanted) => wanted,
      onSuccess: (required) => ({ ...tuning, required })
    }),
  "raise-ticks": (value, tuning) => {
    const raiseTicks = Number(value)
    return /^\d{1,4}$/.test(value) && raiseTicks >= 1 && raiseTicks <= raiseTicksMax
      ? { ...tuning, policy: { ...tuning.policy, raiseTicks } }
      : `a whole number from 1 to ${raiseTicksMax}`
  },
  cooldown: (value, tuning) =>
    Result.match(parseDurationMs(value), {
      onFailure: (wanted) => wanted,
      onSuccess: (cooldownMs) => ({ ...tuning, policy: { ...tuning.policy, cooldownMs } })
    }),
  severity: (value, tuning) =>
    value === "critical" || value === "warning" ? { ...tuning, severity: value } : "critical or warning"
}

/** Reads what is right and reports what is not; a wrong label changes nothing. */
export const tuningOf = (item: ListItem): Tuning => {
  let tuning = untuned
  const problems: Array<string> = []
  for (const [label, value] of Object.entries(item.Labels ?? {})) {
    if (!label.startsWith(prefix)) continue
    const name = label.slice(prefix.length)
    const reader = Object.hasOwn(readers, name) ? readers[name] : undefined
    if (reader === undefined) {
      problems.push(
        `there is no label ${clip(oneLine(label), 60)} (known: ${Object.keys(readers)
          .map((known) => prefix + known)
          .join(", ")})`
      )
      continue
    }
    const read = typeof value === "string" ? reader(value.trim(), tuning) : "text"
    if (typeof read === "string")
      problems.push(`label ${label}: ${JSON.stringify(clip(oneLine(String(value)), 40))} is not ${read}`)
    else tuning = read
  }
  return problems.length === 0 ? tuning : { ...tuning, problems: problems.slice(0, problemsMax) }
}
