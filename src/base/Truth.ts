/** The words for true and false. Imports nothing: the kill-switch reads it before anything else is loaded. */

const words: Readonly<Record<string, boolean>> = {
  true: true,
  "1": true,
  yes: true,
  on: true,
  false: false,
  "0": false,
  no: false,
  off: false
}

/** In any case; undefined for any other word. */
export const truthOf = (word: string): boolean | undefined => {
  const known = word.trim().toLowerCase()
  return Object.hasOwn(words, known) ? words[known] : undefined
}
