import * as http from "node:http"
import * as net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, Schema, Scope } from "effect"
import { Settings } from "../../src/base/Keys.ts"
import { Loops } from "../../src/base/Loops.ts"
import { type SignalSpec, defaultPolicy, step } from "../../src/decision/index.ts"
import { Journal } from "../../src/status/Journal.ts"
import { Snapshot } from "../../src/status/Snapshot.ts"
import { StatusBoard, vitals } from "../../src/status/StatusBoard.ts"
import { layer as layerOf } from "../../src/status/StatusServer.ts"
import { seen } from "../decision/history.ts"

const freePort = Effect.promise(
  () =>
    new Promise<number>((resolve) => {
      const server = net.createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address() as net.AddressInfo
        server.close(() => resolve(port))
      })
    })
)

const layer = layerOf({ timeZone: "UTC" })

const world = StatusBoard.layer({ version: "1.2.3", host: "box" }).pipe(
  Layer.provideMerge(Layer.merge(Loops.layer, Layer.succeed(Journal, { runId: "r", write: () => Effect.void }))),
  Layer.provide(Layer.succeed(vitals, () => ({ residentBytes: 64, cpuSeconds: 2, startedMs: 0 })))
)

interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

interface Asking {
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Plain Node, because `fetch` writes the Host header itself. */
const ask = (port: number, { path = "/healthz", method = "GET", headers = {} }: Asking = {}) =>
  Effect.promise(
    () =>
      new Promise<Answer>((resolve, reject) => {
        http
          .request({ host: "127.0.0.1", port, path, method, headers, agent: false }, (response) => {
            let body = ""
            response
              .setEncoding("utf8")
              .on("data", (chunk: string) => (body += chunk))
              .on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
          })
          .on("error", reject)
          .end()
      })
  )

/** Serves as these settings say, on a port of its own. */
const serving = (env: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const port = yield* freePort
    const settings = Settings.layerTest({ WATCHDOG_HTTP_LISTEN: `127.0.0.1:${port}`, ...env })
    yield* Layer.build(Layer.fresh(layer.pipe(Layer.provide(settings))))
    return port
  })

const put = (signal: string, active: boolean, summary = "exited 1") =>
  Effect.map(StatusBoard, (board) => {
    const spec: SignalSpec = { signal, severity: "critical", policy: defaultPolicy }
    const look = seen(active, 1, 10_000, { confirmed: active, evidence: { summary, details: [] } })
    const place = board.place(signal, "containers")
    place.stepped(spec, step(defaultPolicy, null, look, 10_000).state, look)
    return place
  })

const hostile = `container:"\\\n<script>alert(1)</script>\u0000\uD800`

interface Stream {
  readonly status: number
  readonly heard: () => string
  readonly ended: Promise<void>
  readonly stop: () => void
}

const listenTo = (port: number) =>
  Effect.promise(
    () =>
      new Promise<Stream>((resolve, reject) => {
        const request = http
          .get({ host: "127.0.0.1", port, path: "/events", agent: false }, (response) => {
            let heard = ""
            const ended = new Promise<void>((done) => response.on("close", () => done()))
            response
              .setEncoding("utf8")
              .on("data", (chunk: string) => (heard += chunk))
              .on("error", () => {})
            resolve({
              status: response.statusCode ?? 0,
              heard: () => heard,
              ended,
              stop: () => void request.destroy()
            })
          })
          .on("error", reject)
      })
  )

const eventually = (what: string, holds: () => boolean) =>
  Effect.gen(function* () {
    for (let n = 0; n < 300; n++) {
      if (holds()) return
      yield* Effect.sleep("10 millis")
    }
    assert.fail(`never: ${what}`)
  })

const eventsIn = (heard: string): ReadonlyArray<Readonly<Record<string, string>>> =>
  [...heard.matchAll(/^data: (.*)$/gm)].map(
    (match) => (JSON.parse(match[1] ?? "") as { html: Record<string, string> }).html
  )

describe("the status server", () => {
  it.live("serves the page, its data, metrics and health, each as what it is and not to be kept", () =>
    Effect.gen(function* () {
      const port = yield* serving()
      yield* put("container:web", true)

      const page = yield* ask(port, { path: "/" })
      const data = yield* ask(port, { path: "/status.json" })
      const metrics = yield* ask(port, { path: "/metrics?x=1" })
      const health = yield* ask(port)

      assert.deepStrictEqual(
        [page, data, metrics, health].map(({ status, headers }) => [status, headers["content-type"]]),
        [
          [200, "text/html; charset=utf-8"],
          [200, "application/json; charset=utf-8"],
          [200, "text/plain; version=0.0.4; charset=utf-8"],
          [200, "application/json; charset=utf-8"]
        ]
      )
      for (const { headers } of [page, data, metrics, health]) {
        assert.include(headers, {
          "cache-control": "no-store",
          "x-content-type-options": "nosniff",
          "referrer-policy": "no-referrer",
          "x-frame-options": "DENY",
          "cross-origin-resource-policy": "same-origin",
          "cross-origin-opener-policy": "same-origin"
        })
        assert.match(String(headers["content-security-policy"]), /default-src 'none'/)
      }
      const snapshot = yield* Schema.decodeEffect(Schema.fromJsonString(Snapshot))(data.body)
      assert.deepInclude(snapshot.signals[0], { id: "container:web", state: "active" })
      assert.include(metrics.body, 'watchdog_signal_active{signal="container:web",')
      assert.strictEqual(health.body, '{"ok":true,"reasons":[]}')
    }).pipe(Effect.scoped, Effect.provide(world))
  )

  it.live("answers HEAD like GET, without a body, and nothing else", () =>
    Effect.gen(function* () {
      const port = yield* serving()

      for (const path of ["/", "/status.json", "/healthz"]) {
        const head = yield* ask(port, { path, method: "HEAD" })
        assert.deepStrictEqual([head.status, head.body], [200, ""])
        assert.isAbove(Number(head.headers["content-length"]), 10)
      }
      const events = yield* ask(port, { path: "/events", method: "HEAD" })
      assert.deepStrictEqual([events.status, events.body], [200, ""])
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
        const { status, headers } = yield* ask(port, { path: "/", method })
        assert.deepStrictEqual([status, headers["allow"]], [405, "GET, HEAD"])
      }
      assert.strictEqual((yield* ask(port, { path: "/nothing" })).status, 404)
      assert.strictEqual((yield* ask(port, { path: "//" })).status, 404)
    }).pipe(Effect.scoped, Effect.provide(world))
  )

  it.live("answers to its own names only", () =>
    Effect.gen(function* () {
      const port = yield* serving({ WATCHDOG_HTTP_HOSTS: "watchdog" })
      const by = (host: string) => Effect.map(ask(port, { headers: { host } }), ({ status }) => status)

      assert.strictEqual(yield* by("localhost:1"), 200)
      assert.strictEqual(yield* by(`watchdog:${port}`), 200)
      assert.strictEqual(yield* by("evil.example"), 421)
      const embedded = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }
      assert.strictEqual((yield* ask(port, { path: "/events", headers: embedded })).status, 403)
    }).pipe(Effect.scoped, Effect.provide(world))
  )

  it.live("asks for the token where one is set, but not when the machine asks for its loops", () =>
    Effect.gen(function* () {
      const port = yield* serving({ WATCHDOG_HTTP_TOKEN: "correct-horse-battery" })
      const right = { authorization: "Bearer correct-horse-battery" }

      for (const path of ["/", "/status.json", "/events", "/metrics", "/healthz", "/nothing"]) {
        const without = yield* ask(port, { path })
        assert.strictEqual(without.status, 401, path)
        assert.match(String(without.headers["www-authenticate"]), /^Basic /)
        assert.notInclude(without.body, "correct-horse")
      }
      assert.strictEqual((yield* ask(port, { path: "/status.json", headers: right })).status, 200)
      assert.strictEqual((yield* ask(port, { path: "/livez" })).status, 200)
    }).pipe(Effect.scoped, Effect.provide(world))
  )

  it.live("says with 503 why it is not well; a sink that is not able is no reason to restart it", () =>
    Effect.gen(function* () {
      const port = yield* serving()
      const board = yield* StatusBoard
      const red = { destination: "", red: true, problem: "revoked", waiting: 1, sent: 0, failures: 1, lastSentMs: null }
      yield* board.sink({ name: "telegram", ...red })

      const whole = yield* ask(port)
      const alive = yield* ask(port, { path: "/livez" })
      yield* board.monitors(Effect.succeed(["orch_down"]))
      const dead = yield* ask(port, { path: "/livez" })

      assert.deepStrictEqual([whole.status, alive.status, dead.status], [503, 200, 503])
      assert.include(whole.body, "no sink is able to tell anyone (telegram: revoked)")
      assert.strictEqual(dead.body, '{"ok":false,"reasons":["the monitor of orch_down does not run"]}')
    }).pipe(Effect.scoped, Effect.provide(world))
  )

  it.live("takes a hostile name for text, wherever it stands", () =>
    Effect.gen(function* () {
      const port = yield* serving()
      yield* put(hostile, true, "<img src=x onerror=alert(1)>")

      const page = yield* ask(port, { path: "/" })
      const data = yield* ask(port, { path: "/status.json" })
      const metrics = yield* ask(port, { path: "/metrics" })
      const stream = yield* listenTo(port)
      yield* eventually("the page", () => stream.heard().includes("data: "))

      assert.notMatch(page.body, /<script>alert|<img src=x/)
      assert.strictEqual((JSON.parse(data.body) as Snapshot).signals[0]?.id, hostile)
      assert.include(metrics.body, String.raw`signal="container:\"\\\n<script>`)
      assert.notMatch(Object.values(eventsIn(stream.heard())[0] ?? {}).join(""), /<script>alert|<img src=x/)
      stream.stop()
    }).pipe(Effect.scoped, Effect.provide(world))
  )

  it.live("goes on without a page where the address is taken, and says so", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void said.push(String(message)))])
      const port = yield* serving()

      const second = Layer.fresh(
        layer.pipe(Layer.provide(Settings.layerTest({ WATCHDOG_HTTP_LISTEN: `127.0.0.1:${port}` })))
      )
      yield* Layer.build(second).pipe(Effect.provide(logger))

      assert.strictEqual((yield* ask(port)).status, 200)
      assert.deepStrictEqual(said, [
        `cannot listen on 127.0.0.1:${port}: the address is taken; going on without a status page`
      ])
    }).pipe(Effect.scoped, Effect.provide(world))
  )

  it.live("is nowhere where listening is off", () =>
    Layer.build(layer.pipe(Layer.provide(Settings.layerTest({ WATCHDOG_HTTP_LISTEN: "off" })))).pipe(
      Effect.scoped,
      Effect.provide(world)
    )
  )
})

describe("the page's events", () => {
  it.live("give the whole page at once, then what has changed, the same to everybody", () =>
    Effect.gen(function* () {
      const port = yield* serving()
      yield* put("container:web", false)
      const streams = yield* Effect.all([listenTo(port), listenTo(port)])
      yield* eventually("the page", () => streams.every(({ heard }) => eventsIn(heard()).length === 1))
      const first = eventsIn(streams[0].heard())[0] ?? {}

      yield* Effect.sleep("300 millis")
      const startMs = performance.now()
      yield* put("container:db", true)
      yield* eventually("the change", () => streams.every(({ heard }) => eventsIn(heard()).length >= 2))
      const tookMs = performance.now() - startMs

      const [one, other] = streams.map(({ heard }) => eventsIn(heard()).slice(1))
      assert.match(streams[0].heard(), /^retry: \d+\n\n/)
      assert.include(Object.values(first).join(""), "container:web")
      assert.include(Object.values(one?.[0] ?? {}).join(""), "container:db")
      assert.isBelow(Object.keys(one?.[0] ?? {}).length, Object.keys(first).length)
      assert.deepStrictEqual(one, other)
      // 20 ms to gather, and what a busy machine adds.
      assert.isBelow(tookMs, 250)
      for (const { stop } of streams) stop()
    }).pipe(Effect.scoped, Effect.provide(world))
  )

  it.live("end at shutdown, which they do not hold up", () =>
    Effect.gen(function* () {
      const life = yield* Scope.make()
      const port = yield* serving().pipe(Scope.provide(life))
      const streams = yield* Effect.all([listenTo(port), listenTo(port)])
      yield* eventually("the page", () => streams.every(({ heard }) => heard().includes("data: ")))

      const startMs = performance.now()
      yield* Scope.close(life, Exit.void)
      const tookMs = performance.now() - startMs
      yield* Effect.promise(() => Promise.all(streams.map(({ ended }) => ended)))

      assert.isBelow(tookMs, 500)
      const after = yield* Effect.exit(Effect.timeout(ask(port), "1 second"))
      assert.isTrue(Exit.isFailure(after))
    }).pipe(Effect.scoped, Effect.provide(world))
  )
})
