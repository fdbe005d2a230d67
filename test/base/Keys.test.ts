import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Result, Schema } from "effect"
import * as Keys from "../../src/base/Keys.ts"

const parsed = <A>(key: Keys.Key<A>, raw: string): A | string =>
  Result.match(key.parse(raw), {
    onSuccess: (value) => value as A | string,
    onFailure: (expected) => `not ${expected}`
  })

describe("parseDurationMs", () => {
  const good: ReadonlyArray<readonly [string, number]> = [
    ["500ms", 500],
    ["30s", 30_000],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["2d", 172_800_000],
    ["1.5h", 5_400_000],
    ["90", 90_000],
    ["0.5", 500],
    ["0", 0],
    ["1m500ms", 60_500]
  ]

  it.each(good)("reads %s", (raw, wanted) => {
    assert.deepStrictEqual(Keys.parseDurationMs(raw), Result.succeed(wanted))
  })

  it.each([
    "",
    "s",
    "5 s",
    "-5s",
    "5S",
    "1h 30m",
    "five",
    "1e3",
    "0x10",
    ".5s",
    "5s!",
    "Infinity",
    "NaN",
    "9".repeat(400),
    `${"9".repeat(400)}d`
  ])("refuses %o", (raw) => {
    assert.isTrue(Result.isFailure(Keys.parseDurationMs(raw)))
  })

  const key = Keys.duration("X", { about: "", fallback: Duration.zero })

  it.prop(
    "reads what is shown",
    [Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4_000_000_000 }))],
    ([ms]) => {
      const shown = key.show(Duration.millis(ms))

      assert.deepStrictEqual(Keys.parseDurationMs(shown), Result.succeed(ms))
    },
    { arbitrary: { runs: 500 } }
  )
})

describe("boolean", () => {
  const key = Keys.boolean("X", { about: "", fallback: false })

  it.each(["true", "TRUE", "1", "yes", "Yes", "on"])("%s is true", (raw) => {
    assert.strictEqual(parsed(key, raw), true)
  })

  it.each(["false", "False", "0", "no", "OFF"])("%s is false", (raw) => {
    assert.strictEqual(parsed(key, raw), false)
  })

  it.each(["", "2", "y", "constructor", "toString", "__proto__"])("%o is neither", (raw) => {
    assert.match(String(parsed(key, raw)), /^not true or false/)
  })
})

describe("count", () => {
  const key = Keys.count("X", { about: "", fallback: 2, atLeast: 1, atMost: 10 })

  it("keeps to whole numbers within its bounds", () => {
    assert.strictEqual(parsed(key, "1"), 1)
    assert.strictEqual(parsed(key, "10"), 10)
    for (const raw of ["0", "11", "1.0", "+1", "-1", "1e0", "", " 1"]) {
      assert.strictEqual(parsed(key, raw), "not a whole number from 1 to 10")
    }
  })
})

describe("percent", () => {
  const key = Keys.percent("X", { about: "", fallback: undefined })

  it("takes a percentage with or without its sign, and off", () => {
    assert.strictEqual(parsed(key, "97"), 97)
    assert.strictEqual(parsed(key, "97.5 %"), 97.5)
    assert.isUndefined(parsed(key, "Off"))
    for (const raw of ["0", "100.1", "-1", "many"]) assert.match(String(parsed(key, raw)), /^not a percentage/)
  })
})

describe("list, oneOf, text", () => {
  it("split, choose and pass on", () => {
    const list = Keys.list("X", { about: "", fallback: [] })
    const oneOf = Keys.oneOf("X", { about: "", fallback: "a", of: ["a", "b"] })
    const text = Keys.text("X", { about: "", fallback: "" })

    assert.deepStrictEqual(parsed(list, "a, b"), ["a", "b"])
    assert.strictEqual(parsed(list, "a,"), "not names separated by single commas")
    assert.strictEqual(parsed(oneOf, "B"), "b")
    assert.strictEqual(parsed(oneOf, "c"), "not one of a, b")
    assert.strictEqual(parsed(text, " x "), " x ")
  })
})

describe("url", () => {
  const key = Keys.urlOptional("X", { about: "", fallback: undefined })

  it.each(["http://h", "https://h:1/p?q=1", "HTTP://H"])("takes %s", (raw) => {
    assert.strictEqual(parsed(key, raw), raw)
  })

  it.each(["h", "ftp://h", "http://", "//h", "javascript:alert(1)", "unix:///x"])("refuses %s", (raw) => {
    assert.strictEqual(parsed(key, raw), "not an http:// or https:// URL")
  })

  it("never shows what a URL may hold in secret", () => {
    for (const raw of ["http://u:hunter2@h/p", "http://hunter2@h/p", "http://h/p?key=hunter2"]) {
      assert.strictEqual(key.show(raw), "http://h/p (redacted)")
    }
    assert.strictEqual(key.show("http://h/p"), "http://h/p")
  })
})

describe("secretUrl, secretUrls", () => {
  const one = Keys.secretUrl("X", { about: "", fallback: undefined })
  const many = Keys.secretUrls("X", { about: "", fallback: undefined })

  it("take http and https only", () => {
    assert.deepStrictEqual(
      ["https://e.org/x", "ftp://e.org", "e.org", ""].map((raw) => Result.isSuccess(one.parse(raw))),
      [true, false, false, false]
    )
    assert.deepStrictEqual(
      ["http://a http://b,\nhttps://c", "http://a,b", " , ", ""].map((raw) => Result.isSuccess(many.parse(raw))),
      [true, false, false, false]
    )
  })

  it("show no secret, in whatever way they are printed", () => {
    const secret = "hunter2"
    const both: ReadonlyArray<Keys.AnyKey> = [one, many]
    for (const key of both) {
      const value = Result.getOrThrow(key.parse(`https://me:${secret}@e.org/x?k=${secret}`))

      const printed = [(key.show as (value: unknown) => string)(value), inspect(value), JSON.stringify(value)]
      assert.notInclude(printed.join(" "), secret)
      assert.isTrue(key.secret)
    }
  })

  it("have a file that may be as long as a list", () => {
    assert.deepStrictEqual([one.fileUnitsMax, many.fileUnitsMax], [undefined, 65_536])
  })
})

describe("secretOptional", () => {
  const key = Keys.secretOptional("X", { about: "", fallback: undefined, pattern: /^\d+$/, expected: "digits" })

  it("never shows its value, nor says it in what would have been right", () => {
    const value = Result.getOrThrow(key.parse("1234567"))

    assert.notInclude(`${inspect(value)} ${JSON.stringify(value)} ${key.show(value)}`, "1234567")
    assert.deepStrictEqual(key.parse("hunter2"), Result.fail("digits"))
  })
})
