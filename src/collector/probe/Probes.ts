/**
 * One probe of one target: its total time, and what came of it in a form that knows no sockets.
 *
 * A reference, so that a whole-app test under a test clock can put a fake in its place; nothing is opened before a target is
 * probed.
 */
import type { LookupFunction } from "node:net"
import { Context, Duration, Effect, type Scope } from "effect"
import { makeLookup } from "../../base/Lookup.ts"
import { monotonicMs } from "../../base/Monotonic.ts"
import { uncancellable } from "../../base/Uncancellable.ts"
import { probeDns } from "./DnsProbe.ts"
import { type Finding, type ProbeError, type Progress, newProgress } from "./Finding.ts"
import { probeHttp } from "./HttpProbe.ts"
import type { Demands, Place, Target } from "./Target.ts"
import { probeTcp } from "./TcpProbe.ts"
import { type Trust, makeTrust, probeTls } from "./TlsProbe.ts"

export interface Probe {
  /** Never takes longer than `budgetMs`: lookup, connection, handshake, headers and body together. Fails: never. */
  readonly target: (target: Target, budgetMs: number) => Effect.Effect<Finding>
  /** Well if it says anything at all, whatever it is. */
  readonly witness: (place: Place, budgetMs: number) => Effect.Effect<Finding>
}

/** Makes the probe, with the addresses it remembers. */
export const probes: Context.Reference<Effect.Effect<Probe, never, Scope.Scope>> = Context.Reference<
  Effect.Effect<Probe, never, Scope.Scope>
>("watchdog/collector/probe/Probes", {
  defaultValue: () =>
    Effect.gen(function* () {
      const lookup = yield* makeLookup()
      const trust = makeTrust(yield* Effect.service(uncancellable))
      return makeProbe(lookup, trust)
    })
})

/** Any answer will do: every status, no body, the public CAs. */
const demandsOfWitness: Demands = {
  status: [[100, 599]],
  body: null,
  withinMs: null,
  follow: false,
  ca: null,
  certDays: null,
  resolver: null,
  expect: []
}

export const makeProbe = (lookup: LookupFunction, trust: Trust): Probe => {
  const run = (place: Place, demands: Demands, budgetMs: number): Effect.Effect<Finding> =>
    timed(budgetMs, (progress) => {
      switch (place.scheme) {
        case "http":
        case "https":
          return probeHttp(place, demands, lookup, trust, progress)
        case "tcp":
          return probeTcp(place, lookup, progress)
        case "tls":
          return probeTls(place, demands.ca, lookup, trust, progress)
        case "dns":
          return probeDns(place, demands, budgetMs, progress)
      }
    })
  return {
    target: (target, budgetMs) => run(target, target, budgetMs),
    witness: (place, budgetMs) =>
      Effect.map(run(place, demandsOfWitness, budgetMs), (finding) =>
        finding.answered ? { ...finding, verdict: "well" } : finding
      )
  }
}

/** Runs a probe within its time, and says where it got stuck. */
export const timed = (
  budgetMs: number,
  probe: (progress: Progress) => Effect.Effect<string, ProbeError>
): Effect.Effect<Finding> =>
  Effect.gen(function* () {
    const startMs = yield* monotonicMs
    const progress = newProgress()
    const found = yield* probe(progress).pipe(
      Effect.map((summary) => ({ verdict: "well" as const, summary, details: [] as ReadonlyArray<string> })),
      Effect.catch(({ verdict, said, details }) => Effect.succeed({ verdict, summary: said, details })),
      Effect.timeoutOrElse({
        duration: Duration.millis(budgetMs),
        orElse: () => Effect.succeed({ verdict: "ill" as const, summary: stuck(budgetMs, progress), details: [] })
      })
    )
    const elapsedMs = Math.round((yield* monotonicMs) - startMs)
    return { ...found, answered: progress.answered, chain: progress.chain, elapsedMs }
  })

const stuck = (budgetMs: number, { phase }: Progress): string =>
  `no full answer within ${Math.round(budgetMs)} ms, stuck in ${phase}`
