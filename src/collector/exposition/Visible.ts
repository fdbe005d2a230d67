/**
 * Makes a piece of a foreign body fit to be shown to an operator.
 */

// Enough to recognise a line in a chat message, too little to flood one.
export const excerptLengthMax = 120

// C0, DEL, C1, line and paragraph separators, byte order mark, and the marks that reorder text: in a terminal or a
// chat they can hide, fake or split a line.
const isInvisible = (code: number): boolean =>
  code < 32 ||
  (code >= 0x7f && code <= 0x9f) ||
  (code >= 0x200b && code <= 0x200f) ||
  (code >= 0x2028 && code <= 0x202e) ||
  (code >= 0x2066 && code <= 0x2069) ||
  (code >= 0xd800 && code <= 0xdfff) ||
  code === 0xfeff

const visibleCharacter = (character: string): string => {
  const code = character.codePointAt(0) ?? 0
  if (!isInvisible(code)) return character
  if (character === "\t") return "\\t"
  if (character === "\n") return "\\n"
  if (character === "\r") return "\\r"
  return `\\u${code.toString(16).padStart(4, "0")}`
}

/**
 * The start of `text` with its control characters spelt out.
 *
 * Shape:  at most 120 characters; the last one is `…` when something was left off.
 */
export const excerpt = (text: string): string => {
  let shown = ""
  // One more than fits is enough to know that it does not; an 8 MiB line is not walked.
  for (const character of text.slice(0, excerptLengthMax + 1)) {
    const piece = visibleCharacter(character)
    if (shown.length + piece.length > excerptLengthMax) return `${clip(shown)}…`
    shown += piece
  }
  return shown
}

const clip = (shown: string): string => {
  if (shown.length < excerptLengthMax) return shown
  const cut = shown.slice(0, excerptLengthMax - 1)
  // Half of a surrogate pair is no character.
  return /[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut
}
