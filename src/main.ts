#!/usr/bin/env node
/**
 * The entry file. It loads nothing before it knows that it must: inert means no socket opened and no file read, and a health
 * check every half minute must not cost more than the watchdog itself.
 */
import * as v8 from "node:v8"
import { truthOf } from "./base/Truth.ts"

/** Longest delay a Node timer takes; only something to keep the process up. */
const longTimeMs = 2 ** 31 - 1

const beInert = (): void => {
  const line = {
    time: new Date().toISOString(),
    event: "log",
    level: "info",
    message: "WATCHDOG_ENABLED is false: inert, watching nothing"
  }
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(0))
  setInterval(() => {}, longTimeMs)
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

// libuv reads it when its pool is first used. A hung mount holds a thread, and DNS needs one: 4 are too few.
process.env["UV_THREADPOOL_SIZE"] ??= "16"

const command = process.argv[2] ?? "run"
const enabled = truthOf(process.env["WATCHDOG_ENABLED"] ?? "true") !== false

if (command === "healthcheck" && process.argv.length === 3) {
  const { healthcheck } = await import("./healthcheck.ts")
  process.exitCode = enabled ? await healthcheck(process.env["WATCHDOG_HTTP_LISTEN"]) : 0
} else if (!enabled && command === "run") {
  beInert()
} else if (command === "run" && process.argv.length <= 3) {
  // Before the rest is loaded, for whoever starts it without these flags: base/Thrift.ts has the reason, and takes them into use.
  for (const compiler of ["turbofan", "maglev"]) v8.setFlagsFromString(`--no-${compiler}`)
  const { runProcess, watch } = await import("./process.ts")
  runProcess(watch)
} else {
  const { main } = await import("./cli.ts")
  main()
}
