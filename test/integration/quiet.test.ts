/** Quiet on purpose, through the whole watchdog: a window of maintenance, and what is told at its end. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Scenario from "../../src/testing/Scenario.ts"

describe("a window of maintenance", () => {
  it.effect("is silent for its length; then what is wrong is told, and what came and went is listed", () =>
    Effect.gen(function* () {
      const scenario = yield* Scenario.make({
        env: { WATCHDOG_DOCKER_EVENTS: "false", WATCHDOG_MAINTENANCE: "10 0 * * * 20m" }
      })
      for (const name of ["web", "db", "mq"]) {
        scenario.engine.run({ name, image: `${name}:1`, restart: "unless-stopped" })
      }
      yield* scenario.start
      yield* TestClock.adjust("5 minutes")
      scenario.engine.kill("mq")
      yield* TestClock.adjust("5 minutes")
      const before = scenario.told()
      scenario.engine.kill("web")
      scenario.engine.kill("db")
      scenario.engine.start("mq")
      yield* TestClock.adjust("10 minutes")
      scenario.engine.start("web")
      yield* TestClock.adjust("599 seconds")
      const during = scenario.told(before.length)
      yield* TestClock.adjust("10 seconds")
      const after = scenario.told(before.length).join("\n\n")

      assert.strictEqual(before.length, 1)
      assert.deepStrictEqual([...during], [])
      assert.match(after, /^🔴 container:db exited with code 137/m)
      assert.match(after, /^✅ container:mq recovered/m)
      assert.match(after, /^🕓 container:web was down while muted/m)
    }).pipe(Effect.scoped)
  )
})
