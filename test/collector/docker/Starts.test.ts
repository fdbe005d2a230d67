import { assert, describe, it } from "@effect/vitest"
import { type Known, learn } from "../../../src/collector/docker/Memory.ts"
import { hearStart, loopTextOf } from "../../../src/collector/docker/Starts.ts"
import { inspectOf, itemOf, knownOf, see } from "./known.ts"

describe("starts", () => {
  const key = "name web"
  const learning = (known: Known) => (document: unknown, nowMs: number) => learn(known, key, document, nowMs, new Set())

  it("are counted from the engine's count where no event tells of them", () => {
    const known = knownOf()
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)

    inspect(inspectOf(5, "a"), 0)
    inspect(inspectOf(7, "b"), 10_000)

    assert.deepStrictEqual(memory.startsMs, [10_000, 10_000])
  })

  it("that events have told of are not counted again by an inspect", () => {
    const known = knownOf("", { listeningSinceMs: 0 })
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)
    inspect(inspectOf(5, "a"), 0)

    hearStart(memory, 1_000)
    hearStart(memory, 2_000)
    inspect(inspectOf(7, "c"), 2_100)
    inspect(inspectOf(7, "c"), 12_000)

    assert.deepStrictEqual(memory.startsMs, [1_000, 2_000])
  })

  it("that follow a stop which was meant make no loop, by event or by inspect", () => {
    const known = knownOf("", { listeningSinceMs: 0 })
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)
    inspect(inspectOf(0, "a"), 0)

    hearStart(memory, 1_000, true)
    inspect(inspectOf(0, "b"), 1_100)
    inspect(inspectOf(0, "c"), 2_000)
    hearStart(memory, 2_010, true)

    assert.deepStrictEqual(memory.startsMs, [])
  })

  it("are not counted again either where the stream was opened after the last inspect", () => {
    const known = knownOf()
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)
    inspect(inspectOf(5, "a"), 0)

    known.listeningSinceMs = 600_000
    hearStart(memory, 601_000)
    inspect(inspectOf(6, "b"), 601_001)

    assert.deepStrictEqual(memory.startsMs, [601_000])
  })

  it("that an inspect has seen a moment before their event are counted once", () => {
    const known = knownOf("", { listeningSinceMs: 0 })
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)
    inspect(inspectOf(0, "a"), 0)

    inspect(inspectOf(1, "b"), 5_000)
    hearStart(memory, 5_004)
    hearStart(memory, 7_000)
    inspect(inspectOf(2, "c"), 7_001)

    assert.deepStrictEqual(memory.startsMs, [5_000, 7_000])
  })

  it("that a silent stream has not told of are counted by inspects all the same", () => {
    const known = knownOf("", { listeningSinceMs: 0 })
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)
    inspect(inspectOf(0, "a"), 0)

    inspect(inspectOf(2, "b"), 10_000)
    inspect(inspectOf(4, "c"), 20_000)
    hearStart(memory, 25_000)

    assert.deepStrictEqual(memory.startsMs, [10_000, 10_000, 20_000, 20_000, 25_000])
  })

  it("by hand reset the engine's count, and are one", () => {
    const known = knownOf()
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)

    inspect(inspectOf(9, "a"), 0)
    inspect(inspectOf(0, "b"), 10_000)
    inspect(inspectOf(0, "b"), 20_000)

    assert.deepStrictEqual(memory.startsMs, [10_000])
  })

  it("still to come, in the back-off, are not counted yet", () => {
    const known = knownOf()
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)

    inspect(inspectOf(0, "a"), 0)
    inspect(inspectOf(1, "a", { Restarting: true }), 10_000)
    const inBackOff = memory.startsMs
    inspect(inspectOf(1, "b"), 20_000)

    assert.deepStrictEqual([inBackOff, memory.startsMs], [[], [20_000]])
  })

  it("make a loop of three within a minute, whose words count them", () => {
    const known = knownOf()
    const memory = see(known, itemOf("web"), 0)
    const ended = { exitCode: 1, oom: false }

    hearStart(memory, 10_000)
    hearStart(memory, 20_000)
    const two = loopTextOf(memory, 20_500, ended)
    hearStart(memory, 30_000)
    const three = loopTextOf(memory, 30_500, ended)

    assert.isUndefined(two)
    assert.strictEqual(three, "restart loop: 3 starts in the last minute, last exited with code 1")
  })

  it("are bounded, however many the engine has counted", () => {
    const known = knownOf()
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)

    inspect(inspectOf(0, "a"), 0)
    inspect(inspectOf(1_000_000_000, "b"), 10_000)

    assert.isAtMost(memory.startsMs.length, 100)
  })

  it("are not learnt from an inspect that cannot be read, which is odd", () => {
    const known = knownOf()
    const memory = see(known, itemOf("web"), 0)
    const oddities = new Set<string>()

    learn(known, key, { State: "running" }, 0, oddities)
    learn(known, "name nobody", inspectOf(1, "a"), 0, oddities)

    assert.deepStrictEqual([[...oddities], memory.inspected], [["inspect of web could not be read"], null])
  })
})
