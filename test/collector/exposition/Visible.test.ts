import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { excerpt, excerptLengthMax } from "../../../src/collector/exposition/Visible.ts"

describe("excerpt", () => {
  it.each([
    ["a 1", "a 1"],
    ["a\tb\r\n", "a\\tb\\r\\n"],
    ["\u001B[31mred", "\\u001b[31mred"],
    ["\0\u009B\u202E\uFEFF", "\\u0000\\u009b\\u202e\\ufeff"],
    ["é€😀", "é€😀"],
    ["\uD800", "\\ud800"]
  ])("spells out what cannot be seen in %j", (text, expected) => {
    assert.strictEqual(excerpt(text), expected)
  })

  it("keeps 120 characters whole and marks what it cuts", () => {
    assert.strictEqual(excerpt("x".repeat(120)), "x".repeat(120))
    assert.strictEqual(excerpt("x".repeat(121)), `${"x".repeat(119)}…`)
  })

  it("never cuts a surrogate pair", () => {
    assert.isTrue(excerpt(`${"x".repeat(118)}😀😀`).isWellFormed())
  })

  it.prop("shows any text in at most 120 visible characters", [Schema.String], ([text]) => {
    const shown = excerpt(text)

    assert.isAtMost(shown.length, excerptLengthMax)
    assert.isFalse(Array.from(shown).some((character) => (character.codePointAt(0) ?? 0) < 32))
  })
})
