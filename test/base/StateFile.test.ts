/** The state file: whole or not at all, never trusted, and no failure of a disk that stops the watchdog. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import { Settings } from "../../src/base/Keys.ts"
import { Output } from "../../src/base/Output.ts"
import * as StateFile from "../../src/base/StateFile.ts"
import { layerLogger } from "../../src/status/Journal.ts"
import { type DiskCall, makeFakeStateDisk } from "../../src/testing/FakeStateDisk.ts"

const saved: StateFile.Saved = {
  anchor: { wallMs: 1_000, monotonicMs: 10, runId: "a" },
  payload: { told: ["container:api"], "1": { __proto__: null, b: 2, a: "ü\u2028" } }
}

const file = "/state/watchdog.json"
const bad = `${file}.bad`
const fresh = "/state/.watchdog.json.new"

const world = (files = new Map<string, string>()) => {
  const out: Array<string> = []
  const { disk, broken, calls } = makeFakeStateDisk(files)
  const layer = Layer.mergeAll(layerLogger, Layer.succeed(StateFile.disk, disk)).pipe(
    Layer.provideMerge(Layer.mergeAll(Output.layerMemory(out, []), Settings.layerTest({})))
  )
  const said = () => out.map((line) => String((JSON.parse(line) as { message?: unknown }).message))
  return { files, broken, calls, layer, said }
}

describe("the document", () => {
  it("is read back as it was written", () => {
    assert.deepStrictEqual(Result.getOrThrow(StateFile.decode(StateFile.encode(saved))), saved)
  })

  const text = StateFile.encode(saved)
  const wrong: ReadonlyArray<readonly [string, string, RegExp]> = [
    ["empty", "", /empty/],
    ["cut off", text.slice(0, -20), /not JSON, or cut off/],
    ["of another kind", '{"v":1}', /not a state file/],
    ["no object", "7", /not a state file/],
    ["of a foreign version", text.replace('"watchdogState":1', '"watchdogState":2'), /version 2, not 1/],
    ["changed in its payload", text.replace("container:api", "container:apx"), /checksum/],
    ["changed in its anchor", text.replace('"wallMs":1000', '"wallMs":2000'), /checksum/],
    ["without its moment", text.replace('"anchor":{', '"other":{'), /when it was written/]
  ]

  it.each(wrong)("that is %s is refused", (_, changed, said) => {
    const read = StateFile.decode(changed)

    assert.isTrue(Result.isFailure(read))
    if (Result.isFailure(read)) assert.match(read.failure, said)
  })

  it("is refused at whatever byte it ends", () => {
    for (let at = 0; at < text.length - 1; at++) assert.isTrue(Result.isFailure(StateFile.decode(text.slice(0, at))))
  })
})

describe("reading", () => {
  it.effect("says nothing where there is no file", () => {
    const { layer, said } = world()
    return Effect.gen(function* () {
      const state = yield* StateFile.make(file)

      assert.isUndefined(yield* state.load)
      assert.deepStrictEqual(said(), [])
    }).pipe(Effect.provide(layer))
  })

  it.effect("puts a broken file aside and says so", () => {
    const { layer, said, files } = world(new Map([[file, "{"]]))
    return Effect.gen(function* () {
      const state = yield* StateFile.make(file)

      assert.isUndefined(yield* state.load)
      assert.deepStrictEqual([...files], [[bad, "{"]])
      assert.deepStrictEqual(said(), [
        `WATCHDOG_STATE_FILE ${file}: it is not JSON, or cut off; starting without what it held; kept as ${bad}`
      ])
    }).pipe(Effect.provide(layer))
  })

  const unreadable: ReadonlyArray<readonly [string, RegExp, boolean]> = [
    ["EACCES", /permission denied; starting without what it held; kept as/, true],
    ["EIO", /the disk failed/, true],
    ["EFBIG", /too large/, true],
    ["EISDIR", /it is a folder; starting without it/, false],
    ["HANG", /the disk does not answer; starting without it/, false]
  ]

  it.effect.each(unreadable)("that meets %s starts empty and says so", ([code, text, aside]) => {
    const { layer, said, files, broken } = world(new Map([[file, StateFile.encode(saved)]]))
    broken.set("read", code)
    return Effect.gen(function* () {
      const state = yield* StateFile.make(file)
      const loading = yield* Effect.forkChild(state.load)
      yield* TestClock.adjust("1 second")

      assert.isUndefined(yield* Fiber.join(loading))
      assert.strictEqual(said().length, 1)
      assert.match(said()[0] ?? "", text)
      assert.strictEqual(files.has(bad), aside)
    }).pipe(Effect.provide(layer))
  })

  it.effect("goes on where the broken file cannot be put aside either", () => {
    const { layer, said, broken } = world(new Map([[file, "{"]]))
    broken.set("rename", "EROFS")
    return Effect.gen(function* () {
      const state = yield* StateFile.make(file)

      assert.isUndefined(yield* state.load)
      assert.match(said()[0] ?? "", /starting without what it held$/)
    }).pipe(Effect.provide(layer))
  })
})

describe("writing", () => {
  it.effect("goes by a new file that is on disk before it takes the old one's place", () => {
    const { layer, calls, files, said } = world(
      new Map([
        [file, "old"],
        [fresh, "left by a run that was killed"]
      ])
    )
    return Effect.gen(function* () {
      const state = yield* StateFile.make(file)
      yield* state.save(saved)

      assert.deepStrictEqual(calls, [
        "remove .watchdog.json.new",
        "create .watchdog.json.new",
        "sync .watchdog.json.new",
        "rename .watchdog.json.new",
        "sync state"
      ])
      assert.deepStrictEqual([...files.keys()], [file])
      assert.deepStrictEqual(yield* state.load, saved)
      assert.deepStrictEqual(said(), [])
    }).pipe(Effect.provide(layer))
  })

  const failures: ReadonlyArray<readonly [DiskCall, string, RegExp]> = [
    ["create", "ENOSPC", /the disk is full/],
    ["create", "EACCES", /permission denied/],
    ["create", "EROFS", /read-only/],
    ["create", "ENOENT", /its folder does not exist/],
    ["create", "ERR_ACCESS_DENIED", /--allow-fs-write/],
    ["sync", "ENOSPC", /the disk is full/],
    ["sync", "EIO", /the disk failed/],
    ["rename", "ENOSPC", /the disk is full/],
    ["rename", "EBUSY", /in use/]
  ]

  it.effect.each(failures)(
    "that fails at %s with %s leaves the old file whole, is said once, and once when it is over",
    ([call, code, text]) => {
      const old = StateFile.encode({ ...saved, payload: "old" })
      const { layer, files, said, broken } = world(new Map([[file, old]]))
      broken.set(call, code)
      return Effect.gen(function* () {
        const state = yield* StateFile.make(file)
        yield* state.save(saved)
        yield* state.save(saved)
        const during = [...files]
        const saidDuring = said()
        broken.clear()
        yield* state.save(saved)
        yield* state.save(saved)

        assert.deepStrictEqual(during, [[file, old]])
        assert.strictEqual(saidDuring.length, 1)
        assert.match(saidDuring[0] ?? "", text)
        assert.match(saidDuring[0] ?? "", /going on without/)
        assert.deepStrictEqual(said().slice(1), [`WATCHDOG_STATE_FILE ${file}: written again`])
        assert.deepStrictEqual(yield* state.load, saved)
      }).pipe(Effect.provide(layer))
    }
  )

  it.effect("does not wait for a disk that hangs, and never begins a second write beside the first", () => {
    const { layer, files, said, broken, calls } = world(new Map([[file, "old"]]))
    broken.set("sync", "HANG")
    return Effect.gen(function* () {
      const state = yield* StateFile.make(file)
      const first = yield* Effect.forkChild(state.save(saved))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(first)
      const second = yield* Effect.forkChild(state.save(saved))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(second)

      assert.strictEqual(calls.filter((call) => call.startsWith("create")).length, 1)
      assert.strictEqual(files.get(file), "old")
      assert.strictEqual(said().length, 1)
      assert.match(said()[0] ?? "", /the disk does not answer/)
    }).pipe(Effect.provide(layer))
  })

  it.effect("refuses what it would itself refuse to read", () => {
    const { layer, files, said } = world()
    return Effect.gen(function* () {
      const state = yield* StateFile.make(file)
      yield* state.save({ ...saved, payload: "x".repeat(17 * 1_024 * 1_024) })

      assert.deepStrictEqual([...files], [])
      assert.match(said()[0] ?? "", /too large/)
    }).pipe(Effect.provide(layer))
  })
})

describe("this machine's disk", () => {
  const folder = Effect.acquireRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-state-"))),
    (name) => Effect.sync(() => fs.rmSync(name, { recursive: true, force: true }))
  )
  const real = (use: (at: string, said: () => ReadonlyArray<string>) => Effect.Effect<void>) =>
    Effect.gen(function* () {
      const out: Array<string> = []
      const at = path.join(yield* folder, "state.json")
      yield* use(at, () => out.map((line) => String((JSON.parse(line) as { message?: unknown }).message))).pipe(
        Effect.provide(
          layerLogger.pipe(Layer.provide(Layer.mergeAll(Output.layerMemory(out, []), Settings.layerTest({}))))
        )
      )
    }).pipe(Effect.scoped)

  it.live("keeps a document for its owner alone, and leaves nothing else", () =>
    real((at, said) =>
      Effect.gen(function* () {
        const state = yield* StateFile.make(at)
        yield* state.save(saved)
        yield* state.save(saved)

        assert.deepStrictEqual(yield* state.load, saved)
        assert.strictEqual(fs.statSync(at).mode & 0o777, 0o600)
        assert.deepStrictEqual(fs.readdirSync(path.dirname(at)), ["state.json"])
        assert.deepStrictEqual(said(), [])
      })
    )
  )

  it.live("never writes through a link that lies where its new file should", () =>
    real((at) =>
      Effect.gen(function* () {
        const victim = path.join(path.dirname(at), "victim")
        fs.writeFileSync(victim, "precious")
        fs.symlinkSync(victim, path.join(path.dirname(at), ".state.json.new"))
        const state = yield* StateFile.make(at)
        yield* state.save(saved)

        assert.strictEqual(fs.readFileSync(victim, "utf8"), "precious")
        assert.deepStrictEqual(yield* state.load, saved)
      })
    )
  )

  it.live("names what it cannot read or write: a folder in its place, a missing folder, a file too large", () =>
    real((at, said) =>
      Effect.gen(function* () {
        fs.mkdirSync(at)
        const folderInPlace = yield* StateFile.make(at)
        yield* folderInPlace.load
        yield* folderInPlace.save(saved)
        const nowhere = yield* StateFile.make(path.join(at, "no", "state.json"))
        yield* nowhere.load
        yield* nowhere.save(saved)
        const large = path.join(path.dirname(at), "large.json")
        fs.writeFileSync(large, "")
        fs.truncateSync(large, 17 * 1_024 * 1_024)
        yield* (yield* StateFile.make(large)).load

        assert.match(said()[0] ?? "", /cannot be read: it is a folder/)
        assert.match(said()[1] ?? "", /cannot be written: it is a folder/)
        assert.match(said()[2] ?? "", /cannot be written: its folder does not exist/)
        assert.match(said()[3] ?? "", /cannot be read: it is too large/)
        assert.strictEqual(said().length, 4)
      })
    )
  )
})
