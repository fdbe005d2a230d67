import { assert, describe, it } from "@effect/vitest"
import { backoffMs, mutedBy } from "../../src/queue/Post.ts"
import { permanent, sinkError } from "./scripted.ts"

describe("the wait after a failure", () => {
  it("doubles from a second to a minute", () => {
    assert.deepStrictEqual(
      [0, 1, 5, 6, 1_000].map((failures) => backoffMs(sinkError(), failures, 0.5)),
      [1_000, 2_000, 32_000, 60_000, 60_000]
    )
  })

  it("is never less than what the other side asks for, whatever the jitter", () => {
    assert.deepStrictEqual(
      [0, 1].map((random) => backoffMs(sinkError({ retryAfterMs: 30_000 }), 0, random)),
      [30_000, 30_000]
    )
  })

  it("is ten minutes where nothing but a human can help", () => {
    assert.strictEqual(backoffMs(permanent, 0, 0.5), 600_000)
  })
})

describe("a signal", () => {
  it("is muted by any mute that means it", () => {
    const isMuted = mutedBy([{ pattern: "container:*", untilMs: 1, by: "@ann" }])

    assert.deepStrictEqual(["container:api", "disk:/"].map(isMuted), [true, false])
    assert.isFalse(mutedBy([])("container:api"))
  })
})
