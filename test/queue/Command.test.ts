/** Commands from a phone: what is understood, and what is answered. */
import { assert, describe, it } from "vitest"
import { type SignalState, bornState, defaultPolicy } from "../../src/decision/index.ts"
import * as Command from "../../src/queue/Command.ts"

describe("readCommand", () => {
  const hour = 3_600_000
  const table: ReadonlyArray<readonly [string, Command.Command | undefined]> = [
    ["/status", { _tag: "Status" }],
    ["/status@watch_bot", { _tag: "Status" }],
    ["/STATUS@Watch_Bot", { _tag: "Status" }],
    ["/status@other_bot", undefined],
    ["  /help ", { _tag: "Help" }],
    ["/mute container:api 1h", { _tag: "Mute", pattern: "container:api", forMs: hour }],
    ["/mute@watch_bot all 1h30m", { _tag: "Mute", pattern: "*", forMs: 1.5 * hour }],
    ["/mute ALL 7D", { _tag: "Mute", pattern: "*", forMs: 168 * hour }],
    ["/mute container:* 60", { _tag: "Mute", pattern: "container:*", forMs: 60_000 }],
    ['/mute rule:x{job="a b"} 2h', { _tag: "Mute", pattern: 'rule:x{job="a b"}', forMs: 2 * hour }],
    ["/unmute", { _tag: "Unmute", pattern: null }],
    ["/unmute all", { _tag: "Unmute", pattern: "*" }],
    ["/unmute disk:/var", { _tag: "Unmute", pattern: "disk:/var" }],
    ["hello", undefined],
    ["/weather", undefined],
    ["status", undefined],
    ["/", undefined],
    [`/mute ${"x".repeat(2_000)} 1h`, undefined]
  ]

  it.each(table)("in a group, %s", (text, expected) => {
    assert.deepStrictEqual(Command.readCommand(text, "watch_bot", false), expected)
  })

  const wrong: ReadonlyArray<readonly [string, RegExp]> = [
    ["/mute", /what, and for how long\?/],
    ["/mute all", /what, and for how long\?/],
    ["/mute container:api forever", /forever is not a duration from 1m to 7d/],
    ["/mute all 30s", /30s is not a duration/],
    ["/mute all 8d", /8d is not a duration/],
    ["/weather@watch_bot", /there is no \/weather/]
  ]

  it.each(wrong)("%s is answered with what would be right", (text, why) => {
    const command = Command.readCommand(text, "watch_bot", false)

    assert.strictEqual(command?._tag, "Wrong")
    if (command?._tag === "Wrong") assert.match(command.why, why)
  })

  it("in private whatever else is said is answered with help", () => {
    assert.strictEqual(Command.readCommand("hello", "watch_bot", true)?._tag, "Help")
    assert.strictEqual(Command.readCommand("/weather", "watch_bot", true)?._tag, "Wrong")
  })
})

const state = (more: Partial<SignalState> = {}): SignalState => ({
  ...bornState(0, { summary: "", details: [] }),
  ...more
})

const watched = (signal: string, more: Partial<SignalState> = {}, severity: "critical" | "warning" = "critical") => ({
  spec: { signal, severity, policy: defaultPolicy },
  state: state(more)
})

const rendering = { nowMs: 3_600_000, host: "prod-1", timeText: (ms: number) => `t${ms / 60_000}` }
const works = { name: "telegram", red: false, problem: null, waiting: 0 }

describe("statusText", () => {
  it("names what is wrong, worst and oldest first, what is muted and how the sinks are", () => {
    const text = Command.statusText({
      watched: [
        watched("memory", { active: true, sinceMs: 0, evidence: { summary: "97 %", details: [] } }, "warning"),
        watched("container:db", {
          active: true,
          sinceMs: 1_800_000,
          evidence: { summary: "exited\nwith 1", details: [] }
        }),
        watched("container:api", {
          active: true,
          sinceMs: 600_000,
          flapping: { sinceMs: 600_000, raises: 4, settleLeftMs: 1, settleFromMs: null },
          evidence: { summary: "unhealthy", details: [] }
        }),
        watched("disk:/"),
        watched("dependency:x", { unknownSinceMs: 5 })
      ],
      sinks: [works, { name: "webhook", red: true, problem: "refuses: 403", waiting: 2 }],
      mutes: [{ pattern: "memory", untilMs: 7_200_000, by: "@ann" }],
      rendering
    })

    assert.strictEqual(
      text,
      [
        "3 active, 2 clear, 1 not seen lately · prod-1",
        "",
        "〰️ container:api since t10 (50 min): unhealthy",
        "🔴 container:db since t30 (30 min): exited with 1",
        "🟠 memory 🔕 since t0 (1 h): 97 %",
        "",
        "muted:",
        "memory until t120 (1 h), by @ann",
        "",
        "sinks:",
        "telegram: works",
        "webhook: refuses: 403, 2 waiting"
      ].join("\n")
    )
  })

  it("says so where nothing is wrong", () => {
    assert.strictEqual(
      Command.statusText({ watched: [watched("disk:/")], sinks: [works], mutes: [], rendering }),
      "nothing is wrong, 1 clear · prod-1\n\nsinks:\ntelegram: works"
    )
  })

  it("is one message however much is wrong and however long it is called", () => {
    const text = Command.statusText({
      watched: Array.from({ length: 30 }, (_, at) =>
        watched(`container:${"x".repeat(500)}${at}`, {
          active: true,
          evidence: { summary: "😀".repeat(900), details: [] }
        })
      ),
      sinks: Array.from({ length: 12 }, (_, at) => ({ ...works, name: `s${at}`, problem: "p".repeat(900) })),
      mutes: Array.from({ length: 40 }, (_, at) => ({ pattern: `${"m".repeat(300)}${at}`, untilMs: 7e6, by: "@ann" })),
      rendering: { ...rendering, host: "h".repeat(100) }
    })

    assert.isAtMost(text.length, 4_096)
    assert.include(text, "… and 12 more")
    assert.include(text, "… and 35 more")
    assert.isTrue(text.isWellFormed())
  })
})

describe("unknownText", () => {
  const ids = ["container:api", "container:api-worker", "dependency:api", "disk:/var", "orch_down", "sink:telegram"]

  const table: ReadonlyArray<readonly [string, string]> = [
    ["api", "container:api, container:api-worker, dependency:api"],
    ["container:apo", "container:api, container:api-worker"],
    ["orchdown", "orch_down"],
    ["/var", "disk:/var"]
  ]

  it.each(table)("%s is near %s", (pattern, near) => {
    assert.include(Command.unknownText(pattern, ids), `near it: ${near}`)
  })

  it("names nothing where nothing is near, and prints nothing that a reader's terminal would obey", () => {
    assert.strictEqual(
      Command.unknownText("\u001B[2Jzzz", ids),
      "there is no signal \u{FFFD}[2Jzzz; /status names those that are active"
    )
  })
})

describe("covered", () => {
  it("knows everything, ids and patterns; nothing else", () => {
    const ids = ["container:api", "disk:/"]
    assert.deepStrictEqual(Command.covered("*", ids), ids)
    assert.deepStrictEqual(Command.covered("container:*", ids), ["container:api"])
    assert.isUndefined(Command.covered("container:x*", ids))
    assert.isUndefined(Command.covered("api", ids))
    assert.deepStrictEqual(Command.covered("*", []), [])
  })
})
