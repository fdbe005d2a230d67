import { Script } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { beatSeconds, script } from "../../../src/status/page/Script.ts"

describe("script", () => {
  it("is a script", () => {
    assert.doesNotThrow(() => new Script(script))
  })

  it("cannot end its own element, and is the same after a parser has read it", () => {
    assert.notMatch(script, /<\/|<!--|\r/)
  })

  it("makes markup of text in one place only", () => {
    assert.lengthOf(
      [...script.matchAll(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(/g)],
      1
    )
  })

  it("waits for three beats before it takes silence for a loss", () => {
    assert.include(script, `> ${3 * beatSeconds * 1_000 + 2_000}`)
  })
})
