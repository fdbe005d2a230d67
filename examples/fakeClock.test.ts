/** A test of one's own with a fake clock and a fake Docker: an hour's incident in milliseconds, the real watchdog in between. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Scenario } from "orchestrator-watchdog/testing"

it.effect("tells me once when my api dies, and reminds me after half an hour", () =>
  Effect.gen(function* () {
    const scenario = yield* Scenario.make({ env: { WATCHDOG_RAISE_TICKS: "3" } })
    scenario.engine.run({ name: "api", image: "shop/api:7", restart: "unless-stopped" })
    yield* scenario.start
    yield* TestClock.adjust("1 minute")

    scenario.engine.kill("api")
    yield* TestClock.adjust("29 minutes")
    const early = scenario.told()
    yield* TestClock.adjust("5 minutes")

    assert.strictEqual(early.length, 1)
    assert.match(early[0] ?? "", /^🔴 container:api exited with code 137/)
    assert.match(scenario.told()[1] ?? "", /^🔁 container:api/)
    yield* scenario.leave
  }).pipe(Effect.scoped)
)
