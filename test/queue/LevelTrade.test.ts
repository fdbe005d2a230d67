import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { monotonicMs } from "../../src/base/Monotonic.ts"
import type { Level, LevelSink, SinkError } from "../../src/sink/Sink.ts"
import { alert, dispatching, pass, sinkError } from "./scripted.ts"

const minuteMs = 60_000

const levelSink = () => {
  const sends: Array<{ readonly atMs: number; readonly levels: ReadonlyArray<Level> }> = []
  const script: Array<Effect.Effect<unknown, SinkError>> = []
  const sink: LevelSink = {
    kind: "level",
    name: "alertmanager",
    destination: "two members",
    resendEveryMs: minuteMs,
    resendEndedMs: 5 * minuteMs,
    verify: Effect.succeed("they are there"),
    send: (levels) =>
      Effect.gen(function* () {
        sends.push({ atMs: yield* monotonicMs, levels })
        yield* script.shift() ?? Effect.void
      })
  }
  const said = (levels: ReadonlyArray<Level>): string =>
    levels.map(({ signal, endedMs }) => `${signal}${endedMs === null ? "" : ` ended ${endedMs / 1_000}`}`).join(", ")
  return {
    sink,
    script,
    sends: () => sends.map(({ atMs, levels }) => [atMs / 1_000, said(levels)] as const),
    last: () => sends.at(-1)?.levels ?? []
  }
}

describe("a sink of levels", () => {
  it.effect("gets everything that is active at each change, and again every minute", () => {
    const one = levelSink()
    return dispatching({ primaries: [one.sink] }, ({ offer }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* pass(10_000)
        yield* offer(alert("alert", "b", { atMs: 10_000, sinceMs: 9_000 }))
        yield* pass(125_000)

        assert.deepStrictEqual(one.sends(), [
          [0, "a"],
          [10, "a, b"],
          [70, "a, b"],
          [130, "a, b"]
        ])
        assert.deepStrictEqual(
          one.last().map((level) => level.sinceMs),
          [0, 9_000]
        )
      })
    )
  })

  it.effect("gathers what changes within a second of a send", () => {
    const one = levelSink()
    return dispatching({ primaries: [one.sink] }, ({ offer }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* offer(alert("alert", "b"))
        yield* offer(alert("alert", "c"))
        yield* pass(1_000)

        assert.deepStrictEqual(one.sends(), [
          [0, "a"],
          [1, "a, b, c"]
        ])
      })
    )
  })

  it.effect("gets what has ended as ended, for five minutes from when it first took that", () => {
    const one = levelSink()
    return dispatching({ primaries: [one.sink] }, ({ offer }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* pass(2_000)
        one.script.push(Effect.fail(sinkError()), Effect.fail(sinkError()))
        yield* offer(alert("recover", "a", { atMs: 2_000 }))
        yield* pass(400_000)

        const sends = one.sends()
        assert.deepStrictEqual(sends.slice(0, 5), [
          [0, "a"],
          [2, "a ended 2"],
          [3, "a ended 2"],
          [5, "a ended 2"],
          [65, "a ended 2"]
        ])
        assert.deepStrictEqual(sends.at(-1), [305, "a ended 2"])
      })
    )
  })

  const one = (kind: "alert" | "recover" | "gone" | "flapping" | "remind", atMs: number) => alert(kind, "a", { atMs })
  const rows: ReadonlyArray<readonly [string, ReadonlyArray<ReturnType<typeof alert>>, string]> = [
    ["flapping is active", [one("flapping", 1_000)], "a"],
    ["flapping that settles down stays", [one("flapping", 1_000), alert("settled", "a", { active: true })], "a"],
    [
      "flapping that settles well has ended",
      [one("flapping", 1_000), alert("settled", "a", { active: false, atMs: 3_000 })],
      "a ended 3"
    ],
    ["what is gone has ended", [one("alert", 1_000), one("gone", 2_000)], "a ended 2"],
    ["what failed again is active", [one("alert", 1_000), one("recover", 2_000), one("alert", 3_000)], "a"]
  ]

  it.effect.each(rows)("%s", ([, alerts, wanted]) => {
    const sink = levelSink()
    return dispatching({ primaries: [sink.sink] }, ({ offer }) =>
      Effect.gen(function* () {
        yield* offer(...alerts)
        yield* pass(6_000)

        assert.strictEqual(sink.sends().at(-1)?.[1], wanted)
      })
    )
  })

  it.effect("is not sent a reminder, but its evidence at the next turn", () => {
    const sink = levelSink()
    return dispatching({ primaries: [sink.sink] }, ({ offer }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* pass(10_000)
        yield* offer(alert("remind", "a", { evidence: { summary: "still", details: [] } }))
        yield* pass(10_000)
        assert.strictEqual(sink.sends().length, 1)

        yield* pass(40_000)
        assert.strictEqual(sink.last()[0]?.evidence.summary, "still")
      })
    )
  })

  it.effect("sees a muted signal as the mute found it, until the mute ends", () => {
    const sink = levelSink()
    return dispatching({ primaries: [sink.sink] }, ({ offer, mutes }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* pass(1_000)
        yield* mutes.mute({ pattern: "*", untilMs: 200_000, by: "maintenance" })
        yield* offer(alert("recover", "a", { atMs: 1_000 }), alert("alert", "b", { atMs: 1_000 }))
        yield* pass(198_999)

        assert.deepStrictEqual(sink.sends(), [
          [0, "a"],
          [60, "a"],
          [120, "a"],
          [180, "a"]
        ])

        yield* pass(1)
        assert.deepStrictEqual(sink.sends().at(-1), [200, "a ended 1, b"])
      })
    )
  })

  it.effect("is sent the newest state once more at leaving", () => {
    const sink = levelSink()
    return dispatching({ primaries: [sink.sink] }, ({ offer, leave }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* pass(30_000)

        const left = yield* leave

        assert.deepStrictEqual(sink.sends(), [
          [0, "a"],
          [30, "a"]
        ])
        assert.deepStrictEqual(left, [30_000])
      })
    )
  })

  it.effect("is retried with back-off, is red where it refuses for good, and shows what is news only", () => {
    const sink = levelSink()
    sink.script.push(Effect.fail(sinkError()), Effect.fail(sinkError({ retryable: false, detail: "401" })))
    return dispatching({ primaries: [sink.sink] }, ({ offer, dispatcher, heard, shown }) =>
      Effect.gen(function* () {
        yield* offer(alert("alert", "a"))
        yield* pass(1_000)
        assert.deepInclude((yield* dispatcher.health)[0], { red: true, waiting: 1 })

        yield* pass(600_000 + 3 * minuteMs)
        assert.deepInclude((yield* dispatcher.health)[0], { red: false, waiting: 0 })
        assert.deepStrictEqual(
          heard.messages.map(({ signals, rang }) => [signals, rang]),
          [[["a"], true]]
        )
        assert.strictEqual(shown.length, 1)
      })
    )
  })
})
