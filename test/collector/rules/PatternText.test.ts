import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { readPattern } from "../../../src/collector/rules/PatternText.ts"

describe("a pattern's text", () => {
  const unknown: ReadonlyArray<readonly [string, RegExp]> = [
    ["*a", /nothing before \*/],
    ["a|*", /nothing before \*/],
    ["(+)", /nothing before \+/],
    ["{2}", /nothing before \{/],
    ["a**", /directly follows/],
    ["a+*", /directly follows/],
    ["a{2}{3}", /directly follows/],
    ["a{3,2}", /backwards/],
    ["a{1001}", /more than 1000 times/],
    ["a{0,1001}", /more than 1000 times/],
    ["(((a{100}){100}){100}){100}", /too large/],
    [`(${"a".repeat(600)}){2}`, /too large/],
    ["a".repeat(1_001), /longer than 1000/],
    ["(a", /not closed/],
    ["a)", /closes nothing/],
    ["[a", /\[ is not closed/],
    ["[]", /\[ is not closed/],
    ["[b-a]", /lower to a higher/],
    ["[a-\\d]", /lower to a higher/],
    ["[[:alpha:]]", /not supported/],
    ["(?i)a", /flags/],
    ["(?i:a)", /flags/],
    ["(?=a)", /flags/],
    ["(?<!a)b", /flags/],
    ["\\bfoo\\b", /\\b is not supported/],
    ["\\pL", /\\p is not supported/],
    ["\\1", /\\1 is not supported/],
    ["\\Qa\\E", /\\Q is not supported/],
    ["\\é", /\\é is not supported/],
    ["\\x4", /hexadecimal/],
    ["\\x{110000}", /hexadecimal/],
    ["a\\", /ends in a backslash/],
    ["(".repeat(200), /groups within/]
  ]

  it.each(unknown.map((row) => [row[0].slice(0, 30), ...row] as const))(
    "that is not known is refused: %s",
    (_, source, reason) => {
      const compiled = readPattern(source)

      assert.match(Result.isFailure(compiled) ? compiled.failure : "was taken", reason)
    }
  )

  it.each([
    "",
    "a|b",
    "(a|b)+?",
    "[]a]",
    "a{2,3}",
    "x{",
    "\\x{1F600}",
    "(?P<name>a)",
    "(".repeat(100) + ")".repeat(100)
  ])("that is known is taken: %s", (source) => {
    assert.isTrue(Result.isSuccess(readPattern(source)))
  })

  it("is a tree of what it repeats, chooses and follows", () => {
    const letter = (code: number) => ({ _tag: "Set", ranges: [[code, code]] })

    assert.deepStrictEqual(Result.getOrThrow(readPattern("a{2,3}|b")), {
      _tag: "Choice",
      of: [
        { _tag: "Sequence", of: [{ _tag: "Repeat", of: letter(97), least: 2, most: 3 }] },
        { _tag: "Sequence", of: [letter(98)] }
      ]
    } as never)
  })

  it.prop(
    "is taken or refused with words, whatever it is",
    [Schema.String],
    ([source]) => {
      const read = readPattern(source)

      assert.isNotEmpty(Result.isFailure(read) ? read.failure : read.success._tag)
    },
    { arbitrary: { runs: 2_000 } }
  )
})
