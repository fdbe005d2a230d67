/**
 * Two real Alertmanagers in a cluster, the real sink, and a webhook receiver: what arrives, and how often.
 *
 * Needs Debian's package `prometheus-alertmanager`. Where it is missing the tests are skipped, but in CI they fail.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as http from "node:http"
import * as os from "node:os"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, type Scope } from "effect"
import { layerBoard, run } from "../../src/App.ts"
import { Http } from "../../src/base/Http.ts"
import { Settings } from "../../src/base/Keys.ts"
import { Loops } from "../../src/base/Loops.ts"
import { monotonicMs, wallOffsetMs } from "../../src/base/Monotonic.ts"
import { Output } from "../../src/base/Output.ts"
import { blankEntry } from "../../src/decision/index.ts"
import { Alertmanager, keys } from "../../src/sink/Alertmanager.ts"
import { fingerprint } from "../../src/sink/Labels.ts"
import type { Level, LevelSink } from "../../src/sink/Sink.ts"
import { type Payload, payloadOf } from "../../src/sink/Webhook.ts"
import { readSettings } from "../../src/Settings.ts"
import { Journal, layerLogger } from "../../src/status/Journal.ts"
import * as FakeEngineServer from "../../src/testing/FakeEngineServer.ts"
import { closedPort, listening } from "../collector/probe/world.ts"

const executable = "prometheus-alertmanager"
const isThere = spawnSync(executable, ["--version"], { stdio: "ignore" }).status === 0
const isSkipped = !isThere && process.env["CI"] !== "true"
if (isSkipped) process.stderr.write(`skipped: ${executable} not found (apt-get install ${executable})\n`)

interface Notification extends Payload {
  readonly externalURL: string
}

/** What the cluster's receiver has got so far. */
const startReceiver = Effect.suspend(() => {
  const got: Array<Notification> = []
  const server = http.createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => void chunks.push(chunk))
    request.on("end", () => {
      got.push(JSON.parse(Buffer.concat(chunks).toString()) as Notification)
      response.end()
    })
  })
  return Effect.map(listening(server), ({ port }) => ({ got, url: `http://127.0.0.1:${port}/` }))
})

interface Member {
  readonly url: string
  readonly process: ChildProcess
}

/** The waits of a cluster that a test can wait for; all else is the default. */
const timing = ["--cluster.gossip-interval=50ms", "--cluster.peer-timeout=2s", "--cluster.probe-interval=500ms"]

const startMember = (
  folder: string,
  name: string,
  webPort: number,
  clusterPort: number,
  peerPort: number
): Effect.Effect<Member, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const log = fs.openSync(path.join(folder, `${name}.log`), "w")
      const url = `http://127.0.0.1:${webPort}`
      const cluster = `127.0.0.1:${clusterPort}`
      const started = spawn(
        executable,
        [
          `--config.file=${path.join(folder, "config.yml")}`,
          `--storage.path=${path.join(folder, name)}`,
          `--web.listen-address=127.0.0.1:${webPort}`,
          `--web.external-url=${url}`,
          `--cluster.listen-address=${cluster}`,
          `--cluster.advertise-address=${cluster}`,
          `--cluster.peer=127.0.0.1:${peerPort}`,
          ...timing
        ],
        { stdio: ["ignore", log, log] }
      )
      started.on("error", () => undefined)
      fs.closeSync(log)
      return { url, process: started }
    }),
    ({ process: running }) => kill(running)
  )

const kill = (running: ChildProcess): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (running.exitCode !== null || running.signalCode !== null || running.pid === undefined) {
      resume(Effect.void)
      return
    }
    running.once("exit", () => resume(Effect.void))
    running.kill("SIGKILL")
  })

const startCluster = (receiver: string) =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-alertmanager-"))),
      (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true }))
    )
    fs.writeFileSync(
      path.join(folder, "config.yml"),
      [
        "route: { receiver: hook, group_by: [signal], group_wait: 1s, group_interval: 2s, repeat_interval: 1h }",
        `receivers: [{ name: hook, webhook_configs: [{ url: "${receiver}", send_resolved: true }] }]`
      ].join("\n")
    )
    const [web1, web2, peer1, peer2] = [yield* closedPort, yield* closedPort, yield* closedPort, yield* closedPort]
    const members = [
      yield* startMember(folder, "one", web1, peer1, peer2),
      yield* startMember(folder, "two", web2, peer2, peer1)
    ]
    for (const { url } of members) yield* until(() => isReady(url), 40_000)
    return members
  })

const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/api/v2/status`)
    .then((response) => response.json() as Promise<{ cluster: { status: string; peers: ReadonlyArray<unknown> } }>)
    .then(({ cluster }) => cluster.status === "ready" && cluster.peers.length === 2)
    .catch(() => false)

const until = (isSo: () => boolean | Promise<boolean>, withinMs: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    const startMs = yield* monotonicMs
    while (!(yield* Effect.promise(() => Promise.resolve(isSo())))) {
      if ((yield* monotonicMs) - startMs > withinMs) throw new Error("it did not come to that")
      yield* Effect.sleep("100 millis")
    }
  })

const makeSink = (urls: string): Effect.Effect<LevelSink, never, Scope.Scope> =>
  Effect.gen(function* () {
    const settings = Settings.layerTest({ [keys.urls.name]: urls })
    const context = yield* Layer.build(Layer.provide(Alertmanager.layer, Layer.merge(Http.layer, settings)))
    const sink = yield* Effect.provideContext(Alertmanager, context)
    return sink ?? (yield* Effect.die("not configured"))
  })

const rendering = Effect.map(monotonicMs, (nowMs) => ({ nowMs, host: "box", timeText: (atMs: number) => `${atMs}` }))

const levelOf = (signal: string, sinceMs: number): Level => ({
  signal,
  severity: "critical",
  sinceMs,
  endedMs: null,
  evidence: { summary: "exited with code 137 (SIGKILL)", details: ["image api:1"] }
})

describe.skipIf(isSkipped)("two Alertmanagers in a cluster", () => {
  it.live("notify an alert and its end once each, one of them killed in between", () => {
    const said: Array<string> = []
    return Effect.gen(function* () {
      const receiver = yield* startReceiver
      const members = yield* startCluster(receiver.url)
      const sink = yield* makeSink(members.map(({ url }) => url).join(","))
      const found = yield* sink.verify
      const nowMs = yield* monotonicMs

      // As the courier does it, only more often: everything, again and again.
      let levels: ReadonlyArray<Level> = [levelOf("container:api", nowMs - 20_000)]
      const failures: Array<string> = []
      const sending = yield* Effect.forkChild(
        Effect.forever(
          Effect.gen(function* () {
            yield* sink
              .send(levels, yield* rendering)
              .pipe(Effect.catch((error) => Effect.sync(() => void failures.push(error.message))))
            yield* Effect.sleep("1 second")
          })
        )
      )

      yield* until(() => receiver.got.length > 0, 20_000)
      // The second member's turn comes two seconds later; then some more, for whatever should not come.
      yield* Effect.sleep("6 seconds")
      assert.deepStrictEqual(
        receiver.got.map(({ status, alerts }) => [status, alerts.map(({ labels }) => labels["signal"])]),
        [["firing", ["container:api"]]]
      )

      // The one that has notified dies: what it knew must live on in the other.
      const spokesman = members.find(({ url }) => url === receiver.got[0]?.externalURL) ?? (yield* Effect.die("who?"))
      yield* kill(spokesman.process)
      const endedMs = yield* monotonicMs
      levels = [{ ...levelOf("container:api", nowMs - 20_000), endedMs }, levelOf("disk:/", endedMs)]
      yield* until(() => receiver.got.length >= 3, 30_000)
      yield* Effect.sleep("6 seconds")
      const problem = yield* sink.problem ?? Effect.succeed(null)
      yield* Fiber.interrupt(sending)

      const told = receiver.got.map(({ status, externalURL, alerts }) => [
        status,
        alerts.map(({ labels }) => labels["signal"]).join(),
        externalURL === spokesman.url ? "first" : "second"
      ])
      assert.sameDeepMembers(told, [
        ["firing", "container:api", "first"],
        ["resolved", "container:api", "second"],
        ["firing", "disk:/", "second"]
      ])
      assert.deepStrictEqual(failures, [])
      assert.match(problem ?? "", /^Alertmanager 127\.0\.0\.1:\d+ cannot be reached: connection refused$/)
      assert.strictEqual(said.filter((line) => line.includes("cannot be reached")).length, 1, said.join("\n"))

      const [fired, ended] = ["firing", "resolved"].map((status) => receiver.got.find((one) => one.status === status))
      const offsetMs = yield* wallOffsetMs
      assert.strictEqual(fired?.alerts[0]?.fingerprint, fingerprint(fired?.alerts[0]?.labels ?? {}))
      assert.closeTo(Date.parse(ended?.alerts[0]?.endsAt ?? ""), endedMs + offsetMs, 5)
      assert.closeTo(Date.parse(ended?.alerts[0]?.startsAt ?? ""), nowMs - 20_000 + offsetMs, 5)
      const clock = (text: string) => text.slice(11, 19)
      process.stdout.write(
        [
          `verify: ${found}`,
          ...receiver.got.map(({ status, alerts, externalURL }) =>
            alerts.map((one) => `${externalURL}: ${status} ${one.annotations["summary"]} since ${clock(one.startsAt)}`)
          ),
          `problem: ${problem}`,
          ""
        ].join("\n")
      )
    }).pipe(
      Effect.scoped,
      Effect.provide(Logger.layer([Logger.make<unknown, void>(({ message }) => void said.push(String(message)))]))
    )
  })

  it.live("are told by the whole watchdog of a container's death and its return, one of them killed in between", () =>
    Effect.gen(function* () {
      const receiver = yield* startReceiver
      const members = yield* startCluster(receiver.url)
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-engine-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true })))
      const engine = yield* FakeEngineServer.serve({ socketPath: path.join(folder, "docker.sock") })
      engine.core.run({ name: "web", image: "web:1", restart: "no" })
      const settings = yield* readSettings({
        WATCHDOG_INTERVAL: "500ms",
        WATCHDOG_DEPLOY_GRACE: "0",
        WATCHDOG_HTTP_LISTEN: "off",
        WATCHDOG_DOCKER_HOST: engine.host,
        WATCHDOG_ALERTMANAGER_URLS: members.map(({ url }) => url).join(",")
      })
      const world = layerBoard("test").pipe(
        Layer.provideMerge(Layer.mergeAll(Journal.layer("real"), layerLogger, Loops.layer, Http.layer)),
        Layer.provideMerge(Output.layerMemory([], [])),
        Layer.provideMerge(Layer.succeed(Settings, settings))
      )
      const running = yield* Effect.forkChild(Effect.scoped(Effect.provide(run, world)))
      yield* Effect.sleep("3 seconds")

      engine.core.die("web", 3)
      yield* until(() => receiver.got.length > 0, 20_000)
      // The second member's turn comes two seconds later; then some more, for whatever should not come.
      yield* Effect.sleep("6 seconds")
      const spokesman = members.find(({ url }) => url === receiver.got[0]?.externalURL) ?? (yield* Effect.die("who?"))
      yield* kill(spokesman.process)
      engine.core.start("web")
      yield* until(() => receiver.got.length >= 2, 40_000)
      yield* Effect.sleep("6 seconds")
      yield* Fiber.interrupt(running)

      const told = receiver.got.map(({ status, alerts }) => [
        status,
        alerts.map(({ annotations }) => annotations["summary"]).join()
      ])
      assert.deepStrictEqual(told, [
        ["firing", "container:web exited with code 3"],
        ["resolved", "container:web recovered"]
      ])
    }).pipe(Effect.scoped)
  )

  it.live("post a webhook of the form that ours has", () =>
    Effect.gen(function* () {
      const receiver = yield* startReceiver
      const members = yield* startCluster(receiver.url)
      const sink = yield* makeSink(members.map(({ url }) => url).join(","))
      const now = yield* rendering
      yield* sink.send([levelOf("container:api", now.nowMs - 1_000)], now)
      yield* until(() => receiver.got.length > 0, 20_000)

      const [theirs] = receiver.got
      const entry = { ...blankEntry("alert", "container:api", "critical"), active: true }
      const ours = payloadOf({ entries: [entry], rendering: now, alsoActive: 0, replyTo: null }, 0)

      const shape = (value: unknown): unknown =>
        Array.isArray(value)
          ? value.map(shape)
          : typeof value === "object" && value !== null
            ? Object.fromEntries(
                Object.entries(value).map(([name, one]) => [name, typeof one === "object" ? shape(one) : typeof one])
              )
            : typeof value
      const bare = (payload: Payload | undefined) =>
        shape({
          ...payload,
          commonAnnotations: {},
          groupLabels: {},
          alerts: payload?.alerts.map((alert) => ({ ...alert, annotations: {} }))
        })
      assert.deepStrictEqual(bare(ours), bare(theirs))
      assert.strictEqual(ours.alerts[0]?.fingerprint, theirs?.alerts[0]?.fingerprint)
      assert.strictEqual(ours.alerts[0]?.endsAt, theirs?.alerts[0]?.endsAt)
    }).pipe(Effect.scoped)
  )
})
