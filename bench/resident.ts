/**
 * What the watchdog costs while nothing happens: resident memory and CPU of the bundle in a process of its own, watching 50 containers and
 * their events, 20 dependencies, an orchestrator with 2,000 samples and one rule, with its page listening.
 *
 * `node bench/resident.ts [minutes, default 10] [node's own flags...]`. Linux: it reads /proc.
 */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as http from "node:http"
import type * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Effect } from "effect"
import * as FakeEngineServer from "../src/testing/FakeEngineServer.ts"

const minutes = Number(process.argv[2] ?? 10)
const flags = process.argv.slice(3)
/** As the image runs it. */
const ownFlags = flags.length > 0 ? flags : ["--max-semi-space-size=1", "--no-opt", "--no-maglev"]

const metrics = [
  "# TYPE queue_depth gauge",
  ...Array.from({ length: 2_000 }, (_, at) => `queue_depth{queue="q${at}",worker="w${at % 50}"} ${at % 7}`),
  ""
].join("\n")

const serve = (): Promise<http.Server> =>
  new Promise((resolve) => {
    const server = http.createServer((_, response) => {
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(metrics)
    })
    server.listen(0, "127.0.0.1", () => resolve(server))
  })

/** Resident KiB, and ticks of CPU time (100 a second on Linux). */
const usage = (pid: number): { readonly residentMiB: number; readonly cpuSeconds: number } => {
  const status = fs.readFileSync(`/proc/${pid}/status`, "utf8")
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? []
  return {
    residentMiB: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024,
    cpuSeconds: (Number(stat[11]) + Number(stat[12])) / 100
  }
}

const main = Effect.gen(function* () {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-resident-"))
  yield* Effect.addFinalizer(() => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true })))
  const engine = yield* FakeEngineServer.serve({ socketPath: path.join(folder, "docker.sock") })
  for (let at = 0; at < 50; at++) {
    engine.core.run({ name: `service-${at}`, image: `service:${at}`, restart: "always", healthcheck: at % 2 === 0 })
  }
  const server = yield* Effect.promise(serve)
  yield* Effect.addFinalizer(() => Effect.sync(() => void server.close()))
  const { port } = server.address() as net.AddressInfo
  const child = spawn(process.execPath, [...ownFlags, path.resolve(import.meta.dirname, "../dist/command/main.js")], {
    stdio: "ignore",
    env: {
      PATH: process.env["PATH"],
      MALLOC_ARENA_MAX: "2",
      WATCHDOG_DOCKER_HOST: engine.host,
      WATCHDOG_ORCH_METRICS_URL: `http://127.0.0.1:${port}/metrics`,
      WATCHDOG_RULES: "deep: queue_depth > 100",
      WATCHDOG_DEPENDENCIES: Array.from({ length: 20 }, (_, at) => `d${at}=http://127.0.0.1:${port}/`).join(" "),
      WATCHDOG_HTTP_LISTEN: "127.0.0.1:0"
    }
  })
  const gone = new Promise((resolve) => child.once("exit", resolve))
  yield* Effect.addFinalizer(() => Effect.promise(() => (child.kill("SIGTERM"), gone)))
  console.log(`node ${ownFlags.join(" ")}`)
  let before = 0
  for (let minute = 1; minute <= minutes; minute++) {
    yield* Effect.promise(() => sleep(60_000))
    const { residentMiB, cpuSeconds } = usage(child.pid ?? 0)
    const rate = (cpuSeconds - before).toFixed(2)
    console.log(
      `${String(minute).padStart(3)} min: ${residentMiB.toFixed(1)} MiB resident, ${rate} s of CPU in that minute`
    )
    before = cpuSeconds
  }
})

await Effect.runPromise(Effect.scoped(main))
