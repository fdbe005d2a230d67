import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import { faultsText, readRules } from "../../../src/collector/rules/RuleText.ts"

const faults = (text: string): ReadonlyArray<readonly [number, string]> => {
  const read = readRules(text)
  return Result.isFailure(read) ? read.failure.map((fault) => [fault.at, fault.text] as const) : []
}

const spans = (text: string): ReadonlyArray<readonly [string, number | null, number | null]> =>
  Result.getOrThrow(readRules(text)).map((rule) => [rule.name, rule.forMs, rule.keepFiringForMs] as const)

describe("a list of rules", () => {
  it("is read: names, expressions, spans and the texts of each", () => {
    const text = ' queue_depth: queue_depth > 100;\nstuck : jobs_stuck{queue!="a;b:c for 1m"} > 0 for 2m ; '

    assert.deepStrictEqual(Result.getOrThrow(readRules(text)), [
      {
        name: "queue_depth",
        metric: "queue_depth",
        matchers: [],
        comparison: ">",
        threshold: 100,
        forMs: null,
        keepFiringForMs: null,
        expression: "queue_depth > 100",
        text: "queue_depth: queue_depth > 100"
      },
      {
        name: "stuck",
        metric: "jobs_stuck",
        matchers: [{ label: "queue", op: "!=", value: "a;b:c for 1m" }],
        comparison: ">",
        threshold: 0,
        forMs: 120_000,
        keepFiringForMs: null,
        expression: 'jobs_stuck{queue!="a;b:c for 1m"} > 0',
        text: 'stuck : jobs_stuck{queue!="a;b:c for 1m"} > 0 for 2m'
      }
    ])
  })

  it("has its texts on one line, but for what is quoted", () => {
    const [rule] = Result.getOrThrow(readRules("a:\n  x{q=`b\n  c`}\t> 1\r\n  for  1m"))

    assert.deepInclude(rule, { expression: "x{q=`b\n  c`} > 1", text: "a: x{q=`b\n  c`} > 1 for 1m" })
  })

  const spanned: ReadonlyArray<readonly [string, ReturnType<typeof spans>[number]]> = [
    ["a: x > 1", ["a", null, null]],
    ["a: x > 1 for 0s", ["a", 0, null]],
    ["a: x > 1 for 90", ["a", 90_000, null]],
    ["a: x > 1 for 1h30m keep_firing_for 5m", ["a", 5_400_000, 300_000]],
    ["a: x > 1\n\tkeep_firing_for 500ms\n\tfor 1s", ["a", 1_000, 500]],
    ['a: x{for = "1"} > 1 for 1s', ["a", 1_000, null]],
    ["a: 1 < forty for 1s", ["a", 1_000, null]],
    ["a-b_9: x:y > 1", ["a-b_9", null, null]]
  ]

  it.each(spanned)("has spans: %j", (text, wanted) => {
    assert.deepStrictEqual(spans(text), [wanted])
  })

  const refused: ReadonlyArray<readonly [string, ReadonlyArray<readonly [number, RegExp]>]> = [
    ["", [[0, /a rule is empty/]]],
    [";", [[0, /a rule is empty/]]],
    ["a: x > 1;; b: x > 1", [[9, /a rule is empty/]]],
    ["x > 1", [[0, /begins with its name/]]],
    ['{"a:b"} > 1', [[0, /begins with its name/]]],
    [": x > 1", [[0, /"" is no name/]]],
    ["9a: x > 1", [[0, /"9a" is no name/]]],
    ["  a b: x > 1", [[2, /"a b" is no name/]]],
    [`${"a".repeat(65)}: x > 1`, [[0, /at most 63 more/]]],
    ["a:", [[2, /ends too early/]]],
    ["a: for 2m", [[3, /ends too early/]]],
    ["a: x > 1 for", [[9, /for needs a duration such as/]]],
    ["a: x > 1 for soon", [[13, /"soon" is not a duration such as/]]],
    ["a: x > 1 for -5m", [[13, /"-5m" is not a duration/]]],
    ["a: x > 1 for 2 m", [[15, /"m" does not belong here/]]],
    ["a: x > 1 for 1m for 2m", [[16, /for is given twice/]]],
    ["a: x > 1 for 2m > 3", [[16, /">" does not belong here/]]],
    ['a: x{y="b} > 1; c: z > 1', [[7, /quote is not closed/]]],
    ["a: x > 1; a: y > 1", [[10, /the name a is taken/]]],
    [
      "a: sum(x) > 1; a: y > 1",
      [
        [3, /sum\(\) is not supported/],
        [15, /the name a is taken/]
      ]
    ],
    [
      "slow: rate(x[5m]) > 1; b c: y > for 2; d: z > 5m for never",
      [
        [6, /rate\(\) is not supported/],
        [23, /"b c" is no name/],
        [31, /ends too early/],
        [46, /5m is a duration/],
        [53, /"never" is not a duration/]
      ]
    ],
    [Array.from({ length: 101 }, (_, at) => `r${at}: x > 1`).join(";"), [[1_090, /more than 100 rules/]]]
  ]

  it.each(refused.map((row) => [row[0].slice(0, 60), ...row] as const))(
    "is refused with every fault at its place: %j",
    (_, text, wanted) => {
      const found = faults(text)

      assert.deepStrictEqual(
        found.map(([at]) => at),
        wanted.map(([at]) => at),
        JSON.stringify(found)
      )
      for (const [index, [, reason]] of wanted.entries()) assert.match(found[index]?.[1] ?? "", reason)
    }
  )

  it("counts places from 1, on one line for one fault and on lines of their own for more", () => {
    const one = readRules("a: rate(x[5m]) > 1")
    const two = readRules("a: rate(x[5m]) > 1; b: sum(x) > 1")

    assert.strictEqual(
      Result.isFailure(one) ? faultsText(one.failure) : "",
      "a list of rules (name: selector > number for 2m; ...): character 4: rate() is not supported: rules compare one selector with one number"
    )
    assert.match(Result.isFailure(two) ? faultsText(two.failure) : "", /\n {4}character 4: .*\n {4}character 24: /)
  })

  const part = Arbitrary.schema(
    Schema.Literals([
      "a: ",
      "b: ",
      "x",
      '{q=~"a|b"}',
      "{q='c;d'}",
      " > 1",
      " <= 2",
      " for 2m",
      " keep_firing_for 1m",
      "; ",
      ";",
      ":",
      "\n",
      '"',
      "'",
      "`",
      "{",
      "}",
      " for",
      "\\"
    ])
  )
  const texts = Arbitrary.map(Arbitrary.array(part, { maxLength: 14 }), (parts) => parts.join(""))

  it.prop(
    "is read the same again from its own texts, or refused within the text, and never throws",
    [texts],
    ([text]) => {
      const read = readRules(text)

      if (Result.isSuccess(read)) {
        assert.deepStrictEqual(
          Result.getOrThrow(readRules(read.success.map((rule) => rule.text).join("; "))),
          read.success
        )
        return
      }
      assert.isNotEmpty(read.failure)
      for (const { at } of read.failure) assert.isTrue(at >= 0 && at <= text.length)
    },
    { arbitrary: { runs: 5_000 } }
  )

  it.prop(
    "never throws on any text",
    [Schema.String],
    ([text]) => {
      assert.isBoolean(Result.isSuccess(readRules(text)))
    },
    { arbitrary: { runs: 2_000 } }
  )
})
