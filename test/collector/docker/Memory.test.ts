import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { SignalLook } from "../../../src/collector/Collector.ts"
import type { ListItem } from "../../../src/collector/docker/Container.ts"
import {
  type Known,
  type Memory,
  type Present,
  contextOf,
  forget,
  group,
  hearStart,
  isExpected,
  isOvertaken,
  isSuspect,
  isWatched,
  learn,
  lookAt,
  loopTextOf,
  missingRequired,
  newest,
  remember,
  silence
} from "../../../src/collector/docker/Memory.ts"
import { identify } from "../../../src/collector/docker/Container.ts"
import { parsePatterns } from "../../../src/collector/docker/Selection.ts"
import { defaultPolicy } from "../../../src/decision/index.ts"

const idOf = (n: number): string => n.toString(16).padStart(64, "0")

const knownOf = (wanted = "", more: Partial<Known> = {}): Known => ({
  cadence: { intervalMs: 10_000, timeoutMs: 5_000, policy: defaultPolicy },
  ownId: null,
  graceMs: 30_000,
  logLines: 0,
  startMs: 0,
  memories: new Map(),
  stoodIn: new Set(),
  inspectRefused: false,
  looked: true,
  listeningSinceMs: null,
  podman: false,
  wanted: wanted === "" ? [] : Result.getOrThrow(parsePatterns(wanted)),
  excluded: [],
  ...more
})

const itemOf = (name: string, more: Partial<ListItem> = {}): ListItem => ({
  Id: idOf(1),
  Names: [`/${name}`],
  Image: `${name}:1`,
  State: "running",
  Status: "Up 3 hours",
  Labels: {},
  ...more
})
const exited = { State: "exited", Status: "Exited (1) 2 seconds ago" }

const presentOf = (item: ListItem, replacement: ListItem | null = null): Present => ({
  item,
  identity: identify(item),
  replacement
})

/** Takes a look in, and gives what is remembered then. */
const see = (known: Known, item: ListItem, nowMs: number, replacement: ListItem | null = null): Memory => {
  const present = presentOf(item, replacement)
  remember(known, present, nowMs, false)
  const memory = known.memories.get(present.identity.key)
  if (memory === undefined) throw new Error("nothing is remembered")
  return memory
}

const inspectOf = (restarts: number, startedAt: string, more: object = {}) => ({
  RestartCount: restarts,
  State: { Status: "running", Running: true, StartedAt: startedAt, ...more },
  HostConfig: { RestartPolicy: { Name: "always" } }
})

const said = ({ spec, look }: SignalLook): string =>
  look._tag === "Missed"
    ? `${spec.signal} held: ${look.reason}`
    : `${spec.signal} ${look.active ? "active" : "clear"}: ${[look.evidence.summary, ...look.evidence.details].join(" | ")}`

describe("starts", () => {
  const key = "name web"
  const learning = (known: Known) => (document: unknown, nowMs: number) => learn(known, key, document, nowMs, new Set())

  it("are counted from the engine's count where no event tells of them", () => {
    const known = knownOf()
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)

    inspect(inspectOf(5, "a"), 0)
    inspect(inspectOf(7, "b"), 10_000)

    assert.deepStrictEqual(memory.startsMs, [10_000, 10_000])
  })

  it("that events have told of are not counted again by an inspect", () => {
    const known = knownOf("", { listeningSinceMs: 0 })
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)
    inspect(inspectOf(5, "a"), 0)

    hearStart(memory, 1_000)
    hearStart(memory, 2_000)
    inspect(inspectOf(7, "c"), 2_100)
    inspect(inspectOf(7, "c"), 12_000)

    assert.deepStrictEqual(memory.startsMs, [1_000, 2_000])
  })

  it("that follow a stop which was meant make no loop, by event or by inspect", () => {
    const known = knownOf("", { listeningSinceMs: 0 })
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)
    inspect(inspectOf(0, "a"), 0)

    hearStart(memory, 1_000, true)
    inspect(inspectOf(0, "b"), 1_100)
    inspect(inspectOf(0, "c"), 2_000)
    hearStart(memory, 2_010, true)

    assert.deepStrictEqual(memory.startsMs, [])
  })

  it("are not counted again either where the stream was opened after the last inspect", () => {
    const known = knownOf()
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)
    inspect(inspectOf(5, "a"), 0)

    known.listeningSinceMs = 600_000
    hearStart(memory, 601_000)
    inspect(inspectOf(6, "b"), 601_001)

    assert.deepStrictEqual(memory.startsMs, [601_000])
  })

  it("that an inspect has seen a moment before their event are counted once", () => {
    const known = knownOf("", { listeningSinceMs: 0 })
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)
    inspect(inspectOf(0, "a"), 0)

    inspect(inspectOf(1, "b"), 5_000)
    hearStart(memory, 5_004)
    hearStart(memory, 7_000)
    inspect(inspectOf(2, "c"), 7_001)

    assert.deepStrictEqual(memory.startsMs, [5_000, 7_000])
  })

  it("that a silent stream has not told of are counted by inspects all the same", () => {
    const known = knownOf("", { listeningSinceMs: 0 })
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)
    inspect(inspectOf(0, "a"), 0)

    inspect(inspectOf(2, "b"), 10_000)
    inspect(inspectOf(4, "c"), 20_000)
    hearStart(memory, 25_000)

    assert.deepStrictEqual(memory.startsMs, [10_000, 10_000, 20_000, 20_000, 25_000])
  })

  it("by hand reset the engine's count, and are one", () => {
    const known = knownOf()
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)

    inspect(inspectOf(9, "a"), 0)
    inspect(inspectOf(0, "b"), 10_000)
    inspect(inspectOf(0, "b"), 20_000)

    assert.deepStrictEqual(memory.startsMs, [10_000])
  })

  it("still to come, in the back-off, are not counted yet", () => {
    const known = knownOf()
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)

    inspect(inspectOf(0, "a"), 0)
    inspect(inspectOf(1, "a", { Restarting: true }), 10_000)
    const inBackOff = memory.startsMs
    inspect(inspectOf(1, "b"), 20_000)

    assert.deepStrictEqual([inBackOff, memory.startsMs], [[], [20_000]])
  })

  it("make a loop of three within a minute, whose words count them", () => {
    const known = knownOf()
    const memory = see(known, itemOf("web"), 0)
    const ended = { exitCode: 1, oom: false }

    hearStart(memory, 10_000)
    hearStart(memory, 20_000)
    const two = loopTextOf(memory, 20_500, ended)
    hearStart(memory, 30_000)
    const three = loopTextOf(memory, 30_500, ended)

    assert.isUndefined(two)
    assert.strictEqual(three, "restart loop: 3 starts in the last minute, last exited with code 1")
  })

  it("are bounded, however many the engine has counted", () => {
    const known = knownOf()
    const memory = see(known, itemOf("web"), 0)
    const inspect = learning(known)

    inspect(inspectOf(0, "a"), 0)
    inspect(inspectOf(1_000_000_000, "b"), 10_000)

    assert.isAtMost(memory.startsMs.length, 100)
  })

  it("are not learnt from an inspect that cannot be read, which is odd", () => {
    const known = knownOf()
    const memory = see(known, itemOf("web"), 0)
    const oddities = new Set<string>()

    learn(known, key, { State: "running" }, 0, oddities)
    learn(known, "name nobody", inspectOf(1, "a"), 0, oddities)

    assert.deepStrictEqual([[...oddities], memory.inspected], [["inspect of web could not be read"], null])
  })
})

describe("a recreated container", () => {
  it("is its predecessor: expected as that was, with the image before", () => {
    const known = knownOf()
    see(known, itemOf("web"), 0)

    const memory = see(known, itemOf("web", { Id: idOf(2), Image: "web:2", ...exited }), 10_000)

    assert.isTrue(isExpected(known, memory))
    assert.deepStrictEqual([...contextOf(memory)], ["image web:2, before web:1"])
  })

  it("of the same image has none before, and starts and intents are its own", () => {
    const known = knownOf()
    const before = see(known, itemOf("web"), 0)
    hearStart(before, 1_000)
    before.intentMs = 1_000

    const memory = see(known, itemOf("web", { Id: idOf(2) }), 10_000)

    assert.deepStrictEqual(
      [memory.imageBefore, memory.startsMs, memory.intentMs, memory.graceUntilMs],
      [null, [], null, 40_000]
    )
  })

  it("whose replacement stands beside it is held from then on", () => {
    const known = knownOf()
    const replacement = itemOf(`${idOf(1).slice(0, 12)}_web`, {
      Id: idOf(2),
      Labels: { "com.docker.compose.replace": idOf(1) }
    })
    const memory = see(known, itemOf("web"), 0)
    see(known, itemOf("web", exited), 100_000, replacement)

    const look = lookAt(known, presentOf(itemOf("web", exited)), 100_000)

    assert.isTrue(memory.replaced)
    assert.match(said(look), /^container:web held: exited with code 1; held for 30 s more/)
  })
})

describe("what changed", () => {
  it("is a new container, another state or health, or a start since the last look; nothing else", () => {
    const known = knownOf()
    const looks: ReadonlyArray<readonly [item: ListItem, changed: boolean]> = [
      [itemOf("web"), true],
      [itemOf("web"), false],
      [itemOf("web", { Status: "Up 3 hours (unhealthy)" }), true],
      [itemOf("web", { Status: "Up 3 hours (unhealthy)" }), false],
      [itemOf("web", { Status: "Up 3 seconds (unhealthy)" }), true],
      [itemOf("web", { Status: "Up 13 seconds (unhealthy)" }), false],
      [itemOf("web", exited), true],
      [itemOf("web", { Id: idOf(2) }), true]
    ]

    const changed = looks.map(([item], tick) => remember(known, presentOf(item), tick * 10_000, false))

    assert.deepStrictEqual(
      changed,
      looks.map(([, expected]) => expected)
    )
  })

  it("is held against the event stream where it started or stopped, also between two looks", () => {
    const known = knownOf()
    const memory = see(known, itemOf("web"), 0)
    const healthy = see(known, itemOf("web", { Status: "Up 3 hours (healthy)" }), 10_000).changedMs
    const restarted = see(known, itemOf("web", { Status: "Up 3 seconds" }), 20_000).changedMs
    const stopped = see(known, itemOf("web", exited), 30_000).changedMs

    assert.deepStrictEqual([healthy, restarted, stopped, memory.changedMs], [null, 20_000, 30_000, 30_000])
  })

  it("is inspected again while it is bad and expected, and while its starts are counted", () => {
    const known = knownOf()
    const well = see(known, itemOf("web"), 0)
    const isSuspectNow = (item: ListItem): boolean => isSuspect(known, presentOf(item))

    assert.isFalse(isSuspectNow(itemOf("web")))
    assert.isTrue(isSuspectNow(itemOf("web", exited)))
    assert.isTrue(isSuspectNow(itemOf("never-seen")))
    hearStart(well, 1_000)
    assert.isTrue(isSuspectNow(itemOf("web")))
  })
})

describe("a list that events have overtaken", () => {
  it("is not believed where they have told otherwise since it was asked for", () => {
    const known = knownOf()
    const memory = see(known, itemOf("web"), 0)
    memory.item = itemOf("web", exited)
    memory.turnedMs = 10_001
    const stale = presentOf(itemOf("web"))

    assert.isTrue(isOvertaken(known, stale, 10_000))
    assert.isFalse(isOvertaken(known, stale, 10_001))
    assert.deepStrictEqual(newest(known, stale, 10_000), [presentOf(itemOf("web", exited))])
    assert.deepStrictEqual(newest(known, stale, 10_001), [stale])
  })

  it("does not bring back what was removed meanwhile", () => {
    const known = knownOf()
    const memory = see(known, itemOf("web"), 0)
    memory.destroyed = true
    memory.turnedMs = 10_001

    assert.deepStrictEqual(newest(known, presentOf(itemOf("web")), 10_000), [])
  })
})

describe("an identity that is gone", () => {
  it("is kept through a deploy's grace, then forgotten", () => {
    const known = knownOf()
    see(known, itemOf("web"), 0)

    forget(known, "name web", 30_000)
    const inGrace = known.memories.has("name web")
    forget(known, "name web", 30_001)

    assert.deepStrictEqual([inGrace, known.memories.has("name web")], [true, false])
  })

  it("is kept for good where it is required, by name or by label", () => {
    const known = knownOf("web")
    see(known, itemOf("web"), 0)
    see(known, itemOf("db", { Id: idOf(2), Labels: { "watchdog.required": "true" } }), 0)

    forget(known, "name web", 1e9)
    forget(known, "name db", 1e9)
    forget(known, "name nobody", 1e9)

    assert.sameMembers([...known.memories.keys()], ["name web", "name db"])
  })

  it("is missing after the grace where it is required, tuned as its label said", () => {
    const known = knownOf()
    see(known, itemOf("db", { Labels: { "watchdog.required": "true", "watchdog.severity": "warning" } }), 0)
    see(known, itemOf("web", { Id: idOf(2) }), 0)

    const held = missingRequired(known, [], 20_000)
    const missing = missingRequired(known, [], 30_000)

    assert.deepStrictEqual(held.map(said), [
      "container:db held: missing: there is no such container; held for 10 s more (deploy grace)"
    ])
    assert.deepStrictEqual(missing.map(said), ["container:db active: missing: there is no such container"])
    assert.strictEqual(missing[0]?.spec.severity, "warning")
  })

  it("is missing once, where it is required both by name and by label", () => {
    const known = knownOf("db")
    const item = itemOf("db", { Labels: { "watchdog.required": "true" } })
    see(known, item, 0)

    assert.strictEqual(missingRequired(known, [], 60_000).length, 1)
    assert.deepStrictEqual(missingRequired(known, [presentOf(item)], 60_000), [])
  })

  it("is not missed where one labelled out of sight has taken its place", () => {
    const known = knownOf()
    see(known, itemOf("db", { Labels: { "watchdog.required": "true" } }), 0)
    const successor = itemOf("db", { Id: idOf(2), Labels: { "watchdog.enable": "false" } })

    silence(known, [successor], new Set())

    assert.deepStrictEqual(missingRequired(known, [], 60_000), [])
  })

  it("is not forgotten for one that only claims its labels", () => {
    const known = knownOf()
    see(known, itemOf("db"), 0)
    const impostor = itemOf("db", { Id: idOf(2), Labels: { "watchdog.enable": "false" } })

    silence(known, [impostor], new Set(["name db"]))

    assert.isTrue(known.memories.has("name db"))
  })
})

describe("who is who", () => {
  const labels = {
    "com.docker.compose.project": "shop",
    "com.docker.compose.service": "api",
    "com.docker.compose.container-number": "1"
  }

  it("tells two apart that share their labels", () => {
    const known = knownOf()

    const found = group(known, [
      itemOf("shop-api-1", { Labels: labels }),
      itemOf("copy", { Id: idOf(2), Labels: labels })
    ])

    assert.deepStrictEqual(
      found.map(({ identity }) => [identity.key, identity.name]),
      [
        ["compose shop api 1", "shop-api-1"],
        ["compose shop api 1 copy", "copy"]
      ]
    )
  })

  it("leaves out the watchdog's own, one-offs, who is not selected and who is labelled so", () => {
    const known = knownOf("", { ownId: idOf(9), excluded: ["tmp-*"] })
    const watched = (item: ListItem): boolean => isWatched(known, item, identify(item))

    assert.deepStrictEqual(
      [
        itemOf("web"),
        itemOf("me", { Id: idOf(9) }),
        itemOf("run", { Labels: { "com.docker.compose.oneoff": "True" } }),
        itemOf("tmp-1"),
        itemOf("quiet", { Labels: { "watchdog.enable": "false" } })
      ].map(watched),
      [true, false, false, false, false]
    )
  })
})
