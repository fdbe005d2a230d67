import * as http from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { Http } from "../../src/base/Http.ts"
import { Settings } from "../../src/base/Keys.ts"
import { Alertmanager, keys } from "../../src/sink/Alertmanager.ts"
import type { Level, LevelSink } from "../../src/sink/Sink.ts"
import { type Reply, clientOf } from "../../src/testing/InMemory.ts"
import { listening } from "../collector/probe/world.ts"

interface PostedAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsAt: string
  readonly endsAt: string
}

const levelOf = (signal: string, more: Partial<Level> = {}): Level => ({
  signal,
  severity: "critical",
  sinceMs: 10_000,
  endedMs: null,
  evidence: { summary: "exited", details: ["image x"] },
  ...more
})
const rendering = { nowMs: 60_000, host: "box", timeText: (atMs: number) => `at ${atMs / 1_000}` }
const down = [levelOf("container:api")]

const ok: Reply = { status: 200, headers: {}, body: "" }
const statusPage: Reply = {
  status: 200,
  headers: {},
  body: JSON.stringify({ cluster: { status: "ready", peers: [{}, {}] }, versionInfo: { version: "0.25.0" } })
}

interface Bench {
  readonly sink: LevelSink
  /** What each member was sent, as host and path. */
  readonly posted: ReadonlyArray<readonly [where: string, alerts: ReadonlyArray<PostedAlert>]>
  /** How a member answers from now on. */
  readonly answer: (host: string, reply: Reply | ((alerts: ReadonlyArray<PostedAlert>) => Reply)) => void
  readonly said: ReadonlyArray<string>
}

const bench = (urls: string, self: (bench: Bench) => Effect.Effect<void, unknown, Scope.Scope>) => {
  const posted: Array<readonly [string, ReadonlyArray<PostedAlert>]> = []
  const said: Array<string> = []
  const replies = new Map<string, Reply | ((alerts: ReadonlyArray<PostedAlert>) => Reply)>()
  const client = clientOf((request, url) => {
    const body = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
    const alerts = body === "" ? [] : (JSON.parse(body) as ReadonlyArray<PostedAlert>)
    posted.push([`${request.headers["authorization"] ?? ""}${url.host}${url.pathname}`, alerts])
    const reply = replies.get(url.host) ?? (request.method === "GET" ? statusPage : ok)
    return typeof reply === "function" ? reply(alerts) : reply
  })
  const layer = Layer.provide(
    Alertmanager.layer,
    Layer.merge(
      Http.layerTest(() => client),
      Settings.layerTest({ [keys.urls.name]: urls })
    )
  )
  return Effect.gen(function* () {
    // Moments of the monotonic clock are shown as wall time: away from 1970.
    yield* TestClock.setTime(1_000_000_000_000)
    const sink = yield* Effect.provideContext(Alertmanager, yield* Layer.build(layer))
    if (sink === undefined) throw new Error("not configured")
    yield* self({ sink, posted, said, answer: (host, reply) => void replies.set(host, reply) })
  }).pipe(Effect.provide(Logger.layer([Logger.make<unknown, void>(({ message }) => void said.push(String(message)))])))
}

const pair = "http://am1:9093 http://am2:9093"

describe("what is sent", () => {
  it.effect("is everything, to every member, by stable labels, with an end a little ahead", () =>
    bench(pair, ({ sink, posted }) =>
      Effect.gen(function* () {
        const offsetMs = 1_000_000_000_000
        const nowMs = 1_000_000_000_000
        const at = { ...rendering, nowMs }

        yield* sink.send([levelOf("container:api", { sinceMs: nowMs - 50_000 })], at)
        yield* TestClock.adjust("1 minute")
        yield* sink.send([levelOf("container:api", { sinceMs: nowMs - 50_000 })], { ...at, nowMs: nowMs + 60_000 })

        assert.deepStrictEqual(
          posted.map(([where]) => where),
          Array.from({ length: 2 }, () => ["am1:9093/api/v2/alerts", "am2:9093/api/v2/alerts"]).flat()
        )
        const [first, second] = [posted[0]?.[1][0], posted[2]?.[1][0]]
        assert.deepStrictEqual(first, {
          labels: {
            alertname: "container",
            host: "box",
            job: "orchestrator-watchdog",
            name: "api",
            severity: "critical",
            signal: "container:api"
          },
          annotations: {
            summary: "container:api exited",
            description: "since at 999999950 (50 s) · box",
            details: "image x"
          },
          startsAt: new Date(offsetMs - 50_000).toISOString(),
          endsAt: new Date(offsetMs + 240_000).toISOString()
        })
        assert.deepStrictEqual([second?.labels, second?.startsAt], [first?.labels, first?.startsAt])
        assert.strictEqual(second?.endsAt, new Date(offsetMs + 300_000).toISOString())
        assert.deepStrictEqual([sink.resendEveryMs, sink.resendEndedMs], [60_000, 900_000])
      })
    )
  )

  it.effect("ends when it ended, never before it began, and says so", () =>
    bench("http://am1:9093", ({ sink, posted }) =>
      Effect.gen(function* () {
        yield* sink.send([levelOf("a:b", { endedMs: 40_000 }), levelOf("a:c", { endedMs: 5_000 })], rendering)

        const [one, other] = posted[0]?.[1] ?? []
        assert.isAbove(Date.parse(one?.endsAt ?? ""), Date.parse(one?.startsAt ?? ""))
        assert.strictEqual(Date.parse(one?.endsAt ?? "") - Date.parse(one?.startsAt ?? ""), 30_000)
        assert.strictEqual(other?.endsAt, other?.startsAt)
        assert.strictEqual(one?.annotations["summary"], "a:b recovered")
      }))
  )

  it.effect("keeps a path, takes the API's off, and the password goes into a header", () =>
    bench("https://me:hunter2@proxy/am/ http://am2:9093/api/v2/alerts", ({ sink, posted }) =>
      Effect.gen(function* () {
        yield* sink.send(down, rendering)

        assert.deepStrictEqual(
          posted.map(([where]) => where),
          [`Basic ${Buffer.from("me:hunter2").toString("base64")}proxy/am/api/v2/alerts`, "am2:9093/api/v2/alerts"]
        )
        assert.strictEqual(sink.destination, "Alertmanager at proxy, am2:9093")
      }))
  )

  it.effect("comes in batches, and nothing is sent of nothing", () =>
    bench("http://am1:9093", ({ sink, posted }) =>
      Effect.gen(function* () {
        yield* sink.send([], rendering)
        yield* sink.send(
          Array.from({ length: 150 }, (_, at) => levelOf(`container:c${at}`)),
          rendering
        )

        assert.deepStrictEqual(
          posted.map(([, alerts]) => alerts.length),
          [64, 64, 22]
        )
      }))
  )

  it.effect("has annotations that are bounded and clean", () =>
    bench("http://am1:9093", ({ sink, posted }) =>
      Effect.gen(function* () {
        const evidence = { summary: "\uD800\u0000", details: ["d".repeat(9_000)] }
        yield* sink.send([levelOf("a:b", { evidence })], rendering)

        const { summary = "", details = "" } = posted[0]?.[1][0]?.annotations ?? {}
        assert.deepStrictEqual([summary, details.length], ["a:b \uFFFD\uFFFD", 4_000])
      }))
  )
})

describe("a member that fails", () => {
  it.effect("is said once and is the sink's problem, while another takes everything", () =>
    bench(pair, ({ sink, posted, answer, said }) =>
      Effect.gen(function* () {
        answer("am2:9093", { errno: "ECONNREFUSED" })
        for (let times = 0; times < 3; times++) yield* sink.send(down, rendering)
        const problem = yield* sink.problem ?? Effect.succeed(null)
        answer("am2:9093", ok)
        yield* sink.send(down, rendering)

        assert.strictEqual(posted.length, 8)
        assert.strictEqual(problem, "Alertmanager am2:9093 cannot be reached: connection refused")
        assert.isNull(yield* sink.problem ?? Effect.succeed("?"))
        assert.deepStrictEqual(said, [
          "Alertmanager am2:9093 cannot be reached: connection refused; the other members are told all the same",
          "Alertmanager am2:9093 works again"
        ])
      })
    )
  )

  it.effect("keeps nobody waiting but itself: each has a time of its own", () =>
    bench(pair, ({ sink, posted, answer }) =>
      Effect.gen(function* () {
        answer("am1:9093", "hang")
        const sending = yield* Effect.forkChild(sink.send(down, rendering))
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(posted.length, 2)
        yield* TestClock.adjust("10 seconds")

        yield* Fiber.join(sending)
      })
    )
  )

  it.effect("fails the sink where it is not alone, with the most hopeful reason", () =>
    bench(pair, ({ sink, answer }) =>
      Effect.gen(function* () {
        answer("am1:9093", { status: 403, headers: {}, body: "" })
        answer("am2:9093", { status: 503, headers: { "retry-after": "7" }, body: "" })
        const hopeful = yield* Effect.flip(sink.send(down, rendering))
        answer("am2:9093", { status: 401, headers: {}, body: "" })
        const hopeless = yield* Effect.flip(sink.send(down, rendering))

        assert.deepStrictEqual([hopeful.reason, hopeful.retryable, hopeful.retryAfterMs], ["Server", true, 7_000])
        assert.strictEqual(
          hopeful.message,
          "Alertmanager am1:9093 answered with status 403; Alertmanager am2:9093 answered with status 503"
        )
        assert.deepStrictEqual([hopeless.reason, hopeless.retryable], ["Forbidden", false])
      })
    )
  )
})

describe("an alert that is refused", () => {
  const refusing =
    (bad: string) =>
    (alerts: ReadonlyArray<PostedAlert>): Reply =>
      alerts.some(({ labels }) => labels["name"]?.startsWith(bad) === true)
        ? { status: 400, headers: {}, body: JSON.stringify("invalid label set: no") }
        : ok

  it.effect("is found, named in the log, and holds up none of the others", () =>
    bench("http://am1:9093", ({ sink, posted, answer, said }) =>
      Effect.gen(function* () {
        answer("am1:9093", refusing("bad"))
        const levels = Array.from({ length: 50 }, (_, at) => levelOf(at === 17 ? "container:bad" : `container:c${at}`))

        yield* sink.send(levels, rendering)

        assert.deepStrictEqual(said, ["Alertmanager am1:9093 refuses container:bad: invalid label set: no"])
        assert.isBelow(posted.length, 15)
      }))
  )

  it.effect("is Rejected where nothing else was taken", () =>
    bench("http://am1:9093", ({ sink, posted, answer }) =>
      Effect.gen(function* () {
        answer("am1:9093", refusing(""))

        const error = yield* Effect.flip(
          sink.send(
            Array.from({ length: 1_000 }, (_, at) => levelOf(`container:c${at}`)),
            rendering
          )
        )

        assert.deepStrictEqual([error.reason, error.retryable], ["Rejected", true])
        assert.isAtMost(posted.length, 200)
      }))
  )
})

describe("verify", () => {
  it.effect("names what it found at each member, and sends nothing", () =>
    bench(pair, ({ sink, posted, answer }) =>
      Effect.gen(function* () {
        answer("am2:9093", { errno: "ENOTFOUND" })

        assert.strictEqual(
          yield* sink.verify,
          "am1:9093 0.25.0, cluster ready; Alertmanager am2:9093 cannot be reached: no such host (DNS)"
        )
        assert.deepStrictEqual(
          posted.map(([where, alerts]) => [where, alerts.length]),
          [
            ["am1:9093/api/v2/status", 0],
            ["am2:9093/api/v2/status", 0]
          ]
        )
      })
    )
  )

  it.effect("fails where no member answers as one", () =>
    bench("http://am1:9093", ({ sink, answer }) =>
      Effect.gen(function* () {
        answer("am1:9093", { status: 404, headers: {}, body: "<html>" })

        const { retryable, message } = yield* Effect.flip(sink.verify)

        assert.deepStrictEqual([retryable, message], [false, "Alertmanager am1:9093 answered with status 404"])
      }))
  )
})

describe("settings", () => {
  it.effect("make no sink without members", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* Alertmanager)
    }).pipe(Effect.provide(Layer.provide(Alertmanager.layer, Layer.merge(Http.layer, Settings.layerTest()))))
  )
})

describe("over real HTTP", () => {
  it.live("each member gets the same bytes", () =>
    Effect.gen(function* () {
      const bodies: Array<string> = []
      const member = Effect.map(
        Effect.suspend(() =>
          listening(
            http.createServer((request, response) => {
              const chunks: Array<Buffer> = []
              request.on("data", (chunk: Buffer) => void chunks.push(chunk))
              request.on("end", () => (bodies.push(Buffer.concat(chunks).toString()), response.end()))
            })
          )
        ),
        ({ port }) => `http://127.0.0.1:${port}`
      )
      const urls = `${yield* member},${yield* member}`
      const sink = yield* Effect.provideContext(
        Alertmanager,
        yield* Layer.build(
          Layer.provide(Alertmanager.layer, Layer.merge(Http.layer, Settings.layerTest({ [keys.urls.name]: urls })))
        )
      )

      yield* sink?.send(down, rendering) ?? Effect.void

      assert.strictEqual(bodies.length, 2)
      assert.strictEqual(bodies[0], bodies[1])
    })
  )
})
