import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Fiber, Layer } from "effect"
import * as TestClock from "effect/testing/TestClock"
import { Http } from "../../src/base/Http.ts"
import { Settings } from "../../src/base/Keys.ts"
import { monotonicMs } from "../../src/base/Monotonic.ts"
import type { Report } from "../../src/collector/Collector.ts"
import { Containers, keys } from "../../src/collector/Containers.ts"
import { ownMountinfo } from "../../src/collector/docker/OwnContainer.ts"
import type { ComposeStep, FakeEngineOptions } from "../../src/testing/FakeEngine.ts"
import { client, make } from "../../src/testing/FakeEngineServer.ts"

const host = "unix:///run/fake.sock"
const intervalMs = 10_000
const minuteMs = 60_000

/** The collector over a fake engine in memory; each tick comes an interval after the last. */
const watch = (given: Readonly<Record<string, string>> = {}, options: Omit<FakeEngineOptions, "nowMs"> = {}) =>
  Effect.gen(function* () {
    const engine = yield* make(options)
    const layer = Containers.layer.pipe(
      Layer.provide(Settings.layerTest({ WATCHDOG_DOCKER_HOST: host, ...given })),
      Layer.provide(Http.layerTest(() => client(engine)))
    )
    const collector = Context.get(yield* Layer.build(layer), Containers)
    let number = 0
    const look = Effect.flatMap(monotonicMs, (asOfMs) => collector.collect({ number: ++number, asOfMs }))
    const pass = (ms: number) => TestClock.adjust(Duration.millis(ms))
    const tick = Effect.andThen(pass(intervalMs), look)
    /** Looks at every tick for so long, and gives what each said of the container. */
    const ticks = (forMs: number, name: string) =>
      Effect.map(Effect.all(Array.from({ length: forMs / intervalMs }, () => tick)), (reports) =>
        reports.map((report) => said(report)[`container:${name}`])
      )
    const newRequests = () => {
      const count = engine.requests.length
      return () => engine.requests.slice(count).map((request) => request.path)
    }
    return { engine, collector, look, pass, tick, ticks, newRequests }
  })

const said = (report: Report): Readonly<Record<string, string>> =>
  Object.fromEntries(
    report.looks.map(({ spec, look }) => {
      if (look._tag === "Missed") return [spec.signal, `${look.held ? "Held" : "Missed"}: ${look.reason}`]
      const how = look.confirmed ? "Confirmed" : look.active ? "Active" : "Clear"
      return [spec.signal, `${how}: ${[look.evidence.summary, ...look.evidence.details].join(" | ")}`]
    })
  )

describe("one container", () => {
  it.effect("is clear while it runs", () =>
    Effect.gen(function* () {
      const { engine, look } = yield* watch()
      engine.run({ name: "web" })

      const report = yield* look

      assert.deepStrictEqual(said(report), { "container:web": "Clear: running" })
      assert.deepStrictEqual([report.complete, report.oddities, report.looks[0]?.spec.severity], [true, [], "critical"])
    })
  )

  it.effect("is held until its health check has answered, then clear", () =>
    Effect.gen(function* () {
      const { engine, look, tick } = yield* watch()
      engine.run({ name: "web", healthcheck: true })

      const starting = yield* look
      engine.health("web", "healthy")
      const healthy = yield* tick

      assert.deepStrictEqual(said(starting), {
        "container:web": "Held: running; its health check has not answered yet"
      })
      assert.deepStrictEqual(said(healthy), { "container:web": "Clear: running, healthy" })
    })
  )

  it.effect("is active while unhealthy, with what its check says now", () =>
    Effect.gen(function* () {
      const { engine, look, tick } = yield* watch()
      engine.run({ name: "web", healthcheck: true })
      engine.health("web", "healthy")
      yield* look

      engine.health("web", "unhealthy", "db:5432\nrefused\n")
      const first = yield* tick
      engine.health("web", "unhealthy", "db:5432 timed out")
      const second = yield* tick
      engine.health("web", "healthy")
      const third = yield* tick

      assert.deepStrictEqual(
        [first, second, third].map((report) => said(report)["container:web"]),
        [
          "Active: running but unhealthy | last check: db:5432 refused | image web:latest",
          "Active: running but unhealthy | last check: db:5432 timed out | image web:latest",
          "Clear: running, healthy"
        ]
      )
    })
  )

  it.effect("is active once it has crashed, and clear once it runs again", () =>
    Effect.gen(function* () {
      const { engine, look, tick, pass } = yield* watch()
      engine.run({ name: "web" })
      yield* look
      yield* pass(minuteMs)

      engine.die("web", 139)
      const crashed = yield* tick
      engine.start("web")
      const back = yield* tick

      assert.deepStrictEqual(said(crashed), {
        "container:web": "Active: exited with code 139 (SIGSEGV, a segmentation fault) | image web:latest"
      })
      assert.deepStrictEqual(said(back), { "container:web": "Clear: running" })
    })
  )

  const restful: ReadonlyArray<readonly [string, string]> = [
    ["no", "Clear: idle: exited with code 0"],
    ["on-failure", "Active: exited with code 0 | image web:latest"],
    ["on-failure:3", "Active: exited with code 0 | image web:latest"],
    ["always", "Active: exited with code 0 | image web:latest"],
    ["unless-stopped", "Active: exited with code 0 | image web:latest"]
  ]
  for (const apiVersion of ["1.41", "1.45"]) {
    for (const [restart, expected] of restful) {
      it.effect(`that was found at rest after exit 0, policy ${restart}, API ${apiVersion}: ${expected}`, () =>
        Effect.gen(function* () {
          const { engine, look, tick, pass } = yield* watch({}, { apiVersion })
          engine.run({ name: "web", restart })
          engine.stop("web", 0)
          yield* look
          yield* pass(minuteMs)

          const report = yield* tick

          assert.deepStrictEqual(said(report), { "container:web": expected })
        })
      )
    }
  }

  it.effect("without a restart policy is expected to run once it was seen running", () =>
    Effect.gen(function* () {
      const { engine, look, tick, pass } = yield* watch()
      engine.run({ name: "web" })
      yield* look
      yield* pass(minuteMs)

      engine.die("web", 0)

      assert.deepStrictEqual(said(yield* tick), { "container:web": "Active: exited with code 0 | image web:latest" })
    })
  )

  it.effect("killed for memory is a fact, not a sample", () =>
    Effect.gen(function* () {
      const { engine, look, tick, pass } = yield* watch()
      engine.run({ name: "web" })
      yield* look
      yield* pass(minuteMs)

      engine.die("web", 137, { oom: true })

      assert.deepStrictEqual(said(yield* tick), {
        "container:web": "Confirmed: killed: out of memory (exited with code 137 (SIGKILL)) | image web:latest"
      })
    })
  )

  it.effect("killed for memory is told within the back-off, too", () =>
    Effect.gen(function* () {
      const { engine, look, tick, pass } = yield* watch()
      engine.run({ name: "web", restart: "always" })
      yield* look
      yield* pass(minuteMs + intervalMs)

      engine.die("web", 137, { oom: true, backoff: true })
      const report = yield* look
      const after = yield* tick

      assert.deepStrictEqual(said(report), {
        "container:web":
          "Confirmed: restarting, last killed: out of memory (exited with code 137 (SIGKILL)) | image web:latest | restarted 1 times by the engine"
      })
      assert.deepStrictEqual(said(after), { "container:web": "Clear: running" })
    })
  )

  it.effect("killed by hand is not called out of memory", () =>
    Effect.gen(function* () {
      const { engine, look, tick, pass } = yield* watch()
      engine.run({ name: "web" })
      yield* look
      yield* pass(minuteMs)

      engine.kill("web")

      assert.deepStrictEqual(said(yield* tick), {
        "container:web": "Active: exited with code 137 (SIGKILL) | image web:latest"
      })
    })
  )

  it.effect("stopped by hand is active: without events nobody can know that it was meant", () =>
    Effect.gen(function* () {
      const { engine, look, tick, pass } = yield* watch()
      engine.run({ name: "web", restart: "unless-stopped" })
      yield* look
      yield* pass(minuteMs)

      engine.stop("web")

      assert.deepStrictEqual(said(yield* tick), {
        "container:web": "Active: exited with code 143 (SIGTERM) | image web:latest"
      })
    })
  )

  it.effect("that is down at our own start is held to the end of the grace, to the millisecond", () =>
    Effect.gen(function* () {
      const { engine, look, pass } = yield* watch()
      engine.run({ name: "web", restart: "always" })
      engine.stop("web")

      const first = yield* look
      yield* pass(29_999)
      const last = yield* look
      yield* pass(1)
      const after = yield* look

      assert.deepStrictEqual(
        [first, last, after].map((report) => said(report)["container:web"]?.split(";")[0]),
        [
          "Held: exited with code 143 (SIGTERM)",
          "Held: exited with code 143 (SIGTERM)",
          "Active: exited with code 143 (SIGTERM) | image web:latest"
        ]
      )
    })
  )

  it.effect("paused is active, and its health, which the engine then calls unhealthy, is not judged", () =>
    Effect.gen(function* () {
      const { engine, look, tick, pass } = yield* watch()
      engine.run({ name: "web", healthcheck: true })
      engine.health("web", "healthy")
      yield* look
      yield* pass(minuteMs)

      engine.pause("web")

      assert.deepStrictEqual(said(yield* tick), { "container:web": "Active: paused | image web:latest" })
    })
  )

  it.effect("created and never started is active with the engine's reason, where it has a policy", () =>
    Effect.gen(function* () {
      const { engine, look, tick, pass } = yield* watch()
      engine.create({ name: "web", restart: "always" })
      engine.start("web", { error: "Bind for 0.0.0.0:80 failed: port is already allocated" })
      engine.create({ name: "template" })
      yield* look
      yield* pass(minuteMs)

      assert.deepStrictEqual(said(yield* tick), {
        "container:web":
          "Active: created but never started | engine: Bind for 0.0.0.0:80 failed: port is already allocated | image web:latest",
        "container:template": "Clear: idle: created but never started"
      })
    })
  )

  it.effect("dead, or in a state nobody knows, is named as such", () =>
    Effect.gen(function* () {
      const { engine, look, tick, pass } = yield* watch()
      engine.run({ name: "web" })
      engine.run({ name: "odd" })
      engine.run({ name: "going" })
      yield* look
      yield* pass(minuteMs)

      engine.removing("web", "dead")
      engine.removing("going")
      engine.mangle("odd", { list: (item) => ({ ...item, State: "hibernating", Status: "" }) })

      assert.deepStrictEqual(said(yield* tick), {
        "container:web":
          "Active: dead: the engine failed to remove it | engine: driver failed to remove root filesystem | image web:latest",
        "container:odd": "Active: in a state unknown to the watchdog: hibernating | image odd:latest",
        "container:going": "Held: being removed"
      })
    })
  )

  it.effect("that was removed is no longer reported", () =>
    Effect.gen(function* () {
      const { engine, look, tick } = yield* watch()
      engine.run({ name: "web" })
      engine.run({ name: "db" })
      yield* look

      engine.remove("web")
      const report = yield* tick

      assert.deepStrictEqual(said(report), { "container:db": "Clear: running" })
      assert.isTrue(report.complete)
    })
  )
})

describe("a restart loop", () => {
  it.effect("that is fast is told at the next look, counts on, and ends after a minute's calm", () =>
    Effect.gen(function* () {
      const { engine, look, ticks, pass } = yield* watch()
      engine.run({ name: "web", restart: "always" })
      yield* look
      yield* pass(minuteMs)
      yield* look

      engine.crashLoop("web", { exitCode: 7 })
      const looping = yield* ticks(30_000, "web")
      engine.settle("web")
      const calming = yield* ticks(120_000, "web")

      assert.deepStrictEqual(looping, [
        "Active: restart loop: 6 starts in the last minute, last exited with code 7 | image web:latest | restarted 7 times by the engine",
        "Active: restart loop: 7 starts in the last minute, last exited with code 7 | image web:latest | restarted 8 times by the engine",
        "Active: restart loop: 8 starts in the last minute, last exited with code 7 | image web:latest | restarted 9 times by the engine"
      ])
      const firstClear = calming.indexOf("Clear: running")
      assert.deepStrictEqual(
        calming.slice(firstClear).filter((text) => text !== "Clear: running"),
        []
      )
      assert.isTrue(calming.slice(0, firstClear).every((text) => text?.startsWith("Active: restart") === true))
      // Starts were counted 10, 20, 30 and 60 s after the first death: at 90 s two are left in the window.
      assert.strictEqual(firstClear, 5)
    })
  )

  it.effect("that is slow, each life sampled as running, is told in its first minute", () =>
    Effect.gen(function* () {
      const { engine, look, ticks, pass } = yield* watch()
      engine.run({ name: "web", restart: "always" })
      yield* look
      yield* pass(minuteMs)
      yield* look

      engine.crashLoop("web", { exitCode: 1, afterMs: 14_000 })
      const minute = yield* ticks(minuteMs, "web")
      const later = yield* ticks(10 * minuteMs, "web")

      assert.match(minute.at(-1) ?? "", /^Active: restart loop: [34] starts in the last minute \| image/)
      assert.isTrue(later.every((text) => /^Active: restart loop: [345] starts/.test(text ?? "")))
    })
  )

  it.effect("does not end in a run of less than ten seconds", () =>
    Effect.gen(function* () {
      const { engine, look, ticks, pass } = yield* watch({ WATCHDOG_INTERVAL: "1s" })
      engine.run({ name: "web", restart: "always" })
      yield* look
      yield* pass(minuteMs)
      yield* look
      engine.crashLoop("web", { exitCode: 7 })
      yield* ticks(minuteMs, "web")
      // The back-off is at 51 s now: a start, then calm.
      engine.settle("web")
      while (engine.get("web").restarting) yield* pass(100)

      const seen: Array<string | undefined> = []
      for (const ms of [5_000, 4_900, 200]) {
        yield* pass(ms)
        seen.push(said(yield* look)["container:web"]?.split(":")[0])
      }

      assert.deepStrictEqual(seen, ["Active", "Active", "Clear"])
    })
  )

  it.effect("that the engine gave up is an exit from the end of the window on, no loop", () =>
    Effect.gen(function* () {
      const { engine, look, ticks, pass } = yield* watch()
      engine.run({ name: "web", restart: "on-failure:3" })
      yield* look
      yield* pass(minuteMs)
      yield* look

      engine.crashLoop("web", { exitCode: 7 })
      const [first, ...later] = yield* ticks(2 * minuteMs, "web")

      assert.match(first ?? "", /^Active: restart loop: 3 starts in the last minute, last exited with code 7 \|/)
      assert.strictEqual(
        later.at(-1),
        "Active: exited with code 7 | image web:latest | restarted 3 times by the engine"
      )
    })
  )

  it.effect("is no loop where it crashed twice, each time seen in the back-off", () =>
    Effect.gen(function* () {
      const { engine, look, pass } = yield* watch()
      engine.run({ name: "web", restart: "always" })
      yield* look
      yield* pass(minuteMs)
      yield* look

      const seen: Array<string | undefined> = []
      for (let n = 0; n < 2; n++) {
        engine.die("web", 1, { backoff: true })
        seen.push(said(yield* look)["container:web"]?.split(" |")[0])
        yield* pass(15_000)
        seen.push(said(yield* look)["container:web"])
      }

      assert.deepStrictEqual(seen, [
        "Active: restarting, last exited with code 1",
        "Clear: running",
        "Active: restarting, last exited with code 1",
        "Clear: running"
      ])
    })
  )

  it.effect("is one, too, where something outside starts it again and again", () =>
    Effect.gen(function* () {
      const { engine, look, tick, pass } = yield* watch()
      engine.run({ name: "web" })
      yield* look
      yield* pass(minuteMs)
      yield* look

      const seen: Array<string | undefined> = []
      for (let n = 0; n < 3; n++) {
        yield* pass(2_000)
        engine.die("web", 0)
        engine.start("web")
        seen.push(said(yield* tick)["container:web"])
        engine.die("web", 0)
        engine.start("web")
        yield* pass(2_000)
        seen.push(said(yield* look)["container:web"])
      }

      assert.deepStrictEqual(seen.slice(0, 3), [
        "Clear: running",
        "Clear: running",
        "Active: restart loop: 3 starts in the last minute | image web:latest"
      ])
    })
  )

  it.effect("is no loop where somebody restarted it twice", () =>
    Effect.gen(function* () {
      const { engine, look, tick, pass } = yield* watch()
      engine.run({ name: "web", restart: "always" })
      yield* look
      yield* pass(minuteMs)
      yield* look

      const seen: Array<string | undefined> = []
      for (let n = 0; n < 2; n++) {
        engine.stop("web")
        engine.start("web")
        yield* pass(1_000)
        seen.push(said(yield* tick)["container:web"])
      }

      assert.deepStrictEqual(seen, ["Clear: running", "Clear: running"])
    })
  )
})

describe("a deploy", () => {
  const steps: ReadonlyArray<ComposeStep> = ["created", "stopped", "removed", "renamed", "started"]

  it.effect("by compose is held at each of its steps, and never active, under one and the same signal", () =>
    Effect.gen(function* () {
      const { engine, look, pass } = yield* watch()
      engine.run({ project: "app", service: "api", restart: "always", image: "api:1" })
      yield* look
      yield* pass(minuteMs)
      yield* look

      const deploy = engine.composeRecreate("app-api-1", { image: "api:2" })
      const seen: Array<Readonly<Record<string, string>>> = []
      for (const step of steps) {
        deploy.to(step)
        seen.push(said(yield* look))
        yield* pass(3_000)
        seen.push(said(yield* look))
      }

      assert.deepStrictEqual(
        seen.map((texts) => Object.entries(texts).map(([signal, text]) => `${signal} ${text.split(/[:;]/)[0]}`)),
        ["Clear", "Clear", "Held", "Held", "Held", "Held", "Held", "Held", "Clear", "Clear"].map((how) => [
          `container:app-api-1 ${how}`
        ])
      )
    })
  )

  it.effect("whose old container is slow to stop is held, however it ends", () =>
    Effect.gen(function* () {
      const { engine, look, pass, tick } = yield* watch()
      yield* look
      engine.run({ project: "app", service: "api" })
      yield* tick
      yield* pass(minuteMs)
      const deploy = engine.composeRecreate("app-api-1")
      deploy.to("created")
      yield* look

      engine.stop("app-api-1", 137)
      const stopped = said(yield* tick)["container:app-api-1"]
      deploy.to("started")
      const started = said(yield* tick)["container:app-api-1"]

      assert.match(stopped ?? "", /^Held: exited with code 137 \(SIGKILL\); held for 30 s more/)
      assert.strictEqual(started, "Clear: running")
    })
  )

  it.effect("that fails ends the grace at once, and names both images", () =>
    Effect.gen(function* () {
      const { engine, look, pass, tick } = yield* watch()
      engine.run({ project: "app", service: "api", image: "api:1" })
      yield* look
      yield* pass(minuteMs)
      engine.composeRecreate("app-api-1", { image: "api:2" }).to("started")
      const started = yield* tick

      engine.die("app-api-1", 1)
      const failed = yield* tick

      assert.deepStrictEqual(said(started), { "container:app-api-1": "Clear: running" })
      assert.deepStrictEqual(said(failed), {
        "container:app-api-1": "Active: exited with code 1 | image api:2, before api:1"
      })
    })
  )

  it.effect("that fails before any look at the replacement alive is told just so", () =>
    Effect.gen(function* () {
      const { engine, look, pass, tick } = yield* watch()
      engine.run({ project: "app", service: "api", image: "api:1" })
      yield* look
      yield* pass(minuteMs)

      engine.composeRecreate("app-api-1", { image: "api:2" }).to("started")
      engine.die("app-api-1", 1)

      assert.deepStrictEqual(said(yield* tick), {
        "container:app-api-1": "Active: exited with code 1 | image api:2, before api:1"
      })
    })
  )

  it.effect("that stays half done is active when the grace is over", () =>
    Effect.gen(function* () {
      const { engine, look, pass, ticks } = yield* watch()
      engine.run({ project: "app", service: "api", image: "api:1" })
      yield* look
      yield* pass(minuteMs)
      engine.composeRecreate("app-api-1", { image: "api:2" }).to("removed")

      const seen = yield* ticks(50_000, "app-api-1")

      assert.deepStrictEqual(
        seen.map((text) => text?.split(":")[0]),
        ["Held", "Held", "Held", "Active", "Active"]
      )
      assert.strictEqual(seen.at(-1), "Active: created but never started | image api:2, before api:1")
    })
  )

  it.effect("of a plain docker rm and run keeps the signal", () =>
    Effect.gen(function* () {
      const { engine, look, pass, tick } = yield* watch()
      engine.run({ name: "web", image: "web:1" })
      yield* look
      yield* pass(minuteMs)
      yield* look

      engine.remove("web")
      engine.create({ name: "web", image: "web:2" })
      const report = yield* tick

      assert.match(said(report)["container:web"] ?? "", /^Held: created but never started; held for 30 s more/)
    })
  )
})

describe("memory", () => {
  it.effect("of a container that has long gone does not make its namesake expected", () =>
    Effect.gen(function* () {
      const { engine, look, pass, tick, ticks } = yield* watch()
      engine.run({ name: "web" })
      yield* look
      engine.remove("web")
      yield* ticks(2 * minuteMs, "web")

      engine.create({ name: "web" })
      yield* tick
      yield* pass(minuteMs)

      assert.deepStrictEqual(said(yield* tick), { "container:web": "Clear: idle: created but never started" })
    })
  )
})

describe("who is watched", () => {
  it.effect("leaves out one-offs and the watchdog's own container", () =>
    Effect.gen(function* () {
      const self = "ab".repeat(32)
      const table = `901 1 254:1 /var/lib/docker/containers/${self}/hosts /etc/hosts rw - ext4 /dev/vda1 rw`
      const { engine, look } = yield* Effect.provideService(watch(), ownMountinfo, () => table)
      engine.run({ project: "app", service: "watchdog", id: self })
      engine.run({ project: "app", service: "migrate", name: "app-migrate-run-1", oneOff: true })
      engine.run({ project: "app", service: "api" })

      assert.deepStrictEqual(said(yield* look), { "container:app-api-1": "Clear: running" })
    })
  )

  it.effect("keeps the replicas of one service apart", () =>
    Effect.gen(function* () {
      const { engine, look, pass, tick } = yield* watch()
      engine.run({ project: "app", service: "api", number: 1 })
      engine.run({ project: "app", service: "api", number: 2 })
      yield* look
      yield* pass(minuteMs)

      engine.die("app-api-2", 1)

      assert.deepStrictEqual(said(yield* tick), {
        "container:app-api-1": "Clear: running",
        "container:app-api-2": "Active: exited with code 1 | image api:latest"
      })
    })
  )

  it.effect("hides no container behind another that has the same labels", () =>
    Effect.gen(function* () {
      const { engine, look, pass, tick } = yield* watch()
      engine.run({ project: "app", service: "api", name: "app-api-1" })
      engine.run({ project: "app", service: "api", name: "copy" })
      yield* look
      yield* pass(minuteMs)

      engine.die("copy", 1)
      const copied = yield* tick
      engine.start("copy")
      engine.die("app-api-1", 1)
      const original = yield* tick

      assert.deepStrictEqual(said(copied), {
        "container:app-api-1": "Clear: running",
        "container:copy": "Active: exited with code 1 | image api:latest"
      })
      assert.deepStrictEqual(said(original), {
        "container:app-api-1": "Active: exited with code 1 | image api:latest",
        "container:copy": "Clear: running"
      })
    })
  )

  it.effect("takes names, services and globs, and leaves out what is excluded", () =>
    Effect.gen(function* () {
      const { engine, look } = yield* watch({
        WATCHDOG_CONTAINERS: "db,app-*,wo?ker",
        WATCHDOG_CONTAINERS_EXCLUDE: "*-test-1,cache"
      })
      for (const service of ["api", "test", "cache"]) engine.run({ project: "app", service })
      engine.run({ project: "other", service: "db" })
      for (const name of ["worker", "workers", "app", "dbx"]) engine.run({ name })

      assert.deepStrictEqual(Object.keys(said(yield* look)).sort(), [
        "container:app-api-1",
        "container:other-db-1",
        "container:worker"
      ])
    })
  )

  it.effect("takes a dot in a name for a dot", () =>
    Effect.gen(function* () {
      const { engine, look } = yield* watch({ WATCHDOG_CONTAINERS: "a.b*" })
      for (const name of ["a.b1", "axb1"]) engine.run({ name })

      assert.deepStrictEqual(Object.keys(said(yield* look)), ["container:a.b1"])
    })
  )

  it("refuses what is no name and no glob", () => {
    const parsed = ["web,db", "app-*", "a b", "web,,db", "../x", "[ab]", ""].map(
      (raw) => keys.containers.parse(raw)._tag
    )

    assert.deepStrictEqual(parsed, ["Success", "Success", "Failure", "Failure", "Failure", "Failure", "Failure"])
  })
})

describe("a required container", () => {
  it.effect("that is absent is held in the grace, then missing, and clear when it comes", () =>
    Effect.gen(function* () {
      const { engine, look, pass, tick } = yield* watch({ WATCHDOG_CONTAINERS: "web" })

      const atStart = yield* look
      yield* pass(29_999)
      const inGrace = yield* look
      yield* pass(1)
      const after = yield* look
      engine.run({ name: "web" })
      const there = yield* tick

      assert.deepStrictEqual(
        [atStart, inGrace, after, there].map((report) => said(report)["container:web"]?.split(";")[0]),
        [
          "Held: missing: there is no such container",
          "Held: missing: there is no such container",
          "Active: missing: there is no such container",
          "Clear: running"
        ]
      )
    })
  )

  it.effect("named by its service is missing under that name, and that is ended when it comes under its own", () =>
    Effect.gen(function* () {
      const { engine, look, pass, tick } = yield* watch({ WATCHDOG_CONTAINERS: "api" })
      yield* look
      yield* pass(minuteMs)
      const absent = yield* look
      engine.run({ project: "app", service: "api" })
      const there = yield* tick

      assert.deepStrictEqual(said(absent), { "container:api": "Active: missing: there is no such container" })
      assert.deepStrictEqual(said(there), {
        "container:app-api-1": "Clear: running",
        "container:api": "Clear: there, as app-api-1"
      })
    })
  )

  it.effect("that was removed is held, then missing, under the name it had, for good", () =>
    Effect.gen(function* () {
      const { engine, look, pass, tick, ticks } = yield* watch({ WATCHDOG_CONTAINERS: "api" })
      engine.run({ project: "app", service: "api" })
      yield* look
      yield* pass(minuteMs)
      yield* look

      engine.remove("app-api-1")
      const seen = yield* ticks(40_000, "app-api-1")
      yield* pass(60 * minuteMs)
      const late = yield* tick

      assert.deepStrictEqual(
        seen.map((text) => text?.split(":")[0]),
        ["Held", "Held", "Active", "Active"]
      )
      assert.deepStrictEqual(said(late), { "container:app-api-1": "Active: missing: there is no such container" })
    })
  )

  it.effect("at rest is active whatever its policy and exit code", () =>
    Effect.gen(function* () {
      const { engine, look, pass, tick } = yield* watch({ WATCHDOG_CONTAINERS: "job,*" })
      engine.run({ name: "job" })
      engine.stop("job", 0)
      engine.run({ name: "other" })
      engine.stop("other", 0)
      yield* look
      yield* pass(minuteMs)

      assert.deepStrictEqual(said(yield* tick), {
        "container:job": "Active: exited with code 0 | image job:latest",
        "container:other": "Clear: idle: exited with code 0"
      })
    })
  )
})

describe("a rude engine", () => {
  it.effect("that lists one malformed container among fifty hides only that one", () =>
    Effect.gen(function* () {
      const { engine, look } = yield* watch()
      for (let n = 1; n <= 50; n++) engine.run({ name: `web${n}` })
      engine.mangle("web7", { list: (item) => ({ ...item, State: { Status: "running" } }) })

      const report = yield* look

      assert.strictEqual(report.looks.length, 49)
      assert.notProperty(said(report), "container:web7")
      assert.isFalse(report.complete)
      assert.strictEqual(report.unseen, "1 of 50 containers cannot be read and are not watched")
    })
  )

  it.effect("that removes a container between list and inspect says nothing of it, and all of the others", () =>
    Effect.gen(function* () {
      const { engine, look } = yield* watch()
      engine.run({ name: "web" })
      engine.run({ name: "gone" })
      engine.beRude({ status: 404 }, { on: "inspect", container: "gone" })

      const report = yield* look

      assert.deepStrictEqual(said(report), { "container:web": "Clear: running" })
      assert.deepStrictEqual(report.oddities, [])
    })
  )

  it.effect("that refuses inspects still gives state, health and exit code, once told", () =>
    Effect.gen(function* () {
      const { engine, look, pass, tick } = yield* watch()
      engine.beRude({ status: 403, html: true }, { on: "inspect" })
      engine.run({ name: "web" })
      engine.run({ name: "sick", healthcheck: true })
      engine.health("sick", "unhealthy", "refused")
      yield* look
      yield* pass(minuteMs)
      engine.die("web", 3)

      const report = yield* tick

      assert.deepStrictEqual(said(report), {
        "container:web": "Active: exited with code 3 | image web:latest",
        "container:sick": "Active: running but unhealthy | image sick:latest"
      })
      assert.isTrue(report.complete)
      assert.deepStrictEqual(report.oddities, [
        "inspect is refused (403): restart policy, restart count and out-of-memory flag are not known"
      ])
    })
  )

  it.effect("that refuses inspects does not hide a restart loop", () =>
    Effect.gen(function* () {
      const { engine, look, pass, ticks } = yield* watch()
      engine.beRude({ status: 403, html: true }, { on: "inspect" })
      engine.run({ name: "web", restart: "always" })
      yield* look
      yield* pass(minuteMs)
      yield* look

      engine.crashLoop("web", { exitCode: 1, afterMs: 12_000 })
      const seen = yield* ticks(minuteMs, "web")

      assert.deepStrictEqual(seen.slice(0, 5), [
        "Clear: running",
        "Clear: running",
        "Clear: running",
        "Active: restart loop: 3 starts in the last minute | image web:latest",
        "Active: restart loop: 4 starts in the last minute | image web:latest"
      ])
    })
  )

  it.effect("that is slow to inspect is taken at its list's word when time is up", () =>
    Effect.gen(function* () {
      const { engine, look, pass } = yield* watch()
      engine.run({ name: "web" })
      yield* look
      yield* pass(minuteMs)
      engine.die("web", 3)
      engine.beRude({ slowMs: 20_000 }, { on: "inspect" })

      const looking = yield* Effect.forkChild(look)
      yield* pass(4_999)
      const before = looking.pollUnsafe()
      yield* pass(1)
      const report = yield* Fiber.join(looking)

      assert.isUndefined(before)
      assert.deepStrictEqual(said(report), { "container:web": "Active: exited with code 3 | image web:latest" })
      assert.strictEqual(report.oddities.length, 1)
      assert.match(report.oddities[0] ?? "", /not every inspect was answered in time|does not answer/)
    })
  )

  it.effect("whose list took most of the time leaves the inspects the rest", () =>
    Effect.gen(function* () {
      const { engine, look, pass } = yield* watch()
      engine.run({ name: "web" })
      engine.beRude({ slowMs: 4_000 }, { on: "list" })
      engine.beRude("hang", { on: "inspect" })

      const looking = yield* Effect.forkChild(look)
      yield* pass(5_000)

      assert.deepStrictEqual(said(yield* Fiber.join(looking)), { "container:web": "Clear: running" })
    })
  )

  it.effect("whose inspect is odd or broken is taken at its list's word", () =>
    Effect.gen(function* () {
      const { engine, look } = yield* watch()
      for (const name of ["web", "odd", "broken"]) engine.run({ name })
      engine.mangle("odd", { inspect: () => ({ State: "running" }) })
      engine.beRude({ status: 500, message: "driver failed" }, { on: "inspect", container: "broken" })

      const report = yield* look

      assert.deepStrictEqual(Object.values(said(report)), ["Clear: running", "Clear: running", "Clear: running"])
      assert.deepStrictEqual(report.oddities, [
        "inspect of odd could not be read",
        `the engine at ${host} answered 500 to inspect of ${engine.get("broken").id.slice(0, 12)}: "driver failed"`
      ])
    })
  )

  it.effect("that answers with a list from before a crash is believed once, and corrected at the next look", () =>
    Effect.gen(function* () {
      const { engine, look, pass, tick } = yield* watch()
      engine.run({ name: "web" })
      yield* look
      yield* pass(minuteMs)
      engine.die("web", 1)
      yield* pass(500)
      engine.beRude({ staleMs: 1_000 }, { on: "list", count: 1 })

      const stale = yield* look
      const fresh = yield* tick

      assert.deepStrictEqual(said(stale), { "container:web": "Clear: running" })
      assert.deepStrictEqual(said(fresh), { "container:web": "Active: exited with code 1 | image web:latest" })
    })
  )

  it.effect("gives containers without names or labels a signal each", () =>
    Effect.gen(function* () {
      const { engine, look } = yield* watch()
      const { id } = engine.run({ name: "web", mangle: { list: (item) => ({ ...item, Names: [], Labels: null }) } })
      engine.run({ name: "db", labels: null })

      assert.deepStrictEqual(said(yield* look), {
        [`container:${id.slice(0, 12)}`]: "Clear: running",
        "container:db": "Clear: running"
      })
    })
  )

  it.effect("that is Podman lists no health: the inspect has it", () =>
    Effect.gen(function* () {
      const { engine, look, tick } = yield* watch({}, { podman: true, apiVersion: "1.41" })
      engine.run({ name: "web", healthcheck: true })
      engine.run({ name: "db" })
      engine.health("web", "healthy")

      const healthy = yield* look
      engine.health("web", "unhealthy", "refused")
      const unhealthy = yield* tick

      assert.deepStrictEqual(said(healthy), {
        "container:db": "Clear: running",
        "container:web": "Clear: running, healthy"
      })
      assert.strictEqual(
        said(unhealthy)["container:web"],
        "Active: running but unhealthy | last check: refused | image web:latest"
      )
    })
  )

  it.effect("that is gone is an error, not an empty list; what was known outlives it", () =>
    Effect.gen(function* () {
      const { engine, look, pass, tick } = yield* watch()
      engine.run({ name: "web" })
      yield* look
      yield* pass(minuteMs)

      engine.goAway("ECONNREFUSED")
      const blind = yield* Effect.flip(tick)
      engine.behave()
      engine.die("web", 255)
      const back = yield* tick

      assert.deepStrictEqual(
        [blind.reason, blind.message],
        ["Unreachable", `the engine at ${host}: connection refused`]
      )
      assert.deepStrictEqual(said(back), {
        "container:web": "Active: exited with code 255 (unknown: the engine lost track of it) | image web:latest"
      })
    })
  )
})

describe("how much it asks", () => {
  it.effect("is one request a tick while nothing changes, whatever is idle", () =>
    Effect.gen(function* () {
      const { engine, look, pass, tick, newRequests } = yield* watch()
      for (let n = 1; n <= 20; n++) engine.run({ name: `web${n}`, healthcheck: n % 2 === 0 })
      for (let n = 2; n <= 20; n += 2) engine.health(`web${n}`, "healthy")
      engine.run({ name: "done" })
      engine.stop("done", 0)
      yield* look
      yield* pass(minuteMs)
      yield* look
      const asked = newRequests()

      for (let n = 0; n < 10; n++) yield* tick

      assert.deepStrictEqual(
        asked(),
        Array.from({ length: 10 }, () => "/v1.44/containers/json?all=1")
      )
    })
  )

  it.effect("is one more for each that changed", () =>
    Effect.gen(function* () {
      const { engine, look, pass, tick, newRequests } = yield* watch()
      const { id } = engine.run({ name: "web", restart: "always" })
      engine.run({ name: "db" })
      yield* look
      yield* pass(minuteMs)
      yield* look
      const asked = newRequests()

      yield* pass(5_000)
      engine.die("web", 1)
      yield* tick

      assert.deepStrictEqual(asked(), ["/v1.44/containers/json?all=1", `/v1.44/containers/${id}/json`])
    })
  )

  it.effect("is one request a tick for a thousand containers, after the first", () =>
    Effect.gen(function* () {
      const { engine, look, pass, tick, newRequests } = yield* watch()
      for (let n = 0; n < 1_000; n++) engine.run({ name: `web${n}` })
      const first = newRequests()
      const report = yield* look
      const atFirst = first().length
      yield* pass(minuteMs)
      yield* look
      const asked = newRequests()

      yield* tick
      yield* tick

      assert.strictEqual(report.looks.length, 1_000)
      assert.strictEqual(atFirst, 1_002)
      assert.strictEqual(asked().length, 2)
    })
  )

  it.effect("is never anything that could change something", () =>
    Effect.gen(function* () {
      const { engine, look, tick } = yield* watch()
      engine.run({ name: "web", restart: "always" })
      engine.crashLoop("web", { exitCode: 1 })
      yield* look
      yield* tick
      yield* tick

      assert.isAbove(engine.requests.length, 4)
      assert.deepStrictEqual(engine.violations, [])
    })
  )
})

describe("the collector", () => {
  it.live("is off where nothing is set and there is no socket", () =>
    Effect.gen(function* () {
      const fallback = keys.host.fallback
      const settings = Layer.succeed(Settings, {
        get: (key) => (key.name === keys.host.name ? ("unix:///no/such/docker.sock" as never) : key.fallback),
        isSet: () => false,
        origin: () => "default"
      })
      const context = yield* Layer.build(
        Containers.layer.pipe(
          Layer.provide(settings),
          Layer.provide(Http.layerTest(() => assert.fail("asked for a client")))
        )
      )
      const collector = Context.get(context, Containers)

      const report = yield* collector.collect({ number: 1, asOfMs: 0 })

      assert.strictEqual(fallback, "unix:///var/run/docker.sock")
      assert.isTrue(collector.off)
      assert.strictEqual(collector.watches, "no container engine at unix:///no/such/docker.sock")
      assert.deepStrictEqual(report, { looks: [], complete: true, oddities: [] })
    })
  )

  it.effect("says what it watches, and keeps to its own interval", () =>
    Effect.gen(function* () {
      const { collector } = yield* watch({ WATCHDOG_CONTAINERS_INTERVAL: "4s" })

      assert.deepStrictEqual(
        [collector.name, collector.watches, collector.off, collector.intervalMs, collector.timeoutMs],
        ["containers", `containers at ${host} and their events`, false, 4_000, 2_000]
      )
    })
  )
})
