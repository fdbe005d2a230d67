import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Draft } from "../../src/sink/Sink.ts"
import { alert, dispatching, pass, saying, scripted, sinkError } from "./scripted.ts"

const rejected = sinkError({ reason: "Rejected", detail: "refused for a reason nobody knows" })

interface Try {
  readonly atMs: number
  readonly what: string
  readonly accepted: boolean
}

/** A sink that refuses some messages, and says what it was sent. */
const picky = (refuses: (draft: Draft) => boolean) => {
  const tries: Array<Try> = []
  const drafts: Array<Draft> = []
  const { sink } = scripted("telegram", {
    send: (draft) =>
      Effect.clockWith((clock) => {
        const accepted = !refuses(draft)
        const what = `${saying(draft.entries)}${draft.minimal === true ? " (least)" : ""}`
        tries.push({ atMs: clock.currentTimeMillisUnsafe(), what, accepted })
        drafts.push(draft)
        return accepted ? Effect.succeed({ reference: null, moved: false }) : Effect.fail(rejected)
      })
  })
  return { sink, tries, drafts, told: () => tries.filter((one) => one.accepted).map((one) => one.what) }
}

const names = (draft: Draft): ReadonlyArray<string> => draft.entries.map((entry) => entry.signal)

describe("an entry that the destination refuses for a reason nobody knows", () => {
  it.effect("is found by sending one by one, and goes as the least that can be said of it", () => {
    const one = picky((draft) => names(draft).includes("bad") && draft.minimal !== true)
    return dispatching({ primaries: [one.sink] }, ({ offer, dispatcher }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* offer(...["b", "bad", "c"].map((signal) => alert("alert", signal)))
        yield* pass(60_000)

        assert.deepStrictEqual(
          one.tries.map(({ what, accepted }) => `${accepted ? "told" : "refused"}: ${what}`),
          [
            "told: alert a",
            "refused: alert b, alert bad, alert c",
            "refused: alert b, alert bad, alert c",
            "told: alert b",
            "refused: alert bad",
            "told: alert c",
            "told: alert bad (least)"
          ]
        )
        const [health] = yield* dispatcher.health
        assert.deepInclude(health, { givenUp: 0, waiting: 0, problem: null, red: false })
      })
    )
  })

  it.effect("is given up after five tries, said so and counted, and holds up nothing else", () => {
    const one = picky((draft) => names(draft).includes("bad"))
    return dispatching({ primaries: [one.sink] }, ({ offer, dispatcher, heard }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "bad"))
        yield* pass(4_000)
        yield* offer(alert("alert", "well"))
        yield* pass(1_000)
        assert.deepStrictEqual(one.told(), ["alert well"])

        yield* pass(10 * 60_000)
        const bad = one.tries.filter((sent) => sent.what.includes("bad"))
        assert.deepStrictEqual(
          bad.map(({ atMs, what }) => [atMs, what]),
          [
            [0, "alert bad"],
            [1_000, "alert bad"],
            [3_000, "alert bad"],
            [7_000, "alert bad (least)"],
            [23_000, "alert bad (least)"]
          ]
        )
        const [health] = yield* dispatcher.health
        assert.deepInclude(health, { givenUp: 1, waiting: 0 })
        assert.isTrue(heard.logs.some((line) => line.startsWith("Error") && line.includes("bad (alert)")))
        assert.deepStrictEqual(
          heard.journal.filter(({ result }) => result === "given up").map(({ sink }) => sink),
          ["telegram"]
        )
      })
    )
  })

  it.effect("does not end a fault that the reader was never told of", () => {
    const one = picky((draft) => names(draft).includes("bad") && draft.entries.some((entry) => entry.kind === "alert"))
    return dispatching({ primaries: [one.sink] }, ({ offer }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "bad"))
        yield* pass(60_000)
        yield* offer(alert("recover", "bad", { atMs: 60_000 }))
        yield* pass(1_000)

        assert.deepStrictEqual(one.told(), ["late bad"])
      })
    )
  })

  it.effect("is told after all if it was the channel: as soon as anything is accepted again", () => {
    let refusing = true
    const one = picky(() => refusing)
    return dispatching({ primaries: [one.sink] }, ({ offer, dispatcher }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* pass(120_000)
        assert.deepInclude((yield* dispatcher.health)[0], { givenUp: 1, waiting: 0 })

        refusing = false
        yield* offer(alert("alert", "b"))
        yield* pass(2_000)

        assert.deepStrictEqual(one.told(), ["alert b", "alert a"])
      })
    )
  })

  it.effect("is told at the next reminder if it is still true", () => {
    let refusing = true
    const one = picky((draft) => refusing && names(draft).includes("bad"))
    return dispatching({ primaries: [one.sink] }, ({ offer }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "bad"))
        yield* pass(1_800_000)
        refusing = false
        yield* offer(alert("remind", "bad", { atMs: 1_800_000 }))
        yield* pass(1_000)

        assert.deepStrictEqual(one.told(), ["alert bad"])
      })
    )
  })

  it.effect("does not keep others waiting for their turn, nor is it kept waiting by them", () => {
    const one = picky((draft) => names(draft).includes("bad") && draft.entries.length > 1)
    return dispatching({ primaries: [one.sink] }, ({ offer }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* offer(...["bad", "b", "c"].map((signal) => alert("alert", signal)))
        yield* pass(3_900)
        yield* offer(alert("alert", "d"))
        yield* pass(10_000)

        assert.deepStrictEqual(one.told(), ["alert a", "alert bad", "alert d", "alert b", "alert c"])
      })
    )
  })
})
