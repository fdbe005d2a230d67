import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import { compilePattern } from "../../../src/collector/rules/Pattern.ts"

const matches = (source: string, value: string): boolean => Result.getOrThrow(compilePattern(source)).test(value)

describe("a pattern", () => {
  it.each([
    ["mail", ["mail"], ["mails", "amail", "", "MAIL"]],
    ["", [""], ["a"]],
    ["a|b|", ["a", "b", ""], ["ab", "c"]],
    ["job_.*", ["job_", "job_1", "job_\n"], ["job", "xjob_1"]],
    [".+", ["a", "😀", "\n"], [""]],
    [".", ["a", "😀", "\n"], ["", "ab"]],
    ["^mail$", ["mail"], ["mail\n", "xmail"]],
    ["^a|b$", ["a", "b"], ["ab"]],
    ["a^b", [], ["ab", "a^b"]],
    ["$^", [""], ["a"]],
    ["(a|b)+c?", ["a", "abab", "bac"], ["", "c", "acb"]],
    ["(?:ab)*", ["", "abab"], ["aba"]],
    ["(?P<n>x)(?<m>y)", ["xy"], ["x"]],
    ["a{2}", ["aa"], ["a", "aaa"]],
    ["a{2,}", ["aa", "aaaa"], ["a"]],
    ["a{0,2}b", ["b", "ab", "aab"], ["aaab"]],
    ["(a|bc){2,3}", ["abc", "bcbcbc", "aaa"], ["a", "aaaa"]],
    ["(a*)*", ["", "aaa"], ["b"]],
    ["(a*)+b", ["b", "aab"], ["a"]],
    ["a+?b*?c??", ["a", "aabc"], ["", "cc"]],
    ["a{,2}", ["a{,2}"], ["a", "aa"]],
    ["x{", ["x{"], ["x"]],
    ["]}", ["]}"], ["]"]],
    ["[a-c]", ["a", "b", "c"], ["d", "-", "ab"]],
    ["[^a-c]", ["d", "\n", "😀"], ["a", "c"]],
    ["[]a]", ["]", "a"], ["b"]],
    ["[^]a]", ["b"], ["]", "a"]],
    ["[a-]", ["a", "-"], ["b"]],
    ["[\\d_-]+", ["1_2-3"], ["a"]],
    ["[\\]\\\\]", ["]", "\\"], ["["]],
    ["[[a]", ["[", "a"], ["]"]],
    ["\\d\\D\\w\\W\\s\\S", ["1a_- x"], ["aa_- x"]],
    ["\\s", [" ", "\t", "\n", "\f", "\r"], ["\v", "\u00a0"]],
    ["\\w", ["Z", "_", "9"], ["é", "ſ"]],
    ["10\\.0\\.0\\.\\d+", ["10.0.0.17"], ["10a0.0.17"]],
    ["\\x41\\x{1F600}", ["A😀"], ["A"]],
    ["é+", ["éé"], ["e"]],
    ["[α-ω]+", ["λογος"], ["ς!"]],
    ["😀{2}", ["😀😀"], ["😀"]]
  ])("%s matches the whole value as RE2 does", (source, yes, no) => {
    for (const value of yes) assert.isTrue(matches(source, value), JSON.stringify(value))
    for (const value of no) assert.isFalse(matches(source, value), JSON.stringify(value))
  })

  it.each([
    ["(a+)+", "a".repeat(1_000) + "!"],
    ["(a|a)*b", "a".repeat(1_000)],
    ["(a|aa)+$", "a".repeat(1_000) + "!"],
    ["(.*)*(.*)*(.*)*x", "y".repeat(1_000)],
    ["(.*a){12}", "ab".repeat(5) + "c".repeat(990)],
    ["((((a?){5}){5}){5})b", "a".repeat(1_000)],
    ["(x|y)*x(x|y){14}z", "xyyx".repeat(250)]
  ])("that would hang a backtracking engine is soon done: %s", (source, value) => {
    assert.isFalse(matches(source, value))
  })

  it("with more states than are kept forgets them, and goes on the same", () => {
    const pattern = Result.getOrThrow(compilePattern("(x|y)*x(x|y){12}"))
    // A linear congruence, so that the walk visits many states.
    let seed = 1
    const letters = Array.from({ length: 20_000 }, () =>
      (seed = (seed * 48_271) % 2_147_483_647) & 64 ? "x" : "y"
    ).join("")

    for (let from = 0; from + 40 <= letters.length; from += 20) {
      const value = letters.slice(from, from + 40)
      assert.strictEqual(pattern.test(value), value.at(-13) === "x", value)
    }
  })

  /** Pieces that JavaScript reads as RE2 does, and in which it cannot lose itself on short values. */
  const piece = Arbitrary.schema(
    Schema.Literals([
      "a",
      "b",
      ".",
      "[ab]",
      "[^a]",
      "\\d",
      "(a|b)",
      "(?:ab|c)",
      "a*",
      "b+",
      "c?",
      "(ab)*",
      "a{1,2}",
      "|",
      "^",
      "$"
    ])
  )
  const value = Arbitrary.map(
    Arbitrary.array(Arbitrary.schema(Schema.Literals(["a", "b", "c", "1", "\n", "😀"])), { maxLength: 8 }),
    (letters) => letters.join("")
  )

  it.prop(
    "says what JavaScript says, anchored, where the two languages agree",
    [Arbitrary.array(piece, { maxLength: 8 }), Arbitrary.array(value, { minLength: 10, maxLength: 20 })],
    ([pieces, values]) => {
      const source = pieces.join("")
      const compiled = Result.getOrThrow(compilePattern(source))
      const model = new RegExp(`^(?:${source})$`, "su")

      for (const one of values)
        assert.strictEqual(compiled.test(one), model.test(one), `${source} on ${JSON.stringify(one)}`)
    },
    { arbitrary: { runs: 2_000 } }
  )

  it.prop(
    "is taken or refused, whatever the text is, and never throws",
    [Schema.String, Schema.String],
    ([source, value]) => {
      const compiled = compilePattern(source)

      if (Result.isSuccess(compiled)) assert.isBoolean(compiled.success.test(value))
      else assert.isNotEmpty(compiled.failure)
    },
    { arbitrary: { runs: 2_000 } }
  )
})
