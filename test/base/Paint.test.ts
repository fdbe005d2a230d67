import { assert, describe, it } from "vitest"
import { cell, clip, coloured, columns, plain } from "../../src/base/Paint.ts"

describe("columns", () => {
  it("line up, and end without blanks", () => {
    const text = columns([
      [cell("a"), cell("first"), cell("x")],
      [cell("long one"), cell(""), cell("")]
    ])

    assert.strictEqual(text, "a         first  x\nlong one")
  })

  it("line up the same with colours", () => {
    const rows = [
      [cell("✖", "red"), cell("container:a", "bold"), cell("down")],
      [cell("✔", "green"), cell("b"), cell("well")]
    ]

    // eslint-disable-next-line no-control-regex
    assert.strictEqual(columns(rows, { paint: coloured }).replaceAll(/\u001B\[\d+m/g, ""), columns(rows))
  })

  it("cut the last column at the width, and others at their own limit", () => {
    const text = columns([[cell("x".repeat(60)), cell("y".repeat(60))]], { width: 30, columnMax: 10 })

    assert.strictEqual(text, `${"x".repeat(9)}…  ${"y".repeat(17)}…`)
  })

  it("of no rows are empty", () => {
    assert.strictEqual(columns([]), "")
  })
})

describe("clip", () => {
  it("never cuts within a character", () => {
    assert.strictEqual(clip("😀😀😀", 2), "😀…")
    assert.strictEqual(clip("abc", 3), "abc")
  })
})

describe("plain", () => {
  it("changes nothing", () => {
    assert.strictEqual(plain("red", "text"), "text")
  })
})
