/** Generated histories of one signal: what looks, timers and retirements can do to it, in any order and at any pace. */
import { Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import { type Input, type Policy, type SignalState, type Stepped, makePolicy, step } from "../../src/decision/index.ts"

const Move = Schema.Struct({
  does: Schema.Literals([
    "active",
    "active",
    "active",
    "clear",
    "clear",
    "confirmed",
    "extra active",
    "extra clear",
    "missed",
    "held",
    "elapsed",
    "stale active",
    "stale clear",
    "retired"
  ]),
  waitMs: Schema.Literals([0, 1, 900, 5_000, 10_000, 10_000, 10_000, 34_999, 35_000, 60_000, 400_000])
})
export type Move = typeof Move.Type

export const moves: Arbitrary.Arbitrary<ReadonlyArray<Move>> = Arbitrary.array(Arbitrary.schema(Move), {
  maxLength: 60
})

export const policies: Arbitrary.Arbitrary<Policy> = Arbitrary.map(
  Arbitrary.schema(
    Schema.Struct({
      raiseTicks: Schema.Literals([1, 2, 3]),
      clearTicks: Schema.Literals([1, 2, 3]),
      raiseForMs: Schema.NullOr(Schema.Literals([0, 10_000, 25_000])),
      clearForMs: Schema.NullOr(Schema.Literals([0, 10_000, 25_000])),
      cooldownMs: Schema.Literals([0, 20_000, 60_000]),
      reminderFactor: Schema.Literals([1, 2]),
      reminderMaxMs: Schema.Literals([50_000, 86_400_000]),
      flapRaises: Schema.Literals([0, 2, 4]),
      flapWindowMs: Schema.Literals([60_000, 900_000]),
      flapSettleMs: Schema.Literals([15_000, 300_000])
    })
  ),
  (differs) => policyOf(differs)
)

export const policyOf = (differs: Partial<Omit<Policy, "v">>): Policy => {
  const made = makePolicy(differs)
  if (!made.ok) throw new Error(made.reasons.join("; "))
  return made.policy
}

export const seen = (
  active: boolean,
  tick: number,
  asOfMs: number,
  more: Partial<Extract<Input, { _tag: "Seen" }>> = {}
): Extract<Input, { _tag: "Seen" }> => ({
  _tag: "Seen",
  active,
  tick,
  asOfMs,
  scheduled: true,
  confirmed: false,
  value: null,
  first: false,
  evidence: { summary: `seen at ${asOfMs}`, details: [] },
  ...more
})

export const missed = (tick: number, asOfMs: number, held = false): Extract<Input, { _tag: "Missed" }> => ({
  _tag: "Missed",
  tick,
  asOfMs,
  scheduled: true,
  held,
  reason: held ? "a deploy" : "no answer"
})

export const elapsed: Input = { _tag: "Elapsed" }
export const retired: Input = { _tag: "Retired", reason: "gone" }

const inputOf = (does: Move["does"], tick: number, nowMs: number): Input => {
  switch (does) {
    case "active":
    case "clear":
      return seen(does === "active", tick, nowMs)
    case "confirmed":
      return seen(true, tick, nowMs, { confirmed: true, scheduled: false })
    case "extra active":
    case "extra clear":
      return seen(does === "extra active", tick, nowMs, { scheduled: false })
    case "stale active":
    case "stale clear":
      return seen(does === "stale active", tick, nowMs - 20_000, { scheduled: false })
    case "missed":
    case "held":
      return missed(tick, nowMs, does === "held")
    case "elapsed":
      return elapsed
    case "retired":
      return retired
  }
}

export interface Moment {
  readonly input: Input
  readonly nowMs: number
  readonly before: SignalState | null
  readonly after: Stepped
}

const scheduled = new Set<Move["does"]>(["active", "clear", "missed", "held"])

/** Plays a history; each moment holds what went in and what came out. */
export const play = (policy: Policy, history: ReadonlyArray<Move>): ReadonlyArray<Moment> => {
  const moments: Array<Moment> = []
  let state: SignalState | null = null
  let nowMs = 100_000
  let tick = 1
  for (const { does, waitMs } of history) {
    nowMs += waitMs
    if (scheduled.has(does)) tick += 1
    const input = inputOf(does, tick, nowMs)
    const after: Stepped = step(policy, state, input, nowMs)
    moments.push({ input, nowMs, before: state, after })
    state = after.state
  }
  return moments
}
