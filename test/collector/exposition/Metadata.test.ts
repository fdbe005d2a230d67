import { assert, describe, it } from "@effect/vitest"
import { readComment, readDescriptor } from "../../../src/collector/exposition/Metadata.ts"
import type { MetricType } from "../../../src/collector/exposition/Sample.ts"

const comment = (body: string) => readComment({ body, at: 0, end: body.length })
const descriptor = (body: string) => readDescriptor({ body, at: 0, end: body.length })

describe("readComment", () => {
  it.each<[string, string, MetricType, string?]>([
    ["# TYPE a counter", "a", "counter"],
    ["#\tTYPE\ta\t counter  ", "a", "counter"],
    ["# TYPE a untyped", "a", "unknown", "untyped"],
    ["# TYPE a gauge_histogram", "a", "gaugehistogram", "gauge_histogram"],
    [String.raw`# TYPE "my.counter{} # = \" \n" gauge`, 'my.counter{} # = " \n', "gauge"]
  ])("reads the type from %s", (body, name, type, written) => {
    assert.deepEqual(comment(body), { keyword: "TYPE", name, text: written ?? type, type })
  })

  it("keeps a HELP text as it stands", () => {
    assert.deepEqual(comment(String.raw`# HELP a two\n lines`), {
      keyword: "HELP",
      name: "a",
      text: String.raw`two\n lines`,
      type: undefined
    })
  })

  it.each(["#", "# ", "# EOF", "# any words", "# HELP", "# HELP ", "# TYPEa counter", "# Hrandom a b"])(
    "passes over %j",
    (body) => {
      assert.isUndefined(comment(body))
    }
  )

  it.each([
    "# TYPE #",
    "# HELP 0a x",
    "# TYPE met-ric gauge",
    "# TYPE a bla",
    "# TYPE a",
    '# TYPE "a gauge',
    '# TYPE "" gauge'
  ])("finds fault with %j", (body) => {
    assert.isString(comment(body))
  })
})

describe("readDescriptor", () => {
  it.each([
    ["# TYPE a unknown", { keyword: "TYPE", name: "a", text: "unknown", type: "unknown" }],
    ["# HELP a ", { keyword: "HELP", name: "a", text: "", type: undefined }],
    ["# UNIT a_seconds seconds", { keyword: "UNIT", name: "a_seconds", text: "seconds", type: undefined }],
    ['# HELP "a.b" it  helps', { keyword: "HELP", name: "a.b", text: "it  helps", type: undefined }]
  ])("reads %j", (body, expected) => {
    assert.deepEqual<unknown>(descriptor(body), expected)
  })

  it.each([
    "#",
    "#TYPE a gauge",
    "#  TYPE a gauge",
    "# TYPE  a gauge",
    "# TYPE a  gauge",
    "# TYPE a gauge ",
    "# TYPE a untyped",
    "# HELP a",
    "# HELP ",
    "# FOO a b",
    "# EOF"
  ])("finds fault with %j", (body) => {
    assert.isString(descriptor(body))
  })
})
