/**
 * What a sample is called: in the id of its rule's signal, and in evidence.
 *
 * Label values are foreign text. What could hide, fake or split a line is spelt out, and what is too long is cut and told apart
 * by a hash of the whole.
 */
import { createHash } from "node:crypto"
import type { Sample } from "../exposition/Sample.ts"
import { nameLabel, type Rule } from "./Rule.ts"

/** With `rule:` and a name of 64 an id stays within the 512 units a message shows of one. */
const labelsUnitsMax = 200
/** 64 bits of SHA-256: who writes labels cannot find two that meet. */
const hashDigits = 16

/** Invisible, reordering or half a character; and what the notation itself needs. */
const special = /["\\\p{C}\p{Zl}\p{Zp}]/gu

const spell = (character: string): string => {
  if (character === '"' || character === "\\") return `\\${character}`
  if (character === "\n") return "\\n"
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
}

const quoted = (text: string): string => `"${text.replaceAll(special, spell)}"`

const plainName = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const nameText = (name: string): string => (plainName.test(name) ? name : quoted(name))

type Label = readonly [name: string, value: string]

const byName = (a: Label, b: Label): number => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)

/** `a="b",c="d"`, sorted by name; a label without a value is no label. */
const listText = (labels: ReadonlyArray<Label>): string =>
  labels
    .filter(([, value]) => value !== "")
    .sort(byName)
    .map(([name, value]) => `${nameText(name)}=${quoted(value)}`)
    .join(",")

/**
 * Cuts a list that is too long. A list that fits ends in a quote and one that was cut in a digit, so the two never meet.
 */
const bounded = (list: string): string => {
  if (list.length <= labelsUnitsMax) return list
  const hash = createHash("sha256").update(list).digest("hex").slice(0, hashDigits)
  const kept = list.slice(0, labelsUnitsMax - hashDigits - 1)
  return `${/[\uD800-\uDBFF]$/.test(kept) ? kept.slice(0, -1) : kept}…${hash}`
}

/** A copy of its own: a text cut from a page keeps the whole page in memory. */
const own = (text: string): string => Buffer.from(text).toString()

/** Labels that the selector fixes are the same on all its samples, and tell none from another. */
const isFixed = (rule: Rule, label: string): boolean =>
  rule.matchers.some((matcher) => matcher.label === label && matcher.op === "=" && matcher.value !== "")

/** Names the labels a rule's ids leave out; worked out once for all samples. */
export const fixedLabels = (rule: Rule): ReadonlySet<string> =>
  new Set(rule.matchers.map(({ label }) => label).filter((label) => isFixed(rule, label)))

/**
 * The id of the signal of one sample under one rule: `rule:<name>`, or `rule:<name>{a="b",...}`.
 *
 * Law:   two samples of a rule have the same id only if they have the same labels (and metric, where the rule does not fix it);
 *        it depends on nothing else on the page, so that it stays the same when other series come and go.
 */
export const signalId = (rule: Rule, fixed: ReadonlySet<string>, sample: Sample): string => {
  const labels: Array<Label> = []
  for (const label of sample.labels) if (!fixed.has(label[0])) labels.push(label)
  if (rule.metric === null) labels.unshift([nameLabel, sample.name])
  const list = listText(labels)
  return own(list === "" ? baseId(rule) : `${baseId(rule)}{${bounded(list)}}`)
}

/** The id where there is nothing to tell apart. */
export const baseId = (rule: Rule): string => `rule:${rule.name}`

/** The sample as PromQL would write it: `queue_depth{queue="mail"}`. */
export const seriesText = (sample: Sample): string => {
  const list = bounded(listText([...sample.labels]))
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(sample.name) ? sample.name : undefined
  const inner = name === undefined ? [bounded(quoted(sample.name)), list].filter((part) => part !== "").join(",") : list
  return own(`${(name ?? "").slice(0, labelsUnitsMax)}${inner === "" ? "" : `{${inner}}`}`)
}
