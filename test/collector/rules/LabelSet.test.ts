import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import type { Sample } from "../../../src/collector/exposition/Sample.ts"
import { fixedLabels, seriesText, signalId } from "../../../src/collector/rules/LabelSet.ts"
import type { Rule } from "../../../src/collector/rules/Rule.ts"
import { readRules } from "../../../src/collector/rules/RuleText.ts"

const ruleOf = (text: string): Rule => {
  const [rule] = Result.getOrThrow(readRules(text))
  if (rule === undefined) throw new Error("no rule")
  return rule
}

const sample = (labels: Readonly<Record<string, string>>, name = "x"): Sample => ({
  name,
  labels: new Map(Object.entries(labels)),
  value: 1,
  timestampMs: undefined
})

const idOf = (text: string, of: Sample): string => {
  const rule = ruleOf(text)
  return signalId(rule, fixedLabels(rule), of)
}

describe("a signal's id", () => {
  it.each([
    ["q: x > 1", {}, "rule:q"],
    ["q: x > 1", { queue: "mail" }, 'rule:q{queue="mail"}'],
    ["q: x > 1", { queue: "mail", host: "a" }, 'rule:q{host="a",queue="mail"}'],
    ["q: x > 1", { queue: "" }, "rule:q"],
    ['q: x{queue="mail"} > 1', { queue: "mail" }, "rule:q"],
    ['q: x{queue="mail"} > 1', { queue: "mail", host: "a" }, 'rule:q{host="a"}'],
    ['q: x{queue=~"mail"} > 1', { queue: "mail" }, 'rule:q{queue="mail"}'],
    ['q: {__name__=~"x|y"} > 1', {}, 'rule:q{__name__="x"}'],
    ["q: x > 1", { 'a"b\\': 'c"d\\e' }, 'rule:q{"a\\"b\\\\"="c\\"d\\\\e"}'],
    ["q: x > 1", { a: "1\n2\r\t\u0000\u202e\u200b" }, 'rule:q{a="1\\n2\\u{d}\\u{9}\\u{0}\\u{202e}\\u{200b}"}'],
    ["q: x > 1", { a: "\ud800" }, 'rule:q{a="\\u{d800}"}'],
    ["q: x > 1", { a: "é😀<b>" }, 'rule:q{a="é😀<b>"}'],
    ["q: x > 1", { ["__proto__"]: "p", constructor: "c" }, 'rule:q{__proto__="p",constructor="c"}']
  ])("of %s on %j", (text, labels, wanted) => {
    assert.strictEqual(idOf(text, sample(labels)), wanted)
  })

  it("is bounded, and told apart by a hash where it was cut", () => {
    const long = "m".repeat(5_000)

    const ids = ["a", "b"].map((end) => idOf(`${"n".repeat(64)}: x > 1`, sample({ queue: long + end })))

    for (const id of ids) {
      assert.isAtMost(id.length, 300)
      assert.match(id, /^rule:n{64}\{queue="m+…[0-9a-f]{16}\}$/)
    }
    assert.notStrictEqual(ids[0], ids[1])
  })

  it("is not cut within a character", () => {
    for (const lead of ["", "a"]) {
      const id = idOf("q: x > 1", sample({ queue: lead + "😀".repeat(200) }))

      assert.isTrue(id.isWellFormed(), id)
    }
  })

  const labels = Arbitrary.schema(
    Schema.Record(
      Schema.Literals(["a", "b", 'c"', "c\\", "d,e"]),
      Schema.Literals([
        "",
        "x",
        'x"',
        "\\",
        '",b="',
        "…0123456789abcdef",
        "y".repeat(250),
        "y".repeat(251),
        "\n",
        "\\n"
      ])
    )
  )

  it.prop(
    "is the same only for the same labels, an empty one being none",
    [labels, labels],
    ([left, right]) => {
      const clean = (of: Readonly<Record<string, string>>): string =>
        JSON.stringify(
          Object.entries(of)
            .filter(([, value]) => value !== "")
            .sort(([a], [b]) => (a < b ? -1 : 1))
        )
      const ids = [left, right].map((of) => idOf("q: x > 1", sample(of)))

      assert.strictEqual(ids[0] === ids[1], clean(left) === clean(right), `${ids[0]} and ${ids[1]}`)
      for (const id of ids) assert.match(id, /^\P{Cc}{1,300}$/u)
    },
    { arbitrary: { runs: 2_000 } }
  )
})

describe("a series' text", () => {
  it.each([
    ["x", {}, "x"],
    ["queue_depth", { queue: "mail", host: "" }, 'queue_depth{queue="mail"}'],
    ["my.metric", {}, '{"my.metric"}'],
    ["my.metric", { "my.label": "a" }, '{"my.metric","my.label"="a"}'],
    ["a\nb", {}, '{"a\\nb"}']
  ])("is written as PromQL would: %j %j", (name, of, wanted) => {
    assert.strictEqual(seriesText(sample(of, name)), wanted)
  })

  it("is bounded", () => {
    assert.isAtMost(seriesText(sample({ a: "b".repeat(10_000) }, "n".repeat(10_000))).length, 420)
    assert.isAtMost(seriesText(sample({ a: "b".repeat(10_000) }, "😀".repeat(10_000))).length, 420)
  })
})
