/** Lines of a byte stream, with a cap: a line without end must not fill the memory. */

/** An event carries all labels of its container; a megabyte of them is far beyond any real one. */
export const lineUnitsMax = 1_048_576

export class Lines {
  readonly #decoder = new TextDecoder()
  #rest = ""
  #skipping = false
  /** Lines that were longer than the cap, and thrown away. */
  overlong = 0

  /** The lines that this piece completes; a character cut in half between two pieces is put together. */
  push(bytes: Uint8Array): ReadonlyArray<string> {
    // Only the new piece is searched: searching the rest anew with each would take the square of a long line's time.
    const parts = this.#decoder.decode(bytes, { stream: true }).split("\n")
    parts[0] = this.#rest + (parts[0] ?? "")
    this.#rest = parts.pop() ?? ""
    // The end of a line that had been too long already.
    if (this.#skipping && parts.length > 0) {
      parts.shift()
      this.#skipping = false
    }
    if (this.#rest.length > lineUnitsMax) {
      if (!this.#skipping) this.overlong += 1
      this.#skipping = true
      this.#rest = ""
    }
    const short = parts.filter((line) => line.length <= lineUnitsMax)
    this.overlong += parts.length - short.length
    return short.filter((line) => line.trim() !== "")
  }
}
