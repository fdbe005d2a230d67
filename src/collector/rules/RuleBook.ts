/**
 * Rules over time: which label sets of each are known, and what a scrape, or one that failed, says of their signals.
 *
 * A label set becomes a signal when its comparison is first true. From then on it is in every report until it has long been clear,
 * so that its end is told as a recovery and not as "gone".
 */
import type { Evidence, Policy, SignalSpec } from "../../decision/index.ts"
import { clearLooks, durationText } from "../../decision/index.ts"
import { type SignalLook, missed, seen } from "../Collector.ts"
import type { Sample } from "../exposition/Sample.ts"
import { type Finding, type Plan, comparedUnitsMax, evaluate, planOf } from "./Evaluate.ts"
import { baseId, fixedLabels, seriesText, signalId } from "./LabelSet.ts"
import { numberText, type Rule } from "./Rule.ts"

/** New label sets of a rule are taken in up to this many active at once, and twice as many are known in all: each is a signal. */
export const labelSetsMax = 100
const knownMax = 2 * labelSetsMax

/** A clear label set stays in the report for at least this many ticks. */
const clearTicksLeast = 3

/**
 * Looks begin some milliseconds after their tick. Without this much slack `for 10s` at ticks of 10 s would be told at the second or
 * the third look by chance. Small enough not to show in a text that counts in seconds.
 */
const slackMs = 250

/** What there is to see of a page. */
export interface Scrape {
  readonly samples: ReadonlyArray<Sample>
  /** Why something may be missing from the samples; undefined for a page that was read whole. */
  readonly partial: string | undefined
}

export interface RuleReport {
  readonly looks: ReadonlyArray<SignalLook>
  readonly unseen: ReadonlyArray<string>
}

export interface RuleBook {
  /** Says what a scrape means for each rule. */
  readonly see: (scrape: Scrape) => RuleReport
  /** There was no page: nothing is known, nothing fires and nothing recovers. */
  readonly miss: (reason: string) => RuleReport
}

interface Known {
  readonly spec: SignalSpec
  /** Ticks seen clear since it was last active. */
  clearTicks: number
}

interface Page {
  readonly rule: Rule
  readonly fixed: ReadonlySet<string>
  readonly base: SignalSpec
  readonly policy: Policy
  readonly clearTicksMax: number
  readonly known: Map<string, Known>
}

/** K and M of a rule, or the spans that replace them. */
export const rulePolicy = (rule: Rule, policy: Policy): Policy => {
  const slack = Math.min(slackMs, policy.intervalMs / 4)
  const span = (ms: number | null): number | null => (ms === null ? null : Math.max(0, ms - slack))
  return { ...policy, raiseForMs: span(rule.forMs), clearForMs: span(rule.keepFiringForMs) }
}

/** Long enough to clear, and to settle where it flapped. */
const clearTicksOf = (policy: Policy): number =>
  Math.max(
    clearTicksLeast,
    clearLooks(policy, policy.intervalMs) +
      (policy.flapRaises === 0 ? 0 : 1 + Math.ceil(policy.flapSettleMs / policy.intervalMs))
  )

const specOf = (signal: string, policy: Policy): SignalSpec => ({ signal, severity: "warning", policy })

const pageOf = (rule: Rule, base: Policy): Page => {
  const policy = rulePolicy(rule, base)
  return {
    rule,
    fixed: fixedLabels(rule),
    base: specOf(baseId(rule), policy),
    policy,
    clearTicksMax: clearTicksOf(policy),
    known: new Map()
  }
}

/**
 * Makes the book of these rules.
 *
 * Shape:  (rules, the policy they share but for their spans) -> RuleBook, which remembers from call to call.
 * Fails:  never.
 */
export const makeRuleBook = (rules: ReadonlyArray<Rule>, policy: Policy): RuleBook => {
  const plan: Plan = planOf(rules)
  const pages = rules.map((rule) => pageOf(rule, policy))
  return {
    see: (scrape) => {
      const findings = evaluate(plan, scrape.samples)
      const reports = pages.map((page, index) => seePage(page, findings[index] ?? nothing, scrape.partial))
      return {
        looks: reports.flatMap(({ looks }) => looks),
        unseen: reports.flatMap(({ unseen }) => unseen)
      }
    },
    miss: (reason) => ({
      looks: pages.flatMap(({ base, known }) =>
        (known.size === 0 ? [base] : Array.from(known.values(), ({ spec }) => spec)).map((spec) => ({
          spec,
          look: missed(reason)
        }))
      ),
      unseen: []
    })
  }
}

const nothing: Finding = { active: [], clear: [], tooLong: 0 }

const seePage = (page: Page, finding: Finding, partial: string | undefined): RuleReport => {
  const { known, rule } = page
  const { chosen, beyond } = choose(page, finding.active)
  const looks: Array<SignalLook> = []
  for (const [id, sample] of chosen) {
    const spec = known.get(id)?.spec ?? specOf(id, page.policy)
    // Set anew: the map's order is that of the last time active, and the longest clear stand first.
    known.delete(id)
    known.set(id, { spec, clearTicks: 0 })
    looks.push({ spec, look: seen(true, evidenceOf(rule, sample), { value: finite(sample.value) }) })
  }
  looks.push(...clearLooksOf(page, finding.clear, chosen, partial))
  if (known.size === 0) looks.push({ spec: page.base, look: baseLook(rule, finding) })
  return { looks, unseen: unseenOf(rule, finding, beyond) }
}

/** Those that are known come first: a page in another order must not make one look well. */
const choose = (
  page: Page,
  active: ReadonlyArray<Sample>
): { readonly chosen: ReadonlyMap<string, Sample>; readonly beyond: number } => {
  const chosen = new Map<string, Sample>()
  const fresh = new Map<string, Sample>()
  for (const sample of active) {
    const id = signalId(page.rule, page.fixed, sample)
    const into = page.known.has(id) ? chosen : fresh
    if (!into.has(id)) into.set(id, sample)
  }
  let beyond = 0
  for (const [id, sample] of fresh) {
    if (chosen.size < labelSetsMax) chosen.set(id, sample)
    else beyond++
  }
  return { chosen, beyond }
}

/** What was active and is not any more: clear, or not to be seen on a page that was not read whole. */
const clearLooksOf = (
  page: Page,
  clear: ReadonlyArray<Sample>,
  chosen: ReadonlyMap<string, Sample>,
  partial: string | undefined
): ReadonlyArray<SignalLook> => {
  const { fixed, known, rule } = page
  if (known.size === chosen.size) return []
  const present = new Map(clear.map((sample) => [signalId(rule, fixed, sample), sample]))
  const looks: Array<SignalLook> = []
  let room = knownMax - chosen.size
  // From the one last active to the one that has been clear for longest: where room ends, those go.
  for (const [id, one] of [...known].toReversed()) {
    if (chosen.has(id)) continue
    one.clearTicks++
    if (one.clearTicks > page.clearTicksMax || room === 0) {
      known.delete(id)
      continue
    }
    room--
    const sample = present.get(id)
    const look = sample !== undefined ? clearLook(rule, sample) : partial === undefined ? absent : missed(partial)
    looks.push({ spec: one.spec, look })
  }
  return looks
}

const absent = seen(false, { summary: "not on the page any more", details: [] })

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)

const comparisonText = ({ comparison, threshold }: Rule): string => `${comparison} ${numberText(threshold)}`

/** `queue_depth{queue="mail"} = 140 > 100, for 2 min` */
const evidenceOf = (rule: Rule, sample: Sample): Evidence => ({
  summary: `${seriesText(sample)} = ${numberText(sample.value)} ${comparisonText(rule)}${
    rule.forMs === null || rule.forMs === 0 ? "" : `, for ${durationText(rule.forMs)}`
  }`,
  details: []
})

const clearLook = (rule: Rule, sample: Sample): SignalLook["look"] =>
  seen(
    false,
    { summary: `${seriesText(sample)} = ${numberText(sample.value)}, not ${comparisonText(rule)}`, details: [] },
    { value: finite(sample.value) }
  )

/** Nothing is or was active: the rule itself is shown, clear, with what it selects. */
const baseLook = (rule: Rule, { clear }: Finding): SignalLook["look"] => {
  const [only] = clear
  if (only !== undefined && clear.length === 1) return clearLook(rule, only)
  const summary =
    clear.length === 0
      ? `no sample is selected by ${rule.expression}`
      : `none of ${clear.length} samples is ${comparisonText(rule)}`
  return seen(false, { summary, details: [] })
}

const unseenOf = (rule: Rule, finding: Finding, beyond: number): ReadonlyArray<string> => [
  ...(beyond > 0
    ? [
        `${baseId(rule)}: ${beyond} more label sets are active than the ${labelSetsMax} that are watched: narrow its selector`
      ]
    : []),
  ...(finding.tooLong > 0
    ? [
        `${baseId(rule)}: ${finding.tooLong} samples have a label longer than ${comparedUnitsMax} units, which is not compared with a pattern`
      ]
    : [])
]
