import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Schedule, Stream } from "effect"
import { type HttpClient, HttpClientError, HttpIncomingMessage } from "effect/http"
import { ByteSize } from "effect"
import * as TestClock from "effect/testing/TestClock"
import { Http } from "../../src/base/Http.ts"
import type { FakeEngine, FakeEngineOptions } from "../../src/testing/FakeEngine.ts"
import * as FakeEngineServer from "../../src/testing/FakeEngineServer.ts"

const url = "http://docker/v1.44/events"

const actionOf = (line: string): string =>
  line.startsWith("{") ? (JSON.parse(line) as { readonly Action: string }).Action : line

/** Opens the stream, and reads its lines on a fiber. */
const listen = (client: HttpClient.HttpClient) =>
  Effect.gen(function* () {
    const response = yield* client.get(url)
    const heard: Array<string> = []
    const fiber = yield* response.stream.pipe(
      Stream.decodeText(),
      Stream.splitLines,
      Stream.runForEach((line) => Effect.sync(() => void heard.push(actionOf(line)))),
      Effect.forkChild
    )
    return { heard, fiber, response }
  })

/** Lets the fibers run; no time passes. */
const settle = TestClock.adjust(0)

const codeOf = (exit: Exit.Exit<unknown, HttpClientError.HttpClientError>): unknown => {
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return HttpClientError.isHttpClientError(error)
    ? [error.reason._tag, ((error.reason as { readonly cause?: { readonly code?: unknown } }).cause ?? {}).code]
    : error
}

const inMemory = (options: Omit<FakeEngineOptions, "nowMs"> = {}) =>
  Effect.gen(function* () {
    const engine = yield* FakeEngineServer.make(options)
    engine.run({ name: "web", restart: "always" })
    return { engine, client: FakeEngineServer.client(engine) }
  })

describe("in memory", () => {
  it.effect("hands over each event at once, those before the first read too", () =>
    Effect.gen(function* () {
      const { engine, client } = yield* inMemory()
      const { heard, response } = yield* listen(client)
      engine.die("web", 3)

      yield* settle
      const first = [...heard]
      engine.pause("web")
      yield* settle

      assert.strictEqual(response.headers["content-type"], "application/json")
      assert.deepStrictEqual(first, ["die", "start"])
      assert.deepStrictEqual(heard, ["die", "start", "pause"])
    })
  )

  it.effect("lets a crash loop happen on time, to the millisecond, while somebody reads", () =>
    Effect.gen(function* () {
      const { engine, client } = yield* inMemory()
      const { heard } = yield* listen(client)
      yield* settle
      engine.crashLoop("web", { exitCode: 1, afterMs: 20_000 })

      yield* TestClock.adjust(19_999)
      const before = [...heard]
      yield* TestClock.adjust(1)
      yield* settle
      const crashed = [...heard]
      yield* TestClock.adjust(100)
      yield* settle

      assert.deepStrictEqual([before, crashed, heard], [[], ["die"], ["die", "start"]])
    })
  )

  it.effect("ends in order when cut, and as the real client does when reset", () =>
    Effect.gen(function* () {
      const { engine, client } = yield* inMemory()
      const cut = yield* listen(client)
      yield* settle
      engine.disturb("cut")
      const ended = yield* Fiber.await(cut.fiber)
      const reset = yield* listen(client)
      yield* settle
      engine.die("web", 1)
      engine.disturb("reset")
      const torn = yield* Fiber.await(reset.fiber)

      assert.isTrue(Exit.isSuccess(ended))
      assert.deepStrictEqual(codeOf(torn), ["DecodeError", "ECONNRESET"])
      assert.deepStrictEqual(reset.heard, ["die", "start"])
    })
  )

  it.effect("hangs up when the reader is interrupted", () =>
    Effect.gen(function* () {
      const { engine, client } = yield* inMemory()
      const { fiber } = yield* listen(client)
      yield* settle
      const open = engine.openStreams()

      yield* Fiber.interrupt(fiber)

      assert.deepStrictEqual([open, engine.openStreams()], [1, 0])
    })
  )

  it.effect("hangs, fails and refuses instead of headers", () =>
    Effect.gen(function* () {
      const { engine, client } = yield* inMemory()
      engine.beRude("hang", { on: "events", count: 1 })
      const hung = yield* Effect.timeoutOption(client.get(url), 0)
      engine.beRude("reset", { on: "events", count: 1 })
      const reset = yield* Effect.exit(client.get(url))
      engine.beRude({ status: 403, html: true }, { on: "events", count: 1 })
      const page = yield* Effect.flatMap(client.get(url), (response) => response.text)
      engine.goAway("ENOENT")
      const away = yield* Effect.exit(client.get(url))

      assert.strictEqual(hung._tag, "None")
      assert.deepStrictEqual(
        [codeOf(reset), codeOf(away)],
        [
          ["TransportError", "ECONNRESET"],
          ["TransportError", "ENOENT"]
        ]
      )
      assert.include(page, "403 Forbidden")
    })
  )

  it.effect("gives logs as bytes, whole, as a stream, and capped", () =>
    Effect.gen(function* () {
      const { engine, client } = yield* inMemory()
      engine.log("web", "stderr", "x".repeat(200))
      const get = client.get("http://docker/containers/web/logs?stderr=1")

      const whole = new Uint8Array(yield* Effect.flatMap(get, (response) => response.arrayBuffer))
      const chunks = yield* Effect.flatMap(get, (response) => Stream.runCollect(response.stream))
      const capped = yield* Effect.flatMap(get, (response) => response.arrayBuffer).pipe(
        Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.fromInputUnsafe(100)),
        Effect.exit
      )

      assert.deepStrictEqual([...whole.subarray(0, 9)], [2, 0, 0, 0, 0, 0, 0, 201, 120])
      assert.deepStrictEqual(Buffer.concat(chunks), Buffer.from(whole))
      assert.isTrue(Exit.isFailure(capped))
    })
  )
})

describe("over a unix socket", () => {
  const served = Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "fake-engine-"))),
      (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true }))
    )
    const socketPath = path.join(folder, "docker.sock")
    const { core: engine } = yield* FakeEngineServer.serve({ socketPath })
    const http = yield* Effect.provide(Http, Http.layer)
    engine.run({ name: "wéb", restart: "always" })
    return { engine, client: yield* http.client({ _tag: "Unix", path: socketPath }) }
  })
  const until = (what: string, holds: () => boolean): Effect.Effect<void> =>
    Effect.suspend(() => (holds() ? Effect.void : Effect.fail(what))).pipe(
      Effect.retry(Schedule.spaced("5 millis")),
      Effect.timeoutOrElse({ duration: "5 seconds", orElse: () => Effect.die(new Error(`never: ${what}`)) }),
      Effect.orDie
    )
  const rude = (rudeness: Parameters<FakeEngine["disturb"]>[0]) =>
    Effect.gen(function* () {
      const { engine, client } = yield* served
      const { heard, fiber } = yield* listen(client)
      engine.die("wéb", 1)
      yield* until("die and start", () => heard.length === 2)
      engine.disturb(rudeness)
      return { engine, heard, fiber }
    })

  it.live("sends headers before any event, each event at once, and hangs up with the reader", () =>
    Effect.gen(function* () {
      const { engine, client } = yield* served
      const { heard, fiber, response } = yield* listen(client)
      const headers = response.headers

      engine.die("wéb", 1)
      yield* until("die and start", () => heard.length === 2)
      yield* Fiber.interrupt(fiber)
      yield* until("hung up", () => engine.openStreams() === 0)

      assert.deepStrictEqual([headers["transfer-encoding"], headers["content-type"]], ["chunked", "application/json"])
      assert.deepStrictEqual(heard, ["die", "start"])
    }).pipe(Effect.scoped)
  )

  it.live("lets a crash loop happen on time while somebody reads", () =>
    Effect.gen(function* () {
      const { engine, client } = yield* served
      const { heard } = yield* listen(client)

      engine.crashLoop("wéb", { exitCode: 1, afterMs: 30 })
      yield* until("two laps", () => heard.length >= 4)

      assert.deepStrictEqual(heard.slice(0, 4), ["die", "start", "die", "start"])
    }).pipe(Effect.scoped)
  )

  it.live("ends in order when cut, and is aborted when reset", () =>
    Effect.gen(function* () {
      const cut = yield* rude("cut")
      const ended = yield* Fiber.await(cut.fiber)
      const reset = yield* rude("reset")
      const torn = yield* Fiber.await(reset.fiber)

      assert.isTrue(Exit.isSuccess(ended))
      assert.deepStrictEqual(codeOf(torn), ["DecodeError", "ECONNRESET"])
    }).pipe(Effect.scoped)
  )

  it.live("brings a flood and split characters through", () =>
    Effect.gen(function* () {
      const flooded = yield* rude({ flood: 10_000, action: "flooded" })
      yield* until("the flood", () => flooded.heard.length === 10_002)
      const split = yield* rude("split")
      split.engine.pause("wéb")
      yield* until("the pause", () => split.heard.length === 3)

      assert.strictEqual(flooded.heard.at(-1), "flooded")
      assert.strictEqual(split.heard.at(-1), "pause")
    }).pipe(Effect.scoped)
  )

  it.live("closes with its scope though somebody reads", () =>
    Effect.gen(function* () {
      const [took, exit] = yield* Effect.timed(
        Effect.gen(function* () {
          const { fiber } = yield* Effect.scoped(
            Effect.gen(function* () {
              const { client } = yield* served
              return yield* listen(client)
            })
          )
          return yield* Fiber.await(fiber)
        })
      )

      assert.isTrue(Exit.isFailure(exit))
      assert.isBelow(Duration.toMillis(took), 2_000)
    })
  )
})
