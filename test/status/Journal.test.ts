import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Settings } from "../../src/base/Keys.ts"
import { Output } from "../../src/base/Output.ts"
import { Journal, layerLogger } from "../../src/status/Journal.ts"

const world = (env: Readonly<Record<string, string>>, out: Array<string>, err: Array<string>) =>
  Layer.merge(Journal.layer("run-1"), layerLogger).pipe(
    Layer.provide(Layer.merge(Output.layerMemory(out, err), Settings.layerTest(env)))
  )

const write = (env: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const out: Array<string> = []
    const err: Array<string> = []
    yield* Effect.gen(function* () {
      yield* TestClock.adjust("90 seconds")
      yield* (yield* Journal).write("decision", { signal: "container:a\nb", kind: "alert" })
      yield* Effect.logInfo("hello").pipe(Effect.annotateLogs({ collector: "disk" }))
      yield* Effect.logDebug("details")
    }).pipe(Effect.provide(world(env, out, err)))
    return { out, err }
  })

describe("the journal", () => {
  it.effect("is one JSON line per event, with wall and monotonic time and the run", () =>
    Effect.gen(function* () {
      const { out, err } = yield* write({})

      assert.deepStrictEqual(
        out.map((line) => JSON.parse(line) as unknown),
        [
          {
            time: "1970-01-01T00:01:30.000Z",
            event: "decision",
            run: "run-1",
            atMs: 90_000,
            signal: "container:a\nb",
            kind: "alert"
          },
          { time: "1970-01-01T00:01:30.000Z", event: "log", level: "info", message: "hello", collector: "disk" }
        ]
      )
      assert.isTrue(out.every((line) => !line.includes("\n")))
      assert.deepStrictEqual(err, [])
    })
  )

  it.effect("is written whatever the level; log lines obey it", () =>
    Effect.gen(function* () {
      const { out } = yield* write({ WATCHDOG_LOG_LEVEL: "error" })

      assert.strictEqual(out.length, 1)
      assert.include(out[0], '"event":"decision"')
    })
  )

  it.effect("shows details at debug", () =>
    Effect.gen(function* () {
      const { out } = yield* write({ WATCHDOG_LOG_LEVEL: "debug" })

      assert.include(out.at(-1), '"level":"debug"')
    })
  )

  it.effect("for people is log lines only, on standard error", () =>
    Effect.gen(function* () {
      const { out, err } = yield* write({ WATCHDOG_LOG_FORMAT: "pretty" })

      assert.deepStrictEqual(out, [])
      assert.deepStrictEqual(err, ["00:01:30 info hello collector=disk"])
    })
  )

  it.effect("for people says nothing of what only machines read", () =>
    Effect.gen(function* () {
      const out: Array<string> = []
      const err: Array<string> = []
      yield* Effect.gen(function* () {
        const journal = yield* Journal
        for (const event of ["run", "ticks", "observation", "again", "absent", "inherited", "retired"])
          yield* journal.write(event, {})
      }).pipe(Effect.provide(world({ WATCHDOG_LOG_FORMAT: "pretty" }, out, err)))

      assert.deepStrictEqual([...out, ...err], [])
    })
  )
})
