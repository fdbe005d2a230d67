/**
 * Disks of the host: how full they are, how many inodes are left, and which have turned read-only.
 *
 * Values are always looked at. Their ceilings are opt-in, because 85 % belongs to the orchestrator's own disk watchdog and one
 * fact has one owner; a disk that turned read-only is always told.
 */
import * as path from "node:path"
import { Context, Effect, Layer, Option, Result, type Scope } from "effect"
import * as Keys from "../base/Keys.ts"
import type { SignalSpec } from "../decision/index.ts"
import { cadenceOf, intervalKey } from "./Cadence.ts"
import {
  CollectError,
  type Collector,
  type Report,
  type SignalLook,
  entry as collectorEntry,
  missed,
  seen
} from "./Collector.ts"
import { type Stats, errnoText, hostFs } from "./host/HostFs.ts"
import { ceilingAt, ceilingText, measured, sizeText } from "./host/Measured.ts"
import { type Mount, below, parseMountinfo } from "./host/Mounts.ts"
import { makePatience } from "./host/Patience.ts"
import { hostRoot, isAbsent, makeReadProc } from "./host/Proc.ts"
import { judge } from "./host/ReadOnly.ts"

export const keys = {
  ceiling: Keys.percent("WATCHDOG_DISK_CEILING", {
    about: "percent in use, as df counts it, that alerts (97 is what it is for); off = not ours to watch",
    fallback: undefined
  }),
  inodes: Keys.percent("WATCHDOG_INODE_CEILING", {
    about: "percent of inodes in use that alerts",
    fallback: undefined
  }),
  paths: Keys.custom<ReadonlyArray<string>>("WATCHDOG_DISK_PATHS", {
    about: "mounts to watch, comma separated, as the host names them",
    fallback: ["/"],
    parse: (raw) => {
      const items = raw.split(",").map((item) => item.trim())
      return items.every((item) => item.startsWith("/"))
        ? Result.succeed([...new Set(items)])
        : Result.fail("absolute paths separated by commas, such as /,/var")
    },
    show: (items) => items.join(",")
  }),
  hostRoot
}

const interval = intervalKey("disk")

/** It must fall this far below the ceiling before it counts as well again: a log that grows and is cut would flap. */
const diskClearBelowPercent = 2
/** A spool or a cache makes and removes files all the time. */
const inodesClearBelowPercent = 2

/**
 * A `statfs` on a dead mount never returns and holds a thread of libuv's pool. Two may be stuck at most, of the 16 threads the
 * watchdog runs with; whatever else is to be looked at then waits and is Missed.
 */
const stuckMax = 2

/**
 * Percent in use as `df` shows it: rounded up, of what an ordinary user could have; null for a file system without blocks.
 * Source: coreutils df: ceil(100 * used / (used + available)). Blocks reserved for root are not in the base.
 */
export const usedPercent = ({ blocks, bfree, bavail }: Pick<Stats, "blocks" | "bfree" | "bavail">): number | null => {
  const used = blocks - bfree
  return ceilPercent(used, used + (bavail > 0n ? bavail : 0n))
}

/** Percent of inodes in use, as `df -i` shows it; null where there is no limit to them (btrfs, vfat, network file systems). */
export const inodesPercent = ({ files, ffree }: Pick<Stats, "files" | "ffree">): number | null =>
  ceilPercent(files - ffree, files)

const ceilPercent = (used: bigint, total: bigint): number | null =>
  used < 0n || total <= 0n ? null : Number((used * 100n + total - 1n) / total)

export class Disk extends Context.Service<Disk, Collector>()("watchdog/collector/Disk") {
  static readonly layer = Layer.effect(
    Disk,
    Effect.gen(function* () {
      const settings = yield* Keys.Settings
      const ceiling = settings.get(keys.ceiling)
      const inodeCeiling = settings.get(keys.inodes)
      const paths = settings.get(keys.paths)
      const root = settings.get(hostRoot) ?? "/"
      const cadence = cadenceOf(settings, interval)
      const lookAtDisk = yield* makeLookAtDisk({
        root,
        timeoutMs: cadence.timeoutMs,
        disk: cadenceOf(settings, interval, ceilingAt(ceiling, diskClearBelowPercent)).policy,
        inodes: cadenceOf(settings, interval, ceilingAt(inodeCeiling, inodesClearBelowPercent)).policy
      })
      const lookAtMounts = yield* makeLookAtMounts(root, cadence.timeoutMs, paths, cadence.policy)
      return Disk.of({
        name: "disk",
        ...cadence,
        watches: `disk (${ceilingText(ceiling, "%")}) and inodes (${ceilingText(inodeCeiling, "%")}) of ${paths.join(", ")}, and disks that turn read-only`,
        off: false,
        collect: () =>
          Effect.map(
            Effect.all([Effect.forEach(paths, lookAtDisk, { concurrency: "unbounded" }), lookAtMounts], {
              concurrency: "unbounded"
            }),
            ([disks, mounts]) => together([...disks, mounts])
          )
      })
    })
  )
}

export const entry = collectorEntry("disk", Disk, Disk.layer, interval, keys)

/** What one source has to say of its signals. */
interface Part extends Pick<Report, "looks" | "complete" | "oddities"> {
  /** What could not be seen, besides the signals that were Missed. */
  readonly unseen: ReadonlyArray<string>
}

/** What cannot be looked at is blindness, and said as such, once: nobody else would notice. */
const together = (parts: ReadonlyArray<Part>): Report => {
  const looks = parts.flatMap((part) => part.looks)
  const reasons = new Set([
    ...looks.flatMap(({ look }) => (look._tag === "Missed" ? [look.reason] : [])),
    ...parts.flatMap((part) => part.unseen)
  ])
  return {
    looks,
    complete: parts.every((part) => part.complete),
    unseen: reasons.size === 0 ? undefined : [...reasons].join("; "),
    oddities: parts.flatMap((part) => part.oddities)
  }
}

/* How full */

interface Watching {
  readonly root: string
  readonly timeoutMs: number
  readonly disk: SignalSpec["policy"]
  readonly inodes: SignalSpec["policy"]
}

type Answer =
  | { readonly _tag: "Stats"; readonly stats: Stats }
  | { readonly _tag: "Error"; readonly code: string }
  | { readonly _tag: "NoRoot" }

/** Looks at one mount in time or says that it could not; a call that hangs keeps its place until it really returns. */
const makeLookAtDisk = (
  watching: Watching
): Effect.Effect<(mount: string) => Effect.Effect<Part>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const files = yield* Effect.service(hostFs)
    const inTime = yield* makePatience<Answer>(watching.timeoutMs, stuckMax)
    /** Mounts that have an end of inodes: what cannot be seen of them is Missed, not absent. */
    const limited = new Set<string>()

    const statFs = (at: string): Effect.Effect<Answer> =>
      Effect.match(
        Effect.suspend(() => files.statFs(at)),
        {
          onFailure: ({ code }): Answer => ({ _tag: "Error", code }),
          onSuccess: (stats): Answer => ({ _tag: "Stats", stats })
        }
      )

    const ask = (mount: string): Effect.Effect<Answer> =>
      Effect.flatMap(statFs(path.join(watching.root, mount)), (answer) => {
        if (watching.root === "/" || answer._tag !== "Error" || answer.code !== "ENOENT") return Effect.succeed(answer)
        return Effect.map(statFs(watching.root), (root) =>
          root._tag === "Error" && root.code === "ENOENT" ? { _tag: "NoRoot" } : answer
        )
      })

    return (mount) =>
      Effect.map(inTime(mount, ask(mount)), (answer) => {
        const disk: SignalSpec = { signal: `disk:${mount}`, severity: "critical", policy: watching.disk }
        const inodes: SignalSpec = { signal: `inodes:${mount}`, severity: "critical", policy: watching.inodes }
        const stats = statsOf(mount, watching, answer)
        if (typeof stats === "string") {
          const specs = limited.has(mount) ? [disk, inodes] : [disk]
          return part(specs.map((spec) => ({ spec, look: missed(stats) })))
        }
        const inodesLook = inodesLookOf(inodes, stats)
        if (inodesLook === undefined) limited.delete(mount)
        else limited.add(mount)
        return part([
          { spec: disk, look: diskLook(mount, disk, stats) },
          ...(inodesLook === undefined ? [] : [{ spec: inodes, look: inodesLook }])
        ])
      })
  })

const part = (looks: ReadonlyArray<SignalLook>): Part => ({ looks, complete: true, unseen: [], oddities: [] })

/** What was counted, or why not. */
const statsOf = (mount: string, { root, timeoutMs }: Watching, answer: Option.Option<Answer>): Stats | string => {
  if (Option.isNone(answer))
    return `statfs of ${mount} has not answered within ${timeoutMs} ms: the mount hangs, or waits behind one that does`
  const found = answer.value
  if (found._tag === "Stats") return found.stats
  if (found._tag === "NoRoot")
    return `${hostRoot.name} is ${root}, and nothing is there: mount the host's root there read-only, as compose.yaml does, or leave the key unset where the watchdog does not run in a container`
  return `statfs of ${mount}: ${found.code === "ENOENT" ? "no such path" : errnoText(found.code)}`
}

/** FUSE counts its blocks in another size than it says: percentages hold, sizes do not. Source: magic.h, FUSE_SUPER_MAGIC. */
const fuseType = 0x65735546n

const diskLook = (mount: string, spec: SignalSpec, stats: Stats): SignalLook["look"] => {
  const percent = usedPercent(stats)
  if (percent === null) return missed(`${mount} has no blocks to count`)
  const { blocks, bfree, bavail, bsize, type } = stats
  const available = bavail > 0n ? bavail : 0n
  const sizes = `, ${sizeText(Number(available * bsize))} available of ${sizeText(Number((blocks - bfree + available) * bsize))}`
  return measured(spec.policy, percent, "%", `${percent}% in use${type === fuseType ? "" : sizes}`)
}

const inodesLookOf = (spec: SignalSpec, stats: Stats): SignalLook["look"] | undefined => {
  const percent = inodesPercent(stats)
  if (percent === null) return undefined
  return measured(spec.policy, percent, "%", `${percent}% of inodes in use, ${stats.ffree} free of ${stats.files}`)
}

/* Read-only */

/** Looks at the list of mounts, and remembers which were writable. */
const makeLookAtMounts = (
  root: string,
  timeoutMs: number,
  paths: ReadonlyArray<string>,
  policy: SignalSpec["policy"]
): Effect.Effect<Effect.Effect<Part>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const read = yield* makeReadProc(timeoutMs)
    // PID 1's list is the host's; ours is that of our container, and all there is where /proc hides other users' processes.
    const hosts = path.join(root, "proc/1/mountinfo")
    const ours = "/proc/self/mountinfo"
    let writable: ReadonlySet<string> = new Set()
    let known: ReadonlyArray<SignalSpec> = []

    const unread = (error: CollectError): Part => ({
      looks: known.map((spec) => ({ spec, look: missed(error.message) })),
      complete: true,
      unseen: isAbsent(error) ? [] : [error.message],
      oddities: isAbsent(error) ? ["disks that turn read-only are not seen: this system has no /proc/1/mountinfo"] : []
    })

    const judged = (mounts: ReadonlyArray<Mount>, badLines: number, ownOptions: boolean): Part => {
      const found = judge(mounts, writable, { paths, ownOptions })
      writable = found.writable
      const looks = found.verdicts.map(({ point, active, summary, details }) => ({
        spec: { signal: `readonly:${point}`, severity: "critical", policy } as const,
        look: seen(active, { summary, details })
      }))
      known = looks.map(({ spec }) => spec)
      return {
        looks,
        complete: badLines === 0,
        unseen: [],
        oddities: [
          ...(badLines === 0 ? [] : [`${badLines} mounts of the list cannot be read`]),
          ...(found.leftOut === 0 ? [] : [`${found.leftOut} mounts are too many to watch for turning read-only`])
        ]
      }
    }

    return Effect.match(read([hosts, ours]), {
      onFailure: unread,
      onSuccess: ({ text, path: at }) => {
        const { mounts, badLines } = parseMountinfo(text)
        // A host without a mount is none: nothing may be taken for gone.
        if (mounts.length === 0)
          return unread(new CollectError({ reason: "Malformed", detail: `${at}: there is no mount in it` }))
        const seesHost = at === hosts || root === "/"
        return judged(seesHost ? mounts : below(mounts, root), badLines, seesHost)
      }
    })
  })
