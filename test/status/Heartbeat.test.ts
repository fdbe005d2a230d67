/** The heartbeat: when it is sent, when it is `/fail`, and that nobody reads its URL. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import type { HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { Http } from "../../src/base/Http.ts"
import { Settings } from "../../src/base/Keys.ts"
import { Loops } from "../../src/base/Loops.ts"
import { Output } from "../../src/base/Output.ts"
import * as Heartbeat from "../../src/status/Heartbeat.ts"
import { layerLogger } from "../../src/status/Journal.ts"
import { type Reply, clientOf } from "../../src/testing/InMemory.ts"

const url = "https://hc.example/ping/3c5e-secret?create=1"

interface Ping {
  readonly atS: number
  readonly to: string
  readonly body: string
}

const bodyOf = (request: HttpClientRequest.HttpClientRequest): string =>
  request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""

const ok: Reply = { status: 200, headers: {}, body: "OK" }

/** A monitor elsewhere, and a watchdog whose health the test sets. */
const world = (env: Readonly<Record<string, string>> | null = {}) => {
  const pings: Array<Ping> = []
  const out: Array<string> = []
  const set = {
    complaints: [] as ReadonlyArray<string>,
    sinks: [{ name: "telegram", red: false, problem: null as string | null }],
    reply: ok as Reply,
    nowMs: () => 0
  }
  const client = clientOf((request, to) => {
    pings.push({ atS: Math.round(set.nowMs() / 1_000), to: to.href, body: bodyOf(request) })
    return set.reply
  })
  const layer = Heartbeat.layer({
    complaints: Effect.sync(() => set.complaints),
    sinks: Effect.sync(() => set.sinks)
  }).pipe(
    Layer.provideMerge(layerLogger),
    Layer.provideMerge(
      Layer.mergeAll(
        Http.layerTest(() => client),
        Settings.layerTest(env === null ? {} : { WATCHDOG_HEARTBEAT_URL: url, ...env }),
        Loops.layer,
        Output.layerMemory(out, [])
      )
    )
  )
  const start = Effect.gen(function* () {
    const clock = yield* Effect.clockWith(Effect.succeed)
    set.nowMs = () => clock.currentTimeMillisUnsafe()
  })
  return { pings, out, set, layer, start, times: () => pings.map(({ atS }) => atS) }
}

describe("the heartbeat", () => {
  it.effect("is sent once an interval, the first after a first interval, with a short body", () => {
    const { pings, layer, start, times } = world()
    return Effect.gen(function* () {
      yield* start
      yield* TestClock.adjust("59 seconds")
      const before = pings.length
      yield* TestClock.adjust("181 seconds")

      assert.strictEqual(before, 0)
      assert.deepStrictEqual(times(), [60, 120, 180, 240])
      assert.deepStrictEqual(pings[0], { atS: 60, to: url, body: "ok: every loop ticks, 1 of 1 sinks work" })
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect(
    "is /fail with the reason within seconds of turning bad, its query intact, but never sooner than a minute after the last",
    () => {
      const { pings, layer, start, set, times } = world({ WATCHDOG_HEARTBEAT_INTERVAL: "10m" })
      return Effect.gen(function* () {
        yield* start
        yield* TestClock.adjust("11 minutes")
        set.complaints = ["collector disk has not ticked for 41 s"]
        yield* TestClock.adjust("10 seconds")
        const bad = [...pings]
        set.complaints = []
        yield* TestClock.adjust("40 seconds")
        const soon = pings.length
        yield* TestClock.adjust("60 seconds")

        assert.deepStrictEqual(times(), [600, 665, 725])
        assert.deepStrictEqual(bad[1], {
          atS: 665,
          to: "https://hc.example/ping/3c5e-secret/fail?create=1",
          body: "collector disk has not ticked for 41 s"
        })
        assert.strictEqual(soon, 2)
        assert.strictEqual(pings[2]?.to, url)
      }).pipe(Effect.provide(layer), Effect.scoped)
    }
  )

  it.effect("is /fail at once where the start is bad already, and again each interval", () => {
    const { pings, layer, start, set, times } = world()
    set.sinks = [{ name: "telegram", red: true, problem: "Telegram does not know the bot token" }]
    return Effect.gen(function* () {
      yield* start
      yield* TestClock.adjust("130 seconds")

      assert.deepStrictEqual(times(), [0, 60, 120])
      assert.strictEqual(pings[0]?.body, "no sink works: telegram: Telegram does not know the bot token")
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("is a success while one of two sinks works, and while a sink's trouble is young", () => {
    const { pings, layer, start, set } = world()
    set.sinks = [
      { name: "telegram", red: true, problem: "kicked" },
      { name: "webhook", red: false, problem: null }
    ]
    return Effect.gen(function* () {
      yield* start
      yield* TestClock.adjust("2 minutes")
      const one = pings.map(({ to }) => to)
      set.sinks = [{ name: "telegram", red: false, problem: null }]
      yield* TestClock.adjust("10 seconds")
      set.sinks = [{ name: "telegram", red: false, problem: "connection refused" }]
      yield* TestClock.adjust("295 seconds")
      const young = pings.slice(2).map(({ to }) => to.includes("/fail"))
      yield* TestClock.adjust("70 seconds")

      assert.deepStrictEqual(one, [url, url])
      assert.notInclude(young, true)
      assert.include(pings.at(-1)?.to, "/fail")
      assert.strictEqual(pings.at(-1)?.body, "no sink works: telegram: connection refused")
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  const failures: ReadonlyArray<readonly [string, Reply, ReadonlyArray<number>]> = [
    ["refuses the connection", { errno: "ECONNREFUSED" }, [60, 61, 63, 67, 75]],
    ["answers 500", { status: 500, headers: {}, body: "" }, [60, 61, 63, 67, 75]],
    ["does not know the check", { status: 404, headers: {}, body: "not found" }, [60, 61, 63, 67, 75]],
    ["never answers", "hang", [60, 71, 83, 97]]
  ]

  it.effect.each(failures)(
    "that %s is tried again within its minute, is said once without its URL, and once when it is over",
    ([, reply, tries]) => {
      const { layer, start, set, times, out } = world()
      set.reply = reply
      return Effect.gen(function* () {
        yield* start
        yield* TestClock.adjust("119 seconds")
        const first = times()
        yield* TestClock.adjust("3 minutes")
        set.reply = ok
        yield* TestClock.adjust("3 minutes")

        const said = out.filter((line) => line.includes("heartbeat"))
        assert.deepStrictEqual(first, tries)
        for (let at = 0; at + 5 < times().length; at++) assert.isAbove((times()[at + 5] ?? 0) - (times()[at] ?? 0), 55)
        assert.strictEqual(said.length, 2, said.join("\n"))
        assert.include(said[0], "hc.example is not heard")
        assert.include(said[1], "heard again")
        assert.notInclude(out.join("\n"), "3c5e-secret")
      }).pipe(Effect.provide(layer), Effect.scoped)
    }
  )

  it.effect("says in each try what is true then", () => {
    const { layer, start, set, pings } = world()
    set.reply = { errno: "ECONNRESET" }
    return Effect.gen(function* () {
      yield* start
      yield* TestClock.adjust("62 seconds")
      set.complaints = ["dispatcher keeps crashing"]
      set.reply = ok
      yield* TestClock.adjust("2 seconds")

      assert.deepStrictEqual(
        pings.map(({ to }) => to.includes("/fail")),
        [false, false, true]
      )
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("keeps the reason within what a check stores", () => {
    const { layer, start, set, pings } = world()
    set.complaints = Array.from({ length: 2_000 }, (_, at) => `collector ${at} has not ticked: ü😀`)
    return Effect.gen(function* () {
      yield* start
      yield* TestClock.adjust("1 second")

      const bytes = new TextEncoder().encode(pings[0]?.body ?? "").length
      assert.isAtMost(bytes, 10_000)
      assert.isAbove(bytes, 9_900)
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("is not there where no URL is set", () => {
    const { layer, start, pings } = world(null)
    return Effect.gen(function* () {
      yield* start
      yield* TestClock.adjust("10 minutes")

      assert.strictEqual(pings.length, 0)
      assert.deepStrictEqual(yield* (yield* Loops).all, [])
    }).pipe(Effect.provide(layer), Effect.scoped)
  })
})

describe("failUrl", () => {
  const table: ReadonlyArray<readonly [string, string]> = [
    ["https://hc-ping.com/uuid", "https://hc-ping.com/uuid/fail"],
    ["https://hc-ping.com/uuid/", "https://hc-ping.com/uuid/fail"],
    ["https://hc-ping.com/key/slug?create=1&rid=2", "https://hc-ping.com/key/slug/fail?create=1&rid=2"],
    ["http://u:p@h:8000/ping", "http://u:p@h:8000/ping/fail"]
  ]

  it.each(table)("%s becomes %s", (from, to) => {
    assert.strictEqual(Heartbeat.failUrl(from), to)
  })
})

describe("cutBytes", () => {
  it("never cuts within a character, at whatever length", () => {
    const text = "aü€😀".repeat(20)
    for (let most = 4; most < 200; most++) {
      const cut = Heartbeat.cutBytes(text, most)
      assert.isAtMost(new TextEncoder().encode(cut).length, most)
      assert.notInclude(cut, "\u{FFFD}")
    }
  })
})

describe("the settings", () => {
  it("take a URL, and an interval of at least a minute", () => {
    assert.isTrue(Result.isFailure(Heartbeat.keys.url.parse("hc-ping.com/uuid")))
    assert.isTrue(Result.isFailure(Heartbeat.keys.interval.parse("30s")))
    assert.isTrue(Result.isSuccess(Heartbeat.keys.interval.parse("5m")))
  })
})
