/**
 * The status page under 200 viewers of whom 20 never read: memory, the time of ticks and the delay of the event loop, before,
 * while and after they are there. The watchdog is real, its world is fake; the viewers are a process of their own.
 */
import { type ChildProcess, spawn } from "node:child_process"
import * as net from "node:net"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { Effect } from "effect"
import * as Scenario from "../src/testing/Scenario.ts"

const viewers = Number(process.env["VIEWERS"] ?? 200)
const idle = Number(process.env["IDLE"] ?? 20)
const containers = 60
const port = 29_469
const beforeMs = 10_000
/** Long enough for the kernel's buffers to fill, and for half a minute of patience after that. */
const duringMs = Number(process.env["DURING_MS"] ?? 120_000)
const afterMs = 15_000

/** The viewers' process: connects, and reads on all but some connections. */
const view = (): void => {
  let bytes = 0
  let ended = 0
  for (let n = 0; n < viewers; n++) {
    const socket = net.connect(port, "127.0.0.1", () => socket.write("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    if (n < idle) socket.pause()
    else socket.on("data", (chunk) => (bytes += chunk.length))
    // A paused socket does not notice its end: the server counts those it has dropped.
    socket.on("error", () => {}).on("close", () => (ended += 1))
  }
  process.on("SIGTERM", () => {
    console.log(`viewers: ${(bytes / 1_048_576 / (viewers - idle)).toFixed(2)} MiB read by each reader, ${ended} ended`)
    process.exit(0)
  })
}

const percentile = (values: ReadonlyArray<number>, share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0

interface Status {
  readonly collectors: ReadonlyArray<{ readonly name: string; readonly latency: number | null }>
}

const status = Effect.promise(() =>
  fetch(`http://127.0.0.1:${port}/status.json`).then((response) => response.json() as Promise<Status>)
)
const metric = (name: string) =>
  Effect.promise(() =>
    fetch(`http://127.0.0.1:${port}/metrics`).then(async (response) =>
      Number(new RegExp(`^${name} (\\S+)`, "m").exec(await response.text())?.[1])
    )
  )

/** Something on the page changes every quarter of a second, which is as often as it is rendered. */
const phase = (name: string, scenario: Scenario.Scenario, lastsMs: number) =>
  Effect.gen(function* () {
    const ticks: Array<number> = []
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    const cpu = process.cpuUsage()
    const startMs = performance.now()
    let peakMiB = 0
    for (let n = 0; performance.now() - startMs < lastsMs; n++) {
      const container = `service-${n % containers}`
      if (n % 2 === 0) scenario.engine.kill(container)
      else scenario.engine.start(`service-${(n - 1) % containers}`)
      yield* Effect.sleep("250 millis")
      peakMiB = Math.max(peakMiB, process.memoryUsage.rss() / 1_048_576)
      if (n % 4 === 0)
        ticks.push((yield* status).collectors.find((collector) => collector.name === "containers")?.latency ?? 0)
    }
    delay.disable()
    const { user, system } = process.cpuUsage(cpu)
    globalThis.gc?.()
    const { rss, heapUsed, external } = process.memoryUsage()
    console.log(
      `${name.padEnd(7)} ${String(yield* metric("watchdog_page_viewers")).padStart(3)} viewers, ${yield* metric("watchdog_page_viewers_dropped_total")} dropped; ` +
        `resident ${(rss / 1_048_576).toFixed(0)} MiB (peak ${peakMiB.toFixed(0)}), heap ${(heapUsed / 1_048_576).toFixed(0)}, external ${(external / 1_048_576).toFixed(0)}; ` +
        `tick p50 ${percentile(ticks, 0.5).toFixed(1)} ms, p99 ${percentile(ticks, 0.99).toFixed(1)} ms; ` +
        `event loop p50 ${(delay.percentile(50) / 1e6 - 5).toFixed(1)} ms, p99 ${(delay.percentile(99) / 1e6 - 5).toFixed(1)} ms; ` +
        `CPU ${(((user + system) / 1e3 / (performance.now() - startMs)) * 100).toFixed(1)} %`
    )
  })

const watch = Effect.gen(function* () {
  const scenario = yield* Scenario.make({
    env: {
      WATCHDOG_HTTP_LISTEN: `127.0.0.1:${port}`,
      WATCHDOG_INTERVAL: "1s",
      WATCHDOG_DEPLOY_GRACE: "0",
      WATCHDOG_LOG_LEVEL: "error"
    }
  })
  for (let n = 0; n < containers; n++)
    scenario.engine.run({ name: `service-${n}`, image: "service:1", restart: "always" })
  yield* scenario.start
  yield* Effect.addFinalizer(() => scenario.leave)
  yield* Effect.sleep("3 seconds")
  yield* phase("before", scenario, beforeMs)
  const child: ChildProcess = spawn(process.execPath, [import.meta.filename, "view"], { stdio: "inherit" })
  yield* phase("during", scenario, duringMs)
  child.kill("SIGTERM")
  yield* phase("after", scenario, afterMs)
}).pipe(Effect.scoped)

if (process.argv[2] === "view") view()
else await Effect.runPromise(watch)
