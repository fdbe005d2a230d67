import * as net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Ref } from "effect"
import { TestClock } from "effect/testing"
import { Loops } from "../../src/base/Loops.ts"
import { parseListen, showListen } from "../../src/status/Listen.ts"
import { health, layer } from "../../src/status/StatusServer.ts"

const freePort = Effect.promise(
  () =>
    new Promise<number>((resolve) => {
      const server = net.createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address() as net.AddressInfo
        server.close(() => resolve(port))
      })
    })
)

const ask = (port: number, path = "/healthz", method = "GET") =>
  Effect.promise(async () => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method })
    return { status: response.status, body: await response.text() }
  })

describe("health", () => {
  it.effect("is well while every loop beats, and names the one that has stopped", () =>
    Effect.gen(function* () {
      const loops = yield* Loops
      yield* loops.register("collector disk", 40_000)
      yield* loops.register("collector containers", 40_000)

      yield* TestClock.adjust(Duration.seconds(30))
      yield* loops.beat("collector disk")
      const before = yield* health(Effect.succeed([]))
      yield* TestClock.adjust(Duration.seconds(20))
      const after = yield* health(Effect.succeed([]))

      assert.deepStrictEqual(before, { ok: true, reasons: [] })
      assert.deepStrictEqual(after, { ok: false, reasons: ["collector containers has not ticked for 50 s"] })
    }).pipe(Effect.provide(Loops.layer))
  )

  it.effect("names a monitor that does not run, and a loop that keeps crashing", () =>
    Effect.gen(function* () {
      const loops = yield* Loops
      yield* loops.crashed("dispatcher", "Error: x", true)

      const found = yield* health(Effect.succeed(["container:web"]))

      assert.isFalse(found.ok)
      assert.match(found.reasons.join("\n"), /dispatcher keeps crashing \(1 times\): Error: x/)
      assert.match(found.reasons.join("\n"), /the monitor of container:web does not run/)
    }).pipe(Effect.provide(Loops.layer))
  )
})

describe("/healthz", () => {
  it.live("answers 200, then 503 with the reasons, and 404 elsewhere", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const dead = yield* Ref.make<ReadonlyArray<string>>([])
      yield* Layer.build(layer({ host: "127.0.0.1", port }, Ref.get(dead)))

      const well = yield* ask(port)
      yield* Ref.set(dead, ["orch_down"])
      const ill = yield* ask(port)
      const elsewhere = yield* ask(port, "/nothing")

      assert.deepStrictEqual(well, { status: 200, body: '{"ok":true,"reasons":[]}' })
      assert.strictEqual(ill.status, 503)
      assert.include(ill.body, "the monitor of orch_down does not run")
      assert.strictEqual(elsewhere.status, 404)
    }).pipe(Effect.scoped, Effect.provide(Loops.layer))
  )

  it.live("goes on without a page where the address is taken", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      yield* Layer.build(layer({ host: "127.0.0.1", port }, Effect.succeed([])))

      yield* Layer.build(Layer.fresh(layer({ host: "127.0.0.1", port }, Effect.succeed([]))))

      assert.strictEqual((yield* ask(port)).status, 200)
    }).pipe(Effect.scoped, Effect.provide(Loops.layer))
  )
})

describe("parseListen", () => {
  it.each([
    ["127.0.0.1:9469", { host: "127.0.0.1", port: 9469 }],
    ["[::1]:80", { host: "::1", port: 80 }],
    ["localhost:0", { host: "localhost", port: 0 }],
    ["OFF", "off"]
  ] as const)("reads %s", (raw, wanted) => {
    assert.deepStrictEqual(parseListen(raw), wanted)
    assert.strictEqual(showListen(wanted), raw.toLowerCase())
  })

  it.each(["9469", "127.0.0.1", "127.0.0.1:99999", ":80", "a b:80", ""])("refuses %j", (raw) => {
    assert.isUndefined(parseListen(raw))
  })
})
