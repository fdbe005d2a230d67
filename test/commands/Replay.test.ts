import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Result, Stdio, Stream } from "effect"
import { type Asked, optionsOf, replay } from "../../src/commands/Replay.ts"
import { chance, life, live, scriptRun } from "../replay/living.ts"

const asked = (more: Partial<Asked> = {}): Asked => ({
  set: [],
  from: undefined,
  to: undefined,
  json: true,
  files: [],
  ...more
})

const problemsOf = (more: Partial<Asked>): string => {
  const options = optionsOf(asked(more))
  return Result.isFailure(options) ? options.failure.message : ""
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Standard input in small pieces, and a file system with one file. */
const world = (stdin: string, file = "") => {
  const pieces = (text: string) =>
    Stream.fromIterable(
      Array.from({ length: Math.ceil(text.length / 999) }, (_, at) => encode(text.slice(at * 999, at * 999 + 999)))
    )
  return Layer.merge(
    Stdio.layerTest({ stdin: pieces(stdin), stdinIsTerminal: Effect.succeed(stdin === "") }),
    Layer.succeed(
      FileSystem.FileSystem,
      FileSystem.makeNoop({
        stream: (path: string) => (path === "a.log" ? pieces(file) : Stream.fail(missing))
      } as never)
    )
  )
}
const missing = { message: "no such file" }

const journal = Effect.map(
  live(scriptRun(chance(2)), life({ cooldownMs: 61_003 }, 90, {}), "run"),
  (lines) => `${lines.join("\n")}\n`
)

describe("the command line", () => {
  it("is refused with every problem at once", () => {
    const said = problemsOf({
      set: [
        "WATCHDOG_RAISE_TICK=3",
        "WATCHDOG_HTTP_LISTEN=off",
        "WATCHDOG_FLAP_RAISES=1",
        "WATCHDOG_COOLDOWN=1s",
        "WATCHDOG_COOLDOWN=2s"
      ],
      from: "yesterday"
    })

    assert.match(said, /WATCHDOG_RAISE_TICK: there is no such setting; did you mean WATCHDOG_RAISE_TICKS\?/)
    assert.match(said, /WATCHDOG_HTTP_LISTEN is not decision policy/)
    assert.match(said, /WATCHDOG_FLAP_RAISES is 1/)
    assert.match(said, /WATCHDOG_COOLDOWN is set twice/)
    assert.match(said, /--from: "yesterday" is neither a time/)
  })

  it("may say nothing at all", () => {
    assert.deepStrictEqual(Result.getOrThrow(optionsOf(asked())), { changes: [], from: undefined, to: undefined })
  })
})

describe("replay", () => {
  const read = (report: string) =>
    JSON.parse(report) as {
      readonly lines: { readonly journal: number }
      readonly comparison: { readonly same: number }
    }

  it.effect("finds the same in standard input and in a file", () =>
    Effect.gen(function* () {
      const text = yield* journal

      const fromStdin = read(yield* replay(asked()).pipe(Effect.provide(world(text))))
      const fromFile = read(yield* replay(asked({ files: ["a.log"] })).pipe(Effect.provide(world("", text))))

      assert.strictEqual(fromStdin.lines.journal, text.split("\n").length - 1)
      assert.isAbove(fromStdin.comparison.same, 0)
      assert.deepStrictEqual(fromFile.comparison, fromStdin.comparison)
    })
  )

  it.effect("says which file cannot be read, and what to do with a terminal", () =>
    Effect.gen(function* () {
      const unread = yield* Effect.flip(replay(asked({ files: ["b.log"] })).pipe(Effect.provide(world(""))))
      const typed = yield* Effect.flip(replay(asked()).pipe(Effect.provide(world(""))))

      assert.strictEqual(unread.message, "cannot read b.log: no such file")
      assert.match(typed.message, /nothing to replay: give it a log/)
    })
  )
})
