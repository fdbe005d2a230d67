/**
 * The engine's event stream cut, as a proxy before the socket does that lets nobody at /events: then polling has to do.
 *
 * The figures are printed; what is asserted is the promise of `watchdog config`, "at most 25 s from fault to alert".
 */
import * as fs from "node:fs"
import * as http from "node:http"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, assert, beforeAll, it } from "vitest"
import { Daemon, clearAway } from "./daemon.ts"
import { docker, pause } from "./lab.ts"

const mark = "watchdog-e2e=cut"
/** Interval 10 s, K = 2, timeout 5 s. */
const worstMs = 25_000
const settledMs = 38_000
/** Not a divisor of the interval: the crashes fall on all parts of it. */
const apartMs = 7_300
const names = Array.from({ length: 12 }, (_, at) => `cut-${String(at).padStart(2, "0")}`)

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-cut-"))
const socket = path.join(folder, "docker.sock")
const engineSocket = (process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock").replace("unix://", "")
let refusals = 0
let daemon: Daemon

const proxy = http.createServer((request, response) => {
  if (/^\/v[\d.]+\/events/.test(request.url ?? "")) {
    refusals += 1
    request.socket.destroy()
    return
  }
  const { method, url, headers } = request
  const forward = http.request({ socketPath: engineSocket, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  forward.on("error", () => response.destroy())
  request.pipe(forward)
})

beforeAll(async () => {
  await clearAway(mark)
  await new Promise<void>((resolve) => proxy.listen(socket, resolve))
  for (const name of names) {
    const script = "while [ ! -e /tmp/go ]; do sleep 0.1; done; exit 7"
    await docker("run", "-d", "--label", mark, "--network", "none", "--name", name, "busybox", "sh", "-c", script)
  }
  daemon = await Daemon.start({ WATCHDOG_DOCKER_HOST: `unix://${socket}`, WATCHDOG_CONTAINERS: "cut-*" })
  await pause(settledMs)
})

afterAll(async () => {
  await daemon?.stop()
  proxy.closeAllConnections()
  proxy.close()
  fs.rmSync(folder, { recursive: true, force: true })
  await clearAway(mark)
})

it("with its event stream cut a crash is told by polling, within K ticks, each once", async () => {
  for (const name of names) {
    await docker("exec", name, "touch", "/tmp/go")
    await pause(apartMs)
  }
  await pause(worstMs)

  const tookMs = await Promise.all(
    names.map(async (name) => {
      const [told, ...more] = daemon.told(`container:${name}`)
      const finished = Date.parse(await docker("inspect", "-f", "{{.State.FinishedAt}}", name))
      assert.deepStrictEqual(more, [])
      return (told?.atMs ?? Number.NaN) - finished
    })
  )
  const sorted = [...tookMs].sort((a, b) => a - b)
  process.stdout.write(
    `\n--- stream cut, from crash to the fake Telegram: ${sorted.map((ms) => (ms / 1_000).toFixed(1)).join(" ")} s; median ${((sorted[5] ?? 0) / 1_000).toFixed(1)} s, max ${((sorted.at(-1) ?? 0) / 1_000).toFixed(1)} s (n = ${sorted.length}); /events refused ${refusals} times\n`
  )
  assert.isAbove(refusals, 1)
  assert.match(daemon.log, /the event stream is not open \(.*\): changes are seen at the next tick/)
  assert.sameMembers(
    [...daemon.signalsTold],
    names.map((name) => `container:${name}`)
  )
  for (const ms of tookMs) assert.isBelow(ms, worstMs)
})
