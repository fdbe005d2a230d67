import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  type Entry,
  type EntryKind,
  type Rendering,
  blankEntry,
  drillSignal,
  durationText,
  iconOf,
  minimalText,
  rank,
  rings,
  wordEntry
} from "../../src/decision/index.ts"

const rendering: Rendering = { nowMs: 100_000, host: "box", timeText: (atMs) => `t${atMs / 1_000}` }

const entry = (kind: EntryKind, more: Partial<Entry> = {}): Entry => ({
  ...blankEntry(kind, "container:api", "critical"),
  sinceMs: 10_000,
  ...more
})

const because = { summary: "exit code 137", details: ["out of memory", "restarted 3 times"] }

describe("durationText", () => {
  const table: ReadonlyArray<readonly [number, string]> = [
    [-5_000, "0 s"],
    [0, "0 s"],
    [499, "0 s"],
    [500, "1 s"],
    [59_499, "59 s"],
    [59_500, "1 min"],
    [60_000, "1 min"],
    [61_000, "1 min 1 s"],
    [3_600_000, "1 h"],
    [3_601_000, "1 h"],
    [7_500_000, "2 h 5 min"],
    [86_399_600, "1 d"],
    [86_400_000, "1 d"],
    [90_000_000, "1 d 1 h"],
    [90_061_000, "1 d 1 h"],
    [400 * 86_400_000, "400 d"]
  ]

  it.each(table)("%i ms is %s", (ms, wanted) => {
    assert.strictEqual(durationText(ms), wanted)
  })
})

describe("wordEntry", () => {
  const worded: ReadonlyArray<readonly [string, Entry, string, string]> = [
    [
      "an alert",
      entry("alert", { active: true, evidence: because }),
      "🔴 exit code 137",
      "since t10 (1 min 30 s) · box"
    ],
    ["an alert without evidence", entry("alert", { active: true }), "🔴 active", "since t10 (1 min 30 s) · box"],
    [
      "a warning found at start",
      entry("alert", { active: true, severity: "warning", foundAtStart: true }),
      "🟠 active",
      "found at start, seen since t10 (1 min 30 s) · box"
    ],
    [
      "a reminder",
      entry("reminder", { active: true, evidence: because }),
      "🔁 still down: exit code 137",
      "since t10 (1 min 30 s) · box"
    ],
    [
      "failing again",
      entry("again", { active: true, sinceMs: 60_000, endedMs: 40_000, evidence: because }),
      "🔁 failed again: exit code 137",
      "well t40–t60, down again since t60 (40 s) · box"
    ],
    ["a recovery", entry("recovered", { endedMs: 70_000 }), "✅ recovered", "down t10–t70 (1 min) · box"],
    [
      "one late line",
      entry("late", { endedMs: 70_000, times: 3 }),
      "🕓 was down (3 times), told late",
      "between t10 and t70 · box"
    ],
    [
      "one line of what came and went while muted",
      entry("late", { endedMs: 70_000, muted: true, evidence: because }),
      "🕓 was down while muted: exit code 137",
      "down t10–t70 (1 min) · box"
    ],
    [
      "late, of what is full and not down",
      entry("late", { signal: "disk:/var", endedMs: 70_000 }),
      "🕓 was active, told late",
      "active t10–t70 (1 min) · box"
    ],
    [
      "a reminder of flapping",
      entry("reminder", { active: true, flapping: true, times: 412, evidence: because }),
      "🔁 still flapping, raised 412 times: exit code 137",
      "since t10 (1 min 30 s) · box"
    ],
    [
      "gone",
      entry("gone", { endedMs: 70_000 }),
      "⚪ gone: no longer reported, not known to have recovered",
      "was active t10–t70 (1 min) · box"
    ],
    [
      "flapping",
      entry("flapping", { active: true, times: 4, evidence: because }),
      "〰️ flapping, raised 4 times: exit code 137",
      "since t10 (1 min 30 s) · box"
    ],
    [
      "settled down",
      entry("settled", { active: true, evidence: because }),
      "〰️ settled: stays down: exit code 137",
      "flapped since t10 (1 min 30 s) · box"
    ],
    ["settled well", entry("settled", { endedMs: 70_000 }), "〰️ settled: stays well", "flapped t10–t70 (1 min) · box"],
    [
      "a notice, which has no span",
      entry("notice", { active: true, evidence: { summary: "started", details: ["twice"] } }),
      "ℹ️ started",
      "box"
    ],
    [
      "a drill's end",
      entry("recovered", { signal: drillSignal, endedMs: 20_000 }),
      "🧪 is over: the end of an alert arrives too",
      "active t10–t20 (10 s) · box"
    ],
    ["a drill", entry("drill"), "🧪 drill", "since t10 (1 min 30 s) · box"]
  ]

  it.each(worded)("says %s", (_, one, head, span) => {
    const { icon, text, lines } = wordEntry(one, rendering)

    assert.strictEqual(`${icon} ${text}`, head)
    assert.strictEqual(lines[0], span)
  })

  it("gives details of what is active, and none of what has ended", () => {
    const active = wordEntry(entry("alert", { active: true, evidence: because }), rendering)
    const ended = wordEntry(entry("recovered", { endedMs: 20_000, evidence: because }), rendering)

    assert.deepStrictEqual(active.lines.slice(1), because.details)
    assert.deepStrictEqual(ended.lines.slice(1), [])
  })

  it("says how often it was raised before it could be told", () => {
    const { lines } = wordEntry(entry("alert", { active: true, times: 3 }), rendering)

    assert.include(lines, "raised 3 times before this could be told")
  })

  it("can be cut down to what no channel can mind: icon, id and kind", () => {
    assert.strictEqual(minimalText(entry("alert", { evidence: because })), "🔴 container:api: alert")
    assert.strictEqual(minimalText(entry("recovered")), "✅ container:api: recovered")
  })

  it("owns up to doubts", () => {
    const { lines } = wordEntry(entry("recovered", { repeated: true, alertUncertain: true }), rendering)

    assert.include(lines, "possibly repeated: the first try got no answer")
    assert.include(lines, "its alert may not have arrived")
  })

  it.prop(
    "gives the id verbatim, at its place and nowhere else, and never fails, whatever the evidence holds",
    [
      Schema.String,
      Schema.Literals([
        "alert",
        "again",
        "reminder",
        "recovered",
        "late",
        "gone",
        "flapping",
        "settled",
        "drill",
        "notice"
      ]),
      Schema.Boolean,
      Schema.NullOr(Schema.Finite),
      Schema.String,
      Schema.Array(Schema.String)
    ],
    ([name, kind, active, endedMs, summary, details]) => {
      const id = `container:${name}\u{F8FF}`
      const hostile = entry(kind, { signal: id, active, endedMs, evidence: { summary, details } })

      const { id: shown, text, lines } = wordEntry(hostile, rendering)

      assert.strictEqual(shown, id)
      assert.notInclude([text, ...lines].join("\n"), id)
    },
    { arbitrary: { runs: 300, size: 40 } }
  )
})

describe("order and sound", () => {
  const kinds: ReadonlyArray<readonly [EntryKind, boolean, boolean]> = [
    ["alert", true, true],
    ["again", true, true],
    ["flapping", true, true],
    ["settled", true, true],
    ["drill", false, true],
    ["settled", false, false],
    ["reminder", true, false],
    ["recovered", false, false],
    ["late", false, false],
    ["gone", false, false]
  ]

  it.each(kinds)("%s (active: %s) rings: %s", (kind, active, wanted) => {
    assert.strictEqual(rings(entry(kind, { active })), wanted)
  })

  it("puts critical news first, then news, then what goes on, then what is over", () => {
    const entries = [
      entry("recovered"),
      entry("reminder", { active: true }),
      entry("alert", { active: true, severity: "warning" }),
      entry("alert", { active: true }),
      entry("late", { severity: "warning" })
    ]

    const sorted = [...entries].sort((a, b) => rank(a) - rank(b)).map((one) => `${one.severity} ${one.kind}`)

    assert.deepStrictEqual(sorted, [
      "critical alert",
      "warning alert",
      "critical reminder",
      "critical recovered",
      "warning late"
    ])
  })

  it("gives severity an icon only where a fault is new", () => {
    assert.strictEqual(iconOf(entry("alert")), "🔴")
    assert.strictEqual(iconOf(entry("alert", { severity: "warning" })), "🟠")
    assert.strictEqual(iconOf(entry("recovered", { severity: "warning" })), "✅")
  })
})
