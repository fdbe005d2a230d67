import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { HttpClient } from "effect/http"
import { Http } from "../../src/base/Http.ts"
import { Settings } from "../../src/base/Keys.ts"
import { Output } from "../../src/base/Output.ts"
import { hostFs } from "../../src/collector/host/HostFs.ts"
import { type Checked, check, checkText, lookAtAll } from "../../src/commands/Check.ts"
import { makeFakeHost } from "../../src/testing/FakeHost.ts"
import * as FakeEngineServer from "../../src/testing/FakeEngineServer.ts"
import { type Reply, clientOf } from "../../src/testing/InMemory.ts"
import { wellOrchestrator } from "../../src/testing/Scenario.ts"

interface Desk {
  readonly engine: Effect.Success<ReturnType<typeof FakeEngineServer.make>>
  readonly out: Array<string>
  readonly setOrchestrator: (reply: Reply) => void
}

const inWorld = <A>(
  self: (desk: Desk) => Effect.Effect<A, never, Http | Settings | Output>,
  env: Readonly<Record<string, string>> = {}
) =>
  Effect.gen(function* () {
    const engine = yield* FakeEngineServer.make()
    let orchestrator: Reply = wellOrchestrator
    const out: Array<string> = []
    const toEngine = FakeEngineServer.client(engine)
    const toOrchestrator: HttpClient.HttpClient = clientOf(() => orchestrator)
    return yield* self({ engine, out, setOrchestrator: (reply) => void (orchestrator = reply) }).pipe(
      Effect.provide(
        Layer.mergeAll(
          Http.layerTest((route) => (route._tag === "Unix" ? toEngine : toOrchestrator)),
          Output.layerMemory(out, []),
          Layer.succeed(hostFs, makeFakeHost().hostFs),
          Settings.layerTest({
            WATCHDOG_DOCKER_HOST: "unix:///fake/docker.sock",
            WATCHDOG_ORCH_METRICS_URL: "http://orchestrator/metrics",
            ...env
          })
        )
      )
    )
  })

const stateOf = (checked: Checked, signal: string): string | undefined =>
  checked.signals.find((one) => one.signal === signal)?.state

describe("one look at everything", () => {
  it.effect("is 0 where all is clear", () =>
    inWorld(({ engine }) =>
      Effect.gen(function* () {
        engine.run({ name: "web", image: "web:1", restart: "always" })
        const checked = yield* Effect.scoped(lookAtAll())

        assert.strictEqual(stateOf(checked, "container:web"), "clear")
        assert.strictEqual(stateOf(checked, "orch_down"), "clear")
        assert.strictEqual(checked.code, 0)
      })
    )
  )

  it.effect("is 1 where something is active, and does not hold it for a deploy's grace", () =>
    inWorld(
      ({ engine }) =>
        Effect.gen(function* () {
          engine.run({ name: "web", image: "web:1", restart: "no" })
          engine.die("web", 3)
          const checked = yield* Effect.scoped(lookAtAll())

          assert.strictEqual(stateOf(checked, "container:web"), "active")
          assert.strictEqual(checked.code, 1)
        }),
      { WATCHDOG_CONTAINERS: "web" }
    )
  )

  it.effect("is 2 where it is blind, whatever else is active", () =>
    inWorld(({ engine, setOrchestrator }) =>
      Effect.gen(function* () {
        engine.goAway("ECONNREFUSED")
        setOrchestrator({ errno: "ECONNREFUSED" })
        const checked = yield* Effect.scoped(lookAtAll())

        assert.strictEqual(stateOf(checked, "source:containers"), "blind")
        assert.strictEqual(stateOf(checked, "orch_down"), "active")
        assert.strictEqual(checked.code, 2)
      })
    )
  )

  it.effect("names who has not answered yet", () =>
    inWorld(() =>
      Effect.gen(function* () {
        const waiting: Array<ReadonlyArray<string>> = []
        yield* Effect.scoped(lookAtAll((names) => Effect.sync(() => void waiting.push(names))))

        assert.include(waiting[0] ?? [], "containers")
        assert.deepStrictEqual(waiting.at(-1), [])
      })
    )
  )

  it.effect("prints JSON for scripts", () =>
    inWorld(({ out }) =>
      Effect.gen(function* () {
        const code = yield* Effect.scoped(check({ json: true }))
        const printed = JSON.parse(out.join("\n")) as Checked

        assert.strictEqual(printed.v, 1)
        assert.strictEqual(printed.code, code)
      })
    )
  )
})

describe("the table", () => {
  const checked: Checked = {
    v: 1,
    code: 2,
    signals: [
      {
        signal: "disk:/",
        collector: "disk",
        severity: "critical",
        state: "clear",
        value: 40,
        summary: "40 % of 10 GiB",
        details: []
      },
      {
        signal: "container:\u001B[2Jx",
        collector: "containers",
        severity: "critical",
        state: "active",
        value: null,
        summary: "exited with code 1",
        details: ["log: boom"]
      },
      {
        signal: "source:memory",
        collector: "memory",
        severity: "critical",
        state: "blind",
        value: null,
        summary: "cannot read",
        details: []
      }
    ],
    collectors: [
      { name: "disk", watches: "disks", off: false, tookMs: 1, problem: null, oddities: ["one mount is odd"] },
      {
        name: "orchestrator",
        watches: "WATCHDOG_ORCH_METRICS_URL is not set",
        off: true,
        tookMs: null,
        problem: null,
        oddities: []
      }
    ]
  }

  it("puts the worst first, then what is odd and what is not watched; a terminal obeys none of it", () => {
    assert.strictEqual(
      checkText(checked),
      [
        "? BLIND   source:memory    cannot read",
        "✖ ACTIVE  container:\u{FFFD}[2Jx  exited with code 1",
        "                           log: boom",
        "✔ ok      disk:/           40 % of 10 GiB",
        "",
        "odd, but no alarm",
        "  disk: one mount is odd",
        "",
        "not watched",
        "  orchestrator: WATCHDOG_ORCH_METRICS_URL is not set"
      ].join("\n")
    )
  })
})
