import { assert, describe, it } from "@effect/vitest"
import { Effect, Random, Result } from "effect"
import { TestClock } from "effect/testing"
import type { Telling } from "../../src/replay/Incidents.ts"
import { type Change, policyKeys, readChange } from "../../src/replay/PolicyKeys.ts"
import { type Bound, Replay, type ReplayOptions, type Replayed, readBound } from "../../src/replay/Replay.ts"
import * as Scenario from "../../src/testing/Scenario.ts"
import { chance, life, live, scriptRun } from "./living.ts"

const replay = (lines: ReadonlyArray<string>, options: Partial<ReplayOptions> = {}): Replayed => {
  const replaying = new Replay({ changes: [], ...options })
  for (const line of lines) replaying.push(line)
  return replaying.finish()
}

const changeOf = (text: string): Change =>
  Result.getOrThrow(readChange(text, new Set(policyKeys.map(({ name }) => name)), () => undefined))

/** Odd spans: a timer and a look in the same millisecond have no order that a journal could tell. */
const recorded = life(
  {
    cooldownMs: 61_003,
    reminderMaxMs: 150_001,
    flapWindowMs: 300_011,
    flapSettleMs: 70_017
  },
  90,
  {
    WATCHDOG_COOLDOWN: "61003ms",
    WATCHDOG_REMINDER_MAX: "150001ms",
    WATCHDOG_FLAP_WINDOW: "300011ms",
    WATCHDOG_FLAP_SETTLE: "70017ms",
    WATCHDOG_DISK_CEILING: "90"
  }
)

const changed = {
  WATCHDOG_RAISE_TICKS: "3",
  WATCHDOG_CLEAR_TICKS: "2",
  WATCHDOG_COOLDOWN: "47009ms",
  WATCHDOG_REMINDER_FACTOR: "1.5",
  WATCHDOG_FLAP_RAISES: "3",
  WATCHDOG_FLAP_SETTLE: "90019ms",
  WATCHDOG_DISK_CEILING: "85"
}
const alternative = life(
  {
    raiseTicks: 3,
    clearTicks: 2,
    cooldownMs: 47_009,
    reminderFactor: 1.5,
    reminderMaxMs: 150_001,
    flapRaises: 3,
    flapWindowMs: 300_011,
    flapSettleMs: 90_019
  },
  85,
  changed
)

type Fields = Readonly<Record<string, unknown>>

const decisionsIn = (lines: ReadonlyArray<string>): ReadonlyArray<Fields> =>
  lines.map((line) => JSON.parse(line) as Fields).filter(({ event }) => event === "decision")

/** Whole milliseconds in the journal, and one more for each timer that is rounded up. */
const withinMs = 5

const seeds = Array.from({ length: 24 }, (_, at) => at + 1)

describe("the replay of the recorded policy", () => {
  it.effect.each(seeds)("decides what was told, whatever happened in two runs: seed %i", (seed) =>
    Effect.gen(function* () {
      const random = chance(seed)
      const lines = [
        ...(yield* live(scriptRun(random, "wild", 0.25), recorded, "run-0")),
        ...(yield* live(scriptRun(random, "wild", 0.25), recorded, "run-1"))
      ]

      const found = replay(lines)

      assert.deepStrictEqual(found.comparison.differences, [])
      assert.strictEqual(found.comparison.same, decisionsIn(lines).length)
      assert.isAtMost(found.comparison.furthestMs, withinMs)
      assert.strictEqual(found.doubts.guessedTicks, 0)
      assert.strictEqual(found.doubts.unjudged, 0)
      assert.strictEqual(found.before.decisions, decisionsIn(lines).length)
    })
  )

  it.effect("decides what was told although every kind of decision is among it", () =>
    Effect.gen(function* () {
      const kinds = new Set<unknown>()
      for (const seed of seeds.slice(0, 10)) {
        const lines = yield* live(scriptRun(chance(seed)), recorded, "run")
        for (const { kind } of decisionsIn(lines)) kinds.add(kind)
      }

      assert.sameMembers([...kinds] as Array<string>, ["alert", "remind", "recover", "flapping", "settled", "gone"])
    })
  )

  it.effect.each(seeds.slice(0, 12))(
    "takes the grid for the ticks that a killed process took with it: seed %i",
    (seed) =>
      Effect.gen(function* () {
        const lines = yield* live(scriptRun(chance(seed), "calm"), recorded, "run", true)

        const found = replay(lines)

        assert.deepStrictEqual(found.comparison.differences, [])
        assert.strictEqual(found.comparison.same, decisionsIn(lines).length)
        assert.isAbove(found.doubts.guessedTicks, 0)
      })
  )

  it.effect("does not care for a wall clock that is set back by an hour", () =>
    Effect.gen(function* () {
      const lines = yield* live(scriptRun(chance(7)), recorded, "run")
      const stepped = lines.map((line, at) => {
        const fields = JSON.parse(line) as Fields
        const time = new Date(
          Date.parse(String(fields["time"])) + (at > lines.length / 2 ? 0 : 3_600_000)
        ).toISOString()
        return JSON.stringify({ ...fields, time })
      })

      const found = replay(stepped)

      assert.deepStrictEqual(found.comparison.differences, [])
      assert.strictEqual(found.comparison.same, decisionsIn(lines).length)
    })
  )

  it.effect("names the first line where it differs from what was told", () =>
    Effect.gen(function* () {
      const lines = yield* live(scriptRun(chance(3)), recorded, "run")
      const at = lines.findIndex((line) => line.includes('"event":"decision"'))
      const forged = lines.toSpliced(at, 1, (lines[at] ?? "").replace('"kind":"alert"', '"kind":"gone"'))

      const { comparison } = replay(forged)

      assert.strictEqual(comparison.differing, 1)
      assert.strictEqual(comparison.differences[0]?.recorded?.line, at + 1)
      assert.strictEqual(comparison.differences[0]?.recorded?.kind, "gone")
      assert.strictEqual(comparison.differences[0]?.replayed?.kind, "alert")
    })
  )
})

describe("the replay of a changed policy", () => {
  const told = (found: Replayed): ReadonlyArray<string> =>
    found.incidents.flatMap(({ after, signal }) =>
      after.flatMap((fault) => fault.told.map((one) => `${signal} ${Math.round(one.atMs / 100)} ${one.kind}`))
    )
  const tellings = (found: Replayed): ReadonlyArray<Telling & { readonly signal: string }> =>
    found.incidents
      .flatMap(({ after, signal }) => after.flatMap((fault) => fault.told.map((one) => ({ ...one, signal }))))
      .sort((a, b) => a.signal.localeCompare(b.signal) || a.atMs - b.atMs)

  it.effect.each(seeds)("decides what the watchdog would have, had it run with it: seed %i", (seed) =>
    Effect.gen(function* () {
      const script = scriptRun(chance(seed))
      const lines = yield* live(script, recorded, "run")
      const startMs = Date.parse(String((JSON.parse(lines[0] ?? "") as Fields)["time"]))
      const other = yield* live(script, alternative, "other")
      const otherStartMs = Date.parse(String((JSON.parse(other[0] ?? "") as Fields)["time"]))

      const found = replay(lines, {
        changes: Object.entries(changed).map(([key, value]) => changeOf(`${key}=${value}`))
      })

      const would = tellings(found)
      const did = decisionsIn(other)
        .map(({ kind, signal, time }) => ({
          kind: String(kind),
          signal: String(signal),
          ms: Date.parse(String(time)) - otherStartMs
        }))
        .sort((a, b) => a.signal.localeCompare(b.signal) || a.ms - b.ms)
      assert.deepStrictEqual(
        would.map(({ kind, signal }) => `${signal} ${kind}`),
        did.map(({ kind, signal }) => `${signal} ${kind}`)
      )
      would.forEach((one, at) => assert.isAtMost(Math.abs(one.atMs - startMs - (did[at]?.ms ?? 0)), withinMs))
      assert.strictEqual(found.after.decisions, did.length)
      assert.deepStrictEqual(found.comparison.differences, [])
    })
  )

  it.effect("that is none changes nothing", () =>
    Effect.gen(function* () {
      const lines = yield* live(scriptRun(chance(5)), recorded, "run")

      const found = replay(lines, { changes: [changeOf("WATCHDOG_RAISE_TICKS=2")] })

      assert.deepStrictEqual(found.after, found.before)
      assert.strictEqual(found.missed, 0)
      assert.strictEqual(found.newlyTold, 0)
      assert.isAbove(told(found).length, 0)
    })
  )
})

/** Of fractions that binary numbers do not have, a test clock makes timers that never quite ring. */
const wholeMilliseconds = { nextDoubleUnsafe: () => 0.25, nextIntUnsafe: () => 0 }

describe("the whole watchdog", () => {
  it.effect("writes what its replay needs, restarts included", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      for (let run = 0; run < 2; run++) {
        const scenario = yield* Scenario.make({ env: { WATCHDOG_DISK_CEILING: "90", WATCHDOG_FLAP_RAISES: "3" } })
        for (const name of ["web", "db"]) scenario.engine.run({ name, image: `${name}:1`, restart: "unless-stopped" })
        yield* Effect.provideService(scenario.start, Random.Random, wholeMilliseconds)
        yield* TestClock.adjust("61 seconds")
        for (let round = 0; round < 4; round++) {
          scenario.engine.kill("web")
          scenario.setOrchestrator({ status: 500, headers: {}, body: "" })
          yield* TestClock.adjust("71 seconds")
          scenario.engine.start("web")
          scenario.setOrchestrator(Scenario.wellOrchestrator)
          yield* TestClock.adjust("43 seconds")
        }
        yield* TestClock.adjust("6 minutes")
        yield* scenario.leave
        const id = String(run)
        lines.push(
          ...scenario.journal().map((line) => JSON.stringify({ ...line, ...("run" in line ? { run: id } : {}) }))
        )
      }

      const found = replay(lines)

      assert.deepStrictEqual(found.comparison.differences, [])
      assert.strictEqual(found.comparison.same, decisionsIn(lines).length)
      assert.isAbove(found.comparison.same, 12)
      assert.isAtMost(found.comparison.furthestMs, withinMs)
      assert.strictEqual(found.doubts.guessedTicks + found.doubts.unjudged + found.lines.broken, 0)
    }).pipe(Effect.scoped)
  )
})

describe("the log", () => {
  const journal = live(scriptRun(chance(11)), recorded, "run")

  it.effect("may be prefixed, mixed with others' lines, with carriage returns, and cut off", () =>
    Effect.gen(function* () {
      const lines = yield* journal
      const plain = replay(lines)
      const mixed = lines.flatMap((line, at) => [
        `watchdog-1  | ${line}`,
        ...(at % 3 === 0
          ? [`api-1       | GET /health 200 {"time":1}`, "", '{"level":"info","event":"observation"}']
          : [])
      ])

      const found = replay([...mixed, (lines.at(-1) ?? "").slice(0, 80)])

      assert.deepStrictEqual(found.comparison, {
        ...plain.comparison,
        differences: []
      })
      assert.strictEqual(found.lines.journal, lines.length)
      assert.strictEqual(found.lines.broken, 1)
      assert.isAbove(found.lines.foreign, 0)
      assert.deepStrictEqual(found.before, plain.before)
    })
  )

  it.effect("whose beginning is missing is replayed from where policies are known, and said not to be compared", () =>
    Effect.gen(function* () {
      const lines = yield* journal

      const found = replay(lines.slice(30))

      assert.strictEqual(found.comparison.runs, 0)
      assert.strictEqual(found.runs[0]?.complete, false)
    })
  )

  it.effect("is reported for a period, and replayed whole", () =>
    Effect.gen(function* () {
      const lines = yield* journal
      const whole = replay(lines)
      const middle: Bound = { _tag: "At", wallMs: (whole.period.fromMs + whole.period.toMs) / 2 }

      const first = replay(lines, { to: middle })
      const second = replay(lines, { from: middle })

      assert.strictEqual(first.before.decisions + second.before.decisions, whole.before.decisions)
      assert.isAbove(first.before.decisions, 0)
      assert.isAbove(second.before.decisions, 0)
      assert.strictEqual(second.comparison.same, whole.comparison.same)
    })
  )

  it("of nothing at all is a report of nothing", () => {
    const found = replay([])

    assert.strictEqual(found.before.decisions, 0)
    assert.strictEqual(found.lines.read, 0)
  })

  it.effect.each(seeds.slice(0, 20))("is hostile: it is counted, and nothing is thrown: seed %i", (seed) =>
    Effect.gen(function* () {
      const random = chance(seed)
      const lines = yield* live(scriptRun(random, "calm"), recorded, "run")
      const values = ["1e400", "-1", "NaN", "null", '"x"', "9e15", "[]", "{}", "1e12", "0.5", "true", "[".repeat(5_000)]
      const hurt = lines.map((line) => {
        if (random() < 0.7) return line
        const fields = [...line.matchAll(/:(-?[\d.]+|"[^"]*"|true|false|null)/g)]
        const field = fields[Math.floor(random() * fields.length)]
        if (field === undefined || random() < 0.1) return line.slice(0, Math.floor(random() * line.length))
        const value = values[Math.floor(random() * values.length)] ?? ""
        return `${line.slice(0, field.index)}:${value}${line.slice(field.index + field[0].length)}`
      })
      const noise = Array.from({ length: 50 }, () =>
        String.fromCharCode(...Array.from({ length: 24 }, () => Math.floor(random() * 0xff_ff)))
      )

      const found = replay([...hurt, ...noise], { changes: [changeOf("WATCHDOG_COOLDOWN=1s")] })

      const { broken, foreign, journal: ours, late, log, old, read } = found.lines
      assert.strictEqual(broken + foreign + ours + late + log + old, read)
      assert.isAbove(broken, 0)
    })
  )
})

describe("readBound", () => {
  it.each([
    ["2d", { _tag: "Back", ms: 172_800_000 }],
    ["90", { _tag: "Back", ms: 90_000 }],
    ["2026-11-22", { _tag: "At", wallMs: Date.UTC(2026, 10, 22) }],
    ["2026-11-22T14:00", { _tag: "At", wallMs: Date.UTC(2026, 10, 22, 14) }],
    ["2026-11-22 14:00:30", { _tag: "At", wallMs: Date.UTC(2026, 10, 22, 14, 0, 30) }],
    ["2026-11-22T14:00+01:00", { _tag: "At", wallMs: Date.UTC(2026, 10, 22, 13) }]
  ])("reads %s", (text, bound) => {
    assert.deepStrictEqual(Result.getOrThrow(readBound(text)), bound)
  })

  it.each(["yesterday", "", "2026-13-40", "22.11.2026", "-2d"])("refuses %j", (text) => {
    assert.isTrue(Result.isFailure(readBound(text)))
  })
})
