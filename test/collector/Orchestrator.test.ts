/** The orchestrator's page over real HTTP on loopback, in every way it can be wrong. */
import * as net from "node:net"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Http } from "../../src/base/Http.ts"
import { Settings } from "../../src/base/Keys.ts"
import type { Report, SeenLook } from "../../src/collector/Collector.ts"
import { Orchestrator } from "../../src/collector/Orchestrator.ts"
import {
  type FakeOrchestrator,
  type FakeOrchestratorMode,
  startFakeOrchestrator
} from "../../src/testing/FakeOrchestrator.ts"

const fake = Effect.acquireRelease(
  Effect.promise(() => startFakeOrchestrator()),
  (running) => Effect.promise(() => running.close())
)

const lookAt = (url: string, timeout = "1s", env: Readonly<Record<string, string>> = {}): Effect.Effect<Report> =>
  Effect.gen(function* () {
    const settings = Settings.layerTest({
      ...env,
      WATCHDOG_ORCH_METRICS_URL: url,
      WATCHDOG_TIMEOUT: timeout,
      WATCHDOG_INTERVAL: "10s"
    })
    const context = yield* Layer.build(Orchestrator.layer.pipe(Layer.provide(Layer.merge(Http.layer, settings))))
    return yield* Context.get(context, Orchestrator).collect({ number: 1, asOfMs: 0 })
  }).pipe(Effect.scoped, Effect.orDie)

const only = (report: Report): SeenLook => {
  const [look] = report.looks
  assert.strictEqual(report.looks.length, 1)
  assert.strictEqual(look?.spec.signal, "orch_down")
  assert.strictEqual(look?.look._tag, "Seen")
  return look?.look as SeenLook
}

const withMode = (mode: FakeOrchestratorMode, timeout?: string): Effect.Effect<readonly [SeenLook, FakeOrchestrator]> =>
  Effect.scoped(
    Effect.gen(function* () {
      const running = yield* fake
      running.setMode(mode)
      return [only(yield* lookAt(running.url, timeout)), running] as const
    })
  )

const clear: ReadonlyArray<readonly [string, FakeOrchestratorMode]> = [
  ["Prometheus text", "up"],
  ["OpenMetrics", "openmetrics"],
  ["flat JSON", "json"],
  ["text that takes a while, within the timeout", { delayMs: 200 }]
]

const active: ReadonlyArray<readonly [string, FakeOrchestratorMode, RegExp]> = [
  ["hangs", "hang", /does not answer: no full answer within 1000 ms/],
  ["comes after the timeout", { delayMs: 5_000 }, /does not answer: no full answer within 1000 ms/],
  ["resets the connection", "reset", /does not answer: connection (reset|closed)/],
  ["stops halfway", "half", /does not answer: (connection reset|the connection was cut within the answer)/],
  ["answers 500", { status: 500 }, /answers, but badly: HTTP status 500/],
  ["answers 404", { status: 404 }, /answers, but badly: HTTP status 404/],
  ["answers 302", { status: 302 }, /answers, but badly: HTTP status 302/],
  ["is empty", "empty", /answers, but badly: .*empty/],
  ["is garbage", "garbage", /answers, but badly: not an exposition/],
  ["is a login page", "html", /answers, but badly: .*HTML/],
  ["is OpenMetrics cut short", "truncated", /answers, but badly: .*# EOF/]
]

describe("the orchestrator's page", () => {
  it.live.each(clear)("is a sign of life as %s", ([, mode]) =>
    Effect.gen(function* () {
      const [look] = yield* withMode(mode)

      assert.isFalse(look.active)
      assert.match(look.evidence.summary, /answers with \d+ samples/)
    })
  )

  it.live.each(active)("that %s is evidence of orch_down", ([, mode, reason]) =>
    Effect.gen(function* () {
      const [look] = yield* withMode(mode)

      assert.isTrue(look.active)
      assert.match(look.evidence.summary, reason)
    })
  )

  it.live("of 500 MB is given up at the cap, without reading on", () =>
    Effect.gen(function* () {
      const [look, running] = yield* withMode({ bytes: 500_000_000 }, "5s")

      assert.isTrue(look.active)
      assert.match(look.evidence.summary, /larger than allowed/)
      // The cap is 8 MiB; what lies in buffers on the way comes on top.
      assert.isBelow(running.bytesSent(), 64_000_000)
    })
  )

  it.live("behind a closed port says so", () =>
    Effect.gen(function* () {
      const port = yield* Effect.promise(
        () =>
          new Promise<number>((resolve) => {
            const server = net.createServer().listen(0, "127.0.0.1", () => {
              const address = server.address()
              server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
            })
          })
      )

      const look = only(yield* lookAt(`http://127.0.0.1:${port}/metrics`))

      assert.isTrue(look.active)
      assert.match(look.evidence.summary, /does not answer: connection refused/)
    })
  )

  it.live("on a host that does not exist says so", () =>
    Effect.gen(function* () {
      const look = only(yield* lookAt("http://no-such-host.invalid/metrics"))

      assert.isTrue(look.active)
      assert.match(look.evidence.summary, /does not answer: (no such host|DNS does not answer|no full answer)/)
    })
  )
})

layer(Http.layer)("without a URL", (it) => {
  it.effect("is off, and says which key would turn it on", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(Orchestrator.layer.pipe(Layer.provide(Settings.layerTest())))
      const orchestrator = Context.get(context, Orchestrator)

      assert.isTrue(orchestrator.off)
      assert.include(orchestrator.watches, "WATCHDOG_ORCH_METRICS_URL")
    }).pipe(Effect.scoped)
  )
})

describe("rules", () => {
  const rules = { WATCHDOG_RULES: 'queue: queue_depth{queue="mail"} > 2 for 2m; quiet: jobs_done_total < 0' }
  const withRules = (mode: FakeOrchestratorMode): Effect.Effect<ReadonlyArray<string>> =>
    Effect.scoped(
      Effect.gen(function* () {
        const running = yield* fake
        running.setMode(mode)
        const { looks } = yield* lookAt(running.url, "1s", rules)
        return looks.map(({ spec, look }) =>
          look._tag === "Missed"
            ? `${spec.signal} missed: ${look.reason}`
            : `${spec.severity} ${spec.signal} ${look.active ? "active" : "clear"}: ${look.evidence.summary}`
        )
      })
    )

  it.live("are looked at on the page that was fetched", () =>
    Effect.gen(function* () {
      const [down, ...looks] = yield* withRules("up")

      assert.match(down ?? "", /^critical orch_down clear/)
      assert.deepStrictEqual(looks, [
        'warning rule:queue active: queue_depth{queue="mail"} = 3 > 2, for 2 min',
        "warning rule:quiet clear: jobs_done_total = 1027, not < 0"
      ])
    })
  )

  it.live.each(["reset", "garbage", { status: 500 }] as const)("are missed where the page is no good: %j", (mode) =>
    Effect.gen(function* () {
      const [down, ...looks] = yield* withRules(mode)

      assert.match(down ?? "", /^critical orch_down active/)
      assert.strictEqual(looks.length, 2)
      for (const look of looks) assert.match(look, /^rule:\w+ missed: \/metrics (does not answer|answers, but badly): /)
    })
  )
})
