/**
 * Our verdicts beside those of the projects that define the formats; see ../shared/conformance/openmetrics/README.md.
 *
 * strict:  accept means accepted, reject means refused.
 * lenient: accept means accepted; reject means that the operator hears of it, be it a refusal or a bad line.
 */
import { assert, describe, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"
import { parseExposition, type Mode, type Sample } from "../../../src/collector/exposition/Exposition.ts"

const root = new URL("../../../../shared/conformance/", import.meta.url)
const absent = !existsSync(root)
const whenPresent = absent ? "(skipped: ../shared/conformance is absent) " : ""

const textType = "text/plain; version=0.0.4; charset=utf-8"
const openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

interface ReferenceSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>> | null
  readonly value: number | string | null
  readonly timestampSeconds?: number
}

interface Row {
  readonly id: string
  readonly format: "openmetrics" | "text"
  readonly input?: string
  readonly inputBase64?: string
  readonly expect: "accept" | "reject"
  readonly secondReference?: "accept" | "reject" | null
  readonly reference?: {
    readonly verdict: string
    readonly families: ReadonlyArray<{ readonly samples: ReadonlyArray<ReferenceSample> }>
  }
}

const rowsOf = (file: string): ReadonlyArray<Row> =>
  readFileSync(new URL(`openmetrics/${file}.jsonl`, root), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row)

const bodyOf = (row: Row): string | Uint8Array => row.input ?? Buffer.from(row.inputBase64 ?? "", "base64")

const parseRow = (row: Row, mode: Mode) =>
  parseExposition(bodyOf(row), row.format === "openmetrics" ? openMetricsType : textType, mode)

const isMust = (row: Row): boolean => (row.secondReference ?? row.expect) === row.expect

const isRight = (row: Row, mode: Mode): boolean => {
  const exposition = parseRow(row, mode)
  if (row.expect === "accept") return exposition.ok
  return !exposition.ok || (mode === "lenient" && exposition.badLines > 0)
}

const numbered = (prefix: string, numbers: ReadonlyArray<number | readonly [number, number]>): ReadonlyArray<string> =>
  numbers.flatMap((entry) =>
    typeof entry === "number"
      ? [`${prefix}#${entry}`]
      : Array.from({ length: entry[1] - entry[0] + 1 }, (_, index) => `${prefix}#${entry[0] + index}`)
  )

/** All rows in which strict mode differs from `expect`; the two references differ on every one of them. */
const strictDivergences: Readonly<Record<string, ReadonlyArray<string>>> = {
  "families repeated, exemplars on _count: Go's textparse checks no families; the specification and client_python do": [
    "prometheus-textparse/TestOpenMetricsParse",
    "prometheus-textparse/TestOpenMetricsParse_UTF8"
  ],
  'a="b" c="d" without a comma: only Go\'s textparse takes it': ["prometheus-textparse/TestPromParse"],
  "no newline at the end: expfmt refuses, Prometheus and client_python take it": [
    "prometheus-common/testTextParseError#0"
  ],
  "an unknown escape such as \\t: expfmt refuses, Prometheus and client_python keep it as it stands": numbered(
    "prometheus-common/testTextParseError",
    [1, 36, 38]
  )
}

const invalid = "client_python-om/test_invalid_input"

/** All rows in which lenient mode differs from `expect`. */
const lenientDivergences: Readonly<Record<string, ReadonlyArray<string>>> = {
  "refused: a page of blank lines or plain comments cannot be told from no exporter": [
    "client_python-text/test_comments_parts_are_not_validated_against_legacy_metric_name#1",
    "prometheus-common/testTextParse#0"
  ],
  "taken: blank lines, tabs, indents, missing spaces, trailing commas, other comments, untyped": [
    ...numbered(invalid, [2, 15, 18, 25, [30, 36], [41, 46], 58, [63, 65]]),
    ...numbered("prometheus-textparse/TestOpenMetricsParseErrors", [29, 31])
  ],
  "taken: promises of a family's metadata": [
    ...numbered(invalid, [
      [47, 57],
      [168, 170]
    ]),
    ...numbered("prometheus-common/testTextParseError", [[12, 14]])
  ],
  "taken: promises about values, labels, buckets, exemplars and timestamps": [
    ...numbered(invalid, [90, [97, 155], 157, [159, 167]]),
    ...numbered("prometheus-common/testTextParseError", [7, 19, 32, 33, [43, 46]])
  ],
  "taken with a warning: bytes that are not UTF-8 in a label value": [
    "prometheus-textparse/TestOpenMetricsParseErrors#42",
    "prometheus-textparse/TestPromParseErrors#4",
    "prometheus-common/testTextParseError#20"
  ],
  "taken: as in strict mode": numbered("prometheus-common/testTextParseError", [0, 1, 36, 38])
}

/** What was reached, so that less is noticed: [file, rows, strict, lenient]. */
const scores: ReadonlyArray<readonly [file: string, rows: number, strictMin: number, lenientMin: number]> = [
  ["client_python-openmetrics", 246, 246, 141],
  ["client_python-text", 47, 47, 46],
  ["prometheus-textparse", 113, 110, 109],
  ["prometheus-common-text", 66, 62, 49]
]

const scoreOf = (rows: ReadonlyArray<Row>, mode: Mode): number => rows.filter((row) => isRight(row, mode)).length

const tableLine = (cells: ReadonlyArray<string | number>): string =>
  `${cells.map((cell, index) => (index === 0 ? String(cell).padEnd(28) : String(cell).padStart(14))).join("")}\n`

const tableRow = (file: string, rows: ReadonlyArray<Row>): string => {
  const must = rows.filter(isMust)
  return tableLine([
    file,
    rows.length,
    `${scoreOf(must, "strict")}/${must.length}`,
    `${scoreOf(rows, "strict")}/${rows.length}`,
    `${scoreOf(must, "lenient")}/${must.length}`,
    `${scoreOf(rows, "lenient")}/${rows.length}`
  ])
}

const allRows = (): ReadonlyArray<Row> => scores.flatMap(([file]) => rowsOf(file))

const wrongIds = (mode: Mode): ReadonlyArray<string> =>
  allRows()
    .filter((row) => !isRight(row, mode))
    .map((row) => row.id)

describe(`${whenPresent}the verdicts of the reference parsers`, () => {
  it.skipIf(absent)("are printed beside ours", () => {
    const head = tableLine(["file", "rows", "strict MUST", "strict", "lenient MUST", "lenient"])

    process.stdout.write(`\n${head}${scores.map(([file]) => tableRow(file, rowsOf(file))).join("")}`)
  })

  it.skipIf(absent).each(scores)("are met in %s as often as before", (file, rows, strictMin, lenientMin) => {
    const cases = rowsOf(file)

    assert.strictEqual(cases.length, rows)
    assert.isAtLeast(scoreOf(cases, "strict"), strictMin)
    assert.isAtLeast(scoreOf(cases, "lenient"), lenientMin)
  })

  it.skipIf(absent)("are all met in strict mode where the references agree", () => {
    const wrong = allRows().filter((row) => isMust(row) && !isRight(row, "strict"))

    assert.deepEqual(
      wrong.map((row) => row.id),
      []
    )
  })

  it.skipIf(absent)("differ in strict mode only where we say why", () => {
    assert.sameMembers([...wrongIds("strict")], Object.values(strictDivergences).flat())
  })

  it.skipIf(absent)("differ in lenient mode only where we say why", () => {
    assert.sameMembers([...wrongIds("lenient")], Object.values(lenientDivergences).flat())
  })
})

// The reference keeps one of two samples of one series whose times differ by less than a microsecond; we keep both.
const referenceDrops = new Set(["client_python-om/test_duplicate_timestamps#1"])

const referenceNumber = (value: number | string): number =>
  value === "+Inf" ? Infinity : Number(String(value).replace("Inf", "Infinity"))

/** client_python's text parser calls every counter `x_total`. */
const comparableName = (name: string, format: Row["format"]): string =>
  format === "text" ? name.replace(/_total$/, "") : name

const sortedPairs = (pairs: Iterable<readonly [string, string]>): ReadonlyArray<readonly [string, string]> =>
  [...pairs].sort(([a], [b]) => (a < b ? -1 : 1))

const ourComparable = ({ labels, name, timestampMs, value }: Sample, format: Row["format"]) => ({
  name: comparableName(name, format),
  labels: sortedPairs(labels),
  value,
  seconds: timestampMs === undefined ? undefined : (timestampMs / 1000).toPrecision(12)
})

const referenceComparable = ({ labels, name, timestampSeconds, value }: ReferenceSample, format: Row["format"]) => ({
  name: comparableName(name, format),
  labels: sortedPairs(Object.entries(labels ?? {})),
  value: referenceNumber(value ?? Number.NaN),
  seconds: timestampSeconds?.toPrecision(12)
})

const comparableRows = (): ReadonlyArray<Row> =>
  allRows().filter(
    (row) => row.expect === "accept" && row.reference?.verdict === "accept" && !referenceDrops.has(row.id)
  )

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

describe(`${whenPresent}the samples of the reference parsers`, () => {
  it.skipIf(absent)("are ours, in every row that both accept", () => {
    const rows = comparableRows()

    assert.isAtLeast(rows.length, 100)
    for (const row of rows) {
      const exposition = parseRow(row, "strict")
      const ours = exposition.ok ? exposition.samples.map((sample) => ourComparable(sample, row.format)) : []
      const theirs = (row.reference?.families ?? [])
        .flatMap((family) => family.samples)
        .filter((sample) => sample.value !== null)
        .map((sample) => referenceComparable(sample, row.format))
      assert.deepEqual(ours.sort(byText), theirs.sort(byText), row.id)
    }
  })
})

interface Verdict {
  readonly verdict: "accept" | "reject"
  readonly sha256SortedSamples?: string
}

const bodies = absent
  ? []
  : Object.entries(
      JSON.parse(readFileSync(new URL("expositions/EXPECTED.json", root), "utf8")) as Record<
        string,
        { readonly openmetrics: Verdict; readonly text: Verdict }
      >
    )

const isOpenMetrics = (file: string): boolean => /\.om\.txt$|openmetrics-/.test(file)

/** Real bodies that strict mode refuses, as the reference does. */
const strictRefuses: ReadonlyMap<string, string> = new Map([
  ["prometheus/alltypes.5mfs.om.txt", "_sum is negative"],
  ["telegraf/openmetrics-valid_info-input.txt", "the family cadvisor_version clashes with an earlier one"]
])

// Two line feeds: see lenientDivergences.
const blankBody = "prometheus-common/fuzz_from_test_parse_0.txt"

const escaped = (value: string): string => value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"')

const headOf = ({ labels, name }: Sample): string =>
  `${name}{${sortedPairs(labels)
    .map(([label, value]) => `${label}="${escaped(value)}"`)
    .join(",")}}`

/** The dumps were made by the text parser, which calls every counter `x_total`. */
const anyCounter = (head: string): string => head.replace(/_total\{/, "{")

interface DumpLine {
  readonly head: string
  readonly value: number
  readonly seconds: string | undefined
}

const ourLine = (sample: Sample): DumpLine => ({
  head: anyCounter(headOf(sample)),
  value: sample.value,
  seconds: sample.timestampMs === undefined ? undefined : (sample.timestampMs / 1000).toPrecision(12)
})

const referenceLine = (line: string): DumpLine => {
  const end = line.lastIndexOf("} ") + 1
  const [value = "", seconds] = line.slice(end + 1).split(" ")
  return {
    head: anyCounter(line.slice(0, end)),
    value: referenceNumber(value.replace("inf", "Inf").replace("nan", "NaN")),
    seconds: seconds === undefined ? undefined : Number(seconds).toPrecision(12)
  }
}

const byHead = (a: DumpLine, b: DumpLine): number => (`${a.head} ${a.value}` < `${b.head} ${b.value}` ? -1 : 1)

const referenceLines = (file: string): ReadonlyArray<DumpLine> =>
  gunzipSync(readFileSync(new URL(`expositions/reference-samples/${file.replace("/", "__")}.samples.gz`, root)))
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map(referenceLine)
    .sort(byHead)

/** That parser takes milliseconds, and the end of an exemplar for a timestamp: nothing to compare OpenMetrics with. */
const withoutTime = (line: DumpLine): DumpLine => ({ ...line, seconds: undefined })

/** Python's `repr` of a float, for the digest of the dump that the OpenMetrics parser made. */
const pythonFloat = (value: number): string => {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf"
  const [mantissa = "", exponent = "0"] = value.toExponential().split("e")
  const power = Number(exponent)
  if (power < -4 || power >= 16)
    return `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`
  const shown = Object.is(value, -0) ? "-0" : power < 0 ? value.toFixed(fractionDigits(mantissa, power)) : String(value)
  return shown.includes(".") ? shown : `${shown}.0`
}

const fractionDigits = (mantissa: string, power: number): number => mantissa.replace(/[-.]/g, "").length - 1 - power

const dumpText = (sample: Sample): string => {
  const seconds = sample.timestampMs === undefined ? "" : ` ${pythonFloat(sample.timestampMs / 1000)}`
  return `${headOf(sample)} ${pythonFloat(sample.value)}${seconds}`
}

const digestOf = (samples: ReadonlyArray<Sample>, end: string): string =>
  createHash("sha256")
    .update(samples.map(dumpText).sort().join("\n") + end)
    .digest("hex")

describe(`${whenPresent}real bodies`, () => {
  it.skipIf(absent)("are all there", () => {
    assert.isAtLeast(bodies.length, 33)
  })

  it.skipIf(absent).each(bodies.map(([file]) => [file]))("%s gives the reference's samples, one for one", (file) => {
    const body = readFileSync(new URL(`expositions/${file}`, root))
    const exposition = parseExposition(body, isOpenMetrics(file) ? openMetricsType : textType)

    assert.strictEqual(exposition.ok, file !== blankBody)
    const comparable = isOpenMetrics(file) ? withoutTime : (line: DumpLine): DumpLine => line
    const ours = (exposition.ok ? exposition.samples : []).map(ourLine).sort(byHead)
    assert.deepEqual(ours.map(comparable), referenceLines(file).map(comparable))
    assert.strictEqual(exposition.ok ? exposition.badLines : 0, 0)
  })

  it.skipIf(absent).each(bodies)("%s gets the reference's verdict in strict mode", (file, expected) => {
    const body = readFileSync(new URL(`expositions/${file}`, root))
    const { verdict } = isOpenMetrics(file) ? expected.openmetrics : expected.text
    const exposition = parseExposition(body, isOpenMetrics(file) ? openMetricsType : textType, "strict")

    assert.strictEqual(exposition.ok, verdict === "accept")
    const fault = strictRefuses.get(file)
    if (!exposition.ok) assert.include(exposition.reason, fault ?? "not listed in strictRefuses")
  })

  it
    .skipIf(absent)
    .each(bodies.filter(([file, { openmetrics }]) => isOpenMetrics(file) && openmetrics.verdict === "accept"))(
    "%s has the digest of the reference's OpenMetrics samples, timestamps included",
    (file, { openmetrics }) => {
      const exposition = parseExposition(readFileSync(new URL(`expositions/${file}`, root)), openMetricsType)
      const samples = exposition.ok ? exposition.samples : []

      assert.include([digestOf(samples, ""), digestOf(samples, "\n")], openmetrics.sha256SortedSamples)
    }
  )
})
