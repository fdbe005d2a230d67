import { existsSync, readFileSync, readdirSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import {
  type Circumstances,
  type ContainerState,
  type InspectDocument,
  type ListItem,
  classifyContainer,
  clip,
  containerAlarm,
  decodeInspect,
  decodeListItem,
  exitText,
  identify,
  oneLine,
  uptimeMaxMs
} from "../../../src/collector/docker/Container.ts"
import { humanDuration } from "../../../src/testing/FakeEngineText.ts"

const id = "0123456789abcdef".repeat(4)

const item = (more: Readonly<Record<string, unknown>> = {}): ListItem =>
  Option.getOrThrow(
    decodeListItem({ Id: id, Names: ["/web"], Image: "web:1", State: "running", Status: "Up 3 minutes", ...more })
  )

const inspected = (state: Readonly<Record<string, unknown>>): InspectDocument =>
  Option.getOrThrow(decodeInspect({ State: state }))

const fixtures = new URL("../../fixtures/docker/", import.meta.url)

const fixture = (name: string): { readonly list: ReadonlyArray<unknown>; readonly inspect: unknown } =>
  JSON.parse(readFileSync(new URL(`${name}.json`, fixtures), "utf8")) as never

const captured = (name: string): readonly [ListItem, InspectDocument] => {
  const { list, inspect } = fixture(name)
  return [Option.getOrThrow(decodeListItem(list[0])), Option.getOrThrow(decodeInspect(inspect))]
}

const calm: Circumstances = { expected: true, starts: 0, looping: false, grace: null, context: ["image web:1"] }

describe("what real engines say", () => {
  const portError = /port is already allocated$/
  const cases: ReadonlyArray<readonly [string, (state: ContainerState) => void]> = [
    ["26.1-running", same({ _tag: "Running", health: "none", check: null })],
    ["20.10-running", same({ _tag: "Running", health: "none", check: null })],
    ["26.1-healthy", same({ _tag: "Running", health: "healthy", check: null })],
    ["26.1-health-starting", same({ _tag: "Running", health: "starting", check: null })],
    ["26.1-unhealthy", same({ _tag: "Running", health: "unhealthy", check: "connection to db:5432 refused" })],
    ["20.10-unhealthy", same({ _tag: "Running", health: "unhealthy", check: "connection to db:5432 refused" })],
    ["26.1-paused", same({ _tag: "Paused" })],
    ["26.1-unpaused", same({ _tag: "Running", health: "unhealthy", check: null })],
    ["20.10-unpaused", same({ _tag: "Running", health: "unhealthy", check: null })],
    ["20.10-paused", same({ _tag: "Paused" })],
    ["26.1-restarting-loop", same({ _tag: "Restarting", exitCode: 7, oom: false })],
    ["20.10-restarting-loop", same({ _tag: "Restarting", exitCode: 7, oom: false })],
    ["26.1-exited-0-on-failure", same({ _tag: "Exited", exitCode: 0, oom: false, error: null })],
    ["20.10-exited-0-on-failure", same({ _tag: "Exited", exitCode: 0, oom: false, error: null })],
    ["26.1-exited-3", same({ _tag: "Exited", exitCode: 3, oom: false, error: null })],
    ["26.1-exited-oom", same({ _tag: "Exited", exitCode: 137, oom: true, error: null })],
    // Its kernel killed it for memory, and the engine did not notice: it ended within 100 ms of its start.
    ["20.10-exited-oom-flag-missed", same({ _tag: "Exited", exitCode: 137, oom: false, error: null })],
    ["26.1-exited-killed-137", same({ _tag: "Exited", exitCode: 137, oom: false, error: null })],
    ["20.10-exited-killed-137", same({ _tag: "Exited", exitCode: 137, oom: false, error: null })],
    ["26.1-exited-while-unhealthy", same({ _tag: "Exited", exitCode: 1, oom: false, error: null })],
    ["26.1-stopped", same({ _tag: "Exited", exitCode: 137, oom: false, error: null })],
    ["26.1-created", same({ _tag: "Created", error: null })],
    ["26.1-created-port-taken", created(portError)],
    ["20.10-created-port-taken", created(portError)],
    ["26.1-compose-recreated", same({ _tag: "Running", health: "none", check: null })]
  ]

  function same(expected: ContainerState) {
    return (state: ContainerState) => assert.deepStrictEqual(state, expected)
  }
  function created(error: RegExp) {
    return (state: ContainerState) => {
      assert.strictEqual(state._tag, "Created")
      assert.match("error" in state ? String(state.error) : "", error)
    }
  }

  for (const [name, check] of cases) {
    it(`reads ${name}`, () => {
      const [listed, document] = captured(name)

      check(classifyContainer(listed, document))
    })
  }

  it("has a test for every fixture", () => {
    const names = readdirSync(fixtures).flatMap((file) => (file.endsWith(".json") ? [file.slice(0, -5)] : []))

    assert.deepStrictEqual(
      names.filter((name) => name !== "26.1-compose-recreating").sort(),
      cases.map(([name]) => name).sort()
    )
  })

  it("knows who is who while compose recreates", () => {
    const identities = fixture("26.1-compose-recreating").list.map((listed) =>
      identify(Option.getOrThrow(decodeListItem(listed)))
    )

    const [replacement, oneOff, old] = identities
    assert.strictEqual(identities.length, 3)
    assert.deepStrictEqual(replacement, {
      key: "compose fx api 1",
      name: "fx-api-1",
      service: "api",
      replacement: true,
      oneOff: false
    })
    assert.deepStrictEqual(old, {
      key: "compose fx api 1",
      name: "fx-api-1",
      service: "api",
      replacement: false,
      oneOff: false
    })
    assert.strictEqual(oneOff?.oneOff, true)
  })

  it("takes a recreated container, still labelled as a replacement, for itself", () => {
    const [listed] = captured("26.1-compose-recreated")

    const identity = identify(listed)

    assert.property(listed.Labels, "com.docker.compose.replace")
    assert.deepStrictEqual([identity.name, identity.replacement], ["fx-api-1", false])
  })
})

describe("identify", () => {
  const replace = { "com.docker.compose.replace": "fedc" }
  const cases: ReadonlyArray<readonly [string, Readonly<Record<string, unknown>>, string, string]> = [
    ["a plain name", {}, "web", "name web"],
    ["no name at all", { Names: [] }, "0123456789ab", "name 0123456789ab"],
    ["names null", { Names: null }, "0123456789ab", "name 0123456789ab"],
    ["names of links", { Names: ["/proxy/web", "/web"] }, "web", "name web"],
    ["labels null", { Labels: null }, "web", "name web"],
    ["a label that is no text", { Labels: { "com.docker.compose.project": 7 } }, "web", "name web"],
    [
      "compose's labels without a number",
      { Labels: { "com.docker.compose.project": "p", "com.docker.compose.service": "s" } },
      "web",
      "compose p s 1"
    ],
    [
      "a temporary name without the label",
      { Names: ["/0123456789ab_web"] },
      "0123456789ab_web",
      "name 0123456789ab_web"
    ],
    ["a temporary name with the label", { Names: ["/0123456789ab_web"], Labels: replace }, "web", "name web"],
    ["the label without a temporary name", { Labels: replace }, "web", "name web"]
  ]
  for (const [what, more, name, key] of cases) {
    it(`reads ${what}`, () => {
      const identity = identify(item(more))

      assert.deepStrictEqual([identity.name, identity.key], [name, key])
    })
  }

  it("is not taken in by a __proto__ label", () => {
    const hostile = JSON.parse(
      `{"Id":"${id}","Names":["/web"],"State":"running","Labels":{"__proto__":{"com.docker.compose.project":"p","com.docker.compose.service":"s","com.docker.compose.oneoff":"True"}}}`
    ) as unknown

    const identity = identify(Option.getOrThrow(decodeListItem(hostile)))

    assert.deepStrictEqual([identity.key, identity.oneOff], ["name web", false])
    assert.notProperty({}, "com.docker.compose.project")
  })
})

describe("decoding a list item", () => {
  const refused: ReadonlyArray<readonly [string, unknown]> = [
    ["null", null],
    ["a text", "web"],
    ["no id", { Names: ["/web"], State: "running" }],
    ["an id that is a path", { Id: "../../images/json", State: "running" }],
    ["an id in capitals", { Id: id.toUpperCase(), State: "running" }],
    ["a state that is a number", { Id: id, State: 7 }],
    ["names that are no list", { Id: id, State: "running", Names: "/web" }]
  ]
  for (const [what, input] of refused) {
    it(`refuses ${what}`, () => {
      assert.isTrue(Option.isNone(decodeListItem(input)))
    })
  }

  it("does not mind health as an object (API 1.52), nor fields of other types that it does not read", () => {
    const listed = decodeListItem({
      Id: id,
      State: "running",
      Status: "Up 2 seconds (unhealthy)",
      Health: { Status: "unhealthy", FailingStreak: 4 },
      Ports: "none",
      Created: "yesterday"
    })

    assert.isTrue(Option.isSome(listed))
    assert.deepStrictEqual(classifyContainer(Option.getOrThrow(listed), null), {
      _tag: "Running",
      health: "unhealthy",
      check: null
    })
  })

  it("never keeps the environment of an inspect", () => {
    const { inspect } = fixture("26.1-running")

    const document = Option.getOrThrow(decodeInspect(inspect))

    assert.include(JSON.stringify(inspect), "PATH=/bin")
    assert.notInclude(JSON.stringify(document), "PATH=/bin")
  })
})

describe("classifyContainer", () => {
  const unhealthy = { Status: "running", Health: { Status: "unhealthy", Log: [{ Output: "no\nroute \n" }] } }
  const cases: ReadonlyArray<
    readonly [string, Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>> | null, ContainerState]
  > = [
    [
      "running although the inspect says restarting too",
      {},
      { Running: true, Restarting: true },
      { _tag: "Running", health: "none", check: null }
    ],
    [
      "Podman's health, which only the inspect has",
      {},
      unhealthy,
      { _tag: "Running", health: "unhealthy", check: "no route" }
    ],
    [
      "Podman's health words that are no verdict",
      {},
      { Health: { Status: "reset" } },
      { _tag: "Running", health: "none", check: null }
    ],
    [
      "Podman's empty health",
      {},
      { Health: { Status: "", Log: null } },
      { _tag: "Running", health: "none", check: null }
    ],
    ["paused, by the status alone", { Status: "Up 2 minutes (Paused)" }, null, { _tag: "Paused" }],
    ["paused is not unhealthy", { State: "paused", Status: "Up 2 minutes (Paused)" }, unhealthy, { _tag: "Paused" }],
    [
      "exited is not unhealthy",
      { State: "exited", Status: "Exited (1) 2 seconds ago" },
      { ...unhealthy, ExitCode: 1 },
      { _tag: "Exited", exitCode: 1, oom: false, error: null }
    ],
    [
      "the exit code of the list rather than that of an inspect after the next start",
      { State: "restarting", Status: "Restarting (7) 2 seconds ago" },
      { Running: true, ExitCode: 0 },
      { _tag: "Restarting", exitCode: 7, oom: false }
    ],
    [
      "out of memory, within the back-off",
      { State: "restarting", Status: "Restarting (137) 1 second ago" },
      { Running: true, Restarting: true, OOMKilled: true, ExitCode: 137 },
      { _tag: "Restarting", exitCode: 137, oom: true }
    ],
    [
      "an empty status of an exited container",
      { State: "exited", Status: "" },
      { ExitCode: 9, Error: "" },
      { _tag: "Exited", exitCode: 9, oom: false, error: null }
    ],
    [
      "exited and nothing more",
      { State: "exited", Status: null },
      null,
      { _tag: "Exited", exitCode: null, oom: false, error: null }
    ],
    [
      "exit 0 with the sticky flag: some process was killed, the container was not",
      { State: "exited", Status: "Exited (0) 1 second ago" },
      { OOMKilled: true, ExitCode: 0 },
      { _tag: "Exited", exitCode: 0, oom: false, error: null }
    ],
    [
      "the stale prose of old documentation",
      { State: "Exited", Status: "Exit 3" },
      null,
      { _tag: "Exited", exitCode: 3, oom: false, error: null }
    ],
    [
      "Podman's stopped",
      { State: "stopped", Status: "Exited (2) 1 second ago" },
      null,
      { _tag: "Exited", exitCode: 2, oom: false, error: null }
    ],
    ["Podman's configured", { State: "configured", Status: "Created" }, null, { _tag: "Created", error: null }],
    ["removing", { State: "removing", Status: "Removal In Progress" }, null, { _tag: "Removing" }],
    ["dead", { State: "dead", Status: "Dead" }, { Error: "busy" }, { _tag: "Dead", error: "busy" }],
    ["a word nobody knows", { State: "hibernating", Status: "Zzz" }, null, { _tag: "Unknown", text: "hibernating" }],
    ["the empty word", { State: "", Status: "" }, null, { _tag: "Unknown", text: "" }]
  ]
  for (const [what, listed, state, expected] of cases) {
    it(`reads ${what}`, () => {
      assert.deepStrictEqual(classifyContainer(item(listed), state === null ? null : inspected(state)), expected)
    })
  }
})

describe("exitText", () => {
  const cases: ReadonlyArray<readonly [number | null, string]> = [
    [null, "exited, code unknown"],
    [0, "exited with code 0"],
    [1, "exited with code 1"],
    [127, "exited with code 127 (its command was not found)"],
    [137, "exited with code 137 (SIGKILL)"],
    [139, "exited with code 139 (SIGSEGV, a segmentation fault)"],
    [143, "exited with code 143 (SIGTERM)"],
    [255, "exited with code 255 (unknown: the engine lost track of it)"],
    [-1, "exited with code -1"]
  ]
  for (const [code, text] of cases) {
    it(`says of ${code}: ${text}`, () => {
      assert.strictEqual(exitText(code), text)
    })
  }

  it("never calls a code out of memory", () => {
    for (let code = -1; code < 512; code++) assert.notMatch(exitText(code), /memory|oom/i)
  })
})

describe("containerAlarm", () => {
  const exited = (exitCode: number, oom = false): ContainerState => ({ _tag: "Exited", exitCode, oom, error: null })
  const grace = "held for 20 s more (deploy grace)"
  const cases: ReadonlyArray<readonly [string, ContainerState, Partial<Circumstances>, string]> = [
    ["running", { _tag: "Running", health: "none", check: null }, {}, "Clear: running"],
    ["running, healthy", { _tag: "Running", health: "healthy", check: null }, {}, "Clear: running, healthy"],
    [
      "starting",
      { _tag: "Running", health: "starting", check: null },
      {},
      "Held: running; its health check has not answered yet"
    ],
    [
      "unhealthy, with what the check said",
      { _tag: "Running", health: "unhealthy", check: "refused" },
      {},
      "Active: running but unhealthy | last check: refused | image web:1"
    ],
    [
      "unhealthy within the grace: it runs, so nothing is held",
      { _tag: "Running", health: "unhealthy", check: null },
      { grace },
      "Active: running but unhealthy | image web:1"
    ],
    ["crashed", exited(1), {}, "Active: exited with code 1 | image web:1"],
    ["crashed, and nobody expects it", exited(1), { expected: false }, "Idle: idle: exited with code 1"],
    ["stopped within the grace", exited(143), { grace }, `Held: exited with code 143 (SIGTERM); ${grace}`],
    [
      "out of memory",
      exited(137, true),
      {},
      "Active, confirmed: killed: out of memory (exited with code 137 (SIGKILL)) | image web:1"
    ],
    ["killed", exited(137), {}, "Active: exited with code 137 (SIGKILL) | image web:1"],
    [
      "created, its port taken",
      { _tag: "Created", error: "port is already\nallocated" },
      {},
      "Active: created but never started | engine: port is already allocated | image web:1"
    ],
    [
      "created for nobody",
      { _tag: "Created", error: null },
      { expected: false },
      "Idle: idle: created but never started"
    ],
    ["paused", { _tag: "Paused" }, {}, "Active: paused | image web:1"],
    ["paused for nobody", { _tag: "Paused" }, { expected: false }, "Idle: idle: paused"],
    [
      "restarting",
      { _tag: "Restarting", exitCode: 7, oom: false },
      {},
      "Active: restarting, last exited with code 7 | image web:1"
    ],
    [
      "restarting out of memory",
      { _tag: "Restarting", exitCode: 137, oom: true },
      {},
      "Active, confirmed: restarting, last killed: out of memory (exited with code 137 (SIGKILL)) | image web:1"
    ],
    [
      "a loop seen while it runs",
      { _tag: "Running", health: "none", check: null },
      { looping: true, starts: 4 },
      "Active: restart loop: 4 starts in the last minute | image web:1"
    ],
    [
      "a loop seen in the back-off, within the grace",
      { _tag: "Restarting", exitCode: 7, oom: false },
      { looping: true, starts: 3, grace },
      "Active: restart loop: 3 starts in the last minute, last exited with code 7 | image web:1"
    ],
    ["removing", { _tag: "Removing" }, {}, "Held: being removed"],
    ["dead", { _tag: "Dead", error: null }, {}, "Active: dead: the engine failed to remove it | image web:1"],
    ["missing", { _tag: "Missing" }, {}, "Active: missing: there is no such container | image web:1"],
    ["missing within the grace", { _tag: "Missing" }, { grace }, `Held: missing: there is no such container; ${grace}`],
    [
      "a state nobody knows, expected to run",
      { _tag: "Unknown", text: "hibernating" },
      {},
      "Active: in a state unknown to the watchdog: hibernating | image web:1"
    ],
    [
      "a state nobody knows, not expected",
      { _tag: "Unknown", text: "hibernating" },
      { expected: false },
      "Idle: idle: in a state unknown to the watchdog: hibernating"
    ]
  ]
  for (const [what, state, circumstances, expected] of cases) {
    it(`judges ${what}`, () => {
      const verdict = containerAlarm(state, { ...calm, ...circumstances })

      const how = verdict._tag === "Active" && verdict.confirmed ? "Active, confirmed" : verdict._tag
      const said =
        verdict._tag === "Held" ? verdict.reason : [verdict.evidence.summary, ...verdict.evidence.details].join(" | ")
      assert.strictEqual(`${how}: ${said}`, expected)
    })
  }
})

describe("uptimeMaxMs", () => {
  it("is never less than the true uptime, for what the engine writes of it", () => {
    for (let ms = 0; ms < 30 * 3_600_000; ms = Math.ceil(ms * 1.01) + 250) {
      assert.isAtLeast(uptimeMaxMs(`Up ${humanDuration(ms)}`), ms)
    }
  })

  const cases: ReadonlyArray<readonly [string, number]> = [
    ["Up Less than a second", 1_000],
    ["Up 3 seconds", 4_000],
    ["Up 1 second (healthy)", 2_000],
    ["Up About a minute (unhealthy)", 120_000],
    ["Up 5 minutes", 360_000],
    ["Up 2 days", Number.POSITIVE_INFINITY],
    ["Up 3 fortnights", Number.POSITIVE_INFINITY],
    ["Exited (0) 3 seconds ago", Number.POSITIVE_INFINITY],
    ["", Number.POSITIVE_INFINITY]
  ]
  for (const [status, ms] of cases) {
    it(`reads "${status}" as at most ${ms} ms`, () => {
      assert.strictEqual(uptimeMaxMs(status), ms)
    })
  }
})

describe("text", () => {
  it("puts hostile output on one line", () => {
    assert.strictEqual(oneLine("a\r\nb\u2028c\u0000\u001b[31md\n"), "a b c [31md")
  })

  it("clips to so many units and never halves a character", () => {
    assert.strictEqual(clip("abcdef", 4), "abc…")
    assert.strictEqual(clip("abcd", 4), "abcd")
    assert.strictEqual(clip("ab😀cd", 4), "ab…")
  })
})

describe("whatever comes", () => {
  /** A small generator of JSON that looks like the engine's, and is wrong somewhere. */
  const junk = (seed: number) => {
    let word = seed >>> 0
    const random = (below: number): number => {
      word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0
      return (word >>> 8) % below
    }
    const texts = [
      "",
      "running",
      "exited",
      "Up 3 seconds (healthy)",
      "Restarting (x) ago",
      "\u0000\ud800",
      "__proto__",
      id
    ]
    const value = (depth: number): unknown => {
      const leaves = [null, true, -1, 1e308, texts[random(texts.length)], id, [], {}]
      if (depth === 0 || random(3) > 0) return leaves[random(leaves.length)]
      return random(2) === 0 ? Array.from({ length: random(3) }, () => value(depth - 1)) : object(depth - 1)
    }
    const names = [
      "Id",
      "Names",
      "State",
      "Status",
      "Labels",
      "Health",
      "Log",
      "Output",
      "ExitCode",
      "HostConfig",
      "__proto__"
    ]
    const object = (depth: number): unknown =>
      Object.fromEntries(Array.from({ length: random(6) }, () => [names[random(names.length)], value(depth)]))
    const oneOf = (...more: ReadonlyArray<unknown>): unknown => (random(4) === 0 ? value(3) : more[random(more.length)])
    return {
      listed: {
        Id: oneOf(id),
        Names: oneOf(["/web"], [], null, ["", "/a/b"]),
        State: oneOf("running", "exited", "restarting", "paused", "x"),
        Status: oneOf("Up 1 second", "Exited (1)", "Up (Paused)", null, "Restarting (7) 9 seconds ago"),
        Labels: oneOf({}, null, { "com.docker.compose.service": 1 }, { "com.docker.compose.replace": "" })
      },
      document: {
        RestartCount: oneOf(0, 3, null),
        State: oneOf({
          ExitCode: oneOf(0, 1, null),
          Health: oneOf({ Status: "unhealthy", Log: oneOf([{ Output: value(1) }]) })
        }),
        HostConfig: oneOf({ RestartPolicy: oneOf({ Name: oneOf("always", "") }) })
      }
    }
  }

  it("decodes or refuses, and judges what it decodes", () => {
    let judged = 0
    let refused = 0
    for (let seed = 1; seed <= 5_000; seed++) {
      const { listed, document } = junk(seed)
      const found = Option.getOrNull(decodeListItem(listed))
      const more = Option.getOrNull(decodeInspect(document))
      if (found === null) {
        refused++
        continue
      }
      judged++
      const state = classifyContainer(found, more)
      const identity = identify(found)
      for (const circumstances of [calm, { ...calm, expected: false }, { ...calm, looping: true }]) {
        const verdict = containerAlarm(state, circumstances)
        assert.include(["Clear", "Idle", "Held", "Active"], verdict._tag, `seed ${seed}`)
      }
      assert.isString(identity.key, `seed ${seed}`)
    }
    assert.isAbove(judged, 500)
    assert.isAbove(refused, 500)
  })

  const conformance = new URL("../../../../shared/conformance/docker/", import.meta.url)
  const present = existsSync(conformance)

  it.skipIf(!present)(
    `reads other projects' captures, or refuses them${present ? "" : " (skipped: ../shared/conformance/docker is not there)"}`,
    () => {
      const files = readdirSync(conformance, { recursive: true, encoding: "utf8" }).filter((name) =>
        name.endsWith(".json")
      )
      const read = { items: 0, documents: 0, refused: 0 }
      // A stream of stats holds one document a line: no list, no inspect.
      for (const file of files.filter((name) => !name.includes("stream"))) {
        const body = JSON.parse(readFileSync(new URL(file, conformance), "utf8")) as unknown
        const document = Option.getOrNull(decodeInspect(body))
        if (document !== null) read.documents++
        for (const listed of Array.isArray(body) ? body : [body]) {
          const found = Option.getOrNull(decodeListItem(listed))
          if (found === null) {
            read.refused++
            continue
          }
          read.items++
          const state = classifyContainer(found, document)
          assert.notStrictEqual(state._tag, "Unknown", file)
          assert.isNotEmpty(identify(found).name, file)
          assert.isNotEmpty(containerAlarm(state, calm)._tag, file)
        }
      }

      assert.isAbove(read.items, 10)
      assert.isAbove(read.documents, 10)
    }
  )

  it.skipIf(!present)("reads the captures of inspect that name a state", () => {
    const names = [
      "watchtower/container_running",
      "watchtower/container_stopped",
      "dockworker/container_inspect_health"
    ]

    const states = names.map((name) => {
      const body = JSON.parse(readFileSync(new URL(`${name}.json`, conformance), "utf8")) as unknown
      return Option.getOrThrow(decodeInspect(body)).State.Status
    })

    assert.deepStrictEqual(states, ["running", "exited", "running"])
  })
})
