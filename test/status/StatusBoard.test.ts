import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Loops } from "../../src/base/Loops.ts"
import { type SignalSpec, type SignalState, defaultPolicy, step } from "../../src/decision/index.ts"
import { Journal } from "../../src/status/Journal.ts"
import { Snapshot } from "../../src/status/Snapshot.ts"
import { type Place, type SinkStanding, StatusBoard, vitals } from "../../src/status/StatusBoard.ts"
import { policyOf, seen } from "../decision/history.ts"

const layer = StatusBoard.layer({ version: "1.2.3", host: "box" }).pipe(
  Layer.provideMerge(Layer.merge(Loops.layer, Layer.succeed(Journal, { runId: "r", write: () => Effect.void }))),
  Layer.provide(Layer.succeed(vitals, () => ({ residentBytes: 64, cpuSeconds: 2, startedMs: 0 })))
)

const specOf = (signal: string, policy = defaultPolicy): SignalSpec => ({ signal, severity: "critical", policy })

/** Puts looks of one signal on the board, as its actor does. */
const looking = (place: Place, spec: SignalSpec) => {
  let state: SignalState | null = null
  return (active: boolean, tick: number): void => {
    const look = seen(active, tick, tick * 10_000)
    state = step(spec.policy, state, look, tick * 10_000).state
    place.stepped(spec, state, look)
  }
}

const containers = {
  name: "containers",
  watches: "containers",
  off: false,
  intervalMs: 10_000,
  timeoutMs: 5_000
}

const telegram: SinkStanding = {
  name: "telegram",
  destination: "chat 1",
  red: false,
  problem: null,
  waiting: 0,
  sent: 3,
  failures: 1,
  lastSentMs: 1_000
}

describe("the board", () => {
  it.effect("shows what was pushed, as its schema says, in wall time", () =>
    Effect.gen(function* () {
      const board = yield* StatusBoard
      yield* board.watching({ ...containers, events: () => {} })
      const look = looking(board.place("container:web", "containers"), specOf("container:web"))
      look(true, 1)
      look(true, 2)
      yield* board.ticked({
        collector: "containers",
        asOfMs: 20_000,
        tookMs: 12,
        problem: null,
        blind: false,
        signals: 1
      })
      yield* board.ticked({
        collector: "containers",
        asOfMs: 30_000,
        tookMs: 8,
        problem: "no answer",
        blind: true,
        signals: 1
      })
      yield* board.sink(telegram)
      yield* board.told({ atMs: 20_000, sink: "telegram", text: "down", rang: true, signals: ["container:web"] })
      yield* board.mutes([{ pattern: "container:*", untilMs: 90_000, by: "@ann" }])
      yield* TestClock.adjust(Duration.seconds(30))

      const snapshot = yield* board.snapshot

      assert.deepStrictEqual(yield* Schema.decodeEffect(Snapshot)(snapshot), snapshot)
      assert.deepInclude(snapshot, {
        version: "1.2.3",
        host: "box",
        runId: "r",
        healthy: true,
        at: "1970-01-01T00:00:30.000Z",
        startedAt: "1970-01-01T00:00:00.000Z",
        process: { residentBytes: 64, cpuSeconds: 2 }
      })
      assert.deepInclude(snapshot.signals[0], {
        id: "container:web",
        collector: "containers",
        state: "active",
        since: "1970-01-01T00:00:10.000Z",
        raises: 1,
        wakes: "at once on a crash, else within 25 s (2 ticks)"
      })
      assert.deepStrictEqual(snapshot.signals[0]?.muted, { until: "1970-01-01T00:01:30.000Z", by: "@ann" })
      assert.match(snapshot.signals[0]?.history ?? "", /^ {287}#$/)
      assert.deepInclude(snapshot.collectors[0], {
        lastTick: "1970-01-01T00:00:30.000Z",
        latency: 8,
        ticks: 2,
        blindTicks: 1,
        problem: "no answer"
      })
      assert.deepInclude(snapshot.sinks[0], { name: "telegram", sent: 3, lastSent: "1970-01-01T00:00:01.000Z" })
      assert.deepInclude(snapshot.told[0], { at: "1970-01-01T00:00:20.000Z", text: "down" })
      assert.strictEqual(snapshot.mutes[0]?.pattern, "container:*")
    }).pipe(Effect.provide(layer))
  )

  it.effect("derives wall times when it is looked at: a wall clock that was set moves them all", () =>
    Effect.gen(function* () {
      const board = yield* StatusBoard
      looking(board.place("x", "containers"), specOf("x"))(false, 1)

      yield* TestClock.setTime(3_600_000)
      const [signal] = (yield* board.snapshot).signals

      assert.strictEqual(signal?.since, "1970-01-01T00:00:10.000Z")
    }).pipe(Effect.provide(layer))
  )

  it.effect("counts raises, also while flapping, and says since when each state has held", () =>
    Effect.gen(function* () {
      const board = yield* StatusBoard
      const spec = specOf("x", policyOf({ raiseTicks: 1, flapRaises: 3 }))
      const look = looking(board.place("x", "c"), spec)
      for (const tick of [1, 3, 5, 7]) {
        look(true, tick)
        look(false, tick + 1)
      }
      yield* TestClock.adjust(Duration.seconds(80))

      const [flapping] = (yield* board.snapshot).signals

      assert.deepInclude(flapping, { state: "flapping", raises: 4, since: "1970-01-01T00:00:10.000Z" })
      const well = looking(board.place("y", "c"), specOf("y", spec.policy))
      well(true, 1)
      well(false, 2)
      well(false, 3)
      assert.deepInclude((yield* board.snapshot).signals[1], { state: "clear", since: "1970-01-01T00:00:20.000Z" })
    }).pipe(Effect.provide(layer))
  )

  it.effect("forgets a signal that has retired, but not the one that has taken its name since", () =>
    Effect.gen(function* () {
      const board = yield* StatusBoard
      const old = board.place("x", "c")
      looking(old, specOf("x"))(false, 1)
      looking(board.place("y", "c"), specOf("y"))(false, 1)
      const young = board.place("x", "c")
      looking(young, specOf("x"))(false, 1)

      old.retired()
      const both = (yield* board.snapshot).signals.map(({ id }) => id)
      young.retired()
      const one = (yield* board.snapshot).signals.map(({ id }) => id)

      assert.deepStrictEqual([both, one], [["x", "y"], ["y"]])
    }).pipe(Effect.provide(layer))
  )

  it.effect("keeps the last hundred messages, newest first, and no more of each than can be read", () =>
    Effect.gen(function* () {
      const board = yield* StatusBoard
      for (let n = 0; n < 150; n++) {
        const text = n === 149 ? `${"x".repeat(1_999)}🔴${"y".repeat(100)}` : String(n)
        yield* board.told({
          atMs: n,
          sink: "s",
          text,
          rang: false,
          signals: Array.from({ length: 80 }, () => "a")
        })
      }

      const { told } = yield* board.snapshot

      assert.strictEqual(told.length, 100)
      assert.strictEqual(told[0]?.text, `${"x".repeat(1_999)}…`)
      assert.strictEqual(told[0]?.signals.length, 50)
      assert.strictEqual(told.at(-1)?.text, "50")
    }).pipe(Effect.provide(layer))
  )

  it.effect("is well while a loop goes, every monitor runs and some sink is able", () =>
    Effect.gen(function* () {
      const board = yield* StatusBoard
      const loops = yield* Loops
      yield* board.sink({ ...telegram, red: true, problem: "the token was revoked" })
      yield* board.sink({ ...telegram, name: "webhook" })
      const well = yield* board.health
      yield* board.sink({ ...telegram, name: "webhook", red: true, problem: "404" })
      yield* loops.crashed("dispatcher", "Error: x", true)
      yield* board.monitors(Effect.succeed(["container:web"]))

      const ill = yield* board.health

      assert.deepStrictEqual(well, { own: [], sinks: [] })
      assert.deepStrictEqual(ill, {
        own: ["dispatcher keeps crashing (1 times): Error: x", "the monitor of container:web does not run"],
        sinks: ["no sink is able to tell anyone (telegram: the token was revoked; webhook: 404)"]
      })
      const snapshot = yield* board.snapshot
      assert.isFalse(snapshot.healthy)
      assert.strictEqual(snapshot.reasons.length, 3)
      assert.deepInclude(snapshot.loops[0], { name: "dispatcher", crashes: 1, failing: true })
    }).pipe(Effect.provide(layer))
  )

  it.effect("does not show a mute that has ended, and of several the one that ends last", () =>
    Effect.gen(function* () {
      const board = yield* StatusBoard
      looking(board.place("x", "c"), specOf("x"))(false, 1)
      yield* board.mutes([
        { pattern: "x", untilMs: 5_000, by: "@old" },
        { pattern: "*", untilMs: 60_000, by: "maintenance" },
        { pattern: "x", untilMs: 50_000, by: "@ann" }
      ])
      yield* TestClock.adjust(Duration.seconds(10))

      const snapshot = yield* board.snapshot

      assert.strictEqual(snapshot.mutes.length, 2)
      assert.strictEqual(snapshot.signals[0]?.muted?.by, "maintenance")
    }).pipe(Effect.provide(layer))
  )

  it.effect("wakes whoever waits for a change once, and loses none that came before he waited", () =>
    Effect.gen(function* () {
      const board = yield* StatusBoard
      const waiting = yield* Effect.forkChild(board.changedSince(0))
      const gone = yield* Effect.forkChild(board.changedSince(0))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(gone)

      board.place("x", "c").retired()
      const first = yield* Fiber.join(waiting)
      yield* board.sink(telegram)
      const second = yield* board.changedSince(first)

      assert.deepStrictEqual([first, second], [1, 2])
    }).pipe(Effect.provide(layer))
  )

  it.effect("counts decisions by kind, and the time of ticks", () =>
    Effect.gen(function* () {
      const board = yield* StatusBoard
      yield* board.watching(containers)
      board.decided("alert")
      board.decided("alert")
      yield* board.ticked({
        collector: "containers",
        asOfMs: 0,
        tookMs: 12,
        problem: null,
        blind: false,
        signals: 0
      })

      const { decisions, tickMs } = yield* board.counters

      assert.deepInclude(decisions, { alert: 2, recover: 0 })
      assert.strictEqual(tickMs.get("containers"), 12)
    }).pipe(Effect.provide(layer))
  )
})
