/**
 * A disk in memory, for whoever keeps a state file: it outlives the watchdog that writes to it, and each of its calls can be made
 * to fail with an errno.
 */
import { Effect } from "effect"
import { type Disk, DiskError } from "../base/StateFile.ts"

export type DiskCall = keyof Disk

export interface FakeStateDisk {
  readonly disk: Disk
  /** Files by their path. */
  readonly files: Map<string, string>
  /** The errno that a call meets from now on; `HANG`: it never returns. */
  readonly broken: Map<DiskCall, string>
  /** What was asked of it, as `rename .state.json.new`. */
  readonly calls: ReadonlyArray<string>
}

/** What a disk that is full has taken of a file. */
const tornUnits = 9

export const makeFakeStateDisk = (files = new Map<string, string>()): FakeStateDisk => {
  const broken = new Map<DiskCall, string>()
  const calls: Array<string> = []
  const fail = (code: string) => Effect.fail(new DiskError({ code }))
  const on = <A>(
    call: DiskCall,
    file: string,
    act: () => Effect.Effect<A, DiskError>,
    torn: () => void = () => {}
  ): Effect.Effect<A, DiskError> =>
    Effect.suspend(() => {
      calls.push(`${call} ${file.split("/").at(-1)}`)
      const code = broken.get(call)
      if (code === undefined) return act()
      torn()
      return code === "HANG" ? Effect.never : fail(code)
    })
  const disk: Disk = {
    read: (file, bytesMax) =>
      on("read", file, () => {
        const text = files.get(file)
        if (text === undefined) return fail("ENOENT")
        return text.length > bytesMax ? fail("EFBIG") : Effect.succeed(text)
      }),
    create: (file, text) =>
      on(
        "create",
        file,
        () => (files.has(file) ? fail("EEXIST") : Effect.sync(() => void files.set(file, text))),
        () => broken.get("create") === "ENOSPC" && files.set(file, text.slice(0, tornUnits))
      ),
    sync: (file) => on("sync", file, () => Effect.void),
    rename: (from, to) =>
      on("rename", from, () => {
        const text = files.get(from)
        if (text === undefined) return fail("ENOENT")
        files.delete(from)
        files.set(to, text)
        return Effect.void
      }),
    remove: (file) => on("remove", file, () => (files.delete(file) ? Effect.void : fail("ENOENT")))
  }
  return { disk, files, broken, calls }
}
