import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import type { DecisionKind, Entry } from "../../src/decision/index.ts"
import type { MessageSink, SinkError } from "../../src/sink/Sink.ts"
import { alert, dispatching, pass, permanent, quiesce, saying, scripted, sinkError } from "./scripted.ts"

const afterMs = 300_000
const said = (one: { readonly told: ReadonlyArray<{ readonly what: string }> }): ReadonlyArray<string> =>
  one.told.map((sent) => sent.what)

/** A sink that works only while it is told to. */
const switched = (name: string) => {
  const told: Array<{ readonly atMs: number; readonly what: string; readonly entries: ReadonlyArray<Entry> }> = []
  const state: { works: boolean; error: SinkError } = { works: true, error: sinkError() }
  const { sink } = scripted(name, {
    send: ({ entries }) =>
      Effect.clockWith((clock) =>
        Effect.suspend(() => {
          if (!state.works) return Effect.fail(state.error)
          told.push({ atMs: clock.currentTimeMillisUnsafe(), what: saying(entries), entries })
          return Effect.succeed({ reference: null, moved: false })
        })
      )
  })
  return { sink, told, state }
}

const standing = (primary: { readonly sink: MessageSink }, fallback: { readonly sink: MessageSink }) => ({
  primaries: [primary.sink],
  fallback: fallback.sink,
  fallbackAfterMs: afterMs
})

describe("a fallback", () => {
  it.effect("speaks when no primary has accepted anything for so long, to the millisecond, and says why", () => {
    const primary = switched("telegram")
    const fallback = switched("webhook")
    primary.state.works = false
    return dispatching(standing(primary, fallback), ({ offer }) =>
      Effect.gen(function* () {
        yield* pass(3_600_000)
        yield* offer(alert("alert", "a", { atMs: 3_600_000 }))
        yield* pass(afterMs - 1)
        assert.deepStrictEqual(said(fallback), [])

        yield* pass(1)
        assert.deepStrictEqual(said(fallback), ["alert a, alert sink:telegram"])
        assert.include(fallback.told[0]?.entries[1]?.evidence.summary, "unreachable")
      })
    )
  })

  it.effect("gets what is new while it is open, and after that only the ends of what it told; both are told so", () => {
    const primary = switched("telegram")
    const fallback = switched("webhook")
    return dispatching(standing(primary, fallback), ({ offer }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "known"))
        yield* pass(20_000)
        primary.state.works = false
        yield* offer(alert("alert", "a", { atMs: 20_000 }), alert("recover", "known", { atMs: 20_000 }))
        yield* pass(afterMs + 2_000)
        yield* offer(alert("alert", "b", { atMs: 322_000 }))
        yield* pass(20_000)
        assert.deepStrictEqual(said(fallback), ["alert a, alert sink:telegram", "alert b"])

        primary.state.works = true
        yield* pass(120_000)
        yield* offer(alert("alert", "c"), alert("recover", "a", { atMs: 500_000 }))
        yield* pass(20_000)

        assert.deepStrictEqual(said(fallback).slice(2), ["recovered sink:telegram", "recovered a"])
        assert.deepStrictEqual(said(primary), [
          "alert known",
          "alert a, alert b, recovered known",
          "late sink:telegram",
          "alert c",
          "recovered a"
        ])
        const [line] = primary.told[2]?.entries ?? []
        assert.deepInclude(line, { sinceMs: 320_000 })
        assert.include(line?.evidence.summary, "2 alerts went to")
      })
    )
  })

  it.effect("is silent while any primary accepts, and about what any primary has told", () => {
    const down = switched("telegram")
    const well = switched("alertmanager")
    const fallback = switched("webhook")
    down.state.works = false
    return dispatching({ ...standing(down, fallback), primaries: [down.sink, well.sink] }, ({ offer }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* pass(3 * afterMs)

        assert.deepStrictEqual([said(well), said(fallback)], [["alert a"], []])
      })
    )
  })

  it.effect("does not speak of what is muted until the mute has ended and its time has passed", () => {
    const primary = switched("telegram")
    const fallback = switched("webhook")
    primary.state.works = false
    return dispatching(standing(primary, fallback), ({ offer, mutes }) =>
      Effect.gen(function* () {
        yield* mutes.mute({ pattern: "*", untilMs: 1_000_000, by: "maintenance" })
        yield* offer(alert("alert", "a"))
        yield* pass(1_000_000 + afterMs - 1)
        assert.deepStrictEqual(said(fallback), [])

        yield* pass(1)
        assert.deepStrictEqual(said(fallback), ["alert a, alert sink:telegram"])
      })
    )
  })

  it.effect("speaks for a primary that refuses for good", () => {
    const primary = switched("telegram")
    const fallback = switched("webhook")
    Object.assign(primary.state, { works: false, error: permanent })
    return dispatching(standing(primary, fallback), ({ offer }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* pass(afterMs + 2_000)

        assert.deepStrictEqual(said(fallback), ["alert a, alert sink:telegram"])
      })
    )
  })

  it.effect("says that no primary is usable, even where there is nothing else to say", () => {
    const primary = scripted("telegram", { verify: Effect.fail(permanent) })
    const fallback = switched("webhook")
    return dispatching(standing(primary, fallback), () =>
      Effect.gen(function* () {
        yield* pass(afterMs - 1)
        assert.deepStrictEqual(said(fallback), [])

        yield* pass(1)
        assert.deepStrictEqual(said(fallback), ["alert sink:telegram"])
      })
    )
  })

  it.effect("where there is no primary is one", () => {
    const fallback = scripted("webhook")
    return dispatching({ primaries: [], fallback: fallback.sink }, ({ offer }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* quiesce

        assert.deepStrictEqual(said(fallback), ["alert a"])
      })
    )
  })
})

/* Laws. The readers below know only what reached them; the world only what happened. */

const Act = Schema.Struct({
  signal: Schema.Literals(["a", "b", "c"]),
  does: Schema.Literals([
    "raise",
    "raise",
    "clear",
    "clear",
    "flap",
    "gone",
    "primaryDown",
    "primaryDown",
    "primaryUp",
    "fallbackDown",
    "fallbackUp",
    "wait",
    "waitLong",
    "waitLong"
  ])
})

const acts = Arbitrary.array(Arbitrary.schema(Act), { maxLength: 40 })

/** What a reader holds for open; fails at an end without its fault. */
const believed = (what: string, entries: ReadonlyArray<Entry>): ReadonlySet<string> => {
  const open = new Set<string>()
  for (const { signal, kind, active } of entries) {
    if (kind === "late" || kind === "reminder") continue
    if (active) {
      assert.isTrue(kind !== "alert" || !open.has(signal), `${what}: ${signal} told twice`)
      open.add(signal)
    } else {
      assert.isTrue(open.has(signal), `${what}: the end of ${signal} without its fault`)
      open.delete(signal)
    }
  }
  return open
}

describe("whatever fails, in whatever order", () => {
  it.effect.prop(
    "every fault is told to someone, and to each reader every told fault has exactly one end",
    [acts],
    ([history]) => {
      const primary = switched("telegram")
      const fallback = switched("webhook")
      return dispatching(standing(primary, fallback), ({ offer }) =>
        Effect.gen(function* () {
          const sides = new Map<string, "clear" | "active" | "flapping">()
          const faults: Array<{ readonly signal: string; readonly atMs: number }> = []
          let nowMs = 0
          const wait = (ms: number) => Effect.suspend(() => ((nowMs += ms), pass(ms)))
          const decide = (signal: string, kind: DecisionKind, side: "clear" | "active" | "flapping") => {
            sides.set(signal, side)
            if (side !== "clear") faults.push({ signal, atMs: nowMs })
            return offer(alert(kind, signal, { atMs: nowMs, sinceMs: nowMs, active: side !== "clear" }))
          }
          for (const { signal, does } of history) {
            yield* wait(2_000)
            const side = sides.get(signal) ?? "clear"
            if (does === "raise" && side === "clear") yield* decide(signal, "alert", "active")
            else if (does === "flap" && side === "clear") yield* decide(signal, "flapping", "flapping")
            else if (does === "clear" && side === "active") yield* decide(signal, "recover", "clear")
            else if (does === "clear" && side === "flapping") yield* decide(signal, "settled", "clear")
            else if (does === "gone" && side !== "clear") yield* decide(signal, "gone", "clear")
            else if (does === "primaryDown") primary.state.works = false
            else if (does === "primaryUp") primary.state.works = true
            else if (does === "fallbackDown") fallback.state.works = false
            else if (does === "fallbackUp") fallback.state.works = true
            else if (does === "wait") yield* wait(60_000)
            else if (does === "waitLong") yield* wait(afterMs + 120_000)
          }

          // The fallback works, and the primary does not: whatever is true was told to one of them.
          fallback.state.works = true
          primary.state.works = false
          yield* wait(2 * afterMs + 120_000)
          const open = [...sides].filter(([, side]) => side !== "clear").map(([signal]) => signal)
          const inFallback = believed(
            "fallback",
            fallback.told.flatMap(({ entries }) => entries)
          )
          const inPrimary = believed(
            "primary",
            primary.told.flatMap(({ entries }) => entries)
          )
          for (const signal of open) {
            assert.isTrue(inFallback.has(signal) || inPrimary.has(signal), `${signal} was told to no one`)
          }

          // Then the primary returns: what each of them holds for true is true.
          primary.state.works = true
          yield* decide("news", "alert", "active")
          open.push("news")
          yield* wait(300_000)
          const holds = (told: typeof primary.told): ReadonlyArray<string> =>
            [
              ...believed(
                "at the end",
                told.flatMap(({ entries }) => entries)
              )
            ].sort()
          assert.deepStrictEqual(holds(primary.told), [...open].sort())
          for (const signal of holds(fallback.told)) {
            assert.isTrue(open.includes(signal), `the fallback's reader was left with ${signal}`)
          }
          // Not one fault is missing where the truth is read: an entry about it, or a count of it.
          for (const { signal } of faults) {
            assert.isTrue(
              primary.told.some(({ entries }) => entries.some((entry) => entry.signal === signal)),
              `the primary was told nothing of ${signal}`
            )
          }
        })
      )
    },
    { arbitrary: { runs: 150, size: 40 } }
  )
})
