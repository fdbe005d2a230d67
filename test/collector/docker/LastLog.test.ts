/** The log in an alert, from the engine's frames to the message. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Scenario from "../../../src/testing/Scenario.ts"

const crashed = (lines: string, events: string) =>
  Effect.gen(function* () {
    const scenario = yield* Scenario.make({
      env: { WATCHDOG_CONTAINER_LOG_LINES: lines, WATCHDOG_DOCKER_EVENTS: events }
    })
    scenario.engine.run({ name: "web", restart: "no" })
    yield* scenario.start
    yield* TestClock.adjust("45 seconds")
    scenario.engine.log("web", "stdout", "starting\n")
    scenario.engine.log("web", "stdout", "dial postgres://app:hunter2@db/shop\n")
    scenario.engine.log("web", "stderr", "panic: boom\n")
    scenario.engine.die("web", 3)
    yield* TestClock.adjust("30 seconds")
    return scenario
  })

describe("the log of a container that died", () => {
  it.effect.each(["true", "false"])("stands in its alert, the last lines, without its secrets (events: %s)", (events) =>
    Effect.gen(function* () {
      const scenario = yield* crashed("2", events)

      const [alert = ""] = scenario.told()
      assert.strictEqual(scenario.told().length, 1)
      assert.match(alert, /log: dial postgres:\/\/\[hidden\]@db\/shop\nlog: panic: boom$/)
      assert.notInclude(alert, "starting")
      assert.notInclude(scenario.written(), "hunter2")
    }).pipe(Effect.scoped)
  )

  it.effect("is not asked for where no lines are wanted", () =>
    Effect.gen(function* () {
      const scenario = yield* crashed("0", "true")

      assert.notInclude(scenario.told()[0], "log:")
      assert.deepStrictEqual(
        scenario.engine.requests.filter(({ path }) => path.includes("/logs")),
        []
      )
    }).pipe(Effect.scoped)
  )

  it.effect("that cannot be had holds up nothing", () =>
    Effect.gen(function* () {
      const scenario = yield* Scenario.make({ env: { WATCHDOG_CONTAINER_LOG_LINES: "5" } })
      scenario.engine.run({ name: "web", restart: "no" })
      yield* scenario.start
      yield* TestClock.adjust("45 seconds")
      scenario.engine.beRude("hang", { on: "logs" })

      scenario.engine.die("web", 3)
      yield* TestClock.adjust("300 millis")

      assert.match(scenario.told()[0] ?? "", /^🔴 container:web exited with code 3/)
    }).pipe(Effect.scoped)
  )
})
