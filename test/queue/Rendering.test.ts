import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Settings } from "../../src/base/Keys.ts"
import { Renderer } from "../../src/queue/Rendering.ts"

const rendering = (env: Readonly<Record<string, string>>) =>
  Effect.flatMap(Renderer, (renderer) => renderer.now).pipe(
    Effect.provide(Layer.provide(Renderer.layer, Settings.layerTest(env)))
  )

describe("a rendering", () => {
  it.effect("writes a monotonic moment as wall time of the zone, with the day where it is another", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("30 hours")

      const utc = yield* rendering({ WATCHDOG_TIMEZONE: "UTC", WATCHDOG_HOST_NAME: "alpha" })
      const tokyo = yield* rendering({ WATCHDOG_TIMEZONE: "Asia/Tokyo" })

      assert.strictEqual(utc.host, "alpha")
      assert.strictEqual(utc.timeText(utc.nowMs - 65_000), "05:58:55")
      assert.strictEqual(utc.timeText(utc.nowMs - 7 * 3_600_000), "1 Jan 23:00:00")
      assert.strictEqual(tokyo.timeText(tokyo.nowMs), "15:00:00")
    })
  )
})
