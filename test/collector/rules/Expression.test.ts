/** What a rule may say, and what of PromQL is refused at which place. */
import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import { type Expression, readExpression } from "../../../src/collector/rules/Expression.ts"

const inf = Number.POSITIVE_INFINITY

describe("an expression", () => {
  const taken: ReadonlyArray<readonly [string, Expression]> = [
    ["queue_depth > 100", { metric: "queue_depth", matchers: [], comparison: ">", threshold: 100 }],
    [
      `jobs{queue!="test", kind=~'a|b',host!~\`x.*\`,} >= 1`,
      {
        metric: "jobs",
        matchers: [
          { label: "queue", op: "!=", value: "test" },
          { label: "kind", op: "=~", value: "a|b" },
          { label: "host", op: "!~", value: "x.*" }
        ],
        comparison: ">=",
        threshold: 1
      }
    ],
    ["100<queue_depth", { metric: "queue_depth", matchers: [], comparison: ">", threshold: 100 }],
    ["100 <= x", { metric: "x", matchers: [], comparison: ">=", threshold: 100 }],
    ["100 > x", { metric: "x", matchers: [], comparison: "<", threshold: 100 }],
    ["100 >= x", { metric: "x", matchers: [], comparison: "<=", threshold: 100 }],
    ["0 == x", { metric: "x", matchers: [], comparison: "==", threshold: 0 }],
    ["-1 != x", { metric: "x", matchers: [], comparison: "!=", threshold: -1 }],
    ["x > - 5", { metric: "x", matchers: [], comparison: ">", threshold: -5 }],
    ["x > +5", { metric: "x", matchers: [], comparison: ">", threshold: 5 }],
    ["x < 1e3", { metric: "x", matchers: [], comparison: "<", threshold: 1_000 }],
    ["x < 1.5e-3", { metric: "x", matchers: [], comparison: "<", threshold: 0.0015 }],
    ["x < .5", { metric: "x", matchers: [], comparison: "<", threshold: 0.5 }],
    ["x < 0.5", { metric: "x", matchers: [], comparison: "<", threshold: 0.5 }],
    ["x < 1_000_000", { metric: "x", matchers: [], comparison: "<", threshold: 1_000_000 }],
    ["x < 0x1F", { metric: "x", matchers: [], comparison: "<", threshold: 31 }],
    ["x == Inf", { metric: "x", matchers: [], comparison: "==", threshold: inf }],
    ["x >= +inf", { metric: "x", matchers: [], comparison: ">=", threshold: inf }],
    ["-Inf < x", { metric: "x", matchers: [], comparison: ">", threshold: -inf }],
    ["x != NaN", { metric: "x", matchers: [], comparison: "!=", threshold: Number.NaN }],
    ["job:errors:rate5m > 1", { metric: "job:errors:rate5m", matchers: [], comparison: ">", threshold: 1 }],
    ["rate > 1", { metric: "rate", matchers: [], comparison: ">", threshold: 1 }],
    [
      "sum{by='x'} > 1",
      { metric: "sum", matchers: [{ label: "by", op: "=", value: "x" }], comparison: ">", threshold: 1 }
    ],
    [
      '{"my.metric", x="y"} > 1',
      { metric: "my.metric", matchers: [{ label: "x", op: "=", value: "y" }], comparison: ">", threshold: 1 }
    ],
    [
      '{"my.metric", "my.label"="y"} > 1',
      { metric: "my.metric", matchers: [{ label: "my.label", op: "=", value: "y" }], comparison: ">", threshold: 1 }
    ],
    ['{__name__="x"} > 1', { metric: "x", matchers: [], comparison: ">", threshold: 1 }],
    [
      '{__name__=~"job_.*"} > 1',
      { metric: null, matchers: [{ label: "__name__", op: "=~", value: "job_.*" }], comparison: ">", threshold: 1 }
    ],
    [
      '{queue!=""} > 1',
      { metric: null, matchers: [{ label: "queue", op: "!=", value: "" }], comparison: ">", threshold: 1 }
    ],
    ["\n x\n > 1 ", { metric: "x", matchers: [], comparison: ">", threshold: 1 }]
  ]

  it.each(taken)("is read: %s", (text, wanted) => {
    assert.deepStrictEqual(Result.getOrThrow(readExpression(text)), wanted)
  })

  const refused: ReadonlyArray<readonly [string, number, RegExp]> = [
    ["rate(x[5m]) > 1", 0, /^rate\(\) is not supported: rules compare one selector with one number$/],
    ["1 < rate(x[5m])", 4, /^rate\(\) is not/],
    ["time() > 1", 0, /^time\(\) is not/],
    ["sum(x) > 1", 0, /^sum\(\) is not/],
    ["sum by (a) (x) > 1", 0, /^sum\(\) is not/],
    ["count_values('a', x) > 1", 0, /^count_values\(\) is not/],
    ["x[5m] > 1", 1, /^a range/],
    ["x{a='['}[5m] > 1", 8, /^a range/],
    ["x[5m:1m] > 1", 1, /^a subquery/],
    ["x offset 5m > 1", 2, /^offset is/],
    ["x @ 3 > 1", 2, /^@ is/],
    ["x @ end() > 1", 2, /^@ is/],
    ["x anchored > 1", 2, /^anchored is/],
    ["x smoothed > 1", 2, /^smoothed is/],
    ["(x) > 1", 0, /^\( \) is/],
    ["(x > 1)", 0, /^\( \) is/],
    ["x > (1)", 4, /^\( \) is/],
    ["x > bool 1", 4, /^bool is/],
    ["x > on(a) 1", 4, /^on\(\) is/],
    ["x > ignoring(a) group_left y", 4, /^ignoring\(\) is/],
    ["x > fill(0) 1", 4, /^fill\(\) is/],
    ["x > y", 4, /^a second selector is/],
    ["x > 1 + 1", 6, /^\+ within one side is/],
    ["x * 2 > 1", 2, /^\* within one side is/],
    ["x > 1 > 2", 2, /^> within one side is/],
    ["x + 1", 2, /^\+ is not/],
    ["x and y", 2, /^and is not/],
    ["x > 1 or y > 1", 6, /^or is not/],
    ["x unless y", 2, /^unless is not/],
    ["x </ 1", 2, /^<\/ is not/],
    ["-x > 1", 0, /^a sign before a selector/],
    ["'x' > 1", 0, /^a text is/],
    ["x > 1 # why", 6, /^a comment/],
    ["x > 5m", 4, /^5m is a duration/],
    ["x > -1h30m", 4, /^-1h30m is a duration/],
    ["x > 010", 4, /octal/],
    ["1 > 2", 0, /^two numbers/],
    ["x", 1, /comparison is missing/],
    ["x{a='b'}  ", 8, /comparison is missing/],
    ["5", 0, /no comparison/],
    ["", 0, /ends too early/],
    ["x >", 3, /ends too early/],
    ["x > ", 3, /ends too early/],
    ["x{a='b'", 7, /ends too early/],
    ["foo bar > 1", 4, /^"bar" does not belong/],
    ["x } > 1", 2, /^"}" does not belong/],
    ["x > 5.", 5, /^"\." does not belong/],
    ["x = 5", 2, /^"=" does not belong/],
    ["x{a~'b'} > 1", 3, /^"~" does not belong/],
    ["é > 1", 0, /^"é" does not belong/],
    ["x > 1 2", 6, /^"2" does not belong/],
    ["x{a=b} > 1", 4, /^"b" does not belong/],
    ["x{} {} > 1", 4, /does not belong/],
    ["{} > 1", 0, /selects everything/],
    ["{a=~'.*'} > 1", 0, /selects everything/],
    ["{a!='b'} > 1", 0, /selects everything/],
    ["{a=''} > 1", 0, /selects everything/],
    ["foo{'bar'} > 1", 4, /set twice/],
    ["foo{__name__='foo'} > 1", 4, /set twice/],
    ["{__name__=''} > 1", 1, /name is empty/],
    ["{''} > 1", 1, /name is empty/],
    ["x{''='a'} > 1", 2, /name is empty/],
    ["x{a='\\d'} > 1", 4, /\\d is no escape/],
    ["x{a=~'('} > 1", 5, /^the pattern '\(': a \( is not closed$/],
    ["x{a!~'(?i)b'} > 1", 5, /flags/],
    ["x > NaN", 2, /no value can ever/],
    ["x == nan", 2, /no value can ever/],
    ["x > Inf", 2, /no value can ever/],
    ["x < -Inf", 2, /no value can ever/],
    ["Inf < x", 4, /no value can ever/]
  ]

  it.each(refused)("is refused with its place: %s", (text, at, reason) => {
    const read = readExpression(text)

    assert.isTrue(Result.isFailure(read), "was taken")
    if (!Result.isFailure(read)) return
    assert.match(read.failure.text, reason)
    assert.strictEqual(read.failure.at, at)
  })

  const token = Arbitrary.schema(
    Schema.Literals([
      ..."{}()[],;:=!~<>+-*/%^@#\"'`\\ \n0159eE.x_".split(""),
      "=~",
      "!~",
      ">=",
      "==",
      "sum",
      "by",
      "rate",
      "offset",
      "bool",
      "Inf",
      "NaN",
      "5m",
      "é",
      "😀",
      '"a"',
      "x",
      "and"
    ])
  )

  it.prop(
    "is taken or refused within its text, whatever it is, and never throws",
    [Arbitrary.array(token, { maxLength: 25 })],
    ([tokens]) => {
      const text = tokens.join("")

      const read = readExpression(text)

      if (Result.isSuccess(read)) return
      assert.isTrue(
        read.failure.at >= 0 && read.failure.at <= text.length,
        `${read.failure.at} in ${JSON.stringify(text)}`
      )
      assert.isNotEmpty(read.failure.text)
    },
    { arbitrary: { runs: 5_000 } }
  )

  it("may be nested a thousand deep and is refused all the same", () => {
    assert.isTrue(Result.isFailure(readExpression(`${"(".repeat(5_000)}x${")".repeat(5_000)} > 1`)))
    assert.isTrue(Result.isFailure(readExpression(`${"-".repeat(5_000)}x > 1`)))
  })
})
