/** `watchdog replay`: what another decision policy would have told, from a log on standard input or in files. */
import { Effect, FileSystem, Option, Result, Schema, Stdio, Stream } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { monotonicMs } from "../base/Monotonic.ts"
import { LineCutter } from "../replay/LineCutter.ts"
import { type Change, contradictions, readChange } from "../replay/PolicyKeys.ts"
import { type Bound, Replay, type ReplayOptions, readBound } from "../replay/Replay.ts"
import { reportJson, reportText } from "../replay/Report.ts"
import { allKeys, editDistance } from "../Settings.ts"

/** The command line or a file is wrong: the process ends with 2, after it was said. */
export class ReplayError extends Schema.TaggedError<ReplayError>()("ReplayError", {
  problems: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return this.problems.join("\n")
  }
}

export interface Asked {
  readonly set: ReadonlyArray<string>
  readonly from: string | undefined
  readonly to: string | undefined
  readonly json: boolean
  readonly files: ReadonlyArray<string>
}

const known: ReadonlySet<string> = new Set(allKeys.map(({ name }) => name))

/** A slip of the fingers: at most a quarter of the name. */
const near = (name: string, among: ReadonlySet<string>): string | undefined => {
  const [best] = [...among]
    .map((candidate) => ({ candidate, edits: editDistance(name.slice(0, 100), candidate) }))
    .sort((a, b) => a.edits - b.edits)
  return best !== undefined && best.edits <= Math.max(3, Math.floor(best.candidate.length / 4))
    ? best.candidate
    : undefined
}

/** Reads the command line's words; every problem at once. */
export const optionsOf = (asked: Asked): Result.Result<ReplayOptions, ReplayError> => {
  const problems: Array<string> = []
  const changes: Array<Change> = []
  for (const given of asked.set) {
    const change = readChange(given, known, near)
    if (Result.isFailure(change)) problems.push(change.failure)
    else if (changes.some(({ key }) => key === change.success.key))
      problems.push(`${change.success.key.name} is set twice`)
    else changes.push(change.success)
  }
  problems.push(...contradictions(changes))
  const bound = (flag: string, text: string | undefined): Bound | undefined => {
    if (text === undefined) return undefined
    const read = readBound(text)
    if (Result.isSuccess(read)) return read.success
    problems.push(`${flag}: ${read.failure}`)
    return undefined
  }
  const options = { changes, from: bound("--from", asked.from), to: bound("--to", asked.to) }
  return problems.length === 0 ? Result.succeed(options) : Result.fail(new ReplayError({ problems }))
}

/**
 * Replays and reports; returns the report.
 *
 * Fails: ReplayError, when a word of the command line is wrong or a file cannot be read.
 */
export const replay = (asked: Asked): Effect.Effect<string, ReplayError, Stdio.Stdio | FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const options = yield* Effect.fromResult(optionsOf(asked))
    const startMs = yield* monotonicMs
    const replaying = new Replay(options)
    const sources = yield* sourcesOf(asked.files)
    for (const { bytes, name } of sources) {
      const cutter = new LineCutter()
      yield* Stream.runForEach(bytes, (piece) =>
        Effect.sync(() => {
          for (const line of cutter.push(piece)) replaying.push(line)
        })
      ).pipe(Effect.mapError((error) => new ReplayError({ problems: [`cannot read ${name}: ${error.message}`] })))
      for (const line of cutter.end()) replaying.push(line)
      replaying.counts.overlong += cutter.overlong
    }
    const found = replaying.finish()
    const speed = { tookMs: (yield* monotonicMs) - startMs }
    return asked.json ? reportJson(found, speed) : reportText(found, speed)
  })

interface Source {
  readonly name: string
  readonly bytes: Stream.Stream<Uint8Array, { readonly message: string }>
}

const sourcesOf = (
  files: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Source>, ReplayError, Stdio.Stdio | FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const stdio = yield* Stdio.Stdio
    const fileSystem = yield* FileSystem.FileSystem
    if (files.length > 0)
      return files.map((name) =>
        name === "-" ? { name: "standard input", bytes: stdio.stdin } : { name, bytes: fileSystem.stream(name) }
      )
    if (yield* stdio.stdinIsTerminal) {
      return yield* new ReplayError({
        problems: ["nothing to replay: give it a log, as in docker logs watchdog | watchdog replay, or name files"]
      })
    }
    return [{ name: "standard input", bytes: stdio.stdin }]
  })

const sayTo = (sink: "stdout" | "stderr", text: string): Effect.Effect<void, never, Stdio.Stdio> =>
  Effect.flatMap(Stdio.Stdio, (stdio) =>
    // Whoever stopped reading (a closed pipe) has read enough.
    Stream.make(`${text}\n`).pipe(Stream.run(stdio[sink]({ endOnDone: false })), Effect.ignore)
  )

const optionalText = (name: string, about: string): Flag.Flag<string | undefined> =>
  Flag.String(name).pipe(Flag.withDescription(about), Flag.optional, Flag.map(Option.getOrUndefined))

export const replayCommand = Command.make(
  "replay",
  {
    set: Flag.String("set").pipe(
      Flag.withDescription("A setting of the decision policy to try, as in WATCHDOG_RAISE_TICKS=3; may be repeated"),
      Flag.atLeast(0)
    ),
    from: optionalText("from", "Report from here on: a time (UTC), or a duration back from the log's end, such as 2d"),
    to: optionalText("to", "Report up to here"),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print JSON, for scripts"), Flag.withDefault(false)),
    files: Argument.String("file").pipe(
      Argument.withDescription("Logs in the order they were written; standard input without any, or where it says -"),
      Argument.variadic()
    )
  },
  (asked) =>
    Effect.flatMap(
      Effect.tapError(replay(asked), ({ problems }) =>
        sayTo("stderr", problems.map((problem) => `watchdog: ${problem}`).join("\n"))
      ),
      (report) => sayTo("stdout", report)
    )
).pipe(
  Command.withDescription(
    "Replay the journal in a log: what was told, and what another decision policy would have told"
  )
)
