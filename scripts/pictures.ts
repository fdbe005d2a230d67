/**
 * The pictures of the README, made from the real thing: the watchdog in a made-up world, its page in Chromium, and the messages as a
 * strict fake Telegram received them. Needs Chromium (CHROMIUM, or on the path).
 */
import { execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Effect } from "effect"
import { chromium } from "playwright-core"
import * as FakeEngineServer from "../src/testing/FakeEngineServer.ts"
import { startFakeOrchestrator } from "../src/testing/FakeOrchestrator.ts"
import { type FakeTelegramMessage, startFakeTelegram } from "../src/testing/FakeTelegram.ts"

const root = path.resolve(import.meta.dirname, "..")
const pictures = path.join(root, "docs/pictures")
const token = "123456789:AA-demo-demo-demo-demo-demo-demo-demo"
const page = 19_469
const services = ["orchestrator", "web", "worker", "mailer", "db", "queue", "cache", "search", "proxy"]

const executable = (): string =>
  process.env["CHROMIUM"] ?? execFileSync("which", ["chromium"], { encoding: "utf8" }).trim()

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

/** The messages as a phone shows them: bold where Telegram's markup says so. */
const phoneHtml = (
  messages: ReadonlyArray<FakeTelegramMessage>
): string => `<!doctype html><meta charset="utf-8"><style>
  body { margin: 0; padding: 18px; width: 520px; background: #dfe7ee; font: 15px/1.4 system-ui, sans-serif; color: #10151a }
  p { background: #fff; border-radius: 12px; padding: 9px 13px 7px; margin: 0 0 9px; white-space: pre-wrap; overflow-wrap: anywhere }
  small { display: block; text-align: right; color: #6a7783; font-size: 12px }
</style>${messages
  .map(
    (message) =>
      `<p>${message.html ?? escape(message.text)}<small>${new Date(message.atMs).toISOString().slice(11, 16)}${message.silent ? " · silent" : ""}</small></p>`
  )
  .join("")}`

const main = Effect.gen(function* () {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-pictures-"))
  yield* Effect.addFinalizer(() => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true })))
  const engine = yield* FakeEngineServer.serve({ socketPath: path.join(folder, "docker.sock") })
  const orchestrator = yield* Effect.acquireRelease(
    Effect.promise(() => startFakeOrchestrator()),
    (running) => Effect.promise(() => running.close())
  )
  const shop = yield* Effect.acquireRelease(
    Effect.promise(() => startFakeOrchestrator()),
    (running) => Effect.promise(() => running.close())
  )
  const telegram = yield* Effect.acquireRelease(
    Effect.promise(() =>
      startFakeTelegram({ token, nowMs: Date.now, chats: [{ id: 42, type: "private", title: "you" }] })
    ),
    (running) => Effect.promise(() => running.close())
  )
  for (const service of services) {
    engine.core.run({
      name: `shop-${service}-1`,
      image: `shop/${service}:1.4`,
      restart: "no",
      project: "shop",
      service,
      number: 1
    })
  }
  const watchdog = spawn(process.execPath, [path.join(root, "dist/command/main.js")], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      PATH: process.env["PATH"],
      WATCHDOG_HOST_NAME: "shop-1",
      WATCHDOG_INTERVAL: "500ms",
      WATCHDOG_COOLDOWN: "30m",
      WATCHDOG_DEPLOY_GRACE: "0",
      WATCHDOG_CONTAINER_LOG_LINES: "2",
      WATCHDOG_DISK_CEILING: "97",
      WATCHDOG_MEMORY_CEILING: "95",
      WATCHDOG_DOCKER_HOST: engine.host,
      WATCHDOG_ORCH_METRICS_URL: orchestrator.url,
      WATCHDOG_ORCH_CONTAINER: "shop-orchestrator-1",
      WATCHDOG_RULES: "mail_queue: queue_depth > 100 for 2m",
      WATCHDOG_DEPENDENCIES: `shop=${shop.url}#within=500ms payments=tcp://127.0.0.1:${shop.port}`,
      WATCHDOG_TELEGRAM_BOT_TOKEN: token,
      WATCHDOG_TELEGRAM_CHAT_ID: "42",
      WATCHDOG_TELEGRAM_API_URL: telegram.url,
      WATCHDOG_HTTP_LISTEN: `127.0.0.1:${page}`
    }
  })
  const gone = new Promise<void>((resolve) => watchdog.on("exit", () => resolve()))
  yield* Effect.addFinalizer(() => Effect.promise(() => (watchdog.kill("SIGTERM"), gone)))
  const pause = (ms: number) => Effect.promise(() => sleep(ms))

  yield* pause(6_000)
  engine.core.log("shop-worker-1", "stderr", "resizing image 4,181 of 9,000\n")
  engine.core.die("shop-worker-1", 137, { oom: true })
  yield* pause(2_500)
  engine.core.log("shop-orchestrator-1", "stderr", "fatal: cannot write to /data: no space left on device\n")
  engine.core.die("shop-orchestrator-1", 1)
  orchestrator.setMode("reset")
  yield* pause(5_000)
  engine.core.start("shop-worker-1")
  yield* pause(13_000)

  fs.mkdirSync(pictures, { recursive: true })
  const browser = yield* Effect.acquireRelease(
    Effect.promise(() => chromium.launch({ executablePath: executable(), args: ["--no-sandbox"] })),
    (opened) => Effect.promise(() => opened.close())
  )
  for (const colorScheme of ["light", "dark"] as const) {
    const context = yield* Effect.promise(() =>
      browser.newContext({ colorScheme, viewport: { width: 1_360, height: 900 } })
    )
    const tab = yield* Effect.promise(() => context.newPage())
    yield* Effect.promise(() => tab.goto(`http://127.0.0.1:${page}/`))
    yield* pause(1_000)
    yield* Effect.promise(() => tab.screenshot({ path: path.join(pictures, `page-${colorScheme}.png`) }))
    yield* Effect.promise(() => context.close())
  }
  const context = yield* Effect.promise(() =>
    browser.newContext({ viewport: { width: 556, height: 400 }, deviceScaleFactor: 1 })
  )
  const phone = yield* Effect.promise(() => context.newPage())
  yield* Effect.promise(() => phone.setContent(phoneHtml(telegram.core.messages)))
  yield* Effect.promise(() => phone.screenshot({ path: path.join(pictures, "messages.png"), fullPage: true }))
})

await Effect.runPromise(Effect.scoped(main))
