/** The process around the watchdog: its streams, environment, signals and exit codes. An entry file. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Effect, Exit, Layer, Schema } from "effect"
import packageJson from "../package.json" with { type: "json" }
import { type World, layerBoard, run as runApp } from "./App.ts"
import * as Departure from "./base/Departure.ts"
import { Http } from "./base/Http.ts"
import { Loops } from "./base/Loops.ts"
import { Output } from "./base/Output.ts"
import { clip, coloured, plain } from "./base/Paint.ts"
import { Uncancellable, uncancellable } from "./base/Uncancellable.ts"
import { layer as layerSettings, readSettings } from "./Settings.ts"
import { Journal, layerLogger } from "./status/Journal.ts"

/** Ends the process with a code and nothing more to say. */
export class Leave extends Schema.TaggedError<Leave>()("Leave", { code: Schema.Int }) {}

/** Misconfigured: said before anything is started. */
export const exitMisconfigured = 2
/** Flush (5 s), server (1 s) and our own margin; below Docker's 10 s until SIGKILL. */
const leaveWithinMs = 7_500

export const write = (stream: NodeJS.WriteStream, line: string): Effect.Effect<void> =>
  Effect.sync(() => void stream.write(`${line}\n`))

/** The line now standing on the terminal that the next one is written over. */
let standing = ""

const passing = (line: string): Effect.Effect<void> =>
  Effect.sync(() => {
    if (!process.stderr.isTTY || line === standing) return
    standing = line
    process.stderr.write(`\r\u001B[K${clip(line, (process.stderr.columns ?? 80) - 1)}`)
  })

/** `hasColors` knows NO_COLOR and FORCE_COLOR. A pipe gets plain text that nobody has cut. */
const terminalLook = (): Output["Service"]["look"] =>
  process.stdout.isTTY
    ? { paint: process.stdout.hasColors() ? coloured : plain, width: process.stdout.columns }
    : { paint: plain }

const layerOutput: Layer.Layer<Output> = Layer.sync(Output, () => {
  // A reader that has gone away (a closed pipe) must not end the watchdog.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})
  return {
    out: (line) => write(process.stdout, line),
    err: (line) => write(process.stderr, line),
    passing: (line) => passing(line),
    terminal: process.stderr.isTTY,
    look: terminalLook()
  }
})

const calls = new Uncancellable()

export const settings = readSettings(process.env).pipe(
  Effect.catchTag("SettingsError", (error) =>
    Effect.andThen(
      write(
        process.stderr,
        `watchdog: ${error.problems.length} problems with the settings\n${error.problems.map((problem) => `  ${problem}`).join("\n")}`
      ),
      Effect.fail(new Leave({ code: exitMisconfigured }))
    )
  )
)

const layerWorld: Layer.Layer<World, Leave> = layerBoard(packageJson.version).pipe(
  Layer.provideMerge(
    Layer.mergeAll(Journal.layer(crypto.randomUUID()), layerLogger, Loops.layer, Departure.layer, Http.layer)
  ),
  Layer.provideMerge(layerOutput),
  Layer.provideMerge(Layer.unwrap(Effect.map(settings, layerSettings))),
  Layer.provideMerge(Layer.succeed(uncancellable, calls))
)

export const inWorld = <A, E>(effect: Effect.Effect<A, E, World>): Effect.Effect<A, E | Leave> =>
  Effect.scoped(Effect.flatMap(Layer.build(layerWorld), (world) => Effect.provideContext(effect, world)))

const leave = Effect.gen(function* () {
  const { code, why } = yield* (yield* Departure.departure).requested
  yield* Effect.logError(`leaving with code ${code}: ${why}`)
  return yield* new Leave({ code })
})

export const watch: Effect.Effect<never, Leave> = inWorld(Effect.raceFirst(Effect.scoped(runApp), leave))

/** Exit 0 when told to leave, the command's own code, 2 for a command line that is wrong, 1 for our bugs. */
const codeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return 0
  const error = Cause.squash(exit.cause)
  if (error instanceof Leave) return error.code
  if (typeof error === "object" && error !== null && "_tag" in error) return exitMisconfigured
  process.stderr.write(`watchdog: ${Cause.pretty(exit.cause)}\n`)
  return 1
}

/** A file system call on a dead mount cannot be cancelled, and an exit would wait for it for ever. */
const killOurselves = (why: string): void => {
  process.stderr.write(`watchdog: ${why}; ending by SIGKILL\n`)
  process.kill(process.pid, "SIGKILL")
}

/** Runs an effect as the whole process: signals end it, its outcome is the exit code. */
export const runProcess = <A, E>(effect: Effect.Effect<A, E>): void => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(
      signal,
      () => void setTimeout(() => killOurselves(`not gone ${leaveWithinMs} ms after ${signal}`), leaveWithinMs).unref()
    )
  }
  NodeRuntime.runMain(effect, {
    disableErrorReporting: true,
    teardown: (exit, onExit) => {
      const code = codeOf(exit)
      if (calls.underWay > 0) killOurselves(`${calls.underWay} file system calls hang`)
      else onExit(code)
    }
  })
}
