/**
 * Rules over the samples of one scrape: which samples each rule selects, and of which of them its comparison is true.
 */
import { Result } from "effect"
import type { Sample } from "../exposition/Sample.ts"
import { type Rule, type ValueTest, compare, matcherTest, nameLabel } from "./Rule.ts"

/** Patterns are matched in linear time; this bounds what one scrape of 8 MiB can cost. Prometheus' users limit labels to less. */
export const comparedUnitsMax = 1_024

/** What one rule found. */
export interface Finding {
  /** Selected, and the comparison is true; in the order of the page. */
  readonly active: ReadonlyArray<Sample>
  /** Selected, and the comparison is false. */
  readonly clear: ReadonlyArray<Sample>
  /** Left out because a label's value is too long for a pattern. */
  readonly tooLong: number
}

interface Test {
  readonly label: string
  readonly isPattern: boolean
  readonly test: ValueTest
}

interface Compiled {
  readonly rule: Rule
  readonly index: number
  readonly tests: ReadonlyArray<Test>
}

/** Rules made ready: by the metric they name, so that a sample is shown only to those it may concern. */
export interface Plan {
  readonly rules: ReadonlyArray<Rule>
  readonly byMetric: ReadonlyMap<string, ReadonlyArray<Compiled>>
  readonly ofAny: ReadonlyArray<Compiled>
}

const compileRule = (rule: Rule, index: number): Compiled => ({
  rule,
  index,
  tests: rule.matchers.map((matcher) => ({
    label: matcher.label,
    isPattern: matcher.op === "=~" || matcher.op === "!~",
    // The settings were checked: a pattern that does not compile here is our bug.
    test: Result.getOrThrow(matcherTest(matcher))
  }))
})

export const planOf = (rules: ReadonlyArray<Rule>): Plan => {
  const compiled = rules.map(compileRule)
  const named = compiled.filter(({ rule }) => rule.metric !== null)
  return {
    rules,
    byMetric: Map.groupBy(named, ({ rule }) => rule.metric ?? ""),
    ofAny: compiled.filter(({ rule }) => rule.metric === null)
  }
}

interface Draft {
  readonly active: Array<Sample>
  readonly clear: Array<Sample>
  tooLong: number
}

const selects = ({ tests }: Compiled, sample: Sample, draft: Draft): boolean => {
  for (const { isPattern, label, test } of tests) {
    const value = label === nameLabel ? sample.name : (sample.labels.get(label) ?? "")
    if (isPattern && value.length > comparedUnitsMax) {
      draft.tooLong++
      return false
    }
    if (!test(value)) return false
  }
  return true
}

const show = (compiled: Compiled, sample: Sample, drafts: ReadonlyArray<Draft>): void => {
  const draft = drafts[compiled.index]
  if (draft === undefined || !selects(compiled, sample, draft)) return
  const { comparison, threshold } = compiled.rule
  if (compare(sample.value, comparison, threshold)) draft.active.push(sample)
  else draft.clear.push(sample)
}

/**
 * Evaluates all rules in one walk over the samples.
 *
 * Shape:  (plan, samples) -> one finding for each rule, in the rules' order.
 * Law:    never throws; linear in the samples.
 */
export const evaluate = (plan: Plan, samples: ReadonlyArray<Sample>): ReadonlyArray<Finding> => {
  const drafts = plan.rules.map((): Draft => ({ active: [], clear: [], tooLong: 0 }))
  for (const sample of samples) {
    const concerned = plan.byMetric.get(sample.name)
    if (concerned !== undefined) for (const compiled of concerned) show(compiled, sample, drafts)
    for (const compiled of plan.ofAny) show(compiled, sample, drafts)
  }
  return drafts
}
