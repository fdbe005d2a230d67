/**
 * Lives of the real poller, monitors and journal under a test clock: generated scripts of what collectors see, played once under
 * each policy. What they write is what replay reads.
 */
import { Effect, Exit, Fiber, Layer, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Settings } from "../../src/base/Keys.ts"
import { Loops } from "../../src/base/Loops.ts"
import { monotonicMs, wallOffsetMs } from "../../src/base/Monotonic.ts"
import { Output } from "../../src/base/Output.ts"
import {
  CollectError,
  type Collector,
  type Report,
  type SignalLook,
  held,
  missed,
  seen
} from "../../src/collector/Collector.ts"
import { measured } from "../../src/collector/host/Measured.ts"
import { poll } from "../../src/collector/Poller.ts"
import { type Policy, type SignalSpec, noEvidence } from "../../src/decision/index.ts"
import { Monitors } from "../../src/monitor/Monitors.ts"
import { Alerts } from "../../src/queue/Alerts.ts"
import { policySettings } from "../../src/replay/PolicyKeys.ts"
import { Journal } from "../../src/status/Journal.ts"
import { StatusBoard } from "../../src/status/StatusBoard.ts"
import { policyOf } from "../decision/history.ts"

/** Chance that a seed repeats: mulberry32. */
export const chance = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

type Kind = "plain" | "rule" | "ceiling" | "tuned"

/** What one look of the script sees; a value where the signal is measured. */
type Glance =
  | { readonly sees: "active" | "clear" | "confirmed" | "missed" | "held" | "absent" }
  | { readonly sees: "value"; readonly value: number }

export interface ScriptTick {
  readonly tookMs: number
  readonly ends: "report" | "incomplete" | "fails" | "dies" | "crashes" | "late"
  readonly glances: ReadonlyMap<string, Glance>
}

interface ScriptEvent {
  readonly atMs: number
  /** How long before it is handed over the look began. */
  readonly lagMs: number
  readonly signal: string
  readonly glance: Glance
}

interface ScriptCollector {
  readonly name: string
  readonly intervalMs: number
  readonly signals: ReadonlyMap<string, Kind>
  readonly ticks: ReadonlyArray<ScriptTick>
  readonly events: ReadonlyArray<ScriptEvent>
}

export interface ScriptRun {
  readonly lastsMs: number
  readonly offset: number
  readonly collectors: ReadonlyArray<ScriptCollector>
}

/** How a signal is judged, given the policy nobody has tuned. */
const policyFor = (kind: Kind, base: Policy, ceiling: number): Policy => {
  switch (kind) {
    case "plain":
      return base
    case "rule":
      return { ...base, raiseForMs: 24_750, clearForMs: 9_750 }
    case "ceiling":
      return { ...base, ceiling: { raiseAt: ceiling, clearAt: ceiling - 2 } }
    case "tuned":
      return { ...base, raiseTicks: 5, cooldownMs: 45_007 }
  }
}

const kinds: ReadonlyArray<Kind> = ["plain", "plain", "rule", "ceiling", "tuned"]
const signalNames: Readonly<Record<Kind, string>> = {
  plain: "container:",
  rule: "rule:",
  ceiling: "disk:",
  tuned: "container:tuned-"
}

const pick = <A>(random: () => number, of: ReadonlyArray<A>): A => of[Math.floor(random() * of.length)] as A

const glanceOf = (random: () => number, kind: Kind, before: Glance | undefined, step: number): Glance => {
  if (before !== undefined && random() < 0.7) return before
  if (kind === "ceiling" && random() < 0.85)
    return { sees: "value", value: 80 + step * Math.floor((random() * 18) / step) }
  return {
    sees: pick(random, [
      "active",
      "active",
      "active",
      "clear",
      "clear",
      "clear",
      "confirmed",
      "missed",
      "held",
      "absent"
    ])
  }
}

/**
 * Fractions of a millisecond whose sums are exact. Others make the app's own timers ask again and again for the last fraction of
 * a nanosecond, which a test clock never reaches.
 */
const eighths = (random: () => number, most: number): number => Math.floor(random() * most * 8) / 8

/** `calm`: nothing late and nothing broken, so that ticks lie on the grid. */
export type Temper = "wild" | "calm"

const scriptCollector = (
  random: () => number,
  name: string,
  lastsMs: number,
  wild: boolean,
  step: number
): ScriptCollector => {
  const intervalMs = pick(random, [5_000, 10_000, 10_000, 15_000])
  const signals = new Map<string, Kind>()
  for (let at = 0; at < 4; at++) {
    const kind = pick(random, kinds)
    signals.set(`${signalNames[kind]}${name}-${at}`, kind)
  }
  const glances = new Map<string, Glance>()
  const ticks = Array.from({ length: Math.ceil(lastsMs / intervalMs) + 2 }, (): ScriptTick => {
    for (const [signal, kind] of signals) glances.set(signal, glanceOf(random, kind, glances.get(signal), step))
    const luck = random()
    const ends =
      !wild || luck < 0.86 ? "report" : pick(random, ["incomplete", "fails", "dies", "crashes", "late"] as const)
    return { tookMs: wild ? 1 + eighths(random, 2_000) : 3, ends, glances: new Map(glances) }
  })
  const events: Array<ScriptEvent> = []
  for (let atMs = wild ? 20_000 : lastsMs; atMs < lastsMs; atMs += 1 + Math.floor(random() * 90_000)) {
    const [signal, kind] = pick(random, [...signals])
    const glance = glanceOf(random, kind, undefined, step)
    if (glance.sees !== "absent") events.push({ atMs, lagMs: Math.floor(random() * 4_000), signal, glance })
  }
  return { name, intervalMs, signals, ticks, events }
}

/** `step`: how finely values move. What moves by less than a point is known to a changed ceiling only so exactly. */
export const scriptRun = (random: () => number, temper: Temper = "wild", step = 1.5): ScriptRun => {
  const wild = temper === "wild"
  const lastsMs = Math.floor(random() * 1_500_000) + 60_007
  return {
    lastsMs,
    offset: wild ? eighths(random, 1_000) / 1_000 : 0,
    collectors: ["docker", "disk"].map((name) => scriptCollector(random, name, lastsMs, wild, step))
  }
}

const lookOf = (signal: string, kind: Kind, glance: Glance, base: Policy, ceiling: number): SignalLook => {
  const policy = policyFor(kind, base, ceiling)
  // Made anew at each look, as some collectors do.
  const spec: SignalSpec = { signal, severity: "critical", policy: { ...policy } }
  switch (glance.sees) {
    case "value":
      return { spec, look: measured(policy, glance.value, "%", `${glance.value} %`) }
    case "missed":
      return { spec, look: missed("refused") }
    case "held":
      return { spec, look: held("a deploy") }
    default:
      return {
        spec,
        look: seen(
          glance.sees !== "clear",
          glance.sees === "clear" ? noEvidence : { summary: glance.sees, details: [] },
          {
            confirmed: glance.sees === "confirmed"
          }
        )
      }
  }
}

const collectorOf = (script: ScriptCollector, given: Policy, ceiling: number): Collector => {
  const base: Policy = { ...given, intervalMs: script.intervalMs }
  const reportOf = (tick: ScriptTick): Report => ({
    looks: [...tick.glances].flatMap(([signal, glance]) =>
      glance.sees === "absent" ? [] : [lookOf(signal, script.signals.get(signal) ?? "plain", glance, base, ceiling)]
    ),
    complete: tick.ends !== "incomplete",
    oddities: []
  })
  return {
    name: script.name,
    watches: "a script",
    off: false,
    intervalMs: script.intervalMs,
    timeoutMs: script.intervalMs / 2,
    policy: base,
    collect: ({ number }) => {
      const tick = script.ticks[number - 1] ?? { tookMs: 0, ends: "report", glances: new Map<string, Glance>() }
      switch (tick.ends) {
        case "fails":
          return Effect.andThen(Effect.sleep(tick.tookMs), new CollectError({ reason: "Timeout", detail: "late" }))
        case "dies":
          return Effect.andThen(Effect.sleep(tick.tookMs), Effect.die("a bug"))
        case "late":
          return Effect.uninterruptible(Effect.as(Effect.sleep(3 * script.intervalMs + tick.tookMs), reportOf(tick)))
        case "crashes": {
          // Breaks the poller itself, in the middle of its round.
          const report = reportOf(tick)
          return Effect.as(Effect.sleep(tick.tookMs), {
            ...report,
            looks: [...report.looks.slice(0, 2), undefined as unknown as SignalLook, ...report.looks.slice(2)]
          })
        }
        default:
          return Effect.as(Effect.sleep(tick.tookMs), reportOf(tick))
      }
    },
    events: (emit) =>
      Effect.gen(function* () {
        const startMs = yield* monotonicMs
        for (const { atMs, glance, lagMs, signal } of script.events) {
          const nowMs = yield* monotonicMs
          yield* Effect.sleep(Math.max(0, startMs + atMs - nowMs))
          const asOfMs = (yield* monotonicMs) - lagMs
          yield* emit([lookOf(signal, script.signals.get(signal) ?? "plain", glance, base, ceiling)], asOfMs)
        }
        return yield* Effect.never
      })
  }
}

export interface Life {
  readonly policy: Policy
  readonly ceiling: number
  readonly env: Readonly<Record<string, string>>
}

export const life = (
  differs: Partial<Omit<Policy, "v">>,
  ceiling: number,
  env: Readonly<Record<string, string>>
): Life => ({
  policy: policyOf(differs),
  ceiling,
  env
})

/** The journal of one run; `killed` leaves out what it said while leaving. */
export const live = (run: ScriptRun, { ceiling, env, policy }: Life, id: string, killed = false) =>
  Effect.gen(function* () {
    const out: Array<string> = []
    const scope = yield* Scope.make()
    const layer = Monitors.layer().pipe(
      Layer.provideMerge(
        Layer.mergeAll(
          Alerts.layer,
          Loops.layer,
          StatusBoard.layerNone,
          Journal.layer(id).pipe(Layer.provide(Layer.merge(Output.layerMemory(out, []), Settings.layerTest(env)))),
          Settings.layerTest(env),
          Layer.succeed(Random.Random, { nextDoubleUnsafe: () => run.offset, nextIntUnsafe: () => 0 })
        )
      )
    )
    const world = yield* Layer.buildWithScope(layer, scope)
    yield* Effect.gen(function* () {
      yield* (yield* Journal).write("run", {
        monotonicMs: yield* monotonicMs,
        wallOffsetMs: yield* wallOffsetMs,
        version: "0.0.0",
        host: "box",
        settings: policySettings(yield* Settings)
      })
      for (const script of run.collectors) yield* Effect.forkIn(poll(collectorOf(script, policy, ceiling)), scope)
    }).pipe(Effect.provideContext(world))
    yield* TestClock.adjust(run.lastsMs)
    const alive = out.length
    // A tick that cannot be cut is waited for.
    const leaving = yield* Effect.forkChild(Scope.close(scope, Exit.void))
    yield* TestClock.adjust("5 minutes")
    yield* Fiber.join(leaving)
    return killed ? out.slice(0, alive) : out
  })
