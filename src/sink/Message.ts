/** A message in plain text and in Telegram's HTML: the same words, so that lengths can be counted on the plain one. */
import { type Entry, iconOf, minimalText, rings, wordEntry } from "../decision/index.ts"
import type { Draft } from "./Sink.ts"

export interface Text {
  readonly plain: string
  readonly html: string
}

/** One entry may fill a quarter of Telegram's 4,096 units at most, so that a digest always makes headway. */
const entryUnitsMax = 1_000
/** Ids are verbatim up to here; what a container engine, a mount or a rule calls a thing is far shorter. */
const idUnitsMax = 512
/** As long as the setting allows; a host's own name has 64 at most. */
const hostUnitsMax = 100

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" }

/** Escapes for Telegram's HTML mode, which knows no other entity in text. Source: Bot API, formatting options. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>]/g, (character) => escapes[character] ?? character)

/** Lone surrogates and control characters are replaced: Telegram refuses the first and shows nothing sensible for the others. */
export const printable = (text: string): string => text.toWellFormed().replace(/[^\P{Cc}\n]/gu, "\u{FFFD}")

/** Cuts to a number of UTF-16 units, never within a surrogate pair. */
export const cut = (text: string, unitsMax: number): string => {
  if (text.length <= unitsMax) return text
  const kept = text.slice(0, unitsMax - 1)
  const last = kept.charCodeAt(kept.length - 1)
  return `${last >= 0xd800 && last <= 0xdbff ? kept.slice(0, -1) : kept}…`
}

const text = (plain: string): Text => ({ plain, html: escapeHtml(plain) })
const concat = (parts: ReadonlyArray<Text>, between: string): Text => ({
  plain: parts.map((part) => part.plain).join(between),
  html: parts.map((part) => part.html).join(between)
})

export const entryText = (entry: Entry, draft: Draft): Text => {
  if (draft.minimal === true) return text(cut(printable(minimalText(entry)), entryUnitsMax))
  const worded = wordEntry(entry, draft.rendering)
  const id = cut(printable(worded.id), idUnitsMax)
  const head = `${worded.icon} `
  const rest = cut(
    [` ${worded.text}`, ...worded.lines].map(printable).join("\n"),
    entryUnitsMax - head.length - id.length
  )
  return { plain: head + id + rest, html: `${head}<b>${escapeHtml(id)}</b>${escapeHtml(rest)}` }
}

/** A digest's first line: how many of what. */
const headline = (draft: Draft): ReadonlyArray<Text> => {
  if (draft.entries.length === 1) return []
  const counts = new Map<string, number>()
  for (const entry of draft.entries) counts.set(iconOf(entry), (counts.get(iconOf(entry)) ?? 0) + 1)
  const parts = [...counts].map(([icon, count]) => `${icon} ${count}`).join("  ")
  return [text(printable(`${draft.entries.length} changes on ${cut(draft.rendering.host, hostUnitsMax)}: ${parts}`))]
}

const footer = (draft: Draft): ReadonlyArray<Text> =>
  draft.alsoActive === 0 ? [] : [text(`also active: ${draft.alsoActive}`)]

export const messageText = (draft: Draft): Text =>
  concat([...headline(draft), ...draft.entries.map((entry) => entryText(entry, draft)), ...footer(draft)], "\n\n")

/** How many entries, from the first, make a message of at most `unitsMax` UTF-16 units; at least one, at most `entriesMax`. */
export const fitting = (draft: Draft, unitsMax: number, entriesMax = Number.POSITIVE_INFINITY): number => {
  // Headline and footer are counted at their longest; splitting is at whole entries only.
  const frame = headline(draft).concat(footer({ ...draft, alsoActive: Number.MAX_SAFE_INTEGER }))
  let units = frame.reduce((sum, part) => sum + part.plain.length + 2, 0)
  let fits = 0
  for (const entry of draft.entries) {
    units += entryText(entry, draft).plain.length + 2
    if ((units > unitsMax && fits > 0) || fits >= entriesMax) break
    fits += 1
  }
  return fits
}

/** A message rings if anything in it does. */
export const isSilent = (draft: Draft): boolean => !draft.entries.some(rings)

/** For logs: what a message said, on one line. */
export const summary = (entries: ReadonlyArray<Entry>): string =>
  entries.map((entry) => `${entry.kind} ${entry.signal}`).join(", ")
