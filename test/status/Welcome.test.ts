import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Settings } from "../../src/base/Keys.ts"
import { Output } from "../../src/base/Output.ts"
import { StatusBoard } from "../../src/status/StatusBoard.ts"
import type { Snapshot } from "../../src/status/Snapshot.ts"
import { welcome } from "../../src/status/Welcome.ts"
import { signalView, snapshotOf } from "./snapshots.ts"

const empty = snapshotOf([signalView("container:api")])

const withTicks = (ticks: number): Snapshot => ({
  ...empty,
  collectors: empty.collectors.map((collector) => ({ ...collector, ticks }))
})

/** Welcomes at a board that shows whatever `shown` says at that time. */
const welcomed = (
  shown: () => Snapshot,
  self: (err: Array<string>) => Effect.Effect<void>,
  options: { readonly terminal?: boolean; readonly env?: Readonly<Record<string, string>> } = {}
) =>
  Effect.gen(function* () {
    const err: Array<string> = []
    const memory = yield* Effect.provide(Effect.service(Output), Output.layerMemory([], err))
    const board = yield* Effect.provide(Effect.service(StatusBoard), StatusBoard.layerNone)
    const world = Layer.mergeAll(
      Layer.succeed(Output, { ...memory, terminal: options.terminal ?? true }),
      Layer.succeed(StatusBoard, { ...board, snapshot: Effect.sync(shown) }),
      Settings.layerTest(options.env)
    )
    const fiber = yield* Effect.forkChild(Effect.provide(welcome, world))
    yield* self(err)
    yield* Fiber.interrupt(fiber)
  })

describe("the welcome", () => {
  it.effect("comes when every collector has looked, with the page's address", () => {
    let ticks = 0
    return welcomed(
      () => withTicks(ticks),
      (err) =>
        Effect.gen(function* () {
          yield* TestClock.adjust("3 seconds")
          assert.deepStrictEqual(err, [])
          ticks = 1
          yield* TestClock.adjust("100 millis")

          assert.match(err[0] ?? "", /^\nall is well, 1 well/)
          assert.strictEqual(err[1], "its page: http://127.0.0.1:9469/\n")
        })
    )
  })

  it.effect("waits eight seconds for a collector that hangs, and no longer", () =>
    welcomed(
      () => withTicks(0),
      (err) =>
        Effect.gen(function* () {
          yield* TestClock.adjust("7999 millis")
          assert.deepStrictEqual(err, [])
          yield* TestClock.adjust("1 millis")

          assert.strictEqual(err.length, 2)
        })
    )
  )

  const silent: ReadonlyArray<
    readonly [where: string, options: { readonly terminal?: boolean; readonly env?: Readonly<Record<string, string>> }]
  > = [
    ["where no person reads", { terminal: false }],
    ["where JSON is asked for", { env: { WATCHDOG_LOG_FORMAT: "json" } }]
  ]
  for (const [where, options] of silent) {
    it.effect(`does not come ${where}`, () =>
      welcomed(
        () => withTicks(1),
        (err) =>
          Effect.gen(function* () {
            yield* TestClock.adjust("1 minute")
            assert.deepStrictEqual(err, [])
          }),
        options
      )
    )
  }

  it.effect("names no page where there is none", () =>
    welcomed(
      () => withTicks(1),
      (err) =>
        Effect.gen(function* () {
          yield* TestClock.adjust("1 second")
          assert.strictEqual(err.length, 1)
        }),
      { env: { WATCHDOG_HTTP_LISTEN: "off" } }
    )
  )
})
