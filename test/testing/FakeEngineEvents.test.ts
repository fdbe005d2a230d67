import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import {
  type FakeEngine,
  type FakeEngineFlow,
  type FakeEngineOptions,
  type FakeEngineRudeness,
  type FakeStreamRudeness,
  makeFakeEngine
} from "../../src/testing/FakeEngine.ts"

interface Told {
  readonly status?: string
  readonly Type: string
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }
  readonly time: number
  readonly HealthStatus?: string
}

const startMs = 1_700_000_000_000

const setUp = (options: Omit<FakeEngineOptions, "nowMs"> = {}) => {
  const clock = { nowMs: startMs }
  const engine = makeFakeEngine({ ...options, nowMs: () => clock.nowMs })
  const pass = (ms: number) => {
    clock.nowMs += ms
    engine.catchUp()
  }
  const listen = (query: Readonly<Record<string, string>> = {}, version = "/v1.41") => {
    const path = `${version}/events?${new URLSearchParams(query).toString()}`
    const answer = engine.handle({ method: "GET", path })
    if (typeof answer === "string" || answer.flow === undefined) throw new Error(`no stream from ${path}`)
    return { ...read(answer.flow), headers: answer.headers }
  }
  return { engine, clock, pass, listen }
}

const read = (flow: FakeEngineFlow) => {
  const chunks: Array<Uint8Array> = []
  const ends: Array<string> = []
  const hangUp = flow.subscribe({ chunk: (bytes) => chunks.push(bytes), end: (how) => ends.push(how) })
  const text = () => Buffer.concat(chunks).toString()
  const lines = () => text().split("\n").slice(0, -1)
  const told = () => lines().map((line) => JSON.parse(line) as Told)
  return { chunks, ends, hangUp, text, lines, told, actions: () => told().map((event) => event.Action) }
}

const fixture = (name: string): ReadonlyArray<Told> =>
  readFileSync(new URL(`../fixtures/docker/26.1-events-${name}.jsonl`, import.meta.url), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Told)

const filters = (given: Readonly<Record<string, ReadonlyArray<string>>>) => ({ filters: JSON.stringify(given) })

/** What must be the same in the real sequence and in the fake's. */
const shape = (events: ReadonlyArray<Told>) =>
  events.map(({ Action, Actor: { Attributes }, ...rest }) => [
    Action.replace(/^(exec_\w+: ).*/, "$1"),
    Object.keys({ Action, Actor: 0, ...rest }).sort(),
    Object.keys(Attributes),
    Attributes["exitCode"],
    Attributes["signal"],
    Attributes["oldName"]?.replace(/^\/[0-9a-f]{12}_/, "/<id12>_")
  ])

type World = ReturnType<typeof setUp>

/** The deeds that the real engine was made to do, after creating and starting. */
const deeds: ReadonlyArray<readonly [string, { readonly restart?: string }, (world: World, name: string) => void]> = [
  ["stop", {}, ({ engine }, name) => engine.stop(name)],
  ["stop-killed", {}, ({ engine }, name) => engine.stop(name, 137)],
  ["stop-while-paused", {}, ({ engine }, name) => (engine.pause(name), engine.stop(name))],
  ["kill", { restart: "unless-stopped" }, ({ engine }, name) => engine.kill(name)],
  ["kill-term", { restart: "always" }, ({ engine }, name) => engine.kill(name, { signal: 15 })],
  [
    "kill-hup",
    {},
    ({ engine }, name) => {
      engine.kill(name, { signal: 1, survives: true })
      engine.remove(name)
    }
  ],
  [
    "crash-restart-always",
    { restart: "always" },
    ({ engine }, name) => {
      for (let n = 0; n < 3; n++) engine.die(name, 3)
    }
  ],
  [
    "on-failure-gave-up",
    { restart: "on-failure:2" },
    ({ engine, pass }, name) => {
      engine.crashLoop(name, { exitCode: 7 })
      pass(60_000)
    }
  ],
  [
    "stop-in-back-off",
    { restart: "always" },
    ({ engine, pass }, name) => {
      engine.crashLoop(name, { exitCode: 1 })
      pass(1_500)
      engine.stop(name)
    }
  ],
  ["oom", {}, ({ engine }, name) => engine.die(name, 137, { oom: true, oomEvents: 7 })],
  ["rm-f", {}, ({ engine }, name) => engine.remove(name)],
  [
    "rm-stopped",
    {},
    ({ engine }, name) => {
      engine.die(name, 0)
      engine.remove(name)
    }
  ],
  ["pause", {}, ({ engine }, name) => (engine.pause(name), engine.unpause(name))],
  ["restart", {}, ({ engine }, name) => engine.restart(name)],
  ["rename", {}, ({ engine }, name) => engine.rename(name, "fx-new")],
  [
    "port-taken",
    {},
    ({ engine }) => {
      engine.create({ name: "fx-port2", image: "busybox", labels: { fx: "1" } })
      engine.start("fx-port2", { error: "port is already allocated" })
    }
  ],
  [
    "health",
    {},
    ({ engine }, name) => {
      for (const status of ["healthy", "healthy", "unhealthy", "unhealthy", "unhealthy", "unhealthy"] as const)
        engine.health(name, status)
    }
  ],
  ["compose-recreate", {}, ({ engine }, name) => engine.composeRecreate(name).to("started")]
]

describe("what it tells", () => {
  for (const [name, spec, deed] of deeds) {
    it(`tells of ${name} what the real engine was heard to tell`, () => {
      const real = fixture(name)
      const { image, name: container = "", ...labels } = real[0]?.Actor.Attributes ?? {}
      const world = setUp({ probeNoise: true })
      const heard = world.listen(filters({ type: ["container"] }), "")
      world.engine.run({ name: container, image: image ?? "", labels, healthcheck: name === "health", ...spec })

      deed(world, container)

      assert.deepStrictEqual(shape(heard.told()), shape(real))
    })
  }

  it("tells of stop after the death where the engine is 20.10, and without the time it ran", () => {
    const { engine, listen, pass } = setUp({ apiVersion: "1.41" })
    const heard = listen()
    engine.run({ name: "web" })
    pass(4_700)

    engine.stop("web")

    assert.deepStrictEqual(heard.actions(), ["create", "start", "kill", "die", "stop"])
    assert.deepStrictEqual(heard.told()[3]?.Actor.Attributes, { exitCode: "143", image: "web:latest", name: "web" })
  })

  it("tells of stop and death in the order that is asked for", () => {
    const { engine, listen } = setUp({ stopOrder: "dieFirst" })
    engine.run({ name: "web" })
    const heard = listen()

    engine.stop("web")

    assert.deepStrictEqual(heard.actions(), ["kill", "die", "stop"])
  })

  it("says how long it ran, in whole seconds", () => {
    const { engine, listen, pass } = setUp()
    engine.run({ name: "web" })
    const heard = listen()

    pass(4_700)
    engine.die("web", 3)

    assert.strictEqual(heard.told()[0]?.Actor.Attributes["execDuration"], "4")
  })

  it("tells of an out-of-memory that the container survives, and of one whose flag is missed", () => {
    const { engine, listen } = setUp()
    engine.run({ name: "web" })
    const heard = listen()

    engine.oom("web")
    const flagged = engine.get("web").oomKilled
    engine.die("web", 137)

    assert.deepStrictEqual(heard.actions(), ["oom", "die"])
    assert.deepStrictEqual([flagged, engine.get("web").oomKilled], [true, false])
  })

  it("tells nothing of a kill in the back-off, and only of a stop", () => {
    const { engine, listen } = setUp()
    for (const name of ["killed", "stopped"]) {
      engine.run({ name, restart: "always" })
      engine.die(name, 1, { backoff: true })
    }
    const heard = listen()

    engine.kill("killed")
    engine.stop("stopped")

    assert.deepStrictEqual(
      heard.told().map((event) => `${event.Action} ${event.Actor.Attributes["name"]}`),
      ["stop stopped"]
    )
  })

  it("tells of a health that changes back after a pause", () => {
    const { engine, listen } = setUp()
    engine.run({ name: "web", healthcheck: true })
    engine.health("web", "healthy")
    const heard = listen()

    engine.pause("web")
    engine.unpause("web")
    engine.health("web", "healthy")

    assert.deepStrictEqual(heard.actions(), ["pause", "unpause", "health_status: healthy"])
  })

  it("gives each event a time of its own, in full digits, that only grows", () => {
    const { engine, listen, pass } = setUp()
    const heard = listen()
    engine.run({ name: "web", restart: "always" })
    for (let n = 0; n < 20; n++) engine.die("web", 1)
    pass(1)
    engine.stop("web")

    const times = heard.lines().map((line) => /"timeNano":(\d+)\}$/.exec(line)?.[1] ?? "")

    assert.strictEqual(times[0], "1700000000000000000")
    assert.strictEqual(new Set(times.map(Number)).size, times.length)
    assert.deepStrictEqual(times.toSorted(), times)
    assert.strictEqual(heard.told()[0]?.time, 1_700_000_000)
  })

  it("tells of what the world does by itself when that is caught up with, at the time that it was due", () => {
    const { engine, listen, pass } = setUp()
    engine.run({ name: "web", restart: "always" })
    const heard = listen()

    engine.crashLoop("web", { exitCode: 1, afterMs: 20_000 })
    const dueMs = engine.catchUp()
    pass(41_000)

    assert.strictEqual(dueMs, startMs + 20_000)
    assert.deepStrictEqual(
      heard.told().map((event) => [event.Action, event.time - startMs / 1_000]),
      [
        ["die", 20],
        ["start", 20],
        ["die", 40],
        ["start", 40]
      ]
    )
  })

  it("speaks Podman's dialect", () => {
    const { engine, listen } = setUp({ podman: true, apiVersion: "1.41" })
    const heard = listen()

    engine.run({ name: "web", healthcheck: true, restart: "always", labels: { a: "b" } })
    engine.health("web", "healthy")
    engine.health("web", "healthy")
    engine.die("web", 137, { oom: true })
    engine.stop("web")
    engine.remove("web")

    assert.strictEqual(
      heard
        .told()
        .map((event) => event.Action + (event.HealthStatus === undefined ? "" : `=${event.HealthStatus}`))
        .join(" "),
      "create init start health_status=healthy health_status=healthy die cleanup restart init start stop die cleanup remove"
    )
    assert.deepStrictEqual(heard.told()[5]?.Actor.Attributes, {
      a: "b",
      containerExitCode: "137",
      exitCode: "137",
      image: "web:latest",
      name: "web",
      podId: ""
    })
  })

  it("sends and keeps an event that nothing is behind", () => {
    const { engine, listen } = setUp()
    engine.run({ name: "web" })
    const heard = listen()

    engine.emit({ type: "network", action: "connect", id: "n1", attributes: { container: "web" } })
    engine.emit({ action: "top", container: "web" })

    assert.deepStrictEqual(
      heard.told().map((event) => [event.Type, event.Action, event.Actor.ID]),
      [
        ["network", "connect", "n1"],
        ["container", "top", engine.get("web").id]
      ]
    )
    assert.strictEqual(engine.events.at(-1)?.action, "top")
  })
})

describe("what is asked for", () => {
  it("is answered with headers at once, under the name that the version has for it", () => {
    const { engine, listen } = setUp({ apiVersion: "1.52" })
    engine.run({ name: "web" })

    const [old, young] = [listen({}, "/v1.44"), listen({}, "/v1.52")]
    engine.die("web", 1)

    assert.deepStrictEqual(
      [old.headers["Content-Type"], young.headers["Content-Type"]],
      ["application/json", "application/jsonl"]
    )
    assert.deepStrictEqual([old.told()[0]?.status, young.told()[0]?.status], ["die", undefined])
    assert.deepStrictEqual(
      engine.requests.map(({ endpoint, status }) => [endpoint, status]),
      [
        ["events", 200],
        ["events", 200]
      ]
    )
  })

  const wanted: ReadonlyArray<
    readonly [string, Readonly<Record<string, ReadonlyArray<string>>>, ReadonlyArray<string>]
  > = [
    ["type", { type: ["network"] }, ["connect"]],
    ["event", { event: ["die", "health_status: healthy"] }, ["die", "health_status: healthy"]],
    ["event, not by its beginning", { event: ["un", "d"] }, []],
    [
      "event, by its beginning beside health_status",
      { event: ["health_status", "d"] },
      ["die", "health_status: healthy"]
    ],
    [
      "event, by its beginning beside exec_create",
      { event: ["exec_create", "un"] },
      ["exec_create: /bin/sh -c true", "unpause"]
    ],
    ["container, by the beginning of its name", { container: ["we"], event: ["die"] }, ["die"]],
    ["container, another", { container: ["db"] }, []],
    ["label", { label: ["team=a"], event: ["die"] }, ["die"]],
    ["label, whatever its value", { label: ["team"], event: ["die"] }, ["die"]],
    ["labels, all of them", { label: ["team", "tier"] }, []]
  ]
  for (const [title, filter, actions] of wanted) {
    it(`is filtered by ${title}`, () => {
      const { engine, listen } = setUp()
      engine.run({ name: "web", healthcheck: true, labels: { team: "a" } })
      const heard = listen(filters(filter))

      engine.die("web", 1)
      engine.start("web")
      engine.exec("web")
      engine.health("web", "healthy")
      engine.pause("web")
      engine.unpause("web")
      engine.emit({ type: "network", action: "connect" })

      assert.deepStrictEqual([...new Set(heard.actions())], actions)
    })
  }

  it("takes filters in the older form too", () => {
    const { engine, listen } = setUp()
    const heard = listen({ filters: '{"event":{"start":true}}' })

    engine.run({ name: "web" })

    assert.deepStrictEqual(heard.actions(), ["start"])
  })

  const odd: ReadonlyArray<readonly [string, number, string]> = [
    ["filters={broken", 400, "invalid filter"],
    ["filters=[]", 400, "invalid filter"],
    ["since=abc", 500, 'strconv.ParseInt: parsing "abc": invalid syntax']
  ]
  for (const [query, status, message] of odd) {
    it(`is refused with ${status} for ${query}`, () => {
      const { engine } = setUp()

      const answer = engine.handle({ method: "GET", path: `/events?${query}` })

      assert.deepStrictEqual(typeof answer === "string" ? answer : [answer.status, JSON.parse(answer.body)], [
        status,
        { message }
      ])
    })
  }

  it("is replayed since a moment, the moment itself included, from the last 256 of all events", () => {
    const { engine, listen, pass } = setUp()
    engine.run({ name: "web" })
    pass(1_000)
    engine.die("web", 7)
    const [{ timeNano } = { timeNano: 0n }] = engine.events.slice(-1)
    const since = `${timeNano / 1_000_000_000n}.${String(timeNano % 1_000_000_000n).padStart(9, "0")}`

    const whole = listen({ since: "0" }).actions()
    const last = listen({ since }).actions()
    for (let n = 0; n < 85; n++) engine.exec("web")
    const noise = listen({ since: "0", ...filters({ event: ["create", "start", "die"] }) }).actions()
    engine.restartEngine()
    const anew = listen({ since: "0" }).actions()

    assert.deepStrictEqual(whole, ["create", "start", "die"])
    assert.deepStrictEqual(last, ["die"])
    assert.deepStrictEqual(noise, ["die"])
    assert.deepStrictEqual(anew, [])
  })

  it("is not replayed without a since", () => {
    const { engine, listen } = setUp()
    engine.run({ name: "web" })

    assert.deepStrictEqual(listen().actions(), [])
  })

  it("ends when until has come, at once where it has been", () => {
    const { engine, listen, pass } = setUp()
    engine.run({ name: "web" })
    pass(10_000)

    const past = listen({ until: String(startMs / 1_000 + 5) })
    const coming = listen({ until: String(startMs / 1_000 + 15) })
    const dueMs = engine.catchUp()
    pass(4_999)
    const open = [...coming.ends]
    pass(1)

    assert.deepStrictEqual([past.actions(), past.ends], [["create", "start"], ["end"]])
    assert.deepStrictEqual([dueMs, open, coming.ends], [startMs + 15_000, [], ["end"]])
  })
})

describe("rudeness to readers", () => {
  const rude = (
    rudeness: FakeStreamRudeness,
    deed: (engine: FakeEngine) => void = (engine) => engine.die("wéb", 1)
  ) => {
    const { engine, listen } = setUp()
    engine.run({ name: "wéb", labels: { motto: "naïve ☂" } })
    const heard = listen()
    engine.disturb(rudeness)
    deed(engine)
    return { engine, ...heard, listen }
  }

  it("ends or tears a stream, once, and forgets it", () => {
    const [cut, reset] = [rude("cut"), rude("reset")]

    assert.deepStrictEqual([cut.ends, reset.ends], [["end"], ["reset"]])
    assert.deepStrictEqual([cut.text(), reset.text()], ["", ""])
    assert.deepStrictEqual([cut.engine.openStreams(), reset.engine.openStreams()], [0, 0])
  })

  it("is silent without closing, and what happened meanwhile is lost", () => {
    const { engine, actions, ends } = rude("silent")

    engine.behave()
    engine.start("wéb")

    assert.deepStrictEqual([actions(), ends], [["start"], []])
  })

  it("sends garbage between lines", () => {
    const { lines } = rude({ garbage: "{]" })

    assert.deepStrictEqual(
      lines().map((line) => line.slice(0, 10)),
      ["{]", '{"status":']
    )
  })

  it("sends a line of 5 MB that does not end", () => {
    const { text } = rude({ longLineBytes: 5_000_000 }, () => undefined)

    assert.strictEqual(text().length, 5_000_000)
    assert.notInclude(text(), "\n")
  })

  it("sends a flood at once, in chunks as a socket's", () => {
    const { told, chunks } = rude({ flood: 10_000, action: "die" }, () => undefined)

    assert.strictEqual(told().length, 10_000)
    assert.strictEqual(new Set(told().map((event) => event.Actor.ID)).size, 10_000)
    assert.isAtMost(Math.max(...chunks.map((chunk) => chunk.length)), 65_536)
  })

  it("splits its chunks in the middle of characters", () => {
    const { told, chunks } = rude("split")
    const broken = chunks.filter((chunk) => Buffer.from(chunk).toString().includes("\u{fffd}"))

    assert.isAbove(broken.length, 0)
    assert.strictEqual(told()[0]?.Actor.Attributes["name"], "wéb")
  })

  it("meets the streams to come where told so, as often as told so", () => {
    const { engine, listen } = setUp()
    engine.run({ name: "web" })
    engine.beRude("silent", { on: "events", count: 1 })
    engine.beRude({ garbage: "<html>" }, { on: "events" })
    const [silent, rough] = [listen(), listen()]

    engine.die("web", 1)
    engine.start("web")

    assert.deepStrictEqual(silent.text(), "")
    assert.deepStrictEqual(
      rough.lines().map((line) => line.slice(0, 6)),
      ["<html>", '{"stat', "<html>", '{"stat']
    )
  })

  it("refuses, hangs and resets instead of headers, and keeps no stream open", () => {
    const { engine } = setUp()
    const ask = (rudeness: FakeEngineRudeness) => {
      engine.beRude(rudeness, { on: "events", count: 1 })
      const answer = engine.handle({ method: "GET", path: "/events" })
      return typeof answer === "string" ? answer : [answer.status, answer.flow === undefined]
    }

    const answers = [ask({ status: 403, html: true }), ask({ status: 404 }), ask("hang"), ask("reset")]

    assert.deepStrictEqual(answers, [[403, true], [404, true], "hang", "reset"])
    assert.strictEqual(engine.openStreams(), 0)
  })

  it("keeps what comes before the reader reads, but no more than an engine does", () => {
    const { engine } = setUp()
    engine.run({ name: "web" })
    const answer = engine.handle({ method: "GET", path: "/events" })
    if (typeof answer === "string" || answer.flow === undefined) throw new Error("no stream")

    for (let n = 0; n < 1_030; n++) engine.emit({ action: "top", container: "web" })
    const { told, hangUp } = read(answer.flow)
    hangUp()
    engine.die("web", 1)

    assert.strictEqual(told().length, 1_024)
    assert.strictEqual(engine.openStreams(), 0)
  })

  it("tears its streams and forgets when it goes away or is exchanged, and says nothing while away", () => {
    const { engine, listen } = setUp()
    engine.run({ name: "web" })
    const first = listen()

    engine.goAway("ECONNREFUSED")
    engine.die("web", 1)
    engine.behave()
    const second = listen({ since: "0" })
    engine.upgrade({ apiVersion: "1.47" })

    assert.deepStrictEqual([first.ends, first.text()], [["reset"], ""])
    assert.deepStrictEqual([second.ends, second.text()], [["reset"], ""])
  })
})
