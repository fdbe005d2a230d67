import * as http from "node:http"
import * as net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Uncancellable } from "../../../src/base/Uncancellable.ts"
import { ill } from "../../../src/collector/probe/Finding.ts"
import { makeProbe, probes, timed } from "../../../src/collector/probe/Probes.ts"
import { makeTrust } from "../../../src/collector/probe/TlsProbe.ts"
import { closedPort, listening, lookupHere, nameServer, targetOf } from "./world.ts"

describe("the time of a probe", () => {
  it.effect("is kept to the millisecond, and what it had come to is kept", () =>
    Effect.gen(function* () {
      const chain = { members: [], problems: [] }
      const running = yield* Effect.forkChild(
        timed(1_000, (progress) =>
          Effect.suspend(() => {
            Object.assign(progress, { phase: "reading the body", answered: true, chain })
            return Effect.never
          })
        )
      )
      yield* TestClock.adjust(999)
      assert.isUndefined(running.pollUnsafe())
      yield* TestClock.adjust(1)

      assert.deepStrictEqual(yield* Fiber.join(running), {
        verdict: "ill",
        answered: true,
        summary: "no full answer within 1000 ms, stuck in reading the body",
        details: [],
        elapsedMs: 1_000,
        chain
      })
    })
  )

  it.effect("is measured where it ends by itself, well or not", () =>
    Effect.gen(function* () {
      const running = yield* Effect.forkChild(
        Effect.all([
          timed(1_000, () => Effect.as(Effect.sleep(120), "fine")),
          timed(1_000, () => Effect.andThen(Effect.sleep(40), Effect.fail(ill("broken", ["here"]))))
        ])
      )
      yield* TestClock.adjust(2_000)
      const [fine, broken] = yield* Fiber.join(running)

      assert.deepInclude(fine, { verdict: "well", summary: "fine", elapsedMs: 120 })
      assert.deepInclude(broken, { verdict: "ill", summary: "broken", details: ["here"], elapsedMs: 40 })
    })
  )
})

const probe = makeProbe(lookupHere, makeTrust(new Uncancellable()))
const witness = (url: string, budgetMs = 500) => probe.witness(targetOf(`w=${url}`), budgetMs)

describe("a witness", () => {
  it.live("is well with any answer, be it an error or a redirect", () =>
    Effect.gen(function* () {
      for (const status of [200, 302, 404, 500]) {
        const server = yield* listening(http.createServer((_, response) => void response.writeHead(status).end()))

        assert.strictEqual((yield* witness(`http://w.test:${server.port}/`)).verdict, "well")
      }
      const server = yield* listening(net.createServer())
      assert.strictEqual((yield* witness(`tcp://w.test:${server.port}`)).verdict, "well")
    }).pipe(Effect.scoped)
  )

  it.live("fails where nothing is heard of it", () =>
    Effect.gen(function* () {
      const silent = yield* listening(net.createServer((socket) => void socket.resume()))
      const urls = [`http://w.test:${silent.port}/`, `tcp://w.test:${yield* closedPort}`, "tcp://w.invalid:1"]

      for (const url of urls) assert.strictEqual((yield* witness(url, 100)).verdict, "ill", url)
    }).pipe(Effect.scoped)
  )

  it.live("of a name fails with the name server, not with the name", () =>
    Effect.gen(function* () {
      const answers = yield* nameServer(() => ({ code: 3, addresses: [] }))
      const fails = yield* nameServer(() => ({ code: 2, addresses: [] }))
      const asked = (port: number) => probe.target(targetOf(`w=dns://e.org#resolver=127.0.0.1:${port}`), 500)

      assert.isTrue((yield* asked(answers.port)).answered)
      assert.isFalse((yield* asked(fails.port)).answered)
    }).pipe(Effect.scoped)
  )
})

describe("the probe of the running watchdog", () => {
  it.live("finds names by the system's lookup", () =>
    Effect.gen(function* () {
      const server = yield* listening(net.createServer())
      const real = yield* yield* Effect.service(probes)

      const found = yield* real.target(targetOf(`a=tcp://localhost:${server.port}`), 2_000)

      assert.strictEqual(found.verdict, "well", found.summary)
    }).pipe(Effect.scoped)
  )
})
