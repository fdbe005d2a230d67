/** The package as its users get it: built, imported by name, run as a command. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, beforeAll, describe, it } from "vitest"

const root = path.resolve(import.meta.dirname, "..")
const command = path.join(root, "dist/command/main.js")

/** The environment without whatever settings the developer has. */
const clean = (more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("WATCHDOG_"))),
  ...more
})

beforeAll(() => {
  execFileSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: "pipe" })
}, 60_000)

interface Ran {
  readonly code: number | null
  readonly signal: string | null
  readonly out: string
  readonly err: string
  readonly ms: number
}

interface Running {
  readonly child: ChildProcess
  readonly said: (pattern: RegExp) => Promise<void>
  readonly ended: Promise<Ran>
}

const start = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
  file = process.execPath
): Running => {
  const startMs = performance.now()
  const child = spawn(file, file === process.execPath ? [command, ...args] : [...args], {
    cwd: root,
    env: clean(env),
    stdio: "pipe"
  })
  let out = ""
  let err = ""
  const waiting = new Set<() => void>()
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => ((out += chunk), waiting.forEach((look) => look())))
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => ((err += chunk), waiting.forEach((look) => look())))
  return {
    child,
    said: (pattern) =>
      new Promise((resolve) => {
        const look = (): void => void (pattern.test(out + err) && resolve())
        waiting.add(look)
        look()
      }),
    ended: new Promise((resolve) =>
      child.once("close", (code, signal) => resolve({ code, signal, out, err, ms: performance.now() - startMs }))
    )
  }
}

const quietEnv = { WATCHDOG_HTTP_LISTEN: "off", WATCHDOG_DOCKER_HOST: "unix:///no/such/docker.sock" }

describe("the library", () => {
  it("has a decision core that imports nothing at all", () => {
    const code = fs.readFileSync(path.join(root, "dist/library/decision.js"), "utf8")

    assert.notMatch(code, /^\s*import\b|\bimport\(|\brequire\(/m)
  })

  it("runs the decision core from plain JavaScript, by its published name", () => {
    const said = execFileSync(process.execPath, ["examples/decision-core.mjs"], { cwd: root, encoding: "utf8" })

    assert.deepStrictEqual(
      said
        .trim()
        .split("\n")
        .map((line) => line.split(" -> ")[1]),
      ["silent", "silent", "silent", "alert", "silent", "recover"]
    )
  })

  it("runs a test with a fake clock and a fake Docker, by its published name", () => {
    const said = execFileSync("npx", ["vitest", "run", "--config", "vitest.examples.config.ts"], {
      cwd: root,
      encoding: "utf8",
      stdio: "pipe"
    })

    assert.match(said, /1 passed/)
  }, 60_000)

  it("carries the licences of what is bundled with it", () => {
    const text = fs.readFileSync(path.join(root, "dist/command/LICENSES.txt"), "utf8")

    for (const name of ["effect", "@effect/platform-node", "@lezer/lr", "@prometheus-io/lezer-promql"]) {
      assert.match(text, new RegExp(`^${name} \\d`, "m"))
    }
    assert.include(text, "Apache License")
    assert.include(text, "MIT License")
  })

  it("declares types for each of its faces", () => {
    const { exports } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")) as {
      exports: Record<string, { types?: string }>
    }
    const missing = Object.values(exports).flatMap((face) =>
      face.types === undefined || fs.existsSync(path.join(root, face.types)) ? [] : [face.types]
    )

    assert.deepStrictEqual(missing, [])
  })
})

describe("the command", () => {
  it("says what it watches and where alerts go, and leaves with 0 on SIGTERM", async () => {
    const running = start([], quietEnv)
    await running.said(/"watching containers at unix:\/\/\/no\/such\/docker\.sock[\s\S]*"alerts go to this console/)
    running.child.kill("SIGTERM")
    const ran = await running.ended

    assert.strictEqual(ran.code, 0, ran.err)
  })

  it("leaves with 0 on SIGTERM when npm has started it", async () => {
    const running = start(["start", "--silent"], quietEnv, "npm")
    await running.said(/alerts go to this console/)
    running.child.kill("SIGTERM")
    const ran = await running.ended

    assert.strictEqual(ran.code, 0, ran.err)
    // Standard output is the journal, from the first line on: whoever reads it reads JSON.
    const notJson = ran.out
      .trim()
      .split("\n")
      .filter((line) => !line.startsWith("{"))
    assert.deepStrictEqual(notJson, [])
  })

  it("refuses a bad environment with every problem at once and exit 2, before anything is started", async () => {
    const ran = await start(["run"], {
      WATCHDOG_INTERVAL: "soon",
      WATCHDOG_RAISE_TICKS: "0",
      WATCHDOG_TELEGRAM_BOT_TOKEN: "not-a-token-but-secret",
      WATCHDOG_COOLDWN: "5m"
    }).ended

    assert.strictEqual(ran.code, 2)
    assert.match(ran.err, /WATCHDOG_INTERVAL: "soon" is not a duration/)
    assert.match(ran.err, /WATCHDOG_RAISE_TICKS: "0" is not a whole number of at least 1/)
    assert.match(ran.err, /WATCHDOG_COOLDWN: there is no such setting; did you mean WATCHDOG_COOLDOWN\?/)
    assert.match(ran.err, /WATCHDOG_TELEGRAM_BOT_TOKEN: its value \(not shown\)/)
    assert.notInclude(ran.err + ran.out, "not-a-token-but-secret")
    assert.strictEqual(ran.out, "")
  })

  it("is inert with WATCHDOG_ENABLED=false: up, one line, exit 0 on SIGTERM, whatever else is wrong", async () => {
    const running = start([], { WATCHDOG_ENABLED: "False", WATCHDOG_INTERVAL: "nonsense" })
    await running.said(/inert/)
    running.child.kill("SIGTERM")
    const ran = await running.ended

    assert.strictEqual(ran.code, 0)
    assert.strictEqual(ran.out.trim().split("\n").length, 1)
    assert.strictEqual(ran.err, "")
  })

  it("check exits 2 where it is blind, and says why", async () => {
    const ran = await start(["check"], quietEnv).ended

    assert.strictEqual(ran.code, 2)
    assert.match(
      ran.out,
      /\? BLIND\s+source:containers\s+the engine at unix:\/\/\/no\/such\/docker\.sock: no such socket/
    )
  })

  it("config shows every value with where it came from, and no secret", async () => {
    const ran = await start(["config"], {
      ...quietEnv,
      WATCHDOG_TELEGRAM_BOT_TOKEN: "123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAsecret",
      WATCHDOG_TELEGRAM_CHAT_ID: "42",
      WATCHDOG_ORCH_METRICS_URL: "http://orchestrator:9000/metrics"
    }).ended

    assert.strictEqual(ran.code, 0, ran.err)
    assert.match(ran.out, /WATCHDOG_TELEGRAM_BOT_TOKEN\s+environment\s+set \(redacted\)/)
    assert.match(ran.out, /WATCHDOG_INTERVAL\s+default\s+10s/)
    assert.match(ran.out, /orch_down\s+every 10 s\s+3 looks in a row\s+at most 35 s/)
    assert.notInclude(ran.out + ran.err, "secret\n")
    assert.notInclude(ran.out + ran.err, "AAAAAA")
  })

  it("healthcheck asks the running watchdog, and fails where there is none", async () => {
    const port = String(30_000 + Math.floor(Math.random() * 20_000))
    const env = { ...quietEnv, WATCHDOG_HTTP_LISTEN: `127.0.0.1:${port}` }
    const none = await start(["healthcheck"], env).ended
    const running = start([], env)
    await running.said(/alerts go to this console: no sink is set/)
    const well = await start(["healthcheck"], env).ended
    running.child.kill("SIGTERM")
    await running.ended

    assert.strictEqual(none.code, 1)
    assert.match(none.err, /ECONNREFUSED/)
    assert.strictEqual(well.code, 0, well.err)
    assert.match(well.out, /"ok":true/)
  })

  it("healthcheck is well where listening is off or the watchdog is inert", async () => {
    assert.strictEqual((await start(["healthcheck"], { WATCHDOG_HTTP_LISTEN: "off" }).ended).code, 0)
    assert.strictEqual((await start(["healthcheck"], { WATCHDOG_ENABLED: "no" }).ended).code, 0)
  })

  it("refuses a command that it does not have with exit 2", async () => {
    const ran = await start(["chek"], quietEnv).ended

    assert.strictEqual(ran.code, 2)
    assert.match(ran.out + ran.err, /check/)
  })
})
