/** `watchdog check`: one look at everything, as a table. */
import { Effect, Result, type Scope } from "effect"
import { makeCollectors } from "./App.ts"
import type { Http } from "./base/Http.ts"
import { Settings } from "./base/Keys.ts"
import { monotonicMs } from "./base/Monotonic.ts"
import { Output } from "./base/Output.ts"
import { type Collector, type SignalLook } from "./collector/Collector.ts"
import { Containers } from "./collector/index.ts"
import { table } from "./Config.ts"
import { printable } from "./sink/Message.ts"

/** 0 all clear, 1 something active, 2 blind. */
export type CheckCode = 0 | 1 | 2

interface Row {
  readonly signal: string
  readonly state: "ok" | "ACTIVE" | "held" | "BLIND"
  readonly what: string
}

const rowOf = ({ spec, look }: SignalLook): Row => {
  if (look._tag === "Missed") return { signal: spec.signal, state: look.held ? "held" : "BLIND", what: look.reason }
  const ceiling = spec.policy.ceiling
  const active = ceiling === null || look.value === null ? look.active : look.value >= ceiling.raiseAt
  return { signal: spec.signal, state: active ? "ACTIVE" : "ok", what: look.evidence.summary }
}

const lookOnce = (collector: Collector): Effect.Effect<ReadonlyArray<Row>> =>
  collector.off
    ? Effect.succeed([])
    : Effect.flatMap(monotonicMs, (asOfMs) => collector.collect({ number: 1, asOfMs })).pipe(
        Effect.map((report) => report.looks.map(rowOf)),
        Effect.catch((error) =>
          Effect.succeed<ReadonlyArray<Row>>([
            { signal: `source:${collector.name}`, state: "BLIND", what: error.message }
          ])
        )
      )

/** A single look knows no deploy: what does not run is said, not held. */
const withoutGrace = (settings: Settings["Service"]): Settings["Service"] => ({
  ...settings,
  get: (key) => (key === (Containers.keys.grace as unknown) ? Result.getOrThrow(key.parse("0")) : settings.get(key))
})

export const check: Effect.Effect<CheckCode, never, Http | Settings | Output | Scope.Scope> = Effect.gen(function* () {
  const output = yield* Output
  const settings = withoutGrace(yield* Settings)
  const collectors = yield* Effect.provideService(makeCollectors, Settings, settings)
  const rows = (yield* Effect.forEach(collectors, lookOnce, { concurrency: "unbounded" })).flat()
  const off = collectors.filter((collector) => collector.off).map(({ name, watches }) => `${name}: ${watches}`)
  yield* output.out(
    printable(table([["signal", "state", "what"], ...rows.map((row) => [row.signal, row.state, row.what])]))
  )
  if (off.length > 0) yield* output.out(`\nnot watched\n${off.map((line) => `  ${line}`).join("\n")}`)
  if (rows.some((row) => row.state === "BLIND")) return 2
  return rows.some((row) => row.state === "ACTIVE") ? 1 : 0
})
