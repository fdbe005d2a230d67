/** Rules over samples, against a model that asks every rule of every sample and knows no plan. */
import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import type { Sample } from "../../../src/collector/exposition/Sample.ts"
import { comparedUnitsMax, evaluate, planOf } from "../../../src/collector/rules/Evaluate.ts"
import type { Comparison, Matcher, Rule } from "../../../src/collector/rules/Rule.ts"
import { readRules } from "../../../src/collector/rules/RuleText.ts"

const sample = (name: string, labels: Readonly<Record<string, string>>, value: number): Sample => ({
  name,
  labels: new Map(Object.entries(labels)),
  value,
  timestampMs: undefined
})

const page: ReadonlyArray<Sample> = [
  sample("queue_depth", { queue: "mail" }, 140),
  sample("queue_depth", { queue: "web" }, 3),
  sample("queue_depth", { queue: "test" }, Number.NaN),
  sample("queue_depth", {}, Number.POSITIVE_INFINITY),
  sample("up", {}, 1),
  sample("my.metric", { "my.label": "a\nb" }, -5)
]

const found = (text: string): readonly [active: ReadonlyArray<number>, clear: ReadonlyArray<number>] => {
  const [finding] = evaluate(planOf(Result.getOrThrow(readRules(`r: ${text}`))), page)
  const places = (samples: ReadonlyArray<Sample>) => samples.map((one) => page.indexOf(one))
  return [places(finding?.active ?? []), places(finding?.clear ?? [])]
}

describe("evaluate", () => {
  it.each([
    ["queue_depth > 100", [0, 3], [1, 2]],
    ["queue_depth >= 3", [0, 1, 3], [2]],
    ["queue_depth < 100", [1], [0, 2, 3]],
    ["queue_depth <= 3", [1], [0, 2, 3]],
    ["queue_depth == 3", [1], [0, 2, 3]],
    ["queue_depth != 3", [0, 2, 3], [1]],
    ["queue_depth == Inf", [3], [0, 1, 2]],
    ["queue_depth != NaN", [0, 1, 2, 3], []],
    ["100 < queue_depth", [0, 3], [1, 2]],
    ['queue_depth{queue="mail"} > 100', [0], []],
    ['queue_depth{queue!="mail"} > 100', [3], [1, 2]],
    ['queue_depth{queue=""} > 100', [3], []],
    ['queue_depth{queue!=""} > 100', [0], [1, 2]],
    ['queue_depth{queue=~"mail|we."} > 100', [0], [1]],
    ['queue_depth{queue=~"mai"} > 100', [], []],
    ['queue_depth{queue=~".*"} > 100', [0, 3], [1, 2]],
    ['queue_depth{queue=~".+"} > 100', [0], [1, 2]],
    ['queue_depth{queue!~"te.*"} > 100', [0, 3], [1]],
    ['queue_depth{queue!="mail",queue!="web"} > 100', [3], [2]],
    ['{__name__=~"up|my.*"} != 0', [4, 5], []],
    ['{__name__!~"queue.*", __name__!=""} > 0', [4], [5]],
    ['{__name__="up"} == 1', [4], []],
    ['{"my.metric"} < 0', [5], []],
    ['{"my.label"=~"a.b"} < 0', [5], []],
    ["nothing_here > 0", [], []],
    ['up{__name__!="up"} > 0', [], []]
  ])("finds of %s what is true and what is not", (text, active, clear) => {
    assert.deepStrictEqual(found(text), [active, clear])
  })

  it("compares no pattern with a value that is too long, and counts it", () => {
    const plan = planOf(Result.getOrThrow(readRules('a: x{q=~".*m"} > 0; b: x{q!~"a"} > 0; c: x{q!="a"} > 0')))
    const [short, long] = [comparedUnitsMax, comparedUnitsMax + 1].map((length) =>
      sample("x", { q: "m".repeat(length) }, 1)
    )
    if (short === undefined || long === undefined) throw new Error("no samples")

    const findings = evaluate(plan, [short, long])

    assert.deepStrictEqual(
      findings.map(({ active, tooLong }) => [active.length, tooLong]),
      [
        [1, 1],
        [1, 1],
        [2, 0]
      ]
    )
  })

  const names = Schema.Literals(["x", "y", "z"])
  const values = Schema.Literals(["", "a", "b", "ab", "a\n"])
  const SampleOf = Schema.Struct({
    name: names,
    labels: Schema.Record(Schema.Literals(["p", "q"]), values),
    value: Schema.Literals([-1, 0, 1, 2])
  })
  const RuleOf = Schema.Struct({
    metric: Schema.NullOr(names),
    matchers: Schema.Array(
      Schema.Struct({
        label: Schema.Literals(["p", "q", "__name__", "none"]),
        op: Schema.Literals(["=", "!=", "=~", "!~"]),
        value: Schema.Literals(["", "a", "b", "x", "a|b", "a.*", ".+", "[xy]"])
      })
    ),
    comparison: Schema.Literals([">", ">=", "<", "<=", "==", "!="]),
    threshold: Schema.Literals([-1, 0, 1])
  })

  const models: Readonly<Record<Comparison, (a: number, b: number) => boolean>> = {
    ">": (a, b) => a > b,
    ">=": (a, b) => a >= b,
    "<": (a, b) => a < b,
    "<=": (a, b) => a <= b,
    "==": (a, b) => a === b,
    "!=": (a, b) => a !== b
  }
  const isMatch = ({ label, op, value }: Matcher, of: Sample): boolean => {
    const held = label === "__name__" ? of.name : (of.labels.get(label) ?? "")
    const is = op.endsWith("~") ? new RegExp(`^(?:${value})$`, "s").test(held) : held === value
    return op.startsWith("!") ? !is : is
  }

  it.prop(
    "finds what a model finds that asks every rule of every sample",
    [
      Arbitrary.array(Arbitrary.schema(RuleOf), { maxLength: 6 }),
      Arbitrary.array(Arbitrary.schema(SampleOf), { maxLength: 20 })
    ],
    ([drafts, given]) => {
      const rest = { name: "r", forMs: null, keepFiringForMs: null, expression: "", text: "" }
      const rules: ReadonlyArray<Rule> = drafts.map((draft) => ({ ...rest, ...draft }))
      const samples = given.map(({ name, labels, value }) => sample(name, labels, value))

      const findings = evaluate(planOf(rules), samples)

      for (const [index, rule] of rules.entries()) {
        const selected = samples.filter(
          (one) => (rule.metric ?? one.name) === one.name && rule.matchers.every((matcher) => isMatch(matcher, one))
        )
        const isTrue = (one: Sample): boolean => models[rule.comparison](one.value, rule.threshold)
        assert.deepStrictEqual(findings[index], {
          active: selected.filter(isTrue),
          clear: selected.filter((one) => !isTrue(one)),
          tooLong: 0
        })
      }
    },
    { arbitrary: { runs: 500 } }
  )
})
