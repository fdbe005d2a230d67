import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { type FakeEngineOptions, makeFakeEngine } from "../../src/testing/FakeEngine.ts"
import { humanDuration } from "../../src/testing/FakeEngineText.ts"

interface Item {
  readonly Id: string
  readonly Names: ReadonlyArray<string>
  readonly State: string
  readonly Status: string
  readonly Labels: Readonly<Record<string, string>> | null
  readonly Image: string
  readonly Health?: unknown
}
interface Document {
  readonly RestartCount: number
  readonly HostConfig: { readonly RestartPolicy: { readonly Name: string } }
  readonly State: Readonly<Record<string, unknown>>
}

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/docker/${name}.json`, import.meta.url), "utf8")) as {
    readonly list: ReadonlyArray<Record<string, unknown>>
    readonly inspect: Record<string, unknown>
  }

const setUp = (options: Omit<FakeEngineOptions, "nowMs"> = {}) => {
  const clock = { nowMs: 1_700_000_000_000 }
  const engine = makeFakeEngine({ ...options, nowMs: () => clock.nowMs })
  const pass = (ms: number) => {
    clock.nowMs += ms
  }
  const ask = (path: string, method = "GET") => {
    const answer = engine.handle({ method, path })
    if (typeof answer === "string") throw new Error(`the fake answered ${answer} to ${path}`)
    return answer
  }
  const list = (path = "/v1.44/containers/json?all=1") => JSON.parse(ask(path).body) as ReadonlyArray<Item>
  const inspect = (name: string) => JSON.parse(ask(`/v1.44/containers/${name}/json`).body) as Document
  const status = () => list().map((item) => `${item.Names[0]} ${item.State} | ${item.Status}`)
  return { engine, clock, pass, ask, list, inspect, status }
}

describe("texts", () => {
  const durations: ReadonlyArray<readonly [number, string]> = [
    [0, "Less than a second"],
    [999, "Less than a second"],
    [1_000, "1 second"],
    [2_999, "2 seconds"],
    [59_999, "59 seconds"],
    [60_000, "About a minute"],
    [119_999, "About a minute"],
    [120_000, "2 minutes"],
    [3_599_000, "59 minutes"],
    [3_600_000, "About an hour"],
    [5_399_000, "About an hour"],
    [5_400_000, "2 hours"],
    [47 * 3_600_000, "47 hours"],
    [48 * 3_600_000, "2 days"],
    [14 * 86_400_000, "2 weeks"],
    [60 * 86_400_000, "2 months"],
    [730 * 86_400_000, "2 years"]
  ]
  for (const [ms, text] of durations) {
    it(`writes ${ms} ms as "${text}"`, () => {
      assert.strictEqual(humanDuration(ms), text)
    })
  }

  it("has the keys that a real engine's list and inspect have", () => {
    const real = fixture("26.1-unhealthy")
    const { engine, list, inspect } = setUp()
    engine.run({ name: "web", healthcheck: true, restart: "unless-stopped" })
    engine.health("web", "unhealthy", "no")

    const item = list()[0] ?? {}
    const document = inspect("web")

    assert.deepStrictEqual(Object.keys(item).sort(), Object.keys(real.list[0] ?? {}).sort())
    assert.deepStrictEqual(Object.keys(document).sort(), Object.keys(real.inspect).sort())
    assert.deepStrictEqual(Object.keys(document.State), Object.keys(real.inspect["State"] as object))
  })

  const lives: ReadonlyArray<readonly [string, (engine: ReturnType<typeof setUp>) => void, string]> = [
    ["running", () => undefined, "running | Up 5 seconds"],
    [
      "exited-oom",
      ({ engine }) => engine.die("web", 137, { oom: true }),
      "exited | Exited (137) Less than a second ago"
    ],
    ["paused", ({ engine }) => engine.pause("web"), "paused | Up 5 seconds (Paused)"],
    ["exited-killed-137", ({ engine }) => engine.kill("web"), "exited | Exited (137) Less than a second ago"],
    ["removing", ({ engine }) => engine.removing("web"), "removing | Removal In Progress"],
    ["dead", ({ engine }) => engine.removing("web", "dead"), "dead | Dead"]
  ]
  for (const [name, deed, text] of lives) {
    it(`lists a container that is ${name} as "${text}"`, () => {
      const world = setUp()
      world.engine.run({ name: "web" })
      world.pass(5_000)

      deed(world)

      assert.include(world.status(), `/web ${text}`)
    })
  }

  it("writes the health as Docker does, Podman not at all, API 1.52 as an object", () => {
    const docker = setUp({ apiVersion: "1.52" })
    const podman = setUp({ podman: true })
    for (const { engine } of [docker, podman]) engine.run({ name: "web", healthcheck: true })

    const starting = docker.status()
    for (const { engine } of [docker, podman]) engine.health("web", "unhealthy", "refused")

    assert.deepStrictEqual(starting, ["/web running | Up Less than a second (health: starting)"])
    assert.deepStrictEqual(docker.status(), ["/web running | Up Less than a second (unhealthy)"])
    assert.deepStrictEqual(podman.list("/v1.41/containers/json?all=1")[0]?.Status, "Up Less than a second")
    assert.strictEqual(podman.inspect("web").State["Health"] !== undefined, true)
    assert.strictEqual(docker.list()[0]?.Health, undefined)
    assert.deepStrictEqual(docker.list("/v1.52/containers/json?all=1")[0]?.Health, {
      Status: "unhealthy",
      FailingStreak: 1
    })
  })
})

describe("a container's life", () => {
  it("calls a container unhealthy when it stops probing it: on pause, after unpause, on exit", () => {
    const { engine, status, inspect } = setUp()
    engine.run({ name: "web", healthcheck: true })
    engine.health("web", "healthy")

    engine.pause("web")
    const paused = inspect("web").State["Health"] as { readonly Status: string }
    engine.unpause("web")
    const unpaused = status()
    engine.health("web", "healthy")
    const probed = status()

    assert.strictEqual(paused.Status, "unhealthy")
    assert.deepStrictEqual(unpaused, ["/web running | Up Less than a second (unhealthy)"])
    assert.deepStrictEqual(probed, ["/web running | Up Less than a second (healthy)"])
  })

  const policies: ReadonlyArray<readonly [string, number, string, number]> = [
    ["no", 1, "exited", 0],
    ["on-failure", 0, "exited", 0],
    ["on-failure", 1, "running", 1],
    ["always", 0, "running", 1],
    ["unless-stopped", 0, "running", 1]
  ]
  for (const [restart, exitCode, state, restarts] of policies) {
    it(`is ${state} after exit ${exitCode} under the policy ${restart}`, () => {
      const { engine, list, inspect } = setUp()
      engine.run({ name: "web", restart })

      engine.die("web", exitCode)

      assert.deepStrictEqual([list()[0]?.State, inspect("web").RestartCount], [state, restarts])
    })
  }

  it("forgets exit code and out-of-memory flag when it starts again, and keeps when it finished", () => {
    const { engine, inspect } = setUp()
    engine.run({ name: "web", restart: "always" })

    engine.die("web", 137, { oom: true, backoff: true })
    const dead = inspect("web").State
    engine.start("web")
    const { State: alive, RestartCount } = inspect("web")

    assert.deepStrictEqual(
      [dead["Running"], dead["Restarting"], dead["Pid"], dead["ExitCode"], dead["OOMKilled"]],
      [true, true, 0, 137, true]
    )
    assert.deepStrictEqual([alive["ExitCode"], alive["OOMKilled"], RestartCount], [0, false, 0])
    assert.strictEqual(alive["FinishedAt"], "2023-11-14T22:13:20.000000000Z")
  })

  it("doubles the back-off from 100 ms to a minute, and resets it after a run of 10 s", () => {
    const { engine, clock, pass, list } = setUp()
    engine.run({ name: "web", restart: "always" })
    const waitsMs: Array<number> = []
    const dieAndWait = (ranMs: number) => {
      pass(ranMs)
      engine.die("web", 1, { backoff: true })
      const fromMs = clock.nowMs
      while (list()[0]?.State === "restarting") pass(50)
      waitsMs.push(clock.nowMs - fromMs)
    }

    for (let n = 0; n < 12; n++) dieAndWait(0)
    dieAndWait(10_000)

    assert.deepStrictEqual(
      waitsMs,
      [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000, 100]
    )
  })

  it("gives up after on-failure:3, and counts those three", () => {
    const { engine, pass, inspect, status } = setUp()
    engine.run({ name: "web", restart: "on-failure:3" })

    engine.crashLoop("web", { exitCode: 7 })
    pass(10_000)

    assert.strictEqual(inspect("web").RestartCount, 3)
    assert.deepStrictEqual(status(), ["/web exited | Exited (7) 9 seconds ago"])
  })

  it("is brought back by no policy after docker stop, nor after docker kill", () => {
    const { engine, pass, list } = setUp()
    engine.run({ name: "stopped", restart: "always" })
    engine.run({ name: "killed", restart: "unless-stopped" })

    engine.stop("stopped")
    engine.kill("killed")
    pass(60_000)

    assert.deepStrictEqual(
      list().map((item) => item.State),
      ["exited", "exited"]
    )
  })

  it("stays created, with the engine's error, where its port is taken", () => {
    const real = fixture("26.1-created-port-taken").inspect["State"] as Record<string, unknown>
    const { engine, inspect, status } = setUp()
    engine.create({ name: "web", restart: "always" })

    engine.start("web", { error: "Bind for 0.0.0.0:80 failed: port is already allocated" })

    assert.deepStrictEqual(status(), ["/web created | Created"])
    assert.strictEqual(inspect("web").State["ExitCode"], real["ExitCode"])
    assert.strictEqual(inspect("web").State["Error"], "Bind for 0.0.0.0:80 failed: port is already allocated")
  })

  it("is recreated by compose as the real one was seen to do it", () => {
    const real = fixture("26.1-compose-recreating").list.map((item) => String((item["Names"] as Array<string>)[0]))
    const { engine, list } = setUp()
    const old = engine.run({ project: "fx", service: "api" })
    const names = () => list().map((item) => `${item.Names[0]} ${item.State} ${item.Image}`)
    const deploy = engine.composeRecreate("fx-api-1", { image: "api:2" })

    const seen = (["created", "stopped", "removed", "renamed", "started"] as const).map((step) => {
      deploy.to(step)
      return names()
    })

    const temporary = `/${old.id.slice(0, 12)}_fx-api-1`
    assert.isTrue(real.some((name) => /^\/[0-9a-f]{12}_fx-api-1$/.test(name)))
    assert.deepStrictEqual(seen, [
      [`${temporary} created api:2`, "/fx-api-1 running api:latest"],
      [`${temporary} created api:2`, "/fx-api-1 exited api:latest"],
      [`${temporary} created api:2`],
      ["/fx-api-1 created api:2"],
      ["/fx-api-1 running api:2"]
    ])
    assert.strictEqual(list()[0]?.Labels?.["com.docker.compose.replace"], old.id)
    assert.strictEqual(list()[0]?.Id, deploy.id)
  })
})

describe("the front door", () => {
  it("leaves out what does not run unless all are asked for", () => {
    const { engine, list } = setUp()
    engine.run({ name: "up" })
    engine.create({ name: "down" })

    const names = (path: string) => list(path).map((item) => item.Names[0])

    assert.deepStrictEqual(names("/containers/json"), ["/up"])
    assert.deepStrictEqual(names("/containers/json?all=true"), ["/down", "/up"])
  })

  it("finds a container by name, id and a prefix that is its own", () => {
    const { engine, inspect } = setUp()
    const { id } = engine.run({ name: "web" })
    engine.run({ name: "db" })

    const found = ["web", id, id.slice(0, 12)].map((reference) => inspect(reference) as unknown as { Name: string })

    assert.deepStrictEqual(
      found.map((document) => document.Name),
      ["/web", "/web", "/web"]
    )
  })

  const windows: ReadonlyArray<readonly [string, string, number, string]> = [
    ["1.41", "1.44", 400, "client version 1.44 is too new. Maximum supported API version is 1.41"],
    ["1.45", "1.44", 200, ""],
    [
      "1.45",
      "1.20",
      400,
      "client version 1.20 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"
    ],
    [
      "1.52",
      "1.43",
      400,
      "client version 1.43 is too old. Minimum supported API version is 1.44, please upgrade your client to a newer version"
    ],
    ["1.55", "1.40", 200, ""]
  ]
  for (const [apiVersion, asked, status, message] of windows) {
    it(`answers ${status} to v${asked} as an engine of API ${apiVersion}`, () => {
      const { ask } = setUp({ apiVersion })

      const answer = ask(`/v${asked}/containers/json`)

      assert.strictEqual(answer.status, status)
      assert.strictEqual(answer.headers["Api-Version"], apiVersion)
      assert.deepStrictEqual(JSON.parse(answer.body), status === 200 ? [] : { message })
    })
  }

  const doors: ReadonlyArray<readonly [string, string, number, string]> = [
    ["GET", "/containers/web/json", 404, '{"message":"No such container: web"}\n'],
    ["GET", "/images/json", 404, '{"message":"page not found"}\n'],
    ["GET", "/_ping", 200, "OK"],
    ["HEAD", "/_ping", 200, ""],
    ["HEAD", "/containers/json", 404, '{"message":"page not found"}\n'],
    ["POST", "/containers/web/stop", 403, '{"message":"POST /containers/web/stop would change something"}\n'],
    ["DELETE", "/v1.44/containers/web", 403, '{"message":"DELETE /v1.44/containers/web would change something"}\n']
  ]
  for (const [method, path, status, body] of doors) {
    it(`answers ${status} to ${method} ${path}`, () => {
      const { ask, engine } = setUp()

      const answer = ask(path, method)

      assert.deepStrictEqual([answer.status, answer.body], [status, body])
      assert.strictEqual(engine.violations.length, status === 403 ? 1 : 0)
      assert.deepStrictEqual(
        engine.requests.map((request) => [request.method, request.path, request.atMs, request.status]),
        [[method, path, 1_700_000_000_000, status]]
      )
    })
  }

  it("speaks Podman's dialect", () => {
    const { ask } = setUp({ podman: true, apiVersion: "1.41" })

    const ping = ask("/_ping")
    const none = ask("/v1.41/containers/web/json")

    assert.deepStrictEqual([ping.headers["Api-Version"], ping.headers["Server"]], ["1.41", "Libpod/5.4.2 (linux)"])
    assert.strictEqual(ping.headers["Libpod-API-Version"], "5.4.2")
    assert.strictEqual((JSON.parse(none.body) as { response: number }).response, 404)
  })
})

describe("rudeness", () => {
  it("hangs and resets where told to, as often as told to", () => {
    const { engine } = setUp()
    engine.run({ name: "web" })
    engine.beRude("hang", { on: "list", count: 2 })
    engine.beRude("reset", { on: "inspect", container: "web" })

    const answers = [
      "/_ping",
      "/v1.44/containers/json",
      "/v1.44/containers/json",
      "/v1.44/containers/json",
      "/v1.44/containers/web/json"
    ].map((path) => {
      const answer = engine.handle({ method: "GET", path })
      return typeof answer === "string" ? answer : answer.status
    })

    assert.deepStrictEqual(answers, [200, "hang", "hang", 200, "reset"])
    assert.deepStrictEqual(
      engine.requests.map((request) => request.status),
      answers
    )
  })

  it("refuses with the engine's JSON or with a gateway's page", () => {
    const { engine, ask } = setUp()
    engine.beRude({ status: 500, message: "driver failed" }, { count: 1 })
    engine.beRude({ status: 403, html: true }, { on: "inspect" })

    const json = ask("/containers/json")
    const page = ask("/containers/web/json")

    assert.deepStrictEqual([json.status, json.body], [500, '{"message":"driver failed"}\n'])
    assert.strictEqual(page.status, 403)
    assert.include(page.body, "<h1>403 Forbidden</h1>")
    assert.strictEqual(page.headers["Api-Version"], undefined)
  })

  it("breaks, inflates and delays a body", () => {
    const { engine, ask } = setUp()
    engine.run({ name: "web" })

    engine.beRude("brokenJson", { count: 1 })
    const broken = ask("/containers/json")
    engine.beRude({ hugeBytes: 100_000_000 }, { count: 1 })
    engine.beRude({ slowMs: 700 }, { count: 1 })
    const huge = ask("/containers/json")
    const well = ask("/containers/json")

    assert.throws(() => JSON.parse(broken.body))
    assert.strictEqual(huge.body.length + huge.fillerBytes, 100_000_000)
    assert.strictEqual(huge.delayMs, 700)
    assert.deepStrictEqual([well.delayMs, well.fillerBytes], [0, 0])
  })

  it("answers with the world as it was", () => {
    const { engine, pass, status } = setUp()
    engine.run({ name: "web" })
    pass(5_000)
    engine.die("web", 1)
    pass(1_000)

    engine.beRude({ staleMs: 2_000 }, { on: "list", count: 1 })
    const [stale, fresh] = [status(), status()]

    assert.deepStrictEqual(stale, ["/web running | Up 4 seconds"])
    assert.deepStrictEqual(fresh, ["/web exited | Exited (1) 1 second ago"])
  })

  it("mangles one container among the rest", () => {
    const { engine, list } = setUp()
    engine.run({ name: "odd" })
    engine.run({ name: "even" })

    engine.mangle("odd", { list: (item) => ({ ...item, State: 7 }) })

    assert.deepStrictEqual(
      list().map((item) => item.State as unknown),
      ["running", 7]
    )
  })

  it("behaves again", () => {
    const { engine, ask } = setUp()
    engine.beRude("hang")
    engine.goAway("ENOENT")

    engine.behave()

    assert.deepStrictEqual([ask("/_ping").status, engine.absent()], [200, null])
  })
})
