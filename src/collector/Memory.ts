/**
 * Memory and swap in use on the host, from /proc/meminfo.
 *
 * In use is what could not be had without swapping: page cache is no use of memory. Out-of-memory kills of the whole host are
 * evidence here and no signal of their own: a moment has no end.
 */
import { Context, Effect, Layer, Result } from "effect"
import * as Keys from "../base/Keys.ts"
import { type SignalSpec, durationText } from "../decision/index.ts"
import { cadenceOf, intervalKey } from "./Cadence.ts"
import {
  CollectError,
  type Collector,
  type Report,
  type SignalLook,
  entry as collectorEntry,
  missed
} from "./Collector.ts"
import { ceilingAt, ceilingText, measured, sizeText, unsupported } from "./host/Measured.ts"
import { type ReadProc, hostRoot, isAbsent, makeReadProc, procPaths } from "./host/Proc.ts"

export const keys = {
  memory: Keys.percent("WATCHDOG_MEMORY_CEILING", {
    about: "percent of the host's memory in use, page cache not counted, that alerts",
    fallback: undefined
  }),
  swap: Keys.percent("WATCHDOG_SWAP_CEILING", {
    about: "percent of the host's swap in use that alerts",
    fallback: undefined
  })
}

const interval = intervalKey("memory")

/** A garbage collector or a batch job takes and gives back a few percent all the time. */
const memoryClearBelowPercent = 5
/** What was swapped out comes back only when it is touched: it falls slowly, and a few percent say nothing. */
const swapClearBelowPercent = 5

/** Bytes. */
export interface Meminfo {
  readonly total: number
  readonly available: number
  /** True on kernels before 3.14, which do not say what is available. */
  readonly estimated: boolean
  /** Null where there is no swap; `free` is null where it makes no sense. */
  readonly swap: { readonly total: number; readonly free: number | null } | null
}

/** Reads /proc/meminfo; the reason if it is none. Fails: never. */
export const parseMeminfo = (text: string): Result.Result<Meminfo, string> => {
  const fields = new Map<string, number>()
  for (const [, name = "", kB] of text.matchAll(/^([^\s:]+):[ \t]*(\d{1,15}) kB$/gm))
    fields.set(name, Number(kB) * 1_024)
  const total = fields.get("MemTotal") ?? 0
  if (total === 0) return Result.fail("there is no MemTotal in it")
  const known = fields.get("MemAvailable")
  const free = fields.get("MemFree")
  if (known === undefined && free === undefined) return Result.fail("there is neither MemAvailable nor MemFree in it")
  // Free and page cache, as `free` counted before the kernel did; it takes shared memory for available.
  const available = known ?? (free ?? 0) + (fields.get("Buffers") ?? 0) + (fields.get("Cached") ?? 0)
  const swapTotal = fields.get("SwapTotal") ?? 0
  const swapFree = fields.get("SwapFree")
  return Result.succeed({
    total,
    available: Math.min(available, total),
    estimated: known === undefined,
    swap:
      swapTotal === 0
        ? null
        : { total: swapTotal, free: swapFree === undefined || swapFree > swapTotal ? null : swapFree }
  })
}

export const percentUsed = (free: number, total: number): number => Math.round((100 * (total - free)) / total)

/** The host's count of out-of-memory kills (since 4.13, those of containers included); undefined where it has none. */
export const parseOomKills = (vmstat: string): number | undefined => {
  const found = /^oom_kill (\d{1,15})$/m.exec(vmstat)
  return found === null ? undefined : Number(found[1])
}

/** Kills older than this are no evidence for what is wrong now. */
const killsKeptMs = 3_600_000

export interface Kills {
  /** The counter at the last look; null before the first. */
  readonly count: number | null
  readonly recent: ReadonlyArray<{ readonly atMs: number; readonly killed: number }>
}

export const noKills: Kills = { count: null, recent: [] }

/** Takes a look at the counter in. A counter that fell is another host's: it counts anew. */
export const countKills = (kills: Kills, count: number | undefined, nowMs: number): Kills => {
  const recent = kills.recent.filter(({ atMs }) => nowMs - atMs <= killsKeptMs)
  if (count === undefined) return { count: kills.count, recent }
  const killed = kills.count === null ? 0 : count - kills.count
  return { count, recent: killed > 0 ? [...recent, { atMs: nowMs, killed }] : recent }
}

export const killLines = ({ recent }: Kills, nowMs: number): ReadonlyArray<string> => {
  const last = recent.at(-1)
  if (last === undefined) return []
  const killed = recent.reduce((sum, one) => sum + one.killed, 0)
  return [
    `out-of-memory kills on this host: ${killed} within the last hour, the last ${durationText(nowMs - last.atMs)} ago`
  ]
}

export class Memory extends Context.Service<Memory, Collector>()("watchdog/collector/Memory") {
  static readonly layer = Layer.effect(
    Memory,
    Effect.gen(function* () {
      const settings = yield* Keys.Settings
      const ceiling = settings.get(keys.memory)
      const swapCeiling = settings.get(keys.swap)
      const cadence = cadenceOf(settings, interval)
      const root = settings.get(hostRoot) ?? "/"
      const read = yield* makeReadProc(cadence.timeoutMs)
      const meminfo = procPaths(root, "meminfo")
      const watching: Watching = {
        memory: {
          signal: "memory",
          severity: "warning",
          policy: cadenceOf(settings, interval, ceilingAt(ceiling, memoryClearBelowPercent)).policy
        },
        swap: {
          signal: "swap",
          severity: "warning",
          policy: cadenceOf(settings, interval, ceilingAt(swapCeiling, swapClearBelowPercent)).policy
        },
        kills: noKills,
        everRead: false
      }
      return Memory.of({
        name: "memory",
        ...cadence,
        watches: `memory (${ceilingText(ceiling, "%")}) and swap (${ceilingText(swapCeiling, "%")})`,
        off: false,
        collect: (tick) =>
          Effect.all([read(meminfo), readKills(read, root)], { concurrency: "unbounded" }).pipe(
            Effect.flatMap(([{ text, path }, kills]) => {
              watching.everRead = true
              const found = parseMeminfo(text)
              if (Result.isFailure(found))
                return Effect.fail(new CollectError({ reason: "Malformed", detail: `${path}: ${found.failure}` }))
              watching.kills = countKills(watching.kills, kills.count, tick.asOfMs)
              return Effect.succeed(reportOf(watching, found.success, kills.oddities, tick.asOfMs))
            }),
            Effect.catchIf(
              (error) => isAbsent(error) && !watching.everRead,
              () => Effect.succeed(unsupported("it has no /proc/meminfo"))
            )
          )
      })
    })
  )
}

export const entry = collectorEntry("memory", Memory, Memory.layer, interval, keys)

interface Watching {
  readonly memory: SignalSpec
  readonly swap: SignalSpec
  kills: Kills
  everRead: boolean
}

interface CountedKills {
  readonly count: number | undefined
  readonly oddities: ReadonlyArray<string>
}

/** Evidence only: where it cannot be had, memory is still looked at. */
const readKills = (read: ReadProc, root: string): Effect.Effect<CountedKills> =>
  Effect.match(read(procPaths(root, "vmstat")), {
    onFailure: (error): CountedKills => ({
      count: undefined,
      oddities: isAbsent(error) ? [] : [`out-of-memory kills cannot be counted: ${error.message}`]
    }),
    onSuccess: ({ text }): CountedKills => ({ count: parseOomKills(text), oddities: [] })
  })

const reportOf = (watching: Watching, found: Meminfo, oddities: ReadonlyArray<string>, nowMs: number): Report => {
  const { total, available, estimated } = found
  const percent = percentUsed(available, total)
  const summary = `${percent}% in use, ${sizeText(available)} available of ${sizeText(total)}`
  const swap = swapLook(watching.swap, found.swap)
  const details = [
    ...killLines(watching.kills, nowMs),
    ...(found.swap?.free == null
      ? []
      : [`swap: ${sizeText(found.swap.total - found.swap.free)} of ${sizeText(found.swap.total)} in use`]),
    ...(estimated ? ["available is estimated: this kernel does not say it"] : [])
  ]
  const look = measured(watching.memory.policy, percent, "%", summary, details)
  return {
    looks: [{ spec: watching.memory, look }, ...swap],
    complete: true,
    unseen: swap.flatMap(({ look }) => (look._tag === "Missed" ? [look.reason] : []))[0],
    oddities
  }
}

/** A host without swap has no such signal. */
const swapLook = (spec: SignalSpec, swap: Meminfo["swap"]): ReadonlyArray<SignalLook> => {
  if (swap === null) return []
  if (swap.free === null) return [{ spec, look: missed("swap: SwapFree makes no sense beside SwapTotal") }]
  const percent = percentUsed(swap.free, swap.total)
  const summary = `${percent}% in use, ${sizeText(swap.total - swap.free)} of ${sizeText(swap.total)}`
  return [{ spec, look: measured(spec.policy, percent, "%", summary) }]
}
