/**
 * How a signal stood during the last 24 hours, in 288 buckets of 5 minutes: one byte each, and no more however long it runs.
 *
 * A state holds until the next one comes, so a bucket without a look is what the one before it ended with; an actor says so
 * itself when nothing has been seen for too long. Of several states within one bucket the worst is kept.
 */
import { historyBucketMs, historyBuckets } from "./Snapshot.ts"

/** From well to bad, a blank first: the rank decides what a bucket keeps, the characters are those of `SignalView.history`. */
export const Rank = { blank: 0, clear: 1, held: 2, unseen: 3, untold: 4, active: 5 } as const
export type Rank = (typeof Rank)[keyof typeof Rank]

const characters = Buffer.from(" .h?-#", "latin1")

/** Where every text is put together: one flat string at the end instead of 288 pieces, which JSON would have to join again. */
const scratch = Buffer.alloc(historyBuckets)

export class History {
  readonly #ring = new Uint8Array(historyBuckets)
  /** Number of the newest bucket, on the grid of the monotonic clock; -1 before the first state. */
  #bucket = -1
  #endsMs = Number.NEGATIVE_INFINITY
  #at = 0
  #last: Rank = Rank.blank

  /** A state that holds from now on. On the path of every look: within a bucket it is one comparison and at most one write. */
  note(rank: Rank, nowMs: number): void {
    if (nowMs >= this.#endsMs) this.#advance(nowMs)
    if (rank > (this.#ring[this.#at] ?? 0)) this.#ring[this.#at] = rank
    this.#last = rank
  }

  /** One character a bucket, oldest first; the last is the bucket of `nowMs`. */
  text(nowMs: number): string {
    if (this.#bucket < 0) return " ".repeat(historyBuckets)
    if (nowMs >= this.#endsMs) this.#advance(nowMs)
    for (let n = 0; n < historyBuckets; n++)
      scratch[n] = characters[this.#ring[(this.#at + 1 + n) % historyBuckets] ?? 0] ?? 0
    return scratch.toString("latin1")
  }

  /** Goes on to the bucket of `nowMs`; what held at the end of the old one has held until now. */
  #advance(nowMs: number): void {
    const bucket = Math.floor(nowMs / historyBucketMs)
    const passed = this.#bucket < 0 ? 0 : Math.min(bucket - this.#bucket, historyBuckets)
    for (let n = 0; n < passed; n++) {
      this.#at = (this.#at + 1) % historyBuckets
      this.#ring[this.#at] = this.#last
    }
    this.#bucket = bucket
    this.#endsMs = (bucket + 1) * historyBucketMs
  }
}
