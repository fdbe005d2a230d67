/**
 * Flat JSON: an object of numbers and booleans, as hand-written status pages answer.
 */
import { noLabels, samplesMax, type Mode, type Sample } from "./Sample.ts"
import { excerpt } from "./Visible.ts"

// Status pages nest two or three levels. The bound keeps a hostile body from exhausting the stack.
export const depthMax = 32

export interface FlatReading {
  readonly samples: ReadonlyArray<Sample>
  readonly warnings: ReadonlyArray<string>
}

interface Walk {
  readonly samples: Map<string, Sample>
  /** Names that came from two places, such as `{"a_b": 1, "a": {"b": 2}}`. */
  readonly repeated: Set<string>
  arrays: number
  beyond: number
  tooDeep: boolean
}

const numberOf = (value: unknown): number | undefined => {
  if (typeof value === "boolean") return value ? 1 : 0
  return typeof value === "number" ? value : undefined
}

const keep = (walk: Walk, name: string, value: number): void => {
  if (walk.samples.has(name)) walk.repeated.add(name)
  else if (walk.samples.size >= samplesMax) walk.beyond++
  else walk.samples.set(name, { name, labels: noLabels, value, timestampMs: undefined })
}

const flatten = (walk: Walk, object: object, prefix: string, depth: number): void => {
  if (depth > depthMax) {
    walk.tooDeep = true
    return
  }
  for (const [key, value] of Object.entries(object)) {
    const name = prefix === "" ? key : `${prefix}_${key}`
    const number = numberOf(value)
    if (number !== undefined) keep(walk, name, number)
    else if (Array.isArray(value)) walk.arrays++
    else if (typeof value === "object" && value !== null) flatten(walk, value, name, depth + 1)
  }
}

const parse = (body: string): { readonly value: unknown } | { readonly problem: string } => {
  // The only way to ask JSON.parse; the failure becomes a value at once.
  try {
    return { value: JSON.parse(body) as unknown }
  } catch (cause) {
    return { problem: cause instanceof Error ? excerpt(cause.message) : "" }
  }
}

const warningsOf = (walk: Walk): ReadonlyArray<string> => {
  const warnings: Array<string> = []
  if (walk.arrays > 0) warnings.push(`JSON arrays are not read: ${walk.arrays} left out`)
  const [first] = walk.repeated
  if (first !== undefined) warnings.push(`two JSON values are both named "${excerpt(first)}": the first is kept`)
  if (walk.beyond > 0) warnings.push(`only the first ${samplesMax} samples are kept, ${walk.beyond} are left out`)
  return warnings
}

const judge = (walk: Walk, mode: Mode): FlatReading | string => {
  if (walk.tooDeep) return `JSON nested deeper than ${depthMax} levels`
  if (walk.samples.size === 0) return "a JSON object without a single number or boolean"
  const warnings = warningsOf(walk)
  if (mode === "strict" && warnings[0] !== undefined) return warnings[0]
  return { samples: [...walk.samples.values()], warnings }
}

/**
 * Reads a JSON object of numbers.
 *
 * Shape:  (body, mode) -> reading, or why it is refused. `{"queue": {"depth": 3}, "up": true}` gives `queue_depth` 3 and
 *         `up` 1. Strings and nulls are passed over: pages carry versions and names; arrays too, with a warning.
 * Law:    linear; never throws.
 * Gotcha: keys keep their spelling, `http.requests` stays `http.requests`.
 */
export const readFlatJson = (body: string, mode: Mode): FlatReading | string => {
  if (/^\s*\[/.test(body)) return "a JSON array, not an object of numbers"
  const parsed = parse(body)
  if ("problem" in parsed) return `JSON that does not parse: ${parsed.problem}`
  if (typeof parsed.value !== "object" || parsed.value === null) return "JSON that is not an object of numbers"
  const walk: Walk = { samples: new Map(), repeated: new Set(), arrays: 0, beyond: 0, tooDeep: false }
  flatten(walk, parsed.value, "", 1)
  return judge(walk, mode)
}
