/**
 * The whole way on a real engine, at the default interval: a tick of a second would hide debounce and grace.
 *
 * One stack for all of it, in order; each test leaves it well.
 */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { Stack, chat, count, docker, enginePid, entriesOf, pause, token, tryRun, until } from "./lab.ts"

const files = ["compose.yaml", "test/e2e/stack.yaml"]
const stack = new Stack("wd")
const orchestrator = stack.name("orchestrator")
const web = stack.name("web")

/** Interval 10 s; K = 2 for containers, 3 for orch_down; timeout 5 s; and what a busy machine adds. */
const containerToldMs = 35_000
const orchToldMs = 50_000
const recoveredMs = 30_000
const graceMs = 30_000

const show = (title: string, texts: ReadonlyArray<string>): void =>
  void process.stdout.write(`\n--- ${title}\n${texts.map((text) => text.replaceAll(/^/gm, "  ")).join("\n  ..\n")}\n`)

const textsFrom = async (from: number): Promise<ReadonlyArray<string>> =>
  (await stack.messages()).slice(from).map((message) => message.text)

/** When the engine first said that something had died: what it takes itself to notice fifty deaths at once is not ours. */
const firstDeathMs = async (sinceMs: number): Promise<number> => {
  const since = String(sinceMs / 1_000)
  const until = String(Date.now() / 1_000)
  const lines = await docker(
    "events",
    "--since",
    since,
    "--until",
    until,
    "--filter",
    "event=die",
    "--format",
    "{{.TimeNano}}"
  )
  return Math.min(...lines.split("\n").map((nanos) => Number(nanos) / 1e6))
}

beforeAll(async () => {
  await docker("build", "-q", "-t", "orchestrator-watchdog:latest", new URL("../..", import.meta.url).pathname)
})

afterAll(async () => {
  const pid = enginePid()
  if (pid !== undefined) process.kill(pid, "SIGCONT")
  await stack.down()
})

describe("without an env file", () => {
  it("comes up with compose.yaml alone, watches the engine, and its health check passes", async () => {
    const up = await stack.compose(["compose.yaml"], "up", "-d", "--no-build")
    assert.strictEqual(up.code, 0, up.stderr)

    const log = await until(
      "hello",
      10_000,
      () => stack.logs(),
      (text) => text.includes("alerts go to")
    )
    const health = await tryRun("docker", ["exec", stack.name("orchestrator-watchdog"), "watchdog", "healthcheck"])

    assert.include(log, "watching containers at unix:///var/run/docker.sock")
    assert.include(log, "alerts go to this console")
    assert.strictEqual(health.code, 0, health.stderr + health.stdout)
    const response = await fetch(`http://127.0.0.1:${stack.statusPort}/healthz`)
    assert.strictEqual(response.status, 200)
    await stack.compose(["compose.yaml"], "down", "-t", "5")
  })
})

describe("with an orchestrator and Telegram", () => {
  beforeAll(async () => {
    stack.writeEnv({
      WATCHDOG_HOST_NAME: "e2e",
      WATCHDOG_TELEGRAM_BOT_TOKEN: token,
      WATCHDOG_TELEGRAM_CHAT_ID: chat,
      WATCHDOG_TELEGRAM_API_URL: "http://telegram:8081",
      WATCHDOG_ORCH_METRICS_URL: "http://orchestrator:9000/metrics",
      // The messenger itself is cut off below, on purpose.
      WATCHDOG_CONTAINERS_EXCLUDE: "telegram"
    })
    const up = await stack.compose(files, "up", "-d", "--no-build")
    assert.strictEqual(up.code, 0, up.stderr)
    await until(
      "telegram",
      20_000,
      () => stack.messages().catch(() => null),
      (found) => found !== null
    )
    // Past our own start's grace.
    await pause(graceMs + 8_000)
    assert.deepStrictEqual(await stack.messages(), [])
  })

  it("tells a killed orchestrator twice over, each once with its reason, and both recoveries, and nothing else", async () => {
    await docker("kill", orchestrator)
    const killed = await until(
      "both alerts",
      orchToldMs,
      () => stack.entries(),
      (found) => found.length >= 2
    )
    await docker("start", orchestrator)
    await until(
      "both recoveries",
      recoveredMs,
      () => stack.entries(),
      (found) => found.length >= 4
    )
    await pause(60_000)

    const all = await stack.entries()
    const texts = await textsFrom(0)
    show("orchestrator killed and started", texts)
    assert.sameMembers([...killed], [`🔴 container:${orchestrator}`, "🔴 orch_down"])
    assert.sameMembers([...all], [...killed, `✅ container:${orchestrator}`, "✅ orch_down"])
    assert.include(texts.join("\n"), "exited with code 137 (SIGKILL)")
    assert.match(
      texts.join("\n"),
      /orch_down \/metrics does not answer: (connection refused|no such host|host unreachable|no full answer|DNS does not answer)/
    )
  })

  it("says nothing when a watched service is recreated", async () => {
    const before = (await stack.messages()).length

    const up = await stack.compose(files, "up", "-d", "--no-build", "--force-recreate", "--no-deps", "web")
    assert.strictEqual(up.code, 0, up.stderr)
    await pause(45_000)

    assert.deepStrictEqual(await textsFrom(before), [])
  })

  it("tells a fault that came and went while Telegram was cut off in one late message, and nothing twice", async () => {
    const before = (await stack.messages()).length
    const network = `${stack.project}_default`

    await docker("network", "disconnect", network, stack.name("telegram"))
    await docker("kill", web)
    await pause(40_000)
    await docker("start", web)
    await pause(20_000)
    await docker("network", "connect", network, "--alias", "telegram", stack.name("telegram"))
    const late = await until(
      "the late message",
      90_000,
      () => stack.entries(before),
      (found) => found.length >= 1
    )
    await pause(15_000)

    const texts = await textsFrom(before)
    show("Telegram cut off for a minute", texts)
    assert.strictEqual((await stack.entries(before)).length, 1)
    assert.include(
      ["🕓", "✅"].map((icon) => `${icon} container:${web}`),
      late[0]
    )
    assert.match(texts[0] ?? "", /\d\d:\d\d:\d\d–\d\d:\d\d:\d\d/)
  })

  it("tells fifty containers that die at once in few messages, with every name", async () => {
    const before = (await stack.messages()).length
    const names = Array.from({ length: 50 }, (_, at) => `storm-${String(at).padStart(2, "0")}`)
    await Promise.all(
      names.map((name) =>
        docker("run", "-d", "--init", "--network", "none", "--name", name, "busybox", "sleep", "100000")
      )
    )
    await pause(graceMs + 12_000)

    // Their own processes end, with no one having told the engine: it could not be a removal.
    const pids = (await docker("inspect", "-f", "{{.State.Pid}}", ...names)).split("\n").map(Number)
    const killedMs = Date.now()
    for (const pid of pids) process.kill(pid, "SIGKILL")
    await until(
      "all fifty",
      containerToldMs + 20_000,
      () => stack.entries(before),
      (found) => found.length >= 50
    )

    const messages = (await stack.messages()).slice(before)
    const entries = messages.flatMap((message) => entriesOf(message.text))
    const saidMs = await firstDeathMs(killedMs)
    const [firstMs = 0, lastMs = 0] = [messages[0], messages.at(-1)].map((message) => (message?.atMs ?? 0) - saidMs)
    show(
      `fifty killed; the engine said so after ${(saidMs - killedMs) / 1_000} s; from then on ${messages.length} messages, the first after ${firstMs / 1_000} s, the last after ${lastMs / 1_000} s`,
      messages.map((message) => message.text.slice(0, 200))
    )
    assert.sameMembers(
      entries,
      names.map((name) => `🔴 container:${name}`)
    )
    assert.isAtMost(messages.length, 3)
    assert.isAtMost(firstMs, 1_000)
    assert.isAtMost(lastMs, 10_000)
    assert.deepStrictEqual(await stack.fake("refusals"), [])
    // Removed while active: gone, never recovered.
    await docker("rm", "-f", ...names)
    const ended = await until(
      "their ends",
      60_000,
      () => stack.entries(before),
      (found) => found.length >= 100
    )
    assert.strictEqual(ended.filter((entry) => entry.startsWith("⚪")).length, 50)
  })

  it("tells a stopped engine once, during the stop, and its return, and takes nothing down with it", async () => {
    const pid = enginePid()
    assert.isDefined(pid, "the engine's process, to stop it")
    const before = (await stack.messages()).length

    process.kill(pid ?? 0, "SIGSTOP")
    await pause(60_000)
    const during = await stack.entries(before)
    process.kill(pid ?? 0, "SIGCONT")
    await until(
      "the recovery",
      recoveredMs,
      () => stack.entries(before),
      (found) => found.length >= 2
    )
    await pause(30_000)

    show("engine stopped for a minute", await textsFrom(before))
    assert.deepStrictEqual([...during], ["🔴 source:containers"])
    assert.deepStrictEqual([...(await stack.entries(before))], ["🔴 source:containers", "✅ source:containers"])
  })

  it("stays within what Telegram allows and sends only what it understands", async () => {
    assert.deepStrictEqual(await stack.fake("refusals"), [])
    assert.deepStrictEqual(await stack.fake("problems"), [])
  })

  it("leaves within 8 seconds with exit 0 and its outbox flushed, even where Telegram wants a moment", async () => {
    const before = (await stack.messages()).length
    await stack.fake("mode", { script: [{ mode: { status: 429, retryAfter: 3 }, method: "sendMessage" }] })
    await docker("kill", web)
    await until(
      "the refusal",
      containerToldMs,
      () => stack.fake("refusals") as Promise<ReadonlyArray<unknown>>,
      (found) => found.length >= 1
    )

    const startMs = performance.now()
    await docker("stop", stack.name("orchestrator-watchdog"))
    const tookMs = performance.now() - startMs

    const code = await docker("inspect", "-f", "{{.State.ExitCode}}", stack.name("orchestrator-watchdog"))
    show(`left in ${Math.round(tookMs)} ms with exit ${code}`, await textsFrom(before))
    assert.strictEqual(code, "0")
    assert.isBelow(tookMs, 8_000)
    assert.strictEqual(count(await stack.entries(before), `🔴 container:${web}`), 1)
  })

  it("writes no secret into its log", async () => {
    assert.notInclude(await stack.logs(), token.split(":")[1] ?? token)
  })
})
