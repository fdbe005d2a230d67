import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { parseExposition, type Mode, type Sample } from "../../../src/collector/exposition/Exposition.ts"

const textType = "text/plain; version=0.0.4"
const openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"
const modes: ReadonlyArray<Mode> = ["lenient", "strict"]

const reasonOf = (body: string | Uint8Array, contentType?: string, mode?: Mode): string | undefined => {
  const exposition = parseExposition(body, contentType, mode)
  return exposition.ok ? undefined : exposition.reason
}

const parsed = (body: string | Uint8Array, contentType?: string, mode?: Mode) => {
  const exposition = parseExposition(body, contentType, mode)
  if (!exposition.ok) return assert.fail(exposition.reason)
  return exposition
}

const garbage = (lines: number): string =>
  Array.from({ length: lines }, (_, line) => `some words ${line} here`).join("\n")

describe("parseExposition refuses", () => {
  it.each([
    ["", undefined, "the body is empty"],
    [" \r\n\t\n", textType, "the body is empty: it holds only white space"],
    ["<html></html>", "text/html", "an HTML page, not an exposition"],
    ["404 page not found\n", textType, 'not an exposition: its only line is "404 page not found"'],
    [garbage(312), textType, 'not an exposition: none of 312 lines is a sample; the first is "some words 0 here"'],
    ["a 1\nx\ny\n", textType, 'not an exposition: 2 of 3 lines are not samples; the first is "x"'],
    ["a 1\n", openMetricsType, 'an OpenMetrics body without "# EOF": it was cut short'],
    ["# HELP a b\n", openMetricsType, 'an OpenMetrics body without "# EOF": it was cut short'],
    ["a 1\n# EOF\nb 1\n", openMetricsType, 'an OpenMetrics body that goes on after "# EOF"'],
    ["# just words\n", textType, "only comments, without a sample or a # HELP or # TYPE line"],
    ["# TYPE a bla\n", textType, 'not an exposition: no sample, and line 1: "bla" is no metric type: "# TYPE a bla"'],
    ["[]", "application/json", "a JSON array, not an object of numbers"]
  ])("%j", (body, contentType, reason) => {
    assert.strictEqual(reasonOf(body, contentType), reason)
  })

  it("a single bad line in strict mode, by number and fault", () => {
    assert.strictEqual(
      reasonOf("a 1\na{b} 2\n", textType, "strict"),
      'not Prometheus text to the letter, line 2: no "=" after the label name b: "a{b} 2"'
    )
  })

  it("bytes that are not UTF-8 in strict mode", () => {
    assert.strictEqual(
      reasonOf(Uint8Array.of(97, 123, 98, 61, 34, 0xff, 34, 125, 32, 49), textType, "strict"),
      "a body with bytes that are not UTF-8"
    )
  })
})

describe("parseExposition accepts", () => {
  it.each([
    ["# HELP a b\n", textType],
    ["# TYPE a counter\n", textType],
    ["# EOF\n", openMetricsType],
    ["# EOF", undefined]
  ])("%j as an exposition of nothing", (body, contentType) => {
    const { badLines, samples } = parsed(body, contentType)

    assert.deepEqual([badLines, samples.length], [0, 0])
  })

  it("half of the lines being bad, with a warning that holds the first", () => {
    const { badLines, firstBadLine, samples, warnings } = parsed("a 1\nbad\u001B line\n", textType)

    assert.deepEqual([samples.length, badLines, firstBadLine], [1, 1, "bad\\u001b line"])
    assert.deepEqual(warnings, ['1 bad line; line 2: a character that no metric name has: "bad\\u001b line"'])
  })

  it("a header that lies, with a warning", () => {
    const { format, samples, warnings } = parsed("a 1\n", "application/json")

    assert.strictEqual(format, "prometheus-text")
    assert.strictEqual(samples[0]?.value, 1)
    assert.deepEqual(warnings, ['Content-Type "application/json", but the body was read as prometheus-text'])
  })

  it("broken bytes in lenient mode, with a warning", () => {
    const { samples, warnings } = parsed(Uint8Array.of(97, 123, 98, 61, 34, 0xff, 34, 125, 32, 49), textType)

    assert.strictEqual(samples[0]?.labels.get("b"), "\uFFFD")
    assert.deepEqual(warnings, ["the body holds bytes that are not UTF-8: they were replaced"])
  })

  it("a true U+FFFD in both modes without a word", () => {
    for (const mode of modes) assert.deepEqual(parsed('a{b="\uFFFD"} 1', textType, mode).warnings, [])
  })

  it("a byte order mark before any format", () => {
    assert.strictEqual(parsed("\uFEFFa 1\n", textType).samples[0]?.name, "a")
    assert.strictEqual(parsed('\uFEFF{"a": 1}', "application/json").samples[0]?.name, "a")
    assert.strictEqual(parsed(Uint8Array.of(0xef, 0xbb, 0xbf, 97, 32, 49), textType).samples[0]?.name, "a")
  })

  it("hostile names without touching any prototype", () => {
    const { samples, types } = parsed('# TYPE __proto__ gauge\n__proto__{__proto__="x",constructor="y"} 1\n', textType)

    assert.deepEqual(
      [...(samples[0]?.labels ?? [])],
      [
        ["__proto__", "x"],
        ["constructor", "y"]
      ]
    )
    assert.strictEqual(types.get("__proto__"), "gauge")
    assert.isUndefined(Reflect.get({}, "x"))
  })
})

// What breaks parsers, in pieces: random text alone would almost never open a brace.
const pieces = [
  ...Array.from('aZ_:09.,={}"\\#[] \t\n\r-+eé€😀\0\uFEFF\uFFFD<'),
  "\uD800",
  "# TYPE ",
  "# HELP ",
  "# EOF\n",
  " # {",
  'a{b="c"} 1\n',
  "counter",
  "NaN",
  "+Inf",
  '{"a":',
  "__proto__"
]
const hostileText = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Schema.Literals(pieces)), { maxLength: 60 }),
  (parts) => parts.join("")
)
const contentTypes = [textType, openMetricsType, "application/json", "text/html", undefined]

const isSound = (body: string, contentType: string | undefined, mode: Mode): boolean => {
  const exposition = parseExposition(body, contentType, mode)
  if (!exposition.ok) return exposition.reason !== ""
  return exposition.samples.every(({ name, value }) => name !== "" && typeof value === "number")
}

const soundEverywhere = (body: string): boolean =>
  contentTypes.every((contentType) => modes.every((mode) => isSound(body, contentType, mode)))

describe("parseExposition of anything", () => {
  it.prop("never throws on pieces of expositions", [hostileText], ([body]) => soundEverywhere(body), {
    arbitrary: { runs: 2_000, size: 60 }
  })

  it.prop("never throws on any string", [Schema.String], ([body]) => soundEverywhere(body), {
    arbitrary: { runs: 500, size: 200 }
  })

  it.prop("never throws on any bytes", [Schema.Array(Schema.Int)], ([codes]) => {
    assert.isBoolean(parseExposition(Uint8Array.from(codes), textType).ok)
  })
})

const bodyLength = 2 ** 20
const filled = (piece: string): string => piece.repeat(Math.ceil(bodyLength / piece.length))

// A quadratic reading of one MiB takes minutes; a linear one, on a slow and busy machine, well below this.
const linearMsMax = 10_000

describe("parseExposition stays linear on one MiB of", () => {
  it.each([
    ["quotes", filled('"')],
    ["opened labels on one line", filled('a{b="')],
    ["opened labels on many lines", filled('a{b="\n')],
    ["backslashes", `a{b="${filled("\\")}`],
    ["escaped quotes", `a{b="${filled('\\"')}"} 1`],
    ["digits", `a ${filled("1")}`],
    ["dots", `a ${filled("1.")}`],
    ["blanks", `a${filled(" ")}`],
    ["braces", filled("{")],
    ["commas", `a{${filled(",")}`],
    ["hashes", filled("#")],
    ["exemplars", filled("a 1 # ")],
    ["JSON nesting", filled('{"a":')],
    ["JSON arrays", `{"a":${filled("[")}`],
    ["carriage returns", filled("\r")],
    ["lone half surrogates", filled("\uD800")],
    ["composite items", `a {x:[${filled("1,")}`]
  ])("%s", (_, body) => {
    const started = performance.now()

    assert.isTrue(soundEverywhere(body))
    assert.isBelow(performance.now() - started, linearMsMax)
  })
})

const metricName = Arbitrary.schema(Schema.Literals(["a", "b_total", "ns:rule:5m", "_x", "my.metric", "é 1", '"\\']))
const valueText = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Schema.Literals(pieces.filter((p) => p !== "\uD800"))), { maxLength: 8 }),
  (parts) => parts.join("")
)
const labelName = Arbitrary.schema(
  Schema.Literals(["le", "b", "c_2", "__proto__", "constructor", "dotted.label", "# }"])
)
// -0 is no instant of its own.
const withoutMinusZero = (timestampMs: number | undefined): number | undefined =>
  timestampMs === undefined ? undefined : timestampMs + 0
const anySample: Arbitrary.Arbitrary<Sample> = Arbitrary.map(
  Arbitrary.all([
    metricName,
    Arbitrary.array(Arbitrary.all([labelName, valueText]), { maxLength: 5 }),
    Arbitrary.schema(Schema.Number),
    Arbitrary.schema(Schema.Union([Schema.Undefined, Schema.Int]))
  ]),
  ([name, labels, value, timestampMs]) => ({
    name,
    labels: new Map(labels),
    value,
    timestampMs: withoutMinusZero(timestampMs)
  })
)

const quoted = (text: string): string =>
  `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`

const renderValue = (value: number): string => {
  if (Number.isFinite(value)) return Object.is(value, -0) ? "-0" : String(value)
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf"
}

const render = ({ labels, name, timestampMs, value }: Sample, unitMs: number): string => {
  const pairs = [...labels].map(([label, text]) => `${quoted(label)}=${quoted(text)}`)
  const timestamp = timestampMs === undefined ? "" : ` ${timestampMs / unitMs}`
  return `{${[quoted(name), ...pairs].join(",")}} ${renderValue(value)}${timestamp}\n`
}

const plain = ({ labels, name, value }: Sample) => ({ name, labels: [...labels], value })

describe("parseExposition of what was rendered", () => {
  it.prop("gives back the samples of Prometheus text", [Arbitrary.array(anySample, { maxLength: 8 })], ([samples]) => {
    const body = `# TYPE a gauge\n${samples.map((sample) => render(sample, 1)).join("")}`
    const back = parsed(body, textType, "strict").samples

    assert.deepEqual(back.map(plain), samples.map(plain))
    assert.deepEqual(
      back.map((sample) => sample.timestampMs),
      samples.map((sample) => sample.timestampMs)
    )
  })

  it.prop("gives back the samples of OpenMetrics", [Arbitrary.array(anySample, { maxLength: 8 })], ([samples]) => {
    const body = `${samples.map((sample) => render(sample, 1000)).join("")}# EOF\n`
    const back = parsed(body, openMetricsType).samples

    assert.deepEqual(back.map(plain), samples.map(plain))
    back.forEach((sample, index) => {
      const expected = samples[index]?.timestampMs
      assert.strictEqual(sample.timestampMs === undefined, expected === undefined)
      assert.closeTo(sample.timestampMs ?? 0, expected ?? 0, Math.abs(expected ?? 0) * 1e-15)
    })
  })
})
