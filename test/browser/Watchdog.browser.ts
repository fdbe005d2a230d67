/** The real watchdog's page in a real browser: from a container's death to its row turning red, with nothing made up in between. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { Effect, Exit, Scope } from "effect"
import { type Browser, type Page, chromium } from "playwright-core"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import type { FakeEngine } from "../../src/testing/FakeEngine.ts"
import * as FakeEngineServer from "../../src/testing/FakeEngineServer.ts"

const root = path.resolve(import.meta.dirname, "../..")
const port = 20_000 + Math.floor(Math.random() * 10_000)
const address = `http://127.0.0.1:${port}`
const hostile = "web\u202E<img src=x onerror=alert(1)>"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-browser-"))
const scope = Effect.runSync(Scope.make())
let engine: FakeEngine
let watchdog: ChildProcess
let browser: Browser

beforeAll(async () => {
  execFileSync("npm", ["run", "--silent", "build:command"], { cwd: root, stdio: "ignore" })
  const socketPath = path.join(folder, "docker.sock")
  const served = await Effect.runPromise(Scope.provide(FakeEngineServer.serve({ socketPath }), scope))
  engine = served.core
  for (const name of ["db", hostile, "worker"]) engine.run({ name, image: `${name}:1`, restart: "no" })
  watchdog = spawn(process.execPath, [path.join(root, "dist/command/main.js")], {
    stdio: "ignore",
    env: {
      PATH: process.env["PATH"],
      WATCHDOG_DOCKER_HOST: served.host,
      WATCHDOG_INTERVAL: "2s",
      WATCHDOG_DEPLOY_GRACE: "0",
      WATCHDOG_HTTP_LISTEN: `127.0.0.1:${port}`
    }
  })
  browser = await chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "chromium" })
})

afterAll(async () => {
  await browser.close()
  const gone = new Promise((resolve) => watchdog.once("exit", resolve))
  watchdog.kill("SIGTERM")
  await gone
  await Effect.runPromise(Scope.close(scope, Exit.void))
  fs.rmSync(folder, { recursive: true, force: true })
})

/** Opens the page once it is served and every container has been seen. */
const opened = async (): Promise<Page> => {
  const page = await browser.newPage()
  for (let tries = 0; ; tries++) {
    const answer = await fetch(`${address}/status.json`).catch(() => undefined)
    if (answer?.ok === true && (await answer.text()).includes("container:worker")) break
    assert.isBelow(tries, 100, "the page is not served")
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  await page.goto(address)
  await page.locator("#connection.live").waitFor()
  return page
}

describe("the page of the real watchdog", () => {
  it("turns red within a second of a container's death, and well again once it has run for ten", async () => {
    const page = await opened()
    const row = (state: string) => page.locator(`#signals tr[data-state=${state}]`, { hasText: "container:worker" })
    await row("clear").waitFor({ timeout: 10_000 })

    const diedMs = performance.now()
    engine.die("worker", 3)
    await row("active").waitFor({ timeout: 1_000 })
    const redMs = performance.now() - diedMs
    const alarm = await page.locator("h1").textContent()
    engine.start("worker")
    await row("clear").waitFor({ timeout: 20_000 })

    process.stdout.write(`from the container's death to the red row: ${Math.round(redMs)} ms\n`)
    assert.match(alarm ?? "", /1 thing is wrong/)
    await page.close()
  })

  it("shows a hostile name as text", async () => {
    const page = await opened()
    await page.locator("#signals tr", { hasText: "onerror=alert(1)" }).first().waitFor()

    assert.strictEqual(await page.locator("img[src=x]").count(), 0)
    await page.close()
  })
})
