/** The gateway: the watchdog sees all it needs through it, and what would write gets no further. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { Stack, chat, docker, token, tryRun, until } from "./lab.ts"

const files = ["compose.yaml", "compose.hardened.yaml", "test/e2e/stack.yaml"]
const stack = new Stack("wh")
const watchdog = stack.name("orchestrator-watchdog")

/** A request from within the watchdog's container, by the Node that is there. */
const ask = async (method: string, path: string): Promise<string> => {
  const script = `fetch("http://docker-gateway:2375${path}", { method: "${method}" }).then((r) => console.log(r.status))`
  const { stdout, stderr } = await tryRun("docker", ["exec", watchdog, "node", "-e", script])
  return stdout.trim() || stderr
}

beforeAll(async () => {
  await docker("build", "-q", "-t", "orchestrator-watchdog:latest", new URL("../..", import.meta.url).pathname)
  // Where no image can be pulled, one is made of the distribution's package.
  const image = process.env["HAPROXY_IMAGE"]
  if (image === undefined) {
    const dockerfile = new URL("haproxy.Dockerfile", import.meta.url).pathname
    const folder = new URL(".", import.meta.url).pathname
    await docker("build", "-q", "-t", "watchdog-e2e-haproxy", "-f", dockerfile, folder)
  }
  stack.more = { HAPROXY_IMAGE: image ?? "watchdog-e2e-haproxy" }
  stack.writeEnv({
    WATCHDOG_HOST_NAME: "e2e",
    WATCHDOG_TELEGRAM_BOT_TOKEN: token,
    WATCHDOG_TELEGRAM_CHAT_ID: chat,
    WATCHDOG_TELEGRAM_API_URL: "http://telegram:8081",
    WATCHDOG_ORCH_METRICS_URL: "http://orchestrator:9000/metrics",
    WATCHDOG_CONTAINERS: `${stack.name("web")},${stack.name("docker-gateway")}`,
    WATCHDOG_DEPLOY_GRACE: "5s"
  })
  const up = await stack.compose(files, "up", "-d", "--no-build")
  assert.strictEqual(up.code, 0, up.stderr)
}, 300_000)

afterAll(async () => {
  await stack.compose(files, "down", "-t", "2", "-v", "--remove-orphans")
  await stack.down()
})

describe("behind the gateway", () => {
  it("the socket is not there, and the containers are seen", async () => {
    const mounts = await docker("inspect", "-f", "{{json .Mounts}}", watchdog)
    const checked = await until(
      "check",
      60_000,
      () => tryRun("docker", ["exec", watchdog, "watchdog", "check"]),
      ({ code }) => code === 0
    )

    assert.notInclude(mounts, "docker.sock")
    assert.include(checked.stdout, `container:${stack.name("web")}`)
  })

  it("nothing but its own GETs passes", async () => {
    const id = await docker("inspect", "-f", "{{.Id}}", stack.name("web"))

    assert.strictEqual(await ask("GET", "/_ping"), "200")
    assert.strictEqual(await ask("GET", `/v1.44/containers/${id}/json`), "200")
    for (const [method, path] of [
      ["POST", `/v1.44/containers/${id}/stop`],
      ["DELETE", `/v1.44/containers/${id}`],
      ["POST", "/v1.44/containers/create"],
      ["GET", `/v1.44/containers/${id}/archive?path=/etc/passwd`],
      ["GET", `/v1.44/containers/${id}/export`],
      ["GET", "/v1.44/secrets"],
      ["GET", `/v1.44/containers/json/../${id}/export`],
      ["POST", "/_ping"]
    ] as const) {
      assert.strictEqual(await ask(method, path), "403", `${method} ${path}`)
    }
  })

  it("a crash is still told at once: the event stream passes too", async () => {
    await until(
      "a quiet start",
      60_000,
      () => stack.logs(),
      (log) => log.includes("watching containers")
    )
    const pid = await docker("inspect", "-f", "{{.State.Pid}}", stack.name("web"))
    assert.match(pid, /^[1-9]/)
    await docker("update", "--restart", "no", stack.name("web"))
    await docker("kill", stack.name("web"))

    await until(
      "the alert",
      10_000,
      () => stack.entries(),
      (entries) => entries.includes(`🔴 container:${stack.name("web")}`)
    )
  })
})
