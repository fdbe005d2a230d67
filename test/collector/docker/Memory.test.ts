import { assert, describe, it } from "@effect/vitest"
import { type ListItem, identify } from "../../../src/collector/docker/Container.ts"
import {
  contextOf,
  forget,
  group,
  isExpected,
  isOvertaken,
  isSuspect,
  isWatched,
  lookAt,
  newest,
  remember,
  silence
} from "../../../src/collector/docker/Memory.ts"
import { hearStart } from "../../../src/collector/docker/Starts.ts"
import { exited, idOf, itemOf, knownOf, presentOf, said, see } from "./known.ts"

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
