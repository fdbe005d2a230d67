import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { Alert, Anchor, DecisionKind } from "../../src/decision/index.ts"
import * as Ledger from "../../src/queue/Ledger.ts"
import { emptyLevels, levelTrade } from "../../src/queue/LevelTrade.ts"
import { type MessageLoad, closedStandby, emptyLoad, messageTrade } from "../../src/queue/MessageTrade.ts"
import * as Outbox from "../../src/queue/Outbox.ts"
import type { LevelSink } from "../../src/sink/Sink.ts"
import { alert, dispatching, pass, quiesce, scripted } from "./scripted.ts"

const anchor: Anchor = { wallMs: 1_000_000, monotonicMs: 500_000, runId: "a" }
const sameMoment: Anchor = { ...anchor }
/** An hour later by the wall, in a process that is 7 s old. */
const nextLife: Anchor = { wallMs: 1_000_000 + 3_600_000, monotonicMs: 7_000, runId: "b" }
/** What a moment of the first life is in the next: an hour older. */
const shift = 7_000 - 500_000 - 3_600_000

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
const loadOf = (outbox: Outbox.Outbox, more: Partial<MessageLoad> = {}): MessageLoad => ({
  ...emptyLoad,
  outbox,
  ...more
})
const thawed = (load: MessageLoad, into: Anchor): MessageLoad => {
  const { load: found, ignored } = Ledger.thawMessages(json(Ledger.freezeMessages(load, anchor)), into)
  assert.deepStrictEqual(ignored, [])
  return found
}

const kinds: ReadonlyArray<DecisionKind> = ["alert", "recover", "flapping", "settled", "gone", "remind"]
const Step = Schema.Struct({
  signal: Schema.Literals(["a", "b", "c"]),
  kind: Schema.Literals([
    "alert",
    "recover",
    "flapping",
    "settled",
    "gone",
    "remind",
    "send",
    "fail",
    "maybe",
    "giveUp"
  ]),
  muted: Schema.Boolean
})

/** Any outbox that a life can leave behind, with nothing in flight. */
const lived = (steps: ReadonlyArray<typeof Step.Type>): Outbox.Outbox => {
  let outbox = Outbox.emptyOutbox
  let atMs = 0
  for (const { signal, kind, muted } of steps) {
    atMs += 50_000
    if (kinds.includes(kind as DecisionKind)) {
      const one: Alert = alert(kind as DecisionKind, signal, {
        atMs,
        sinceMs: atMs,
        active: kind !== "recover" && kind !== "gone"
      })
      outbox = Outbox.accept(outbox, one, muted)
      continue
    }
    const entries = Outbox.allOwed(outbox)
    const frozen = Outbox.freeze(outbox, entries)
    if (kind === "send") outbox = Outbox.delivered(frozen, entries, atMs, "7")
    else if (kind === "fail") outbox = Outbox.failed(frozen, entries)
    else if (kind === "giveUp") outbox = Outbox.giveUp(frozen, entries, muted)
    else outbox = Outbox.maybeDelivered(frozen, entries, atMs)
  }
  return outbox
}

describe("a ledger", () => {
  it.prop(
    "is what it was, through JSON and back at the same moment",
    [Schema.Array(Step)],
    ([steps]) => {
      const outbox = lived(steps)

      assert.deepStrictEqual([...thawed(loadOf(outbox), sameMoment).outbox], [...outbox])
    },
    { arbitrary: { runs: 500, size: 40 } }
  )

  it.prop(
    "owes the same in another life, its times aged by what has passed",
    [Schema.Array(Step)],
    ([steps]) => {
      const outbox = lived(steps)
      const before = Outbox.allOwed(outbox)

      const after = Outbox.allOwed(thawed(loadOf(outbox), nextLife).outbox)

      assert.deepStrictEqual(
        after,
        before.map((entry) => ({
          ...entry,
          sinceMs: entry.sinceMs + shift,
          endedMs: entry.endedMs === null ? null : entry.endedMs + shift
        }))
      )
    },
    { arbitrary: { runs: 300, size: 40 } }
  )

  it("counts what was under way as maybe sent", () => {
    const outbox = Outbox.accept(Outbox.emptyOutbox, alert("alert", "a"))
    const under = Outbox.freeze(outbox, Outbox.allOwed(outbox))

    const [entry] = Outbox.allOwed(thawed(loadOf(under), nextLife).outbox)

    assert.deepInclude(entry, { kind: "alert", repeated: true })
  })

  it("keeps what a fallback is for", () => {
    const standby = { ...closedStandby, open: true, openedMs: 400_000, told: 3, awaited: ["telegram"] }

    const found = thawed(loadOf(Outbox.emptyOutbox, { standby }), nextLife).standby

    assert.deepStrictEqual(found, { ...standby, openedMs: 400_000 + shift })
  })

  it("never makes anything younger because the wall clock was set back", () => {
    const outbox = lived([{ signal: "a", kind: "alert", muted: false }])
    const back: Anchor = { wallMs: 0, monotonicMs: 7_000, runId: "b" }

    const [entry] = Outbox.allOwed(thawed(loadOf(outbox), back).outbox)

    assert.strictEqual(entry?.sinceMs, 50_000 + 7_000 - 500_000)
  })

  it.prop(
    "survives any JSON, of which it takes nothing",
    [Schema.Unknown],
    ([foreign]) => {
      for (const saved of [foreign, { v: 1, anchor, boxes: foreign }, { v: 2, anchor, boxes: [] }]) {
        assert.strictEqual(Ledger.thawMessages(saved, nextLife).load.outbox.size, 0)
        assert.strictEqual(Ledger.thawLevels(saved, nextLife).load.levels.size, 0)
      }
    },
    { arbitrary: { runs: 300 } }
  )

  it("leaves out what is broken, and only that", () => {
    const two = lived([
      { signal: "a", kind: "alert", muted: false },
      { signal: "b", kind: "alert", muted: false }
    ])
    const saved = json(Ledger.freezeMessages(loadOf(two), anchor)) as { boxes: Array<Record<string, unknown>> }
    saved.boxes[0] = { ...saved.boxes[0], now: "sideways" }

    const { load, ignored } = Ledger.thawMessages(saved, nextLife)

    assert.deepStrictEqual([[...load.outbox.keys()], ignored], [["b"], ["1 signals"]])
  })

  it("of levels keeps what is shown and for how long it has been ended", () => {
    const sink = { resendEndedMs: 300_000 } as LevelSink
    const trade = levelTrade(sink)
    const begun = trade.accept(emptyLevels, alert("alert", "a", { atMs: 100_000, sinceMs: 90_000 }), false, 100_000)
    const ended = trade.accept(begun, alert("recover", "a", { atMs: 200_000 }), true, 200_000)

    const { load, ignored } = Ledger.thawLevels(json(Ledger.freezeLevels(ended, anchor)), sameMoment)

    assert.deepStrictEqual([load.levels, load.outbox, ignored], [ended.levels, ended.outbox, []])
  })
})

describe("a hand-over", () => {
  it.effect(
    "tells nothing twice and nothing too little: what was told, owed and under way, and what a sink has learnt",
    () => {
      const learnt: Array<unknown> = []
      const memory = {
        save: Effect.succeed({ chat: -7 }),
        load: (saved: unknown) => Effect.sync(() => void learnt.push(saved))
      }
      const first = scripted("telegram", { memory })
      const second = scripted("telegram", { memory })
      let saved: unknown
      const before = dispatching({ primaries: [first.sink] }, ({ offer, dispatcher }) =>
        Effect.gen(function* () {
          yield* offer(alert("alert", "told"))
          yield* pass(20_000)
          first.script.push(Effect.never)
          yield* offer(alert("alert", "under-way", { atMs: 20_000 }))
          yield* pass(100)
          yield* offer(alert("recover", "told", { atMs: 20_100 }), alert("alert", "owed", { atMs: 20_100 }))

          saved = json(yield* dispatcher.handover)
        })
      )
      return Effect.gen(function* () {
        yield* before
        yield* Effect.suspend(() =>
          dispatching({ primaries: [second.sink], handedOver: saved }, ({ offer }) =>
            Effect.gen(function* () {
              yield* pass(1_000)
              // Monitors without a state of their own find it again.
              yield* offer(alert("alert", "owed", { foundAtStart: true }))
              yield* pass(30_000)
            })
          )
        )

        assert.deepStrictEqual(
          second.told.map((sent) => sent.what),
          ["alert owed, alert under-way (repeated), recovered told"]
        )
        assert.deepStrictEqual(learnt, [{ chat: -7 }])
      })
    }
  )

  it.effect.each([
    null,
    "text",
    { v: 9 },
    { v: 1, sinks: { telegram: { outbox: 5, memory: null } } },
    { v: 1, sinks: { telegram: { outbox: { v: 1, anchor, boxes: [{}] }, memory: 1 } } }
  ])("that is foreign or broken is ignored, and said so: %j", (handedOver) => {
    const one = scripted()
    return dispatching({ primaries: [one.sink], handedOver }, ({ offer, heard }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* quiesce

        assert.strictEqual(one.told.length, 1)
        assert.strictEqual(
          heard.logs.some((line) => line.startsWith("Warn")),
          handedOver !== null
        )
      })
    )
  })

  it("is plain JSON", () => {
    const trade = messageTrade(scripted().sink)
    const load = trade.accept(emptyLoad, alert("alert", "a"), false, 0)

    const frozen = Ledger.freezeMessages(load, anchor)

    assert.deepStrictEqual(json(frozen), frozen)
  })
})
