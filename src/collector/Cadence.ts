/** How often collectors look, how long they wait, and the decision policy their signals get. */
import { Duration } from "effect"
import * as Keys from "../base/Keys.ts"
import { type Policy, defaultPolicy, makePolicy } from "../decision/index.ts"

export const keys = {
  interval: Keys.duration("WATCHDOG_INTERVAL", {
    about: "time between two looks, all collectors; WATCHDOG_<COLLECTOR>_INTERVAL overrides it for one",
    fallback: Duration.seconds(10),
    atLeastMs: 100
  }),
  timeout: Keys.durationOptional("WATCHDOG_TIMEOUT", {
    about: "how long one look may take; must be shorter than every interval",
    fallback: undefined,
    fallbackText: "min(5s, interval/2)",
    atLeastMs: 10
  }),
  raiseTicks: Keys.count("WATCHDOG_RAISE_TICKS", {
    about: "consecutive ticks seen active before an alert",
    fallback: defaultPolicy.raiseTicks,
    atLeast: 1
  }),
  clearTicks: Keys.count("WATCHDOG_CLEAR_TICKS", {
    about: "consecutive ticks seen clear before a recovery",
    fallback: defaultPolicy.clearTicks,
    atLeast: 1
  }),
  cooldown: Keys.duration("WATCHDOG_COOLDOWN", {
    about: "from an alert to its first reminder; 0 = no reminders",
    fallback: Duration.millis(defaultPolicy.cooldownMs)
  }),
  reminderFactor: Keys.factor("WATCHDOG_REMINDER_FACTOR", {
    about: "each reminder waits this many times longer than the one before",
    fallback: defaultPolicy.reminderFactor,
    atLeast: 1
  }),
  reminderMax: Keys.duration("WATCHDOG_REMINDER_MAX", {
    about: "the longest wait between two reminders",
    fallback: Duration.millis(defaultPolicy.reminderMaxMs),
    atLeastMs: 1
  }),
  flapRaises: Keys.count("WATCHDOG_FLAP_RAISES", {
    about: "the raise within the window that is told as flapping; 0 = never",
    fallback: defaultPolicy.flapRaises,
    atLeast: 0
  }),
  flapWindow: Keys.duration("WATCHDOG_FLAP_WINDOW", {
    about: "the window in which raises are counted",
    fallback: Duration.millis(defaultPolicy.flapWindowMs),
    atLeastMs: 1
  }),
  flapSettle: Keys.duration("WATCHDOG_FLAP_SETTLE", {
    about: "how long one side must hold before a flapping signal has settled",
    fallback: Duration.millis(defaultPolicy.flapSettleMs),
    atLeastMs: 1
  })
}

/** The optional interval of one collector. */
export const intervalKey = (collector: string): Keys.Key<Duration.Duration | undefined> =>
  Keys.durationOptional(`WATCHDOG_${collector.toUpperCase()}_INTERVAL`, {
    about: `time between two looks of the ${collector} collector`,
    fallback: undefined,
    fallbackText: "WATCHDOG_INTERVAL",
    atLeastMs: 100
  })

export interface Cadence {
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly policy: Policy
}

type Reader = Keys.Settings["Service"]

/** An unset timeout is half the interval and at most this: an answer later than that is of no use to the one who waits. */
const timeoutMaxMs = 5_000

const policyOf = (settings: Reader, intervalMs: number) =>
  makePolicy({
    intervalMs,
    raiseTicks: settings.get(keys.raiseTicks),
    clearTicks: settings.get(keys.clearTicks),
    cooldownMs: Duration.toMillis(settings.get(keys.cooldown)),
    reminderFactor: settings.get(keys.reminderFactor),
    reminderMaxMs: Duration.toMillis(settings.get(keys.reminderMax)),
    flapRaises: settings.get(keys.flapRaises),
    flapWindowMs: Duration.toMillis(settings.get(keys.flapWindow)),
    flapSettleMs: Duration.toMillis(settings.get(keys.flapSettle))
  })

export const intervalMsOf = (settings: Reader, interval: Keys.Key<Duration.Duration | undefined>): number =>
  Duration.toMillis(settings.get(interval) ?? settings.get(keys.interval))

export const timeoutMsOf = (settings: Reader, intervalMs: number): number => {
  const timeout = settings.get(keys.timeout)
  return timeout === undefined ? Math.min(timeoutMaxMs, intervalMs / 2) : Duration.toMillis(timeout)
}

/** Contradictions between keys, each naming the keys; `Settings.ts` reports them with the bad values. */
export const contradictions = (
  settings: Reader,
  interval: Keys.Key<Duration.Duration | undefined>
): ReadonlyArray<string> => {
  const intervalMs = intervalMsOf(settings, interval)
  const timeoutMs = timeoutMsOf(settings, intervalMs)
  const name = settings.get(interval) === undefined ? keys.interval.name : interval.name
  const late =
    timeoutMs >= intervalMs
      ? [`${keys.timeout.name} (${timeoutMs} ms) must be shorter than ${name} (${intervalMs} ms)`]
      : []
  const policy = policyOf(settings, intervalMs)
  return [...late, ...(policy.ok ? [] : policy.reasons.map(inKeys))]
}

/** A policy speaks of its fields, an operator knows the keys they come from. */
const keyOfField: ReadonlyMap<string, string> = new Map([
  ["intervalMs", keys.interval.name],
  ["raiseTicks", keys.raiseTicks.name],
  ["clearTicks", keys.clearTicks.name],
  ["cooldownMs", keys.cooldown.name],
  ["reminderFactor", keys.reminderFactor.name],
  ["reminderMaxMs", keys.reminderMax.name],
  ["flapRaises", keys.flapRaises.name],
  ["flapWindowMs", keys.flapWindow.name],
  ["flapSettleMs", keys.flapSettle.name]
])

const inKeys = (reason: string): string => reason.replace(/^\w+/, (field) => keyOfField.get(field) ?? field)

/** The cadence of one collector. Settings were checked before: a contradiction here is our bug. */
export const cadenceOf = (
  settings: Reader,
  interval: Keys.Key<Duration.Duration | undefined>,
  differs: Partial<Omit<Policy, "v">> = {}
): Cadence => {
  const intervalMs = intervalMsOf(settings, interval)
  const base = policyOf(settings, intervalMs)
  const made = base.ok ? makePolicy({ ...base.policy, ...differs }) : base
  if (!made.ok) throw new Error(`settings passed their check and still give no policy: ${made.reasons.join("; ")}`)
  return { intervalMs, timeoutMs: timeoutMsOf(settings, intervalMs), policy: made.policy }
}
