/** Start and stop messages: when they are told, and that a crash loop tells nothing. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Settings } from "../../src/base/Keys.ts"
import { Loops } from "../../src/base/Loops.ts"
import { Output } from "../../src/base/Output.ts"
import { Mutes } from "../../src/queue/Mute.ts"
import * as Notice from "../../src/queue/Notice.ts"
import { Renderer } from "../../src/queue/Rendering.ts"
import { messageText, isSilent } from "../../src/sink/Message.ts"
import { type MessageSink, SinkError } from "../../src/sink/Sink.ts"
import { Journal, layerLogger } from "../../src/status/Journal.ts"
import { StatusBoard } from "../../src/status/StatusBoard.ts"

interface Told {
  readonly atS: number
  readonly text: string
  readonly silent: boolean
}

/** A sink that takes everything, but for the first `refusals`. */
const sinkOf = (told: Array<Told>, refusals = 0): MessageSink => {
  let left = refusals
  return {
    kind: "message",
    name: "telegram",
    destination: "a chat",
    pace: { windowMs: 1_000, perMinute: 15 },
    verify: Effect.succeed("ok"),
    fit: (draft) => draft.entries.length,
    send: (draft) =>
      Effect.gen(function* () {
        if (left-- > 0) {
          return yield* new SinkError({
            reason: "RateLimited",
            detail: "too many",
            retryable: true,
            retryAfterMs: 7_000,
            maybeSent: false
          })
        }
        const atS = Math.round((yield* Clock.currentTimeMillis) / 1_000)
        told.push({ atS, text: messageText(draft).plain, silent: isSilent(draft) })
        return { reference: null, moved: false }
      })
  }
}

const world = (env: Readonly<Record<string, string>> = { WATCHDOG_NOTIFY_START: "true" }) => {
  const told: Array<Told> = []
  let note: unknown = null
  const layer = Layer.mergeAll(Mutes.layer(), Renderer.layer, Journal.layer("run"), layerLogger, Loops.layer).pipe(
    Layer.provideMerge(
      Layer.mergeAll(
        Settings.layerTest({ WATCHDOG_HOST_NAME: "fake", WATCHDOG_TIMEZONE: "UTC", ...env }),
        StatusBoard.layerNone,
        Output.layerMemory([], [])
      )
    )
  )
  /** One life of the watchdog; `keeps`: it has a state file. */
  const live = (seconds: number, { keeps = false, refusals = 0 } = {}) =>
    Effect.gen(function* () {
      const life = yield* Scope.make()
      const made = yield* Notice.make({
        watching: "containers, disk",
        sinks: [sinkOf(told, refusals)],
        earlier: keeps ? note : undefined,
        changed: Effect.void
      }).pipe(Scope.provide(life))
      yield* TestClock.adjust(seconds * 1_000)
      yield* Scope.close(life, Exit.void)
      if (keeps) note = JSON.parse(JSON.stringify(yield* made.note))
    })
  return { told, live, layer }
}

describe("a start", () => {
  it.effect("is told after a minute of life, silently; and so is the stop", () => {
    const { told, live, layer } = world()
    return Effect.gen(function* () {
      yield* live(3_600)

      assert.deepStrictEqual(told, [
        {
          atS: 60,
          text: "ℹ️ watchdog started 1 min ago, watching containers, disk\nfake",
          silent: true
        },
        {
          atS: 3_600,
          text: "ℹ️ watchdog stops after 1 h: nobody watches until it is started again\nfake",
          silent: true
        }
      ])
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("is not told by default, nor in a crash loop, and then the stop is not told either", () => {
    const off = world({})
    const loop = world()
    return Effect.gen(function* () {
      yield* off.live(600).pipe(Effect.provide(off.layer))
      for (let start = 0; start < 100; start++) yield* loop.live(59).pipe(Effect.provide(loop.layer))

      assert.deepStrictEqual(off.told, [])
      assert.deepStrictEqual(loop.told, [])
    }).pipe(Effect.scoped)
  })

  it.effect("with a state file is told once in a quarter of an hour, and counts those before it", () => {
    const { told, live, layer } = world()
    return Effect.gen(function* () {
      // 40 lives of two minutes each: each would tell without the file.
      for (let start = 0; start < 40; start++) yield* live(120, { keeps: true })

      const starts = told.filter(({ text }) => text.includes(", watching containers"))
      assert.isAtMost(starts.length, 6)
      for (let at = 1; at < starts.length; at++) {
        assert.isAtLeast((starts[at]?.atS ?? 0) - (starts[at - 1]?.atS ?? 0), 15 * 60)
      }
      assert.include(starts[1]?.text, "started 6 times before without telling")
      assert.isAtMost(told.length, 2 * starts.length)
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("that lives on is told when the quarter of an hour is over", () => {
    const { told, live, layer } = world()
    return Effect.gen(function* () {
      yield* live(70, { keeps: true })
      yield* live(3_600, { keeps: true })

      const starts = told.filter(({ text }) => text.includes(", watching containers"))
      assert.deepStrictEqual(
        starts.map(({ atS }) => atS),
        [60, 960]
      )
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("is tried again where the sink asks to wait, and given up in the end", () => {
    const { told, live, layer } = world()
    return Effect.gen(function* () {
      yield* live(300, { refusals: 1 })
      const second = told[0]?.atS
      told.length = 0
      yield* live(300, { refusals: 9 })

      assert.strictEqual(second, 67)
      assert.deepStrictEqual(told, [])
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("is not told where everything is muted", () => {
    const { told, live, layer } = world()
    return Effect.gen(function* () {
      yield* (yield* Mutes).mute({ pattern: "*", untilMs: 3_600_000, by: "maintenance" })
      yield* live(600)

      assert.deepStrictEqual(told, [])
    }).pipe(Effect.provide(layer), Effect.scoped)
  })
})
