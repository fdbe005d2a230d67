/** Who is required and not there: no look finds them, so that they are told of is not any look's doing. */
import { durationText } from "../../decision/index.ts"
import type { SignalLook } from "../Collector.ts"
import { containerAlarm } from "./Container.ts"
import { type Known, type Memory, type Present, look } from "./Memory.ts"
import { isPlain, matches } from "./Selection.ts"

/** Who is required and not there: by plain name, or by the label on what was last listed. */
export const missingRequired = (
  known: Known,
  present: ReadonlyArray<Present>,
  nowMs: number
): ReadonlyArray<SignalLook> => {
  const named = missingNamed(known, present, nowMs)
  const told = new Set([
    ...present.map(({ identity }) => identity.name),
    ...named.map(({ spec }) => spec.signal.slice("container:".length))
  ])
  const labelled = [...known.memories.values()].filter(
    ({ tuning, identity }) => tuning.required && !told.has(identity.name)
  )
  return [...named, ...labelled.map((memory) => missing(known, memory.identity.name, memory, nowMs))]
}

/** A plain name that matches nothing is missing, under that name; once told so it is also told when it is there. */
const missingNamed = (known: Known, present: ReadonlyArray<Present>, nowMs: number): ReadonlyArray<SignalLook> =>
  known.wanted.filter(isPlain).flatMap((name) => {
    const found = present.find((one) => matches(name, one.identity))
    if (found !== undefined) {
      const clear = { _tag: "Clear", evidence: { summary: `there, as ${found.identity.name}`, details: [] } } as const
      return known.stoodIn.has(name) && found.identity.name !== name ? [look(known, name, clear)] : []
    }
    const remembered = [...known.memories.values()].find((memory) => matches(name, memory.identity))
    if (remembered === undefined) known.stoodIn.add(name)
    return [missing(known, remembered?.identity.name ?? name, remembered, nowMs)]
  })

const missing = (known: Known, name: string, remembered: Memory | undefined, nowMs: number): SignalLook => {
  const sinceMs = remembered?.listedMs ?? known.startMs
  const grace =
    nowMs - sinceMs < known.graceMs
      ? `held for ${durationText(sinceMs + known.graceMs - nowMs)} more (deploy grace)`
      : null
  const verdict = containerAlarm({ _tag: "Missing" }, { expected: true, starts: 0, looping: false, grace, context: [] })
  return look(known, name, verdict, remembered?.tuning)
}
