import { assert, describe, it } from "vitest"
import { LineCutter, lineUnitsMax } from "../../src/replay/LineCutter.ts"
import { chance } from "./living.ts"

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The lines of a text that comes in pieces of this many bytes. */
const cut = (text: string, size: number): { readonly lines: ReadonlyArray<string>; readonly overlong: number } => {
  const cutter = new LineCutter()
  const bytes = encode(text)
  const lines: Array<string> = []
  for (let at = 0; at < bytes.length; at += size) lines.push(...cutter.push(bytes.subarray(at, at + size)))
  lines.push(...cutter.end())
  return { lines, overlong: cutter.overlong }
}

describe("lines", () => {
  it("are the same whatever pieces they come in, a last one without an end included", () => {
    const text = "a\r\nzwölf ✅\n\n  b\ncut off"

    for (const size of [1, 2, 3, 7, 1_000]) {
      assert.deepStrictEqual(cut(text, size).lines, ["a", "zwölf ✅", "", "  b", "cut off"])
    }
  })

  it("that are too long are thrown away and counted, and those around them are not", () => {
    const long = "x".repeat(lineUnitsMax + 1)
    const text = `a\n${long}\nb\n${long}${long}\nc\n${long}`

    for (const size of [1_000, 65_536, 10_000_000]) {
      const { lines, overlong } = cut(text, size)
      assert.deepStrictEqual(
        lines.filter((line) => line !== ""),
        ["a", "b", "c"]
      )
      assert.strictEqual(overlong, 3)
    }
  })

  it("of any bytes are lines", () => {
    const random = chance(1)
    const cutter = new LineCutter()

    for (let piece = 0; piece < 100; piece++) {
      const lines = cutter.push(Uint8Array.from({ length: 997 }, () => Math.floor(random() * 256)))
      assert.isTrue(lines.every((line) => !line.includes("\n")))
    }
  })
})
