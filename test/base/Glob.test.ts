import { assert, describe, it } from "vitest"
import { matches } from "../../src/base/Glob.ts"

describe("matches", () => {
  it.each([
    ["disk:/var", "disk:/var", true],
    ["disk:/var", "disk:/var/lib", false],
    ["*", "", true],
    ["container:*", "container:api", true],
    ["container:*", "source:containers", false],
    ["*:api", "container:api", true],
    ["a*b*c", "a-b-b-c", true],
    ["a*a", "a", false],
    ["container:a.c", "container:abc", false]
  ] as const)("%s means %s: %s", (pattern, text, wanted) => {
    assert.strictEqual(matches(pattern, text), wanted)
  })

  it("takes no time over a pattern that is made to", () => {
    const startMs = performance.now()

    assert.isFalse(matches(`${"a*".repeat(2_000)}b`, "a".repeat(20_000)))
    assert.isBelow(performance.now() - startMs, 500)
  })
})
