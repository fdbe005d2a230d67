// The decision core alone, in plain JavaScript: no Effect, no Node, any runtime. `node examples/decision-core.mjs`
import { makePolicy, step } from "orchestrator-watchdog/decision"

const made = makePolicy({ raiseTicks: 2, clearTicks: 1, intervalMs: 10_000, cooldownMs: 30 * 60_000 })
if (!made.ok) throw new Error(made.reasons.join("; "))

const free = [40, 35, 4, 3, 2, 30] // percent free on a disk, one look every ten seconds
let state = null
for (const [at, percentFree] of free.entries()) {
  const active = percentFree < 5
  const nowMs = at * 10_000
  const evidence = { summary: `${percentFree} % free`, details: [] }
  const look = {
    _tag: "Seen",
    tick: at + 1,
    scheduled: true,
    asOfMs: nowMs,
    active,
    confirmed: false,
    value: null,
    first: at === 0,
    evidence
  }
  const stepped = step(made.policy, state, look, nowMs)
  state = stepped.state
  console.log(`${nowMs / 1_000} s: ${evidence.summary} -> ${stepped.decision?.kind ?? "silent"}`)
}
