/**
 * A real Prometheus scrapes the real status server of a watchdog in a fake world, and its promtool finds nothing to complain about.
 *
 * Both are in Debian's package `prometheus`. Where they are missing the tests are skipped, but in CI they fail.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import * as Scenario from "../../src/testing/Scenario.ts"

const isThere = (command: string): boolean => spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0
const missing = ["prometheus", "promtool"].filter((command) => !isThere(command))
const isSkipped = missing.length > 0 && process.env["CI"] !== "true"
if (isSkipped) process.stderr.write(`skipped: ${missing.join(" and ")} not found (apt-get install prometheus)\n`)

const freePort = Effect.promise(
  () =>
    new Promise<number>((resolve) => {
      const server = net.createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address() as net.AddressInfo
        server.close(() => resolve(port))
      })
    })
)

const folder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-prometheus-"))),
  (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true }))
)

const textOf = (url: string) =>
  Effect.tryPromise(async () => {
    const response = await fetch(url)
    return { status: response.status, body: await response.text() }
  })

/** Looks again until it holds; the clock is the real one here. */
const until = <A>(what: string, look: Effect.Effect<A, unknown>, holds: (found: A) => boolean): Effect.Effect<A> =>
  look.pipe(
    Effect.filterOrFail(holds),
    Effect.retry(Schedule.spaced("200 millis")),
    Effect.timeoutOrElse({ duration: "30 seconds", orElse: () => Effect.die(new Error(`never: ${what}`)) }),
    Effect.orDie
  )

/** A watchdog with a well and a crashed container, and the hostile names an engine may give; returns its address. */
const watchdog = Effect.gen(function* () {
  const port = yield* freePort
  const scenario = yield* Scenario.make({
    env: {
      WATCHDOG_HTTP_LISTEN: `127.0.0.1:${port}`,
      WATCHDOG_INTERVAL: "200ms",
      WATCHDOG_DEPLOY_GRACE: "0",
      WATCHDOG_RULES: 'queue: queue_depth{name=~".*"} > 2'
    }
  })
  scenario.setOrchestrator({
    status: 200,
    headers: { "content-type": "text/plain; version=0.0.4" },
    body: '# TYPE queue_depth gauge\nqueue_depth{name="a\\"b\\\\c\\nd{}é"} 3\n'
  })
  scenario.engine.run({ name: "web", image: "web:1", restart: "always" })
  scenario.engine.run({ name: "db", image: "db:1", restart: "always" })
  yield* scenario.start
  yield* Effect.addFinalizer(() => scenario.leave)
  const address = `127.0.0.1:${port}`
  yield* until("its first ticks", textOf(`http://${address}/metrics`), ({ body }) =>
    body.includes('watchdog_signal_active{signal="container:web"')
  )
  scenario.engine.kill("web")
  yield* until("the alert", textOf(`http://${address}/metrics`), ({ body }) =>
    /watchdog_signal_active\{signal="container:web",[^}]*\} 1/.test(body)
  )
  return address
})

const prometheus = (scraped: string) =>
  Effect.gen(function* () {
    const home = yield* folder
    const port = yield* freePort
    const config = path.join(home, "prometheus.yml")
    fs.writeFileSync(
      config,
      `global: {scrape_interval: 500ms, scrape_timeout: 500ms}\nscrape_configs: [{job_name: watchdog, static_configs: [{targets: ["${scraped}"]}]}]\n`
    )
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(
          "prometheus",
          [
            `--config.file=${config}`,
            `--storage.tsdb.path=${path.join(home, "data")}`,
            `--web.listen-address=127.0.0.1:${port}`,
            "--log.level=error"
          ],
          { stdio: ["ignore", "ignore", "inherit"] }
        )
      ),
      (child: ChildProcess) =>
        Effect.callback<void>((resume) => {
          child.once("close", () => resume(Effect.void))
          child.kill("SIGKILL")
        })
    )
    return (query: string) =>
      Effect.map(
        textOf(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`),
        ({ body }) =>
          (
            JSON.parse(body) as {
              data: { result: ReadonlyArray<{ metric: Record<string, string>; value: [number, string] }> }
            }
          ).data.result
      )
  })

describe.skipIf(isSkipped)("Prometheus", () => {
  it.live("has what it needs", () =>
    Effect.sync(() => assert.deepStrictEqual(missing, [], "apt-get install prometheus"))
  )

  it.live(
    "finds nothing to complain about in /metrics",
    () =>
      Effect.gen(function* () {
        const { status, body } = yield* textOf(`http://${yield* watchdog}/metrics`)

        const checked = spawnSync("promtool", ["check", "metrics"], { input: body, encoding: "utf8" })

        assert.strictEqual(status, 200)
        assert.deepStrictEqual([checked.status, checked.stdout, checked.stderr], [0, "", ""])
      }).pipe(Effect.scoped),
    60_000
  )

  it.live(
    "scrapes it, and knows a signal that is active, by whatever name",
    () =>
      Effect.gen(function* () {
        const ask = yield* prometheus(yield* watchdog)

        const up = yield* until("a scrape", ask("up"), (found) => found[0]?.value[1] === "1")
        const active = yield* ask("watchdog_signal_active == 1")
        const clear = yield* ask('watchdog_signal_active{signal="container:db"}')
        const hostile = yield* ask('watchdog_signals{state="active"}')
        const decided = yield* ask('watchdog_decisions_total{kind="alert"}')
        const resident = yield* ask("process_resident_memory_bytes")

        assert.strictEqual(up[0]?.metric["job"], "watchdog")
        const signals = active.map(({ metric }) => metric["signal"])
        assert.include(signals, "container:web")
        assert.isTrue(signals.some((signal) => signal?.startsWith("rule:queue{") && signal.includes("é")))
        assert.deepInclude(active.find(({ metric }) => metric["signal"] === "container:web")?.metric, {
          collector: "containers",
          severity: "critical"
        })
        assert.strictEqual(clear[0]?.value[1], "0")
        assert.strictEqual(Number(hostile[0]?.value[1]), active.length)
        assert.isAtLeast(Number(decided[0]?.value[1]), 2)
        assert.isAbove(Number(resident[0]?.value[1]), 10_000_000)
        process.stderr.write(`Prometheus: up ${up[0]?.value[1]}, active: ${signals.join(", ")}\n`)
      }).pipe(Effect.scoped),
    60_000
  )
})
