import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Layer } from "effect"
import * as TestClock from "effect/testing/TestClock"
import { Http } from "../../../src/base/Http.ts"
import type { CollectError } from "../../../src/collector/Collector.ts"
import { DockerApi, keys, socketExists } from "../../../src/collector/docker/DockerApi.ts"
import { type FakeEngine, makeFakeEngine } from "../../../src/testing/FakeEngine.ts"
import { client, make, serve } from "../../../src/testing/FakeEngineServer.ts"

const host = "unix:///run/fake.sock"
const timeoutMs = 5_000

/** The service over a fake in memory. */
const over = (engine: FakeEngine): Layer.Layer<DockerApi> =>
  DockerApi.layer(host, timeoutMs).pipe(Layer.provide(Http.layerTest(() => client(engine))))

const list = Effect.flatMap(DockerApi, (api) => api.list)
const inspect = (id: string) => Effect.flatMap(DockerApi, (api) => api.inspect(id))

const paths = (engine: FakeEngine) => engine.requests.map((request) => request.path)

const listPath = (version: string) => `/v${version}/containers/json?all=1`

const failure = <A>(effect: Effect.Effect<A, CollectError, DockerApi>) =>
  Effect.map(Effect.flip(effect), (error) => `${error.reason}: ${error.message}`)

describe("the API version", () => {
  const engines: ReadonlyArray<readonly [string, string, string]> = [
    ["19.03", "1.40", "1.40"],
    ["20.10", "1.41", "1.41"],
    ["23", "1.42", "1.42"],
    ["24", "1.43", "1.43"],
    ["25", "1.44", "1.44"],
    ["26", "1.45", "1.44"],
    ["27", "1.47", "1.44"],
    ["28", "1.51", "1.44"],
    ["29.0, which refuses anything older", "1.52", "1.44"],
    ["29.7", "1.55", "1.44"]
  ]
  for (const [engineName, apiVersion, spoken] of engines) {
    it.effect(`is ${spoken} with an engine ${engineName}`, () =>
      Effect.gen(function* () {
        const engine = yield* make({ apiVersion })

        const answer = yield* Effect.provide(list, over(engine))

        assert.deepStrictEqual(answer, { engine: { apiVersion: spoken, podman: false }, items: [] })
        assert.deepStrictEqual(paths(engine), ["/_ping", listPath(spoken)])
      })
    )
  }

  it.effect("is agreed on once, not with every look", () =>
    Effect.gen(function* () {
      const engine = yield* make()

      yield* Effect.provide(Effect.andThen(list, list), over(engine))

      assert.deepStrictEqual(paths(engine), ["/_ping", listPath("1.44"), listPath("1.44")])
    })
  )

  it.effect("is agreed on anew when another engine has taken the place of the old one", () =>
    Effect.gen(function* () {
      const engine = yield* make({ apiVersion: "1.41" })

      const versions = yield* Effect.gen(function* () {
        const before = yield* list
        engine.upgrade({ apiVersion: "1.52" })
        const upgraded = yield* list
        engine.upgrade({ apiVersion: "1.41" })
        const downgraded = yield* list
        return [before, upgraded, downgraded].map((answer) => answer.engine.apiVersion)
      }).pipe(Effect.provide(over(engine)))

      assert.deepStrictEqual(versions, ["1.41", "1.44", "1.41"])
      assert.deepStrictEqual(paths(engine), [
        "/_ping",
        listPath("1.41"),
        listPath("1.41"),
        listPath("1.44"),
        listPath("1.44"),
        listPath("1.41")
      ])
    })
  )

  it.effect("is asked for where a proxy swallows the header", () =>
    Effect.gen(function* () {
      const engine = yield* make({ apiVersion: "1.41" })
      engine.beRude({ withoutHeaders: ["api-version"] })

      const answer = yield* Effect.provide(list, over(engine))

      assert.strictEqual(answer.engine.apiVersion, "1.41")
      assert.deepStrictEqual(paths(engine), ["/_ping", "/version", listPath("1.41")])
    })
  )

  it.effect("is an error where neither header nor body name one", () =>
    Effect.gen(function* () {
      const engine = yield* make()
      engine.beRude({ withoutHeaders: ["api-version"] })
      engine.beRude({ body: '{"hello":"world"}' }, { on: "version" })

      const said = yield* Effect.provide(failure(list), over(engine))

      assert.match(said, /^Malformed: the engine at unix:\/\/\/run\/fake\.sock: it names no API version/)
    })
  )

  it.effect("of a hostile answer never becomes a path of its own", () =>
    Effect.gen(function* () {
      const engine = yield* make()
      engine.beRude(
        { status: 400, message: "client version is too old. Minimum supported API version is 1.100" },
        { on: "list" }
      )

      const exit = yield* Effect.exit(Effect.provide(list, over(engine)))

      assert.isTrue(Exit.isFailure(exit) && !Cause.hasDies(exit.cause))
      assert.deepStrictEqual(paths(engine), ["/_ping", listPath("1.44")])
    })
  )

  it.effect("and Podman's dialect are both told by the ping", () =>
    Effect.gen(function* () {
      const engine = yield* make({ podman: true, apiVersion: "1.41" })

      const answer = yield* Effect.provide(list, over(engine))

      assert.deepStrictEqual(answer.engine, { apiVersion: "1.41", podman: true })
    })
  )
})

describe("reading only", () => {
  it.effect("sends nothing but GET, and nothing but what is on the list", () =>
    Effect.gen(function* () {
      const engine = yield* make({ apiVersion: "1.41" })
      const { id } = engine.run({ name: "web" })
      engine.beRude({ withoutHeaders: ["api-version"] }, { count: 3 })

      yield* Effect.gen(function* () {
        yield* list
        yield* inspect(id)
        engine.upgrade({ apiVersion: "1.52" })
        yield* inspect(id)
        engine.beRude({ status: 500 })
        yield* Effect.exit(list)
        yield* Effect.exit(inspect(id))
      }).pipe(Effect.provide(over(engine)))

      const allowed = /^\/(_ping|version|v1\.\d+\/containers\/(json\?all=1|[0-9a-f]{64}\/json))$/
      assert.isAtLeast(engine.requests.length, 7)
      for (const request of engine.requests) {
        assert.strictEqual(request.method, "GET")
        assert.match(request.path, allowed)
      }
      assert.deepStrictEqual(engine.violations, [])
    })
  )

  const hostile = ["web", "../images/json?x=0123456789ab", "0123456789ab/../../info", "0123456789ab?size=1", ""]
  for (const id of hostile) {
    it.effect(`dies rather than ask for the container "${id}"`, () =>
      Effect.gen(function* () {
        const engine = yield* make()

        const exit = yield* Effect.exit(Effect.provide(inspect(id), over(engine)))

        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        assert.deepStrictEqual(paths(engine), ["/_ping"])
      })
    )
  }

  it("has no method that could write", () => {
    const engine = makeFakeEngine({ nowMs: () => 0 })

    const names = Effect.runSync(Effect.provide(Effect.map(DockerApi, Object.keys), over(engine)))

    assert.deepStrictEqual(names.sort(), ["events", "host", "inspect", "list", "logs"])
  })
})

describe("inspect", () => {
  it.effect("gives the document, undecoded", () =>
    Effect.gen(function* () {
      const engine = yield* make()
      const { id } = engine.run({ name: "web" })

      const answer = yield* Effect.provide(inspect(id), over(engine))

      assert.strictEqual(answer._tag, "Document")
      assert.propertyVal(answer._tag === "Document" ? answer.document : {}, "Name", "/web")
    })
  )

  const answers: ReadonlyArray<readonly [string, { readonly status: number; readonly html?: boolean }, string]> = [
    ["has gone since the list", { status: 404 }, "Gone"],
    ["a gateway does not let through", { status: 403, html: true }, "Refused"],
    ["a gateway has no method for", { status: 405, html: true }, "Refused"]
  ]
  for (const [what, rudeness, tag] of answers) {
    it.effect(`is ${tag} for a container that ${what}`, () =>
      Effect.gen(function* () {
        const engine = yield* make()
        const { id } = engine.run({ name: "web" })
        engine.beRude(rudeness, { on: "inspect" })

        const answer = yield* Effect.provide(inspect(id), over(engine))

        assert.strictEqual(answer._tag, tag)
      })
    )
  }

  it.effect("is an error in words where the engine breaks", () =>
    Effect.gen(function* () {
      const engine = yield* make()
      const { id } = engine.run({ name: "web" })
      engine.beRude({ status: 500, message: "driver failed" }, { on: "inspect" })

      const said = yield* Effect.provide(failure(inspect(id)), over(engine))

      assert.strictEqual(
        said,
        `Refused: the engine at ${host} answered 500 to inspect of ${id.slice(0, 12)}: "driver failed"`
      )
    })
  )
})

describe("what went wrong, in memory", () => {
  const absences: ReadonlyArray<readonly ["ENOENT" | "EACCES" | "ECONNREFUSED", string]> = [
    ["ENOENT", "no such socket; is the engine installed, and the socket mounted?"],
    [
      "EACCES",
      "permission denied; the watchdog's user must be in the socket's group (stat -c %g shows it; group_add in compose)"
    ],
    ["ECONNREFUSED", "connection refused"]
  ]
  for (const [absence, words] of absences) {
    it.effect(`says of ${absence}: ${words}`, () =>
      Effect.gen(function* () {
        const engine = yield* make()
        engine.goAway(absence)

        const said = yield* Effect.provide(failure(list), over(engine))

        assert.strictEqual(said, `Unreachable: the engine at ${host}: ${words}`)
      })
    )
  }

  it.effect("is silent until the deadline, and says so at the deadline", () =>
    Effect.gen(function* () {
      const engine = yield* make()
      engine.beRude("hang", { on: "list" })
      const asking = yield* Effect.forkChild(Effect.provide(failure(list), over(engine)))

      yield* TestClock.adjust(Duration.millis(timeoutMs - 1))
      const before = asking.pollUnsafe()
      yield* TestClock.adjust(Duration.millis(1))

      assert.isUndefined(before)
      assert.strictEqual(
        yield* Fiber.join(asking),
        `Timeout: the engine at ${host} does not answer: nothing within 5000 ms`
      )
    })
  )

  it.effect("bounds the look as a whole: a slow ping leaves the list less time", () =>
    Effect.gen(function* () {
      const engine = yield* make()
      engine.beRude({ slowMs: 3_000 })
      const asking = yield* Effect.forkChild(Effect.provide(failure(list), over(engine)))

      yield* TestClock.adjust(Duration.millis(timeoutMs))

      assert.match(yield* Fiber.join(asking), /^Timeout: /)
      assert.deepStrictEqual(paths(engine), ["/_ping", listPath("1.44")])
    })
  )

  it.effect("asks for the version again after it lost the engine", () =>
    Effect.gen(function* () {
      const engine = yield* make()

      yield* Effect.gen(function* () {
        yield* list
        engine.beRude("reset", { count: 1 })
        yield* Effect.flip(list)
        yield* list
      }).pipe(Effect.provide(over(engine)))

      assert.deepStrictEqual(paths(engine), ["/_ping", listPath("1.44"), listPath("1.44"), "/_ping", listPath("1.44")])
    })
  )
})

describe("what went wrong, over a real socket", () => {
  const folder = Effect.acquireRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-engine-"))),
    (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true }))
  )
  const real = (at: string, patienceMs = 2_000) =>
    DockerApi.layer(`unix://${at}`, patienceMs).pipe(Layer.provide(Http.layer))

  it.live("lists and inspects", () =>
    Effect.gen(function* () {
      const socketPath = path.join(yield* folder, "docker.sock")
      const { core } = yield* serve({ socketPath })
      const { id } = core.run({ name: "web" })

      const [listed, inspected] = yield* Effect.provide(Effect.all([list, inspect(id)]), real(socketPath))

      assert.strictEqual(listed.items.length, 1)
      assert.strictEqual(inspected._tag, "Document")
      assert.deepStrictEqual(core.violations, [])
    })
  )

  it.live("reaches an engine over tcp, too", () =>
    Effect.gen(function* () {
      const running = yield* serve({ port: 0 })

      const listed = yield* Effect.provide(list, DockerApi.layer(running.host, 2_000).pipe(Layer.provide(Http.layer)))

      assert.deepStrictEqual(listed.items, [])
    })
  )

  it.live("says that there is no socket", () =>
    Effect.gen(function* () {
      const socketPath = path.join(yield* folder, "docker.sock")

      const said = yield* Effect.provide(failure(list), real(socketPath))

      assert.include(said, "no such socket; is the engine installed, and the socket mounted?")
    })
  )

  it.live("says that nobody listens at a socket file that an engine has left behind", () =>
    Effect.gen(function* () {
      const made = yield* folder
      const socketPath = path.join(made, "docker.sock")
      const stale = path.join(made, "stale.sock")
      // The old inode outlives the engine as in a bind mount of the file: node removes only the name it has made.
      yield* Effect.scoped(
        Effect.andThen(
          serve({ socketPath }),
          Effect.sync(() => fs.linkSync(socketPath, stale))
        )
      )

      const said = yield* Effect.provide(failure(list), real(stale))

      assert.strictEqual(said, `Unreachable: the engine at unix://${stale}: connection refused`)
    })
  )

  it.live.skipIf(process.getuid?.() === 0)("says who may open the socket, to one who may not (skipped for root)", () =>
    Effect.gen(function* () {
      const socketPath = path.join(yield* folder, "docker.sock")
      yield* serve({ socketPath })
      fs.chmodSync(socketPath, 0o000)

      const said = yield* Effect.provide(failure(list), real(socketPath))

      assert.include(said, "permission denied; the watchdog's user must be in the socket's group")
    })
  )

  const rude: ReadonlyArray<readonly [string, Parameters<FakeEngine["beRude"]>[0], RegExp]> = [
    ["hangs after the connect", "hang", /^Timeout: the engine at \S+ does not answer: nothing within 300 ms$/],
    ["tears the connection down", "reset", /^Unreachable: the engine at \S+: connection (reset|closed)$/],
    [
      "answers 500",
      { status: 500, message: "driver failed" },
      /^Refused: the engine at \S+ answered 500 to the container list: "driver failed"$/
    ],
    [
      "is a gateway that refuses in HTML",
      { status: 403, html: true },
      /^Refused: the engine at \S+ answered 403 to the container list: "<html>/
    ],
    ["breaks off its JSON", "brokenJson", /^Malformed: the engine at \S+: the container list is not JSON; it begins/],
    [
      "answers with HTML and 200",
      { body: "<html>Please log in</html>" },
      /^Malformed: .*the container list is not JSON; it begins "<html>Please log in<\/html>"$/
    ],
    ["answers with another thing", { body: '{"a":1}' }, /^Malformed: .*the container list is not a JSON array/],
    [
      "answers with 100 MB",
      { hugeBytes: 100 * 1_024 * 1_024 },
      /^Unreachable: the engine at \S+: the body is larger than allowed$/
    ]
  ]
  for (const [what, rudeness, words] of rude) {
    it.live(`says what happened where the engine ${what}, and is well again afterwards`, () =>
      Effect.gen(function* () {
        const socketPath = path.join(yield* folder, "docker.sock")
        const { core } = yield* serve({ socketPath })
        core.run({ name: "web" })
        core.beRude(rudeness, { on: "list", count: 1 })
        const patienceMs = rudeness === "hang" ? 300 : 5_000

        const [said, after] = yield* Effect.provide(Effect.all([failure(list), list]), real(socketPath, patienceMs))

        assert.match(said, words)
        assert.strictEqual(after.items.length, 1)
      })
    )
  }
})

describe("the host key", () => {
  const hosts: ReadonlyArray<readonly [string, boolean]> = [
    ["unix:///var/run/docker.sock", true],
    ["tcp://gateway:2375", true],
    ["/var/run/docker.sock", false],
    ["unix://docker.sock", false],
    ["http://gateway:2375", false],
    ["tcp://gateway", false],
    ["tcp://gateway:2375/x", false]
  ]
  for (const [raw, good] of hosts) {
    it(`${good ? "takes" : "refuses"} ${raw}`, () => {
      assert.strictEqual(keys.host.parse(raw)._tag, good ? "Success" : "Failure")
    })
  }

  it.live("tells whether there is a socket; of a port it cannot tell", () =>
    Effect.gen(function* () {
      const answers = yield* Effect.all([
        socketExists("unix:///no/such/docker.sock"),
        socketExists(`unix://${os.tmpdir()}`),
        socketExists("tcp://127.0.0.1:1")
      ])

      assert.deepStrictEqual(answers, [false, true, true])
    })
  )
})
