import { assert, describe, it } from "vitest"
import { type JournalLine, readLine } from "../../src/replay/JournalReader.ts"
import { type Legacy, RunReplay, noDoubts } from "../../src/replay/RunReplay.ts"
import { policyOf } from "../decision/history.ts"

const wallMs = (atMs: number): string => new Date(1_800_000_000 + atMs).toISOString()

const line = (event: string, atMs: number, fields: Readonly<Record<string, unknown>> = {}, run = "r"): JournalLine => {
  const read = readLine(JSON.stringify({ time: wallMs(atMs), event, run, atMs, collector: "disk", ...fields }))
  if (typeof read === "string") throw new Error(`${read}: ${event}`)
  return read
}

const spec = { severity: "critical", policy: policyOf({ cooldownMs: 0, flapRaises: 0 }) }

const look = (
  signal: string,
  tick: number,
  active: boolean,
  more: Readonly<Record<string, unknown>> = {}
): JournalLine =>
  line("observation", tick * 10_000 + 2, {
    signal,
    tick,
    scheduled: true,
    asOfMs: tick * 10_000,
    _tag: "Seen",
    active,
    confirmed: false,
    value: null,
    first: false,
    evidence: { summary: "", details: [] },
    ...more
  })

/** Ticks from the first to the last, each exactly on its grid and done in 2 ms. */
const ticks = (from: number, to: number, more: Readonly<Record<string, unknown>> = {}): JournalLine =>
  line("ticks", to * 10_000 + 2, {
    first: from,
    asOfMs: from * 10_000,
    everyMs: 10_000,
    lateUs: Array.from({ length: to - from }, () => 0),
    tookMs: Array.from({ length: to - from + 1 }, () => 2),
    ...more
  })

const play = (...lines: ReadonlyArray<JournalLine>) => {
  const told: Array<string> = []
  const doubts = noDoubts()
  const [first = line("run", 0)] = lines
  const run = new RunReplay(first, [], doubts, (_, { decision, signal }) =>
    told.push(`${signal} ${decision.kind} ${decision.atMs}`)
  )
  for (const one of lines) run.take(one)
  const legacy = run.end()
  return { told, doubts, legacy }
}

describe("a signal without a line", () => {
  it("looked as before, in each tick that there was", () => {
    const { doubts, told } = play(look("a", 1, false, { spec }), look("a", 3, true), ticks(1, 4))

    assert.deepStrictEqual(told, ["a alert 40002"])
    assert.strictEqual(doubts.guessedTicks, 0)
  })

  it("was looked at neither while it was absent nor in a tick that counted a crash", () => {
    const { told } = play(
      look("a", 1, false, { spec }),
      look("a", 2, true),
      line("absent", 30_000, { signal: "a", tick: 3 }),
      ticks(1, 5),
      look("source:disk", 6, true, { spec, crashed: true }),
      ticks(7, 9)
    )

    assert.deepStrictEqual(
      told.filter((one) => one.startsWith("a ")),
      []
    )
  })

  it("was looked at in a tick that broke only if the line says so", () => {
    const lines = (looked: ReadonlyArray<string>) =>
      play(
        look("a", 1, false, { spec }),
        look("a", 2, true),
        ticks(1, 2, { atMs: 30_001, broken: { tick: 3, asOfMs: 30_000, looked } }),
        line("ticks", 30_100, { last: true })
      ).told

    assert.deepStrictEqual(lines(["a"]), ["a alert 30001"])
    assert.deepStrictEqual(lines([]), [])
  })
})

describe("ticks without a line", () => {
  it("lie on the grid between those that have one, and up to the run's last line", () => {
    const between = play(
      look("a", 1, false, { spec }),
      look("a", 5, true),
      ticks(1, 3),
      ticks(6, 6),
      line("delivery", 60_500)
    )
    const after = play(look("a", 1, false, { spec }), ticks(1, 3), look("a", 5, true), line("delivery", 60_500))

    assert.deepStrictEqual(between.told, ["a alert 60002"])
    assert.strictEqual(between.doubts.guessedTicks, 2)
    assert.deepStrictEqual(after.told, ["a alert 60002"])
    assert.strictEqual(after.doubts.guessedTicks, 3)
  })

  it("are none after the collector has stopped", () => {
    const { doubts, told } = play(
      look("a", 1, false, { spec }),
      look("a", 2, true),
      ticks(1, 2, { last: true }),
      line("delivery", 90_000)
    )

    assert.deepStrictEqual(told, [])
    assert.strictEqual(doubts.guessedTicks, 0)
  })

  it("are left out where the gap is too wide to be one", () => {
    const { doubts } = play(look("a", 1, false, { spec }), ticks(1, 2), ticks(900_000, 900_001))

    assert.isAbove(doubts.lostTicks, 800_000)
  })
})

describe("a signal that is handed over", () => {
  const inherited = line("inherited", 5, { signal: "a", spec }, "next")
  const next = (legacy: Legacy | null) => {
    const told: Array<string> = []
    const doubts = noDoubts()
    const run = new RunReplay(inherited, [], doubts, (_, { decision }) =>
      told.push(`${decision.kind} ${decision.atMs - decision.sinceMs}`)
    )
    if (inherited._tag === "Inherited") run.inherit(inherited, legacy)
    for (const one of [look("a", 1, false), ticks(1, 2)]) run.take({ ...one, run: "next" })
    run.end()
    return { told, doubts }
  }

  it("keeps its state, older by the wall time that passed", () => {
    const { legacy } = play(look("a", 1, true, { spec, confirmed: true }), ticks(1, 3))
    const moved = { ...legacy, anchor: { ...legacy.anchor, wallMs: legacy.anchor.wallMs - 100_000 } }

    const { told } = next(moved)

    assert.strictEqual(told.length, 1)
    assert.match(told[0] ?? "", /^recover \d+$/)
  })

  it("whose life is not in the log is counted, and new", () => {
    const { doubts, told } = next(null)

    assert.strictEqual(doubts.unknownStates, 1)
    assert.deepStrictEqual(told, [])
  })
})

describe("a look", () => {
  it("whose policy is not in the log is left out, and counted", () => {
    const { doubts, told } = play(look("a", 1, true), line("again", 20_000, { signal: "b", tick: 2 }), ticks(1, 4))

    assert.deepStrictEqual(told, [])
    assert.strictEqual(doubts.unjudged, 2)
  })
})
