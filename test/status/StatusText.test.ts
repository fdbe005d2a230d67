import { assert, describe, it } from "vitest"
import { coloured } from "../../src/base/Paint.ts"
import { explainText, statusText } from "../../src/status/StatusText.ts"
import { signalView, snapshotOf } from "./snapshots.ts"

const down = signalView("container:api", {
  state: "active",
  look: "active",
  since: "2026-01-02T02:58:00.000Z",
  summary: "exited with code 137 (SIGKILL)",
  details: ["image api:2, before api:1"],
  because: ["next reminder in 28 min"],
  nextReminder: "2026-01-02T03:28:00.000Z",
  raises: 1
})

describe("the status in a terminal", () => {
  it("says first how things are", () => {
    const [first] = statusText(snapshotOf([signalView("container:db"), down])).split("\n")

    assert.strictEqual(first, "1 thing is wrong, 1 well   web-1 · up 2 h · watchdog 1.2.3")
  })

  it("does not call well what it cannot see", () => {
    const [first] = statusText(snapshotOf([signalView("a", { state: "unknown" }), signalView("b")])).split("\n")

    assert.match(first ?? "", /^nothing is known to be wrong, 1 well, 1 not seen/)
  })

  it("puts what is wrong above what is well, with since when, why and what would wake someone", () => {
    const lines = statusText(snapshotOf([signalView("container:a"), down])).split("\n")
    const at = lines.indexOf("Signals")

    assert.strictEqual(
      lines[at + 1],
      "✖  container:api  active  2 min  exited with code 137 (SIGKILL)  within 25 s (2 ticks)"
    )
    assert.match(lines[at + 2] ?? "", /^✔ {2}container:a {4}clear {3}1 h/)
  })

  it("shows a sink in trouble, what waits, a mute and what is wrong with the watchdog itself", () => {
    const text = statusText(
      snapshotOf([down], {
        sinks: [
          {
            name: "telegram",
            destination: "Telegram chat 42",
            red: true,
            problem: "the bot was blocked",
            waiting: 2,
            sent: 0,
            failures: 4,
            lastSent: null
          }
        ],
        mutes: [{ pattern: "*", until: "2026-01-02T03:10:00.000Z", by: "@ops" }],
        healthy: false,
        reasons: ["collector disk is stuck"]
      })
    )

    assert.match(text, /✖ {2}Telegram chat 42 {2}0 sent, 2 waiting {4}the bot was blocked/)
    assert.match(text, /\* {2}for another 10 min {2}by @ops/)
    assert.match(text, /The watchdog itself is not well\n {2}collector disk is stuck/)
  })

  it("prints nothing that a terminal would obey", () => {
    const text = statusText(
      snapshotOf([signalView("container:\u001B[2Jx", { summary: "a\u0007b\r\nc" })], {
        told: [
          { at: "2026-01-02T02:59:00.000Z", sink: "telegram", text: "🔴 x\u001B[31m\nline", rang: true, signals: ["x"] }
        ]
      })
    )

    assert.notMatch(text.replaceAll("\n", ""), /\p{Cc}/u)
    assert.match(text, /🔴 x�\[31m\n {2}line/u)
  })

  it("cuts at the terminal's width, and nowhere without one", () => {
    const long = signalView("container:x", { wakes: "y".repeat(400) })
    const cut = statusText(snapshotOf([long]), { width: 100 })
      .split("\n")
      .slice(1)

    assert.isAtMost(Math.max(...cut.map((line) => Array.from(line).length)), 100)
    assert.include(statusText(snapshotOf([long])), "y".repeat(400))
  })

  it("says with colours what it says without", () => {
    const snapshot = snapshotOf([down, signalView("b")])

    assert.strictEqual(
      // eslint-disable-next-line no-control-regex
      statusText(snapshot, { paint: coloured }).replaceAll(/\u001B\[\d+m/g, ""),
      statusText(snapshot)
    )
  })
})

describe("the explanation of one signal", () => {
  it("has state, reasons, evidence and what was told of it", () => {
    const snapshot = snapshotOf([down], {
      told: [
        {
          at: "2026-01-02T02:58:00.000Z",
          sink: "telegram",
          text: "🔴 container:api exited\nsince 02:58:00",
          rang: true,
          signals: ["container:api"]
        },
        { at: "2026-01-02T02:00:00.000Z", sink: "telegram", text: "✅ other", rang: false, signals: ["other"] }
      ]
    })

    assert.strictEqual(
      explainText(snapshot, down),
      [
        "✖ container:api active",
        "  since          2026-01-02T02:58:00.000Z (2 min)",
        "  last look      active: exited with code 137 (SIGKILL)",
        "  wakes you      within 25 s (2 ticks)",
        "  next reminder  in 28 min",
        "  raised         once",
        "  reported by    containers, critical",
        "",
        "Why",
        "  next reminder in 28 min",
        "",
        "Evidence",
        "  image api:2, before api:1",
        "",
        "Told lately",
        "2 min ago, telegram",
        "  🔴 container:api exited",
        "  since 02:58:00"
      ].join("\n")
    )
  })

  it("says that nothing was told", () => {
    assert.match(explainText(snapshotOf([down]), down), /Told lately\n {2}nothing of it$/)
  })
})
