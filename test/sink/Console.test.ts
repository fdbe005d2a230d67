import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Output } from "../../src/base/Output.ts"
import { type Entry, blankEntry } from "../../src/decision/index.ts"
import { Console, consoleText } from "../../src/sink/Console.ts"
import type { Draft } from "../../src/sink/Sink.ts"

const alert = (signal: string): Entry => ({ ...blankEntry("alert", signal, "critical"), active: true })
const draftOf = (...entries: ReadonlyArray<Entry>): Draft => ({
  entries,
  rendering: { nowMs: 0, host: "box", timeText: () => "14:03:05" },
  alsoActive: 0,
  replyTo: null
})

describe("Console", () => {
  it.effect("writes to standard error and never to the journal's stream", () => {
    const [out, err]: [Array<string>, Array<string>] = [[], []]
    return Effect.gen(function* () {
      const sink = yield* Console

      const receipt = yield* sink.send(draftOf(alert("a"), alert("b")))

      assert.deepStrictEqual(receipt, { reference: null, moved: false })
      assert.deepStrictEqual(out, [])
      assert.deepStrictEqual(err, [consoleText(draftOf(alert("a"), alert("b")))])
    }).pipe(Effect.provide(Layer.provide(Console.layer, Output.layerMemory(out, err))))
  })

  it.effect("takes everything into one message, however much", () =>
    Effect.gen(function* () {
      const sink = yield* Console

      assert.strictEqual(sink.fit(draftOf(...Array.from({ length: 500 }, () => alert("a")))), 500)
    }).pipe(Effect.provide(Layer.provide(Console.layer, Output.layerMemory([], []))))
  )

  it("prints nothing that a terminal would obey", () => {
    const shown = consoleText(draftOf(alert("container:\u001b[2Jx\u0007\u009b31m")))

    assert.notMatch(shown, /[^\P{Cc}\n]/u)
    assert.include(shown, "[2Jx")
  })
})
