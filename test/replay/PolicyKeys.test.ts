import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { TestClock } from "effect/testing"
import { Settings } from "../../src/base/Keys.ts"
import {
  changedPolicy,
  contradictions,
  policyKeys,
  policySettings,
  readChange,
  recordedDefaults,
  type Change
} from "../../src/replay/PolicyKeys.ts"
import type { Policy } from "../../src/decision/index.ts"
import * as Scenario from "../../src/testing/Scenario.ts"
import { policyOf } from "../decision/history.ts"

const known = new Set([...policyKeys.map(({ name }) => name), "WATCHDOG_HTTP_LISTEN", "WATCHDOG_INTERVAL"])
const never = (): undefined => undefined
const read = (text: string): Change => Result.getOrThrow(readChange(text, known, never))
const refusalOf = (text: string, near: typeof never | (() => string) = never): string => {
  const found = readChange(text, known, near)
  return Result.isFailure(found) ? found.failure : "accepted"
}

describe("a change", () => {
  it("is read as the setting itself would be", () => {
    assert.strictEqual(read("WATCHDOG_RAISE_TICKS=3").value, 3)
    assert.strictEqual(read("WATCHDOG_COOLDOWN=1h30m").value, 5_400_000)
    assert.strictEqual(read("WATCHDOG_DISK_CEILING = 90%").value, 90)
    assert.strictEqual(read("WATCHDOG_DISK_CEILING=off").value, undefined)
  })

  it("of what is not decision policy is refused, and what is one is said", () => {
    const said = refusalOf("WATCHDOG_HTTP_LISTEN=off")

    assert.match(said, /^WATCHDOG_HTTP_LISTEN is not decision policy/)
    for (const { name } of policyKeys) assert.include(said, name)
  })

  it("of the pace is refused with the reason", () => {
    for (const name of ["WATCHDOG_INTERVAL", "WATCHDOG_CONTAINERS_INTERVAL"])
      assert.match(refusalOf(`${name}=5s`), /cannot be replayed: looks at another pace were never made/)
  })

  it("of an unknown setting, of nothing, or to what it cannot be, is refused", () => {
    assert.match(
      refusalOf("WATCHDOG_RAISE_TICK=3", () => "WATCHDOG_RAISE_TICKS"),
      /no such setting; did you mean WATCHDOG_RAISE_TICKS\?/
    )
    assert.match(refusalOf("WATCHDOG_RAISE_TICKS"), /say what to set it to/)
    assert.match(refusalOf("WATCHDOG_RAISE_TICKS=0"), /"0" is not a whole number of at least 1/)
    assert.match(refusalOf(""), /no such setting/)
  })

  it("that could never do its job is refused by the name of its key", () => {
    assert.deepStrictEqual(contradictions([read("WATCHDOG_RAISE_TICKS=3")]), [])
    assert.match(contradictions([read("WATCHDOG_FLAP_RAISES=1")])[0] ?? "", /^WATCHDOG_FLAP_RAISES is 1/)
  })
})

describe("the changed policy", () => {
  const defaults = policyOf({})
  const changed = (signal: string, changes: ReadonlyArray<string>, policy = defaults) => {
    const made = changedPolicy({ signal, policy, defaults }, changes.map(read))
    return made.ok ? made.policy : made.reasons
  }

  it("has the change where the recorded value was the default, and what a label said stays said", () => {
    const tuned = policyOf({ raiseTicks: 5 })

    assert.deepStrictEqual(changed("container:a", ["WATCHDOG_RAISE_TICKS=3"]), policyOf({ raiseTicks: 3 }))
    assert.deepStrictEqual(
      changed("container:a", ["WATCHDOG_RAISE_TICKS=3", "WATCHDOG_COOLDOWN=5m"], tuned),
      policyOf({ raiseTicks: 5, cooldownMs: 300_000 })
    )
  })

  it("of orch_down follows its own key alone", () => {
    const recorded = policyOf({ raiseTicks: 2 })

    assert.deepStrictEqual(changed("orch_down", ["WATCHDOG_RAISE_TICKS=7"], recorded), recorded)
    assert.deepStrictEqual(changed("orch_down", ["WATCHDOG_ORCH_DOWN_TICKS=7"], recorded), policyOf({ raiseTicks: 7 }))
    assert.deepStrictEqual(changed("source:orchestrator", ["WATCHDOG_ORCH_DOWN_TICKS=7"]), defaults)
  })

  it("has the ceiling of its own key, which clears as far below as the collector has it", () => {
    assert.deepStrictEqual(
      changed("disk:/var", ["WATCHDOG_DISK_CEILING=90"]),
      policyOf({ ceiling: { raiseAt: 90, clearAt: 88 } })
    )
    assert.deepStrictEqual(
      changed("memory", ["WATCHDOG_MEMORY_CEILING=90"]),
      policyOf({ ceiling: { raiseAt: 90, clearAt: 85 } })
    )
    assert.deepStrictEqual(
      changed("load", ["WATCHDOG_LOAD_CEILING=2"]),
      policyOf({ ceiling: { raiseAt: 2, clearAt: 1.6 } })
    )
    assert.deepStrictEqual(
      changed("pressure:io", ["WATCHDOG_PRESSURE_CEILING=40"]),
      policyOf({ ceiling: { raiseAt: 40, clearAt: 20 } })
    )
    assert.deepStrictEqual(
      changed("disk:/", ["WATCHDOG_DISK_CEILING=off"], policyOf({ ceiling: { raiseAt: 97, clearAt: 95 } })),
      defaults
    )
    assert.deepStrictEqual(changed("inodes:/", ["WATCHDOG_DISK_CEILING=90"]), defaults)
  })
})

describe("the settings a run records", () => {
  it.effect("are those that are decision policy, and come back as its defaults", () =>
    Effect.gen(function* () {
      const settings = policySettings(yield* Settings)

      assert.sameMembers(
        Object.keys(settings),
        policyKeys.map(({ name }) => name)
      )
      assert.strictEqual(settings["WATCHDOG_COOLDOWN"], "20m")
      assert.strictEqual(settings["WATCHDOG_DISK_CEILING"], "off")
      const { cooldownMs, raiseTicks } = recordedDefaults(new Map(Object.entries(settings)))
      assert.deepStrictEqual({ cooldownMs, raiseTicks }, { cooldownMs: 1_200_000, raiseTicks: 2 })
      assert.deepStrictEqual(recordedDefaults(new Map([["WATCHDOG_COOLDOWN", "never"]])), {})
    }).pipe(Effect.provide(Settings.layerTest({ WATCHDOG_COOLDOWN: "20m" })))
  )
})

describe("how far below a ceiling it clears", () => {
  it.effect("is what the collectors themselves make of it", () =>
    Effect.gen(function* () {
      const env = {
        WATCHDOG_DISK_CEILING: "90",
        WATCHDOG_INODE_CEILING: "91",
        WATCHDOG_MEMORY_CEILING: "92",
        WATCHDOG_SWAP_CEILING: "3",
        WATCHDOG_LOAD_CEILING: "1.5",
        WATCHDOG_PRESSURE_CEILING: "40"
      }
      const changes = Object.entries(env).map(([key, value]) => read(`${key}=${value}`))
      const scenario = yield* Scenario.make({ env })
      yield* scenario.start
      yield* TestClock.adjust("25 seconds")
      yield* scenario.leave

      const ceilings = scenario.journal().flatMap(({ signal, spec }) => {
        const policy = (spec as { readonly policy: Policy } | undefined)?.policy
        return policy?.ceiling ? [{ signal: String(signal), policy }] : []
      })

      assert.isAtLeast(ceilings.length, 5)
      for (const { policy, signal } of ceilings) {
        const off = { ...policy, ceiling: null }
        const made = changedPolicy({ signal, policy: off, defaults: off }, changes)
        assert.deepStrictEqual(made.ok && made.policy, policy, signal)
      }
    }).pipe(Effect.scoped)
  )
})
