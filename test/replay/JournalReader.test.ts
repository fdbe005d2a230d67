import { assert, describe, it } from "vitest"
import { type ReadLine, readLine } from "../../src/replay/JournalReader.ts"
import { policyOf } from "../decision/history.ts"

const time = "2026-11-22T17:09:47.349Z"
const lineOf = (fields: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ time, event: "observation", run: "r", atMs: 100, ...fields })

const spec = { severity: "critical", policy: policyOf({}) }
const look = {
  collector: "disk",
  signal: "disk:/",
  _tag: "Seen",
  active: true,
  confirmed: false,
  value: 97.5,
  evidence: { summary: "full", details: ["a", "b"] },
  tick: 5,
  scheduled: true,
  asOfMs: 99.125,
  first: false
}
const ticks = {
  event: "ticks",
  collector: "disk",
  first: 3,
  asOfMs: 0.125,
  everyMs: 10,
  lateUs: [5, -5],
  tookMs: [1, 2, 3]
}

const tagOf = (read: ReadLine): string => (typeof read === "string" ? read : read._tag)

describe("a line", () => {
  const line = lineOf({ ...look, spec })

  it.each([
    ["nothing", ""],
    ["compose", "watchdog-1  | "],
    ["compose with colours", "[36mwatchdog-1  |[0m "],
    ["--timestamps", "2026-11-22T17:09:47.349123456Z "],
    ["both", "watchdog-1  | 2026-11-22T17:09:47.349123456Z "],
    ["journald", "Nov 22 17:09:47 box watchdog[12]: "]
  ])("is read behind %s", (_, prefix) => {
    const read = readLine(prefix + line)

    assert.deepStrictEqual(read, {
      _tag: "Look",
      run: "r",
      wallMs: Date.parse(time),
      atMs: 100,
      collector: "disk",
      signal: "disk:/",
      tick: 5,
      input: {
        _tag: "Seen",
        tick: 5,
        scheduled: true,
        asOfMs: 99.125,
        active: true,
        confirmed: false,
        value: 97.5,
        first: false,
        evidence: { summary: "full", details: [] }
      },
      judged: spec,
      crashed: false
    } as ReadLine)
  })

  it.each([
    ["foreign", "GET /health 200"],
    ["foreign", ""],
    ["foreign", '{"level":"info","msg":"x"}'],
    ["foreign", `{"msg":"${line}"}`],
    ["foreign", `${"x".repeat(500)}${line}`],
    ["foreign", JSON.stringify({ time, event: 5 })],
    ["foreign", JSON.stringify({ time, event: "started", atMs: 5 })],
    ["log", lineOf({ event: "log", level: "info", message: "hello" })],
    ["broken", line.slice(0, -10)],
    ["broken", `{"time":"${"[".repeat(100_000)}`],
    ["broken", lineOf({ ...look, tick: -1 })],
    ["broken", lineOf({ ...look, tick: 1.5 })],
    ["broken", lineOf({ ...look, asOfMs: -1 })],
    ["broken", lineOf({ ...look, asOfMs: null })],
    ["broken", lineOf({ ...look, atMs: "x" })],
    ["broken", lineOf({ ...look, active: "yes" })],
    ["broken", lineOf({ ...look, spec: {} })],
    ["broken", lineOf({ ...look, spec: { ...spec, policy: { ...spec.policy, raiseTicks: 0 } } })],
    ["broken", lineOf({ ...look, time: "yesterday" })],
    ["broken", line.replace('"asOfMs":99.125', '"asOfMs":1e999')],
    ["old", lineOf({ ...look, collector: undefined })],
    ["Other", lineOf({ event: "delivery", sink: "telegram" })],
    ["Retired", lineOf({ ...look, event: "retired" })],
    ["Absent", lineOf({ ...look, event: "absent" })],
    ["Decision", lineOf({ ...look, event: "decision", kind: "alert", sinceMs: 5 })],
    ["broken", lineOf({ ...look, event: "decision", kind: "party", sinceMs: 5 })],
    ["Inherited", lineOf({ ...look, event: "inherited", spec })],
    ["broken", lineOf({ ...ticks, tookMs: [1] })],
    ["broken", lineOf({ ...ticks, tookMs: [1, -2, 3] })],
    ["broken", lineOf({ ...ticks, lateUs: [-1e9, 5] })],
    ["broken", lineOf({ ...ticks, lateUs: [null, 5] })],
    ["broken", lineOf({ event: "again", collector: "disk", signal: "a", tick: 1, scheduled: false })]
  ])("is %s: %.60s", (tag, text) => {
    assert.strictEqual(tagOf(readLine(text)), tag)
  })
})

describe("ticks", () => {
  it("come back as the poller gave them, to the microsecond", () => {
    const read = readLine(lineOf({ ...ticks, last: true }))

    assert.deepStrictEqual(read, {
      _tag: "Ticks",
      run: "r",
      wallMs: Date.parse(time),
      atMs: 100,
      collector: "disk",
      everyMs: 10,
      broken: null,
      last: true,
      ticks: [
        { number: 3, asOfMs: 0.125, tookMs: 1 },
        { number: 4, asOfMs: 10.13, tookMs: 2 },
        { number: 5, asOfMs: 20.125, tookMs: 3 }
      ]
    })
  })

  it("may be none, and name the one that broke", () => {
    const read = readLine(lineOf({ event: "ticks", collector: "disk", broken: { tick: 2, asOfMs: 90, looked: ["a"] } }))

    assert.strictEqual(typeof read === "string" ? read : read._tag, "Ticks")
    assert.deepInclude(read, {
      ticks: [],
      broken: { tick: { number: 2, asOfMs: 90, tookMs: 10 }, looked: new Set(["a"]) }
    })
  })
})
