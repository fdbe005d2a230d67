import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { decimalBetween, integerBetween } from "../../../src/collector/exposition/Decimal.ts"

const decimal = (text: string): number | undefined => decimalBetween(text, 0, text.length)
const integer = (text: string): number | undefined => integerBetween(text, 0, text.length)

describe("decimalBetween", () => {
  it.each([
    ["0", 0],
    ["-0", -0],
    ["+7", 7],
    ["08", 8],
    ["1.", 1],
    [".5", 0.5],
    ["-.5", -0.5],
    ["1e3", 1000],
    ["1E+3", 1000],
    ["4.9351e-05", 4.9351e-5],
    ["0.1", 0.1],
    ["123456789012.345", 123456789012.345],
    ["9223372036854775808", 9223372036854775808],
    ["0000000000000000000000000000001.2e-1", 0.12],
    ["1e999", Infinity],
    ["Inf", Infinity],
    ["+inf", Infinity],
    ["-Infinity", -Infinity],
    ["NaN", NaN],
    ["nan", NaN]
  ])("reads %s", (text, expected) => {
    assert.isTrue(Object.is(decimal(text), expected))
  })

  it.each([
    "",
    "-",
    ".",
    "e3",
    "1e",
    "1e+",
    "1_2",
    "0x1p-3",
    "0b1",
    "0o1",
    "1.1.1",
    "1z",
    "1 ",
    "true",
    "infinit",
    "NaNs"
  ])("refuses %j", (text) => {
    assert.isUndefined(decimal(text))
  })

  it("reads only its range", () => {
    assert.strictEqual(decimalBetween("a 12.5 b", 2, 6), 12.5)
  })

  it.prop("reads back every double that JavaScript prints", [Schema.Number], ([value]) => {
    assert.isTrue(Object.is(decimal(Object.is(value, -0) ? "-0" : String(value)), value))
  })

  it.prop(
    "agrees with Number on short fractions, where it does its own arithmetic",
    [Schema.Int, Schema.Int],
    ([a, b]) => {
      const text = `${a % 1e7}.${Math.abs(b % 1e8)}`

      assert.strictEqual(decimal(text), Number(text))
    }
  )
})

describe("integerBetween", () => {
  it.each([
    ["0", 0],
    ["-1", -1],
    ["+5", 5],
    ["1395066363000", 1395066363000]
  ])("reads %s", (text, expected) => {
    assert.strictEqual(integer(text), expected)
  })

  it.each(["", "-", "1.5", "1e3", "NaN", "1_2", "0x1"])("refuses %j", (text) => {
    assert.isUndefined(integer(text))
  })
})
