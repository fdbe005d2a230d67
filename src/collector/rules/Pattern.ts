/**
 * Regular expressions as Prometheus reads them (RE2, anchored at both ends), matched in linear time.
 *
 * Not JavaScript's: its engine backtracks, so that `(a+)+$` on one label of 32 letters held the only thread for 43 s (Node 24), and
 * no cap on lengths cures that. Here a pattern becomes an automaton whose states are made when a value first needs them.
 */
import { Result } from "effect"
import { type Node, type Ranges, readPattern } from "./PatternText.ts"

/** A pattern ready to be asked. */
export interface Pattern {
  /** True if the whole value matches. */
  readonly test: (value: string) => boolean
}

/** States kept of one automaton; beyond, it forgets them all and makes those it needs again. */
const statesMax = 1_000

type Instruction =
  | { readonly _tag: "Set"; readonly ranges: Ranges; readonly next: number }
  | { readonly _tag: "Begin" | "End"; readonly next: number }
  | { readonly _tag: "Split"; next: ReadonlyArray<number> }
  | { readonly _tag: "Match" }

/** Writes a node so that it goes on at `next`; returns where it begins. Backwards, so that every target is known. */
const write = (program: Array<Instruction>, node: Node, next: number): number => {
  switch (node._tag) {
    case "Set":
      return program.push({ _tag: "Set", ranges: node.ranges, next }) - 1
    case "Begin":
    case "End":
      return program.push({ _tag: node._tag, next }) - 1
    case "Sequence":
      return node.of.reduceRight((then, part) => write(program, part, then), next)
    case "Choice":
      return program.push({ _tag: "Split", next: node.of.map((part) => write(program, part, next)) }) - 1
    case "Repeat":
      return writeRepeat(program, node, next)
  }
}

const writeRepeat = (program: Array<Instruction>, node: Node & { _tag: "Repeat" }, next: number): number => {
  let then = next
  if (Number.isFinite(node.most)) {
    for (let more = node.least; more < node.most; more++) {
      then = program.push({ _tag: "Split", next: [write(program, node.of, then), next] }) - 1
    }
  } else {
    const split: { readonly _tag: "Split"; next: ReadonlyArray<number> } = { _tag: "Split", next: [] }
    then = program.push(split) - 1
    split.next = [write(program, node.of, then), next]
  }
  for (let times = 0; times < node.least; times++) then = write(program, node.of, then)
  return then
}

/* The automaton */

interface State {
  readonly at: ReadonlyArray<number>
  readonly accepts: boolean
  readonly next: Array<State | undefined>
}

/** Where a walk can stand without reading a character more. */
const reach = (
  program: ReadonlyArray<Instruction>,
  from: ReadonlyArray<number>,
  isBegin: boolean,
  isEnd: boolean
): ReadonlyArray<number> => {
  const seen = new Set(from)
  const stands: Array<number> = []
  const open = [...seen]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const instruction = program[at]
    if (instruction === undefined) continue
    const passes =
      instruction._tag === "Split"
        ? instruction.next
        : (instruction._tag === "Begin" && isBegin) || (instruction._tag === "End" && isEnd)
          ? [instruction.next]
          : []
    if (passes.length === 0 && instruction._tag !== "Begin") stands.push(at)
    for (const next of passes) {
      if (seen.has(next)) continue
      seen.add(next)
      open.push(next)
    }
  }
  return stands.sort((a, b) => a - b)
}

const stateOf = (program: ReadonlyArray<Instruction>, at: ReadonlyArray<number>, isBegin: boolean): State => ({
  at,
  accepts: reach(program, at, isBegin, true).some((index) => program[index]?._tag === "Match"),
  next: []
})

/** Where sets begin or end: characters between two borders are all the same to the pattern. */
const bordersOf = (program: ReadonlyArray<Instruction>): ReadonlyArray<number> => {
  const borders = new Set([0])
  for (const instruction of program) {
    if (instruction._tag !== "Set") continue
    for (const [from, to] of instruction.ranges) borders.add(from).add(to + 1)
  }
  return [...borders].sort((a, b) => a - b)
}

/** The last border at or before this code. */
const classOf = (borders: ReadonlyArray<number>, code: number): number => {
  let low = 0
  let high = borders.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((borders[middle] ?? 0) <= code) low = middle
    else high = middle - 1
  }
  return low
}

const asciiCodes = 128

const makeAutomaton = (program: ReadonlyArray<Instruction>, entry: number): Pattern => {
  const borders = bordersOf(program)
  const ascii = Uint16Array.from({ length: asciiCodes }, (_, code) => classOf(borders, code))
  let states = new Map<string, State>()
  let start: State | undefined
  const begin = (): State => stateOf(program, reach(program, [entry], true, false), true)

  const follow = (state: State, kind: number): State => {
    const code = borders[kind] ?? 0
    const targets = state.at.flatMap((index) => {
      const instruction = program[index]
      return instruction?._tag === "Set" && instruction.ranges.some(([from, to]) => from <= code && code <= to)
        ? [instruction.next]
        : []
    })
    const at = reach(program, targets, false, false)
    const key = at.join()
    const known = states.get(key)
    if (known !== undefined) return (state.next[kind] = known)
    if (states.size >= statesMax) {
      // All at once: who points to whom is not known.
      states = new Map()
      start = undefined
    }
    const made = stateOf(program, at, false)
    states.set(key, made)
    return (state.next[kind] = made)
  }

  const test = (value: string): boolean => {
    let state = (start ??= begin())
    for (let at = 0; at < value.length; at++) {
      const code = value.codePointAt(at) ?? 0
      if (code > 0xffff) at++
      const kind = code < asciiCodes ? (ascii[code] ?? 0) : classOf(borders, code)
      state = state.next[kind] ?? follow(state, kind)
      if (state.at.length === 0) return false
    }
    return state.accepts
  }
  return { test }
}

/**
 * Compiles a pattern.
 *
 * Law:   `test` takes time linear in the value, whatever the pattern and the value are; it never throws.
 * Fails: with what is wrong, or not supported, in words that follow "the pattern ...: ".
 */
export const compilePattern = (source: string): Result.Result<Pattern, string> =>
  Result.map(readPattern(source), (node) => {
    const program: Array<Instruction> = [{ _tag: "Match" }]
    return makeAutomaton(program, write(program, node, 0))
  })
