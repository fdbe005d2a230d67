/** Docker, orchestrator and Telegram clients in one graph, over a real unix socket and real ports: each must reach its own. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { assert, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Schedule } from "effect"
import { run } from "../../src/App.ts"
import { Http } from "../../src/base/Http.ts"
import { Settings } from "../../src/base/Keys.ts"
import { Loops } from "../../src/base/Loops.ts"
import { Output } from "../../src/base/Output.ts"
import { readSettings } from "../../src/Settings.ts"
import { Journal, layerLogger } from "../../src/status/Journal.ts"
import { StatusBoard } from "../../src/status/StatusBoard.ts"
import * as FakeEngineServer from "../../src/testing/FakeEngineServer.ts"
import { startFakeOrchestrator } from "../../src/testing/FakeOrchestrator.ts"
import * as FakeTelegramServer from "../../src/testing/FakeTelegramServer.ts"

const token = "123456789:one-graph-AAAAAAAAAAAAAAAAAAAAAA"

const folder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-graph-"))),
  (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true }))
)

/** Looks again until it holds; the clock is the real one here. */
const until = (what: string, holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.fail(what))).pipe(
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.timeoutOrElse({ duration: "15 seconds", orElse: () => Effect.die(new Error(`never: ${what}`)) }),
    Effect.orDie
  )

it.live("each client reaches its own server, only GET reaches the engine, and the token only Telegram", () =>
  Effect.gen(function* () {
    const socketPath = path.join(yield* folder, "docker.sock")
    const engine = yield* FakeEngineServer.serve({ socketPath })
    const telegram = yield* FakeTelegramServer.serve({ token, chats: [{ id: 42, type: "private", title: "me" }] })
    const orchestrator = yield* Effect.acquireRelease(
      Effect.promise(() => startFakeOrchestrator()),
      (running) => Effect.promise(() => running.close())
    )
    engine.core.run({ name: "web", image: "web:1", restart: "always" })
    const out: Array<string> = []
    const settings = yield* readSettings({
      WATCHDOG_INTERVAL: "200ms",
      WATCHDOG_DEPLOY_GRACE: "0",
      WATCHDOG_HTTP_LISTEN: "off",
      WATCHDOG_DOCKER_HOST: engine.host,
      WATCHDOG_ORCH_METRICS_URL: orchestrator.url,
      WATCHDOG_TELEGRAM_BOT_TOKEN: token,
      WATCHDOG_TELEGRAM_CHAT_ID: "42",
      WATCHDOG_TELEGRAM_API_URL: telegram.url
    })
    const world = Layer.mergeAll(
      Journal.layer("graph"),
      layerLogger,
      Loops.layer,
      StatusBoard.layerNone,
      Http.layer
    ).pipe(Layer.provideMerge(Output.layerMemory(out, out)), Layer.provideMerge(Layer.succeed(Settings, settings)))
    const watchdog = yield* Effect.forkChild(Effect.scoped(Effect.provide(run, world)))
    yield* until("a look at each", () => orchestrator.requests() > 1 && engine.core.requests.length > 3)

    engine.core.kill("web")
    orchestrator.setMode("reset")
    yield* until("both alerts", () =>
      telegram.core.messages
        .map(({ text }) => text)
        .join()
        .includes("orch_down")
    )
    engine.core.start("web")
    orchestrator.setMode("up")
    yield* until(
      "both recoveries",
      () =>
        (
          telegram.core.messages
            .map(({ text }) => text)
            .join()
            .match(/recovered/g) ?? []
        ).length >= 2
    )
    yield* Effect.timeout(Fiber.interrupt(watchdog), Duration.seconds(8))

    const paths = engine.core.requests.map((request) => `${request.method} ${request.path}`)
    assert.isAbove(paths.length, 5)
    assert.deepStrictEqual(
      paths.filter((one) => !one.startsWith("GET ")),
      []
    )
    assert.notInclude(paths.join("\n"), "bot")
    assert.notInclude(out.join("\n"), "one-graph")
    assert.deepStrictEqual([...engine.core.violations], [])
    assert.deepStrictEqual([...telegram.core.problems], [])
  }).pipe(Effect.scoped, Effect.orDie)
)
