import { assert, describe, it } from "@effect/vitest"
import { Lines, lineUnitsMax } from "../../../src/collector/docker/Lines.ts"

/** The same numbers in every run. */
const dice = (seed: number) => (below: number) => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return seed % below
}

/** In pieces of 1 to `bytesMax` bytes, wherever that cuts. */
const pieces = (bytes: Uint8Array, next: (below: number) => number, bytesMax: number): ReadonlyArray<Uint8Array> => {
  const cut: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length;) {
    const length = 1 + next(bytesMax)
    cut.push(bytes.subarray(at, at + length))
    at += length
  }
  return cut
}

const readAll = (lines: Lines, given: ReadonlyArray<Uint8Array>): ReadonlyArray<string> =>
  given.flatMap((piece) => lines.push(piece))

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

describe("lines of a byte stream", () => {
  it("are the same however the stream is cut, inside of characters too", () => {
    const alphabet = ["a", "{", '"', "é", "€", "漢", "🔴", "\u001e", " ", "\r", "\n", "\n"]
    for (let seed = 0; seed < 300; seed++) {
      const next = dice(seed)
      const text = Array.from({ length: next(200) }, () => alphabet[next(alphabet.length)]).join("")
      const expected = text
        .split("\n")
        .slice(0, -1)
        .filter((line) => line.trim() !== "")

      const read = readAll(new Lines(), pieces(bytesOf(text), next, 1 + next(9)))

      assert.deepStrictEqual([...read], expected, `seed ${seed}`)
    }
  })

  it("are given as soon as they are complete, and not before", () => {
    const lines = new Lines()

    const read = ["one", "\n", "two\nthr", "ee", "\n\n \n"].map((piece) => lines.push(bytesOf(piece)))

    assert.deepStrictEqual(read, [[], ["one"], ["two"], [], ["three"]])
  })

  it("take bytes that are no text for replacement characters, and go on", () => {
    const lines = new Lines()

    const read = readAll(lines, [Uint8Array.of(0xff, 0xfe, 0x0a), bytesOf("well\n")])

    assert.deepStrictEqual([...read], ["\ufffd\ufffd", "well"])
  })
})

describe("a line that is too long", () => {
  const long = "x".repeat(5_000_000)
  const sizes: ReadonlyArray<number> = [1_009, 65_536, 1_048_576, 10_000_000]

  it.each(sizes)("is skipped, counted once, and the lines around it are read, in pieces of %i bytes", (size) => {
    const lines = new Lines()
    const bytes = bytesOf(`before\n${long}\nafter\nlast\n`)

    const read: Array<string> = []
    for (let at = 0; at < bytes.length; at += size) read.push(...lines.push(bytes.subarray(at, at + size)))

    assert.deepStrictEqual(read, ["before", "after", "last"])
    assert.strictEqual(lines.overlong, 1)
  })

  it("begins one unit past the cap", () => {
    const atCap = "y".repeat(lineUnitsMax)
    for (const size of [50_000, 3_000_000]) {
      const lines = new Lines()
      const bytes = bytesOf(`${atCap}\n${atCap}y\n`)

      const read: Array<number> = []
      for (let at = 0; at < bytes.length; at += size)
        read.push(...lines.push(bytes.subarray(at, at + size)).map((line) => line.length))

      assert.deepStrictEqual([read, lines.overlong], [[lineUnitsMax], 1])
    }
  })

  it("without an end does not fill the memory, nor take the square of its length in time", () => {
    const lines = new Lines()
    const piece = bytesOf("z".repeat(100))

    // 10 MB; kept and searched from its beginning with each piece, this would take minutes.
    for (let n = 0; n < 100_000; n++) if (lines.push(piece).length > 0) assert.fail("no line is complete yet")

    assert.strictEqual(lines.overlong, 1)
    assert.deepStrictEqual([...lines.push(bytesOf("\nnext\n"))], ["next"])
  })
})
