import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import { type Entry, type EntryKind, blankEntry } from "../../src/decision/index.ts"
import {
  cut,
  entryText,
  escapeHtml,
  fitting,
  isSilent,
  messageText,
  printable,
  summary
} from "../../src/sink/Message.ts"
import type { Draft } from "../../src/sink/Sink.ts"
import { type TelegramText, parseTelegramHtml, settleTelegramText } from "../../src/testing/TelegramHtml.ts"

const unitsMax = 4_096

const entry = (kind: EntryKind, signal = "container:api", more: Partial<Entry> = {}): Entry => ({
  ...blankEntry(kind, signal, "critical"),
  active: kind === "alert",
  ...more
})

const draftOf = (entries: ReadonlyArray<Entry>, more: Partial<Draft> = {}): Draft => ({
  entries,
  rendering: { nowMs: 100_000, host: "box", timeText: (atMs) => `t${atMs}` },
  alsoActive: 0,
  replyTo: null,
  ...more
})

const parsed = (html: string): TelegramText => {
  const result = parseTelegramHtml(html)
  if (!result.ok) throw new Error(`${result.description}: ${html}`)
  return result
}

/** Strings that have something against us: markup, entities, lone surrogates, controls, astral characters, length. */
const spiteful = Arbitrary.map(
  Arbitrary.array(
    Arbitrary.schema(
      Schema.Union([
        Schema.Literals([
          "<b>",
          "</b>",
          "<",
          ">",
          "&",
          "&amp;",
          "&#0;",
          "&#xD800;",
          '"',
          "\u0000",
          "\u001b[31m",
          "\r\n",
          "\n",
          "\ud800",
          "\udc00",
          "😀",
          "\u202e",
          "\u2028",
          "e\u0301",
          "</a",
          "<!--"
        ]),
        Schema.String
      ])
    ),
    { maxLength: 30 }
  ),
  (parts) => parts.join("")
)
const stretched = Arbitrary.map(
  Arbitrary.all([spiteful, Arbitrary.schema(Schema.Literals([1, 1, 1, 50, 3_000]))]),
  ([text, times]) => text.repeat(times)
)

const entries = Arbitrary.array(
  Arbitrary.map(
    Arbitrary.all({
      kind: Arbitrary.schema(
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
        ])
      ),
      signal: stretched,
      summary: stretched,
      details: Arbitrary.array(stretched, { maxLength: 3 }),
      active: Arbitrary.schema(Schema.Boolean)
    }),
    ({ kind, signal, active, ...evidence }) => entry(kind, signal, { active, evidence })
  ),
  { minLength: 1, maxLength: 12 }
)

describe("messageText", () => {
  it.prop(
    "is accepted by Telegram, reads the same in both forms, and fits, whatever bytes are in any field",
    [entries, stretched, Schema.Literals([0, 3, 123_456_789])],
    ([all, host, alsoActive]) => {
      const everything = draftOf(all, { rendering: { nowMs: 1, host, timeText: () => "14:03:05" }, alsoActive })
      const count = fitting({ ...everything, alsoActive: 0 }, unitsMax)
      const draft = { ...everything, entries: all.slice(0, count) }

      const { plain, html } = messageText(draft)

      const { text, entities } = parsed(html)
      assert.isAtLeast(count, 1)
      assert.isAtMost(plain.length, unitsMax)
      assert.strictEqual(text, plain)
      assert.strictEqual(entities.length, draft.entries.filter((one) => one.signal !== "").length)
      assert.isDefined(settleTelegramText({ text, entities }))
      assert.isTrue(plain.isWellFormed())
    },
    { arbitrary: { runs: 500, size: 30 } }
  )

  it("sets the id in bold, verbatim, right after the icon", () => {
    const { html, plain } = messageText(draftOf([entry("alert", "disk:/a<b&c")]))

    assert.isTrue(html.startsWith("🔴 <b>disk:/a&lt;b&amp;c</b> active\n"))
    assert.isTrue(plain.startsWith("🔴 disk:/a<b&c active\n"))
  })

  it("has a headline only where it tells more than one thing: how many of what, and where", () => {
    const one = messageText(draftOf([entry("alert")]))
    const many = messageText(draftOf([entry("alert", "a"), entry("alert", "b"), entry("recovered", "c")]))

    assert.isTrue(one.plain.startsWith("🔴 "))
    assert.isTrue(many.plain.startsWith("3 changes on box: 🔴 2  ✅ 1\n\n🔴 a"))
  })

  it("keeps the order it is given", () => {
    const { plain } = messageText(draftOf([entry("alert", "b"), entry("alert", "a")]))

    assert.isBelow(plain.indexOf("🔴 b"), plain.indexOf("🔴 a"))
  })

  it("counts other signals in trouble at its foot, and names none", () => {
    const { plain } = messageText(draftOf([entry("alert")], { alsoActive: 3 }))

    assert.isTrue(plain.endsWith("\n\nalso active: 3"))
  })
})

describe("fitting", () => {
  const padded = (units: number): Entry =>
    entry("alert", "x", { evidence: { summary: "y".repeat(units), details: [] } })

  it("splits at whole entries", () => {
    const many = draftOf(Array.from({ length: 20 }, () => padded(700)))

    const count = fitting(many, unitsMax)
    const first = messageText({ ...many, entries: many.entries.slice(0, count) })
    const more = messageText({ ...many, entries: many.entries.slice(0, count + 1) })

    assert.isAtMost(first.plain.length, unitsMax)
    assert.isAbove(more.plain.length, unitsMax - 60)
    assert.isTrue(first.plain.endsWith("· box"))
  })

  it("leaves room for a footer of any length", () => {
    for (let units = 1; units <= 900; units++) {
      const many = draftOf(Array.from({ length: 40 }, () => padded(units)))
      const taken = many.entries.slice(0, fitting(many, unitsMax))

      const { plain } = messageText({ ...many, entries: taken, alsoActive: 1_000_000 })

      assert.isAtMost(plain.length, unitsMax)
    }
  })

  it("gives one entry at least", () => {
    assert.strictEqual(fitting(draftOf([padded(500)]), 10), 1)
  })
})

describe("entryText", () => {
  it("is cut to a quarter of a message, however long the evidence and the id", () => {
    const long = entryText(
      entry("alert", "i".repeat(9_000), { evidence: { summary: "s".repeat(9_000), details: [] } }),
      draftOf([])
    )

    assert.isAtMost(long.plain.length, 1_000)
    assert.isTrue(long.plain.endsWith("…"))
    assert.strictEqual(parsed(long.html).text, long.plain)
  })
})

describe("a minimal draft", () => {
  it("says icon, id and kind of each, and nothing that came with it", () => {
    const evil = entry("alert", "a<b>", { evidence: { summary: "boom", details: ["more"] } })
    const { plain, html } = messageText({ ...draftOf([evil]), minimal: true })

    assert.strictEqual(plain, "🔴 a<b>: alert")
    assert.strictEqual(html, "🔴 a&lt;b&gt;: alert")
  })
})

describe("a limit of entries", () => {
  it("holds beside that of length", () => {
    const many = draftOf(Array.from({ length: 20 }, (_, at) => entry("recovered", `s${at}`)))

    assert.strictEqual(fitting(many, 100_000, 7), 7)
    assert.strictEqual(fitting(many, 100_000), 20)
  })
})

describe("cut", () => {
  it("cuts to a number of units, with an ellipsis, never within a pair", () => {
    assert.strictEqual(cut("abcd", 4), "abcd")
    assert.strictEqual(cut("abcde", 4), "abc…")
    assert.strictEqual(cut("ab😀d", 4), "ab…")
    assert.strictEqual(cut("ab😀", 4), "ab😀")
  })
})

describe("printable", () => {
  it.prop(
    "leaves neither control characters nor lone surrogates, and keeps the length",
    [spiteful],
    ([text]) => {
      const shown = printable(text)

      assert.notMatch(shown, /[^\P{Cc}\n]/u)
      assert.isTrue(shown.isWellFormed())
      assert.strictEqual(shown.length, text.length)
    },
    { arbitrary: { runs: 500 } }
  )
})

describe("escapeHtml", () => {
  it.prop(
    "is undone by Telegram's parser",
    [spiteful],
    ([text]) => {
      const shown = printable(text)

      assert.strictEqual(parsed(escapeHtml(shown)).text, shown)
    },
    { arbitrary: { runs: 500 } }
  )
})

describe("isSilent", () => {
  it("is false as soon as one entry rings", () => {
    assert.isTrue(isSilent(draftOf([entry("recovered"), entry("reminder")])))
    assert.isFalse(isSilent(draftOf([entry("recovered"), entry("alert")])))
  })
})

describe("summary", () => {
  it("is one line of kinds and ids", () => {
    assert.strictEqual(summary([entry("alert", "a"), entry("late", "b")]), "alert a, late b")
  })
})
