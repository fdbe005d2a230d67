/**
 * The settings that are decision policy: what replay may change, and what a run writes into its journal.
 *
 * Everything else decides what is looked at, or where alerts go. Looks that were not made cannot be replayed.
 */
import { Duration, Result } from "effect"
import type { AnyKey, Key, Settings } from "../base/Keys.ts"
import * as Cadence from "../collector/Cadence.ts"
import { ceilingAt } from "../collector/host/Measured.ts"
import { Disk, Load, Memory, Orchestrator, Pressure } from "../collector/index.ts"
import { type Ceiling, type Policy, type PolicyResult, makePolicy } from "../decision/index.ts"

type PolicyField = Exclude<
  keyof Policy,
  "v" | "intervalMs" | "ceiling" | "raiseForMs" | "clearForMs" | "confirmedClearMs"
>

/** The signal that has a K of its own. */
const orchDown = "orch_down"

interface FieldKey {
  readonly key: AnyKey
  readonly field: PolicyField
}

const ticks = (key: Key<number>, field: PolicyField): FieldKey => ({ key, field })
const span = (key: Key<Duration.Duration>, field: PolicyField): FieldKey => ({ key, field })

/** Of all signals, unless a label or a key of their own says otherwise. */
const fieldKeys: ReadonlyArray<FieldKey> = [
  ticks(Cadence.keys.raiseTicks, "raiseTicks"),
  ticks(Cadence.keys.clearTicks, "clearTicks"),
  span(Cadence.keys.cooldown, "cooldownMs"),
  ticks(Cadence.keys.reminderFactor, "reminderFactor"),
  span(Cadence.keys.reminderMax, "reminderMaxMs"),
  ticks(Cadence.keys.flapRaises, "flapRaises"),
  span(Cadence.keys.flapWindow, "flapWindowMs"),
  span(Cadence.keys.flapSettle, "flapSettleMs")
]

interface CeilingKey {
  readonly key: Key<number | undefined>
  /** Signals are called this, or begin with it where it ends in a colon. */
  readonly signals: string
  /** How far below it clears: held to the collectors' own constants by a test. */
  readonly gap: (raiseAt: number) => number
}

const points = (gap: number) => (): number => gap
const share =
  (part: number) =>
  (raiseAt: number): number =>
    raiseAt * part

const ceilingKeys: ReadonlyArray<CeilingKey> = [
  { key: Disk.keys.ceiling, signals: "disk:", gap: points(2) },
  { key: Disk.keys.inodes, signals: "inodes:", gap: points(2) },
  { key: Memory.keys.memory, signals: "memory", gap: points(5) },
  { key: Memory.keys.swap, signals: "swap", gap: points(5) },
  { key: Load.keys.ceiling, signals: "load", gap: share(0.2) },
  { key: Pressure.keys.ceiling, signals: "pressure:", gap: share(0.5) }
]

export const policyKeys: ReadonlyArray<AnyKey> = [
  ...fieldKeys.map(({ key }) => key),
  Orchestrator.keys.downTicks,
  ...ceilingKeys.map(({ key }) => key)
]

/** The decision policy in force, for the journal: what differs per signal stands with the signal. */
export const policySettings = (settings: Settings["Service"]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    policyKeys.map((key) => [
      key.name,
      settings.isSet(key) ? (key.show as (value: unknown) => string)(settings.get(key as never)) : key.fallbackText
    ])
  )

/** One setting, changed. `value` is what a policy holds: ticks, milliseconds, a ceiling. */
export interface Change {
  readonly key: AnyKey
  readonly text: string
  readonly value: number | undefined
}

/**
 * Reads `WATCHDOG_RAISE_TICKS=3`. Fails with a sentence for people. `known` are all settings there are, `near` finds the one that
 * was meant.
 */
export const readChange = (
  given: string,
  known: ReadonlySet<string>,
  near: (name: string, among: ReadonlySet<string>) => string | undefined
): Result.Result<Change, string> => {
  const [name = "", ...rest] = given.split("=")
  const text = rest.join("=").trim()
  const key = policyKeys.find((one) => one.name === name.trim())
  if (key === undefined) return Result.fail(refusal(name.trim(), known, near))
  if (text === "") return Result.fail(`${key.name}: say what to set it to, as in ${key.name}=${key.fallbackText}`)
  const parsed = key.parse(text)
  if (Result.isFailure(parsed))
    return Result.fail(`${key.name}: ${JSON.stringify(text.slice(0, 200))} is not ${parsed.failure}`)
  return Result.succeed({ key, text, value: numberOf(parsed.success) })
}

const numberOf = (value: unknown): number | undefined =>
  Duration.isDuration(value) ? Duration.toMillis(value) : typeof value === "number" ? value : undefined

const refusal = (
  name: string,
  known: ReadonlySet<string>,
  near: (name: string, among: ReadonlySet<string>) => string | undefined
): string => {
  const policyNames = new Set(policyKeys.map((key) => key.name))
  if (name === Cadence.keys.interval.name || /^WATCHDOG_[A-Z]+_INTERVAL$/.test(name)) {
    return `${name} cannot be replayed: looks at another pace were never made, and what they would have seen is not in the journal`
  }
  if (known.has(name))
    return `${name} is not decision policy: it changes nothing about what the looks mean. ${whatIs(policyNames)}`
  const meant = near(name, policyNames) ?? near(name, known)
  return `${name}: there is no such setting${meant === undefined ? `. ${whatIs(policyNames)}` : `; did you mean ${meant}?`}`
}

const whatIs = (names: ReadonlySet<string>): string => `What may be set: ${[...names].join(", ")}`

/** Complaints about changes that contradict each other, or the defaults they meet. */
export const contradictions = (changes: ReadonlyArray<Change>): ReadonlyArray<string> => {
  const made = makePolicy(Object.fromEntries(fieldsOf(changes).map(({ field, value }) => [field, value])))
  return made.ok ? [] : made.reasons.map((reason) => reason.replace(/^\w+/, (field) => keyOf.get(field) ?? field))
}

const keyOf: ReadonlyMap<string, string> = new Map(fieldKeys.map(({ key, field }) => [field, key.name]))

const fieldsOf = (
  changes: ReadonlyArray<Change>
): ReadonlyArray<{ readonly field: PolicyField; readonly value: number }> =>
  fieldKeys.flatMap(({ key, field }) => {
    const change = changes.find((one) => one.key === key)
    return change?.value === undefined ? [] : [{ field, value: change.value }]
  })

/** The defaults a run had, as its `run` line says; undefined where it does not. */
export const recordedDefaults = (settings: ReadonlyMap<string, string>): Partial<Pick<Policy, PolicyField>> =>
  Object.fromEntries(
    fieldKeys.flatMap(({ key, field }) => {
      const parsed = key.parse(settings.get(key.name) ?? "")
      const value = Result.isSuccess(parsed) ? numberOf(parsed.success) : undefined
      return value === undefined ? [] : [[field, value]]
    })
  )

export interface Judging {
  readonly signal: string
  /** How it was judged. */
  readonly policy: Policy
  /** How a signal of its collector is judged that nobody has tuned. */
  readonly defaults: Partial<Policy>
}

/**
 * The policy a signal would have had.
 *
 * A change goes where the recorded value is the run's default: what a container's label or a rule says stays said.
 * `ok: false` where the recorded rest of the policy and the change contradict each other.
 */
export const changedPolicy = ({ signal, policy, defaults }: Judging, changes: ReadonlyArray<Change>): PolicyResult => {
  const changed: { -readonly [K in keyof Policy]?: Policy[K] } = {}
  for (const { field, value } of fieldsOf(changes)) {
    const hasItsOwn = signal === orchDown && field === "raiseTicks"
    if (!hasItsOwn && policy[field] === (defaults[field] ?? policy[field])) changed[field] = value
  }
  const downTicks = changes.find(({ key }) => key === Orchestrator.keys.downTicks)
  if (signal === orchDown && downTicks?.value !== undefined) changed.raiseTicks = downTicks.value
  const ceiling = ceilingOf(signal, changes)
  return makePolicy({ ...policy, ...changed, ...(ceiling === undefined ? {} : { ceiling }) })
}

/** Undefined: not changed. Null: off. */
const ceilingOf = (signal: string, changes: ReadonlyArray<Change>): Ceiling | null | undefined => {
  const one = ceilingKeys.find(({ signals }) =>
    signals.endsWith(":") ? signal.startsWith(signals) : signal === signals
  )
  const change = changes.find(({ key }) => key === one?.key)
  if (one === undefined || change === undefined) return undefined
  return change.value === undefined ? null : (ceilingAt(change.value, one.gap(change.value)).ceiling ?? null)
}
