/**
 * One signal under one policy: its state, and its timer, which rings between the looks as the monitor's does.
 */
import { type Decision, type Input, type Policy, type SignalState, elapsed, step } from "../decision/index.ts"

/**
 * Rings between two inputs. A signal that is not looked at is unknown after 3.5 intervals and then waits for nothing: only a
 * hostile log gets here.
 */
const ringsMax = 10_000

/** Sums of fractions of a millisecond are not exact: what is due may need a moment more to be. */
const aMomentMs = 0.001

export class Track {
  state: SignalState | null
  #deadlineMs: number | undefined = undefined
  /** Timers that were not rung because there were too many. */
  cut = 0

  constructor(state: SignalState | null = null, nowMs = 0) {
    this.state = state
    // What was handed over may be due: as the monitor does, ask at once.
    if (state !== null) this.#deadlineMs = nowMs
  }

  /** Lets time pass: everything that falls due up to and at `toMs`. */
  pass(policy: Policy, toMs: number, told: (decision: Decision) => void): void {
    for (let rings = 0; this.state !== null && this.#deadlineMs !== undefined && this.#deadlineMs <= toMs; rings++) {
      if (rings === ringsMax) {
        this.cut += 1
        this.#deadlineMs = undefined
        return
      }
      const nowMs = Math.max(this.#deadlineMs, this.state.nowMs)
      const decided = this.#step(policy, elapsed, nowMs, told)
      if (!decided && this.#deadlineMs !== undefined && this.#deadlineMs <= nowMs) {
        this.#deadlineMs = nowMs + aMomentMs
      }
    }
  }

  /** Gives one input, and before it the time up to it. */
  feed(policy: Policy, input: Input, nowMs: number, told: (decision: Decision) => void): void {
    this.pass(policy, nowMs, told)
    this.#step(policy, input, nowMs, told)
  }

  /** True if something was told. */
  #step(policy: Policy, input: Input, nowMs: number, told: (decision: Decision) => void): boolean {
    const stepped = step(policy, this.state, input, nowMs)
    this.state = stepped.state
    this.#deadlineMs = stepped.deadlineMs
    if (stepped.decision !== undefined) told(stepped.decision)
    return stepped.decision !== undefined
  }
}
