/** Lines of a log of any size, piece by piece: only the line at hand is in memory, and one without end is thrown away. */

/** The journal's longest lines carry 50 lines of a container's log; what is longer than this is not ours. */
export const lineUnitsMax = 262_144

export class LineCutter {
  readonly #decoder = new TextDecoder()
  #rest = ""
  #skipping = false
  /** Lines that were longer than the cap. */
  overlong = 0

  /** The lines that this piece completes, without their ends; a character cut in half between two pieces is put together. */
  push(bytes: Uint8Array): ReadonlyArray<string> {
    return this.#cut(this.#decoder.decode(bytes, { stream: true }))
  }

  /** What stands behind the last end of a line: a log that was cut off, or one that goes on. */
  end(): ReadonlyArray<string> {
    const lines = this.#cut(`${this.#decoder.decode()}\n`)
    // A log that ends as it should has nothing behind its last line.
    return lines.at(0) === "" ? [] : lines
  }

  #cut(text: string): ReadonlyArray<string> {
    // Only the new piece is searched: searching the rest anew with each would take the square of a long line's time.
    const parts = text.split("\n")
    if (this.#skipping && parts.length > 1) {
      parts.shift()
      this.#skipping = false
    } else if (!this.#skipping) {
      parts[0] = this.#rest + (parts[0] ?? "")
    }
    this.#rest = this.#skipping ? "" : (parts.pop() ?? "")
    if (this.#skipping) return []
    if (this.#rest.length > lineUnitsMax) {
      this.overlong += 1
      this.#skipping = true
      this.#rest = ""
    }
    const short = parts.filter((line) => line.length <= lineUnitsMax)
    this.overlong += parts.length - short.length
    return short.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line))
  }
}
