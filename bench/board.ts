/** What the status board costs: a push on the path of every look, and the snapshot that is made when somebody looks. */
import { Effect, Layer } from "effect"
import { Loops } from "../src/base/Loops.ts"
import { type SignalSpec, type SignalState, defaultPolicy, noEvidence, step, elapsed } from "../src/decision/index.ts"
import { Journal } from "../src/status/Journal.ts"
import { metricsText } from "../src/status/Metrics.ts"
import { StatusBoard } from "../src/status/StatusBoard.ts"
import { statusFragments, statusPage } from "../src/status/StatusPage.ts"

const rounds = 200
const layer = StatusBoard.layer({ version: "bench", host: "bench" }).pipe(
  Layer.provide(Layer.merge(Loops.layer, Layer.succeed(Journal, { runId: "bench", write: () => Effect.void })))
)

const stateAt = (tick: number, active: boolean): SignalState => {
  const at = { tick, scheduled: true, asOfMs: tick * 10_000, confirmed: false, value: 1, first: false }
  return step(defaultPolicy, null, { _tag: "Seen", active, evidence: noEvidence, ...at }, tick * 10_000).state
}

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

const timed = (run: () => unknown): number => {
  const startMs = performance.now()
  run()
  return performance.now() - startMs
}

const measure = (count: number) =>
  Effect.gen(function* () {
    const board = yield* StatusBoard
    yield* board.watching({ name: "containers", watches: "x", off: false, intervalMs: 10_000, timeoutMs: 5_000 })
    const specs = Array.from({ length: count }, (_, n): SignalSpec => ({
      signal: `container:service-${n}`,
      severity: "critical",
      policy: defaultPolicy
    }))
    const places = specs.map((spec) => board.place(spec.signal, "containers"))
    const pushMs: Array<number> = []
    for (let round = 1; round <= rounds; round++) {
      const states = specs.map((_, n) => stateAt(round, n % 50 === 0))
      pushMs.push(
        timed(() => {
          for (const [n, place] of places.entries()) place.stepped(specs[n]!, states[n]!, elapsed)
        })
      )
    }
    const read = Effect.runSyncWith(yield* Effect.context())
    const snapshots = Array.from({ length: 31 }, () => timed(() => read(board.snapshot)))
    const snapshot = yield* board.snapshot
    const counters = yield* board.counters
    const pages = Array.from({ length: 31 }, () =>
      timed(() => metricsText(snapshot, counters, { startedMs: 0, sse: { clients: 0, dropped: 0 } }))
    )
    const zone = { timeZone: "UTC" }
    const bodies = Array.from({ length: 11 }, () => timed(() => statusFragments(snapshot, zone)))
    const pageKiB = Buffer.byteLength(statusPage(snapshot, zone)) / 1_024
    const json = timed(() => JSON.stringify(snapshot))
    console.log(
      `${String(count).padStart(6)} signals: ${((median(pushMs) * 1e6) / count).toFixed(0).padStart(4)} ns a push, ` +
        `snapshot ${median(snapshots).toFixed(2)} ms, as JSON ${json.toFixed(2)} ms more, /metrics ${median(pages).toFixed(2)} ms, ` +
        `the page's parts ${median(bodies).toFixed(1)} ms (${pageKiB.toFixed(0)} KiB)`
    )
  }).pipe(Effect.provide(layer, { local: true }))

await Effect.runPromise(Effect.forEach([60, 1_000, 10_000], measure))
