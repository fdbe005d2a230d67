import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Queue } from "effect"
import { TestClock } from "effect/testing"
import { Loops } from "../../src/base/Loops.ts"
import type { Alert, SignalSpec } from "../../src/decision/index.ts"
import { Monitors } from "../../src/monitor/Monitors.ts"
import { Alerts } from "../../src/queue/Alerts.ts"
import { Journal } from "../../src/status/Journal.ts"
import { StatusBoard } from "../../src/status/StatusBoard.ts"
import { policyOf, seen } from "../decision/history.ts"
import { quiesce } from "../queue/scripted.ts"

const specOf = (signal: string): SignalSpec => ({
  signal,
  severity: "critical",
  policy: policyOf({ raiseTicks: 1, flapRaises: 0 })
})

interface Desk {
  readonly monitors: Monitors["Service"]
  readonly loops: Loops["Service"]
  readonly told: Effect.Effect<ReadonlyArray<string>>
}

const monitoring = (
  self: (desk: Desk) => Effect.Effect<void>,
  write: Journal["Service"]["write"] = () => Effect.void
) =>
  Effect.gen(function* () {
    const alerts = yield* Alerts
    yield* self({
      monitors: yield* Monitors,
      loops: yield* Loops,
      told: Effect.map(Effect.andThen(quiesce, Queue.clear(alerts)), (all: ReadonlyArray<Alert>) =>
        all.map(({ signal, decision }) => `${decision.kind} ${signal}`)
      )
    })
  }).pipe(
    Effect.provide(
      Monitors.layer().pipe(
        Layer.provideMerge(
          Layer.mergeAll(
            Alerts.layer,
            Loops.layer,
            StatusBoard.layerNone,
            Layer.succeed(Journal, { runId: "test", write })
          )
        )
      )
    )
  )

describe("Monitors", () => {
  it.effect("gives each signal a monitor of its own when it is first observed", () =>
    monitoring(({ monitors, told }) =>
      Effect.gen(function* () {
        yield* monitors.observe(specOf("a"), seen(true, 1, 0), "test")
        yield* monitors.observe(specOf("b"), seen(false, 1, 0), "test")
        yield* monitors.observe(specOf("a"), seen(true, 2, 0), "test")

        assert.deepStrictEqual(yield* told, ["alert a"])
        assert.deepStrictEqual(
          (yield* monitors.all).map(({ spec, state }) => [spec.signal, state?.active]),
          [
            ["a", true],
            ["b", false]
          ]
        )
        assert.deepStrictEqual(yield* monitors.dead, [])
      })
    )
  )

  it.effect("never loses a retirement, however many looks come before and after it in one go", () =>
    monitoring(({ monitors, told }) =>
      Effect.gen(function* () {
        yield* monitors.observe(specOf("a"), seen(true, 1, 0), "test")
        yield* quiesce
        for (let tick = 2; tick <= 100; tick++) yield* monitors.observe(specOf("a"), seen(true, tick, tick), "test")
        yield* monitors.retire("a", "removed")
        for (let tick = 101; tick <= 200; tick++) yield* monitors.observe(specOf("a"), seen(true, tick, tick), "test")

        assert.deepStrictEqual(yield* told, ["alert a", "gone a", "alert a"])
      })
    )
  )

  it.effect("forgets a retired signal, and knows nothing of one it never saw", () =>
    monitoring(({ monitors, told }) =>
      Effect.gen(function* () {
        yield* monitors.observe(specOf("a"), seen(false, 1, 0), "test")
        yield* monitors.retire("a", "removed")
        yield* monitors.retire("never seen", "removed")

        assert.deepStrictEqual(yield* told, [])
        assert.deepStrictEqual(yield* monitors.all, [])
      })
    )
  )

  it.effect("takes the newest policy of a signal", () =>
    monitoring(({ monitors, told }) =>
      Effect.gen(function* () {
        yield* monitors.observe({ ...specOf("a"), policy: policyOf({ raiseTicks: 3 }) }, seen(true, 1, 0), "test")
        yield* monitors.observe({ ...specOf("a"), policy: policyOf({ raiseTicks: 2 }) }, seen(true, 2, 0), "test")

        assert.deepStrictEqual(yield* told, ["alert a"])
      })
    )
  )

  it.effect("starts a signal that crashes again, with its state; the others do not notice", () => {
    let writes = 0
    return monitoring(
      ({ monitors, told, loops }) =>
        Effect.gen(function* () {
          yield* monitors.observe(specOf("bad"), seen(true, 1, 0), "test")
          yield* monitors.observe(specOf("good"), seen(true, 1, 0), "test")
          assert.deepStrictEqual(yield* told, ["alert good"])

          yield* TestClock.adjust(100)
          yield* monitors.observe(specOf("bad"), seen(true, 2, 100), "test")
          assert.deepStrictEqual(yield* told, ["alert bad"])

          const crashes = (yield* loops.all).map(({ name, crashes }) => [name, crashes])
          assert.deepStrictEqual(crashes, [["signal bad", 1]])
          assert.deepStrictEqual(yield* monitors.dead, [])
        }),
      () => (++writes === 1 ? Effect.die("no room") : Effect.void)
    )
  })

  it.effect("reports a signal that keeps crashing, and still restarts it", () =>
    monitoring(
      ({ monitors, loops, told }) =>
        Effect.gen(function* () {
          for (let tick = 1; tick <= 5; tick++) {
            yield* monitors.observe(specOf("bad"), seen(true, tick, tick), "test")
            yield* quiesce
            yield* TestClock.adjust(5_000)
          }

          assert.match((yield* loops.complaints).join(), /^signal bad keeps crashing \(5 times\)/)
          assert.deepStrictEqual(yield* told, [])
        }),
      () => Effect.die("always")
    )
  )
})
