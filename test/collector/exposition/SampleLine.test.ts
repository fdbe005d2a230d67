import { assert, describe, it } from "@effect/vitest"
import { readExemplar, readSample, type Grammar } from "../../../src/collector/exposition/SampleLine.ts"

const text: Grammar = { exact: false, timestamps: "milliseconds", exemplars: false }
const loose: Grammar = { exact: false, timestamps: "milliseconds", exemplars: true }
const exact: Grammar = { exact: true, timestamps: "seconds", exemplars: true }

const read = (body: string, grammar: Grammar) => readSample({ body, at: 0, end: body.length }, grammar)
const exemplar = (body: string) => readExemplar({ body, at: 0, end: body.length })

/** Name, labels, value, timestamp: what a table can hold on one line. */
const flat = (body: string, grammar: Grammar): ReadonlyArray<unknown> => {
  const sample = read(body, grammar)
  return typeof sample === "string" || sample.value === undefined
    ? [sample]
    : [sample.name, Object.fromEntries(sample.labels), sample.value, sample.timestampMs]
}

describe("readSample of Prometheus text", () => {
  it.each([
    ["a 1", ["a", {}, 1, undefined]],
    ["a{} 1", ["a", {}, 1, undefined]],
    ["a{,} 1", ["a", {}, 1, undefined]],
    ['a{b="c",} 1', ["a", { b: "c" }, 1, undefined]],
    ['a{b="c"}1', ["a", { b: "c" }, 1, undefined]],
    ['a \t{\t b = "c"\t, d="e" } \t 2 \t', ["a", { b: "c", d: "e" }, 2, undefined]],
    ["a 1 -1395066363000", ["a", {}, 1, -1395066363000]],
    ["a\t1\t000", ["a", {}, 1, 0]],
    ['{"my.metric"} 1', ["my.metric", {}, 1, undefined]],
    ['{b="c", "my.metric", "d.e"="f"} 1', ["my.metric", { b: "c", "d.e": "f" }, 1, undefined]],
    ['a{"b c"="d"} 1', ["a", { "b c": "d" }, 1, undefined]],
    ['a{b="} # , \\" {"} 1', ["a", { b: '} # , " {' }, 1, undefined]],
    ['a{b="\0"} 1', ["a", { b: "\0" }, 1, undefined]],
    ['a{b="é€😀"} 1', ["a", { b: "é€😀" }, 1, undefined]]
  ])("reads %s", (body, expected) => {
    assert.deepEqual(flat(body, text), expected)
  })

  it.each([
    ["a", "no value after the metric name"],
    ["a ", "no value"],
    ["a.b 1", "a character that no metric name has"],
    ["1 2", "no metric name"],
    ["{} 1", "no metric name"],
    ['{b="c"} 1', "no metric name"],
    ['"a" 1', "no metric name"],
    ['{"a","b"} 1', "two metric names"],
    ['a{"b"} 1', "two metric names"],
    ['{""} 1', "an empty metric name"],
    ['{"a",""="c"} 1', "an empty label name"],
    ['a{="c"} 1', "no label name where one must stand"],
    ['a{b:c="d"} 1', 'no "=" after the label name b'],
    ["a{b} 1", 'no "=" after the label name b'],
    ["a{b=c} 1", "the value of the label b is not quoted"],
    ['a{b="c} 1', "the value of the label b has no closing quote"],
    ['a{"b} 1', "a quoted name without its closing quote"],
    ['a{b="c"d="e"} 1', 'neither "," nor "}" after a label'],
    ['a{b="c"', 'neither "," nor "}" after a label'],
    ['a{b="c",,} 1', "no label name where one must stand"],
    ['a{,b="c"} 1', "no label name where one must stand"],
    ['a{b="c",b="c"} 1', "the label b stands twice"],
    ['a{__name__="c"} 1', "the label __name__ is reserved"],
    ["a 0x1", "the value is not a number"],
    ["a {b:1", "neither a number nor a native histogram"],
    ["a 1 2.5", "the timestamp is not a number"],
    ["a 1 2 3", "something after the timestamp"],
    ['a 1 # {b="c"} 1', "the timestamp is not a number"]
  ])("finds fault with %s", (body, fault) => {
    assert.strictEqual(read(body, text), fault)
  })

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])("takes the label name %s for a name", (name) => {
    const sample = read(`${name}{${name}="x"} 1`, text)

    assert.isObject(sample)
    if (typeof sample === "string" || sample.value === undefined) return
    assert.strictEqual(sample.name, name)
    assert.deepEqual([...sample.labels], [[name, "x"]])
    assert.strictEqual(Object.getPrototypeOf({}), Object.prototype)
  })

  it("stops before an exemplar where the grammar has them", () => {
    const cursor = { body: 'a 1 5 # {b="c"} 1', at: 0, end: 17 }

    assert.isObject(readSample(cursor, loose))
    assert.strictEqual(cursor.at, 6)
  })
})

describe("readSample of OpenMetrics to the letter", () => {
  it.each([
    ["a 1", ["a", {}, 1, undefined]],
    ["a{} 1 1.5", ["a", {}, 1, 1500]],
    ["a 1 1.5e3", ["a", {}, 1, 1500000]],
    ['{"a.b", c="d"} -Inf', ["a.b", { c: "d" }, -Infinity, undefined]],
    ["nh {count:1}", [{ name: "nh", value: undefined }]],
    ['{"n.h"} {count:1}', [{ name: "n.h", value: undefined }]]
  ])("reads %s", (body, expected) => {
    assert.deepEqual(flat(body, exact), expected)
  })

  it.each([
    "a  1",
    "a\t1",
    " a 1",
    "a 1 ",
    "a 1  2",
    "a 1 2 ",
    "a 1 2 3",
    "a 1 NaN",
    "a 1 +Inf",
    'a{b="c"}1',
    'a {b="c"} 1',
    'a{ b="c"} 1',
    'a{b ="c"} 1',
    'a{b= "c"} 1',
    'a{b="c" } 1',
    'a{b="c",} 1',
    'a{b="c",  d="e"} 1',
    "a{,} 1",
    "a{ } 1"
  ])("finds fault with %j", (body) => {
    assert.isString(read(body, exact))
  })
})

describe("readExemplar", () => {
  it.each([
    ["# {} 1", 0],
    ['# {a="b"} 0.5 123.5', 2],
    ['# {a="# }",b="😀"} -1', 6]
  ])("counts the code points of %s", (body, length) => {
    assert.strictEqual(exemplar(body), length)
  })

  it.each([
    "#",
    "# ",
    "#{} 1",
    "# {}",
    "# {} ",
    "# {}1",
    "# {} x",
    "# {} 1 ",
    "# {} 1 NaN",
    "# {} 1 1 1",
    "# {a} 1",
    '# {a="b"'
  ])("finds fault with %j", (body) => {
    assert.isString(exemplar(body))
  })
})
