/** How things are, in one sentence: what is read first, spoken aloud on a change, and stands in the browser's tab. */
import type { SignalView, Snapshot } from "../Snapshot.ts"
import type { Shape } from "./Marks.ts"

export interface Headline {
  readonly shape: Shape
  /** `2 things are wrong`. */
  readonly words: string
  /** Which, and what else stands in the way of saying that all is well. Changes only when one of these does. */
  readonly which: string
  /** For the tab: `2 wrong`. */
  readonly short: string
}

const ranks: Readonly<Record<SignalView["state"], number>> = {
  active: 0,
  flapping: 1,
  unknown: 2,
  held: 3,
  new: 4,
  clear: 5
}

/** Worst first: what is muted after what is not, critical before warning, the oldest first. */
const worstFirst = (one: SignalView, other: SignalView): number =>
  Number(one.muted !== null) - Number(other.muted !== null) ||
  ranks[one.state] - ranks[other.state] ||
  Number(one.severity === "warning") - Number(other.severity === "warning") ||
  (one.since ?? "").localeCompare(other.since ?? "", "en") ||
  one.id.localeCompare(other.id, "en")

export const isWrong = (signal: SignalView): boolean => signal.state === "active" || signal.state === "flapping"

/** What a person must know of now, worst first: what is wrong, then what nobody can see. */
export const wrongOf = (snapshot: Snapshot): ReadonlyArray<SignalView> =>
  snapshot.signals.filter((signal) => isWrong(signal) || signal.state === "unknown").sort(worstFirst)

/** Signals of each state, those that exist, worst first: `5 active`, `55 clear`. */
export const countsOf = (
  signals: ReadonlyArray<SignalView>
): ReadonlyArray<readonly [state: SignalView["state"], count: number]> =>
  (Object.keys(ranks) as ReadonlyArray<SignalView["state"]>)
    .map((state) => [state, signals.filter((signal) => signal.state === state).length] as const)
    .filter(([, count]) => count > 0)

/** More names than this are a list, not a sentence. */
const namesMax = 4

const named = (ids: ReadonlyArray<string>): string =>
  ids.length <= namesMax
    ? ids.join(", ")
    : `${ids.slice(0, namesMax - 1).join(", ")} and ${ids.length - namesMax + 1} more`

const counted = (count: number, one: string, many: string): string => (count === 1 ? one : `${count} ${many}`)

/**
 * Law: "All is well" is said only where every signal has been seen clear or is held on purpose, the watchdog itself is healthy,
 * and every sink is able.
 */
export const headlineOf = (snapshot: Snapshot): Headline => {
  const wrong = wrongOf(snapshot).filter(isWrong)
  const ids = (state: SignalView["state"]): ReadonlyArray<string> =>
    snapshot.signals.filter((signal) => signal.state === state).map((signal) => signal.id)
  const [unknown, undecided] = [ids("unknown"), ids("new")]
  const blind = snapshot.collectors.filter((collector) => !collector.off && collector.problem !== null)
  const red = snapshot.sinks.filter((sink) => sink.red)
  const muted = wrong.filter((signal) => signal.muted !== null).length
  const which = [
    ...(wrong.length > 0 ? [named(wrong.map((signal) => signal.id))] : []),
    ...(muted > 0 ? [`${muted} of them muted`] : []),
    ...(unknown.length > 0 ? [`cannot see ${named(unknown)}`] : []),
    ...(snapshot.healthy ? [] : [`the watchdog itself is not well: ${named(snapshot.reasons)}`]),
    ...(red.length > 0 ? [`cannot tell by ${named(red.map((sink) => sink.name))}`] : []),
    ...(blind.length > 0 ? [`${named(blind.map((collector) => collector.name))} cannot see all of its source`] : []),
    ...(undecided.length > 0 ? [`${undecided.length} not decided yet`] : [])
  ].join("; ")
  if (wrong.length > 0) {
    const words = counted(wrong.length, "1 thing is wrong", "things are wrong")
    return { shape: "critical", words, which, short: `${wrong.length} wrong` }
  }
  if (!snapshot.healthy) {
    return { shape: "critical", words: "The watchdog itself is not well", which, short: "not well" }
  }
  if (red.length > 0)
    return { shape: "critical", words: "Nothing is wrong, but it could not be told", which, short: "mute" }
  if (unknown.length > 0 || blind.length > 0) {
    const words = "Nothing is known to be wrong, but not everything can be seen"
    return { shape: "unknown", words, which, short: "partly blind" }
  }
  if (snapshot.signals.length === 0) {
    return { shape: "unknown", words: "Nothing is watched yet", which: "", short: "nothing watched" }
  }
  if (undecided.length > 0) return { shape: "clear", words: "All is well so far", which, short: "well so far" }
  return { shape: "clear", words: "All is well", which, short: "all well" }
}
