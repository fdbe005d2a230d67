/**
 * One JSON document on disk that outlives the process: written whole or not at all, and never trusted when it is read.
 *
 * A watchdog without its file still watches: whatever is wrong with it is said, and everything goes on without.
 */
import * as crypto from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { Context, Duration, Effect, Fiber, Ref, Result, Schema, Semaphore } from "effect"
import * as Keys from "./Keys.ts"
import { type Uncancellable, uncancellable } from "./Uncancellable.ts"

export const keys = {
  file: Keys.textOptional("WATCHDOG_STATE_FILE", {
    about: "a file that hands over to the next start what people were told; its folder must be writable",
    fallback: undefined,
    pattern: /^\/(?:[^\0]*[^/\0])$/,
    expected: "the absolute path of a file, such as /var/lib/watchdog/state.json"
  })
}

/* The disk */

export class DiskError extends Schema.TaggedError<DiskError>()("DiskError", {
  /** The errno's name, such as ENOSPC. */
  code: Schema.String
}) {
  override get message(): string {
    return words[this.code] ?? this.code
  }
}

const words: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  ENOENT: "its folder does not exist",
  ENOTDIR: "its folder is not a folder",
  EISDIR: "it is a folder",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EROFS: "the file system is read-only",
  EFBIG: "it is too large to be a state file",
  EIO: "the disk failed",
  EBUSY: "it is in use (a mount point?)",
  ETIMEDOUT: "the disk does not answer",
  ERR_ACCESS_DENIED: "node runs with --permission: give it --allow-fs-write for the file's folder"
}

export interface Disk {
  /** Fails: DiskError; EFBIG where it is larger. */
  readonly read: (file: string, bytesMax: number) => Effect.Effect<string, DiskError>
  /** A new file that only its owner may read. Fails: DiskError; EEXIST where there is one. */
  readonly create: (file: string, text: string) => Effect.Effect<void, DiskError>
  /** Waits until a file, or what a folder lists, has reached the disk. Fails: DiskError. */
  readonly sync: (fileOrFolder: string) => Effect.Effect<void, DiskError>
  readonly rename: (from: string, to: string) => Effect.Effect<void, DiskError>
  readonly remove: (file: string) => Effect.Effect<void, DiskError>
}

const onlyOwner = 0o600

const asked = <A>(call: () => Promise<A>): Effect.Effect<A, DiskError> =>
  Effect.flatMap(Effect.service(uncancellable), (calls: Uncancellable) =>
    Effect.tryPromise({
      try: () => calls.count(call),
      catch: (cause) => new DiskError({ code: String((cause as NodeJS.ErrnoException).code ?? cause) })
    })
  )

/** Not blocking, so that a FIFO in the place of the file holds no thread. */
const toRead = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK

const withFile = <A>(
  file: string,
  flags: number,
  use: (handle: fs.promises.FileHandle) => Promise<A>,
  mode?: number
): Effect.Effect<A, DiskError> =>
  asked(() => fs.promises.open(file, flags, mode).then((handle) => use(handle).finally(() => handle.close())))

const readCapped = (handle: fs.promises.FileHandle, bytesMax: number): Promise<string> =>
  handle.stat().then((found) => {
    if (found.isDirectory()) throw Object.assign(new Error("a folder"), { code: "EISDIR" })
    if (found.size > bytesMax || !found.isFile()) throw Object.assign(new Error("too large"), { code: "EFBIG" })
    return handle.readFile("utf8")
  })

/** This machine's, unless a test gives another. */
export const disk: Context.Reference<Disk> = Context.Reference<Disk>("watchdog/base/StateFile/Disk", {
  defaultValue: () => ({
    read: (file, bytesMax) => withFile(file, toRead, (handle) => readCapped(handle, bytesMax)),
    create: (file, text) => {
      const { O_WRONLY, O_CREAT, O_EXCL } = fs.constants
      return withFile(file, O_WRONLY | O_CREAT | O_EXCL, (handle) => handle.writeFile(text), onlyOwner)
    },
    sync: (file) => withFile(file, fs.constants.O_RDONLY, (handle) => handle.sync()),
    rename: (from, to) => asked(() => fs.promises.rename(from, to)),
    remove: (file) => asked(() => fs.promises.unlink(file))
  })
})

/* The document */

/** The moment of writing on both clocks, and in which run. */
export interface Moment {
  readonly wallMs: number
  readonly monotonicMs: number
  readonly runId: string
}

export interface Saved {
  readonly anchor: Moment
  /** Plain JSON. */
  readonly payload: unknown
}

const version = 1
/** 10,000 signals take some 10 MB; what is larger is no state file, and must not fill the memory. */
const bytesMax = 16 * 1_024 * 1_024

const checksum = (saved: Saved): string =>
  crypto
    .createHash("sha256")
    .update(JSON.stringify([saved.anchor, saved.payload]))
    .digest("hex")

export const encode = (saved: Saved): string =>
  `${JSON.stringify({ watchdogState: version, sha256: checksum(saved), anchor: saved.anchor, payload: saved.payload })}\n`

const isMoment = (value: unknown): value is Moment => {
  if (typeof value !== "object" || value === null) return false
  const { wallMs, monotonicMs, runId } = value as Record<string, unknown>
  return Number.isFinite(wallMs) && Number.isFinite(monotonicMs) && typeof runId === "string"
}

/** Fails: with what is wrong with the document, in words. */
export const decode = (text: string): Result.Result<Saved, string> => {
  if (text.trim() === "") return Result.fail("it is empty")
  const parsed = Result.try(() => JSON.parse(text) as unknown)
  if (Result.isFailure(parsed)) return Result.fail("it is not JSON, or cut off")
  if (typeof parsed.success !== "object" || parsed.success === null) return Result.fail("it is not a state file")
  const { watchdogState, sha256, anchor, payload } = parsed.success as Record<string, unknown>
  if (watchdogState === undefined) return Result.fail("it is not a state file")
  if (watchdogState !== version) return Result.fail(`it has version ${JSON.stringify(watchdogState)}, not ${version}`)
  if (!isMoment(anchor)) return Result.fail("it does not say when it was written")
  const saved: Saved = { anchor, payload }
  return sha256 === checksum(saved) ? Result.succeed(saved) : Result.fail("its checksum is wrong")
}

/* The file */

export interface StateFile {
  /** What an earlier run has left; undefined where there is nothing that can be used, which is said unless there is no file. */
  readonly load: Effect.Effect<Saved | undefined>
  /** Replaces the file whole. Returns whether it is on disk; a failure is said once, and so is its end. */
  readonly save: (saved: Saved) => Effect.Effect<boolean>
  /** The file is there but cannot be used: it is put aside, and said. */
  readonly reject: (why: string) => Effect.Effect<void>
}

/** A local disk takes milliseconds; leaving must not wait for one that hangs. */
const patience = Duration.seconds(1)

const inTime = <A>(effect: Effect.Effect<A, DiskError>): Effect.Effect<A, DiskError> =>
  Effect.timeoutOrElse(effect, { duration: patience, orElse: () => Effect.fail(new DiskError({ code: "ETIMEDOUT" })) })

export const make = (file: string): Effect.Effect<StateFile> =>
  Effect.gen(function* () {
    const on = yield* Effect.service(disk)
    // The problem that was said last; null where all is well.
    const said = yield* Ref.make<string | null>(null)
    const writing = yield* Semaphore.make(1)

    const reject = (why: string): Effect.Effect<void> =>
      Effect.gen(function* () {
        const aside = `${file}.bad`
        const moved = yield* Effect.result(inTime(on.rename(file, aside)))
        const kept = Result.isSuccess(moved) ? `; kept as ${aside}` : ""
        yield* Effect.logError(`${keys.file.name} ${file}: ${why}; starting without what it held${kept}`)
      })

    const load = Effect.gen(function* () {
      const text = yield* Effect.result(inTime(on.read(file, bytesMax)))
      if (Result.isFailure(text)) {
        const { code, message } = text.failure
        if (code === "ENOENT") return undefined
        // A folder in its place is what a bind mount of a missing file makes: nothing of ours to put aside.
        if (code !== "EISDIR" && code !== "ETIMEDOUT") yield* reject(`cannot be read: ${message}`)
        else yield* Effect.logError(`${keys.file.name} ${file}: cannot be read: ${message}; starting without it`)
        return undefined
      }
      const saved = decode(text.success)
      if (Result.isSuccess(saved)) return saved.success
      yield* reject(saved.failure)
      return undefined
    })

    /** In the same folder, or the rename would not be atomic. */
    const fresh = path.join(path.dirname(file), `.${path.basename(file)}.new`)
    const write = (text: string): Effect.Effect<void, DiskError> =>
      Effect.gen(function* () {
        if (Buffer.byteLength(text) > bytesMax) return yield* new DiskError({ code: "EFBIG" })
        // Left by a run that was killed. Never written into: it may be a link to somewhere else.
        yield* Effect.ignore(on.remove(fresh))
        yield* on.create(fresh, text)
        yield* on.sync(fresh)
        yield* on.rename(fresh, file)
        // Not every file system knows this; the file is in its place all the same.
        yield* Effect.ignore(on.sync(path.dirname(file)))
      }).pipe(Effect.tapError(() => Effect.ignore(on.remove(fresh))))

    const say = (problem: string | null): Effect.Effect<void> =>
      Effect.gen(function* () {
        const before = yield* Ref.getAndSet(said, problem)
        if (before === problem) return
        yield* problem === null
          ? Effect.logInfo(`${keys.file.name} ${file}: written again`)
          : Effect.logError(
              `${keys.file.name} ${file}: cannot be written: ${problem}; going on without, a restart will repeat what was told`
            )
      })

    const save = (saved: Saved): Effect.Effect<boolean> =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          // A write that hangs is never joined by another: their steps would mix, and a rename could take a half file.
          yield* restore(inTime(writing.take(1)))
          const whole = Effect.ensuring(Effect.tap(write(encode(saved)), say(null)), writing.release(1))
          const fiber = yield* Effect.forkDetach(Effect.uninterruptible(whole))
          yield* restore(inTime(Fiber.join(fiber)))
        })
      ).pipe(
        Effect.matchEffect({
          onSuccess: () => Effect.succeed(true),
          onFailure: (error) => Effect.as(say(error.message), false)
        })
      )

    return { load, save, reject }
  })
