import { assert, describe, it } from "@effect/vitest"
import { depthMax, readFlatJson } from "../../../src/collector/exposition/FlatJson.ts"
import { samplesMax } from "../../../src/collector/exposition/Sample.ts"

const flat = (body: string): unknown => {
  const reading = readFlatJson(body, "lenient")
  return typeof reading === "string" ? reading : reading.samples.map(({ name, value }) => [name, value])
}

const nested = (levels: number): string => '{"a":'.repeat(levels) + "1" + "}".repeat(levels)

describe("readFlatJson", () => {
  it.each([
    [
      '{"up": true, "down": false}',
      [
        ["up", 1],
        ["down", 0]
      ]
    ],
    [
      '{"queue": {"depth": 3, "age": {"max": 1.5}}}',
      [
        ["queue_depth", 3],
        ["queue_age_max", 1.5]
      ]
    ],
    ['{"version": "1.2", "none": null, "load": -1e3}', [["load", -1000]]],
    ['{"list": [1, {"a": 2}], "n": 1}', [["n", 1]]],
    [
      '{"__proto__": {"x": 1}, "constructor": 2}',
      [
        ["__proto___x", 1],
        ["constructor", 2]
      ]
    ],
    ['{"http.requests per s": 7}', [["http.requests per s", 7]]],
    ['{"a": 1e999}', [["a", Infinity]]]
  ])("reads %s", (body, expected) => {
    assert.deepEqual(flat(body), expected)
  })

  it.each([
    ["[1, 2]", "a JSON array, not an object of numbers"],
    ["{}", "a JSON object without a single number or boolean"],
    ['{"status": "ok"}', "a JSON object without a single number or boolean"],
    ['"up"', "JSON that is not an object of numbers"],
    ["null", "JSON that is not an object of numbers"],
    [nested(depthMax + 1), `JSON nested deeper than ${depthMax} levels`]
  ])("refuses %s", (body, reason) => {
    assert.strictEqual(flat(body), reason)
  })

  it("says that a cut body does not parse", () => {
    assert.match(String(flat('{"a": 1, "b')), /^JSON that does not parse: /)
  })

  it("reads the deepest nesting it allows", () => {
    assert.isArray(flat(nested(depthMax)))
  })

  it("keeps the first of two values with one name and says so; strict refuses", () => {
    const body = '{"a_b": 1, "a": {"b": 2}}'
    const reading = readFlatJson(body, "lenient")

    assert.deepEqual(flat(body), [["a_b", 1]])
    assert.isObject(reading)
    assert.match(typeof reading === "string" ? "" : (reading.warnings[0] ?? ""), /both named "a_b"/)
    assert.isString(readFlatJson(body, "strict"))
  })

  it("leaves off what is beyond the cap and says so", () => {
    const entries = Array.from({ length: samplesMax + 2 }, (_, index) => [`k${index}`, index])
    const reading = readFlatJson(JSON.stringify(Object.fromEntries(entries)), "lenient")

    assert.isObject(reading)
    if (typeof reading === "string") return
    assert.strictEqual(reading.samples.length, samplesMax)
    assert.deepEqual(reading.warnings, ["only the first 200000 samples are kept, 2 are left out"])
  })
})
