/** A day with three signals: one that flaps every minute, one that flaps every ten, one that is down from morning to night. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { type SignalSpec, type Seen, defaultPolicy } from "../../src/decision/index.ts"
import { Monitors } from "../../src/monitor/Monitors.ts"
import { Alerts } from "../../src/queue/Alerts.ts"
import { Dispatcher } from "../../src/queue/Dispatcher.ts"
import { Output } from "../../src/base/Output.ts"
import { Console } from "../../src/sink/Console.ts"
import { layerCourier, luck, makeHeard, scripted } from "./scripted.ts"

const tickMs = 10_000
const dayMs = 86_400_000

/** `badMs` bad out of every `everyMs`, beginning bad. */
interface Watched {
  readonly signal: string
  readonly everyMs: number
  readonly badMs: number
}
const minute: Watched = { signal: "container:minute", everyMs: 60_000, badMs: 30_000 }
const ten: Watched = { signal: "container:ten", everyMs: 600_000, badMs: 300_000 }
const down: Watched = { signal: "container:down", everyMs: dayMs, badMs: dayMs }

const specOf = (signal: string): SignalSpec => ({ signal, severity: "critical", policy: defaultPolicy })

const lookOf = (tick: number, asOfMs: number, active: boolean): Seen => ({
  _tag: "Seen",
  tick,
  scheduled: true,
  asOfMs,
  active,
  confirmed: false,
  value: null,
  first: false,
  evidence: { summary: active ? "exited with code 1" : "running", details: [] }
})

const clockText = (ms: number): string => new Date(ms).toISOString().slice(11, 19)

/** The messages of a day, by the second. */
const day = (watched: ReadonlyArray<Watched>): Effect.Effect<ReadonlyArray<string>> => {
  const one = scripted("telegram")
  const output = Output.layerMemory([], [])
  const world = Layer.mergeAll(layerCourier(makeHeard()), luck(), output, Layer.provide(Console.layer, output))
  const stages = Monitors.layer().pipe(
    Layer.provideMerge(Dispatcher.layer({ primaries: [one.sink] })),
    Layer.provideMerge(Alerts.layer),
    Layer.provideMerge(world)
  )
  return Effect.gen(function* () {
    const monitors = yield* Monitors
    for (let tick = 1; tick <= dayMs / tickMs; tick++) {
      const nowMs = (tick - 1) * tickMs
      for (const { signal, everyMs, badMs } of watched) {
        yield* monitors.observe(specOf(signal), lookOf(tick, nowMs, nowMs % everyMs < badMs), "containers")
      }
      for (let turn = 0; turn < 8; turn++) yield* TestClock.adjust(0)
      yield* TestClock.adjust(tickMs)
    }
    return one.told.map(({ atMs, draft }) => {
      const said = draft.entries.map(
        ({ kind, signal, times, active }) =>
          `${kind}${kind === "settled" ? (active ? " down" : " well") : ""} ${signal.slice(10)}${times > 1 ? ` (${times})` : ""}`
      )
      return `${clockText(atMs)} ${said.join(", ")}`
    })
  }).pipe(Effect.provide(stages))
}

const show = (name: string, messages: ReadonlyArray<string>): void => {
  if (process.env["SHOW"] === undefined) return
  // oxlint-disable-next-line no-console
  console.log(`${name}: ${messages.length} messages\n${messages.join("\n")}`)
}

/** `00:33:10` and the like, in seconds of the day. */
const at = (hours: number, minutes: number, seconds: number): number => (hours * 60 + minutes) * 60 + seconds
const line = (second: number, what: string): string => `${clockText(second * 1_000)} ${what}`

/* What the rules say must come, counted by hand: K = 2, M = 1, a tick every 10 s, cooldown 30 min, doubling. */

const minuteSays = [
  ...[0, 1, 2].flatMap((count) => [line(at(0, count, 10), "alert minute"), line(at(0, count, 30), "recovered minute")]),
  line(at(0, 3, 10), "flapping minute (4)"),
  // Half an hour after that, then one, two, four and eight hours after the one before; one raise each minute.
  ...[33, 93, 213, 453, 933].map((after) => line(at(0, after, 10), `reminder minute (${after})`))
]
const tenSays = Array.from({ length: 144 }, (_, count) => [
  line(at(0, count * 10, 10), "alert ten"),
  line(at(0, count * 10 + 5, 0), "recovered ten")
]).flat()
const downSays = [
  line(at(0, 0, 10), "alert down"),
  ...[30, 90, 210, 450, 930].map((after) => line(at(0, after, 10), "reminder down"))
]

describe("twenty-four hours", () => {
  const alone: ReadonlyArray<readonly [string, Watched, ReadonlyArray<string>]> = [
    ["flaps every minute", minute, minuteSays],
    ["fails every ten minutes", ten, tenSays],
    ["is down all day", down, downSays]
  ]

  it.effect.each(alone)("of a signal that %s", ([name, signal, says]) =>
    Effect.gen(function* () {
      const messages = yield* day([signal])

      show(`a signal that ${name}`, messages)
      assert.deepStrictEqual(messages, says)
    })
  )

  it.effect("of all three together: the same, nothing more than a second later", () =>
    Effect.gen(function* () {
      const messages = yield* day([minute, ten, down])

      show("all three", messages)
      const secondOf = (said: string): number => Date.parse(`1970-01-01T${said.slice(0, 8)}Z`) / 1_000
      const told = messages.flatMap((said) =>
        said
          .slice(9)
          .split(", ")
          .map((what) => ({ what, second: secondOf(said) }))
      )
      const due = [...minuteSays, ...tenSays, ...downSays].map((said) => ({
        what: said.slice(9),
        second: secondOf(said)
      }))
      for (const { what, second } of due) {
        const found = told.findIndex((one) => one.what === what && one.second >= second && one.second <= second + 1)
        assert.isAtLeast(found, 0, `${what} at ${second} s`)
        told.splice(found, 1)
      }
      assert.deepStrictEqual(told, [])
    })
  )
})
