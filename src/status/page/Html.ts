/**
 * Markup that cannot be forged: what is put into a template is text unless it is markup already.
 *
 * Names, causes and log lines are hostile input. They are escaped, and what the eye cannot see (control characters, overrides
 * of the writing direction, zero-width marks) is written out, so that two different names never look the same.
 */

/** Markup, made by `html`. A string never becomes it by accident; who calls the constructor vouches for every character. */
export class Html {
  readonly markup: string
  constructor(markup: string) {
    this.markup = markup
  }
}

export type Piece = Html | string | number | false | null | undefined | ReadonlyArray<Piece>

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  // Old parsers took it for a quote.
  "`": "&#96;"
}

/** Escapes for text and for quoted attributes alike. */
export const escaped = (text: string): string =>
  /[&<>"'`]/.test(text) ? text.replace(/[&<>"'`]/g, (character) => entities[character] ?? "") : text

/** Invisible by Unicode's own word (controls, separators, default ignorables), but for what joins letters and picks emoji. */
const unseen = /(?!\u200c|\u200d|\ufe0e|\ufe0f)[\p{Cc}\p{DI}\p{Zl}\p{Zp}]/gu

const delete_ = 0x7f
const pictures = 0x2400 // Unicode block "Control Pictures": U+2400 stands for U+0000 and so on

const written = (character: string): string => {
  const code = character.codePointAt(0) ?? 0
  if (code < 0x20) return String.fromCodePoint(pictures + code)
  if (code === delete_) return "\u2421"
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`
}

/** The text on one line with nothing hidden in it. */
export const visible = (text: string): string => text.toWellFormed().replace(unseen, written)

/** As `visible`, but lines stay lines. */
export const visibleLines = (text: string): string => text.split("\n").map(visible).join("\n")

/** A page is read by people: a line longer than this is not read, and its sender must not be able to fill the page. */
export const textUnitsMax = 2_000

const cut = (text: string): string =>
  text.length <= textUnitsMax ? text : `${text.slice(0, textUnitsMax).toWellFormed()}…`

const rendered = (piece: Piece): string => {
  if (piece instanceof Html) return piece.markup
  if (typeof piece === "string") return escaped(visible(cut(piece)))
  if (typeof piece === "number") return String(piece)
  if (piece === null || piece === undefined || piece === false) return ""
  return piece.map(rendered).join("")
}

/**
 * Templates are written to be read; what is sent is without their line breaks. Between two tags a break is nothing, beside a
 * word or a piece it is a space. Done once a template: the parts of one are the same array at every call.
 */
const tight = (parts: TemplateStringsArray): ReadonlyArray<string> =>
  parts.map((part) =>
    part.replace(/\s*\n\s*/g, (_, at: number) => {
      const [before, after] = [part.slice(0, at).at(-1), part.slice(at).trimStart()[0]]
      return (before === ">" || before === undefined) && (after === "<" || after === undefined) && part.trim() !== ""
        ? ""
        : " "
    })
  )

const tightened = new WeakMap<TemplateStringsArray, ReadonlyArray<string>>()

/** The template: `html\`<b title="${title}">${name}</b>\``. Attributes must be quoted. */
export const html = (template: TemplateStringsArray, ...pieces: ReadonlyArray<Piece>): Html => {
  const parts = tightened.get(template) ?? tight(template)
  tightened.set(template, parts)
  let markup = parts[0] ?? ""
  for (const [index, piece] of pieces.entries()) markup += rendered(piece) + (parts[index + 1] ?? "")
  return new Html(markup)
}

/** A name or a sentence from outside, kept from turning the words around it. */
export const foreign = (text: string): Html => html`<bdi>${text}</bdi>`

/** Several lines from outside; set with `white-space: pre-wrap`. */
export const foreignLines = (text: string): Html => new Html(`<bdi>${escaped(visibleLines(cut(text)))}</bdi>`)
