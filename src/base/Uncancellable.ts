/**
 * Calls that nothing can cancel once they are made (a file system call on a dead mount).
 *
 * Leaving asks this: an exit would wait for their threads for ever.
 */
import { Context } from "effect"

export class Uncancellable {
  #underWay = 0

  get underWay(): number {
    return this.#underWay
  }

  /** Counts a call until it really returns, whoever has stopped waiting for it. */
  count<A>(call: () => Promise<A>): Promise<A> {
    this.#underWay += 1
    return call().finally(() => {
      this.#underWay -= 1
    })
  }
}

export const uncancellable: Context.Reference<Uncancellable> = Context.Reference<Uncancellable>(
  "watchdog/base/Uncancellable",
  { defaultValue: () => new Uncancellable() }
)
