/**
 * What the watched system depends on: pages, ports, certificates, names.
 *
 * Like the orchestrator's page, a dependency that does not answer is evidence and no error: this collector never fails. Where a
 * witness fails too it is the network here, and nothing is said of the dependency.
 */
import { Clock, Context, Effect, Layer } from "effect"
import * as Keys from "../base/Keys.ts"
import type { Evidence, Policy, SignalSpec } from "../decision/index.ts"
import { cadenceOf, intervalKey } from "./Cadence.ts"
import {
  type Collector,
  type MissedLook,
  type Report,
  type SeenLook,
  type SignalLook,
  entry as collectorEntry,
  held,
  missed,
  seen
} from "./Collector.ts"
import { expiryOf } from "./probe/Certificate.ts"
import type { Finding } from "./probe/Finding.ts"
import { type Probe, probes } from "./probe/Probes.ts"
import { type Target, parseTargets, showTargets } from "./probe/Target.ts"

export const keys = {
  targets: {
    ...Keys.custom<ReadonlyArray<Target>>("WATCHDOG_DEPENDENCIES", {
      about: "name=url list, white space or comma separated: http, https, tcp, tls, dns; options after #",
      fallback: [],
      fallbackText: "unset",
      parse: parseTargets,
      show: showTargets
    }),
    // A URL may hold a password: a bad value must not be quoted.
    secret: true,
    fileUnitsMax: Keys.listFileUnitsMax
  },
  certDays: Keys.count("WATCHDOG_CERT_DAYS", {
    about: "days before a certificate ends that alert, or a quarter of its lifetime if that is less",
    fallback: 14,
    atLeast: 0,
    atMost: 10_000
  })
}

const interval = intervalKey("dependencies")

/** Probes at once. Each is a socket; lookups share the 16 threads that the watchdog runs with. */
const concurrencyMax = 32

/** A target that has a witness leaves it this part of the time: together they must be done within the timeout. */
const witnessPart = 1 / 3

/** A latency must fall this far below its ceiling before it counts as well again. */
const clearBelow = 0.9

/** Names in the line that says what is watched. */
const namedMax = 10

export class Dependencies extends Context.Service<Dependencies, Collector>()("watchdog/collector/Dependencies") {
  static readonly layer = Layer.effect(
    Dependencies,
    Effect.gen(function* () {
      const settings = yield* Keys.Settings
      const targets = settings.get(keys.targets)
      const cadence = cadenceOf(settings, interval)
      if (targets.length === 0) {
        return Dependencies.of({
          name: "dependencies",
          ...cadence,
          watches: `${keys.targets.name} is not set`,
          off: true,
          collect: () => Effect.succeed({ looks: [], complete: true, oddities: [] })
        })
      }
      const probe = yield* yield* Effect.service(probes)
      const budgetMs = cadence.timeoutMs / Math.ceil(targets.length / concurrencyMax)
      const watched = targets.map((target) =>
        watchedOf(target, cadence.policy, target.certDays ?? settings.get(keys.certDays))
      )
      const oddities = oddBudget(targets, budgetMs)
      return Dependencies.of({
        name: "dependencies",
        ...cadence,
        watches: watchesText(targets),
        off: false,
        collect: () =>
          Effect.map(
            Effect.forEach(watched, (one) => look(probe, one, budgetMs), { concurrency: concurrencyMax }),
            (found): Report => ({
              looks: found.flatMap(({ looks }) => looks),
              complete: true,
              unseen: unseenText(found),
              oddities
            })
          )
      })
    })
  )
}

export const entry = collectorEntry("dependencies", Dependencies, Dependencies.layer, interval, keys)

const watchesText = (targets: ReadonlyArray<Target>): string => {
  const named = targets.slice(0, namedMax).map(({ name, shown }) => `${name} (${shown})`)
  const more = targets.length > namedMax ? [`${targets.length - namedMax} more`] : []
  return `what it depends on: ${[...named, ...more].join(", ")}`
}

/** What works, but not as it seems to. */
const oddBudget = (targets: ReadonlyArray<Target>, budgetMs: number): ReadonlyArray<string> => [
  ...(targets.length > concurrencyMax
    ? [`${targets.length} targets, ${concurrencyMax} at once, share the timeout: each has ${Math.round(budgetMs)} ms`]
    : []),
  ...targets.flatMap((target) =>
    target.withinMs !== null && target.withinMs >= ownBudgetMs(target, budgetMs)
      ? [
          `${target.name}: within=${target.withinMs}ms says nothing, it has ${Math.round(ownBudgetMs(target, budgetMs))} ms in all`
        ]
      : []
  )
]

/** Without its witness' part. */
const ownBudgetMs = ({ witness }: Target, budgetMs: number): number =>
  witness === null ? budgetMs : budgetMs * (1 - witnessPart)

/** A target with its signals: made once, since a spec that is another object at each tick would be another spec. */
interface Watched {
  readonly target: Target
  readonly certDays: number
  readonly dependency: SignalSpec
  /** Null for what has no certificate. */
  readonly cert: { readonly ends: SignalSpec; readonly ended: SignalSpec } | null
}

const watchedOf = (target: Target, policy: Policy, certDays: number): Watched => {
  const ceiling = target.withinMs === null ? null : { raiseAt: target.withinMs, clearAt: target.withinMs * clearBelow }
  const hasCert = target.scheme === "https" || target.scheme === "tls"
  const cert = { signal: `cert:${target.name}`, policy }
  return {
    target,
    certDays,
    dependency: { signal: `dependency:${target.name}`, severity: "critical", policy: { ...policy, ceiling } },
    cert: hasCert ? { ends: { ...cert, severity: "warning" }, ended: { ...cert, severity: "critical" } } : null
  }
}

interface Found {
  readonly looks: ReadonlyArray<SignalLook>
  /** Why it could not be looked at, where that is so. */
  readonly unseen: string | undefined
}

const look = (probe: Probe, watched: Watched, budgetMs: number): Effect.Effect<Found> =>
  Effect.gen(function* () {
    const { target } = watched
    const finding = yield* probe.target(target, ownBudgetMs(target, budgetMs))
    const blind = yield* blindness(probe, target, finding, budgetMs)
    const dependency = blind === undefined ? dependencyLook(target, finding) : missed(blind)
    const nowMs = yield* Clock.currentTimeMillis
    return {
      looks: [{ spec: watched.dependency, look: dependency }, ...certLooks(watched, finding, nowMs)],
      unseen: blind === undefined ? undefined : `${target.name}: ${blind}`
    }
  })

/** Why a finding says nothing of the target. A target that answered, however badly, needs no witness: the network works. */
const blindness = (
  probe: Probe,
  { witness }: Target,
  finding: Finding,
  budgetMs: number
): Effect.Effect<string | undefined> =>
  Effect.gen(function* () {
    if (finding.verdict === "unable") return finding.summary
    if (finding.verdict === "well" || finding.answered || witness === null) return undefined
    const seen = yield* probe.witness(witness, budgetMs * witnessPart)
    return seen.verdict === "well"
      ? undefined
      : `${finding.summary}; but the witness ${witness.shown} fails too (${seen.summary}): the network here is the trouble`
  })

const dependencyLook = (target: Target, { verdict, summary, details, elapsedMs }: Finding): SeenLook => {
  if (verdict !== "well") return seen(true, { summary, details: [target.shown, ...details] })
  const isSlow = target.withinMs !== null && elapsedMs >= target.withinMs
  // The figure is a detail: a summary that changes at every look would fill the journal.
  const evidence: Evidence = isSlow
    ? { summary: `slower than ${target.withinMs} ms`, details: [target.shown, `${summary}, in ${elapsedMs} ms`] }
    : { summary: `${summary}, in ${elapsedMs} ms`, details: [target.shown] }
  return seen(isSlow, evidence, { value: elapsedMs })
}

const certLooks = (
  { target, certDays, cert }: Watched,
  { chain, summary }: Finding,
  nowMs: number
): ReadonlyArray<SignalLook> => {
  if (cert === null) return []
  const expiry = chain === null ? null : expiryOf(chain, certDays, nowMs)
  // Held, not blind: whatever hides the certificate is told by the dependency itself.
  if (expiry === null) return [{ spec: cert.ends, look: noCertificate(summary) }]
  const evidence = { summary: expiry.summary, details: [target.shown, ...expiry.details] }
  return [
    { spec: expiry.expired ? cert.ended : cert.ends, look: seen(expiry.active, evidence, { value: expiry.daysLeft }) }
  ]
}

const noCertificate = (why: string): MissedLook => held(`no certificate to look at: ${why}`)

const unseenText = (found: ReadonlyArray<Found>): string | undefined => {
  const reasons = found.flatMap(({ unseen }) => (unseen === undefined ? [] : [unseen]))
  return reasons.length === 0 ? undefined : reasons.join("; ")
}
