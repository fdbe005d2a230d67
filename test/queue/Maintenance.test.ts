/** Maintenance windows: what is refused, when it is quiet over days of 23 and 25 hours, and what a wall clock that is set does. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import { Settings } from "../../src/base/Keys.ts"
import { Loops } from "../../src/base/Loops.ts"
import * as Maintenance from "../../src/queue/Maintenance.ts"
import { Mutes } from "../../src/queue/Mute.ts"
import { StatusBoard } from "../../src/status/StatusBoard.ts"

const minuteMs = 60_000
const hourMs = 3_600_000

describe("WATCHDOG_MAINTENANCE", () => {
  const good: ReadonlyArray<readonly [string, number]> = [
    ["0 3 * * 0 2h", 1],
    ["0 3 * * 0 2h; 30 1 1 * * 15m;", 2],
    ["*/15 * * * mon-fri 1m", 1],
    ["0  22 * *  SUN 7d", 1]
  ]

  it.each(good)("%s is %i windows", (raw, count) => {
    assert.strictEqual(Result.getOrThrow(Maintenance.parseWindows(raw)).length, count)
  })

  const bad: ReadonlyArray<readonly [string, RegExp]> = [
    ["0 3 * * 0", /entry 1 of 1, "0 3 \* \* 0", has 5 fields instead of 5 and a duration/],
    ["0 3 * * 0 2h; 0 61 * * * 5m", /entry 2 of 2, "0 61 \* \* \* 5m", its hour "61" is not one/],
    ["0 3 * * someday 2h", /its day of the week "someday" is not one/],
    ["60 3 * * * 2h", /its minute "60"/],
    ["0 3 0 * * 2h", /its day of the month "0"/],
    ["0 3 * 13 * 2h", /its month "13"/],
    ["0 3 * * * soon", /"soon" is not a duration/],
    ["0 3 * * * 30s", /its duration "30s" is not from 1m to 7d/],
    ["0 3 * * * 8d", /its duration "8d" is not from 1m to 7d/],
    ["0 3 * * 0 2", /its duration "2" is not from 1m to 7d/],
    ["0 3 30 2 * 2h", /never comes: there is no such day/],
    ["0 0 3 * * 0 2h", /has 7 fields/],
    ["; 0 3 * * 0 2h", /entry 1 of 2, "", has 1 fields/]
  ]

  it.each(bad)("%s is refused with its place and its fault", (raw, said) => {
    const parsed = Maintenance.parseWindows(raw)

    assert.isTrue(Result.isFailure(parsed))
    if (Result.isFailure(parsed)) assert.match(parsed.failure, said)
  })
})

const planOf = (raw: string, zone: string) => Maintenance.plan(Result.getOrThrow(Maintenance.parseWindows(raw)), zone)

/** One minute on both clocks; `step` is what the wall clock is set by within it. */
interface Minute {
  readonly stepMs?: number
}

/** When it was quiet, as `from-to` in minutes of the monotonic clock, looking once a minute from a moment of the wall clock. */
const quietSpans = (
  planned: ReadonlyArray<Maintenance.Planned>,
  fromWall: string,
  minutes: number,
  at: (minute: number) => Minute = () => ({})
): ReadonlyArray<string> => {
  let wallMs = Date.parse(fromWall)
  let seen: Maintenance.Seen | null = null
  let untilMs = 0
  const spans: Array<[number, number]> = []
  for (let minute = 0; minute <= minutes; minute++) {
    if (minute > 0) wallMs += minuteMs + (at(minute).stepMs ?? 0)
    const verdict = Maintenance.look(planned, seen, { wallMs, monotonicMs: minute * minuteMs })
    seen = verdict.seen
    if (verdict.quiet === "over") untilMs = 0
    else if (verdict.quiet !== null) untilMs = verdict.quiet
    if (untilMs > minute * minuteMs) {
      const last = spans.at(-1)
      if (last !== undefined && last[1] === minute) last[1] = minute + 1
      else spans.push([minute, minute + 1])
    }
  }
  return spans.map(([from, to]) => `${from}-${to}`)
}

/** The same, told in UTC. */
const inUtc = (spans: ReadonlyArray<string>, fromWall: string): ReadonlyArray<string> =>
  spans.map((span) =>
    span
      .split("-")
      .map((minute) => new Date(Date.parse(fromWall) + Number(minute) * minuteMs).toISOString().slice(8, 16))
      .join(" to ")
  )

describe("the days on which clocks change", () => {
  // Berlin 2026: 29 March 01:00 UTC forward, 25 October 01:00 UTC back. New York: 8 March 07:00 UTC, 1 November 06:00 UTC.
  const days: ReadonlyArray<readonly [string, string, string, ReadonlyArray<string>]> = [
    ["Europe/Berlin", "0 3 * * * 1h", "2026-03-28T12:00:00Z", ["29T01:00 to 29T02:00"]],
    // 02:30 does not exist that night: it takes place an hour's length later, at 03:30, and once.
    ["Europe/Berlin", "30 2 * * * 1h", "2026-03-28T12:00:00Z", ["29T01:30 to 29T02:30"]],
    ["Europe/Berlin", "0 1 * * * 3h", "2026-03-28T12:00:00Z", ["29T00:00 to 29T03:00"]],
    // 02:30 comes twice that night: the first counts.
    ["Europe/Berlin", "30 2 * * * 1h", "2026-10-24T12:00:00Z", ["25T00:30 to 25T01:30"]],
    ["Europe/Berlin", "30 2 * * * 15m", "2026-10-24T12:00:00Z", ["25T00:30 to 25T00:45"]],
    ["Europe/Berlin", "0 3 * * * 1h", "2026-10-24T12:00:00Z", ["25T02:00 to 25T03:00"]],
    ["America/New_York", "30 2 * * * 1h", "2026-03-07T18:00:00Z", ["08T07:30 to 08T08:30"]],
    ["America/New_York", "0 3 * * * 1h", "2026-03-07T18:00:00Z", ["08T07:00 to 08T08:00"]],
    ["America/New_York", "30 1 * * * 1h", "2026-10-31T18:00:00Z", ["01T05:30 to 01T06:30"]],
    ["America/New_York", "0 2 * * 0 2h", "2026-10-31T18:00:00Z", ["01T07:00 to 01T09:00"]],
    ["UTC", "30 2 * * * 1h", "2026-03-28T12:00:00Z", ["29T02:30 to 29T03:30"]]
  ]

  it.each(days)("in %s, %s from %s on: once, for its length", (zone, raw, from, expected) => {
    assert.deepStrictEqual(inUtc(quietSpans(planOf(raw, zone), from, 24 * 60), from), expected)
  })

  it("a window of every hour takes place in every real hour", () => {
    for (const [zone, from] of [
      ["Europe/Berlin", "2026-10-24T22:30:00Z"],
      ["Europe/Berlin", "2026-03-28T22:30:00Z"],
      ["America/New_York", "2026-11-01T03:30:00Z"],
      ["America/New_York", "2026-03-08T03:30:00Z"]
    ] as const) {
      const spans = quietSpans(planOf("0 * * * * 10m", zone), from, 6 * 60)

      assert.deepStrictEqual(spans, ["30-40", "90-100", "150-160", "210-220", "270-280", "330-340"], `${zone} ${from}`)
    }
  })

  it("nothing is lost and nothing doubled in a whole year of days, in either zone", () => {
    for (const zone of ["Europe/Berlin", "America/New_York"]) {
      const planned = planOf("30 2 * * * 1h", zone)
      let seen: Maintenance.Seen | null = null
      let windows = 0
      const from = Date.parse("2026-01-01T12:00:00Z")
      for (let wallMs = from; wallMs < from + 365 * 24 * hourMs; wallMs += 50 * minuteMs) {
        const verdict = Maintenance.look(planned, seen, { wallMs, monotonicMs: wallMs - from })
        seen = verdict.seen
        if (verdict.quiet !== null) windows += 1
      }

      assert.strictEqual(windows, 365, zone)
    }
  })
})

describe("windows", () => {
  const from = "2026-06-01T00:00:00Z"
  const utc = (raw: string) => planOf(raw, "UTC")

  it("that overlap or touch are one", () => {
    assert.deepStrictEqual(quietSpans(utc("0 1 * * * 1h; 30 1 * * * 1h; 30 2 * * * 30m"), from, 300), ["60-180"])
    assert.deepStrictEqual(quietSpans(utc("0 * * * * 1h"), from, 300), ["0-301"])
    assert.deepStrictEqual(quietSpans(utc("0 1 * * * 3h; 0 2 * * * 10m"), from, 300), ["60-240"])
  })

  it("that are joined never have a moment between them: the mute is longer before the first has ended", () => {
    const planned = utc("0 1 * * * 1h; 0 2 * * * 1h")

    const verdict = Maintenance.look(planned, null, { wallMs: Date.parse("2026-06-01T01:30:00Z"), monotonicMs: 0 })

    assert.strictEqual(verdict.quiet, 90 * minuteMs)
  })

  it("that run at the start are quiet for the rest", () => {
    assert.deepStrictEqual(quietSpans(utc("0 23 * * * 90m"), from, 300), ["0-30"])
    assert.deepStrictEqual(quietSpans(utc("0 0 * * * 1h"), from, 300), ["0-60"])
    assert.deepStrictEqual(quietSpans(utc("30 22 * * * 90m"), from, 300), [])
  })
})

describe("a wall clock that is set", () => {
  const planned = planOf("0 1 * * * 1h", "UTC")
  const from = "2026-06-01T00:00:00Z"
  const once = (minute: number, stepMinutes: number) => (at: number) =>
    at === minute ? { stepMs: stepMinutes * minuteMs } : {}

  const steps: ReadonlyArray<readonly [string, number, number, ReadonlyArray<string>]> = [
    ["forward before it: it comes sooner", 10, 30, ["30-90"]],
    ["forward over its start: it begins at once and lasts its length", 50, 30, ["50-110"]],
    ["forward over all of it: the same", 50, 120, ["50-110"]],
    ["forward within it: it lasts its length", 80, 30, ["60-120"]],
    ["forward after it: nothing", 130, 60, []],
    ["back before it: it comes later", 50, -30, ["90-150"]],
    ["back over its start: it goes on, and is not doubled", 70, -60, ["60-120"]],
    ["back by two seconds at its start: the same", 61, -2 / 60, ["60-120"]],
    ["back over all of it: it was", 130, -120, ["60-120"]],
    ["back by hours within it: the new time holds", 80, -20 * 60, ["60-80"]],
    ["back by a day within it: the new time holds, and it runs then too", 80, -24 * 60, ["60-120"]],
    ["forward by a day within it: the new time holds, and a window runs then", 80, 24 * 60, ["60-120"]],
    ["forward by four hours over it: the new time holds", 50, 240, []],
    ["forward by years into it: muted for the rest", 30, 365 * 24 * 60 + 60, ["30-60"]]
  ]

  it.each(steps)("%s", (_, minute, stepMinutes, expected) => {
    const start = minute === 130 && stepMinutes > 0 ? ["60-120"] : []

    assert.deepStrictEqual(quietSpans(planned, from, 200, once(minute, stepMinutes)), [...start, ...expected])
  })

  it("again and again by a little is a large step in the end: windows are not lost for ever", () => {
    const spans = quietSpans(planned, from, 60 * 24 * 3, (at) =>
      at > 120 && at <= 240 && at % 10 === 0 ? { stepMs: -120 * minuteMs } : {}
    )

    assert.isAtLeast(spans.length, 3)
  })
})

/** The test clock's wall time, set by so much. */
const skewed = (byMs: () => number) =>
  Layer.effect(
    Clock.Clock,
    Effect.map(Clock.Clock, (clock) => {
      const wall = () => clock.currentTimeMillisUnsafe() + byMs()
      return {
        sleep: clock.sleep.bind(clock),
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
        monotonicTimeNanos: clock.monotonicTimeNanos,
        currentTimeMillisUnsafe: wall,
        currentTimeMillis: Effect.sync(wall),
        currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + BigInt(byMs()) * 1_000_000n,
        currentTimeNanos: Effect.map(clock.currentTimeNanos, (nanos) => nanos + BigInt(byMs()) * 1_000_000n)
      }
    })
  )

const world = (maintenance: string, byMs: () => number = () => 0) =>
  Layer.provideMerge(
    Layer.provide(Maintenance.layer, skewed(byMs)),
    Layer.mergeAll(
      Mutes.layer().pipe(Layer.provide(StatusBoard.layerNone)),
      Loops.layer,
      Settings.layerTest({ WATCHDOG_MAINTENANCE: maintenance, WATCHDOG_TIMEZONE: "UTC" })
    )
  )

describe("the service", () => {
  it.effect("mutes everything from the second a window begins to the second it ends", () =>
    Effect.gen(function* () {
      const mutes = yield* Mutes
      yield* TestClock.adjust("3599999 millis")
      const before = yield* mutes.current
      yield* TestClock.adjust("1 millis")
      const first = yield* mutes.current
      yield* TestClock.adjust("3599999 millis")
      const last = yield* mutes.current
      yield* TestClock.adjust("1 millis")
      const after = yield* mutes.current
      yield* TestClock.adjust("23 hours")
      const tomorrow = yield* mutes.current

      assert.deepStrictEqual(before, [])
      assert.deepStrictEqual(first, [{ pattern: "*", untilMs: 2 * hourMs, by: "maintenance" }])
      assert.strictEqual(last.length, 1)
      assert.deepStrictEqual(after, [])
      assert.strictEqual(tomorrow.length, 1)
    }).pipe(Effect.provide(world("0 1 * * * 1h")), Effect.scoped)
  )

  it.effect("is muted before anything else happens where a window runs at the start", () =>
    Effect.gen(function* () {
      const mutes = yield* Mutes

      assert.strictEqual((yield* mutes.current)[0]?.untilMs, hourMs)
    }).pipe(Effect.provide(world("0 0 * * * 1h")), Effect.scoped)
  )

  it.effect("leaves a window that a human has ended alone until the next", () =>
    Effect.gen(function* () {
      const mutes = yield* Mutes
      yield* TestClock.adjust("90 minutes")
      yield* mutes.unmute("*")
      yield* TestClock.adjust("20 minutes")
      const rest = yield* mutes.current
      yield* TestClock.adjust("24 hours")

      assert.deepStrictEqual(rest, [])
      assert.strictEqual((yield* mutes.current).length, 1)
    }).pipe(Effect.provide(world("0 1 * * * 2h")), Effect.scoped)
  )

  it.effect("notices within half a minute that the wall clock was set", () => {
    let byMs = 0
    return Effect.gen(function* () {
      const mutes = yield* Mutes
      yield* TestClock.adjust("10 minutes")
      byMs = 55 * minuteMs
      yield* TestClock.adjust("30 seconds")
      const skipped = yield* mutes.current
      byMs = -20 * minuteMs
      yield* TestClock.adjust("58 minutes")
      const still = yield* mutes.current
      yield* TestClock.adjust("2 minutes")
      const over = yield* mutes.current
      yield* TestClock.adjust("2 hours")

      assert.strictEqual(skipped.length, 1)
      assert.strictEqual(still.length, 1)
      assert.deepStrictEqual(over, [])
      assert.deepStrictEqual(yield* mutes.current, [])
    }).pipe(Effect.provide(world("0 1 * * * 1h", () => byMs)), Effect.scoped)
  })

  it.effect("does nothing where no window is set", () =>
    Effect.gen(function* () {
      const mutes = yield* Mutes
      yield* TestClock.adjust("48 hours")

      assert.deepStrictEqual(yield* mutes.current, [])
      assert.deepStrictEqual(yield* (yield* Loops).all, [])
    }).pipe(Effect.provide(world("")), Effect.scoped)
  )
})
