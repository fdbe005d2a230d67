import { assert, describe, it } from "@effect/vitest"
import { countsOf, headlineOf, wrongOf } from "../../../src/status/page/Headline.ts"
import type { Snapshot } from "../../../src/status/Snapshot.ts"
import { ahead, calmWorld, signalOf, world } from "../../browser/world.ts"

const calm = calmWorld()
const with_ = (more: Partial<Snapshot>): Snapshot => ({ ...calm, ...more })
const down = signalOf("orch_down", { state: "active" })

describe("headlineOf", () => {
  const table: ReadonlyArray<readonly [string, Snapshot, string, string]> = [
    ["a good day", calm, "All is well", ""],
    ["one fault", with_({ signals: [down] }), "1 thing is wrong", "orch_down"],
    [
      "more faults than a sentence holds",
      with_({ signals: ["a", "b", "c", "d", "e"].map((id) => signalOf(id, { state: "active" })) }),
      "5 things are wrong",
      "a, b, c and 2 more"
    ],
    [
      "a muted fault",
      with_({ signals: [{ ...down, muted: { until: ahead(1), by: "@mira" } }] }),
      "1 thing is wrong",
      "orch_down; 1 of them muted"
    ],
    [
      "a signal nobody sees",
      with_({ signals: [signalOf("a", { state: "unknown" })] }),
      "Nothing is known to be wrong, but not everything can be seen",
      "cannot see a"
    ],
    [
      "a collector in trouble",
      with_({ collectors: calm.collectors.map((one, index) => ({ ...one, problem: index === 0 ? "refused" : null })) }),
      "Nothing is known to be wrong, but not everything can be seen",
      "orchestrator cannot see all of its source"
    ],
    [
      "a watchdog that is not well",
      with_({ healthy: false, reasons: ["the poller crashed"] }),
      "The watchdog itself is not well",
      "the watchdog itself is not well: the poller crashed"
    ],
    [
      "a red sink",
      with_({ sinks: calm.sinks.map((one, index) => ({ ...one, red: index === 0 })) }),
      "Nothing is wrong, but it could not be told",
      "cannot tell by telegram"
    ],
    ["nothing at all", with_({ signals: [] }), "Nothing is watched yet", ""],
    [
      "a fresh start",
      with_({ signals: [signalOf("a", { state: "new" }), signalOf("b")] }),
      "All is well so far",
      "1 not decided yet"
    ]
  ]

  it.each(table)("speaks of %s", (_, snapshot, words, which) => {
    const said = headlineOf(snapshot)

    assert.deepStrictEqual([said.words, said.which], [words, which])
  })

  it("never says that all is well where it is not known to be", () => {
    for (const [, snapshot, words] of table) {
      const good = snapshot.healthy && snapshot.signals.every((signal) => signal.state === "clear")
      if (words === "All is well") assert.isTrue(good)
    }
    assert.notInclude(headlineOf(world()).words, "well")
  })
})

describe("wrongOf", () => {
  it("puts the critical first, then the flapping and the unseen, and what is muted last", () => {
    assert.deepStrictEqual(
      wrongOf(world()).map((signal) => signal.id),
      [
        "container:shop-billing-1",
        "orch_down",
        "cert:shop.example",
        "rule:queue_backlog",
        "dependency:payments",
        "dependency:warehouse-vpn",
        "disk:/var/lib/docker"
      ]
    )
  })
})

describe("countsOf", () => {
  it("counts every signal once", () => {
    const counts = countsOf(world().signals)

    assert.strictEqual(
      counts.reduce((sum, [, count]) => sum + count, 0),
      60
    )
    assert.deepStrictEqual(counts[0], ["active", 5])
  })
})
