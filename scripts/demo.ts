/**
 * Twenty seconds of an outage: the real watchdog in a made-up world (an engine, an orchestrator and Telegram, all on this machine).
 *
 * The watchdog is the one that ships, in a process of its own; nothing it says here is scripted. Intervals are shorter than one
 * would have them, or it would take ten minutes.
 */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { styleText } from "node:util"
import { Effect } from "effect"
import * as FakeEngineServer from "../src/testing/FakeEngineServer.ts"
import { startFakeOrchestrator } from "../src/testing/FakeOrchestrator.ts"
import { type FakeTelegramMessage, startFakeTelegram } from "../src/testing/FakeTelegram.ts"

const token = "123456789:AA-demo-demo-demo-demo-demo-demo-demo"
const chat = 42
/** Another container's crash leaves the orchestrator alone; its own makes it silent. */
const orchestratorName = "shop-orchestrator-1"
const startMs = performance.now()

const seconds = (): string => `${((performance.now() - startMs) / 1_000).toFixed(1).padStart(5)} s`
const dim = (text: string): string => styleText("dim", text)
const say = (line: string): void => void process.stdout.write(`${dim(seconds())}  ${line}\n`)
const happens = (line: string): void => say(styleText(["bold", "cyan"], `▸ ${line}`))

const freePort = (wanted: number): Promise<number> =>
  new Promise((resolve) => {
    const server = net.createServer()
    const listen = (port: number): void => void server.listen(port, "127.0.0.1")
    server.on("error", () => listen(0))
    server.on("listening", () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
    listen(wanted)
  })

const phone = (message: FakeTelegramMessage): void => {
  const rings = message.silent ? dim("(silent)") : styleText("yellow", "♪ the phone buzzes")
  say(`${styleText("bold", "✉ Telegram")} ${rings}`)
  for (const line of message.text.split("\n")) process.stdout.write(`          ${line}\n`)
}

const main = Effect.gen(function* () {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-demo-"))
  yield* Effect.addFinalizer(() => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true })))
  const engine = yield* FakeEngineServer.serve({ socketPath: path.join(folder, "docker.sock") })
  const orchestrator = yield* Effect.acquireRelease(
    Effect.promise(() => startFakeOrchestrator()),
    (running) => Effect.promise(() => running.close())
  )
  const telegram = yield* Effect.acquireRelease(
    Effect.promise(() =>
      startFakeTelegram({ token, nowMs: Date.now, chats: [{ id: chat, type: "private", title: "you" }] })
    ),
    (running) => Effect.promise(() => running.close())
  )
  const compose = (service: string) => ({
    name: `shop-${service}-1`,
    image: `shop/${service}:1.4`,
    // It stays down until someone starts it: an engine that brings it back at once would be no outage.
    restart: "no",
    project: "shop",
    service,
    number: 1
  })
  for (const service of ["orchestrator", "web", "worker", "db", "queue"]) engine.core.run(compose(service))
  const page = yield* Effect.promise(() => freePort(9_469))

  say(dim("five containers, one of them an orchestrator with /metrics, and a phone; the watchdog starts beside them"))
  const watchdog = spawn(process.execPath, [path.resolve(import.meta.dirname, "../dist/command/main.js")], {
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      PATH: process.env["PATH"],
      WATCHDOG_HOST_NAME: "demo",
      WATCHDOG_LOG_LEVEL: "error",
      WATCHDOG_INTERVAL: "500ms",
      WATCHDOG_COOLDOWN: "4s",
      WATCHDOG_DEPLOY_GRACE: "0",
      WATCHDOG_DOCKER_HOST: engine.host,
      WATCHDOG_CONTAINER_LOG_LINES: "2",
      WATCHDOG_ORCH_METRICS_URL: orchestrator.url,
      WATCHDOG_ORCH_CONTAINER: orchestratorName,
      WATCHDOG_TELEGRAM_BOT_TOKEN: token,
      WATCHDOG_TELEGRAM_CHAT_ID: String(chat),
      WATCHDOG_TELEGRAM_API_URL: telegram.url,
      WATCHDOG_HTTP_LISTEN: `127.0.0.1:${page}`
    }
  })
  // Its own view of what it tells is the phone's: only what it says before an early end is of interest.
  let said = ""
  watchdog.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text))
  watchdog.on("exit", (code) => {
    if (code === 0) return
    process.stderr.write(said)
    process.exit(1)
  })
  const gone = new Promise<void>((resolve) => watchdog.on("exit", () => resolve()))
  yield* Effect.addFinalizer(() => Effect.promise(() => (watchdog.kill("SIGTERM"), gone)))

  let shown = 0
  const showNew = Effect.sync(() => {
    for (const message of telegram.core.messages.slice(shown)) phone(message)
    shown = telegram.core.messages.length
  })
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(showNew, Effect.sleep("20 millis"))))

  const at = (second: number) =>
    Effect.promise(() => sleep(Math.max(0, second * 1_000 - (performance.now() - startMs))))
  yield* at(1.5)
  happens("the worker is killed: out of memory")
  engine.core.log("shop-worker-1", "stderr", "resizing image 4,181 of 9,000\n")
  engine.core.die("shop-worker-1", 137, { oom: true })
  yield* at(3)
  happens("the orchestrator dies, and /metrics with it")
  engine.core.log(orchestratorName, "stderr", "fatal: cannot write to /data: no space left on device\n")
  engine.core.die(orchestratorName, 1)
  orchestrator.setMode("reset")
  yield* at(8)
  happens("someone has got up and repairs both")
  engine.core.start("shop-worker-1")
  engine.core.start(orchestratorName)
  orchestrator.setMode("up")
  say(dim("a crash is told as over only after ten seconds without another"))
  yield* at(20)
  yield* showNew
  say(`its page: ${styleText(["bold", "underline"], `http://127.0.0.1:${page}/`)}`)
  if (!process.stdout.isTTY) return
  say(dim("it stays up until Ctrl-C"))
  yield* Effect.promise(() => new Promise<void>((resolve) => process.once("SIGINT", resolve)))
})

await Effect.runPromise(Effect.scoped(main))
