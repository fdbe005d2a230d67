/** What a tick over many containers costs: requests, bytes, CPU; against the same list merely parsed as JSON. */
import { Context, Effect, Layer } from "effect"
import { Http } from "../src/base/Http.ts"
import { Settings } from "../src/base/Keys.ts"
import { monotonicMs } from "../src/base/Monotonic.ts"
import { Containers } from "../src/collector/Containers.ts"
import * as FakeEngineServer from "../src/testing/FakeEngineServer.ts"

const ticks = 20

const cpuMs = (since?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1_000
}

const main = Effect.forEach([50, 1_000], (count) =>
  Effect.gen(function* () {
    const engine = yield* FakeEngineServer.make()
    for (let at = 0; at < count; at++) {
      engine.run({
        project: "shop",
        service: `service-${at}`,
        number: 1,
        image: "shop/service:1",
        restart: "always",
        healthcheck: true
      })
    }
    const settings = Settings.layerTest({
      WATCHDOG_DOCKER_HOST: "unix:///fake/docker.sock",
      WATCHDOG_DOCKER_EVENTS: "false"
    })
    const http = Http.layerTest(() => FakeEngineServer.client(engine))
    const context = yield* Layer.build(Containers.layer.pipe(Layer.provide(Layer.merge(http, settings))))
    const collector = Context.get(context, Containers)
    const look = (number: number) => Effect.flatMap(monotonicMs, (asOfMs) => collector.collect({ number, asOfMs }))
    const list = engine.handle({ method: "GET", path: "/v1.44/containers/json?all=1" })
    const body = typeof list === "object" && "body" in list ? list.body : "[]"

    yield* look(1)
    const first = engine.requests.length
    for (let tick = 2; tick <= 5; tick++) yield* look(tick)
    const requestsBefore = engine.requests.length
    const before = process.cpuUsage()
    for (let tick = 6; tick < 6 + ticks; tick++) yield* look(tick)
    const collected = cpuMs(before) / ticks
    const requests = (engine.requests.length - requestsBefore) / ticks

    const served = process.cpuUsage()
    for (let tick = 0; tick < ticks; tick++) engine.handle({ method: "GET", path: "/v1.44/containers/json?all=1" })
    const fake = cpuMs(served) / ticks
    const parsing = process.cpuUsage()
    for (let tick = 0; tick < ticks; tick++) JSON.parse(body)
    const parsed = cpuMs(parsing) / ticks

    console.log(
      `${String(count).padStart(5)} containers: ${first} requests at the first tick, then ${requests} a tick; ${(body.length / 1_024).toFixed(0)} KiB parsed a tick; ` +
        `CPU ${(collected - fake).toFixed(1)} ms a tick (${((collected - fake) / parsed).toFixed(1)} x JSON.parse of it)`
    )
  }).pipe(Effect.scoped)
)

await Effect.runPromise(main)
