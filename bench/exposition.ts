/**
 * How fast a /metrics body is read, as a ratio to what the engine does natively with the same payload.
 *
 * Absolute numbers change with the machine and its load; a ratio within one run does not, much.
 *
 * Run: npx node bench/exposition.ts [samples]
 */
import { parseExposition, type Mode } from "../src/collector/exposition/Exposition.ts"

const samplesDefault = 50_000
const roundsMax = 15
const mebibyte = 2 ** 20

const count = Number(process.argv[2] ?? samplesDefault)
const numbers = Array.from({ length: count }, (_, index) => index)

const textType = "text/plain; version=0.0.4"
const openMetricsType = "application/openmetrics-text; version=1.0.0"

const labelsOf = (index: number): string =>
  `method="${index % 2 === 0 ? "GET" : "POST"}",path="/items/${index}",code="200"`

const text = `# TYPE requests_total counter\n${numbers
  .map((index) => `requests_total{${labelsOf(index)}} ${index * 1.5}\n`)
  .join("")}`
const openMetrics = `# TYPE requests counter\n${numbers
  .map((index) => `requests_total{${labelsOf(index)}} ${index * 1.5}\n`)
  .join("")}# EOF\n`
const flatJson = JSON.stringify(Object.fromEntries(numbers.map((index) => [`requests_${index}`, index * 1.5])))

/** The same samples, as JSON.parse would deliver them: about a quarter more bytes. */
const equalJson = JSON.stringify(
  numbers.map((index) => ({
    name: "requests_total",
    labels: { method: index % 2 === 0 ? "GET" : "POST", path: `/items/${index}`, code: "200" },
    value: index * 1.5
  }))
)

interface Subject {
  readonly name: string
  readonly body: string
  readonly run: () => unknown
}

const ours = (name: string, body: string, contentType: string, mode: Mode): Subject => ({
  name,
  body,
  run: () => {
    const exposition = parseExposition(body, contentType, mode)
    if (!exposition.ok || exposition.samples.length !== count) throw new Error(`${name} was not read whole`)
    return exposition
  }
})

const baseline: Subject = {
  name: 'split("\\n") + JSON.parse',
  body: text,
  run: () => [text.split("\n"), JSON.parse(equalJson) as unknown]
}

const subjects: ReadonlyArray<Subject> = [
  baseline,
  { name: 'split("\\n") alone', body: text, run: () => text.split("\n") },
  ours("text, lenient", text, textType, "lenient"),
  ours("text, strict", text, textType, "strict"),
  ours("OpenMetrics, lenient", openMetrics, openMetricsType, "lenient"),
  ours("OpenMetrics, strict", openMetrics, openMetricsType, "strict"),
  ours("flat JSON", flatJson, "application/json", "lenient")
]

const timeMs = (run: () => unknown): number => {
  const started = performance.now()
  run()
  return performance.now() - started
}

const median = (times: ReadonlyArray<number>): number => times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0

// Round by round and not subject by subject: a busy moment of the machine then hits all of them.
const times = new Map(subjects.map(({ name }) => [name, [] as Array<number>]))
for (let round = 0; round < roundsMax; round++) {
  for (const { name, run } of subjects) times.get(name)?.push(timeMs(run))
}

const baselineMs = median(times.get(baseline.name) ?? [])
console.log(`${count} samples, median of ${roundsMax} rounds, node ${process.version}`)
for (const { body, name } of subjects) {
  const all = times.get(name) ?? []
  const ms = median(all)
  const speed = (body.length / mebibyte / (ms / 1000)).toFixed(0)
  const cells = [
    `${ms.toFixed(1)} ms`,
    `first ${(all[0] ?? 0).toFixed(0)} ms`,
    `${speed} MiB/s`,
    `x${(ms / baselineMs).toFixed(2)}`
  ]
  console.log(name.padEnd(26) + cells.map((cell) => cell.padStart(15)).join(""))
}
