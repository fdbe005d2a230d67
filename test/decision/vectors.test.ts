/** The conformance vectors, written by hand from the rules; the format is in vectors/README.md. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import {
  type Input,
  type Policy,
  type SignalState,
  decide,
  makePolicy,
  noEvidence,
  step
} from "../../src/decision/index.ts"

type DecideVector = {
  readonly name: string
  readonly steps: ReadonlyArray<{ signalActive: boolean; nowMs: number; cooldownMs: number; expect: string }>
}
type Compact = Readonly<Record<string, unknown>> | "elapsed"
type StepVector = {
  readonly name: string
  readonly rule: string
  readonly policy: Partial<Policy>
  readonly steps: ReadonlyArray<{
    readonly nowMs: number
    readonly input: Compact
    readonly expect: Readonly<Record<string, unknown>>
    readonly deadlineMs?: number | null
  }>
}

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`vectors/${name}.json`, import.meta.url), "utf8"))

const expand = (compact: Compact, nowMs: number): Input => {
  if (compact === "elapsed") return { _tag: "Elapsed" }
  if ("retired" in compact) return { _tag: "Retired", reason: String(compact["retired"]) }
  const look = {
    tick: Number(compact["tick"]),
    asOfMs: Number(compact["asOfMs"] ?? nowMs),
    scheduled: compact["scheduled"] !== false
  }
  if ("missed" in compact)
    return { _tag: "Missed", ...look, held: compact["held"] === true, reason: String(compact["missed"]) }
  return {
    _tag: "Seen",
    ...look,
    active: compact["seen"] === "active",
    confirmed: compact["confirmed"] === true,
    value: (compact["value"] as number | undefined) ?? null,
    first: compact["first"] === true,
    evidence: noEvidence
  }
}

const decideVectors = read("decide") as ReadonlyArray<DecideVector>
const stepVectors = read("step") as ReadonlyArray<StepVector>

describe("decide, vectors", () => {
  it("are there", () => assert.isAbove(decideVectors.length, 20))

  it.each(decideVectors.map((vector) => [vector.name, vector] as const))("%s", (_, vector) => {
    let state = undefined as Parameters<typeof decide>[1]
    for (const [at, one] of vector.steps.entries()) {
      const { action, next } = decide(one.signalActive, state, one.nowMs, one.cooldownMs)
      state = next
      assert.strictEqual(action, one.expect, `step ${at + 1}`)
    }
  })
})

describe("step, vectors", () => {
  it("are there", () => assert.isAbove(stepVectors.length, 100))

  it.each(stepVectors.map((vector) => [`${vector.rule}: ${vector.name}`, vector] as const))("%s", (_, vector) => {
    const made = makePolicy(vector.policy)
    assert.isTrue(made.ok)
    if (!made.ok) return
    let state: SignalState | null = null
    for (const [at, one] of vector.steps.entries()) {
      const stepped = step(made.policy, state, expand(one.input, one.nowMs), one.nowMs)
      state = stepped.state
      const found: Record<string, unknown> = { ...stepped.decision, kind: stepped.decision?.kind ?? null }
      for (const [name, wanted] of Object.entries(one.expect)) {
        assert.deepStrictEqual(found[name], wanted, `step ${at + 1} at ${one.nowMs}: ${name}`)
      }
      if (one.deadlineMs !== undefined) {
        assert.strictEqual(stepped.deadlineMs ?? null, one.deadlineMs, `step ${at + 1} at ${one.nowMs}: deadlineMs`)
      }
    }
  })
})
