/** Why a signal is silent, or loud, right now. */
import { durationText } from "./Entry.ts"
import { type Policy, staleIntervals } from "./Policy.ts"
import type { SignalState } from "./SignalState.ts"

export type Streak =
  | { readonly towards: "raise" | "clear"; readonly ticks: number; readonly needed: number }
  | { readonly towards: "raise" | "clear"; readonly heldMs: number; readonly neededMs: number }

export interface Explanation {
  readonly state: "new" | "clear" | "active" | "flapping"
  /** The streak against the present side, in ticks or in time, as the policy counts; null when nothing is under way. */
  readonly streak: Streak | null
  readonly nextReminderInMs: number | null
  readonly unknownForMs: number | null
  /** One sentence for each thing that speaks or keeps silent, most telling first. */
  readonly because: ReadonlyArray<string>
}

const streak = (policy: Policy, state: SignalState): Explanation["streak"] => {
  if (state.tick === 0 || state.tickActive === state.active) return null
  const towards = state.tickActive ? "raise" : "clear"
  const continues = state.runTicks > 0 && state.runActive === state.tickActive
  const neededMs = state.tickActive ? policy.raiseForMs : policy.clearForMs
  if (neededMs !== null) {
    const fromMs = continues ? state.runFromMs : state.tickFromMs
    return { towards, heldMs: (state.asOfMs ?? fromMs) - fromMs, neededMs }
  }
  const needed = state.tickActive ? policy.raiseTicks : policy.clearTicks
  return { towards, ticks: 1 + (continues ? state.runTicks : 0), needed }
}

/** An unfinished streak in words, e.g. `2 of 3 ticks towards an alert`. */
export const streakText = (streak: Streak): string => {
  const held =
    "ticks" in streak
      ? `${streak.ticks} of ${streak.needed} ticks`
      : `seen for ${durationText(streak.heldMs)} of ${durationText(streak.neededMs)}`
  return `${held} towards ${streak.towards === "raise" ? "an alert" : "a recovery"}`
}

const needText = (policy: Policy): string => {
  if (policy.raiseForMs === null) return `needs ${policy.raiseTicks} ticks seen active to alert`
  return policy.raiseForMs === 0
    ? "needs to be seen active once to alert"
    : `needs to be seen active for ${durationText(policy.raiseForMs)} to alert`
}

const reminderInMs = (policy: Policy, state: SignalState, nowMs: number): number | null => {
  if (policy.cooldownMs === 0 || state.kernel === null || !(state.active || state.flapping)) return null
  const waitMs = Math.min(policy.cooldownMs * policy.reminderFactor ** state.reminders, policy.reminderMaxMs)
  return Math.max(0, state.kernel.toldMs + waitMs - nowMs)
}

const holds = (policy: Policy, state: SignalState, nowMs: number): ReadonlyArray<string> => {
  const said: Array<string> = []
  if (state.unknownSinceMs !== null)
    said.push(`not seen for ${durationText(nowMs - state.unknownSinceMs)}: unknown, nothing fires and nothing recovers`)
  if (state.look === "missed") said.push(`the last look was missed: ${state.lookReason}`)
  if (state.look === "held") said.push(`held on purpose: ${state.lookReason}`)
  if (state.flapping !== null) {
    const leftMs =
      state.flapping.settleLeftMs - (state.flapping.settleFromMs === null ? 0 : nowMs - state.flapping.settleFromMs)
    said.push(
      `flapping, ${state.flapping.raises} raises: silent until one side has held for another ${durationText(Math.max(0, leftMs))}`
    )
  }
  if (state.active && state.confirmed)
    said.push(`a confirmed fault: clears after ${durationText(policy.confirmedClearMs)} of clear looks`)
  return said
}

/**
 * Says what holds a signal silent or makes it loud. Pure; every suppression of `step` is visible here.
 *
 * Units: nowMs and all results in milliseconds of the state's monotonic clock.
 */
export const explain = (state: SignalState | null, policy: Policy, nowMs: number): Explanation => {
  if (state === null) {
    return { state: "new", streak: null, nextReminderInMs: null, unknownForMs: null, because: ["not looked at yet"] }
  }
  const now = Math.max(nowMs, state.nowMs)
  const towards = streak(policy, state)
  const nextReminderInMs = reminderInMs(policy, state, now)
  const because = [...holds(policy, state, now)]
  if (towards !== null) because.push(streakText(towards))
  if (state.active || state.flapping)
    because.push(nextReminderInMs === null ? "reminders are off" : `next reminder in ${durationText(nextReminderInMs)}`)
  if (because.length === 0) {
    because.push(state.kernel === null ? needText(policy) : "seen clear at the last look")
  }
  return {
    state: state.flapping !== null ? "flapping" : state.active ? "active" : state.kernel === null ? "new" : "clear",
    streak: towards,
    nextReminderInMs,
    unknownForMs: state.unknownSinceMs === null ? null : now - state.unknownSinceMs,
    because
  }
}

/** When a signal that stops being seen becomes unknown, in milliseconds after it was last seen. */
export const unknownAfterMs = (policy: Policy): number => staleIntervals * policy.intervalMs
