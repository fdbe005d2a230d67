import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import { monotonicMs } from "../../src/base/Monotonic.ts"
import type { DecisionKind, Entry } from "../../src/decision/index.ts"
import { flushMs } from "../../src/queue/Dispatcher.ts"
import type { SinkError } from "../../src/sink/Sink.ts"
import { makeReader } from "./reader.ts"
import { alert, dispatching, pass, permanent, scripted, sinkError } from "./scripted.ts"

const said = (one: ReturnType<typeof scripted>): ReadonlyArray<string> => one.told.map((sent) => sent.what)

describe("handing out", () => {
  it.effect("gives every alert to every sink, none waiting for another", () => {
    const slow = scripted("slow")
    const quick = scripted("quick")
    slow.script.push(Effect.never)
    return dispatching({ primaries: [slow.sink, quick.sink] }, ({ offer }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* pass(1_000)
        yield* offer(alert("alert", "b"))

        assert.deepStrictEqual(said(quick), ["alert a", "alert b"])
        assert.deepStrictEqual(said(slow), [])
      })
    )
  })

  it.effect("takes in more than any buffer holds while a sink hangs, and owes one entry for each signal", () => {
    const one = scripted()
    one.script.push(Effect.never)
    return dispatching({ primaries: [one.sink] }, ({ offer, dispatcher }) =>
      Effect.gen(function* () {
        for (let round = 0; round < 50; round++) {
          const kind = round % 2 === 0 ? "alert" : "recover"
          yield* offer(...Array.from({ length: 50 }, (_, at) => alert(kind, `s${at}`)))
        }

        const [health] = yield* dispatcher.health
        assert.strictEqual(health?.waiting, 49)
      })
    )
  })

  it.effect("holds up no sink because another one is broken, however much there is to tell", () => {
    const broken = scripted("broken", {
      fit: () => {
        throw new Error("cannot count")
      },
      send: () => {
        throw new Error("cannot send")
      },
      verify: Effect.die("cannot even say")
    })
    const well = scripted("well")
    return dispatching({ primaries: [broken.sink, well.sink] }, ({ offer }) =>
      Effect.gen(function* () {
        // More than any mailbox holds.
        for (let round = 0; round < 60; round++) {
          yield* offer(...Array.from({ length: 10 }, (_, at) => alert("alert", `s${round}-${at}`)))
          yield* pass(1_000)
        }
        yield* pass(60_000)

        assert.strictEqual(well.told.flatMap(({ draft }) => draft.entries).length, 600)
      })
    )
  })

  it.effect("goes to the console where there is no sink, and shows it once", () =>
    dispatching({ primaries: [] }, ({ offer, shown, dispatcher }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))

        assert.strictEqual(shown.length, 1)
        assert.include(shown[0], "🔴 a down")
        assert.deepStrictEqual(
          (yield* dispatcher.health).map(({ name }) => name),
          ["console"]
        )
      })
    )
  )

  it.effect("shows on the console what a sink was told, when it was told", () => {
    const one = scripted()
    one.script.push(Effect.fail(sinkError()))
    return dispatching({ primaries: [one.sink] }, ({ offer, shown }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* pass(999)
        assert.deepStrictEqual(shown, [])

        yield* pass(1)
        assert.strictEqual(shown.length, 1)
      })
    )
  })
})

describe("a sink that turns red", () => {
  it.effect("is told by every other sink, once, and so is its end; never by itself", () => {
    const red = scripted("red")
    const other = scripted("other")
    red.script.push(Effect.fail(permanent), Effect.fail(permanent))
    return dispatching({ primaries: [red.sink, other.sink] }, ({ offer }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* pass(1_000)
        assert.deepStrictEqual(said(other), ["alert a", "alert sink:red"])
        assert.strictEqual(other.told[1]?.draft.entries[0]?.evidence.summary, "kicked from the chat")

        yield* pass(1_199_000 - 1)
        assert.deepStrictEqual(said(red), [])

        yield* pass(1 + 1_000)
        assert.deepStrictEqual(said(red), ["alert a"])
        assert.deepStrictEqual(said(other), ["alert a", "alert sink:red", "recovered sink:red"])
      })
    )
  })

  it.effect("is told by sinks that start after it, too", () => {
    const red = scripted("red", { verify: Effect.fail(permanent) })
    const other = scripted("other")
    return dispatching({ primaries: [red.sink, other.sink] }, () =>
      Effect.gen(function* () {
        yield* pass(1_000)

        assert.deepStrictEqual(said(other), ["alert sink:red"])
        assert.deepStrictEqual(said(red), [])
      })
    )
  })
})

describe("a mute", () => {
  it.effect(
    "holds what it covers from that very moment; at its end what is true is told, and what came and went is listed",
    () => {
      const one = scripted()
      return dispatching({ primaries: [one.sink] }, ({ offer, mutes }) =>
        Effect.gen(function* () {
          yield* offer(alert("alert", "container:old"))
          yield* pass(20_000)
          yield* mutes.mute({ pattern: "container:*", untilMs: 600_000, by: "@ann" })
          yield* offer(
            alert("recover", "container:old", { atMs: 20_000 }),
            alert("alert", "container:short", { atMs: 21_000, sinceMs: 21_000 }),
            alert("recover", "container:short", { atMs: 25_000 }),
            alert("alert", "container:new", { atMs: 26_000, sinceMs: 26_000 }),
            alert("alert", "disk:/", { atMs: 27_000 })
          )
          yield* pass(580_000 - 1)
          assert.deepStrictEqual(said(one), ["alert container:old", "alert disk:/"])

          yield* pass(1)
          assert.deepStrictEqual(said(one).slice(2), [
            "alert container:new, recovered container:old, late container:short"
          ])
          assert.isTrue(one.told[2]?.draft.entries[2]?.muted)
        })
      )
    }
  )

  it.effect("ends at once when it is taken back, and drops reminders meanwhile", () => {
    const one = scripted()
    return dispatching({ primaries: [one.sink] }, ({ offer, mutes }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* pass(20_000)
        yield* mutes.mute({ pattern: "*", untilMs: 9e9, by: "@ann" })
        yield* offer(alert("remind", "a", { atMs: 2_000_000 }), alert("alert", "b", { atMs: 2_000_000 }))
        yield* pass(60_000)
        assert.deepStrictEqual(said(one), ["alert a"])

        yield* mutes.unmute("*")
        yield* pass(0)
        assert.deepStrictEqual(said(one), ["alert a", "alert b"])
      })
    )
  })

  it.effect("of everything covers sinks that turn red", () => {
    const red = scripted("red")
    const other = scripted("other")
    red.script.push(Effect.fail(permanent))
    return dispatching({ primaries: [red.sink, other.sink] }, ({ offer, mutes }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* mutes.mute({ pattern: "*", untilMs: 60_000, by: "maintenance" })
        yield* pass(59_999)
        const before = said(other)
        yield* pass(1_001)

        assert.deepStrictEqual([before, said(other)], [["alert a"], ["alert a", "alert sink:red"]])
      })
    )
  })
})

describe("leaving", () => {
  it.effect("hands out what still waits in the queue, and is gone as soon as all is told", () => {
    const one = scripted()
    return dispatching({ primaries: [one.sink] }, ({ offer, leave }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"), alert("alert", "b"))

        const left = yield* leave
        yield* pass(1_000)

        assert.deepStrictEqual(said(one), ["alert a", "alert b"])
        assert.deepStrictEqual(left, [1_000])
      })
    )
  })

  it.effect("takes five seconds at most, however many sinks hang, and writes what is unsent of each", () => {
    const sinks = ["x", "y", "z"].map((name) => scripted(name))
    for (const one of sinks) one.script.push(Effect.never, Effect.never)
    return dispatching({ primaries: sinks.map(({ sink }) => sink) }, ({ offer, leave, heard }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))

        const left = yield* leave
        yield* pass(flushMs - 1)
        assert.deepStrictEqual(left, [])

        yield* pass(1)
        assert.deepStrictEqual(left, [5_000])
        assert.deepStrictEqual(
          heard.journal.filter(({ event }) => event === "unsent").map(({ sink }) => sink),
          ["x", "y", "z"]
        )
      })
    )
  })

  it.effect("lets a sink that works go on while another waits too long", () => {
    const late = scripted("late")
    const well = scripted("well")
    late.script.push(Effect.fail(sinkError({ retryAfterMs: 60_000 })))
    well.script.push(Effect.sleep(2_000))
    return dispatching({ primaries: [late.sink, well.sink] }, ({ offer, leave, heard }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))

        const left = yield* leave
        yield* pass(1_999)
        assert.deepStrictEqual(left, [])

        yield* pass(1)
        assert.deepStrictEqual(left, [2_000])
        assert.deepStrictEqual(said(well), ["alert a"])
        assert.deepStrictEqual(
          heard.journal.filter(({ event }) => event === "unsent").map(({ sink }) => sink),
          ["late"]
        )
      })
    )
  })
})

/* Laws, through the whole of it: the actor, its clock, its back-off and a new process. The reader shares no code with any of it. */

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
    "mute",
    "unmute",
    "fails",
    "arrivesUnanswered",
    "lostUnanswered",
    "refusedForGood",
    "hangs",
    "works",
    "wait",
    "waitLong",
    "restart"
  ])
})
type Does = (typeof Act.Type)["does"]
type Side = "clear" | "active" | "flapping"
const acts = Arbitrary.array(Arbitrary.schema(Act), { maxLength: 50 })

const decides = (side: Side, does: Does): readonly [DecisionKind, Side] | undefined => {
  if (does === "raise" && side === "clear") return ["alert", "active"]
  if (does === "flap" && side === "clear") return ["flapping", "flapping"]
  if (does === "clear" && side === "active") return ["recover", "clear"]
  if (does === "settleDown" && side === "flapping") return ["settled", "active"]
  if (does === "settleWell" && side === "flapping") return ["settled", "clear"]
  if (does === "gone" && side !== "clear") return ["gone", "clear"]
  if (does === "remind" && side !== "clear") return ["remind", side]
  return undefined
}

const outcomes: Partial<Record<Does, Effect.Effect<unknown, SinkError>>> = {
  fails: Effect.fail(sinkError()),
  lostUnanswered: Effect.fail(sinkError({ reason: "Timeout", maybeSent: true })),
  refusedForGood: Effect.fail(permanent),
  hangs: Effect.never
}

const live = (history: ReadonlyArray<typeof Act.Type>) => {
  const reader = makeReader()
  const sides = new Map<string, Side>()
  let happened = 0
  let handedOver: unknown
  let life = 0
  let left = [...history]
  let over = false
  const how: { next: Does } = { next: "works" }

  /** Said within a send it would pass for a bug of the sink, and the message for one that may have arrived. */
  const objections: Array<unknown> = []
  const hear = (entries: ReadonlyArray<Entry>, answered: boolean): void => {
    try {
      for (const entry of entries) reader.hear(entry, answered)
    } catch (objection) {
      objections.push(objection)
    }
  }

  /** A process dies with whatever it had under way: nothing of it arrives after that. */
  const sinkOf = (mine: number) =>
    scripted("telegram", {
      send: ({ entries }) =>
        Effect.suspend((): Effect.Effect<{ reference: string; moved: boolean }, SinkError> => {
          if (mine !== life) return Effect.never
          const arrives = how.next === "works" || how.next === "arrivesUnanswered"
          if (arrives) hear(entries, how.next === "works")
          if (how.next === "works") return Effect.succeed({ reference: "1", moved: false })
          const failure = outcomes[how.next] ?? Effect.fail(sinkError({ reason: "Timeout", maybeSent: true }))
          return Effect.as(failure, { reference: "1", moved: false })
        })
    }).sink

  const one = Effect.suspend(() =>
    dispatching({ primaries: [sinkOf(life)], handedOver }, ({ offer, mutes, dispatcher }) =>
      Effect.gen(function* () {
        while (left.length > 0) {
          const [act, ...rest] = left
          left = rest
          if (act === undefined) break
          yield* pass(700)
          const { signal, does } = act
          const decided = decides(sides.get(signal) ?? "clear", does)
          const nowMs = yield* monotonicMs
          if (decided !== undefined) {
            const [kind, side] = decided
            sides.set(signal, side)
            const evidence = { summary: String(++happened), details: [] }
            yield* offer(alert(kind, signal, { atMs: nowMs, sinceMs: nowMs, active: side !== "clear", evidence }))
          } else if (does === "mute") yield* mutes.mute({ pattern: signal, untilMs: nowMs + 3_600_000, by: "@ann" })
          else if (does === "unmute") yield* mutes.unmute(signal)
          else if (does === "works" || does === "arrivesUnanswered" || outcomes[does] !== undefined) how.next = does
          else if (does === "wait") yield* pass(5_000)
          else if (does === "waitLong") yield* pass(700_000)
          else if (does === "restart") {
            handedOver = JSON.parse(JSON.stringify(yield* dispatcher.handover))
            life += 1
            return
          }
        }
        over = true
        how.next = "works"
        // A hang of a minute, a back-off of a minute, a probe of ten, a mute of an hour.
        yield* pass(3_600_000 + 900_000)
        const [health] = yield* dispatcher.health
        assert.deepInclude(health, { waiting: 0, red: false, problem: null })
      })
    )
  )
  return Effect.gen(function* () {
    yield* Effect.repeat(one, { until: () => over })
    assert.deepStrictEqual(objections, [])
    for (const [signal, side] of sides) {
      assert.strictEqual(reader.isOpen(signal), side !== "clear", `what the reader believes of ${signal}`)
    }
  })
}

describe("whatever happens, in whatever order, however the sink behaves and whenever the process dies", () => {
  it.effect.prop(
    "each signal is told in order, each told fault has one end, and in the end what was told is true and nothing is owed",
    [acts],
    ([history]) => live(history),
    { arbitrary: { runs: 200, size: 50 } }
  )
})
