/**
 * Detection by the engine's events, on a real engine: at once for a crash, patient with a deploy.
 *
 * The figures are printed; what is asserted leaves room for a busy machine.
 */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { Stack, chat, docker, entriesOf, pause, token, until } from "./lab.ts"

const files = ["compose.yaml", "test/e2e/stack.yaml"]
const stack = new Stack("we")
const web = stack.name("web")
const graceMs = 30_000

const show = (title: string, lines: ReadonlyArray<string>): void =>
  void process.stdout.write(`\n--- ${title}\n${lines.map((text) => text.replaceAll(/^/gm, "  ")).join("\n  ..\n")}\n`)

const textsFrom = async (from: number): Promise<ReadonlyArray<string>> =>
  (await stack.messages()).slice(from).map((message) => message.text)

const told = async (): Promise<number> => (await stack.messages()).length

beforeAll(async () => {
  await docker("build", "-q", "-t", "orchestrator-watchdog:latest", new URL("../..", import.meta.url).pathname)
  stack.more = { ORCHESTRATOR_RESTART: "no" }
  stack.writeEnv({
    WATCHDOG_HOST_NAME: "e2e",
    WATCHDOG_TELEGRAM_BOT_TOKEN: token,
    WATCHDOG_TELEGRAM_CHAT_ID: chat,
    WATCHDOG_TELEGRAM_API_URL: "http://telegram:8081",
    WATCHDOG_ORCH_METRICS_URL: "http://orchestrator:9000/metrics",
    WATCHDOG_CONTAINER_LOG_LINES: "2",
    WATCHDOG_CONTAINERS_EXCLUDE: "telegram"
  })
  const up = await stack.compose(files, "up", "-d", "--no-build")
  assert.strictEqual(up.code, 0, up.stderr)
  await pause(graceMs + 8_000)
  assert.deepStrictEqual(await stack.messages(), [])
})

afterAll(async () => {
  const left = await docker("ps", "-aq", "--filter", "label=watchdog-e2e")
  if (left !== "") await docker("rm", "-f", ...left.split("\n"))
  await stack.down()
})

const quantile = (values: ReadonlyArray<number>, part: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? 0

describe("a crash", () => {
  it("from inside is told within moments, a docker kill after its second, and docker rm -f not at all", async () => {
    const before = await told()
    const since = new Date(Date.now() - 1_000).toISOString()
    const inside = Array.from({ length: 20 }, (_, at) => `crash-${String(at).padStart(2, "0")}`)
    const killed = Array.from({ length: 5 }, (_, at) => `kill-${at}`)
    const removed = Array.from({ length: 5 }, (_, at) => `remove-${at}`)
    const start = (name: string, script: string): Promise<string> =>
      docker(
        "run",
        "-d",
        "--label",
        "watchdog-e2e=1",
        "--network",
        "none",
        "--name",
        name,
        "busybox",
        "sh",
        "-c",
        script
      )

    // Six seconds apart, the first after a look has seen it running: ten messages a minute, below our own pace.
    for (const [at, name] of inside.entries()) await start(name, `sleep ${30 + at * 6}; echo giving up; exit 7`)
    for (const name of [...killed, ...removed]) await start(name, "trap exit TERM; sleep 100000 & wait")
    await pause(30_000 + inside.length * 6_000)
    for (const name of removed) {
      await docker("rm", "-f", name)
      await start(name, "sleep 100000")
    }
    for (const name of killed) {
      await docker("kill", name)
      await pause(6_000)
    }
    await pause(5_000)

    const until = new Date().toISOString()
    const events = await docker(
      "events",
      "--since",
      since,
      "--until",
      until,
      "--filter",
      "event=die",
      "--format",
      "{{.TimeNano}} {{.Actor.Attributes.name}}"
    )
    const diedMs = new Map(
      events.split("\n").map((line) => [line.split(" ")[1] ?? "", Number(line.split(" ")[0]) / 1e6])
    )
    const messages = (await stack.messages()).slice(before)
    const receivedMs = (name: string): number | undefined =>
      messages.find(({ text }) => entriesOf(text).includes(`🔴 container:${name}`))?.atMs
    const latency = async (name: string) => {
      const finished = Date.parse(await docker("inspect", "-f", "{{.State.FinishedAt}}", name))
      return {
        fromCrash: (receivedMs(name) ?? Number.NaN) - finished,
        fromDie: (receivedMs(name) ?? Number.NaN) - (diedMs.get(name) ?? Number.NaN)
      }
    }
    const insideMs = await Promise.all(inside.map(latency))
    const killMs = await Promise.all(killed.map(latency))
    const line = (title: string, values: ReadonlyArray<number>): string =>
      `${title}: median ${quantile(values, 0.5).toFixed(0)} ms, p99 ${quantile(values, 0.99).toFixed(0)} ms (n = ${values.length})`
    show("from fault to the fake Telegram's receipt", [
      line(
        "crash from inside, from the process's end",
        insideMs.map(({ fromCrash }) => fromCrash)
      ),
      line(
        "crash from inside, from the engine's die event",
        insideMs.map(({ fromDie }) => fromDie)
      ),
      line(
        "docker kill, from the engine's die event (1 s of it waiting for a removal)",
        killMs.map(({ fromDie }) => fromDie)
      )
    ])
    const entries = messages.flatMap(({ text }) => entriesOf(text))
    assert.sameMembers(
      entries,
      [...inside, ...killed].map((name) => `🔴 container:${name}`)
    )
    assert.isBelow(
      quantile(
        insideMs.map(({ fromDie }) => fromDie),
        0.5
      ),
      500
    )
    assert.isBelow(
      quantile(
        killMs.map(({ fromDie }) => fromDie),
        0.5
      ),
      2_000
    )
    assert.match(messages[0]?.text ?? "", /exited with code 7[\s\S]*log: giving up/)
    // Away with them: active ones end as gone.
    await docker("rm", "-f", ...inside, ...killed, ...removed)
    await pause(45_000)
  })
})

describe("a deploy", () => {
  it("that recreates a service ten times, and stops and starts it ten times, says nothing", async () => {
    const before = await told()

    for (let round = 0; round < 10; round++) {
      const up = await stack.compose(files, "up", "-d", "--no-build", "--force-recreate", "--no-deps", "web")
      assert.strictEqual(up.code, 0, up.stderr)
    }
    for (let round = 0; round < 10; round++) {
      await docker("stop", "-t", "2", web)
      await docker("start", web)
    }
    await pause(45_000)

    assert.deepStrictEqual(await textsFrom(before), [])
  })

  it("whose new image exits with 1 is told once, with both images and the exit, and its end when it is put right", async () => {
    const before = await told()
    await docker("tag", "busybox", "busybox:broken")

    stack.more = { ...stack.more, WEB_IMAGE: "busybox:broken", WEB_COMMAND: "echo no config; exit 1" }
    await stack.compose(files, "up", "-d", "--no-build", "--no-deps", "web")
    await until(
      "the failed deploy",
      30_000,
      () => stack.entries(before),
      (found) => found.length >= 1
    )
    await pause(20_000)
    const alerts = await textsFrom(before)
    stack.more = { ORCHESTRATOR_RESTART: "no" }
    await stack.compose(files, "up", "-d", "--no-build", "--no-deps", "web")
    await until(
      "its end",
      120_000,
      () => stack.entries(before),
      (found) => found.length >= 2
    )

    const texts = await textsFrom(before)
    show("a deploy that failed", texts)
    assert.strictEqual(alerts.length, 1)
    assert.match(
      alerts[0] ?? "",
      /^🔴 container:we-web-1 [\s\S]*exited with code 1[\s\S]*image busybox:broken, before busybox/
    )
    assert.match(texts.at(-1) ?? "", /^✅ container:we-web-1/)
  })
})

describe("an orchestrator", () => {
  it("that dies of its memory limit is orch_down with that cause", async () => {
    const before = await told()
    const port = await docker(
      "inspect",
      "-f",
      "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
      stack.name("orchestrator")
    )

    await fetch(`http://${port}:9000/__fake/mode`, { method: "POST", body: JSON.stringify({ eatBytes: 400_000_000 }) })
    await until(
      "orch_down",
      60_000,
      () => stack.entries(before),
      (found) => found.includes("🔴 orch_down")
    )

    const texts = await textsFrom(before)
    show("orch_down of an orchestrator that was out of memory", texts)
    assert.match(texts.join("\n"), /container:we-orchestrator-1 killed: out of memory/)
    assert.match(
      texts.join("\n"),
      /orch_down[\s\S]*likely cause: its container we-orchestrator-1 killed: out of memory/
    )
    assert.deepStrictEqual(await stack.fake("refusals"), [])
  })
})
