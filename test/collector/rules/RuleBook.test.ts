/** Rules over time: what each scrape, or one that failed, says of which signals. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { TestClock } from "effect/testing"
import { monotonicMs } from "../../../src/base/Monotonic.ts"
import type { SignalLook } from "../../../src/collector/Collector.ts"
import type { Sample } from "../../../src/collector/exposition/Sample.ts"
import { type RuleBook, labelSetsMax, makeRuleBook, rulePolicy } from "../../../src/collector/rules/RuleBook.ts"
import { readRules } from "../../../src/collector/rules/RuleText.ts"
import { type Policy, defaultPolicy } from "../../../src/decision/index.ts"
import * as Scenario from "../../../src/testing/Scenario.ts"

const plain: Policy = { ...defaultPolicy, flapRaises: 0 }

const bookOf = (text: string, policy: Policy = plain): RuleBook =>
  makeRuleBook(Result.getOrThrow(readRules(text)), policy)

type Series = readonly [labels: Readonly<Record<string, string>>, value: number]

const samplesOf = (series: ReadonlyArray<Series>): ReadonlyArray<Sample> =>
  series.map(([labels, value]) => ({
    name: "queue_depth",
    labels: new Map(Object.entries(labels)),
    value,
    timestampMs: undefined
  }))

const wordOf = ({ spec, look }: SignalLook): string =>
  `${spec.signal} ${look._tag === "Missed" ? "missed" : look.active ? "active" : "clear"}`

const see = (book: RuleBook, series: ReadonlyArray<Series>, partial?: string): ReadonlyArray<string> =>
  book.see({ samples: samplesOf(series), partial }).looks.map(wordOf)

const mail = 'rule:q{queue="mail"}'
const many = (count: number, from = 0): ReadonlyArray<Series> =>
  Array.from({ length: count }, (_, at) => [{ queue: `q${from + at}` }, 200])

describe("a rule's signals", () => {
  it("are one for each label set that is active, in evidence and value", () => {
    const book = bookOf("q: queue_depth > 100 for 2m")

    const { looks, unseen } = book.see({
      samples: samplesOf([
        [{ queue: "mail" }, 140],
        [{ queue: "web" }, 3]
      ]),
      partial: undefined
    })

    assert.deepStrictEqual([...unseen], [])
    assert.strictEqual(looks.length, 1)
    assert.deepStrictEqual(looks[0]?.look, {
      _tag: "Seen",
      active: true,
      confirmed: false,
      value: 140,
      evidence: { summary: 'queue_depth{queue="mail"} = 140 > 100, for 2 min', details: [] }
    })
    assert.deepInclude(looks[0]?.spec, { signal: mail, severity: "warning" })
  })

  it("are the rule itself, clear, while nothing is or was active", () => {
    const book = bookOf("q: queue_depth > 100")
    const said = (series: ReadonlyArray<Series>): string => {
      const [one] = book.see({ samples: samplesOf(series), partial: undefined }).looks
      return one?.look._tag === "Seen"
        ? `${one.spec.signal} ${one.look.active}: ${one.look.evidence.summary}`
        : "missed"
    }

    assert.strictEqual(said([]), "rule:q false: no sample is selected by queue_depth > 100")
    assert.strictEqual(said([[{ queue: "mail" }, 3]]), 'rule:q false: queue_depth{queue="mail"} = 3, not > 100')
    assert.strictEqual(
      said([
        [{ queue: "mail" }, 3],
        [{}, 4]
      ]),
      "rule:q false: none of 2 samples is > 100"
    )
  })

  it("keep their id when other series come and go", () => {
    const book = bookOf("q: queue_depth > 100")

    assert.deepStrictEqual([...see(book, [[{ queue: "mail" }, 140]])], [`${mail} active`])
    assert.deepStrictEqual(
      [
        ...see(book, [
          [{ queue: "web" }, 140],
          [{ queue: "mail" }, 140],
          [{}, 140]
        ])
      ].sort(),
      ["rule:q active", `${mail} active`, 'rule:q{queue="web"} active'].sort()
    )
  })

  it("are clear for three more ticks once the label set is below, or gone, and then the rule itself is", () => {
    const book = bookOf("q: queue_depth > 100")
    see(book, [[{ queue: "mail" }, 140]])

    assert.deepStrictEqual([...see(book, [[{ queue: "mail" }, 100]])], [`${mail} clear`])
    assert.deepStrictEqual([...see(book, [])], [`${mail} clear`])
    assert.deepStrictEqual([...see(book, [])], [`${mail} clear`])
    assert.deepStrictEqual([...see(book, [])], ["rule:q clear"])
  })

  it("are clear for as long as it takes to recover, and to settle", () => {
    const kept = (text: string, policy: Policy): number => {
      const book = bookOf(text, policy)
      see(book, [[{ queue: "mail" }, 140]])
      let ticks = 0
      while (see(book, [])[0] === `${mail} clear`) ticks++
      return ticks
    }

    assert.strictEqual(kept("q: queue_depth > 100", { ...plain, clearTicks: 7 }), 7)
    assert.strictEqual(kept("q: queue_depth > 100 keep_firing_for 5m", plain), 31)
    assert.strictEqual(kept("q: queue_depth > 100", { ...plain, flapRaises: 4, flapSettleMs: 60_000 }), 8)
  })

  it("are missed while there is no page, and forgotten no sooner for it", () => {
    const book = bookOf("q: queue_depth > 100; r: queue_depth < 0")
    see(book, [[{ queue: "mail" }, 140]])

    for (let tick = 0; tick < 10; tick++) {
      const { looks } = book.miss("no answer")
      assert.deepStrictEqual(looks.map(wordOf), [`${mail} missed`, "rule:r missed"])
    }
    assert.deepStrictEqual([...see(book, [])], [`${mail} clear`, "rule:r clear"])
  })

  it("are missed, not clear, where the page was not read whole and does not show them", () => {
    const book = bookOf("q: queue_depth > 100")
    see(book, [
      [{ queue: "mail" }, 140],
      [{ queue: "web" }, 140]
    ])

    assert.deepStrictEqual([...see(book, [[{ queue: "web" }, 5]], "2 lines could not be read")].sort(), [
      `${mail} missed`,
      'rule:q{queue="web"} clear'
    ])
  })

  it("count a label set that stands twice as active where one of the two is", () => {
    const book = bookOf("q: queue_depth > 100")
    see(book, [[{ queue: "mail" }, 140]])

    assert.deepStrictEqual(
      [
        ...see(book, [
          [{ queue: "mail" }, 1],
          [{ queue: "mail", host: "" }, 150]
        ])
      ],
      [`${mail} active`]
    )
  })

  it("have no value where it is not a number that can be written", () => {
    const [look] = bookOf("q: queue_depth > 100").see({
      samples: samplesOf([[{}, Number.POSITIVE_INFINITY]]),
      partial: undefined
    }).looks

    assert.deepInclude(look?.look, { active: true, value: null })
    assert.match(JSON.stringify(look?.look), /queue_depth = \+Inf > 100/)
  })
})

describe("more label sets than are watched", () => {
  it("are said, with their number, and those that are known stay", () => {
    const book = bookOf("q: queue_depth > 100")
    const before = see(book, many(labelSetsMax))

    const { looks, unseen } = book.see({
      samples: samplesOf([...many(50, 1_000), ...many(labelSetsMax)]),
      partial: undefined
    })

    assert.sameMembers(looks.map(wordOf), [...before])
    assert.match(unseen.join(), /^rule:q: 50 more label sets are active than the 100 that are watched/)
  })

  it("that come anew at each tick are known for a while, and never more than twice as many", () => {
    const book = bookOf("q: queue_depth > 100 keep_firing_for 1h")

    for (let tick = 0; tick < 20; tick++) {
      const said = see(book, many(labelSetsMax, tick * labelSetsMax))

      assert.isAtMost(said.length, 2 * labelSetsMax)
      assert.strictEqual(said.filter((one) => one.endsWith(" active")).length, labelSetsMax)
    }
  })

  it("are active again all of them when all that are known come back", () => {
    const book = bookOf("q: queue_depth > 100 keep_firing_for 1h")
    see(book, many(labelSetsMax))
    see(book, many(labelSetsMax, labelSetsMax))

    const said = see(book, many(2 * labelSetsMax))

    assert.strictEqual(said.filter((one) => one.endsWith(" active")).length, 2 * labelSetsMax)
  })

  it("or with labels too long for a pattern are said too", () => {
    const book = bookOf('q: queue_depth{queue=~"m.*"} > 100')

    const { unseen } = book.see({ samples: samplesOf([[{ queue: "m".repeat(2_000) }, 140]]), partial: undefined })

    assert.match(unseen.join(), /^rule:q: 1 samples have a label longer than 1024/)
  })
})

describe("a rule's policy", () => {
  it.each([
    ["q: x > 1", null, null],
    ["q: x > 1 for 0s", 0, null],
    ["q: x > 1 for 2m keep_firing_for 1m", 119_750, 59_750],
    ["q: x > 1 for 100ms", 0, null]
  ])("has the spans that replace K and M, less the slack of a tick: %s", (text, raiseForMs, clearForMs) => {
    const [rule] = Result.getOrThrow(readRules(text))

    assert.deepInclude(rule === undefined ? {} : rulePolicy(rule, plain), { raiseForMs, clearForMs, raiseTicks: 2 })
  })

  it("has less slack where ticks are short", () => {
    const [rule] = Result.getOrThrow(readRules("q: x > 1 for 1s"))

    assert.strictEqual(rule && rulePolicy(rule, { ...plain, intervalMs: 200 }).raiseForMs, 950)
  })
})

const begin = (rules: string, env: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const scenario = yield* Scenario.make({ env: { WATCHDOG_RULES: rules, ...env } })
    yield* scenario.start
    yield* TestClock.adjust("45 seconds")
    assert.deepStrictEqual([...scenario.told()], [])
    return scenario
  })

const page = (...lines: ReadonlyArray<string>) => ({
  status: 200,
  headers: { "content-type": "text/plain; version=0.0.4" },
  body: ["up 1", ...lines, ""].join("\n")
})

/** When the look began that first saw the signal active; null while none has. */
const firstActive = (scenario: Scenario.Scenario, signal: string): number | null => {
  const line = scenario
    .journal()
    .find((one) => one["event"] === "observation" && one["signal"] === signal && one["active"] === true)
  return line === undefined ? null : Number(line["asOfMs"])
}

describe("a rule, through the whole watchdog,", () => {
  it.effect(
    "with for 2m is told at the look two minutes after the first, not a millisecond sooner, and recovers once",
    () =>
      Effect.gen(function* () {
        const scenario = yield* begin('queue: queue_depth{queue!="test"} > 100 for 2m')

        scenario.setOrchestrator(page('queue_depth{queue="mail"} 140', 'queue_depth{queue="test"} 900'))
        yield* TestClock.adjust("10 seconds")
        const from = firstActive(scenario, 'rule:queue{queue="mail"}')
        assert.isNotNull(from)
        yield* TestClock.adjust(`${(from ?? 0) + 120_000 - 1 - (yield* monotonicMs)} millis`)
        const before = [...scenario.told()]
        // Looks are noted by whole microseconds, and made when their timer rings: it may be one later.
        yield* TestClock.adjust("2 millis")
        const after = [...scenario.told()]
        scenario.setOrchestrator(page('queue_depth{queue="mail"} 100'))
        yield* TestClock.adjust("10 minutes")

        assert.deepStrictEqual(before, [])
        assert.strictEqual(after.length, 1)
        assert.match(
          after[0] ?? "",
          /^🟠 rule:queue\{queue="mail"\} queue_depth\{queue="mail"\} = 140 > 100, for 2 min\nsince 00:00:\d\d \(2 min\) · fake$/
        )
        assert.strictEqual(scenario.told().length, 2)
        assert.match(scenario.told()[1] ?? "", /^✅ rule:queue\{queue="mail"\} recovered/)
      }).pipe(Effect.scoped)
  )

  it.effect("that is below for one look within its two minutes is never told", () =>
    Effect.gen(function* () {
      const scenario = yield* begin("queue: queue_depth > 100 for 2m")

      for (let round = 0; round < 4; round++) {
        scenario.setOrchestrator(page("queue_depth 140"))
        yield* TestClock.adjust("110 seconds")
        scenario.setOrchestrator(page("queue_depth 3"))
        yield* TestClock.adjust("10 seconds")
      }
      yield* TestClock.adjust("5 minutes")

      assert.deepStrictEqual([...scenario.told()], [])
    }).pipe(Effect.scoped)
  )

  it.effect("without spans has the ticks of any signal, with for 0s none, and a label set that vanishes recovers", () =>
    Effect.gen(function* () {
      const scenario = yield* begin("slow: a > 0; now: a > 0 for 0s")

      scenario.setOrchestrator(page('a{x="1"} 1'))
      yield* TestClock.adjust("10 seconds")
      const first = [...scenario.told()]
      yield* TestClock.adjust("10 seconds")
      const second = [...scenario.told(first.length)]
      scenario.setOrchestrator(page())
      yield* TestClock.adjust("30 minutes")

      assert.match(first.join(), /^🟠 rule:now\{x="1"\} a\{x="1"\} = 1 > 0\n/)
      assert.match(second.join(), /^🟠 rule:slow\{x="1"\} /)
      const rest = scenario.told(2).join("\n")
      assert.match(rest, /✅ rule:now\{x="1"\} recovered/)
      assert.match(rest, /✅ rule:slow\{x="1"\} recovered/)
      assert.notMatch(rest, /gone/)
    }).pipe(Effect.scoped)
  )

  it.effect("keeps firing for as long as it says", () =>
    Effect.gen(function* () {
      const scenario = yield* begin("queue: queue_depth > 100 for 0s keep_firing_for 5m")
      scenario.setOrchestrator(page("queue_depth 140"))
      yield* TestClock.adjust("20 seconds")

      scenario.setOrchestrator(page("queue_depth 3"))
      yield* TestClock.adjust("295 seconds")
      const before = scenario.told().length
      yield* TestClock.adjust("20 seconds")

      assert.strictEqual(before, 1)
      assert.match(scenario.told()[1] ?? "", /^✅ rule:queue recovered/)
    }).pipe(Effect.scoped)
  )

  it.effect("is neither recovered nor gone while the page does not answer, and goes on from there", () =>
    Effect.gen(function* () {
      const scenario = yield* begin("queue: queue_depth > 100 for 0s")
      scenario.setOrchestrator(page("queue_depth 140"))
      yield* TestClock.adjust("20 seconds")

      scenario.setOrchestrator({ errno: "ECONNREFUSED" })
      yield* TestClock.adjust("20 minutes")
      const during = scenario.told(1).join("\n")
      scenario.setOrchestrator(page("queue_depth 150"))
      yield* TestClock.adjust("1 minute")
      const back = scenario.told(1).join("\n")
      scenario.setOrchestrator(page("queue_depth 3"))
      yield* TestClock.adjust("1 minute")

      assert.match(during, /^🔴 orch_down /)
      assert.notInclude(during, "rule:queue")
      assert.notMatch(back, /rule:queue/)
      assert.match(scenario.told().at(-1) ?? "", /^✅ rule:queue recovered/)
    }).pipe(Effect.scoped)
  )

  it.effect("with more label sets than are watched makes the source an alarm of its own", () =>
    Effect.gen(function* () {
      const scenario = yield* begin("queue: queue_depth > 100")

      scenario.setOrchestrator(page(...Array.from({ length: 130 }, (_, at) => `queue_depth{queue="q${at}"} 200`)))
      yield* TestClock.adjust("2 minutes")

      const told = scenario.told().join("\n")
      assert.match(
        told,
        /🔴 source:orchestrator rule:queue: 30 more label sets are active than the 100 that are watched/
      )
      assert.strictEqual([...told.matchAll(/🟠 rule:queue\{/g)].length, 100)
      assert.deepStrictEqual([...scenario.telegram.refusals], [])
    }).pipe(Effect.scoped)
  )

  it.effect("on a page full of hostile labels sends what Telegram takes", () =>
    Effect.gen(function* () {
      const scenario = yield* begin("queue: queue_depth > 100")

      scenario.setOrchestrator(
        page(
          'queue_depth{queue="<b>&amp;\\n\\"\\\\"} 200',
          `queue_depth{queue="${"x".repeat(100_000)}"} 200`,
          `queue_depth{queue="${"\u202e\u0001😀".repeat(500)}"} 200`
        )
      )
      yield* TestClock.adjust("2 minutes")

      const told = scenario.told().join("\n")
      assert.strictEqual([...told.matchAll(/🟠 rule:queue\{/g)].length, 3)
      assert.include(told, 'rule:queue{queue="<b>&amp;\\n\\"\\\\"}')
      assert.deepStrictEqual([...scenario.telegram.refusals], [])
      assert.deepStrictEqual([...scenario.telegram.problems], [])
    }).pipe(Effect.scoped)
  )
})
