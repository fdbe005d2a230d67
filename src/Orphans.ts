/**
 * Faults that an earlier run has told of and that nobody watches any more: their end is owed all the same.
 *
 * A signal that no collector reports is gone. A sink's own fault (`sink:<name>`) belongs to no monitor: it is over once that sink has
 * shown for a while that it works.
 */
import { Duration, Effect, Queue, type Scope } from "effect"
import type { Loops } from "./base/Loops.ts"
import { monotonicMs } from "./base/Monotonic.ts"
import { supervise } from "./base/Supervise.ts"
import type { Collector } from "./collector/Collector.ts"
import { type Alert, type Severity, noEvidence } from "./decision/index.ts"
import { Monitors, type Watched } from "./monitor/Monitors.ts"
import { Alerts } from "./queue/Alerts.ts"
import { Dispatcher, type Handover } from "./queue/Dispatcher.ts"

/** By then a sink was checked: two requests with their time-outs. */
const provenMs = 60_000
const sinkPrefix = "sink:"

interface Orphan {
  readonly signal: string
  readonly severity: Severity
  readonly sinceMs: number
}

/** Open faults in any sink's ledger that none of these signals is. */
export const orphansOf = (handover: Handover, watched: ReadonlySet<string>): ReadonlyArray<Orphan> => {
  const found = new Map<string, Orphan>()
  for (const { outbox } of Object.values(handover.sinks)) {
    for (const { signal, severity, now, sinceMs } of outbox.boxes) {
      if (now !== "clear" && !watched.has(signal)) found.set(signal, { signal, severity, sinceMs })
    }
  }
  return [...found.values()]
}

/** Ends them. Returns at once; what must be waited for is, in the background. */
export const endOrphans = (
  watching: ReadonlyArray<Collector>,
  inherited: ReadonlyArray<Watched>
): Effect.Effect<void, never, Monitors | Dispatcher | Alerts | Loops | Scope.Scope> =>
  Effect.gen(function* () {
    const monitors = yield* Monitors
    const dispatcher = yield* Dispatcher
    const on = new Set(watching.filter((collector) => !collector.off).map((collector) => collector.name))
    for (const { spec, collector } of inherited) {
      if (!on.has(collector)) yield* monitors.retire(spec.signal, `${collector} is not watched any more`)
    }
    const known = new Set(inherited.map(({ spec }) => spec.signal))
    const orphans = orphansOf(yield* dispatcher.handover, known)
    const names = new Set((yield* dispatcher.health).map(({ name }) => name))
    const ofSinks = orphans.filter(({ signal }) => names.has(signal.slice(sinkPrefix.length)) && isOfSink(signal))
    for (const orphan of orphans.filter((one) => !ofSinks.includes(one))) yield* end(orphan, "gone")
    if (ofSinks.length > 0) yield* Effect.forkScoped(supervise("faults of sinks", endWhenProven(ofSinks)))
  })

const isOfSink = (signal: string): boolean => signal.startsWith(sinkPrefix)

const end = (orphan: Orphan, kind: "gone" | "recover"): Effect.Effect<void, never, Alerts> =>
  Effect.gen(function* () {
    const atMs = yield* monotonicMs
    const alert: Alert = {
      signal: orphan.signal,
      severity: orphan.severity,
      cooldownMs: 0,
      decision: {
        kind,
        atMs,
        active: false,
        sinceMs: orphan.sinceMs,
        raises: 1,
        reminders: 0,
        confirmed: false,
        foundAtStart: false,
        evidence: noEvidence
      }
    }
    yield* Queue.offer(yield* Alerts, alert)
  })

const endWhenProven = (orphans: ReadonlyArray<Orphan>): Effect.Effect<void, never, Dispatcher | Alerts> =>
  Effect.gen(function* () {
    const dispatcher = yield* Dispatcher
    let left = orphans
    while (left.length > 0) {
      yield* Effect.sleep(Duration.millis(provenMs))
      const works = new Set(
        (yield* dispatcher.health).filter(({ problem }) => problem === null).map(({ name }) => `${sinkPrefix}${name}`)
      )
      for (const orphan of left) if (works.has(orphan.signal)) yield* end(orphan, "recover")
      left = left.filter(({ signal }) => !works.has(signal))
    }
  })
