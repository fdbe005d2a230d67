import { assert, describe, it } from "@effect/vitest"
import { mark, shapeOf, sprite, tabIcon } from "../../../src/status/page/Marks.ts"

describe("marks", () => {
  it("are all in the sprite, each drawn differently", () => {
    const drawn = [...sprite.markup.matchAll(/<symbol id="m-(\w+)"[^>]*>(.*?)<\/symbol>/g)]

    assert.isAbove(drawn.length, 8)
    assert.strictEqual(new Set(drawn.map((match) => match[2])).size, drawn.length)
    assert.include(
      drawn.map((match) => match[1]),
      /#m-(\w+)/.exec(mark("flapping").markup)?.[1]
    )
  })

  it("tell a critical fault from a warning by shape", () => {
    assert.strictEqual(shapeOf({ state: "active", severity: "warning" }), "warning")
    assert.strictEqual(shapeOf({ state: "active", severity: "critical" }), "critical")
    assert.strictEqual(shapeOf({ state: "clear", severity: "critical" }), "clear")
  })

  it("say nothing to a screen reader: the word beside them does", () => {
    assert.include(mark("clear").markup, 'aria-hidden="true"')
  })
})

describe("tabIcon", () => {
  it("is a picture within an address that needs no escaping", () => {
    assert.match(tabIcon("clear"), /^data:image\/svg\+xml,[^"<>&\s]+$/)
  })
})
