/** What events do, over the whole watchdog in a fake world under a test clock: from the engine's line to the message. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { FakeContainerSpec, FakeEngine } from "../../../src/testing/FakeEngine.ts"
import { makeReactions } from "../../../src/collector/docker/Reactions.ts"
import { decodeEvent } from "../../../src/collector/docker/ContainerEvent.ts"
import type { DockerApi } from "../../../src/collector/docker/DockerApi.ts"
import { defaultPolicy } from "../../../src/decision/index.ts"
import * as Scenario from "../../../src/testing/Scenario.ts"
import { quiesce } from "../../queue/scripted.ts"

/** The time of the test clock goes on by this, and whatever is to happen by then has happened. */
const pass = (ms: number) => Effect.andThen(TestClock.adjust(ms), quiesce)
const secondMs = 1_000
const minuteMs = 60_000
const intervalMs = 10_000

/** Runs these, and waits until our own start's grace is over. */
const begin = (
  specs: ReadonlyArray<FakeContainerSpec> = [
    { name: "web", image: "web:1", restart: "unless-stopped" },
    { name: "db" }
  ],
  options: Scenario.ScenarioOptions = {}
) =>
  Effect.gen(function* () {
    const scenario = yield* Scenario.make(options)
    for (const spec of specs) scenario.engine.run(spec)
    yield* scenario.start
    yield* pass(65 * secondMs)
    assert.deepStrictEqual([...scenario.told()], [])
    return scenario
  })

/** `🔴 container:web` for each entry told. */
const entries = (scenario: Scenario.Scenario): ReadonlyArray<string> =>
  scenario
    .told()
    .flatMap((text) => [...text.matchAll(/^(🔴|🟠|🔁|✅|🕓|⚪|〰️) (\S+)/gmu)].map((m) => `${m[1]} ${m[2]}`))

/** On to just after the next tick. */
const toNextTick = (engine: FakeEngine) =>
  Effect.gen(function* () {
    const lists = () => engine.requests.filter(({ endpoint }) => endpoint === "list").length
    const before = lists()
    while (lists() === before) yield* pass(100)
  })

const red = "🔴 container:web"
const green = "✅ container:web"

describe("a crash", () => {
  it.effect("is told at once, and its end by the first scheduled look ten seconds after it runs again", () =>
    Effect.gen(function* () {
      const scenario = yield* begin([{ name: "web", image: "web:1" }])

      scenario.engine.die("web", 139)
      yield* pass(0)
      const atOnce = scenario.told()
      yield* pass(5 * secondMs)
      scenario.engine.start("web")
      yield* pass(9_999)
      const early = entries(scenario)
      yield* pass(10_002)

      assert.strictEqual(atOnce.length, 1)
      assert.match(
        atOnce[0] ?? "",
        /^🔴 container:web exited with code 139 \(SIGSEGV, a segmentation fault\)\nsince 00:01:05 .*\nimage web:1$/
      )
      assert.deepStrictEqual([...early], [red])
      assert.deepStrictEqual([...entries(scenario)], [red, green])
    }).pipe(Effect.scoped)
  )

  it.effect("that its policy mends at once is one alert and one end", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      scenario.engine.die("web", 1)
      yield* pass(0)
      const atOnce = entries(scenario)
      yield* pass(5 * minuteMs)

      assert.deepStrictEqual([...atOnce], [red])
      assert.deepStrictEqual([...entries(scenario)], [red, green])
    }).pipe(Effect.scoped)
  )

  it.effect("of a container that stays down is one alert, whatever the looks say after it", () =>
    Effect.gen(function* () {
      const scenario = yield* begin([{ name: "web" }])

      scenario.engine.die("web", 1)
      yield* pass(10 * minuteMs)

      assert.deepStrictEqual([...entries(scenario)], [red])
    }).pipe(Effect.scoped)
  )

  it.effect("is told in our own start's grace, too", () =>
    Effect.gen(function* () {
      const scenario = yield* Scenario.make()
      scenario.engine.run({ name: "web" })
      yield* scenario.start
      yield* pass(12 * secondMs)

      scenario.engine.die("web", 1)
      yield* pass(0)

      assert.deepStrictEqual([...entries(scenario)], [red])
    }).pipe(Effect.scoped)
  )

  it.effect("with code 0 is none: it is a sample like any other, told after K ticks", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()
      yield* toNextTick(scenario.engine)

      scenario.engine.die("db", 0)
      yield* pass(9_000)
      const first = scenario.told()
      yield* pass(secondMs)
      yield* pass(10 * secondMs)

      assert.deepStrictEqual([...first], [])
      assert.match(scenario.told().join(), /^🔴 container:db exited with code 0/)
      const confirmed = scenario
        .journal()
        .filter((line) => line["signal"] === "container:db" && line["confirmed"] === true)
      assert.deepStrictEqual(confirmed, [])
    }).pipe(Effect.scoped)
  )

  it.effect("of a job that nobody expects to run on is nothing", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()
      yield* toNextTick(scenario.engine)

      scenario.engine.run({ name: "job" })
      yield* pass(secondMs)
      scenario.engine.die("job", 1)
      yield* pass(5 * minuteMs)

      assert.deepStrictEqual([...scenario.told()], [])
    }).pipe(Effect.scoped)
  )

  it.effect("of one of two that share their labels is told under its own name", () =>
    Effect.gen(function* () {
      const labels = {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "api",
        "com.docker.compose.container-number": "1"
      }
      const scenario = yield* begin([
        { name: "copy", labels },
        { name: "shop-api-1", labels }
      ])

      scenario.engine.die("copy", 1)
      yield* pass(0)
      scenario.engine.die("shop-api-1", 2)
      yield* pass(5 * minuteMs)

      assert.sameMembers([...entries(scenario)], ["🔴 container:copy", "🔴 container:shop-api-1"])
      assert.match(scenario.told()[0] ?? "", /container:copy exited with code 1/)
    }).pipe(Effect.scoped)
  )
})

describe("an inspect", () => {
  it.effect("that hangs delays a crash by 250 ms and no more", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()
      scenario.engine.beRude("hang", { on: "inspect" })

      scenario.engine.die("db", 1)
      yield* pass(249)
      const before = entries(scenario)
      yield* pass(1)

      assert.deepStrictEqual([...before], [])
      assert.deepStrictEqual([...entries(scenario)], ["🔴 container:db"])
    }).pipe(Effect.scoped)
  )

  it.effect("that hangs for a look of less weight is left when the crash comes", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()
      scenario.engine.beRude("hang", { on: "inspect" })

      scenario.engine.pause("db")
      yield* pass(200)
      scenario.engine.unpause("db")
      scenario.engine.die("db", 1)
      yield* pass(250)

      assert.deepStrictEqual([...entries(scenario)], ["🔴 container:db"])
    }).pipe(Effect.scoped)
  )

  it.effect("that hangs leaves the log no more time either", () =>
    Effect.gen(function* () {
      const scenario = yield* begin(undefined, { env: { WATCHDOG_CONTAINER_LOG_LINES: "3" } })
      scenario.engine.beRude("hang")

      scenario.engine.die("db", 1)
      yield* pass(250)

      assert.deepStrictEqual([...entries(scenario)], ["🔴 container:db"])
    }).pipe(Effect.scoped)
  )

  const refusals: ReadonlyArray<readonly [string, Parameters<FakeEngine["beRude"]>[0]]> = [
    ["is refused", { status: 403, html: true }],
    ["fails", { status: 500 }],
    ["is cut", "reset"],
    ["is broken", "brokenJson"],
    ["is of a container that has gone", { status: 404 }]
  ]
  it.effect.each(refusals)("that %s delays a crash not at all", ([, rudeness]) =>
    Effect.gen(function* () {
      const scenario = yield* begin()
      scenario.engine.beRude(rudeness, { on: "inspect" })

      scenario.engine.die("db", 3)
      yield* pass(0)

      assert.match(scenario.told().join(), /^🔴 container:db exited with code 3/)
    }).pipe(Effect.scoped)
  )

  it.effect("that hangs for one container delays no other", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 12 }, (_, at) => `svc-${at}`)
      const scenario = yield* begin(names.map((name) => ({ name })))
      scenario.engine.beRude("hang", { on: "inspect" })

      for (const name of names) scenario.engine.die(name, 1)
      yield* pass(250 + 1_000)

      assert.sameMembers(
        [...entries(scenario)],
        names.map((name) => `🔴 container:${name}`)
      )
      const lateMs = scenario
        .journal()
        .filter((line) => line["event"] === "decision" && line["kind"] === "alert")
        .map((line) => Number(line["atMs"]) - Number(line["sinceMs"]))
      assert.isTrue(lateMs.every((ms) => ms <= 250))
    }).pipe(Effect.scoped)
  )
})

describe("a stale list", () => {
  it.effect("asked for before a crash and answered after it does not clear it", () =>
    Effect.gen(function* () {
      const scenario = yield* begin([{ name: "web" }])
      yield* toNextTick(scenario.engine)

      scenario.engine.beRude({ slowMs: 3_000 }, { on: "list", count: 1 })
      yield* toNextTick(scenario.engine)
      scenario.engine.die("web", 1)
      yield* pass(0)
      const atOnce = entries(scenario)
      yield* pass(5 * minuteMs)

      assert.deepStrictEqual([...atOnce], [red])
      assert.deepStrictEqual([...entries(scenario)], [red])
    }).pipe(Effect.scoped)
  )

  it.effect("from before a recreate does not bring the old container back, nor lose which image came before", () =>
    Effect.gen(function* () {
      const scenario = yield* begin([{ name: "web", image: "web:1" }])
      yield* toNextTick(scenario.engine)

      scenario.engine.beRude({ slowMs: 3_000 }, { on: "list", count: 1 })
      yield* toNextTick(scenario.engine)
      scenario.engine.remove("web")
      scenario.engine.run({ name: "web", image: "web:2" })
      yield* pass(4_000)
      scenario.engine.die("web", 1)
      yield* pass(5 * minuteMs)

      assert.deepStrictEqual([...entries(scenario)], [red])
      assert.match(scenario.told()[0] ?? "", /image web:2, before web:1/)
    }).pipe(Effect.scoped)
  )
})

describe("a stop that was meant", () => {
  for (const stopOrder of ["stopFirst", "dieFirst"] as const) {
    it.effect(`is silent through the grace, then told after K ticks if it stays down (${stopOrder})`, () =>
      Effect.gen(function* () {
        const scenario = yield* begin(undefined, { engine: { stopOrder } })

        scenario.engine.stop("web")
        yield* pass(30 * secondMs + intervalMs - 1)
        const held = scenario.told()
        yield* pass(intervalMs + 1)

        assert.deepStrictEqual([...held], [])
        assert.deepStrictEqual([...entries(scenario)], [red])
        assert.match(scenario.told()[0] ?? "", /exited with code 143 \(SIGTERM\)/)
      }).pipe(Effect.scoped)
    )

    it.effect(`and undone within the grace, ten times, is nothing (${stopOrder})`, () =>
      Effect.gen(function* () {
        const scenario = yield* begin(undefined, { engine: { stopOrder } })

        for (let round = 0; round < 10; round++) {
          scenario.engine.stop("web", round % 2 === 0 ? 143 : 137)
          yield* pass(25 * secondMs)
          scenario.engine.start("web")
          yield* pass(40 * secondMs)
        }
        yield* pass(5 * minuteMs)

        assert.deepStrictEqual([...scenario.told()], [])
      }).pipe(Effect.scoped)
    )
  }

  it.effect("by docker restart is nothing", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      for (let round = 0; round < 3; round++) {
        scenario.engine.restart("web")
        yield* pass(90 * secondMs)
      }

      assert.deepStrictEqual([...scenario.told()], [])
    }).pipe(Effect.scoped)
  )
})

describe("a KILL", () => {
  it.effect("alone is a crash, told after the second in which it might have been a removal", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      scenario.engine.kill("web")
      yield* pass(999)
      const before = entries(scenario)
      yield* pass(1)

      assert.deepStrictEqual([...before], [])
      assert.match(scenario.told().join(), /^🔴 container:web exited with code 137 \(SIGKILL\)/)
    }).pipe(Effect.scoped)
  )

  it.effect("of docker rm -f is nothing, and nothing ever after", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      scenario.engine.remove("web")
      yield* pass(10 * minuteMs)

      assert.deepStrictEqual([...scenario.told()], [])
    }).pipe(Effect.scoped)
  )

  it.effect("of docker rm -f and a new docker run is nothing, ten times", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      for (let round = 0; round < 10; round++) {
        scenario.engine.remove("web")
        yield* pass(round * 400)
        scenario.engine.run({ name: "web", image: `web:${round + 2}`, restart: "unless-stopped" })
        yield* pass(20 * secondMs)
      }
      yield* pass(5 * minuteMs)

      assert.deepStrictEqual([...scenario.told()], [])
    }).pipe(Effect.scoped)
  )
})

describe("intent", () => {
  it.effect("is used up by one death", () =>
    Effect.gen(function* () {
      const scenario = yield* begin([{ name: "web" }])

      scenario.engine.stop("web")
      yield* pass(2_000)
      scenario.engine.start("web")
      yield* pass(2_000)
      const before = entries(scenario)
      scenario.engine.die("web", 1)
      yield* pass(0)

      assert.deepStrictEqual([...before], [])
      assert.deepStrictEqual([...entries(scenario)], [red])
    }).pipe(Effect.scoped)
  )

  const lives: ReadonlyArray<readonly [stopTimeout: number, afterMs: number, told: boolean]> = [
    [10, 60_000, false],
    [10, 60_001, true],
    [120, 120_000, false],
    [120, 120_001, true]
  ]
  it.effect.each(lives)(
    "with a stop timeout of %s s, and a death %s ms after the signal that is a crash: %s",
    ([stopTimeout, afterMs, told]) =>
      Effect.gen(function* () {
        const mangle = { inspect: withConfig({ StopTimeout: stopTimeout }) }
        const scenario = yield* begin([{ name: "web", mangle }])

        scenario.engine.kill("web", { signal: 15, survives: true })
        yield* pass(afterMs)
        scenario.engine.die("web", 1)
        yield* pass(0)

        assert.deepStrictEqual([...entries(scenario)], told ? [red] : [])
      }).pipe(Effect.scoped)
  )

  it.effect("is in the container's own stop signal, and in no other's", () =>
    Effect.gen(function* () {
      const mangle = { inspect: withConfig({ StopSignal: "SIGUSR1" }) }
      const scenario = yield* begin([{ name: "web", mangle }, { name: "db" }])

      for (const name of ["web", "db"]) scenario.engine.kill(name, { signal: 10, exitCode: 1 })
      yield* pass(0)

      assert.deepStrictEqual([...entries(scenario)], ["🔴 container:db"])
    }).pipe(Effect.scoped)
  )

  it.effect("is not in a HUP: who dies of a reload has crashed", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      scenario.engine.kill("web", { signal: 1, exitCode: 1 })
      yield* pass(0)

      assert.deepStrictEqual([...entries(scenario)], [red])
    }).pipe(Effect.scoped)
  )
})

const withConfig = (config: object) => (document: Readonly<Record<string, unknown>>) => ({
  ...document,
  Config: { ...(document["Config"] as object), ...config }
})

describe("a deploy by compose", () => {
  const steps = ["created", "stopped", "removed", "renamed", "started"] as const

  it.effect.each([0, 300, 1_000, 5_000, 11_000])("with %s ms between its steps is nothing", (paceMs) =>
    Effect.gen(function* () {
      const scenario = yield* begin([{ project: "shop", service: "api", image: "api:1", restart: "always" }])

      for (let version = 2; version < 5; version++) {
        const deploy = scenario.engine.composeRecreate("shop-api-1", { image: `api:${version}` })
        for (const step of steps) {
          deploy.to(step)
          yield* pass(paceMs)
        }
        yield* pass(minuteMs)
      }

      assert.deepStrictEqual([...scenario.told()], [])
    }).pipe(Effect.scoped)
  )

  for (const restart of ["no", "always"]) {
    it.effect(`whose replacement exits 1 is one message with both images and the exit (policy ${restart})`, () =>
      Effect.gen(function* () {
        const scenario = yield* begin([{ project: "shop", service: "api", image: "api:1", restart }])

        scenario.engine.composeRecreate("shop-api-1", { image: "api:2" }).to("started")
        yield* pass(300)
        scenario.engine.crashLoop("shop-api-1", { exitCode: 1, afterMs: 200 })
        yield* pass(200)
        const atOnce = scenario.told()
        yield* pass(5 * minuteMs)

        assert.strictEqual(atOnce.length, 1)
        assert.match(
          atOnce[0] ?? "",
          /^🔴 container:shop-api-1 exited with code 1\nsince .*\nimage api:2, before api:1/
        )
        assert.deepStrictEqual([...entries(scenario)], ["🔴 container:shop-api-1"])
      }).pipe(Effect.scoped)
    )
  }
})

describe("out of memory", () => {
  it.effect("and dead of it is one alert that says so, told with the death", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      scenario.engine.oom("db")
      yield* pass(200)
      const before = entries(scenario)
      scenario.engine.die("db", 137)
      yield* pass(0)
      const atOnce = scenario.told()
      yield* pass(5 * minuteMs)

      assert.deepStrictEqual([...before], [])
      assert.match(atOnce.join(), /^🔴 container:db killed: out of memory \(exited with code 137 \(SIGKILL\)\)/)
      assert.deepStrictEqual([...entries(scenario)], ["🔴 container:db"])
    }).pipe(Effect.scoped)
  )

  it.effect("told of seven times in one moment with the death is one alert", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      scenario.engine.die("web", 137, { oom: true, oomEvents: 7 })
      yield* pass(0)
      yield* pass(5 * minuteMs)

      assert.match(scenario.told()[0] ?? "", /killed: out of memory/)
      assert.deepStrictEqual([...entries(scenario)], [red, green])
    }).pipe(Effect.scoped)
  )

  it.effect("that the container survives is told as such, and ends ten seconds later", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      scenario.engine.oom("web")
      yield* pass(499)
      const before = entries(scenario)
      yield* pass(1)
      const then = scenario.told()
      yield* pass(5 * minuteMs)

      assert.deepStrictEqual([...before], [])
      assert.match(then.join(), /^🔴 container:web a process in it was killed: out of memory/)
      assert.deepStrictEqual([...entries(scenario)], [red, green])
    }).pipe(Effect.scoped)
  )
})

describe("a health check that fails", () => {
  it.effect("is told at once, with its output, and ends by the ten second rule", () =>
    Effect.gen(function* () {
      const scenario = yield* Scenario.make()
      scenario.engine.run({ name: "web", image: "web:1", restart: "always", healthcheck: true })
      scenario.engine.health("web", "healthy")
      yield* scenario.start
      yield* pass(65 * secondMs)

      scenario.engine.health("web", "unhealthy", "db:5432\nrefused")
      yield* pass(0)
      const atOnce = scenario.told()
      yield* pass(minuteMs)
      scenario.engine.health("web", "healthy")
      yield* pass(9_999)
      const early = entries(scenario)
      yield* pass(10_002)

      assert.match(
        atOnce.join(),
        /^🔴 container:web running but unhealthy\nsince 00:01:05 .*\nlast check: db:5432 refused\nimage web:1$/
      )
      assert.deepStrictEqual([...early], [red])
      assert.deepStrictEqual([...entries(scenario)], [red, green])
    }).pipe(Effect.scoped)
  )

  it.effect("is told without its output where the inspect hangs", () =>
    Effect.gen(function* () {
      const scenario = yield* Scenario.make()
      scenario.engine.run({ name: "web", healthcheck: true })
      scenario.engine.health("web", "healthy")
      yield* scenario.start
      yield* pass(65 * secondMs)
      scenario.engine.beRude("hang", { on: "inspect" })

      scenario.engine.health("web", "unhealthy", "db:5432 refused")
      yield* pass(250)

      assert.match(scenario.told().join(), /^🔴 container:web running but unhealthy/)
    }).pipe(Effect.scoped)
  )
})

describe("a pause", () => {
  it.effect("is told after K ticks, of which the event's is the first, and its end when it goes on", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()
      yield* toNextTick(scenario.engine)

      scenario.engine.pause("web")
      yield* pass(9_000)
      const early = entries(scenario)
      yield* pass(secondMs)
      const told = scenario.told()
      scenario.engine.unpause("web")
      yield* pass(2 * intervalMs)

      assert.deepStrictEqual([...early], [])
      assert.match(told.join(), /^🔴 container:web paused/)
      assert.deepStrictEqual([...entries(scenario)], [red, green])
    }).pipe(Effect.scoped)
  )

  it.effect("leaves an unhealthy behind that is not told: the check has not run again since", () =>
    Effect.gen(function* () {
      const scenario = yield* Scenario.make()
      scenario.engine.run({ name: "web", image: "web:1", restart: "always", healthcheck: true })
      scenario.engine.health("web", "healthy")
      yield* scenario.start
      yield* pass(65 * secondMs)

      scenario.engine.pause("web")
      yield* pass(2 * secondMs)
      scenario.engine.unpause("web")
      yield* pass(25 * secondMs)
      scenario.engine.health("web", "healthy")
      yield* pass(minuteMs)

      assert.deepStrictEqual([...entries(scenario)], [])
    }).pipe(Effect.scoped)
  )

  it.effect("does not hide a check that fails after it", () =>
    Effect.gen(function* () {
      const scenario = yield* Scenario.make()
      scenario.engine.run({ name: "web", image: "web:1", restart: "always", healthcheck: true })
      scenario.engine.health("web", "healthy")
      yield* scenario.start
      yield* pass(65 * secondMs)

      scenario.engine.pause("web")
      yield* pass(2 * secondMs)
      scenario.engine.unpause("web")
      yield* pass(5 * secondMs)
      scenario.engine.health("web", "unhealthy", "db:5432 refused")
      yield* pass(2 * intervalMs)

      assert.deepStrictEqual([...entries(scenario)], [red])
      assert.match(scenario.told().join(), /^🔴 container:web running but unhealthy\n.*\nlast check: db:5432 refused/)
    }).pipe(Effect.scoped)
  )

  it.effect("for a moment is nothing", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()
      yield* toNextTick(scenario.engine)

      scenario.engine.pause("web")
      yield* pass(5 * secondMs)
      scenario.engine.unpause("web")
      yield* pass(minuteMs)

      assert.deepStrictEqual([...scenario.told()], [])
    }).pipe(Effect.scoped)
  )
})

describe("Podman", () => {
  const podman = { engine: { podman: true } }

  it.effect("tells of a wish only with the death: a crash is told a second after it", () =>
    Effect.gen(function* () {
      const scenario = yield* begin([{ name: "web" }], podman)

      scenario.engine.die("web", 1)
      yield* pass(999)
      const before = entries(scenario)
      yield* pass(1)

      assert.deepStrictEqual([...before], [])
      assert.match(scenario.told().join(), /^🔴 container:web exited with code 1/)
    }).pipe(Effect.scoped)
  )

  for (const stopOrder of ["stopFirst", "dieFirst"] as const) {
    it.effect(`is silent for a stop and start within the grace (${stopOrder})`, () =>
      Effect.gen(function* () {
        const scenario = yield* begin([{ name: "web", restart: "always" }], { engine: { podman: true, stopOrder } })

        for (let round = 0; round < 5; round++) {
          scenario.engine.stop("web")
          yield* pass(20 * secondMs)
          scenario.engine.start("web")
          yield* pass(40 * secondMs)
        }

        assert.deepStrictEqual([...scenario.told()], [])
      }).pipe(Effect.scoped)
    )
  }

  it.effect("is silent for podman rm -f", () =>
    Effect.gen(function* () {
      const scenario = yield* begin([{ name: "web" }], podman)

      scenario.engine.remove("web")
      yield* pass(5 * minuteMs)

      assert.deepStrictEqual([...scenario.told()], [])
    }).pipe(Effect.scoped)
  )

  it.effect("tells of every probe, and is told of once", () =>
    Effect.gen(function* () {
      const scenario = yield* Scenario.make(podman)
      scenario.engine.run({ name: "web", healthcheck: true })
      scenario.engine.health("web", "healthy")
      yield* scenario.start
      yield* pass(65 * secondMs)

      for (let probe = 0; probe < 10; probe++) {
        scenario.engine.health("web", "healthy")
        yield* pass(3 * secondMs)
      }
      scenario.engine.health("web", "unhealthy", "refused")
      yield* pass(0)
      const atOnce = scenario.told()
      for (let probe = 0; probe < 10; probe++) {
        scenario.engine.health("web", "unhealthy", "refused")
        yield* pass(3 * secondMs)
      }

      assert.match(atOnce.join(), /^🔴 container:web running but unhealthy\n.*\nlast check: refused/)
      assert.deepStrictEqual([...entries(scenario)], [red])
    }).pipe(Effect.scoped)
  )
})

describe("a bug in what an event does", () => {
  it.effect("does not die in silence: it is for the supervisor", () =>
    Effect.gen(function* () {
      const api: DockerApi["Service"] = {
        host: "unix:///fake",
        list: Effect.never,
        events: Effect.succeed(Stream.empty),
        inspect: () => Effect.succeed({ _tag: "Gone" }),
        logs: () => Effect.never
      }
      const known = {
        cadence: { intervalMs: 10_000, timeoutMs: 5_000, policy: defaultPolicy },
        ownId: null,
        graceMs: 30_000,
        startMs: 0,
        logLines: 0,
        wanted: [],
        excluded: [],
        memories: new Map(),
        stoodIn: new Set<string>(),
        inspectRefused: false,
        looked: true,
        listeningSinceMs: null,
        podman: false
      }
      const start = decodeEvent(`{"Action":"start","Actor":{"ID":"${"a".repeat(64)}","Attributes":{"name":"web"}}}`)
      const reactions = yield* makeReactions(known, api, () => Effect.die("a bug"))

      if (start !== undefined) yield* reactions.react(start, 0)
      yield* reactions.settle
      const exit = yield* Effect.exit(reactions.broken)

      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    }).pipe(Effect.scoped)
  )
})

describe("a crash loop of ten minutes", () => {
  const headlines = (scenario: Scenario.Scenario): ReadonlyArray<string> =>
    scenario.told().map((text) => text.split("\n").slice(0, 2).join(" | "))

  /** For whoever reads the run: the messages themselves. */
  const print = (title: string, lines: ReadonlyArray<string>): void =>
    void process.stdout.write(`${[title, ...lines].join("\n  ")}\n`)

  const evidence = (scenario: Scenario.Scenario): ReadonlyArray<string> =>
    scenario
      .journal()
      .filter(
        (line) => line["event"] === "observation" && line["signal"] === "container:web" && line["active"] === true
      )
      .map((line) => (line["evidence"] as { readonly summary: string }).summary)

  it.effect("with laps of 1 s is one alert and one end, its count in the evidence", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      for (let lap = 0; lap < 600; lap++) {
        scenario.engine.die("web", 1)
        yield* pass(secondMs)
      }
      const during = entries(scenario)
      yield* pass(10 * minuteMs)

      print("laps of 1 s:", headlines(scenario))
      assert.deepStrictEqual([...during], [red])
      assert.deepStrictEqual([...entries(scenario)], [red, green])
      assert.include(evidence(scenario), "restart loop: 60 starts in the last minute, last exited with code 1")
    }).pipe(Effect.scoped)
  )

  it.effect("with lives of 1 s and the engine's growing back-off is one alert and one end", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      scenario.engine.crashLoop("web", { exitCode: 1, afterMs: 1_000 })
      yield* pass(10 * minuteMs)
      const during = entries(scenario)
      scenario.engine.settle("web")
      yield* pass(10 * minuteMs)

      print("lives of 1 s, back-off:", headlines(scenario))
      assert.deepStrictEqual([...during], [red])
      assert.deepStrictEqual([...entries(scenario)], [red, green])
    }).pipe(Effect.scoped)
  )

  it.effect("with laps of 20 s is told as it becomes one, then silent to its end", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()

      for (let lap = 0; lap < 30; lap++) {
        scenario.engine.die("web", 1)
        yield* pass(0)
        yield* pass(20 * secondMs)
      }
      const during = entries(scenario)
      yield* pass(10 * minuteMs)

      print("laps of 20 s:", headlines(scenario))
      // The first two crashes end by the ten second rule before anyone can know of a third.
      assert.isAtMost(during.length, 5)
      assert.strictEqual(during.at(-1), red)
      assert.strictEqual(entries(scenario).length, during.length + 1)
      assert.strictEqual(entries(scenario).at(-1), green)
      assert.isTrue(evidence(scenario).some((summary) => /restart loop: [34] starts in the last minute/.test(summary)))
    }).pipe(Effect.scoped)
  )
})
