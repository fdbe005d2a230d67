/** The disk in memory: as strict as a real one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeFakeStateDisk } from "../../src/testing/FakeStateDisk.ts"

describe("the disk in memory", () => {
  it.effect("keeps what was written, and refuses what a real one refuses", () =>
    Effect.gen(function* () {
      const { disk, files } = makeFakeStateDisk()
      const codeOf = <A>(call: Effect.Effect<A, { readonly code: string }>) =>
        Effect.match(call, { onSuccess: () => "", onFailure: ({ code }) => code })

      yield* disk.create("/a", "text")
      yield* disk.rename("/a", "/b")

      assert.strictEqual(yield* disk.read("/b", 10), "text")
      assert.strictEqual(yield* codeOf(disk.create("/b", "again")), "EEXIST")
      assert.strictEqual(yield* codeOf(disk.read("/a", 10)), "ENOENT")
      assert.strictEqual(yield* codeOf(disk.read("/b", 3)), "EFBIG")
      assert.strictEqual(yield* codeOf(disk.remove("/a")), "ENOENT")
      assert.strictEqual(yield* codeOf(disk.rename("/a", "/c")), "ENOENT")
      assert.deepStrictEqual([...files], [["/b", "text"]])
    })
  )

  it.effect("that is full has taken a part", () =>
    Effect.gen(function* () {
      const { disk, files, broken } = makeFakeStateDisk()
      broken.set("create", "ENOSPC")
      yield* Effect.ignore(disk.create("/a", "a text that is long"))

      assert.strictEqual(files.get("/a"), "a text th")
    })
  )
})
