/** Whoever reads the messages: knows only the kinds and notes of the entries that reached him, and shares no code with the outbox. */
import { assert } from "@effect/vitest"
import type { Entry } from "../../src/decision/index.ts"

interface Believed {
  open: boolean
  /** The last end came in a message whose answer was lost: the sender does not know that the reader holds it for over. */
  endUnanswered: boolean
  /** The number of the newest event heard of: evidence is numbered in the order of what happened. */
  newest: number
}

export const makeReader = () => {
  const beliefs = new Map<string, Believed>()
  const about = (signal: string): Believed => {
    const found = beliefs.get(signal) ?? { open: false, endUnanswered: false, newest: 0 }
    beliefs.set(signal, found)
    return found
  }
  const hear = (entry: Entry, answered: boolean): void => {
    const belief = about(entry.signal)
    const says = `${entry.kind}${entry.active ? " active" : ""} of ${entry.signal}`
    const number = Number(entry.evidence.summary)
    assert.isAtLeast(number, belief.newest, `${says}: out of order`)
    belief.newest = number
    const open = (): void => void Object.assign(belief, { open: true, endUnanswered: false })
    const staysDown = ({ alertUncertain }: Entry): void => {
      assert.isTrue(belief.open || belief.endUnanswered || alertUncertain, `${says}: of nothing`)
      open()
    }
    const ends = (): void => {
      assert.isTrue(belief.open || entry.repeated || entry.alertUncertain, `${says}: an end without its fault`)
      Object.assign(belief, { open: false, endUnanswered: !answered })
    }
    switch (entry.kind) {
      case "alert":
        assert.isTrue(!belief.open || entry.repeated, `${says}: a fault that was told already`)
        return open()
      case "flapping":
        return open()
      case "again":
        assert.isTrue(
          belief.open || belief.endUnanswered || entry.alertUncertain,
          `${says}: of a fault that was never told`
        )
        return open()
      case "late":
        assert.isFalse(belief.open, `${says}: while the fault is open`)
        return
      case "reminder":
        assert.isTrue(belief.open, `${says}: of nothing`)
        return
      case "settled":
        return entry.active ? staysDown(entry) : ends()
      case "recovered":
      case "gone":
        return ends()
      case "drill":
      case "notice":
        throw new Error("an outbox owes no drill")
    }
  }
  return { hear, isOpen: (signal: string) => about(signal).open }
}
