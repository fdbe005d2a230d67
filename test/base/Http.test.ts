import * as http from "node:http"
import type * as net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Http, capBody, errorCode, errorText } from "../../src/base/Http.ts"

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
