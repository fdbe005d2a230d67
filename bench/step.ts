/** How many decisions a second: `step` on a signal that changes nothing, and on one that comes and goes; against a bare object copy. */
import { type Input, type SignalState, makePolicy, noEvidence, step } from "../src/decision/index.ts"

const rounds = 5
const stepsPerRound = 1_000_000

const made = makePolicy({ raiseTicks: 2, flapRaises: 0, cooldownMs: 1_800_000 })
if (!made.ok) throw new Error(made.reasons.join("; "))
const { policy } = made

const look = (tick: number, active: boolean): Input => ({
  _tag: "Seen",
  tick,
  scheduled: true,
  asOfMs: tick * 10_000,
  active,
  confirmed: false,
  value: null,
  first: false,
  evidence: noEvidence
})

const perSecond = (run: () => void): number => {
  const timings: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const startMs = performance.now()
    run()
    timings.push(performance.now() - startMs)
  }
  return stepsPerRound / ((timings.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? 1) / 1_000)
}

const steps = (active: (tick: number) => boolean) => (): void => {
  let state: SignalState | null = null
  for (let tick = 1; tick <= stepsPerRound; tick++)
    state = step(policy, state, look(tick, active(tick)), tick * 10_000).state
}

/** The floor: a new object of the state's size for each look, and nothing decided. */
const copies = (): void => {
  let state = step(policy, null, look(1, false), 10_000).state
  for (let tick = 1; tick <= stepsPerRound; tick++) state = { ...state, nowMs: look(tick, false)._tag.length + tick }
}

const floor = perSecond(copies)
const report = (name: string, value: number): void =>
  console.log(
    `${name.padEnd(34)} ${(value / 1e6).toFixed(2)} million a second, ${(floor / value).toFixed(1)} x the time of a bare copy`
  )
report("bare copy of the state", floor)
report("step, always clear", perSecond(steps(() => false)))
report("step, always active", perSecond(steps(() => true)))
report("step, three ticks up, three down", perSecond(steps((tick) => tick % 6 < 3)))
