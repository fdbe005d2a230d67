/** A collector on a fake host, and what its looks say. */
import * as fs from "node:fs"
import * as path from "node:path"
import { type Context, Effect, Fiber, Layer, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Settings } from "../../../src/base/Keys.ts"
import type { Collector, Report } from "../../../src/collector/Collector.ts"
import { hostFs } from "../../../src/collector/host/HostFs.ts"
import { type SignalState, step } from "../../../src/decision/index.ts"
import { type FakeHost, makeFakeHost } from "../../../src/testing/FakeHost.ts"
import { quiesce } from "../../queue/scripted.ts"

/** Builds a collector on a fake host that is well, and hands both over. */
export const onHost = <I>(
  service: Context.Key<I, Collector>,
  layer: Layer.Layer<I, never, Settings>,
  settings: Readonly<Record<string, string>>,
  self: (collector: Collector, host: FakeHost) => Effect.Effect<void>
): Effect.Effect<void> => {
  const host = makeFakeHost()
  return Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(layer, scope)
    yield* self(yield* Effect.provideContext(Effect.service(service), context), host)
  }).pipe(Effect.provideService(hostFs, host.hostFs), Effect.provide(Settings.layerTest(settings)))
}

/** One tick of a collector with as much time as its timeout; a failure is text. */
export const tick = (collector: Collector, number = 1, asOfMs = number * 10_000): Effect.Effect<Report | string> =>
  Effect.gen(function* () {
    const looking = yield* Effect.forkChild(Effect.result(collector.collect({ number, asOfMs })))
    yield* quiesce
    yield* TestClock.adjust("5 seconds")
    const found = yield* Fiber.join(looking)
    return Result.isSuccess(found) ? found.success : `${found.failure.reason}: ${found.failure.message}`
  })

/** The looks in words: `memory clear 40: 40% in use`. */
export const said = (report: Report | string): ReadonlyArray<string> =>
  typeof report === "string"
    ? [report]
    : report.looks.map(({ spec, look }) =>
        look._tag === "Missed"
          ? `${spec.signal} missed: ${look.reason}`
          : `${spec.signal} ${look.active ? "active" : "clear"} ${look.value}: ${look.evidence.summary}`
      )

export const details = (report: Report | string, signal: string): ReadonlyArray<string> => {
  if (typeof report === "string") return []
  const look = report.looks.find(({ spec }) => spec.signal === signal)?.look
  return look?._tag === "Seen" ? look.evidence.details : []
}

export const oddities = (report: Report | string): ReadonlyArray<string> =>
  typeof report === "string" ? [report] : report.oddities

/** What a signal's policy decides over looks, one a tick. */
export const decided = (
  collector: Collector,
  signal: string,
  worlds: ReadonlyArray<() => void>
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function* () {
    let state: SignalState | null = null
    const told: Array<string> = []
    for (const [at, be] of worlds.entries()) {
      be()
      const report = yield* tick(collector, at + 1)
      const one = typeof report === "string" ? undefined : report.looks.find(({ spec }) => spec.signal === signal)
      if (one?.look._tag !== "Seen") throw new Error(`no look at ${signal}: ${said(report).join(" | ")}`)
      const nowMs = at * 10_000
      const input = { ...one.look, tick: at + 1, scheduled: true, asOfMs: nowMs, first: at === 0 }
      const stepped = step(one.spec.policy, state, input, nowMs)
      state = stepped.state
      told.push(`${one.look.value}: ${stepped.decision?.kind ?? "-"}`)
    }
    return told
  })

/** Recorded files of /proc with the values others read from them; not part of this repository. */
const recorded = path.resolve(import.meta.dirname, "../../../../shared/conformance")

export const haveRecorded = fs.existsSync(path.join(recorded, "procfs"))
/** For the title of a test that is skipped without them. */
export const whenRecorded = haveRecorded ? "" : "(skipped: ../shared/conformance/procfs is absent) "

export const record = (file: string): string => fs.readFileSync(path.join(recorded, "procfs", file), "utf8")

/** The value node_exporter gives for a metric of these files. */
export const oracle = (metric: string): number => {
  const page = fs.readFileSync(path.join(recorded, "expositions/node_exporter/e2e-output.txt"), "utf8")
  const line = page.split("\n").find((one) => one.startsWith(`${metric} `))
  if (line === undefined) throw new Error(`no ${metric}`)
  return Number(line.slice(metric.length + 1))
}
