/** Which container this process itself runs in: the watchdog does not watch itself. */
import * as fs from "node:fs"
import { Context, Effect } from "effect"

/** Files that an engine bind-mounts into every container from a folder named after it. */
const ownFiles = new Set(["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"])

/** The id in a mount table, or null outside a container. Source: proc(5), mountinfo: field 4 is the root, 5 the mount point. */
export const containerIdIn = (mountinfo: string): string | null => {
  for (const line of mountinfo.split("\n")) {
    const fields = line.split(" ")
    if (!ownFiles.has(fields[4] ?? "")) continue
    const id = /[0-9a-f]{64}/.exec(fields[3] ?? "")?.[0]
    if (id !== undefined) return id
  }
  return null
}

/** Read at once, not awaited: procfs does not block, and a start under a test clock stays one step. */
export const ownMountinfo: Context.Reference<() => string> = Context.Reference<() => string>(
  "watchdog/collector/docker/ownMountinfo",
  { defaultValue: () => () => fs.readFileSync("/proc/self/mountinfo", "utf8") }
)

export const ownContainerId: Effect.Effect<string | null> = Effect.flatMap(ownMountinfo, (read) =>
  Effect.try(read).pipe(
    Effect.map(containerIdIn),
    // No such file outside Linux: then there is no container to leave out either.
    Effect.orElseSucceed(() => null)
  )
)
