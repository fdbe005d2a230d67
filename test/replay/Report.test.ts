import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { policyKeys, readChange } from "../../src/replay/PolicyKeys.ts"
import { Replay, type Replayed } from "../../src/replay/Replay.ts"
import { columnsMax, reportJson, reportText } from "../../src/replay/Report.ts"
import { chance, life, live, scriptRun } from "./living.ts"

const recorded = life({ cooldownMs: 61_003 }, 90, { WATCHDOG_COOLDOWN: "61003ms" })

const replayed = (given: ReadonlyArray<string> = [], hurt: (line: string) => string = (line) => line) =>
  Effect.map(live(scriptRun(chance(4)), recorded, "run"), (lines): Replayed => {
    const known = new Set(policyKeys.map(({ name }) => name))
    const changes = given.map((text) => Result.getOrThrow(readChange(text, known, () => undefined)))
    const replaying = new Replay({ changes })
    for (const line of lines) replaying.push(hurt(line))
    return replaying.finish()
  })

describe("the report for people", () => {
  it.effect("fits its columns, and says period, runs, lines, policy, incidents, totals and limits", () =>
    Effect.gen(function* () {
      for (const given of [[], ["WATCHDOG_RAISE_TICKS=3", "WATCHDOG_FLAP_RAISES=0"]]) {
        const text = reportText(yield* replayed(given), { tookMs: 100 })

        for (const line of text.split("\n")) assert.isAtMost(line.length, columnsMax, line)
        for (const label of ["period", "runs", "lines", "policy", "incident", "decisions", "time to alert", "limits"])
          assert.include(text, `\n${label}`.replace("\nperiod", "period"))
        assert.match(text, /The replay of the recorded policy decides what was told: \d+ recorded decisions/)
        assert.match(text, /delivery \(digests, pace, mutes, a sink that is down\) is not/)
      }
    })
  )

  it.effect("has what would have been told beside what was, and counts what is missed", () =>
    Effect.gen(function* () {
      const found = yield* replayed(["WATCHDOG_RAISE_TICKS=9"])
      const text = reportText(found, { tookMs: 100 })

      assert.isAbove(found.missed, 0)
      assert.match(text, /told {2,}would have been told/)
      assert.match(text, /alert, after \d+s/)
      assert.include(text, "nothing")
      assert.match(text, new RegExp(`faults now missed +${found.missed}`))
    })
  )

  it.effect("says where the replay parts from what was told", () =>
    Effect.gen(function* () {
      const text = reportText(yield* replayed([], (line) => line.replace('"kind":"remind"', '"kind":"gone"')), {
        tookMs: 1
      })

      assert.match(text, /DIFFERS from what was told in \d+ decisions/)
      assert.match(text.replaceAll("\n", " "), /recorded gone at \d+ ms \(line \d+\); replayed remind at \d+ ms/)
    })
  )

  it.effect("cannot be steered by what a log names", () =>
    Effect.gen(function* () {
      const found = yield* replayed([], (line) =>
        line.replaceAll("container:docker", "container:\\u001b[2J\\u202e\\r\\n")
      )
      const text = reportText(found, { tookMs: 1 })

      assert.notMatch(text.replaceAll("\n", ""), /[\p{Cc}\p{Cf}]/u)
      assert.include(text, "container:\u{FFFD}[2J")
    })
  )
})

describe("the report for scripts", () => {
  it.effect("has the documented shape", () =>
    Effect.gen(function* () {
      const found = yield* replayed(["WATCHDOG_RAISE_TICKS=3"])
      const json = JSON.parse(reportJson(found, { tookMs: 100 })) as Readonly<Record<string, unknown>>

      assert.sameMembers(Object.keys(json), [
        "v",
        "period",
        "lines",
        "runs",
        "runsNotListed",
        "signals",
        "set",
        "comparison",
        "incidents",
        "faultsMissed",
        "faultsNewlyTold",
        "before",
        "after",
        "limits"
      ])
      assert.deepStrictEqual(json["set"], { WATCHDOG_RAISE_TICKS: "3" })
      assert.strictEqual((json["incidents"] as ReadonlyArray<unknown>).length, found.incidents.length)
      assert.match((json["period"] as { readonly from: string }).from, /^1970-01-01T/)
    })
  )
})
