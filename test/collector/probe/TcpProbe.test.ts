import * as net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { closedPort, eventually, listening, probe } from "./world.ts"

describe("tcp://", () => {
  it.live("is well where the connection is accepted, even by one who then says nothing", () =>
    Effect.gen(function* () {
      const server = yield* listening(net.createServer())

      const found = yield* probe(`db=tcp://db.test:${server.port}`)

      assert.strictEqual(found.verdict, "well")
      assert.isTrue(found.answered)
      assert.strictEqual(found.summary, "accepts connections")
      assert.isNull(found.chain)
      yield* eventually(() => server.accepted() === 1 && server.open() === 0)
    }).pipe(Effect.scoped)
  )

  it.live("is ill where it is refused", () =>
    Effect.gen(function* () {
      const found = yield* probe(`db=tcp://127.0.0.1:${yield* closedPort}`)

      assert.strictEqual(found.verdict, "ill")
      assert.isFalse(found.answered)
      assert.strictEqual(found.summary, "connection refused")
    })
  )

  it.live("is ill where the name does not exist", () =>
    Effect.gen(function* () {
      const found = yield* probe("db=tcp://db.invalid:5432")

      assert.strictEqual(found.summary, "no such host (DNS)")
    })
  )

  it.live("says that it is the lookup that hangs, and returns in time", () =>
    Effect.gen(function* () {
      const found = yield* probe("db=tcp://db.hangs:5432", 100)

      assert.strictEqual(found.summary, "no full answer within 100 ms, stuck in the DNS lookup")
      assert.isBelow(found.elapsedMs, 1_000)
    })
  )

  it.live("connects anew at each look", () =>
    Effect.gen(function* () {
      const server = yield* listening(net.createServer())

      for (let looks = 0; looks < 3; looks++) yield* probe(`db=tcp://127.0.0.1:${server.port}`)

      yield* eventually(() => server.accepted() === 3 && server.open() === 0)
    }).pipe(Effect.scoped)
  )
})
