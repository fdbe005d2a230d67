/**
 * Which mounts have turned read-only.
 *
 * After an error ext4, btrfs and others go read-only and stay mounted: what runs there goes on until it writes. The kernel's doing
 * can be told from a person's: `mount -o remount,ro` marks the mount itself too, the kernel only the file system.
 */
import { type Mount, isDisk, mountOf } from "./Mounts.ts"

export interface Verdict {
  /** The mount's name in `readonly:<mount>`. */
  readonly point: string
  readonly active: boolean
  readonly summary: string
  readonly details: ReadonlyArray<string>
}

export interface Verdicts {
  readonly verdicts: ReadonlyArray<Verdict>
  /** What is known from now on to have been writable; only of mounts that are there. */
  readonly writable: ReadonlySet<string>
  /** Mounts left out because there are too many. */
  readonly leftOut: number
}

export interface Seeing {
  /** Whose mounts are watched whatever they are, and however they turned. */
  readonly paths: ReadonlyArray<string>
  /** False where each mount's own options are our container's (its view of the host is read-only), not the host's. */
  readonly ownOptions: boolean
}

/** Far more disks than a host has; one that mounts and unmounts without end stays bounded. */
const mountsMax = 256

/**
 * ext4 says in a word of its own that an error took it down, and from Linux 6.15 on no longer turns `ro` (seen on 6.18:
 * `rw,errors=remount-ro,emergency_ro` after an error).
 */
const takenDown = ["emergency_ro", "shutdown"]

/** What identifies a mount between two looks. */
const keyOf = ({ device, point }: Mount): string => `${device} ${point}`

/** One mount for each file system: the one nearest to its root and then of the shortest name, so that bind mounts say nothing twice. */
const representatives = (mounts: ReadonlyArray<Mount>): ReadonlyArray<Mount> => {
  const best = new Map<string, Mount>()
  for (const mount of mounts) {
    const before = best.get(mount.device)
    if (before === undefined || order(mount, before) < 0) best.set(mount.device, mount)
  }
  return [...best.values()]
}

const order = (a: Mount, b: Mount): number =>
  a.root.length - b.root.length || a.point.length - b.point.length || (a.point < b.point ? -1 : 1)

/** The mounts that are watched: those of the paths, and one of every other file system on a disk. */
const watched = (mounts: ReadonlyArray<Mount>, paths: ReadonlyArray<string>) => {
  const named = new Set(paths.map((at) => mountOf(mounts, at)).filter((mount) => mount !== undefined))
  const devices = new Set([...named].map(({ device }) => device))
  const others = representatives(mounts.filter((mount) => isDisk(mount) && !devices.has(mount.device)))
  return { named, all: [...named, ...others] }
}

/**
 * Judges a list of mounts. Shape: (list, what was writable before, what to see) -> verdicts and what is writable now. Fails: never.
 *
 * A disk's mount is active where the kernel turned its file system read-only; that of a watched path also where anyone did while
 * we looked, or where it was to turn read-only on an error (`errors=remount-ro`) and is.
 */
export const judge = (mounts: ReadonlyArray<Mount>, before: ReadonlySet<string>, seeing: Seeing): Verdicts => {
  const { named, all } = watched(mounts, seeing.paths)
  const kept = all.slice(0, mountsMax)
  const writable = new Set<string>()
  const verdicts = kept.map((mount): Verdict => {
    const wasWritable = before.has(keyOf(mount))
    const why = reason(mount, wasWritable, named.has(mount), seeing.ownOptions)
    const isReadOnly = readOnly(mount, seeing.ownOptions)
    if (wasWritable || !isReadOnly) writable.add(keyOf(mount))
    return why === undefined
      ? { point: mount.point, active: false, summary: isReadOnly ? quiet(wasWritable) : "writable", details: [] }
      : { point: mount.point, active: true, summary: why, details: [detail(mount, seeing.ownOptions)] }
  })
  return { verdicts, writable, leftOut: all.length - kept.length }
}

const isTakenDown = ({ superOptions }: Mount): boolean => takenDown.some((word) => superOptions.has(word))

const readOnly = (mount: Mount, ownOptions: boolean): boolean =>
  isTakenDown(mount) || mount.superOptions.has("ro") || (ownOptions && mount.options.has("ro"))

const byTheKernel = "read-only by the kernel's doing, as after an error of the file system or its disk"

const reason = (mount: Mount, wasWritable: boolean, isNamed: boolean, ownOptions: boolean): string | undefined => {
  if (mount.superOptions.has("shutdown")) return "shut down by the kernel, as after an error: nothing can be written"
  if (isTakenDown(mount)) return byTheKernel
  if (!readOnly(mount, ownOptions)) return undefined
  if (ownOptions && isDisk(mount) && mount.superOptions.has("ro") && mount.options.has("rw")) return byTheKernel
  if (wasWritable && (isNamed || !ownOptions)) return "turned read-only: it was writable before"
  if (isNamed && mount.superOptions.has("errors=remount-ro"))
    return "read-only, and to turn so on an error (errors=remount-ro)"
  return undefined
}

const quiet = (wasWritable: boolean): string =>
  wasWritable ? "remounted read-only, not by the kernel" : "read-only, as it was found"

/** Only the words that matter here: options of network and FUSE mounts can hold what nobody should read. */
const tellingOption = /^(rw|ro|errors=[\w-]+|emergency_ro|shutdown)$/

const detail = ({ kind, source, options, superOptions }: Mount, ownOptions: boolean): string => {
  const own = [...options].filter((option) => option === "ro" || option === "rw").join(",")
  const whole = [...superOptions].filter((option) => tellingOption.test(option)).join(",")
  return [
    source.startsWith("/dev/") ? `${kind} on ${source}` : kind,
    ...(ownOptions ? [`mounted ${own}`] : []),
    `file system ${whole}`,
    "the kernel's log (dmesg) says why"
  ].join("; ")
}
