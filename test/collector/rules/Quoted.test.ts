import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { mask, unquote } from "../../../src/collector/rules/Quoted.ts"

describe("mask", () => {
  it.each([
    ['a{b="c;d"};e', "a{b=_____};e", []],
    ["a{b='c\"d'} \"e'f\"", "a{b=_____} _____", []],
    ["a{b=`c\\`} > 1", "a{b=____} > 1", []],
    ['"a\\"b";c', "______;c", []],
    ["`a\nb`;c", "_____;c", []],
    ['a "b;c', "a ____", [2]],
    ['a "b\nc;d', "a __\nc;d", [2]],
    ['"\\', "__", [0]]
  ])("blanks out what is quoted in %j, and nothing else", (text, wanted, open) => {
    const masked = mask(text)

    assert.strictEqual(masked.text.replaceAll("\u0000", "_"), wanted)
    assert.deepStrictEqual([...masked.open], open)
  })

  it.prop("keeps the length of any text", [Schema.String], ([text]) => {
    assert.strictEqual(mask(text).text.length, text.length)
  })
})

describe("unquote", () => {
  it.each([
    ['"mail"', "mail"],
    ["'mail'", "mail"],
    ["`a\\d\nb`", "a\\d\nb"],
    ['""', ""],
    ['"a\\"b"', 'a"b'],
    ["'a\\'b'", "a'b"],
    ['"a\'b"', "a'b"],
    ['"\\a\\b\\f\\n\\r\\t\\v\\\\"', "\u0007\b\f\n\r\t\v\\"],
    ['"\\x41\\101"', "AA"],
    ['"\\xc3\\xa9"', "é"],
    ['"\\u00e9\\U0001F600"', "é😀"],
    ['"😀\\n"', "😀\n"]
  ])("reads %s as Go does", (quoted, wanted) => {
    assert.strictEqual(Result.getOrThrow(unquote(quoted)), wanted)
  })

  it.each([
    ['"\\d"', /\\d is no escape/],
    ['"\\\'"', /\\' is no escape/],
    ["'\\\"'", /\\" is no escape/],
    ['"\\x4"', /\\x is no escape/],
    ['"\\400"', /\\4 is no escape/],
    ['"\\ud800"', /\\u is no escape/],
    ['"\\U00110000"', /\\U is no escape/],
    ['"\\xff"', /not UTF-8/]
  ])("refuses %s", (quoted, reason) => {
    const read = unquote(quoted)

    assert.match(Result.isFailure(read) ? read.failure : "was taken", reason)
  })
})
