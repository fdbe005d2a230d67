/** How one signal is judged. A policy that could not do its job is refused when it is made, with the reason. */

/** A measured value raises at `raiseAt` and above, and clears only below `clearAt`: the gap keeps it from flapping. */
export interface Ceiling {
  readonly raiseAt: number
  readonly clearAt: number
}

export interface Policy {
  readonly v: 1
  /** Milliseconds between two scheduled looks; what "not seen for 3.5 intervals" is measured by. */
  readonly intervalMs: number
  /** K: consecutive ticks seen active before the alert. */
  readonly raiseTicks: number
  /** M: consecutive ticks seen clear before the recovery. */
  readonly clearTicks: number
  /** Replaces K where it is set: how long an unbroken streak of active looks must span, from the first to the last; 0 = at once. */
  readonly raiseForMs: number | null
  /** Replaces M where it is set, as `raiseForMs` replaces K. */
  readonly clearForMs: number | null
  /** Milliseconds from the alert to the first reminder; 0 = no reminders. */
  readonly cooldownMs: number
  /** Each reminder waits this many times longer than the one before. */
  readonly reminderFactor: number
  readonly reminderMaxMs: number
  /** The raise that is told as "flapping"; 0 = never. */
  readonly flapRaises: number
  readonly flapWindowMs: number
  readonly flapSettleMs: number
  /** A confirmed fault clears after an unbroken run of clear looks this long. */
  readonly confirmedClearMs: number
  readonly ceiling: Ceiling | null
}

const minuteMs = 60_000

/** Ten seconds, because Docker itself takes a restarted container for well after 10 s (moby restartmanager: back-off reset). */
export const confirmedClearMs = 10_000

/** A signal not seen for this many intervals is unknown: three missed looks and half an interval of patience. */
export const staleIntervals = 3.5

export const defaultPolicy: Policy = {
  v: 1,
  intervalMs: 10_000,
  raiseTicks: 2,
  clearTicks: 1,
  raiseForMs: null,
  clearForMs: null,
  cooldownMs: 30 * minuteMs,
  reminderFactor: 2,
  reminderMaxMs: 24 * 60 * minuteMs,
  flapRaises: 4,
  flapWindowMs: 15 * minuteMs,
  flapSettleMs: 5 * minuteMs,
  confirmedClearMs,
  ceiling: null
}

export type PolicyResult =
  | { readonly ok: true; readonly policy: Policy; readonly warnings: ReadonlyArray<string> }
  | { readonly ok: false; readonly reasons: ReadonlyArray<string> }

const isCount = (n: number, least: number): boolean => Number.isInteger(n) && n >= least
const isSpan = (ms: number): boolean => Number.isFinite(ms) && ms > 0
const isWait = (ms: number | null): boolean => ms === null || (Number.isFinite(ms) && ms >= 0)

const refusals = (p: Policy): ReadonlyArray<string> => {
  const reasons: Array<string> = []
  const refuse = (bad: boolean, reason: string): void => void (bad && reasons.push(reason))
  refuse(!isSpan(p.intervalMs), `intervalMs is ${p.intervalMs}: must be more than 0`)
  refuse(
    !isCount(p.raiseTicks, 1),
    `raiseTicks is ${p.raiseTicks}: can never fire, must be a whole number of at least 1`
  )
  refuse(
    !isCount(p.clearTicks, 1),
    `clearTicks is ${p.clearTicks}: can never clear, must be a whole number of at least 1`
  )
  refuse(
    !isWait(p.raiseForMs),
    `raiseForMs is ${p.raiseForMs}: can never fire, must be 0 (at once) or more, or null (raiseTicks decides)`
  )
  refuse(
    !isWait(p.clearForMs),
    `clearForMs is ${p.clearForMs}: can never clear, must be 0 (at once) or more, or null (clearTicks decides)`
  )
  refuse(
    !(Number.isFinite(p.cooldownMs) && p.cooldownMs >= 0),
    `cooldownMs is ${p.cooldownMs}: must be 0 (no reminders) or more`
  )
  refuse(
    !(Number.isFinite(p.reminderFactor) && p.reminderFactor >= 1),
    `reminderFactor is ${p.reminderFactor}: must be at least 1`
  )
  refuse(!isSpan(p.reminderMaxMs), `reminderMaxMs is ${p.reminderMaxMs}: must be more than 0`)
  refuse(
    p.flapRaises !== 0 && !isCount(p.flapRaises, 2),
    `flapRaises is ${p.flapRaises}: must be 0 (off) or a whole number of at least 2, or no plain alert can ever fire`
  )
  refuse(p.flapRaises !== 0 && !isSpan(p.flapWindowMs), `flapWindowMs is ${p.flapWindowMs}: must be more than 0`)
  refuse(
    p.flapRaises !== 0 && !isSpan(p.flapSettleMs),
    `flapSettleMs is ${p.flapSettleMs}: must be more than 0, or flapping could never end`
  )
  refuse(
    !(Number.isFinite(p.confirmedClearMs) && p.confirmedClearMs >= 0),
    `confirmedClearMs is ${p.confirmedClearMs}: must be 0 or more`
  )
  if (p.ceiling !== null) {
    refuse(
      !Number.isFinite(p.ceiling.raiseAt),
      `ceiling.raiseAt is ${p.ceiling.raiseAt}: can never fire, must be a number`
    )
    refuse(
      !Number.isFinite(p.ceiling.clearAt),
      `ceiling.clearAt is ${p.ceiling.clearAt}: can never clear, must be a number`
    )
    refuse(
      p.ceiling.clearAt > p.ceiling.raiseAt,
      `ceiling.clearAt ${p.ceiling.clearAt} lies beyond ceiling.raiseAt ${p.ceiling.raiseAt}: it would clear while it raises`
    )
  }
  return reasons
}

/** A streak that spans a time has one look more than intervals. */
const looksOf = (ticks: number, forMs: number | null, intervalMs: number): number =>
  forMs === null ? ticks : 1 + Math.ceil(forMs / intervalMs)

/** Looks in a row, at this pace, until a fault is told. */
export const raiseLooks = (policy: Policy, intervalMs: number): number =>
  looksOf(policy.raiseTicks, policy.raiseForMs, intervalMs)

/** Looks in a row, at this pace, until its end is told. */
export const clearLooks = (policy: Policy, intervalMs: number): number =>
  looksOf(policy.clearTicks, policy.clearForMs, intervalMs)

const flapNeedsMs = (p: Policy): number =>
  (p.flapRaises - 1) * (raiseLooks(p, p.intervalMs) + clearLooks(p, p.intervalMs)) * p.intervalMs

/**
 * Makes a policy out of the defaults and what differs from them.
 *
 * Fails: never throws; `ok: false` with every reason at once. `warnings` name what works but cannot do what it seems to.
 */
export const makePolicy = (differs: Partial<Omit<Policy, "v">> = {}): PolicyResult => {
  const policy: Policy = { ...defaultPolicy, ...differs, v: 1 }
  const reasons = refusals(policy)
  if (reasons.length > 0) return { ok: false, reasons }
  const warnings =
    policy.flapRaises > 0 && flapNeedsMs(policy) > policy.flapWindowMs
      ? [
          `flapping can never be told: ${policy.flapRaises} raises take at least ${flapNeedsMs(policy)} ms, the window is ${policy.flapWindowMs} ms`
        ]
      : []
  return { ok: true, policy, warnings }
}

/**
 * How long a fault can stay untold by scheduled looks alone; events only shorten it.
 *
 * Worst case: it begins just after a look began, so the K-th look that sees it begins K intervals later and takes all of its
 * timeout to answer. Delivery comes on top. Where `raiseForMs` replaces K, as many looks are needed as span it.
 */
export const worstCaseDetectionMs = (policy: Policy, intervalMs: number, timeoutMs: number): number =>
  raiseLooks(policy, intervalMs) * intervalMs + timeoutMs
