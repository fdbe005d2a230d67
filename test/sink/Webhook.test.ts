import { createHmac } from "node:crypto"
import * as http from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { Http } from "../../src/base/Http.ts"
import { Settings } from "../../src/base/Keys.ts"
import { type Entry, type EntryKind, blankEntry } from "../../src/decision/index.ts"
import type { Draft, MessageSink } from "../../src/sink/Sink.ts"
import { type Payload, Webhook, keys, payloadOf, signature } from "../../src/sink/Webhook.ts"
import { type Reply, clientOf } from "../../src/testing/InMemory.ts"
import { listening } from "../collector/probe/world.ts"

const address = "https://hooks.e.org/s3cret-path"
const secret = "correct-horse-battery"

const entry = (kind: EntryKind, signal = "container:api", more: Partial<Entry> = {}): Entry => ({
  ...blankEntry(kind, signal, "critical"),
  active: kind === "alert",
  sinceMs: 10_000,
  ...more
})
const draftOf = (entries: ReadonlyArray<Entry>, more: Partial<Draft> = {}): Draft => ({
  entries,
  rendering: { nowMs: 60_000, host: "box", timeText: (atMs) => `at ${atMs / 1_000}` },
  alsoActive: 0,
  replyTo: null,
  ...more
})
const alert = draftOf([entry("alert", "container:api", { evidence: { summary: "exited", details: ["image x"] } })])

const makeSink = (http: Layer.Layer<Http>, settings: Readonly<Record<string, string>> = { [keys.url.name]: address }) =>
  Effect.flatMap(
    Layer.build(Layer.provide(Webhook.layer, Layer.merge(http, Settings.layerTest(settings)))),
    (context) => Effect.provideContext(Webhook, context)
  )

const inMemory = (
  reply: Reply,
  self: (sink: MessageSink, posted: ReadonlyArray<Posted>) => Effect.Effect<void, unknown, Scope.Scope>,
  settings: Readonly<Record<string, string>> = {}
) => {
  const posted: Array<Posted> = []
  const client = clientOf((request) => {
    const body = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
    posted.push({ headers: { ...request.headers }, body, payload: JSON.parse(body) as Payload })
    return reply
  })
  return Effect.gen(function* () {
    const sink = yield* makeSink(
      Http.layerTest(() => client),
      { [keys.url.name]: address, ...settings }
    )
    if (sink === undefined) throw new Error("not configured")
    yield* self(sink, posted)
  })
}
interface Posted {
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
  readonly payload: Payload
}
const ok: Reply = { status: 204, headers: {}, body: "" }

describe("the payload", () => {
  it("is that of Alertmanager's webhook, version 4, with the text as worded", () => {
    assert.deepStrictEqual(payloadOf(alert, 1_000_000_000_000), {
      version: "4",
      groupKey: '{}:{host="box"}',
      truncatedAlerts: 0,
      status: "firing",
      receiver: "orchestrator-watchdog",
      groupLabels: { host: "box" },
      commonLabels: {
        alertname: "container",
        host: "box",
        job: "orchestrator-watchdog",
        name: "api",
        severity: "critical",
        signal: "container:api"
      },
      commonAnnotations: {
        kind: "alert",
        summary: "container:api exited",
        description: "since at 10 (50 s) · box",
        details: "image x",
        text: "🔴 container:api exited\nsince at 10 (50 s) · box\nimage x"
      },
      externalURL: "",
      alerts: [
        {
          status: "firing",
          labels: {
            alertname: "container",
            host: "box",
            job: "orchestrator-watchdog",
            name: "api",
            severity: "critical",
            signal: "container:api"
          },
          annotations: {
            kind: "alert",
            summary: "container:api exited",
            description: "since at 10 (50 s) · box",
            details: "image x",
            text: "🔴 container:api exited\nsince at 10 (50 s) · box\nimage x"
          },
          startsAt: "2001-09-09T01:46:50.000Z",
          endsAt: "0001-01-01T00:00:00Z",
          generatorURL: "",
          fingerprint: "8b51c519e9f6c327"
        }
      ]
    })
  })

  it.each([
    ["alert", true, "firing"],
    ["again", true, "firing"],
    ["reminder", true, "firing"],
    ["flapping", true, "firing"],
    ["settled", true, "firing"],
    ["settled", false, "resolved"],
    ["recovered", false, "resolved"],
    ["late", false, "resolved"],
    ["gone", false, "resolved"],
    ["drill", false, "firing"]
  ] as const)("says of %s, active %s: %s", (kind, active, status) => {
    const payload = payloadOf(draftOf([entry(kind, "a:b", { active, endedMs: active ? null : 20_000 })]), 0)

    assert.deepStrictEqual([payload.status, payload.alerts[0]?.status], [status, status])
    assert.strictEqual(payload.alerts[0]?.endsAt === "0001-01-01T00:00:00Z", status === "firing")
  })

  it("is firing if one is, and shares what all share", () => {
    const { status, commonLabels, commonAnnotations } = payloadOf(
      draftOf([entry("recovered", "container:a", { endedMs: 20_000 }), entry("alert", "container:b")]),
      0
    )

    assert.deepStrictEqual([status, commonAnnotations], ["firing", {}])
    assert.deepStrictEqual(Object.keys(commonLabels).sort(), ["alertname", "host", "job", "severity"])
  })

  it("keeps a drill apart from the real thing", () => {
    const [drill] = payloadOf(draftOf([entry("drill", "disk:/")]), 0).alerts

    assert.strictEqual(drill?.labels["alertname"], "drill")
  })

  it("is icon, id and kind where nothing else may be said", () => {
    const [one] = payloadOf({ ...alert, minimal: true }, 0).alerts

    assert.deepStrictEqual(Object.keys(one?.annotations ?? {}).sort(), ["kind", "summary", "text"])
    assert.notInclude(JSON.stringify(one), "exited")
  })

  it("is valid whatever the names and outputs are, and bounded", () => {
    const evil = entry("alert", 'x:"\uD800\u0000\n</script>', {
      evidence: { summary: "s".repeat(5_000), details: ["\uDFFF"] }
    })

    const text = JSON.stringify(payloadOf(draftOf([evil]), 0))

    assert.isTrue(text.isWellFormed())
    assert.isBelow(text.length, 10_000)
  })
})

describe("a message", () => {
  it.effect("is posted once and is delivered by any 2xx", () =>
    inMemory(ok, (sink, posted) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* sink.send(alert), { reference: null, moved: false })
        assert.strictEqual(posted.length, 1)
        assert.notProperty(posted[0]?.headers, "x-watchdog-signature")
        assert.strictEqual(sink.fit(draftOf(Array.from({ length: 300 }, () => entry("alert")))), 100)
      })
    )
  )

  it.effect("is signed with its time, so that the receiver can tell who sent it and when", () =>
    inMemory(
      ok,
      (sink, posted) =>
        Effect.gen(function* () {
          yield* TestClock.adjust("90500 millis")
          yield* sink.send(alert)

          const header = posted[0]?.headers["x-watchdog-signature"] ?? ""
          const [, time = "", hex = ""] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(header) ?? []
          const wanted = createHmac("sha256", secret).update(`${time}.${posted[0]?.body}`).digest("hex")
          assert.deepStrictEqual([time, hex], ["90", wanted])
        }),
      { [keys.secret.name]: secret }
    )
  )

  it("has a signature that others can compute: a known one", () => {
    assert.strictEqual(
      signature(Redacted.make("correct-horse-battery"), 1_700_000_000, '{"version":"4"}'),
      `t=1700000000,v1=${createHmac("sha256", "correct-horse-battery").update('1700000000.{"version":"4"}').digest("hex")}`
    )
  })

  it.effect.each([
    [{ status: 503, headers: { "retry-after": "7" }, body: "" }, "Server", true, 7_000],
    [
      { status: 429, headers: { "retry-after": "Thu, 01 Jan 1970 00:00:09 GMT" }, body: "" },
      "RateLimited",
      true,
      9_000
    ],
    [{ status: 404, headers: {}, body: address }, "NoSuchChat", false, null],
    [{ status: 307, headers: { location: "https://evil.org" }, body: "" }, "NoSuchChat", false, null],
    [{ errno: "ENOTFOUND" }, "Network", true, null]
  ] as const)("is refused as what it is, without the address: %o", ([reply, reason, retryable, retryAfterMs]) =>
    inMemory(
      reply,
      (sink, posted) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(sink.send(alert))

          assert.deepStrictEqual([error.reason, error.retryable, error.retryAfterMs], [reason, retryable, retryAfterMs])
          assert.strictEqual(posted.length, 1)
          for (const hidden of ["s3cret", secret]) assert.notInclude(JSON.stringify(error) + error.message, hidden)
          assert.notInclude(sink.destination, "s3cret")
        }),
      { [keys.secret.name]: secret }
    )
  )

  it.live("is not carried to where a redirect points, and a huge answer does not undo it", () =>
    Effect.gen(function* () {
      const paths: Array<string> = []
      const server = http.createServer((request, response) => {
        paths.push(request.url ?? "")
        if (request.url === "/redirect") response.writeHead(307, { location: "/elsewhere" }).end()
        else response.end("x".repeat(5_000_000))
      })
      const { port } = yield* listening(server)
      const at = (path: string) => makeSink(Http.layer, { [keys.url.name]: `http://127.0.0.1:${port}${path}` })

      const moved = yield* Effect.flip((yield* at("/redirect"))?.send(alert) ?? Effect.void)
      const large = yield* (yield* at("/large"))?.send(alert) ?? Effect.void

      assert.match(String(moved), /redirects are not followed/)
      assert.deepStrictEqual(large, { reference: null, moved: false })
      assert.deepStrictEqual(paths, ["/redirect", "/large"])
    })
  )
})

describe("settings", () => {
  it.effect("make no sink without an address", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* makeSink(Http.layer, {}))
    })
  )

  it.effect("are not checked by sending anything", () =>
    inMemory(ok, (sink, posted) =>
      Effect.gen(function* () {
        yield* sink.verify

        assert.deepStrictEqual(posted, [])
      })
    )
  )
})
