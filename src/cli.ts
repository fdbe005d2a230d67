/** The commands. An entry file: it holds the process's streams, environment, signals and exit codes. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Effect, Exit, Layer, Schema } from "effect"
import { Command } from "effect/cli"
import packageJson from "../package.json" with { type: "json" }
import { run as runApp } from "./App.ts"
import { check } from "./Check.ts"
import { configText } from "./Config.ts"
import { Http } from "./base/Http.ts"
import type { Settings } from "./base/Keys.ts"
import { Loops } from "./base/Loops.ts"
import { Output } from "./base/Output.ts"
import { Uncancellable, uncancellable } from "./base/Uncancellable.ts"
import { layer as layerSettings, readSettings } from "./Settings.ts"
import { Journal, layerLogger } from "./status/Journal.ts"

/** Ends the process with a code and nothing more to say. */
class Leave extends Schema.TaggedError<Leave>()("Leave", { code: Schema.Int }) {}

/** Misconfigured: said before anything is started. */
const exitMisconfigured = 2
/** Flush (5 s), server (1 s) and our own margin; below Docker's 10 s until SIGKILL. */
const leaveWithinMs = 7_500

const write = (stream: NodeJS.WriteStream, line: string): Effect.Effect<void> =>
  Effect.sync(() => void stream.write(`${line}\n`))

const layerOutput: Layer.Layer<Output> = Layer.sync(Output, () => {
  // A reader that has gone away (a closed pipe) must not end the watchdog.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})
  return {
    out: (line) => write(process.stdout, line),
    err: (line) => write(process.stderr, line),
    terminal: process.stderr.isTTY
  }
})

const calls = new Uncancellable()

const settings = readSettings(process.env).pipe(
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

const layerWorld: Layer.Layer<Http | Settings | Output | Journal | Loops, Leave> = Layer.mergeAll(
  Journal.layer(crypto.randomUUID()),
  layerLogger,
  Loops.layer,
  Http.layer
).pipe(
  Layer.provideMerge(layerOutput),
  Layer.provideMerge(Layer.unwrap(Effect.map(settings, layerSettings))),
  Layer.provideMerge(Layer.succeed(uncancellable, calls))
)

const inWorld = <A, E>(
  effect: Effect.Effect<A, E, Http | Settings | Output | Journal | Loops>
): Effect.Effect<A, E | Leave> =>
  Effect.scoped(Effect.flatMap(Layer.build(layerWorld), (world) => Effect.provideContext(effect, world)))

const run = Command.make("run", {}, () => inWorld(Effect.scoped(runApp))).pipe(
  Command.withDescription("Watch and alert until told to stop (the default)")
)

const checkOnce = Command.make("check", {}, () =>
  Effect.flatMap(inWorld(Effect.scoped(check)), (code) => (code === 0 ? Effect.void : Effect.fail(new Leave({ code }))))
).pipe(
  Command.withDescription("Look once at everything; exit 0 all clear, 1 something active, 2 blind or misconfigured")
)

const config = Command.make("config", {}, () =>
  Effect.flatMap(settings, (found) => write(process.stdout, configText(found)))
).pipe(Command.withDescription("Show the settings in force, secrets redacted, and the worst-case time to an alert"))

const healthcheck = Command.make("healthcheck", {}, () =>
  Effect.gen(function* () {
    const { healthcheck: ask } = yield* Effect.promise(() => import("./healthcheck.ts"))
    const code = yield* Effect.promise(() => ask(process.env["WATCHDOG_HTTP_LISTEN"]))
    if (code !== 0) return yield* new Leave({ code })
  })
).pipe(Command.withDescription("Ask the running watchdog whether its own loops are well; exit 0 or 1"))

const watchdog = Command.make("watchdog", {}, () => inWorld(Effect.scoped(runApp))).pipe(
  Command.withDescription("Watches a compose stack from outside and tells a human what is wrong"),
  Command.withSubcommands([run, checkOnce, config, healthcheck])
)

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

export const main = (): void => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(
      signal,
      () => void setTimeout(() => killOurselves(`not gone ${leaveWithinMs} ms after ${signal}`), leaveWithinMs).unref()
    )
  }
  Command.run(watchdog, { version: packageJson.version }).pipe(
    Effect.provide(NodeServices.layer),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      teardown: (exit, onExit) => {
        const code = codeOf(exit)
        if (calls.underWay > 0) killOurselves(`${calls.underWay} file system calls hang`)
        else onExit(code)
      }
    })
  )
}
