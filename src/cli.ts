/** The commands and their help. Loaded only where `run` alone will not do: it costs 5 MiB that a sidecar need not carry. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { Command } from "effect/cli"
import packageJson from "../package.json" with { type: "json" }
import { check } from "./Check.ts"
import { configText } from "./Config.ts"
import { Leave, inWorld, runProcess, settings, watch, write } from "./process.ts"

const run = Command.make("run", {}, () => watch).pipe(
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

const watchdog = Command.make("watchdog", {}, () => watch).pipe(
  Command.withDescription("Watches a compose stack from outside and tells a human what is wrong"),
  Command.withSubcommands([run, checkOnce, config, healthcheck])
)

export const main = (): void =>
  runProcess(Command.run(watchdog, { version: packageJson.version }).pipe(Effect.provide(NodeServices.layer)))
