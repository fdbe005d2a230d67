/**
 * One input, one signal, at most one decision.
 *
 * `decide` knows only active and clear. Around it `step` puts what makes a decision worth a phone call at night: stale looks,
 * missed looks, debounce by ticks, confirmed facts, flapping, growing reminders, retirement.
 */
import type { Decision, DecisionKind } from "./Alert.ts"
import { decide } from "./decide.ts"
import { type Elapsed, type Input, type Missed, noEvidence, type Seen } from "./Observation.ts"
import { type Policy, staleIntervals } from "./Policy.ts"
import { bornState, type SignalState } from "./SignalState.ts"

export interface Stepped {
  readonly state: SignalState
  readonly decision?: Decision
  /** When `Elapsed` is due, in the clock of `nowMs`; absent when nothing waits for time. */
  readonly deadlineMs?: number
}

type Draft = { -readonly [K in keyof SignalState]: SignalState[K] }

/**
 * Decides what one input means for one signal.
 *
 * Shape:  (policy, state or null, input, nowMs) -> { state, decision?, deadlineMs? }.
 * Units:  milliseconds of one monotonic clock; only differences matter.
 * Law:    the same arguments give the same result. With raiseTicks = clearTicks = 1, reminderFactor 1, cooldown <= reminderMaxMs,
 *         no flapping, nothing Missed or confirmed, it equals `decide` on scheduled Seen inputs.
 * Fails:  never. A clock that steps back is treated as no time passed.
 * Gotcha: if two decisions are due at once the second comes with the next `Elapsed`; `deadlineMs` then is not later than now.
 */
export const step = (policy: Policy, prev: SignalState | null, input: Input, nowMs: number): Stepped => {
  const state: Draft = { ...(prev ?? bornState(nowMs, noEvidence)) }
  const now = Math.max(state.nowMs, nowMs)
  state.nowMs = now
  goStale(policy, state, now)
  const decision = input._tag === "Retired" ? retired(state, now) : look(policy, state, input, now)
  const deadlineMs = input._tag === "Retired" ? undefined : deadline(policy, state)
  return {
    state,
    ...(decision === undefined ? {} : { decision }),
    ...(deadlineMs === undefined ? {} : { deadlineMs })
  }
}

const look = (policy: Policy, state: Draft, input: Seen | Missed | Elapsed, now: number): Decision | undefined => {
  // Settling that fell due before this input came is told first, with the side that had held; a turn then waits for its own.
  const settled = settle(state, now)
  const decided = (input._tag === "Seen" && seen(policy, state, input, now)) || state.pending
  if (input._tag === "Missed") missed(state, input, now)
  state.pending = settled !== undefined && decided && mayTurn(policy, state)
  if (settled !== undefined) return settled
  return (decided ? turn(policy, state, now) : undefined) ?? remind(policy, state, now)
}

/* Looks */

/** Takes a look in; true if it may turn the debounced side. */
const seen = (policy: Policy, state: Draft, input: Seen, now: number): boolean => {
  if (isStale(state, input)) {
    if (!overtaken(state, input)) return false
    // The tick's own look was overtaken by a newer one, which now stands for it: no tick is lost to the debounce.
    state.tickScheduled = true
    return state.look === "active" || state.look === "clear"
  }
  const active = verdict(policy, state, input)
  const scheduled = count(policy, state, input, active)
  state.asOfMs = input.asOfMs
  state.look = active ? "active" : "clear"
  state.lookReason = ""
  state.seenMs = now
  state.unknownSinceMs = null
  state.value = input.value
  if (active) state.evidence = input.evidence
  else state.everClear = true
  if (state.flapping !== null && state.flapping.settleFromMs === null) {
    state.flapping = { ...state.flapping, settleFromMs: now }
  }
  if (state.confirmed) state.confirmedClearFromMs = active ? null : (state.confirmedClearFromMs ?? input.asOfMs)
  if (active && input.confirmed) {
    state.confirmed = true
    state.confirmedClearFromMs = null
  }
  return scheduled || state.confirmed
}

/** A list asked for before a crash must not clear it. */
const isStale = (state: Draft, input: Seen | Missed): boolean => state.asOfMs !== null && input.asOfMs < state.asOfMs

const overtaken = (state: Draft, stale: Seen): boolean =>
  stale.scheduled && stale.tick === state.tick && !state.tickScheduled

/** The collector's word, unless the policy has a ceiling for what was measured. */
const verdict = (policy: Policy, state: Draft, input: Seen): boolean => {
  if (policy.ceiling === null || input.value === null) return input.active
  return (
    input.value >=
    (state.look === "active" || (state.look !== "clear" && state.tickActive)
      ? policy.ceiling.clearAt
      : policy.ceiling.raiseAt)
  )
}

/** Counts the look into its tick, the last one winning; true if the tick's own look has now been made by this one. */
const count = (policy: Policy, state: Draft, input: Seen, active: boolean): boolean => {
  if (input.tick > state.tick) {
    fold(state)
    state.tick = input.tick
    state.tickScheduled = false
    state.tickFromMs = input.asOfMs
    state.tickActive = active
    if (streakTicks(state) === 1 && active) state.foundAtStart = input.first && !state.everClear
  } else if (active !== state.tickActive) {
    // Ticks count by their last look. Time does not: what was seen otherwise in between has not held all the while.
    if (state.runActive === active && needsMs(policy, active) !== null) state.runTicks = 0
    state.tickActive = active
    state.tickFromMs = input.asOfMs
    if (active) state.foundAtStart = false
  }
  if (input.scheduled) state.tickScheduled = true
  return input.scheduled
}

/** How long this side must be seen before the signal turns to it; null where ticks decide. */
const needsMs = (policy: Policy, active: boolean): number | null => (active ? policy.raiseForMs : policy.clearForMs)

/** Moves the finished tick into the streak before it. */
const fold = (state: Draft): void => {
  if (state.tick === 0) return
  if (state.runTicks > 0 && state.runActive === state.tickActive) {
    state.runTicks += 1
    return
  }
  state.runActive = state.tickActive
  state.runTicks = 1
  state.runFromMs = state.tickFromMs
}

const continues = (state: Draft): boolean => state.runTicks > 0 && state.runActive === state.tickActive
const streakTicks = (state: Draft): number => (state.tick === 0 ? 0 : 1 + (continues(state) ? state.runTicks : 0))
const streakFromMs = (state: Draft): number => (continues(state) ? state.runFromMs : state.tickFromMs)

const missed = (state: Draft, input: Missed, now: number): void => {
  if (isStale(state, input)) return
  state.asOfMs = input.asOfMs
  state.look = input.held ? "held" : "missed"
  state.lookReason = input.reason
  if (input.held) {
    state.seenMs = now
    state.unknownSinceMs = null
  }
  pauseSettling(state, now)
}

const retired = (state: Draft, now: number): Decision | undefined => {
  const told = state.active || state.flapping !== null
  const decision = told ? say(state, "gone", now) : undefined
  Object.assign(state, bornState(now, noEvidence))
  return decision
}

/* Turns of the debounced side */

/** Raises or clears if the present streak is long enough. */
const turn = (policy: Policy, state: Draft, now: number): Decision | undefined => {
  if (state.kernel === null && !state.tickActive) state.kernel = decide(false, null, now, 0).next
  if (!mayTurn(policy, state)) return undefined
  return state.active ? clear(policy, state, now) : raise(policy, state, now)
}

const mayTurn = (policy: Policy, state: Draft): boolean => {
  if (state.tickActive === state.active) return false
  return state.active ? mayClear(policy, state) : mayRaise(policy, state)
}

/** A fact raises at once; a sample when enough ticks in a row, or ticks over a long enough time, have seen it, this tick's own look among them. */
const mayRaise = (policy: Policy, state: Draft): boolean =>
  state.confirmed || (state.tickScheduled && hasHeld(state, policy.raiseForMs, policy.raiseTicks))

const hasHeld = (state: Draft, forMs: number | null, ticks: number): boolean =>
  forMs === null ? streakTicks(state) >= ticks : (state.asOfMs ?? 0) - streakFromMs(state) >= forMs

const mayClear = (policy: Policy, state: Draft): boolean =>
  state.confirmed
    ? state.confirmedClearFromMs !== null && (state.asOfMs ?? 0) - state.confirmedClearFromMs >= policy.confirmedClearMs
    : state.tickScheduled && hasHeld(state, policy.clearForMs, policy.clearTicks)

const raise = (policy: Policy, state: Draft, now: number): Decision | undefined => {
  state.active = true
  state.sinceMs = streakFromMs(state)
  if (state.flapping !== null) {
    state.flapping = { ...state.flapping, raises: state.flapping.raises + 1, ...settleAfresh(policy, now) }
    return undefined
  }
  state.reminders = 0
  state.kernel = decide(true, state.kernel, now, policy.cooldownMs).next
  if (policy.flapRaises === 0) return say(state, "alert", now)
  const raises = [...state.raisesMs.filter((at) => now - at <= policy.flapWindowMs), now]
  state.raisesMs = raises
  if (raises.length < policy.flapRaises) return say(state, "alert", now)
  state.flapping = { sinceMs: raises[0] ?? now, raises: raises.length, ...settleAfresh(policy, now) }
  return say(state, "flapping", now)
}

const clear = (policy: Policy, state: Draft, now: number): Decision | undefined => {
  state.active = false
  state.confirmed = false
  state.confirmedClearFromMs = null
  if (state.flapping !== null) {
    state.flapping = { ...state.flapping, ...settleAfresh(policy, now) }
    return undefined
  }
  state.kernel = decide(false, state.kernel, now, policy.cooldownMs).next
  const decision = say(state, "recover", now)
  state.foundAtStart = false
  return decision
}

/* Time */

/** Unknown: an unfinished streak is worth nothing any more, and a hold cannot go on counting. */
const goStale = (policy: Policy, state: Draft, now: number): void => {
  const staleAtMs = state.seenMs + staleIntervals * policy.intervalMs
  if (state.unknownSinceMs !== null || now < staleAtMs) return
  state.unknownSinceMs = state.seenMs
  state.runTicks = 0
  state.tick = 0
  state.confirmedClearFromMs = null
  pauseSettling(state, staleAtMs)
}

const settleAfresh = (
  policy: Policy,
  now: number
): { readonly settleLeftMs: number; readonly settleFromMs: number } => ({
  settleLeftMs: policy.flapSettleMs,
  settleFromMs: now
})

const pauseSettling = (state: Draft, atMs: number): void => {
  const flapping = state.flapping
  if (flapping === null || flapping.settleFromMs === null) return
  const settleLeftMs = flapping.settleLeftMs - Math.max(0, atMs - flapping.settleFromMs)
  state.flapping = { ...flapping, settleLeftMs, settleFromMs: null }
}

const settle = (state: Draft, now: number): Decision | undefined => {
  const flapping = state.flapping
  if (flapping === null || flapping.settleFromMs === null) return undefined
  if (now - flapping.settleFromMs < flapping.settleLeftMs) return undefined
  const decision = say(state, "settled", now)
  state.flapping = null
  state.raisesMs = []
  state.reminders = 0
  // Whichever side it settled on has just been told: reminders count from here.
  state.kernel = { v: 1, active: state.active, toldMs: now, nowMs: now }
  return decision
}

const reminderWaitMs = (policy: Policy, state: SignalState): number =>
  Math.min(policy.cooldownMs * policy.reminderFactor ** state.reminders, policy.reminderMaxMs)

/** "Still down" is said only when the last look saw it so. */
const mayRemind = (policy: Policy, state: SignalState): boolean =>
  policy.cooldownMs > 0 &&
  state.kernel !== null &&
  state.unknownSinceMs === null &&
  (state.flapping === null
    ? state.active && state.look === "active"
    : state.look === "active" || state.look === "clear")

const remind = (policy: Policy, state: Draft, now: number): Decision | undefined => {
  if (!mayRemind(policy, state)) return undefined
  const { action, next } = decide(true, state.kernel, now, reminderWaitMs(policy, state))
  state.kernel = next
  if (action !== "remind") return undefined
  state.reminders += 1
  return say(state, "remind", now)
}

/** The first moment from which so much has passed. A rounded sum can lie a hair before it: a timer armed there would ring for nothing. */
const due = (fromMs: number, waitMs: number): number => {
  const atMs = fromMs + waitMs
  return atMs - fromMs >= waitMs ? atMs : atMs + Math.abs(atMs) * 2 * Number.EPSILON
}

const deadline = (policy: Policy, state: SignalState): number | undefined => {
  if (state.pending) return state.nowMs
  let soonest = Number.POSITIVE_INFINITY
  if (state.unknownSinceMs === null) soonest = state.seenMs + staleIntervals * policy.intervalMs
  const flapping = state.flapping
  if (flapping !== null && flapping.settleFromMs !== null) {
    soonest = Math.min(soonest, due(flapping.settleFromMs, flapping.settleLeftMs))
  }
  if (state.kernel !== null && mayRemind(policy, state)) {
    soonest = Math.min(soonest, due(state.kernel.toldMs, reminderWaitMs(policy, state)))
  }
  return Number.isFinite(soonest) ? soonest : undefined
}

const say = (state: SignalState, kind: DecisionKind, atMs: number): Decision => ({
  kind,
  atMs,
  active: kind === "gone" ? false : state.active,
  sinceMs: state.flapping === null ? state.sinceMs : state.flapping.sinceMs,
  raises: state.flapping === null ? 1 : state.flapping.raises,
  reminders: state.reminders,
  confirmed: state.confirmed,
  foundAtStart: state.foundAtStart,
  evidence: state.evidence
})
