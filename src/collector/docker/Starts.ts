/**
 * How often a container starts, and when that is a restart loop.
 *
 * Two sources count the same starts, the engine's events and its inspects, and either may come first or not at all: each start is
 * counted once.
 */
import { type ContainerState, type InspectDocument, loopText } from "./Container.ts"

/** A restart loop: this many starts within the window, whatever state was sampled; it ends below that, after a run of `loopRunMs`. */
const loopStarts = 3
const loopWindowMs = 60_000
/** Docker resets its own restart back-off after a run this long (moby restartmanager). */
const loopRunMs = 10_000

/** What is remembered of one container's starts. */
export interface Starts {
  /** Times of starts within the loop window. */
  startsMs: ReadonlyArray<number>
  /** Starts that events have told of since the last inspect, which is going to count them too. */
  startsHeard: number
  /** Starts that an inspect has counted before their events came, and when. */
  startsAhead: number
  startsAheadMs: number
  looping: boolean
}

export const noStarts: Readonly<Starts> = {
  startsMs: [],
  startsHeard: 0,
  startsAhead: 0,
  startsAheadMs: 0,
  looping: false
}

/** A start that an event tells of, unless an inspect has counted it already. One after a stop that was meant makes no loop. */
export const hearStart = (memory: Starts, atMs: number, meant = false): void => {
  if (memory.startsAhead > 0 && atMs - memory.startsAheadMs <= startsAheadMaxMs) {
    memory.startsAhead -= 1
    if (meant) memory.startsMs = memory.startsMs.slice(0, -1)
    return
  }
  memory.startsAhead = 0
  memory.startsHeard += 1
  if (!meant) addStarts(memory, 1, atMs)
}

/** An event is read within a second of what it tells, or it was lost. */
const startsAheadMaxMs = 1_000

export const addStarts = (memory: Starts, starts: number, nowMs: number): void => {
  const times = Array.from({ length: Math.min(starts, 100) }, () => nowMs)
  memory.startsMs = [...memory.startsMs, ...times]
}

/** The starts since the inspect before this one, but those that events have told of. */
export const countStarts = (
  memory: Starts,
  before: InspectDocument,
  inspected: InspectDocument,
  listening: boolean,
  nowMs: number
): void => {
  const heard = memory.startsHeard
  memory.startsHeard = 0
  const more = restartsDone(inspected) - restartsDone(before)
  const startedAgain = inspected.State.StartedAt !== before.State.StartedAt
  // A count that fell was reset by a manual start or by the engine: one start then, as the time of it says.
  const starts = more > 0 ? more : startedAgain ? 1 : 0
  if (starts <= heard) return
  addStarts(memory, starts - heard, nowMs)
  memory.startsAhead = listening ? starts - heard : 0
  memory.startsAheadMs = nowMs
}

/** The engine counts a restart when the container has died: in the back-off the last one is still to come. */
const restartsDone = ({ RestartCount, State }: InspectDocument): number =>
  (RestartCount ?? 0) - (State.Restarting === true ? 1 : 0)

/** What a restart loop is called, if this is one. */
export const loopTextOf = (
  memory: Starts,
  nowMs: number,
  ended: { readonly exitCode: number | null; readonly oom: boolean }
): string | undefined => {
  updateLoop(memory, { _tag: "Restarting", ...ended }, 0, nowMs)
  return memory.looping ? loopText({ starts: memory.startsMs.length, looping: true }, ended) : undefined
}

export const updateLoop = (memory: Starts, state: ContainerState, uptimeMs: number, nowMs: number): void => {
  memory.startsMs = memory.startsMs.filter((at) => nowMs - at <= loopWindowMs)
  const many = memory.startsMs.length >= loopStarts
  const steady = state._tag === "Running" && uptimeMs > loopRunMs
  // At rest it loops no more: the engine gave up, or somebody stopped it.
  const alive = state._tag === "Running" || state._tag === "Restarting"
  memory.looping = many || (memory.looping && alive && !steady)
}
