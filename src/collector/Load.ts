/**
 * The host's load per core, from /proc/loadavg and the cores in /proc/stat.
 *
 * The average over 5 minutes. That over 1 minute crosses any ceiling within seconds of a cron job and would flap; that over
 * 15 minutes tells a saturated host a quarter of an hour late. What must be seen sooner shows as pressure.
 *
 * Cores are counted in the host's /proc/stat: Node's own count is what our container may use.
 */
import { Context, Effect, Layer, Result } from "effect"
import * as Keys from "../base/Keys.ts"
import { cadenceOf, intervalKey } from "./Cadence.ts"
import { CollectError, type Collector, type Report, entry as collectorEntry } from "./Collector.ts"
import type { SignalSpec } from "../decision/index.ts"
import { ceilingAt, ceilingText, measured, unsupported } from "./host/Measured.ts"
import { hostRoot, isAbsent, makeReadProc, procPaths } from "./host/Proc.ts"

export const keys = {
  ceiling: Keys.custom<number | undefined>("WATCHDOG_LOAD_CEILING", {
    about: "load over 5 minutes per core of the host that alerts, such as 1.5",
    fallback: undefined,
    fallbackText: "off",
    parse: (raw) => {
      if (raw.toLowerCase() === "off") return Result.succeed(undefined)
      const value = /^\d{1,6}(\.\d+)?$/.test(raw) ? Number(raw) : 0
      return value > 0 ? Result.succeed(value) : Result.fail("a number above 0, such as 1.5, or off")
    },
    show: (value) => (value === undefined ? "off" : String(value))
  })
}

const interval = intervalKey("load")

/** A load at the ceiling wobbles by a tenth or so even over 5 minutes; a fifth below it has really fallen. */
const clearBelowShare = 0.2

export interface Loadavg {
  /** Over 1, 5 and 15 minutes. */
  readonly averages: readonly [number, number, number]
  readonly running: number
  readonly tasks: number
}

/** Reads /proc/loadavg; undefined if it is none. Fails: never. */
export const parseLoadavg = (text: string): Loadavg | undefined => {
  const found = /^(\d{1,9}\.\d+) (\d{1,9}\.\d+) (\d{1,9}\.\d+) (\d{1,9})\/(\d{1,9})(?: \d+)?\s*$/.exec(text)
  if (found === null) return undefined
  const [one = 0, five = 0, fifteen = 0, running = 0, tasks = 0] = found.slice(1).map(Number)
  return { averages: [one, five, fifteen], running, tasks }
}

/** Cores that are up, and tasks that wait for a disk, of /proc/stat. */
export const parseStat = (text: string): { readonly cores: number; readonly blocked: number | undefined } => {
  const blocked = /^procs_blocked (\d{1,9})$/m.exec(text)
  return {
    cores: text.match(/^cpu\d+ /gm)?.length ?? 0,
    blocked: blocked === null ? undefined : Number(blocked[1])
  }
}

export class Load extends Context.Service<Load, Collector>()("watchdog/collector/Load") {
  static readonly layer = Layer.effect(
    Load,
    Effect.gen(function* () {
      const settings = yield* Keys.Settings
      const ceiling = settings.get(keys.ceiling)
      const cadence = cadenceOf(settings, interval)
      const root = settings.get(hostRoot) ?? "/"
      const read = yield* makeReadProc(cadence.timeoutMs)
      let everRead = false
      const spec: SignalSpec = {
        signal: "load",
        severity: "warning",
        policy: cadenceOf(settings, interval, ceilingAt(ceiling, (ceiling ?? 0) * clearBelowShare)).policy
      }
      return Load.of({
        name: "load",
        ...cadence,
        watches: `load per core (${ceilingText(ceiling, "")})`,
        off: false,
        collect: () =>
          Effect.all([read(procPaths(root, "loadavg")), read(procPaths(root, "stat"))], {
            concurrency: "unbounded"
          }).pipe(
            Effect.flatMap(([loadavg, stat]): Effect.Effect<Report, CollectError> => {
              everRead = true
              const load = parseLoadavg(loadavg.text)
              if (load === undefined) return malformed(loadavg.path, "there are no load averages in it")
              const { cores, blocked } = parseStat(stat.text)
              if (cores === 0) return malformed(stat.path, "there is no core in it")
              return Effect.succeed({
                looks: [{ spec, look: lookOf(spec, load, cores, blocked) }],
                complete: true,
                oddities: []
              })
            }),
            Effect.catchIf(
              (error) => isAbsent(error) && !everRead,
              () => Effect.succeed(unsupported("it has no /proc/loadavg or no /proc/stat"))
            )
          )
      })
    })
  )
}

export const entry = collectorEntry("load", Load, Load.layer, interval, keys)

const malformed = (path: string, what: string): Effect.Effect<never, CollectError> =>
  Effect.fail(new CollectError({ reason: "Malformed", detail: `${path}: ${what}` }))

const lookOf = (
  spec: SignalSpec,
  { averages, running, tasks }: Loadavg,
  cores: number,
  blocked: number | undefined
) => {
  const perCore = Math.round((100 * averages[1]) / cores) / 100
  return measured(
    spec.policy,
    perCore,
    "",
    `${perCore} per core over 5 min (load ${averages[1]} on ${cores} ${cores === 1 ? "core" : "cores"})`,
    [
      `load ${averages.join(", ")} over 1, 5, 15 min; ${running} of ${tasks} tasks run or want to`,
      ...(blocked === undefined || blocked === 0 ? [] : [`${blocked} wait for a disk, which counts as load`])
    ]
  )
}
