/**
 * How long tasks of the host wait for CPU, memory and I/O (PSI), from /proc/pressure.
 *
 * `some avg60`: the share of the last minute in which at least one task waited. A kernel without PSI (before 4.20, or switched off)
 * has no such signals: unsupported is neither 0 nor an alert.
 */
import { Context, Effect, Layer } from "effect"
import * as Keys from "../base/Keys.ts"
import type { Policy, SignalSpec } from "../decision/index.ts"
import { cadenceOf, intervalKey } from "./Cadence.ts"
import { type CollectError, type Collector, type Report, entry as collectorEntry, missed } from "./Collector.ts"
import { ceilingAt, ceilingText, measured } from "./host/Measured.ts"
import { type ReadProc, hostRoot, isAbsent, makeReadProc, procPaths } from "./host/Proc.ts"

export const keys = {
  ceiling: Keys.percent("WATCHDOG_PRESSURE_CEILING", {
    about: "percent of the last minute in which some task waited for CPU, memory or I/O (PSI, some avg60) that alerts",
    fallback: undefined
  })
}

const interval = intervalKey("pressure")

/**
 * It clears below half. Stalls come in bursts: one of 6 s alone moves avg60 by 10 points (1 - e^(-6/60)), and avg60 falls to half
 * only after 42 s (60 s x ln 2) without any.
 */
const clearBelowShare = 0.5

const kinds = ["cpu", "memory", "io"] as const
type Kind = (typeof kinds)[number]

const waitedFor: Readonly<Record<Kind, string>> = { cpu: "a CPU", memory: "memory", io: "I/O" }

interface Averages {
  readonly avg10: number
  readonly avg60: number
  readonly avg300: number
}

export interface Pressures {
  readonly some: Averages
  /** All tasks at once; of the CPU it says nothing for a whole host, and older kernels have none. */
  readonly full: Averages | undefined
}

const averagesOf = (text: string, line: "some" | "full"): Averages | undefined => {
  const found = new RegExp(
    `^${line} avg10=(\\d{1,3}\\.\\d+) avg60=(\\d{1,3}\\.\\d+) avg300=(\\d{1,3}\\.\\d+) total=\\d+$`,
    "m"
  ).exec(text)
  if (found === null) return undefined
  const [avg10 = 0, avg60 = 0, avg300 = 0] = found.slice(1).map(Number)
  return { avg10, avg60, avg300 }
}

/** Reads a file of /proc/pressure; undefined if it is none. Fails: never. */
export const parsePressure = (text: string): Pressures | undefined => {
  const some = averagesOf(text, "some")
  return some === undefined ? undefined : { some, full: averagesOf(text, "full") }
}

/** Not there, or switched off at boot. libuv has one name for two that are one number on Linux. */
const isUnsupported = (error: CollectError): boolean =>
  isAbsent(error) || error.errno === "ENOTSUP" || error.errno === "EOPNOTSUPP"

const whyUnsupported = (error: CollectError): string =>
  isAbsent(error) ? "it has no PSI" : "PSI is switched off (boot it with psi=1)"

export class Pressure extends Context.Service<Pressure, Collector>()("watchdog/collector/Pressure") {
  static readonly layer = Layer.effect(
    Pressure,
    Effect.gen(function* () {
      const settings = yield* Keys.Settings
      const ceiling = settings.get(keys.ceiling)
      const cadence = cadenceOf(settings, interval)
      const read = yield* makeReadProc(cadence.timeoutMs)
      const { policy } = cadenceOf(settings, interval, ceilingAt(ceiling, (ceiling ?? 0) * clearBelowShare))
      const look = lookAt(read, settings.get(hostRoot) ?? "/", policy)
      return Pressure.of({
        name: "pressure",
        ...cadence,
        watches: `pressure of CPU, memory and I/O (${ceilingText(ceiling, "%")})`,
        off: false,
        collect: () =>
          Effect.map(Effect.forEach(kinds, look, { concurrency: "unbounded" }), (ones) =>
            together(ones, settings.isSet(keys.ceiling))
          )
      })
    })
  )
}

export const entry = collectorEntry("pressure", Pressure, Pressure.layer, interval, keys)

type One =
  | { readonly _tag: "Look"; readonly spec: SignalSpec; readonly found: Pressures; readonly kind: Kind }
  | { readonly _tag: "Missed"; readonly spec: SignalSpec; readonly reason: string }
  | { readonly _tag: "Unsupported"; readonly spec: SignalSpec; readonly why: string }

const lookAt = (read: ReadProc, root: string, policy: Policy) => {
  const everSeen = new Set<Kind>()
  return (kind: Kind): Effect.Effect<One> => {
    const spec: SignalSpec = { signal: `pressure:${kind}`, severity: "warning", policy }
    return Effect.match(read(procPaths(root, `pressure/${kind}`)), {
      onFailure: (error): One =>
        isUnsupported(error) && !everSeen.has(kind)
          ? { _tag: "Unsupported", spec, why: whyUnsupported(error) }
          : { _tag: "Missed", spec, reason: error.message },
      onSuccess: ({ text, path }): One => {
        everSeen.add(kind)
        const found = parsePressure(text)
        return found === undefined
          ? { _tag: "Missed", spec, reason: `${path}: there is no pressure in it` }
          : { _tag: "Look", spec, found, kind }
      }
    })
  }
}

const together = (ones: ReadonlyArray<One>, hasCeiling: boolean): Report => {
  const without = ones.flatMap((one) => (one._tag === "Unsupported" ? [one] : []))
  const reasons = ones.flatMap((one) => (one._tag === "Missed" ? [one.reason] : []))
  const inVain = hasCeiling ? `, and ${keys.ceiling.name} has no effect there` : ""
  return {
    looks: ones.flatMap((one) => {
      if (one._tag === "Unsupported") return []
      return [{ spec: one.spec, look: one._tag === "Missed" ? missed(one.reason) : lookOf(one) }]
    }),
    complete: true,
    unseen: reasons.length === 0 ? undefined : reasons.join("; "),
    oddities: [...new Set(without.map(({ why }) => why))].map((why) => {
      const signals = without.filter((one) => one.why === why).map(({ spec }) => spec.signal)
      return `unsupported on this kernel: ${signals.join(", ")} (${why})${inVain}`
    })
  }
}

const lookOf = ({ spec, found: { some, full }, kind }: One & { readonly _tag: "Look" }) =>
  measured(spec.policy, some.avg60, "%", `some task waited for ${waitedFor[kind]} ${some.avg60}% of the last minute`, [
    `${some.avg10}% of the last 10 s, ${some.avg300}% of the last 5 min`,
    ...(full === undefined || kind === "cpu" ? [] : [`all tasks at once: ${full.avg60}% of the last minute`])
  ])
