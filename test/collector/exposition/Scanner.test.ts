import { assert, describe, it } from "@effect/vitest"
import {
  takeLabelName,
  takeMetricName,
  takeQuoted,
  takeWord,
  type Cursor
} from "../../../src/collector/exposition/Scanner.ts"

const cursorOn = (body: string, end = body.length): Cursor => ({ body, at: 0, end })

describe("takeQuoted", () => {
  it.each([
    ['"plain" rest', "plain"],
    ['"" rest', ""],
    [String.raw`"a\"b\\c\nd"`, 'a"b\\c\nd'],
    [String.raw`"\\n"`, "\\n"],
    [String.raw`"\\\n"`, "\\\n"],
    [String.raw`"\\\\"`, "\\\\"],
    [String.raw`"\t\z"`, String.raw`\t\z`],
    ['"} , # {é€😀"', "} , # {é€😀"]
  ])("undoes the escapes of %s", (body, expected) => {
    const cursor = cursorOn(body)

    assert.strictEqual(takeQuoted(cursor), expected)
    assert.strictEqual(cursor.body[cursor.at - 1], '"')
  })

  it.each(['"open', '"ends in an escape\\', '"escaped quote\\"'])("finds no end in %s", (body) => {
    assert.isUndefined(takeQuoted(cursorOn(body)))
  })

  it("stops at the end of its line, though the next one has a quote", () => {
    assert.isUndefined(takeQuoted(cursorOn('"a\nb"', 2)))
  })
})

describe("names", () => {
  it("takes a colon in a metric name and not in a label name", () => {
    assert.strictEqual(takeMetricName(cursorOn(":job:rate5m 1")), ":job:rate5m")
    assert.strictEqual(takeLabelName(cursorOn("job:rate")), "job")
  })

  it.each(["1a", "-a", "", "é", "\0"])("takes none from %j", (body) => {
    assert.strictEqual(takeMetricName(cursorOn(body)), "")
  })

  it("takes a word up to a blank or the end of the line", () => {
    assert.strictEqual(takeWord(cursorOn("HELP\tx")), "HELP")
    assert.strictEqual(takeWord(cursorOn("HELP", 2)), "HE")
  })
})
