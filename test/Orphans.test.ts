/** Faults that an earlier run told of and nobody watches any more: each gets its end. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Handover } from "../src/queue/Dispatcher.ts"
import { orphansOf } from "../src/Orphans.ts"
import { makeFakeStateDisk } from "../src/testing/FakeStateDisk.ts"
import * as Scenario from "../src/testing/Scenario.ts"

const ledger = (...boxes: ReadonlyArray<readonly [string, "clear" | "active" | "flapping"]>) => ({
  outbox: {
    v: 1 as const,
    anchor: { wallMs: 0, monotonicMs: 0, runId: "a" },
    boxes: boxes.map(([signal, now]) => ({ signal, now, severity: "critical", sinceMs: 5 }))
  },
  memory: null
})

describe("orphansOf", () => {
  it("finds each open fault that is not watched once, in whichever ledger", () => {
    const handover = {
      v: 1,
      sinks: {
        telegram: ledger(["disk:/", "active"], ["container:old", "flapping"], ["container:well", "clear"]),
        webhook: ledger(["container:old", "flapping"], ["sink:telegram", "active"])
      }
    } as unknown as Handover

    assert.deepStrictEqual(
      orphansOf(handover, new Set(["disk:/"])).map(({ signal }) => signal),
      ["container:old", "sink:telegram"]
    )
  })
})

const deliveries = (scenario: Scenario.Scenario, sink: string): ReadonlyArray<string> =>
  scenario
    .journal()
    .filter((line) => line["event"] === "delivery" && line["sink"] === sink && line["result"] === "sent")
    .flatMap((line) => line["entries"] as ReadonlyArray<{ readonly kind: string; readonly signal: string }>)
    .map(({ kind, signal }) => `${kind} ${signal}`)

describe("a sink's fault that was told elsewhere", () => {
  const env = { WATCHDOG_STATE_FILE: "/s/state.json", WATCHDOG_WEBHOOK_URL: "http://hook/x" }

  it.effect("ends once the sink works in the next run, and not before", () =>
    Effect.gen(function* () {
      const disk = makeFakeStateDisk()
      const scenario = yield* Scenario.make({ disk, env })
      scenario.telegram.setMode({ status: 401 })
      yield* scenario.start
      yield* TestClock.adjust("30 seconds")
      yield* scenario.kill
      yield* TestClock.adjust("10 seconds")
      yield* scenario.start
      yield* TestClock.adjust("5 minutes")
      const still = deliveries(scenario, "webhook")
      yield* scenario.kill
      scenario.telegram.setMode("up")
      yield* scenario.start
      yield* TestClock.adjust("2 minutes")

      assert.deepStrictEqual(still, ["alert sink:telegram"])
      assert.deepStrictEqual(deliveries(scenario, "webhook"), ["alert sink:telegram", "recovered sink:telegram"])
      assert.deepStrictEqual([...scenario.told()], [])
    }).pipe(Effect.scoped)
  )

  it.effect("is gone with the sink", () =>
    Effect.gen(function* () {
      const disk = makeFakeStateDisk()
      const first = yield* Scenario.make({ disk, env })
      first.telegram.setMode({ status: 401 })
      yield* first.start
      yield* TestClock.adjust("30 seconds")
      yield* first.kill
      const second = yield* Scenario.make({
        disk,
        env: { ...env, WATCHDOG_TELEGRAM_BOT_TOKEN: "", WATCHDOG_TELEGRAM_CHAT_ID: "" }
      })
      yield* second.start
      yield* TestClock.adjust("2 minutes")

      assert.deepStrictEqual(deliveries(second, "webhook"), ["gone sink:telegram"])
    }).pipe(Effect.scoped)
  )
})
