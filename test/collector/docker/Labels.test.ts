import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { ListItem } from "../../../src/collector/docker/Container.ts"
import { tuningOf, untuned } from "../../../src/collector/docker/Labels.ts"
import * as Scenario from "../../../src/testing/Scenario.ts"
import { quiesce } from "../../queue/scripted.ts"

const labelled = (labels: NonNullable<ListItem["Labels"]> | null): ListItem => ({
  Id: "0".repeat(64),
  State: "running",
  Labels: labels
})
const tuned = (labels: Readonly<Record<string, unknown>>) => tuningOf(labelled(labels))

describe("a label that is right", () => {
  const right: ReadonlyArray<readonly [label: string, value: string, gives: object]> = [
    ["watchdog.enable", "false", { enabled: false }],
    ["watchdog.enable", "OFF", { enabled: false }],
    ["watchdog.enable", "yes", { enabled: true }],
    ["watchdog.required", "true", { required: true }],
    ["watchdog.required", "0", { required: false }],
    ["watchdog.raise-ticks", "1", { policy: { raiseTicks: 1 } }],
    ["watchdog.raise-ticks", " 12 ", { policy: { raiseTicks: 12 } }],
    ["watchdog.raise-ticks", "1000", { policy: { raiseTicks: 1_000 } }],
    ["watchdog.cooldown", "1h30m", { policy: { cooldownMs: 5_400_000 } }],
    ["watchdog.cooldown", "90", { policy: { cooldownMs: 90_000 } }],
    ["watchdog.cooldown", "0", { policy: { cooldownMs: 0 } }],
    ["watchdog.severity", "warning", { severity: "warning" }],
    ["watchdog.severity", "critical", { severity: "critical" }]
  ]

  it.each(right)("%s=%s tunes what it names and nothing else", (label, value, gives) => {
    assert.deepStrictEqual(tuned({ [label]: value }), { ...untuned, ...gives })
  })

  it("goes with the others", () => {
    const tuning = tuned({
      "watchdog.raise-ticks": "5",
      "watchdog.cooldown": "2h",
      "watchdog.severity": "warning",
      "watchdog.required": "on",
      "com.docker.compose.service": "api"
    })

    assert.deepStrictEqual(tuning, {
      ...untuned,
      required: true,
      severity: "warning",
      policy: { raiseTicks: 5, cooldownMs: 7_200_000 }
    })
  })
})

describe("a label that is not right", () => {
  const wrong: ReadonlyArray<readonly [label: string, value: unknown, problem: string]> = [
    ["watchdog.enable", "maybe", 'label watchdog.enable: "maybe" is not true or false (also 1/0, yes/no, on/off)'],
    ["watchdog.required", "", 'label watchdog.required: "" is not true or false (also 1/0, yes/no, on/off)'],
    ["watchdog.raise-ticks", "0", 'label watchdog.raise-ticks: "0" is not a whole number from 1 to 1000'],
    ["watchdog.raise-ticks", "1001", 'label watchdog.raise-ticks: "1001" is not a whole number from 1 to 1000'],
    ["watchdog.raise-ticks", "2.5", 'label watchdog.raise-ticks: "2.5" is not a whole number from 1 to 1000'],
    ["watchdog.raise-ticks", "-1", 'label watchdog.raise-ticks: "-1" is not a whole number from 1 to 1000'],
    ["watchdog.raise-ticks", "1e2", 'label watchdog.raise-ticks: "1e2" is not a whole number from 1 to 1000'],
    [
      "watchdog.cooldown",
      "soon",
      'label watchdog.cooldown: "soon" is not a duration such as 500ms, 30s, 5m, 1h30m, 2d, or plain seconds'
    ],
    ["watchdog.severity", "fatal", 'label watchdog.severity: "fatal" is not critical or warning'],
    ["watchdog.severity", 3, 'label watchdog.severity: "3" is not text'],
    ["watchdog.enable", null, 'label watchdog.enable: "null" is not text']
  ]

  it.each(wrong)("%s=%j changes nothing and is told", (label, value, problem) => {
    assert.deepStrictEqual(tuned({ [label]: value }), { ...untuned, problems: [problem] })
  })

  it.each(["watchdog.enabled", "watchdog.", "watchdog.Enable", "watchdog.__proto__", "watchdog.constructor"])(
    "%s is told with those there are",
    (label) => {
      const tuning = tuned({ [label]: "false" })

      assert.deepStrictEqual({ ...tuning, problems: [] }, untuned)
      assert.deepStrictEqual(tuning.problems, [
        `there is no label ${label} (known: watchdog.enable, watchdog.required, watchdog.raise-ticks, watchdog.cooldown, watchdog.severity)`
      ])
    }
  )

  it("does not spoil those that are right", () => {
    const tuning = tuned({ "watchdog.severity": "loud", "watchdog.raise-ticks": "4", "watchdog.x": "y" })

    assert.deepStrictEqual(tuning.policy, { raiseTicks: 4 })
    assert.strictEqual(tuning.problems.length, 2)
  })
})

describe("other labels", () => {
  it.each(["watchdog", "watchdogx.enable", "Watchdog.enable", "my.watchdog.enable", "maintainer"])(
    "such as %s are nobody's business",
    (label) => assert.deepStrictEqual(tuned({ [label]: "false" }), untuned)
  )

  it("may be none, or null as some engines have it", () => {
    assert.deepStrictEqual(tuningOf(labelled(null)), untuned)
    assert.deepStrictEqual(tuningOf({ Id: "0".repeat(64), State: "running" }), untuned)
  })
})

describe("a hostile container", () => {
  it("cannot fill the log: few problems, short, on one line each", () => {
    const labels = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, n) => [`watchdog.${n}\n${"x".repeat(500)}`, "y".repeat(5_000)])
    )

    const { problems } = tuned({ ...labels, "watchdog.severity": `a\nb\u2028${"z".repeat(5_000)}` })

    assert.isAtMost(problems.length, 5)
    for (const problem of problems) {
      assert.isBelow(problem.length, 300)
      assert.notMatch(problem, /[\n\r\u2028]/)
    }
  })

  it("may carry what is right behind ten thousand labels that are not", () => {
    const labels = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`watchdog.${n}`, "y"]))

    assert.isFalse(tuned({ ...labels, "watchdog.enable": "false" }).enabled)
  })
})

describe("over the whole way", () => {
  const pass = (ms: number) => Effect.andThen(TestClock.adjust(ms), quiesce)
  const minuteMs = 60_000

  /** One container with these labels, and one without. */
  const begin = (labels: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}) =>
    Effect.gen(function* () {
      const scenario = yield* Scenario.make({ env })
      scenario.engine.run({ name: "web", labels })
      scenario.engine.run({ name: "db" })
      yield* scenario.start
      yield* pass(65_000)
      assert.deepStrictEqual([...scenario.told()], [])
      return scenario
    })
  const heads = (scenario: Scenario.Scenario): ReadonlyArray<string> =>
    scenario.told().map((text) => text.split(" ").slice(0, 2).join(" "))

  it.effect("enable=false silences its container, for events and looks, and no other", () =>
    Effect.gen(function* () {
      const scenario = yield* begin({ "watchdog.enable": "false" })

      scenario.engine.die("web", 1)
      yield* pass(0)
      scenario.engine.die("db", 1)
      yield* pass(5 * minuteMs)

      assert.deepStrictEqual([...heads(scenario)], ["🔴 container:db"])
    }).pipe(Effect.scoped)
  )

  it.effect("raise-ticks holds back a sample for so many ticks, and not a fact", () =>
    Effect.gen(function* () {
      const scenario = yield* begin({ "watchdog.raise-ticks": "6" }, { WATCHDOG_DOCKER_EVENTS: "false" })

      scenario.engine.die("web", 1)
      scenario.engine.die("db", 1)
      yield* pass(20_000)
      const early = heads(scenario)
      yield* pass(29_999)
      const before = heads(scenario)
      yield* pass(10_001)

      assert.deepStrictEqual([[...early], [...before]], [["🔴 container:db"], ["🔴 container:db"]])
      assert.deepStrictEqual([...heads(scenario)], ["🔴 container:db", "🔴 container:web"])
    }).pipe(Effect.scoped)
  )

  it.effect("cooldown sets its container's reminders", () =>
    Effect.gen(function* () {
      const scenario = yield* begin({ "watchdog.cooldown": "5m" })

      scenario.engine.die("web", 1)
      yield* pass(0)
      yield* pass(5 * minuteMs - 1)
      const before = heads(scenario)
      yield* pass(10_001)

      assert.deepStrictEqual([...before], ["🔴 container:web"])
      assert.deepStrictEqual([...heads(scenario)], ["🔴 container:web", "🔁 container:web"])
    }).pipe(Effect.scoped)
  )

  it.effect("severity=warning is told as a warning", () =>
    Effect.gen(function* () {
      const scenario = yield* begin({ "watchdog.severity": "warning" })

      scenario.engine.die("web", 1)
      yield* pass(0)

      assert.deepStrictEqual([...heads(scenario)], ["🟠 container:web"])
    }).pipe(Effect.scoped)
  )

  it.effect("required: at rest by its own will is an alarm, and absent it is missing, known from its last list", () =>
    Effect.gen(function* () {
      const scenario = yield* begin({ "watchdog.required": "true" })

      scenario.engine.remove("web")
      scenario.engine.remove("db")
      yield* pass(30_000)
      const inGrace = heads(scenario)
      yield* pass(30_000)
      const told = scenario.told()
      scenario.engine.run({ name: "web" })
      yield* pass(20_000)

      assert.deepStrictEqual([...inGrace], [])
      assert.match(told.join(), /^🔴 container:web missing: there is no such container/)
      assert.deepStrictEqual([...heads(scenario)], ["🔴 container:web", "✅ container:web"])
    }).pipe(Effect.scoped)
  )

  it.effect("one that is not known or not right is reported once, with the container's name", () =>
    Effect.gen(function* () {
      const scenario = yield* begin({ "watchdog.enabled": "false", "watchdog.severity": "loud" })

      yield* pass(30 * minuteMs)

      const said = scenario.journal().filter((line) => JSON.stringify(line).includes("there is no label"))
      assert.strictEqual(said.length, 1)
      assert.match(JSON.stringify(said[0]), /web: there is no label watchdog\.enabled \(known: watchdog\.enable, /)
      assert.match(JSON.stringify(said[0]), /web: label watchdog\.severity: .*loud.* is not critical or warning/)
      assert.deepStrictEqual([...scenario.told()], [])
    }).pipe(Effect.scoped)
  )
})
