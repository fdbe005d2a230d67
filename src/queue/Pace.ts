/**
 * When a sink's next message may start. Pure.
 *
 * After quiet, at once. What comes within a window of a message's start joins the next one. In a storm (`stormEntries` within
 * `stormMemoryMs`, told or waiting) the next message waits until nothing has come for a window, or the oldest of what waits has
 * waited `gatherMaxMs`: fifty containers that die within seconds are three messages, not ten.
 */
import type { Pace } from "../sink/Sink.ts"

const minuteMs = 60_000
/** Five signals in a quarter of a minute are more than anyone reads one by one. */
export const stormEntries = 5
/** A tick and a half at the default interval: what dies together is seen at two ticks. */
export const stormMemoryMs = 15_000
/** Nobody who is woken acts within five seconds. */
export const gatherMaxMs = 5_000

/** What is remembered of a sink's messages and of what waits. */
export interface Flow {
  /** The messages of the last minute: when they started, how many entries they had. */
  readonly starts: ReadonlyArray<{ readonly atMs: number; readonly entries: number }>
  /** When something last fell due. */
  readonly arrivedMs: number
  /** Since when something waits; null: nothing does. */
  readonly waitingMs: number | null
}

export const noFlow: Flow = { starts: [], arrivedMs: Number.NEGATIVE_INFINITY, waitingMs: null }

/** Something has fallen due. */
export const arrived = (flow: Flow, nowMs: number): Flow => ({
  ...flow,
  arrivedMs: nowMs,
  waitingMs: flow.waitingMs ?? nowMs
})

/** A message has started; `left` says whether something did not fit into it. */
export const started = (flow: Flow, nowMs: number, entries: number, left: boolean): Flow => ({
  ...flow,
  starts: [...flow.starts.filter(({ atMs }) => nowMs - atMs < minuteMs), { atMs: nowMs, entries }],
  waitingMs: left ? flow.waitingMs : null
})

/** A message has failed: what it said has waited long enough. */
export const failed = (flow: Flow): Flow => ({ ...flow, waitingMs: Number.NEGATIVE_INFINITY })

/**
 * The moment from which the next message may start, for `waiting` entries.
 *
 * Law: never later than a window after the last message for what waits alone, never later than `gatherMaxMs` after what has
 *      waited longest, unless the pace of the sink (`perMinute`) wants it so.
 * `leaving`: there is no time to gather.
 */
export const earliestMs = (pace: Pace, flow: Flow, waiting: number, nowMs: number, leaving: boolean): number => {
  const recent = flow.starts.filter(({ atMs }) => nowMs - atMs < minuteMs)
  const oldest = recent[recent.length - pace.perMinute]
  const last = recent[recent.length - 1]
  return Math.max(
    oldest === undefined ? 0 : oldest.atMs + minuteMs,
    last === undefined ? 0 : last.atMs + pace.windowMs,
    leaving ? 0 : gatheredMs(pace, flow, waiting, nowMs)
  )
}

const gatheredMs = (pace: Pace, flow: Flow, waiting: number, nowMs: number): number => {
  const lately = flow.starts.filter(({ atMs }) => nowMs - atMs < stormMemoryMs)
  if (lately.length === 0) return 0
  const entries = lately.reduce((sum, start) => sum + start.entries, waiting)
  if (entries < stormEntries) return 0
  return Math.min(flow.arrivedMs + pace.windowMs, (flow.waitingMs ?? nowMs) + gatherMaxMs)
}
