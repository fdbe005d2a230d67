/**
 * What rules cost on a large page, as a ratio to reading the page.
 *
 * Absolute numbers change with the machine and its load; a ratio within one run does not, much.
 *
 * Run: npx node bench/rules.ts [samples]
 */
import { Result } from "effect"
import { parseExposition } from "../src/collector/exposition/Exposition.ts"
import { makeRuleBook } from "../src/collector/rules/RuleBook.ts"
import { readRules } from "../src/collector/rules/RuleText.ts"
import { defaultPolicy } from "../src/decision/index.ts"

const samplesDefault = 50_000
const rounds = 15
const rulesCount = 20

const count = Number(process.argv[2] ?? samplesDefault)

/** A hundred metrics, so that a rule that names one concerns a hundredth of the page. */
const body = Array.from(
  { length: count },
  (_, at) => `metric_${at % 100}{method="${at % 2 === 0 ? "GET" : "POST"}",path="/items/${at}",code="200"} ${at}\n`
).join("")

const sets: ReadonlyArray<readonly [name: string, rule: (at: number) => string]> = [
  ["of one metric each", (at) => `r${at}: metric_${at} > 1e9`],
  ["of one metric each, with a pattern", (at) => `r${at}: metric_${at}{path=~"/items/.*7"} > 1e9`],
  ["of any metric, by a label", (at) => `r${at}: {method="GET",code="${at}"} > 1e9`],
  ["of any metric, each by a pattern", (at) => `r${at}: {path=~"/items/(1|2|3).*${at}"} > 1e9`],
  ["of any metric, a hundred label sets active in each", (at) => `r${at}: {method="GET"} > ${count - 200 - at}`]
]

const timeMs = (run: () => unknown): number => {
  const started = performance.now()
  run()
  return performance.now() - started
}

const median = (times: ReadonlyArray<number>): number => times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0

const read = () => {
  const exposition = parseExposition(body, "text/plain; version=0.0.4")
  if (!exposition.ok || exposition.samples.length !== count) throw new Error("the page was not read whole")
  return exposition.samples
}

const books = sets.map(([name, rule]) => {
  const rules = Result.getOrThrow(readRules(Array.from({ length: rulesCount }, (_, at) => rule(at)).join("; ")))
  return { name, book: makeRuleBook(rules, defaultPolicy), times: [] as Array<number> }
})

const parsing: Array<number> = []
for (let round = 0; round < rounds; round++) {
  parsing.push(timeMs(read))
  for (const { book, times } of books) {
    // A page of its own for each: what one rule set has hashed would be free for the next.
    const samples = read()
    times.push(timeMs(() => book.see({ samples, partial: undefined })))
  }
}

const parsingMs = median(parsing)
console.log(`${count} samples, ${rulesCount} rules, median of ${rounds} rounds, node ${process.version}`)
console.log(`${"reading the page".padEnd(56)}${parsingMs.toFixed(1).padStart(8)} ms`)
for (const { name, times } of books) {
  const ms = median(times)
  console.log(`${`rules ${name}`.padEnd(56)}${ms.toFixed(1).padStart(8)} ms   x${(ms / parsingMs).toFixed(2)}`)
}
