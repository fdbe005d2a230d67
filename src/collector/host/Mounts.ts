/**
 * The host's mounts, as the kernel lists them in mountinfo.
 *
 * Format: `id parent major:minor root mountpoint options [optional...] - fstype source superoptions`. Source: proc(5).
 */
import * as path from "node:path"

export interface Mount {
  /** `major:minor`: the same for every mount of one file system. */
  readonly device: string
  /** The folder of the file system that is mounted; `/` unless it is a bind mount. */
  readonly root: string
  readonly point: string
  /** Of this one mount. */
  readonly options: ReadonlySet<string>
  readonly kind: string
  readonly source: string
  /** Of the whole file system, all its mounts. */
  readonly superOptions: ReadonlySet<string>
}

export interface Mounts {
  /** In the kernel's order; of several mounts on one point only the last, which hides the others. */
  readonly mounts: ReadonlyArray<Mount>
  readonly badLines: number
}

/** Fields before the optional ones, whose end is a `-`. */
const fixedFields = 6

/** Space, tab, newline, backslash and # come as octal numbers. Source: fs/proc_namespace.c, mangle. */
const plain = (text: string): string =>
  text.replaceAll(/\\([0-3][0-7]{2})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

const parseLine = (line: string): Mount | undefined => {
  const fields = line.split(" ")
  const dash = fields.indexOf("-", fixedFields)
  const [, , device = "", root = "", point = "", options = ""] = fields
  const [kind = "", source = "", superOptions] = fields.slice(dash + 1)
  if (dash < 0 || kind === "" || superOptions === undefined || !/^\d+:\d+$/.test(device) || !point.startsWith("/"))
    return undefined
  return {
    device,
    root: plain(root),
    point: plain(point),
    options: new Set(options.split(",")),
    kind: plain(kind),
    source: plain(source),
    superOptions: new Set(superOptions.split(","))
  }
}

/** Reads mountinfo. Fails: never; a line that cannot be read is counted. */
export const parseMountinfo = (text: string): Mounts => {
  const byPoint = new Map<string, Mount>()
  let badLines = 0
  for (const line of text.split("\n")) {
    if (line === "") continue
    const mount = parseLine(line)
    if (mount === undefined) badLines += 1
    else {
      byPoint.delete(mount.point)
      byPoint.set(mount.point, mount)
    }
  }
  return { mounts: [...byPoint.values()], badLines }
}

/** True for a path that is the folder or lies in it. */
const within = (folder: string, at: string): boolean =>
  at === folder || at.startsWith(folder.endsWith("/") ? folder : `${folder}/`)

/** What a container sees of the host's mounts, below the folder where the host's root is mounted, by the host's names. */
export const below = (mounts: ReadonlyArray<Mount>, root: string): ReadonlyArray<Mount> =>
  mounts
    .filter(({ point }) => within(root, point))
    .map((mount) => ({ ...mount, point: path.join("/", path.relative(root, mount.point)) }))

/** The mount a path lies on. */
export const mountOf = (mounts: ReadonlyArray<Mount>, at: string): Mount | undefined => {
  let found: Mount | undefined
  for (const mount of mounts) {
    if (within(mount.point, at) && mount.point.length >= (found?.point.length ?? 0)) found = mount
  }
  return found
}

/** Not disks. Source: node_exporter, filesystem collector, defFSTypesExcluded and defMountPointsExcluded. */
const kindsExcluded =
  /^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|erofs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$/
const pointsExcluded =
  /^\/(dev|proc|run\/credentials\/.+|sys|var\/lib\/docker\/.+|var\/lib\/containers\/storage\/.+)($|\/)/

/** Disk file systems that have no block device of their own, so that their major number is 0. */
const disksWithoutDevice = /^(btrfs|zfs|bcachefs)$/

/** A file system on a disk: those turn read-only by themselves, a network's or the memory's do not. */
export const isDisk = ({ kind, point, device }: Mount): boolean =>
  !kindsExcluded.test(kind) &&
  !pointsExcluded.test(point) &&
  (!device.startsWith("0:") || disksWithoutDevice.test(kind))
