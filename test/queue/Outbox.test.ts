import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import type { Alert, Decision, DecisionKind, Entry } from "../../src/decision/index.ts"
import * as Ledger from "../../src/queue/Ledger.ts"
import { emptyLoad } from "../../src/queue/MessageTrade.ts"
import * as Outbox from "../../src/queue/Outbox.ts"
import { makeReader } from "./reader.ts"

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
  alerts.reduce((before, one) => Outbox.accept(before, one), outbox)

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

  it("is dropped if this sink was told within the cooldown, a tenth of it aside: a message takes its time to arrive", () => {
    const onTime = more(toldActive, alert("remind", dueMs - cooldownMs / 10))
    const early = more(toldActive, alert("remind", dueMs - cooldownMs / 10 - 1))

    assert.deepStrictEqual(owed(onTime), ["reminder"])
    assert.deepStrictEqual(owed(early), [])
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

describe("a muted signal", () => {
  const muted = (outbox: Outbox.Outbox, ...alerts: ReadonlyArray<Alert>): Outbox.Outbox =>
    alerts.reduce((before, one) => Outbox.accept(before, one, true), outbox)
  const held = (outbox: Outbox.Outbox): ReadonlyArray<Entry> =>
    Outbox.allOwed(outbox, (signal) => signal === "container:api")

  it("owes nothing while it is muted, whatever happens, and holds back no other", () => {
    const outbox = more(muted(Outbox.emptyOutbox, alert("alert", 10)), alert("alert", 20, {}, "disk:/"))

    assert.deepStrictEqual(
      held(outbox).map((entry) => entry.signal),
      ["disk:/"]
    )
    assert.deepStrictEqual(owed(outbox), ["alert", "alert"])
  })

  it("is told at the end what is true then", () => {
    assert.deepStrictEqual(owed(muted(toldActive, alert("recover", 3_000))), ["recovered"])
    assert.deepStrictEqual(owed(muted(toldActive, alert("gone", 3_000))), ["gone"])
    assert.deepStrictEqual(owed(muted(toldActive, alert("recover", 3_000), alert("alert", 4_000))), ["again"])
    assert.deepStrictEqual(owed(muted(Outbox.emptyOutbox, alert("flapping", 3_000))), ["flapping"])
  })

  it("is only listed where all of it came and went while it was muted", () => {
    const all = muted(
      Outbox.emptyOutbox,
      alert("alert", 10),
      alert("recover", 20),
      alert("alert", 30),
      alert("gone", 40)
    )
    const begun = muted(after(alert("alert", 10)), alert("recover", 20))

    assert.deepInclude(only(all), { kind: "late", muted: true, times: 2, sinceMs: 10, endedMs: 40 })
    assert.deepInclude(only(begun), { kind: "late", muted: false })
  })

  it("has no reminders", () => {
    assert.deepStrictEqual(owed(muted(toldActive, alert("remind", 2_000 + cooldownMs))), [])
  })
})

describe("an entry that is given up", () => {
  const refused = (sure: boolean, ...meanwhile: ReadonlyArray<Alert>): Outbox.Outbox => {
    const [under, entries] = frozen(after(alert("alert", 1_000)))
    return Outbox.giveUp(more(under, ...meanwhile), entries, sure)
  }

  it("is not owed any more, and leaves no doubt that the reader does not know of it", () => {
    assert.deepStrictEqual(owed(refused(true)), [])
    assert.deepStrictEqual(Outbox.openSignals(refused(true)), [])
    assert.deepStrictEqual([...Outbox.untold(refused(true)).keys()], ["container:api"])
  })

  it("is owed anew when something changes, and when a reminder falls due", () => {
    assert.deepStrictEqual(owed(more(refused(true), alert("recover", 2_000))), ["late"])
    assert.deepStrictEqual(owed(more(refused(true), alert("remind", 90_000))), ["alert"])
    assert.deepStrictEqual(owed(refused(true, alert("recover", 2_000))), ["late"])
  })

  it("is owed anew when the sink accepts again, if nothing else went through either", () => {
    assert.deepStrictEqual(owed(Outbox.takeUp(refused(false))), ["alert"])
    assert.deepStrictEqual(owed(Outbox.takeUp(refused(true))), [])
  })
})

describe("a reader who is to learn only how things end", () => {
  it("is told the end of what he was told, and nothing that began since", () => {
    const follow = (outbox: Outbox.Outbox, ...alerts: ReadonlyArray<Alert>): Outbox.Outbox =>
      alerts.reduce(Outbox.follow, outbox)

    const failedAgain = follow(toldActive, alert("recover", 3_000), alert("alert", 4_000))

    assert.deepStrictEqual(owed(failedAgain), [])
    assert.deepStrictEqual(owed(follow(failedAgain, alert("recover", 5_000))), ["recovered"])
    assert.strictEqual(follow(Outbox.emptyOutbox, alert("alert", 1)).size, 0)
  })
})

describe("what another sink could not tell", () => {
  const untoldBy = (outbox: Outbox.Outbox): Outbox.Outbox => Outbox.adopt(Outbox.emptyOutbox, Outbox.untold(outbox))

  it("is a fault of which it was told nothing, in flight or not", () => {
    const [under] = frozen(after(alert("alert", 1_000)))

    assert.deepStrictEqual(owed(untoldBy(after(alert("alert", 1_000)))), ["alert"])
    assert.deepStrictEqual(owed(untoldBy(under)), ["alert"])
    assert.deepStrictEqual(owed(untoldBy(after(alert("alert", 1_000), alert("recover", 2_000)))), ["late"])
    assert.deepStrictEqual(owed(untoldBy(more(toldActive, alert("recover", 3_000), alert("alert", 4_000)))), ["alert"])
  })

  it("is a fault that may have been told", () => {
    const [under, entries] = frozen(after(alert("alert", 1_000)))

    assert.deepStrictEqual(owed(untoldBy(Outbox.maybeDelivered(under, entries, 2_000))), ["alert"])
  })

  it("is not an end, nor a settling: of that fault somebody knows", () => {
    assert.strictEqual(Outbox.untold(more(toldActive, alert("recover", 3_000))).size, 0)
    assert.strictEqual(Outbox.untold(more(toldFlapping, settledDown(3_000))).size, 0)
  })

  it("is not told again by who has told it", () => {
    const primary = after(alert("alert", 1_000))
    const told = tell(untoldBy(primary), 2_000)

    assert.deepStrictEqual(owed(Outbox.adopt(told, Outbox.untold(primary))), [])
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

/* Laws, with a reader who shares no code with the outbox (reader.ts). */

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
    "maybeLost",
    "mute",
    "unmute",
    "restartArrived",
    "restartLost"
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
  const muted = new Set<string>()
  let under: ReadonlyArray<Entry> = []
  let nowMs = 0
  let happened = 0
  const owedNow = (): ReadonlyArray<Entry> => Outbox.allOwed(outbox, (signal) => muted.has(signal))

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
  /** A new process with another clock, an hour later; what was under way may have arrived. */
  const restart = (arrived: boolean): void => {
    if (arrived) for (const entry of under) reader.hear(entry, false)
    under = []
    const saved = Ledger.freezeMessages({ ...emptyLoad, outbox }, { wallMs: 9e9, monotonicMs: nowMs, runId: "before" })
    const into = { wallMs: 9e9 + 3_600_000, monotonicMs: 5_000, runId: "after" }
    const { load, ignored } = Ledger.thawMessages(JSON.parse(JSON.stringify(saved)), into)
    assert.deepStrictEqual(ignored, [])
    outbox = load.outbox
    nowMs = into.monotonicMs
  }
  const act = ({ signal, does }: Act): void => {
    nowMs += 40_000
    const decided = decides(truth.get(signal) ?? "clear", does)
    if (decided !== undefined) {
      const [kind, side] = decided
      truth.set(signal, side)
      const evidence = { summary: String(++happened), details: [] }
      const what = alert(kind, nowMs, { active: side !== "clear", evidence }, signal)
      outbox = Outbox.accept(outbox, what, muted.has(signal))
    } else if (does === "freeze") freeze(owedNow())
    else if (does === "freezeOne") freeze(owedNow().slice(0, 1))
    else if (does === "mute") muted.add(signal)
    else if (does === "unmute") muted.delete(signal)
    else if (does === "restartArrived" || does === "restartLost") restart(does === "restartArrived")
    else if (under.length > 0 && ["delivered", "failed", "maybeArrived", "maybeLost"].includes(does)) settle(does)
  }
  const drain = (): void => {
    muted.clear()
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
