/** How many lines of a journal a second: a quiet log of 60 signals, with and without another policy, and one of nothing but looks. */
import { Result } from "effect"
import { policyKeys, readChange } from "../src/replay/PolicyKeys.ts"
import { Replay } from "../src/replay/Replay.ts"
import { makePolicy } from "../src/decision/index.ts"

const linesTotal = 100_000
const signals = 60
const ticksPerLine = 30

const made = makePolicy({})
if (!made.ok) throw new Error(made.reasons.join("; "))
const { policy } = made

const startMs = Date.UTC(2026, 10, 22)
const line = (event: string, atMs: number, fields: object): string =>
  JSON.stringify({
    time: new Date(startMs + atMs).toISOString(),
    event,
    run: "2a5ce606-8325-4038-83ee-78f59ff1f5c8",
    atMs,
    collector: "containers",
    ...fields
  })

const look = (signal: number, tick: number, active: boolean): string =>
  line("observation", tick * 10_000 + 12, {
    signal: `container:shop-${signal}`,
    _tag: "Seen",
    active,
    confirmed: false,
    value: null,
    evidence: { summary: active ? "exited with code 137 (SIGKILL)" : "", details: active ? ["image shop:1"] : [] },
    tick,
    scheduled: true,
    asOfMs: tick * 10_000,
    first: tick === 1,
    ...(tick === 1 ? { spec: { severity: "critical", policy } } : {})
  })

const ticks = (first: number): string =>
  line("ticks", (first + ticksPerLine) * 10_000, {
    first,
    asOfMs: first * 10_000,
    everyMs: 10_000,
    lateUs: Array.from({ length: ticksPerLine - 1 }, () => 0),
    tookMs: Array.from({ length: ticksPerLine }, () => 12)
  })

/** `changesPerTick` looks change in each tick; the rest of the lines are ticks. */
const journal = (lines: number, changesPerTick: number): ReadonlyArray<string> => {
  const all = [line("run", 0, {}), ...Array.from({ length: signals }, (_, signal) => look(signal, 1, false))]
  for (let tick = 2; all.length < lines; tick++) {
    for (let change = 0; change < changesPerTick; change++)
      all.push(look((tick * changesPerTick + change) % signals, tick, Math.floor(tick / 5) % 2 === 0))
    if (tick % ticksPerLine === 0) all.push(ticks(tick - ticksPerLine + 1))
  }
  return all
}

const known = new Set(policyKeys.map(({ name }) => name))
const change = Result.getOrThrow(readChange("WATCHDOG_RAISE_TICKS=3", known, () => undefined))

const measure = (name: string, lines: ReadonlyArray<string>, changed: boolean): void => {
  const replay = new Replay({ changes: changed ? [change] : [] })
  const fromMs = performance.now()
  for (const one of lines) replay.push(one)
  const found = replay.finish()
  const tookMs = performance.now() - fromMs
  const bytes = lines.reduce((sum, one) => sum + one.length + 1, 0)
  console.log(
    `${name.padEnd(40)} ${Math.round(lines.length / (tookMs / 1_000)).toLocaleString("en")} lines a second, ${(bytes / 1e6 / (tookMs / 1_000)).toFixed(0)} MB a second (${found.before.decisions} decisions)`
  )
}

const busy = journal(linesTotal, 6)
const quiet = journal(linesTotal / 50, 0)
measure("warm-up", busy.slice(0, 20_000), false)
measure("100k lines, 6 changes a tick", busy, false)
measure("the same, with another policy", busy, true)
measure(`${quiet.length} lines of ticks (60 signals, a week)`, quiet, true)
