import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { type Comparison, type MatchOp, compare, matcherTest, numberText } from "../../../src/collector/rules/Rule.ts"

const inf = Number.POSITIVE_INFINITY
const nan = Number.NaN

describe("compare", () => {
  const rows: ReadonlyArray<readonly [number, number, ReadonlyArray<Comparison>]> = [
    [1, 2, ["<", "<=", "!="]],
    [2, 2, ["<=", ">=", "=="]],
    [3, 2, [">", ">=", "!="]],
    [0, -0, ["<=", ">=", "=="]],
    [inf, 1e308, [">", ">=", "!="]],
    [inf, inf, ["<=", ">=", "=="]],
    [-inf, inf, ["<", "<=", "!="]],
    [nan, 1, ["!="]],
    [1, nan, ["!="]],
    [nan, nan, ["!="]]
  ]

  it.each(rows)("finds of %d and %d only %o", (value, threshold, truths) => {
    const all: ReadonlyArray<Comparison> = [">", ">=", "<", "<=", "==", "!="]

    assert.sameMembers(
      all.filter((comparison) => compare(value, comparison, threshold)),
      [...truths]
    )
  })
})

describe("numberText", () => {
  it.each([
    [140, "140"],
    [-0.5, "-0.5"],
    [1e21, "1e+21"],
    [inf, "+Inf"],
    [-inf, "-Inf"],
    [nan, "NaN"]
  ])("writes %d as Prometheus does", (value, text) => {
    assert.strictEqual(numberText(value), text)
  })
})

describe("matcherTest", () => {
  const rows: ReadonlyArray<readonly [MatchOp, string, ReadonlyArray<string>, ReadonlyArray<string>]> = [
    ["=", "mail", ["mail"], ["", "mails"]],
    ["=", "", [""], ["mail"]],
    ["!=", "mail", ["", "mails"], ["mail"]],
    ["=~", "mail|web", ["mail", "web"], ["", "mails"]],
    ["!~", "mail|web", ["", "mails"], ["mail", "web"]]
  ]

  it.each(rows)("%s %j", (op, value, yes, no) => {
    const test = Result.getOrThrow(matcherTest({ label: "queue", op, value }))

    for (const one of yes) assert.isTrue(test(one), one)
    for (const one of no) assert.isFalse(test(one), one)
  })

  it("refuses a pattern that cannot be read", () => {
    assert.isTrue(Result.isFailure(matcherTest({ label: "queue", op: "!~", value: "(" })))
  })
})
