/**
 * What is asked of the host's file systems: a small text file, and how full one is. Nothing else, and nothing that writes.
 *
 * Neither call can be cancelled once it is made: on a dead mount it never returns. Who asks goes through `Patience`.
 */
import * as fs from "node:fs"
import { Context, Effect, Schema } from "effect"
import { type Uncancellable, uncancellable } from "../../base/Uncancellable.ts"

/** A file system as statfs(2) counts it. */
export interface Stats {
  /** The magic number of its kind. */
  readonly type: bigint
  readonly bsize: bigint
  readonly blocks: bigint
  readonly bfree: bigint
  readonly bavail: bigint
  readonly files: bigint
  readonly ffree: bigint
}

export class HostFsError extends Schema.TaggedError<HostFsError>()("HostFsError", {
  /** The errno's name, such as ENOENT. */
  code: Schema.String
}) {
  override get message(): string {
    return errnoText(this.code)
  }
}

export interface HostFs {
  /** The whole text of a file of /proc, or of what is in its place. Fails: HostFsError. */
  readonly read: (path: string) => Effect.Effect<string, HostFsError>
  /** Fails: HostFsError. */
  readonly statFs: (path: string) => Effect.Effect<Stats, HostFsError>
}

const words: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EFBIG: "larger than such a file can be"
}

export const errnoText = (code: string): string => words[code] ?? code

/** A host with 10,000 containers has a mountinfo of some 7 MB; what is larger is no file of /proc. */
const textBytesMax = 16 * 1_024 * 1_024
const chunkBytes = 64 * 1_024

const tooLarge = (): Error => Object.assign(new Error("too large"), { code: "EFBIG" })

const readChunks = (file: fs.promises.FileHandle, chunks: Array<Buffer>, bytes: number): Promise<string> =>
  file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, null).then(({ bytesRead, buffer }) => {
    if (bytesRead === 0) return Buffer.concat(chunks).toString("utf8")
    if (bytes + bytesRead > textBytesMax) throw tooLarge()
    chunks.push(buffer.subarray(0, bytesRead))
    return readChunks(file, chunks, bytes + bytesRead)
  })

/** Not blocking, so that a FIFO in the place of a file is empty or EAGAIN and holds no thread. Files of /proc ignore the flag. */
const openFlags = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK

const readText = (path: string): Promise<string> =>
  fs.promises.open(path, openFlags).then((file) => readChunks(file, [], 0).finally(() => file.close()))

const asked = <A>(call: () => Promise<A>): Effect.Effect<A, HostFsError> =>
  Effect.flatMap(Effect.service(uncancellable), (calls: Uncancellable) =>
    Effect.tryPromise({
      try: () => calls.count(call),
      catch: (cause) => new HostFsError({ code: String((cause as NodeJS.ErrnoException).code ?? cause) })
    })
  )

/** This machine's, unless a test gives another. A reference, because it is the same for every collector and needs no start. */
export const hostFs: Context.Reference<HostFs> = Context.Reference<HostFs>("watchdog/collector/host/HostFs", {
  defaultValue: () => ({
    read: (path) => asked(() => readText(path)),
    statFs: (path) => asked(() => fs.promises.statfs(path, { bigint: true }))
  })
})
