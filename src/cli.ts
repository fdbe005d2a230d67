/** The commands and their help. Loaded only where `run` alone will not do: it costs 5 MiB that a sidecar need not carry. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import packageJson from "../package.json" with { type: "json" }
import type { AskError } from "./commands/Ask.ts"
import { check } from "./commands/Check.ts"
import { configReport } from "./commands/Config.ts"
import { replayCommand } from "./commands/Replay.ts"
import { explain, status, watchStatus } from "./commands/Status.ts"
import { testAlert } from "./commands/TestAlert.ts"
import { Leave, exitMisconfigured, inWorld, runProcess, settings, watch, write } from "./process.ts"

const url = Flag.String("url").pipe(
  Flag.withDescription("Where the running watchdog listens; by default as WATCHDOG_HTTP_LISTEN says"),
  Flag.optional,
  Flag.map(Option.getOrUndefined)
)
const json = Flag.Boolean("json").pipe(Flag.withDescription("Print JSON, for scripts"), Flag.withDefault(false))

const leaveWith = (code: number): Effect.Effect<void, Leave> => (code === 0 ? Effect.void : new Leave({ code }))

/** What went wrong while asking is said, not thrown. */
const asked = <A, R>(effect: Effect.Effect<A, AskError | Leave, R>): Effect.Effect<A, Leave, R> =>
  Effect.catchTag(effect, "AskError", (error) =>
    Effect.andThen(
      write(process.stderr, `watchdog: ${error.message}`),
      Effect.fail(new Leave({ code: exitMisconfigured }))
    )
  )

const runCommand = Command.make("run", {}, () => watch).pipe(
  Command.withDescription("Watch and alert until told to stop (the default)")
)

const checkCommand = Command.make("check", { json }, (options) =>
  Effect.flatMap(inWorld(Effect.scoped(check(options))), leaveWith)
).pipe(
  Command.withDescription("Look once at everything; exit 0 all clear, 1 something active, 2 blind or misconfigured")
)

const configCommand = Command.make("config", { json }, (options) =>
  Effect.flatMap(settings, () => inWorld(Effect.scoped(configReport(options))))
).pipe(
  Command.withDescription(
    "Show the settings in force and where each came from, secrets redacted; the worst-case time to an alert; what cannot work"
  )
)

const testAlertCommand = Command.make("test-alert", {}, () =>
  Effect.flatMap(inWorld(Effect.scoped(testAlert)), leaveWith)
).pipe(
  Command.withDescription("Send a drill and its end to every sink, through the real path; exit 0 if all accepted both")
)

const statusCommand = Command.make(
  "status",
  {
    url,
    json,
    watch: Flag.Boolean("watch").pipe(
      Flag.withAlias("w"),
      Flag.withDescription("Draw anew each second until interrupted"),
      Flag.withDefault(false)
    )
  },
  (options) =>
    options.watch ? inWorld(Effect.scoped(watchStatus(options.url))) : asked(inWorld(Effect.scoped(status(options))))
).pipe(Command.withDescription("Show what the running watchdog knows"))

const explainCommand = Command.make(
  "explain",
  {
    signal: Argument.String("signal").pipe(
      Argument.withDescription("A signal's name as in the messages, or a part that only one has")
    ),
    url,
    json
  },
  (options) =>
    Effect.flatMap(asked(inWorld(Effect.scoped(explain(options)))), (found) => leaveWith(found ? 0 : exitMisconfigured))
).pipe(Command.withDescription("Say of one signal why it is silent or loud, what would wake you and what was told"))

const healthcheckCommand = Command.make("healthcheck", {}, () =>
  Effect.gen(function* () {
    const { healthcheck: ask } = yield* Effect.promise(() => import("./healthcheck.ts"))
    yield* leaveWith(yield* Effect.promise(() => ask(process.env["WATCHDOG_HTTP_LISTEN"])))
  })
).pipe(Command.withDescription("Ask the running watchdog whether its own loops are well; exit 0 or 1"))

const watchdog = Command.make("watchdog", {}, () => watch).pipe(
  Command.withDescription("Watches a compose stack from outside and tells a human what is wrong"),
  Command.withSubcommands([
    runCommand,
    checkCommand,
    configCommand,
    testAlertCommand,
    statusCommand,
    explainCommand,
    replayCommand,
    healthcheckCommand
  ])
)

export const main = (): void =>
  runProcess(Command.run(watchdog, { version: packageJson.version }).pipe(Effect.provide(NodeServices.layer)))
