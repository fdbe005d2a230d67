/** The kernel of every decision: four arguments, pure, total. */

export type Action = "none" | "alert" | "remind" | "recover"

/** Plain, serialisable, versioned. Times are milliseconds of one monotonic clock. */
export interface DecideState {
  readonly v: 1
  readonly active: boolean
  /** When the last alert or reminder was decided (not delivered). */
  readonly toldMs: number
  /** The newest time seen; an older `now` counts as no time passed. */
  readonly nowMs: number
}

export interface Decided {
  readonly action: Action
  readonly next: DecideState
}

/**
 * Decides whether one verdict on one signal is worth telling.
 *
 * | prev          | signal | elapsed since last alert or reminder | action  |
 * | none or clear | active | any                                  | alert   |
 * | active        | active | < cooldown                           | none    |
 * | active        | active | >= cooldown (cooldown > 0)           | remind  |
 * | active        | clear  | any                                  | recover |
 * | none or clear | clear  | any                                  | none    |
 *
 * Shape:  (signalActive, prev, now, cooldown) -> { action, next }.
 * Units:  milliseconds of one monotonic clock. `cooldown` 0 means no repeat of any kind.
 * Law:    the same arguments give the same result; two alerts never follow each other without a recover between.
 * Fails:  never. A `now` before the last one counts as no time passed.
 */
export const decide = (
  signalActive: boolean,
  prev: DecideState | null | undefined,
  now: number,
  cooldown: number
): Decided => {
  const nowMs = prev ? Math.max(prev.nowMs, now) : now
  if (!prev?.active) {
    return signalActive
      ? { action: "alert", next: { v: 1, active: true, toldMs: nowMs, nowMs } }
      : { action: "none", next: { v: 1, active: false, toldMs: prev?.toldMs ?? nowMs, nowMs } }
  }
  if (!signalActive) return { action: "recover", next: { v: 1, active: false, toldMs: prev.toldMs, nowMs } }
  return cooldown > 0 && nowMs - prev.toldMs >= cooldown
    ? { action: "remind", next: { v: 1, active: true, toldMs: nowMs, nowMs } }
    : { action: "none", next: { v: 1, active: true, toldMs: prev.toldMs, nowMs } }
}
