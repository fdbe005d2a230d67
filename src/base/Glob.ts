/** Patterns of signal ids, as people write them: `*` stands for any run of characters, everything else for itself. */

/**
 * Whether a pattern means this text. Piece by piece and never back: a pattern from a phone meets names from a container engine,
 * and a regular expression could be made to take for ever.
 */
export const matches = (pattern: string, text: string): boolean => {
  const [first = "", ...rest] = pattern.split("*")
  const last = rest.pop()
  if (last === undefined) return pattern === text
  if (!text.startsWith(first)) return false
  let at = first.length
  for (const piece of rest) {
    const found = text.indexOf(piece, at)
    if (found < 0) return false
    at = found + piece.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}
