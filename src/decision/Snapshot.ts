/**
 * A signal's state outside of its process: plain JSON with a version, its times tied to the anchor they were taken at.
 *
 * A monotonic clock means nothing in another process, a wall clock may have been set meanwhile; so every time is an age, and
 * ages grow by the wall time that passed, never by less than nothing.
 */
import type { SignalState } from "./SignalState.ts"

/** One moment on both clocks, in one run. */
export interface Anchor {
  readonly wallMs: number
  readonly monotonicMs: number
  readonly runId: string
}

export interface FrozenState {
  readonly v: 1
  readonly anchor: Anchor
  readonly state: SignalState
}

export const freezeState = (state: SignalState, anchor: Anchor): FrozenState => ({ v: 1, anchor, state })

/**
 * Brings a frozen state into the clock of another run.
 *
 * Law:   within one run it changes nothing but the clock's shift (zero); ages never shrink.
 * Fails: returns undefined for a version this code does not know.
 */
export const thawState = (frozen: FrozenState, into: Anchor): SignalState | undefined => {
  if (frozen.v !== 1 || frozen.state.v !== 1) return undefined
  const passedMs =
    frozen.anchor.runId === into.runId
      ? into.monotonicMs - frozen.anchor.monotonicMs
      : Math.max(0, into.wallMs - frozen.anchor.wallMs)
  const shiftMs = into.monotonicMs - frozen.anchor.monotonicMs - Math.max(0, passedMs)
  const sameRun = frozen.anchor.runId === into.runId
  return { ...shifted(frozen.state, shiftMs), ...(sameRun ? {} : newTicks(frozen.state)) }
}

const shifted = (state: SignalState, byMs: number): SignalState => ({
  ...state,
  nowMs: state.nowMs + byMs,
  bornMs: state.bornMs + byMs,
  kernel: state.kernel && { ...state.kernel, toldMs: state.kernel.toldMs + byMs, nowMs: state.kernel.nowMs + byMs },
  sinceMs: state.sinceMs + byMs,
  raisesMs: state.raisesMs.map((at) => at + byMs),
  flapping: state.flapping && {
    ...state.flapping,
    sinceMs: state.flapping.sinceMs + byMs,
    settleFromMs: state.flapping.settleFromMs === null ? null : state.flapping.settleFromMs + byMs
  },
  confirmedClearFromMs: state.confirmedClearFromMs === null ? null : state.confirmedClearFromMs + byMs,
  runFromMs: state.runFromMs + byMs,
  tickFromMs: state.tickFromMs + byMs,
  asOfMs: state.asOfMs === null ? null : state.asOfMs + byMs,
  seenMs: state.seenMs + byMs,
  unknownSinceMs: state.unknownSinceMs === null ? null : state.unknownSinceMs + byMs
})

/** Ticks are numbered per run: the unfinished one is folded away with its streak, or the next ticks would look old. */
const newTicks = (state: SignalState): Partial<SignalState> =>
  state.tick === 0 ? {} : { tick: 0, tickScheduled: false, runTicks: 0 }
