import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import type { Alert, Decision, DecisionKind, Entry } from "../../src/decision/index.ts"
import * as Outbox from "../../src/queue/Outbox.ts"

const cooldownMs = 60_000

const activeAfter: Readonly<Record<DecisionKind, boolean>> = {
  alert: true,
  remind: true,
  recover: false,
  flapping: true,
  settled: false,
  gone: false
}

const alert = (kind: DecisionKind, atMs: number, more: Partial<Decision> = {}, signal = "container:api"): Alert => ({
  signal,
  severity: "critical",
  cooldownMs,
  decision: {
    kind,
    atMs,
    active: activeAfter[kind],
    sinceMs: atMs,
    raises: 1,
    reminders: 0,
    confirmed: false,
    foundAtStart: false,
    evidence: { summary: `${kind} at ${atMs}`, details: [] },
    ...more
  }
})

const settledDown = (atMs: number): Alert => alert("settled", atMs, { active: true })

const after = (...alerts: ReadonlyArray<Alert>): Outbox.Outbox => more(Outbox.emptyOutbox, ...alerts)
const more = (outbox: Outbox.Outbox, ...alerts: ReadonlyArray<Alert>): Outbox.Outbox =>
  alerts.reduce(Outbox.accept, outbox)

const owed = (outbox: Outbox.Outbox): ReadonlyArray<string> =>
  Outbox.allOwed(outbox).map(({ kind, active }) =>
    kind === "settled" ? `settled ${active ? "active" : "clear"}` : kind
  )

const only = (outbox: Outbox.Outbox): Entry => {
  const [entry, ...others] = Outbox.allOwed(outbox)
  assert.deepStrictEqual(others, [])
  if (entry === undefined) throw new Error("nothing is owed")
  return entry
}

const frozen = (outbox: Outbox.Outbox): readonly [Outbox.Outbox, ReadonlyArray<Entry>] => {
  const entries = Outbox.allOwed(outbox)
  return [Outbox.freeze(outbox, entries), entries]
}

const tell = (outbox: Outbox.Outbox, atMs: number, reference: string | null = null): Outbox.Outbox => {
  const [under, entries] = frozen(outbox)
  return Outbox.delivered(under, entries, atMs, reference)
}

const toldActive = tell(after(alert("alert", 1_000)), 2_000, "41")
const toldFlapping = tell(after(alert("flapping", 1_000, { raises: 4 })), 2_000, "42")

describe("the told and now table", () => {
  const cells: ReadonlyArray<readonly [string, Outbox.Outbox, ReadonlyArray<Alert>, ReadonlyArray<string>]> = [
    ["told clear, clear: nothing", Outbox.emptyOutbox, [], []],
    [
      "told clear, came and went: one late line",
      Outbox.emptyOutbox,
      [alert("alert", 10), alert("recover", 20)],
      ["late"]
    ],
    [
      "told clear, came and retired: one late line",
      Outbox.emptyOutbox,
      [alert("alert", 10), alert("gone", 20)],
      ["late"]
    ],
    [
      "told clear, flapped and settled well: one late line",
      Outbox.emptyOutbox,
      [alert("flapping", 10), alert("settled", 20)],
      ["late"]
    ],
    ["told clear, active: alert", Outbox.emptyOutbox, [alert("alert", 10)], ["alert"]],
    ["told clear, settled down: alert", Outbox.emptyOutbox, [alert("flapping", 10), settledDown(20)], ["alert"]],
    ["told clear, flapping: flapping", Outbox.emptyOutbox, [alert("flapping", 10)], ["flapping"]],
    ["told active, clear: recovered", toldActive, [alert("recover", 3_000)], ["recovered"]],
    ["told active, retired: gone", toldActive, [alert("gone", 3_000)], ["gone"]],
    ["told active, active: nothing", toldActive, [], []],
    [
      "told active, cleared and failed again: again",
      toldActive,
      [alert("recover", 3_000), alert("alert", 4_000)],
      ["again"]
    ],
    ["told active, flapping: flapping", toldActive, [alert("recover", 3_000), alert("flapping", 4_000)], ["flapping"]],
    ["told flapping, settled well: settled clear", toldFlapping, [alert("settled", 3_000)], ["settled clear"]],
    ["told flapping, retired: gone", toldFlapping, [alert("gone", 3_000)], ["gone"]],
    ["told flapping, settled down: settled active", toldFlapping, [settledDown(3_000)], ["settled active"]],
    ["told flapping, flapping: nothing", toldFlapping, [], []],
    [
      "told flapping, settled and flapping again: nothing",
      toldFlapping,
      [alert("settled", 3_000), alert("alert", 4_000), alert("recover", 5_000), alert("flapping", 6_000)],
      []
    ]
  ]

  it.each(cells)("%s", (_, told, alerts, wanted) => {
    const outbox = more(told, ...alerts)

    assert.deepStrictEqual(owed(outbox), wanted)
  })

  it.each(cells)("owes nothing more once it is delivered: %s", (_, told, alerts) => {
    const outbox = tell(more(told, ...alerts), 9_000)

    assert.deepStrictEqual(owed(outbox), [])
  })
})

describe("an entry", () => {
  it("counts faults that came and went before anyone was told, from the first to the last", () => {
    const outbox = after(
      alert("alert", 1_000, { sinceMs: 900 }),
      alert("recover", 2_000),
      alert("alert", 3_000),
      alert("recover", 4_000)
    )

    const entry = only(outbox)

    assert.deepInclude(entry, { kind: "late", times: 2, sinceMs: 900, endedMs: 4_000, active: false })
  })

  it("says when it had become well, and brings the new evidence, if it failed again", () => {
    const outbox = more(toldActive, alert("recover", 3_000), alert("alert", 4_000))

    const entry = only(outbox)

    assert.deepInclude(entry, { kind: "again", endedMs: 3_000, sinceMs: 4_000, active: true })
    assert.strictEqual(entry.evidence.summary, "alert at 4000")
  })

  it("says that a fault was found at start, of the alert only", () => {
    const outbox = after(alert("alert", 1_000, { foundAtStart: true }))

    const ended = more(tell(outbox, 2_000), alert("recover", 3_000, { foundAtStart: true }))

    assert.isTrue(only(outbox).foundAtStart)
    assert.isFalse(only(ended).foundAtStart)
  })

  it("comes in the order in which things fell due, and keeps its place when it changes", () => {
    const outbox = after(
      alert("alert", 1_000, {}, "a"),
      alert("alert", 2_000, {}, "b"),
      alert("recover", 3_000, {}, "a"),
      alert("alert", 4_000, {}, "c")
    )

    const order = Outbox.allOwed(outbox).map((entry) => entry.signal)

    assert.deepStrictEqual(order, ["a", "b", "c"])
  })
})

describe("an entry in flight", () => {
  it("is frozen: nothing is owed of its signal until its outcome, whatever happens", () => {
    const [under] = frozen(after(alert("alert", 1_000)))

    const outbox = more(under, alert("recover", 2_000), alert("alert", 3_000))

    assert.deepStrictEqual(owed(outbox), [])
  })

  it("holds back only its own signal", () => {
    const [under] = frozen(after(alert("alert", 1_000)))

    const outbox = more(under, alert("alert", 2_000, {}, "disk:/"))

    assert.deepStrictEqual(owed(outbox), ["alert"])
  })

  const outcomes: ReadonlyArray<readonly [string, ReadonlyArray<Alert>, ReadonlyArray<string>, ReadonlyArray<string>]> =
    [
      ["nothing", [], [], ["alert"]],
      ["it clears", [alert("recover", 2_000)], ["recovered"], ["late"]],
      ["it retires", [alert("gone", 2_000)], ["gone"], ["late"]],
      ["it clears and fails again", [alert("recover", 2_000), alert("alert", 3_000)], ["again"], ["alert"]],
      ["it flaps", [alert("recover", 2_000), alert("flapping", 3_000)], ["flapping"], ["flapping"]]
    ]

  it.each(outcomes)("delivered, and meanwhile %s: the table runs again", (_, meanwhile, wanted) => {
    const [under, entries] = frozen(after(alert("alert", 1_000)))

    const outbox = Outbox.delivered(more(under, ...meanwhile), entries, 5_000, null)

    assert.deepStrictEqual(owed(outbox), wanted)
  })

  it.each(outcomes)("failed, and meanwhile %s: the table runs again", (_, meanwhile, _delivered, wanted) => {
    const [under, entries] = frozen(after(alert("alert", 1_000)))

    const outbox = Outbox.failed(more(under, ...meanwhile), entries)

    assert.deepStrictEqual(owed(outbox), wanted)
  })

  it("counts the fault it failed to tell when it is told late", () => {
    const [under, entries] = frozen(after(alert("alert", 1_000)))

    const outbox = Outbox.failed(
      more(under, alert("recover", 2_000), alert("alert", 3_000), alert("recover", 4_000)),
      entries
    )

    assert.deepInclude(only(outbox), { kind: "late", times: 2, sinceMs: 1_000, endedMs: 4_000 })
  })
})

describe("a message that may have arrived", () => {
  const maybe = (start: Outbox.Outbox, meanwhile: ReadonlyArray<Alert> = []): Outbox.Outbox => {
    const [under, entries] = frozen(start)
    return Outbox.maybeDelivered(more(under, ...meanwhile), entries, 5_000)
  }

  it("is said again, marked as possibly repeated", () => {
    const outbox = maybe(after(alert("alert", 1_000)))

    assert.deepInclude(only(outbox), { kind: "alert", repeated: true })
    assert.deepStrictEqual(owed(tell(outbox, 6_000)), [])
  })

  it("counts as told, so that its end is told too, with the doubt", () => {
    const outbox = more(maybe(after(alert("alert", 1_000))), alert("recover", 6_000))

    assert.deepInclude(only(outbox), { kind: "recovered", alertUncertain: true })
  })

  it("does not make its end look like a repetition: that end was never tried", () => {
    const later = more(maybe(after(alert("alert", 1_000))), alert("recover", 6_000))
    const meanwhile = maybe(after(alert("alert", 1_000)), [alert("recover", 4_000)])

    assert.isFalse(only(later).repeated)
    assert.isFalse(only(meanwhile).repeated)
  })

  it("leaves no doubt once the repetition is accepted", () => {
    const outbox = more(tell(maybe(after(alert("alert", 1_000))), 6_000), alert("recover", 7_000))

    assert.deepInclude(only(outbox), { kind: "recovered", alertUncertain: false, repeated: false })
  })

  it("is owed as before where it ends a fault, and a later end may repeat it", () => {
    const outbox = maybe(more(toldActive, alert("recover", 3_000)))
    const next = more(outbox, alert("alert", 6_000), alert("recover", 7_000))

    assert.deepInclude(only(outbox), { kind: "recovered", repeated: true })
    assert.deepInclude(only(next), { kind: "recovered", repeated: true })
  })

  it("does not leave the reader with a settling that flapped on", () => {
    const outbox = more(
      maybe(more(toldFlapping, alert("settled", 3_000))),
      alert("alert", 6_000),
      alert("recover", 7_000),
      alert("flapping", 8_000)
    )

    assert.deepStrictEqual(owed(outbox), ["flapping"])
    assert.deepStrictEqual(owed(tell(outbox, 9_000)), [])
  })

  it("repeats flapping as flapping", () => {
    assert.deepInclude(only(maybe(after(alert("flapping", 1_000, { raises: 4 })))), {
      kind: "flapping",
      repeated: true
    })
  })
})

describe("a reminder", () => {
  const dueMs = 2_000 + cooldownMs

  it("is owed when the cooldown since this sink was told has passed", () => {
    const outbox = more(toldActive, alert("remind", dueMs, { raises: 1, reminders: 1 }))

    assert.deepStrictEqual(owed(outbox), ["reminder"])
  })

  it("is dropped if this sink was told within the cooldown", () => {
    const outbox = more(toldActive, alert("remind", dueMs - 1))

    assert.deepStrictEqual(owed(outbox), [])
  })

  it("never joins an undelivered alert", () => {
    const waiting = after(alert("alert", 1_000), alert("remind", 1_000 + cooldownMs))
    const [under, entries] = frozen(after(alert("alert", 1_000)))
    const meanwhile = more(under, alert("remind", 1_000 + cooldownMs))

    assert.deepStrictEqual(owed(waiting), ["alert"])
    assert.deepStrictEqual(owed(tell(waiting, 90_000)), [])
    assert.deepStrictEqual(owed(Outbox.delivered(meanwhile, entries, 90_000, null)), [])
    assert.deepStrictEqual(owed(Outbox.failed(meanwhile, entries)), ["alert"])
  })

  it("does not follow what told the same sink while it came in", () => {
    const [under, entries] = frozen(more(toldActive, alert("recover", 100_000), alert("alert", 110_000)))

    const outbox = Outbox.delivered(more(under, alert("remind", 170_000)), entries, 170_001, null)

    assert.deepStrictEqual(
      entries.map((entry) => entry.kind),
      ["again"]
    )
    assert.deepStrictEqual(owed(outbox), [])
  })

  it("gives way to what happens while it waits", () => {
    const outbox = more(toldActive, alert("remind", dueMs), alert("recover", dueMs + 1))

    assert.deepStrictEqual(owed(outbox), ["recovered"])
  })

  it("is tried again after a failure only while nothing else has happened", () => {
    const [under, entries] = frozen(more(toldActive, alert("remind", dueMs)))

    assert.deepStrictEqual(owed(Outbox.failed(under, entries)), ["reminder"])
    assert.deepStrictEqual(owed(Outbox.failed(more(under, alert("recover", dueMs + 1)), entries)), ["recovered"])
  })

  it("goes on while it flaps, with the count of raises", () => {
    const outbox = more(toldFlapping, alert("remind", dueMs, { raises: 412 }))

    assert.deepInclude(only(outbox), { kind: "reminder", times: 412 })
  })
})

describe("references", () => {
  const reference = (outbox: Outbox.Outbox): string | null => Outbox.referenceOf(outbox, "container:api")

  it("are those of the message that told the fault; a reminder does not replace it", () => {
    const reminded = tell(more(toldActive, alert("remind", 2_000 + cooldownMs)), 70_000, "77")

    assert.strictEqual(reference(toldActive), "41")
    assert.strictEqual(reference(reminded), "41")
  })

  it("follow the fault into flapping and into failing again", () => {
    const flapping = tell(more(toldActive, alert("recover", 3_000), alert("flapping", 4_000)), 5_000, "50")
    const again = tell(more(toldActive, alert("recover", 3_000), alert("alert", 4_000)), 5_000, "51")

    assert.strictEqual(reference(flapping), "50")
    assert.strictEqual(reference(again), "51")
  })

  it("end with the fault: what comes late does not answer an old alert", () => {
    const [under, entries] = frozen(more(toldActive, alert("recover", 3_000)))

    const outbox = Outbox.delivered(more(under, alert("alert", 4_000), alert("recover", 5_000)), entries, 6_000, "60")

    assert.deepStrictEqual(owed(outbox), ["late"])
    assert.isNull(reference(outbox))
  })

  it("are forgotten when the chat has moved", () => {
    assert.isNull(reference(Outbox.forgetReferences(toldActive)))
  })
})

/* Laws. The reader below knows only the kinds and notes of the entries that reached it. */

interface Believed {
  open: boolean
  /** The last end came in a message whose answer was lost: the sender does not know that the reader holds it for over. */
  endUnanswered: boolean
}

const makeReader = () => {
  const beliefs = new Map<string, Believed>()
  const about = (signal: string): Believed => {
    const found = beliefs.get(signal) ?? { open: false, endUnanswered: false }
    beliefs.set(signal, found)
    return found
  }
  const hear = (entry: Entry, answered: boolean): void => {
    const belief = about(entry.signal)
    const says = `${entry.kind}${entry.active ? " active" : ""} of ${entry.signal}`
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
        throw new Error("an outbox owes no drill")
    }
  }
  return { hear, isOpen: (signal: string) => about(signal).open }
}

const Act = Schema.Struct({
  signal: Schema.Literals(["a", "b", "c"]),
  does: Schema.Literals([
    "raise",
    "raise",
    "clear",
    "clear",
    "flap",
    "settleDown",
    "settleWell",
    "gone",
    "remind",
    "freeze",
    "freeze",
    "freezeOne",
    "delivered",
    "failed",
    "maybeArrived",
    "maybeLost"
  ])
})
type Act = typeof Act.Type
const acts = Arbitrary.array(Arbitrary.schema(Act), { maxLength: 80 })

/** What a signal can decide from a side; undefined where it cannot. */
const decides = (side: Outbox.Side, does: Act["does"]): readonly [DecisionKind, Outbox.Side] | undefined => {
  if (does === "raise" && side === "clear") return ["alert", "active"]
  if (does === "flap" && side === "clear") return ["flapping", "flapping"]
  if (does === "clear" && side === "active") return ["recover", "clear"]
  if (does === "settleDown" && side === "flapping") return ["settled", "active"]
  if (does === "settleWell" && side === "flapping") return ["settled", "clear"]
  if (does === "gone" && side !== "clear") return ["gone", "clear"]
  if (does === "remind" && side !== "clear") return ["remind", side]
  return undefined
}

const play = (history: ReadonlyArray<Act>) => {
  const truth = new Map<string, Outbox.Side>()
  const reader = makeReader()
  let outbox = Outbox.emptyOutbox
  let under: ReadonlyArray<Entry> = []
  let nowMs = 0

  const freeze = (entries: ReadonlyArray<Entry>): void => {
    if (under.length > 0 || entries.length === 0) return
    under = entries
    outbox = Outbox.freeze(outbox, entries)
  }
  const settle = (how: Act["does"]): void => {
    const entries = under
    under = []
    if (how === "delivered" || how === "maybeArrived") {
      for (const entry of entries) reader.hear(entry, how === "delivered")
    }
    if (how === "delivered") outbox = Outbox.delivered(outbox, entries, nowMs, `m${nowMs}`)
    else if (how === "failed") outbox = Outbox.failed(outbox, entries)
    else outbox = Outbox.maybeDelivered(outbox, entries, nowMs)
  }
  const act = ({ signal, does }: Act): void => {
    nowMs += 40_000
    const decided = decides(truth.get(signal) ?? "clear", does)
    if (decided !== undefined) {
      const [kind, side] = decided
      truth.set(signal, side)
      outbox = Outbox.accept(outbox, alert(kind, nowMs, { active: side !== "clear" }, signal))
    } else if (does === "freeze") freeze(Outbox.allOwed(outbox))
    else if (does === "freezeOne") freeze(Outbox.allOwed(outbox).slice(0, 1))
    else if (under.length > 0 && ["delivered", "failed", "maybeArrived", "maybeLost"].includes(does)) settle(does)
  }
  const drain = (): void => {
    if (under.length > 0) settle("delivered")
    freeze(Outbox.allOwed(outbox))
    if (under.length > 0) settle("delivered")
  }
  for (const one of history) {
    act(one)
    assert.isAtMost(outbox.size, 3)
    for (const box of outbox.values()) {
      const idle =
        box.told.side === "clear" && truth.get(box.signal) === "clear" && !under.some((e) => e.signal === box.signal)
      assert.isTrue(!idle || Outbox.owed(box) !== undefined, `a box of ${box.signal} that is of no use`)
    }
    const signals = Outbox.allOwed(outbox).map((entry) => entry.signal)
    assert.strictEqual(new Set(signals).size, signals.length, "one net change per signal")
  }
  return { drain, truth, reader, outbox: () => outbox }
}

describe("whatever happens, in whatever order, with whatever outcome of each message", () => {
  const often = { arbitrary: { runs: 3_000, size: 80 } }

  it.prop(
    "every told fault is followed by one end, and none comes without its fault",
    [acts],
    ([history]) => {
      play(history).drain()
    },
    often
  )

  it.prop(
    "what was told equals what is true once everything is delivered, and nothing is owed twice",
    [acts],
    ([history]) => {
      const played = play(history)

      played.drain()
      assert.deepStrictEqual(owed(played.outbox()), [])

      for (const [signal, side] of played.truth) {
        assert.strictEqual(played.reader.isOpen(signal), side !== "clear", `what the reader believes of ${signal}`)
      }
      const open = [...played.truth].filter(([, side]) => side !== "clear").map(([signal]) => signal)
      assert.sameMembers([...Outbox.openSignals(played.outbox())], open)
      assert.strictEqual(played.outbox().size, open.length)
    },
    often
  )

  it.prop(
    "changes no outbox it was given",
    [acts],
    ([history]) => {
      const before = after(alert("alert", 1), alert("flapping", 2, {}, "b"))
      const copy = structuredClone(before)

      let outbox = before
      for (const { signal, does } of history) {
        const decided = decides("active", does) ?? decides("clear", does)
        if (decided !== undefined) outbox = Outbox.accept(outbox, alert(decided[0], 9, {}, signal))
        outbox = Outbox.failed(Outbox.freeze(outbox, Outbox.allOwed(outbox)), Outbox.allOwed(outbox))
      }

      assert.deepStrictEqual(before, copy)
    },
    { arbitrary: { runs: 100 } }
  )
})
