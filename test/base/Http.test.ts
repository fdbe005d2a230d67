import * as fs from "node:fs"
import * as http from "node:http"
import * as https from "node:https"
import * as net from "node:net"
import * as tls from "node:tls"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import type { HttpClient } from "effect/http"
import { Http, capBody, errorCode, errorText, neverSent, retryAfterMs } from "../../src/base/Http.ts"
import type { Proxy } from "../../src/base/Proxy.ts"
import { startProxy } from "./proxy.ts"
import { closedPort, eventually, listening, makeAuthority, openssl } from "../collector/probe/world.ts"

const serve = (listener: http.RequestListener) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<{ readonly port: number; readonly server: http.Server }>((resolve) => {
          const server = http.createServer(listener).listen(0, "127.0.0.1", () => {
            resolve({ port: (server.address() as net.AddressInfo).port, server })
          })
        })
    ),
    ({ server }) => Effect.sync(() => (server.close(), server.closeAllConnections()))
  )

describe("a client", () => {
  it.live("sends no tracing headers, and opens a connection for each request", () =>
    Effect.gen(function* () {
      const seen: Array<http.IncomingHttpHeaders> = []
      const ports = new Set<number | undefined>()
      const { port } = yield* serve((request, response) => {
        seen.push(request.headers)
        ports.add(request.socket.remotePort)
        response.end("ok")
      })
      const client = yield* (yield* Http).client({ _tag: "Tcp" })

      for (let at = 0; at < 3; at++) {
        yield* Effect.withSpan(
          Effect.flatMap(client.get(`http://127.0.0.1:${port}/`), (response) => response.text),
          "look"
        )
      }

      assert.strictEqual(ports.size, 3)
      for (const headers of seen) assert.notProperty(headers, "traceparent")
      for (const headers of seen) assert.notProperty(headers, "b3")
    }).pipe(Effect.scoped, Effect.provide(Http.layer), Effect.orDie)
  )

  it.live("stops reading at the cap and says so", () =>
    Effect.gen(function* () {
      const { port } = yield* serve((_, response) => void response.end("x".repeat(100_000)))
      const client = yield* (yield* Http).client({ _tag: "Tcp" })

      const error = yield* client.get(`http://127.0.0.1:${port}/`).pipe(
        Effect.flatMap((response) => response.text),
        capBody(10_000),
        Effect.flip
      )

      assert.strictEqual(errorText(error), "the body is larger than allowed")
    }).pipe(Effect.scoped, Effect.provide(Http.layer), Effect.orDie)
  )

  it.live("puts a refused connection into words, without the URL", () =>
    Effect.gen(function* () {
      const { port, server } = yield* serve(() => undefined)
      yield* Effect.promise(() => new Promise((closed) => server.close(closed)))
      const client = yield* (yield* Http).client({ _tag: "Tcp" })

      const error = yield* Effect.flip(client.get(`http://127.0.0.1:${port}/bot123:secret/getMe`))

      assert.strictEqual(errorText(error), "connection refused")
      assert.notInclude(errorText(error), "secret")
    }).pipe(Effect.scoped, Effect.provide(Http.layer), Effect.orDie)
  )
})

describe.skipIf(!openssl.isHere)(`by a proxy${openssl.orSkip}`, () => {
  const trusted = tls.getCACertificates("default")
  let authority: ReturnType<typeof makeAuthority>
  beforeAll(() => {
    authority = makeAuthority()
    tls.setDefaultCACertificates([...trusted, fs.readFileSync(authority.ca, "utf8")])
  })
  afterAll(() => {
    authority.close()
    tls.setDefaultCACertificates(trusted)
  })

  const secure = Effect.gen(function* () {
    const { key, chain } = authority.make("telegram", { names: ["api.telegram.test"] })
    const seen: Array<http.IncomingHttpHeaders> = []
    const server = https.createServer({ key, cert: chain }, (request, response) => {
      seen.push(request.headers)
      response.end(`${request.method} ${request.url}`)
    })
    return { seen, port: (yield* listening(server)).port }
  })
  const proxyTo = (url: string, no = ""): Proxy => ({ http: Redacted.make(url), https: Redacted.make(url), no })
  const bodyOf = (client: HttpClient.HttpClient, url: string) =>
    Effect.flatMap(client.post(url), (response) => response.text)

  it.live("https goes through a tunnel, to a name that only the proxy knows, and the proxy sees no path", () =>
    Effect.gen(function* () {
      const { seen, port } = yield* secure
      const proxy = yield* startProxy()
      const client = yield* (yield* Http).client({ _tag: "Tcp", proxy: proxyTo(proxy.withPassword) })

      const body = yield* bodyOf(client, `https://api.telegram.test:${port}/bot123:secret/getMe`)

      assert.strictEqual(body, "POST /bot123:secret/getMe")
      const password = `Basic ${Buffer.from("me:hunter2").toString("base64")}`
      assert.deepStrictEqual(proxy.asked, [`CONNECT api.telegram.test:${port} ${password}`])
      assert.notProperty(seen[0] ?? {}, "proxy-authorization")
    }).pipe(Effect.scoped, Effect.provide(Http.layer), Effect.orDie)
  )

  it.live("http is asked of the proxy whole", () =>
    Effect.gen(function* () {
      const { port } = yield* serve((request, response) => void response.end(`${request.method} ${request.url}`))
      const proxy = yield* startProxy()
      const client = yield* (yield* Http).client({ _tag: "Tcp", proxy: proxyTo(proxy.url) })

      assert.strictEqual(yield* bodyOf(client, `http://alertmanager.test:${port}/api`), "POST /api")
      assert.deepStrictEqual(proxy.asked, [`POST http://alertmanager.test:${port}/api -`])
    }).pipe(Effect.scoped, Effect.provide(Http.layer), Effect.orDie)
  )

  it.live("what NO_PROXY names, and this machine, are reached directly; so is all without a proxy", () =>
    Effect.gen(function* () {
      const { port } = yield* serve((_, response) => void response.end("here"))
      const proxy = yield* startProxy()
      const makeClient = (yield* Http).client
      const byProxy = yield* makeClient({ _tag: "Tcp", proxy: proxyTo(proxy.url, "direct.invalid") })
      const past = yield* makeClient({ _tag: "Tcp" })

      assert.strictEqual(yield* bodyOf(byProxy, `http://127.0.0.1:${port}/`), "here")
      assert.strictEqual(yield* bodyOf(byProxy, `http://localhost:${port}/`), "here")
      assert.strictEqual(yield* bodyOf(past, `http://127.0.0.1:${port}/`), "here")
      const unknown = yield* Effect.flip(byProxy.get(`http://direct.invalid:${port}/`))

      assert.match(errorText(unknown), /DNS/)
      assert.deepStrictEqual(proxy.asked, [])
    }).pipe(Effect.scoped, Effect.provide(Http.layer), Effect.orDie)
  )

  it.live("a proxy that refuses is said so, without its address, and nothing was sent", () =>
    Effect.gen(function* () {
      const proxy = yield* startProxy("refuse")
      const client = yield* (yield* Http).client({ _tag: "Tcp", proxy: proxyTo(proxy.withPassword) })

      const error = yield* Effect.flip(client.get("https://api.telegram.test/"))

      assert.strictEqual(errorText(error), "the proxy does not let it through")
      assert.isTrue(neverSent(error))
    }).pipe(Effect.scoped, Effect.provide(Http.layer), Effect.orDie)
  )

  it.live("a proxy that is not there is a refused connection", () =>
    Effect.gen(function* () {
      const client = yield* (yield* Http).client({
        _tag: "Tcp",
        proxy: proxyTo(`http://127.0.0.1:${yield* closedPort}`)
      })

      for (const url of ["https://api.telegram.test/", "http://api.telegram.test/"]) {
        assert.strictEqual(errorText(yield* Effect.flip(client.get(url))), "connection refused")
      }
    }).pipe(Effect.scoped, Effect.provide(Http.layer), Effect.orDie)
  )

  it.live("a request that is given up leaves no connection behind, nor an error that nobody hears", () =>
    Effect.gen(function* () {
      const silent = yield* startProxy("silence")
      const mute = yield* listening(net.createServer((socket) => void socket.resume()))
      const tunnels = yield* startProxy()
      const makeClient = (yield* Http).client
      const unheard: Array<unknown> = []
      const hear = (error: unknown) => void unheard.push(error)
      process.on("uncaughtException", hear)
      for (const [proxy, port] of [
        [silent, 443],
        [tunnels, mute.port]
      ] as const) {
        const client = yield* makeClient({ _tag: "Tcp", proxy: proxyTo(proxy.url) })
        const asking = yield* Effect.forkChild(client.get(`https://api.telegram.test:${port}/`))
        yield* eventually(() => proxy.asked.length === 1)
        yield* Effect.sleep("50 millis")

        yield* Fiber.interrupt(asking)

        yield* eventually(() => proxy.open() === 0)
      }
      yield* eventually(() => mute.open() === 0)
      process.off("uncaughtException", hear)
      assert.deepStrictEqual(unheard, [])
    }).pipe(Effect.scoped, Effect.provide(Http.layer), Effect.orDie)
  )
})

describe("neverSent", () => {
  const withCode = (code: string) => new Error("outer", { cause: Object.assign(new Error(code), { code }) })

  it.each(["ECONNREFUSED", "ENOTFOUND", "CERT_HAS_EXPIRED", "ERR_TLS_CERT_ALTNAME_INVALID", "ERR_PROXY_TUNNEL"])(
    "is certain of %s",
    (code) => assert.isTrue(neverSent(withCode(code)))
  )

  it.each(["ECONNRESET", "EPIPE", "ETIMEDOUT", "HPE_INVALID_CONSTANT"])("is not certain of %s", (code) => {
    assert.isFalse(neverSent(withCode(code)))
  })
})

describe("retryAfterMs", () => {
  const wallMs = Date.parse("2026-11-22T12:00:00Z")

  it.each([
    ["17", 17_000],
    ["0.5", 500],
    ["Sun, 22 Nov 2026 12:01:30 GMT", 90_000],
    ["Sunday, 22-Nov-26 12:01:30 GMT", 90_000],
    ["Sun, 22 Nov 2026 11:00:00 GMT", 0],
    ["99999999999", 86_400_000],
    ["-5", null],
    ["soon", null],
    ["Sunshine", null],
    ["null", null],
    ["", null],
    [undefined, null]
  ])("reads %s", (header, wanted) => {
    assert.strictEqual(retryAfterMs(header, wallMs), wanted)
  })
})

describe("errorCode", () => {
  const withCode = Object.assign(new Error("inner"), { code: "ENOTFOUND" })

  it.each([
    ["at the top", withCode],
    ["below a cause", new Error("outer", { cause: withCode })],
    ["below a reason", { reason: { cause: withCode } }],
    ["in the first of many", new AggregateError([withCode, new Error("other")])]
  ])("finds the errno %s", (_, error) => {
    assert.strictEqual(errorCode(error), "ENOTFOUND")
  })

  it("finds none where there is none, and does not run round in a ring", () => {
    const ring: { cause?: unknown } = {}
    ring.cause = ring

    assert.isUndefined(errorCode(ring))
    assert.isUndefined(errorCode("text"))
    assert.strictEqual(errorText(undefined), "unknown error")
  })
})
