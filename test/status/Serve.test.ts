import * as net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Logger, Scope } from "effect"
import { type Handle, serve } from "../../src/status/Serve.ts"

const hello: Handle = (_, response) => Effect.sync(() => void response.end("hello"))

/** What a server says to these bytes, until it closes the connection. */
const say = (port: number, bytes: string, thenEachMs?: number) =>
  Effect.promise(
    () =>
      new Promise<string>((resolve) => {
        let heard = ""
        const socket = net.connect(port, "127.0.0.1", () => socket.write(bytes))
        const drops =
          thenEachMs === undefined ? undefined : setInterval(() => void socket.write("X-Drop: 1\r\n"), thenEachMs)
        socket
          .setEncoding("utf8")
          .on("data", (chunk: string) => (heard += chunk))
          .on("error", () => {})
          .on("close", () => {
            clearInterval(drops)
            resolve(heard)
          })
      })
  )

const quiet = Effect.provide(Logger.layer([]))

describe("a server", () => {
  it.live("says where it listens, and refuses an address that is taken", () =>
    Effect.gen(function* () {
      const where = yield* serve({ host: "127.0.0.1", port: 0 }, hello)
      const again = yield* Effect.flip(serve(where, hello))
      const foreign = yield* Effect.flip(serve({ host: "192.0.2.1", port: 0 }, hello))

      assert.isAbove(where.port, 0)
      assert.strictEqual(again.message, "the address is taken")
      assert.strictEqual(foreign.message, "the address is not of this machine")
    }).pipe(Effect.scoped)
  )

  it.live("answers 500 where a handler dies, and goes on", () =>
    Effect.gen(function* () {
      let broken = true
      const { port } = yield* serve({ host: "127.0.0.1", port: 0 }, (request, response) => {
        if (!broken) return hello(request, response)
        broken = false
        throw new Error("a bug")
      })

      const ill = yield* say(port, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      const well = yield* say(port, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

      assert.match(ill, /^HTTP\/1\.1 500 [\s\S]*a bug in the watchdog/)
      assert.notInclude(ill, "Error: a bug")
      assert.match(well, /^HTTP\/1\.1 200 [\s\S]*hello$/)
    }).pipe(Effect.scoped, quiet)
  )

  it.live(
    "cuts a request that comes drop by drop, one with endless headers and what is no HTTP",
    () =>
      Effect.gen(function* () {
        const patience = { headersMs: 300, requestMs: 400, checkEveryMs: 100 }
        const { port } = yield* serve({ host: "127.0.0.1", port: 0 }, hello, patience)
        const startMs = performance.now()

        const [slow, long, noise] = yield* Effect.all(
          [
            say(port, "GET / HTTP/1.1\r\nHost: x\r\n", 50),
            say(port, `GET / HTTP/1.1\r\nHost: x\r\nCookie: ${"x".repeat(20_000)}\r\n\r\n`),
            say(port, "\u0016\u0003\u0001 hello\r\n\r\n")
          ],
          { concurrency: "unbounded" }
        )

        assert.match(slow, /^HTTP\/1\.1 408 /)
        assert.isBelow(performance.now() - startMs, 2_000)
        assert.match(long, /^HTTP\/1\.1 431 /)
        assert.match(noise, /^HTTP\/1\.1 400 /)
      }).pipe(Effect.scoped),
    20_000
  )

  it.live("closes at once though a connection is kept alive, and within a second though one does not end", () =>
    Effect.gen(function* () {
      const life = yield* Scope.make()
      const { port } = yield* serve({ host: "127.0.0.1", port: 0 }, (request, response) =>
        request.url === "/never" ? Effect.sync(() => void response.write("...")) : hello(request, response)
      ).pipe(Scope.provide(life))
      const idle = yield* Effect.forkChild(say(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
      const open = yield* Effect.forkChild(say(port, "GET /never HTTP/1.1\r\nHost: x\r\n\r\n"))
      yield* Effect.sleep("200 millis")

      const startMs = performance.now()
      yield* Scope.close(life, Exit.void)

      assert.isBelow(performance.now() - startMs, 1_500)
      yield* Effect.timeout(Effect.all([Fiber.join(idle), Fiber.join(open)]), "1 second")
    })
  )
})
