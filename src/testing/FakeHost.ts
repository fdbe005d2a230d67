/**
 * A host without files: what is read of /proc and asked of disks is what the test says, at once, so that a test clock may move.
 *
 * As it is made, it is well: 4 cores, 8 GiB, no swap, one writable disk.
 */
import { Effect } from "effect"
import { type HostFs, HostFsError, type Stats } from "../collector/host/HostFs.ts"

/** What never answers, or fails the call with an errno. */
export type Trouble = { readonly hangs: true } | { readonly errno: string }

export interface FakeDisk {
  /** Of the size, what root keeps for itself left out. */
  readonly usedPercent: number
  readonly sizeGiB?: number
  /** Of the inodes; null where there is no end of them. */
  readonly inodesUsedPercent?: number | null
}

export interface FakeHost {
  readonly hostFs: HostFs
  /** The last things asked, in order: the paths as they were asked for. */
  readonly asked: ReadonlyArray<string>
  /** A file of /proc from now on, by its whole path. */
  readonly setFile: (path: string, text: string | Trouble) => void
  readonly removeFile: (path: string) => void
  /** A mount from now on, by the path that is asked for. */
  readonly setDisk: (path: string, disk: FakeDisk | Stats | Trouble) => void
  readonly removeDisk: (path: string) => void
}

const kiB = (gib: number): number => Math.round(gib * 1_024 * 1_024)

/** The text of /proc/meminfo. */
export const meminfoText = (memory: {
  readonly totalGiB: number
  readonly availableGiB: number
  readonly swapTotalGiB?: number
  readonly swapFreeGiB?: number
}): string =>
  [
    `MemTotal:       ${kiB(memory.totalGiB)} kB`,
    `MemFree:        ${kiB(memory.availableGiB / 2)} kB`,
    `MemAvailable:   ${kiB(memory.availableGiB)} kB`,
    `SwapTotal:      ${kiB(memory.swapTotalGiB ?? 0)} kB`,
    `SwapFree:       ${kiB(memory.swapFreeGiB ?? 0)} kB`,
    "HugePages_Total:       0",
    ""
  ].join("\n")

/** The text of /proc/stat with this many cores. */
export const statText = (cores: number, blocked = 0): string =>
  [
    "cpu  1 2 3 4",
    ...Array.from({ length: cores }, (_, at) => `cpu${at} 1 2 3 4`),
    `procs_blocked ${blocked}`,
    ""
  ].join("\n")

/** The text of a file of /proc/pressure. */
export const pressureText = (avg60: number): string =>
  ["some", "full"].map((line) => `${line} avg10=0.00 avg60=${avg60.toFixed(2)} avg300=0.00 total=1\n`).join("")

/** One line of mountinfo. */
export const mountLine = (
  point: string,
  more: {
    readonly device?: string
    readonly options?: string
    readonly superOptions?: string
    readonly kind?: string
    readonly source?: string
    readonly root?: string
  } = {}
): string =>
  `29 1 ${more.device ?? "8:1"} ${more.root ?? "/"} ${point} ${more.options ?? "rw,relatime"} shared:1 - ${more.kind ?? "ext4"} ${more.source ?? "/dev/sda1"} ${more.superOptions ?? "rw"}\n`

const wellFiles: ReadonlyArray<readonly [string, string]> = [
  ["/proc/meminfo", meminfoText({ totalGiB: 8, availableGiB: 5 })],
  ["/proc/vmstat", "nr_free_pages 1\noom_kill 0\n"],
  ["/proc/loadavg", "0.21 0.37 0.39 1/719 19737\n"],
  ["/proc/stat", statText(4)],
  ["/proc/pressure/cpu", pressureText(0)],
  ["/proc/pressure/memory", pressureText(0)],
  ["/proc/pressure/io", pressureText(0)],
  ["/proc/1/mountinfo", mountLine("/")]
]

/** Blocks of 4 KiB. */
const blocksPerGiB = 262_144
const inodesPerGiB = 65_536

const share = (of: number, percent: number): bigint => BigInt(Math.floor((of * percent) / 100))

export const statsOf = (disk: FakeDisk): Stats => {
  const size = disk.sizeGiB ?? 100
  const blocks = size * blocksPerGiB
  const files = disk.inodesUsedPercent === null ? 0 : size * inodesPerGiB
  const free = BigInt(blocks) - share(blocks, disk.usedPercent)
  return {
    type: 0xef53n,
    bsize: 4_096n,
    blocks: BigInt(blocks),
    bfree: free,
    bavail: free,
    files: BigInt(files),
    ffree: BigInt(files) - share(files, disk.inodesUsedPercent ?? 0)
  }
}

const answer = <A extends string | object>(found: A | Trouble | undefined): Effect.Effect<A, HostFsError> => {
  if (found === undefined) return Effect.fail(new HostFsError({ code: "ENOENT" }))
  if (typeof found === "object" && "hangs" in found) return Effect.never
  if (typeof found === "object" && "errno" in found) return Effect.fail(new HostFsError({ code: found.errno }))
  return Effect.succeed(found)
}

/** A world may run for months of its clock. */
const askedMax = 1_000

export const makeFakeHost = (): FakeHost => {
  const files = new Map<string, string | Trouble>(wellFiles)
  const disks = new Map<string, Stats | Trouble>([["/", statsOf({ usedPercent: 40, inodesUsedPercent: 10 })]])
  const asked: Array<string> = []
  const ask = (path: string): void => {
    asked.push(path)
    if (asked.length > askedMax) asked.shift()
  }
  return {
    asked,
    hostFs: {
      read: (path) =>
        Effect.suspend(() => {
          ask(path)
          return answer<string>(files.get(path))
        }),
      statFs: (path) =>
        Effect.suspend(() => {
          ask(path)
          return answer<Stats>(disks.get(path))
        })
    },
    setFile: (path, text) => void files.set(path, text),
    removeFile: (path) => void files.delete(path),
    setDisk: (path, disk) => void disks.set(path, "usedPercent" in disk ? statsOf(disk) : disk),
    removeDisk: (path) => void disks.delete(path)
  }
}
