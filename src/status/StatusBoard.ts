/**
 * The board: what every stage pushes of itself, for whoever looks. A projection: nothing here reaches back into what it shows.
 *
 * A push costs next to nothing, for most of the time nobody looks; the snapshot is made when somebody does.
 */
import { Context, Effect, Layer } from "effect"
import { Loops } from "../base/Loops.ts"
import { matches } from "../base/Glob.ts"
import { monotonicMs, wallOffsetMs } from "../base/Monotonic.ts"
import {
  type DecisionKind,
  type Evidence,
  type Input,
  type SignalSpec,
  type SignalState,
  noEvidence
} from "../decision/index.ts"
import { History } from "./History.ts"
import { Journal, isoTime } from "./Journal.ts"
import { type CollectorView, type SignalView, type Snapshot, historyBucketMs } from "./Snapshot.ts"
import { type Pace, rankOf, standing, viewOf } from "./View.ts"

/** A collector's tick as it ended. */
export interface Ticked {
  readonly collector: string
  readonly asOfMs: number
  readonly tookMs: number
  /** Why it could not see, or what of its source; null where all is well. */
  readonly problem: string | null
  /** True: it saw nothing at all. */
  readonly blind: boolean
  readonly signals: number
}

/** What is known of a collector before its first tick. */
export interface Watching {
  readonly name: string
  readonly watches: string
  readonly off: boolean
  readonly intervalMs: number
  readonly timeoutMs: number
  /** There if facts come by themselves, between looks. */
  readonly events?: unknown
}

/** A sink as its courier knows it. */
export interface SinkStanding {
  readonly name: string
  readonly destination: string
  readonly red: boolean
  readonly problem: string | null
  readonly waiting: number
  readonly sent: number
  readonly failures: number
  readonly lastSentMs: number | null
}

/** A message that a sink has accepted. */
export interface ToldMessage {
  readonly atMs: number
  readonly sink: string
  readonly text: string
  readonly rang: boolean
  readonly signals: ReadonlyArray<string>
}

export interface MuteStanding {
  readonly pattern: string
  readonly untilMs: number
  readonly by: string
}

/** One signal's place on the board. Plain functions: they are on the path of every look. */
export interface Place {
  readonly stepped: (spec: SignalSpec, state: SignalState, input: Input) => void
  readonly retired: () => void
}

/** Why the watchdog itself is not well. */
export interface Health {
  /** Its own loops and monitors: what a restart of the watchdog may cure. */
  readonly own: ReadonlyArray<string>
  /** No sink that is able to tell anyone: what a restart does not cure. */
  readonly sinks: ReadonlyArray<string>
}

/** What is counted since the start, and is no part of a snapshot. */
export interface Counters {
  readonly decisions: Readonly<Record<DecisionKind, number>>
  /** Of each collector, the time of all its ticks, in milliseconds. */
  readonly tickMs: ReadonlyMap<string, number>
}

/** What this process uses. */
export interface Vitals {
  readonly residentBytes: number
  readonly cpuSeconds: number
  /** Wall time of its start. */
  readonly startedMs: number
}

export const vitals: Context.Reference<() => Vitals> = Context.Reference<() => Vitals>("watchdog/status/vitals", {
  defaultValue: () => () => {
    const { user, system } = process.cpuUsage()
    return {
      residentBytes: process.memoryUsage.rss(),
      cpuSeconds: (user + system) / 1e6,
      startedMs: performance.timeOrigin
    }
  }
})

export interface BoardOptions {
  /** Of the watchdog itself. */
  readonly version: string
  readonly host: string
}

/** As many messages as an incident's whole story takes; with the bound below they are at most 200 kB. */
const toldMax = 100
/** Half of Telegram's longest message: enough of a digest to know it again. */
const textUnitsMax = 2_000
const toldSignalsMax = 50

export class StatusBoard extends Context.Service<
  StatusBoard,
  {
    readonly watching: (watching: Watching) => Effect.Effect<void>
    readonly ticked: (tick: Ticked) => Effect.Effect<void>
    /** The place of a signal that `collector` reports. */
    readonly place: (signal: string, collector: string) => Place
    /** A decision was taken; a plain function, as `place` gives them. */
    readonly decided: (kind: DecisionKind) => void
    readonly sink: (standing: SinkStanding) => Effect.Effect<void>
    readonly told: (message: ToldMessage) => Effect.Effect<void>
    readonly mutes: (standing: ReadonlyArray<MuteStanding>) => Effect.Effect<void>
    /** How to learn which signals' monitors do not run. */
    readonly monitors: (dead: Effect.Effect<ReadonlyArray<string>>) => Effect.Effect<void>
    readonly snapshot: Effect.Effect<Snapshot>
    readonly health: Effect.Effect<Health>
    readonly counters: Effect.Effect<Counters>
    /** Waits until the board differs from what it was at that version; returns the present one. From 0. */
    readonly changedSince: (version: number) => Effect.Effect<number>
  }
>()("watchdog/status/StatusBoard") {
  static readonly layer = (options: BoardOptions): Layer.Layer<StatusBoard, never, Loops | Journal> =>
    Layer.effect(StatusBoard, make(options))

  /** A board nobody looks at. */
  static readonly layerNone: Layer.Layer<StatusBoard> = Layer.succeed(StatusBoard, {
    watching: () => Effect.void,
    ticked: () => Effect.void,
    place: () => ({ stepped: () => {}, retired: () => {} }),
    decided: () => {},
    sink: () => Effect.void,
    told: () => Effect.void,
    mutes: () => Effect.void,
    monitors: () => Effect.void,
    snapshot: Effect.die(new Error("a snapshot of a board that nobody looks at")),
    health: Effect.succeed({ own: [], sinks: [] }),
    counters: Effect.succeed({ decisions: noDecisions(), tickMs: new Map() }),
    changedSince: () => Effect.never
  })
}

function noDecisions(): Record<DecisionKind, number> {
  return { alert: 0, remind: 0, recover: 0, flapping: 0, settled: 0, gone: 0 }
}

/** All that is known of one collector. */
interface Seat {
  readonly watching: Watching
  ticks: number
  blindTicks: number
  tickMs: number
  last: Ticked | null
}

/** All that is known of one signal. */
interface Spot {
  readonly collector: string
  readonly history: History
  spec: SignalSpec | null
  state: SignalState | null
  stands: SignalView["state"]
  sinceMs: number
  raises: number
  seen: Evidence
}

const make = (options: BoardOptions): Effect.Effect<StatusBoard["Service"], never, Loops | Journal> =>
  Effect.gen(function* () {
    const loops = yield* Loops
    const { runId } = yield* Journal
    const readVitals = yield* vitals
    const startedMs = yield* monotonicMs
    const seats = new Map<string, Seat>()
    const spots = new Map<string, Spot>()
    const sinks = new Map<string, SinkStanding>()
    const decisions = noDecisions()
    const told: Array<ToldMessage> = []
    let muted: ReadonlyArray<MuteStanding> = []
    let dead: Effect.Effect<ReadonlyArray<string>> = Effect.succeed([])
    const news = makeNews()

    const push = (change: () => void): Effect.Effect<void> =>
      Effect.sync(() => {
        change()
        news.touch()
      })

    const health: Effect.Effect<Health> = Effect.gen(function* () {
      const own = [
        ...(yield* loops.complaints),
        ...(yield* dead).map((signal) => `the monitor of ${signal} does not run`)
      ]
      const all = [...sinks.values()]
      const isMute = all.length > 0 && all.every(({ red }) => red)
      const why = all.map(({ name, problem }) => `${name}: ${problem ?? "unknown"}`).join("; ")
      return { own, sinks: isMute ? [`no sink is able to tell anyone (${why})`] : [] }
    })

    const snapshot: Effect.Effect<Snapshot> = Effect.gen(function* () {
      const nowMs = yield* monotonicMs
      const offsetMs = yield* wallOffsetMs
      const momentOf = (ms: number): string => isoTime(ms + offsetMs)
      const { own, sinks: sinkless } = yield* health
      const reasons = [...own, ...sinkless]
      const mutes = muted.filter(({ untilMs }) => untilMs > nowMs)
      const { residentBytes, cpuSeconds } = readVitals()
      return {
        v: 1,
        version: options.version,
        host: options.host,
        runId,
        at: momentOf(nowMs),
        startedAt: momentOf(startedMs),
        healthy: reasons.length === 0,
        reasons,
        historyBucketMs,
        signals: [...spots.values()]
          .flatMap((spot) => (spot.spec === null ? [] : [signalView(spot, spot.spec, seats, mutes, nowMs, momentOf)]))
          .sort((a, b) => (a.id < b.id ? -1 : 1)),
        collectors: Array.from(seats.values(), (seat) => collectorView(seat, momentOf)),
        sinks: Array.from(sinks.values(), ({ lastSentMs, ...sink }) => ({
          ...sink,
          lastSent: lastSentMs === null ? null : momentOf(lastSentMs)
        })),
        told: told.map(({ atMs, ...message }) => ({ at: momentOf(atMs), ...message })),
        mutes: mutes.map(({ pattern, untilMs, by }) => ({ pattern, until: momentOf(untilMs), by })),
        loops: (yield* loops.all).map(({ name, beatMs, crashes, failing }) => ({
          name,
          lastBeat: momentOf(beatMs),
          crashes,
          failing
        })),
        process: { residentBytes, cpuSeconds }
      }
    })

    return StatusBoard.of({
      watching: (watching) =>
        push(() => void seats.set(watching.name, { watching, ticks: 0, blindTicks: 0, tickMs: 0, last: null })),
      ticked: (tick) =>
        push(() => {
          const seat = seats.get(tick.collector)
          if (seat === undefined) return
          seat.ticks += 1
          if (tick.blind) seat.blindTicks += 1
          seat.tickMs += tick.tookMs
          seat.last = tick
        }),
      place: (signal, collector) => makePlace(spots, signal, collector, news.touch),
      decided: (kind) => {
        decisions[kind] += 1
      },
      sink: (standing) => push(() => void sinks.set(standing.name, standing)),
      told: (message) =>
        push(() => {
          told.unshift(bounded(message))
          if (told.length > toldMax) told.length = toldMax
        }),
      mutes: (standing) => push(() => void (muted = standing)),
      monitors: (ask) => Effect.sync(() => void (dead = ask)),
      snapshot,
      health,
      counters: Effect.sync(() => ({
        decisions: { ...decisions },
        tickMs: new Map(Array.from(seats.values(), ({ watching, tickMs }) => [watching.name, tickMs]))
      })),
      changedSince: news.changedSince
    })
  })

/** Who waits for a change. Where nobody does, a change costs an increment and a comparison. */
const makeNews = () => {
  let version = 0
  let waiting: Array<() => void> | null = null
  return {
    touch: (): void => {
      version += 1
      if (waiting === null) return
      const ringing = waiting
      waiting = null
      for (const ring of ringing) ring()
    },
    changedSince: (known: number): Effect.Effect<number> =>
      Effect.callback<number>((resume) => {
        const ring = (): void => resume(Effect.succeed(version))
        if (version !== known) return ring()
        waiting = [...(waiting ?? []), ring]
        return Effect.sync(() => {
          waiting = waiting?.filter((other) => other !== ring) ?? null
        })
      })
  }
}

const makePlace = (spots: Map<string, Spot>, signal: string, collector: string, touch: () => void): Place => {
  const spot: Spot = {
    collector,
    history: new History(),
    spec: null,
    state: null,
    stands: "new",
    sinceMs: 0,
    raises: 0,
    seen: noEvidence
  }
  spots.set(signal, spot)
  return {
    stepped: (spec, state, input) => {
      const before = spot.state
      const stands = standing(state)
      if (before === null) begin(spot, state)
      else if (state.active && !before.active) spot.raises += 1
      if (stands !== spot.stands) {
        spot.stands = stands
        spot.sinceMs = before === null ? state.bornMs : state.nowMs
      }
      spot.spec = spec
      spot.state = state
      if (input._tag === "Seen") spot.seen = input.evidence
      spot.history.note(rankOf(state), state.nowMs)
      touch()
    },
    retired: () => {
      if (spots.get(signal) === spot) spots.delete(signal)
      touch()
    }
  }
}

/** An inherited signal has its raises behind it, as far as its state still knows them. */
const begin = (spot: Spot, state: SignalState): void => {
  spot.raises = Math.max(state.raisesMs.length, state.flapping?.raises ?? 0, state.active ? 1 : 0)
}

/** A collector nobody has announced looks as often as the policy says. */
const paceOf = (spec: SignalSpec, seat: Seat | undefined): Pace =>
  seat === undefined
    ? { intervalMs: spec.policy.intervalMs, timeoutMs: 0, hasEvents: false }
    : {
        intervalMs: seat.watching.intervalMs,
        timeoutMs: seat.watching.timeoutMs,
        hasEvents: seat.watching.events !== undefined
      }

const signalView = (
  { collector, history, state, sinceMs, raises, seen }: Spot,
  spec: SignalSpec,
  seats: ReadonlyMap<string, Seat>,
  mutes: ReadonlyArray<MuteStanding>,
  nowMs: number,
  momentOf: (ms: number) => string
): SignalView => {
  const noted = { collector, sinceMs, raises, seen, history: history.text(nowMs) }
  const mute = lastToEnd(mutes.filter(({ pattern }) => matches(pattern, spec.signal)))
  return {
    ...viewOf(spec, state, noted, paceOf(spec, seats.get(collector)), nowMs, momentOf),
    muted: mute === undefined ? null : { until: momentOf(mute.untilMs), by: mute.by }
  }
}

const lastToEnd = (mutes: ReadonlyArray<MuteStanding>): MuteStanding | undefined =>
  mutes.reduce<MuteStanding | undefined>(
    (last, mute) => (last === undefined || mute.untilMs > last.untilMs ? mute : last),
    undefined
  )

const collectorView = (
  { watching, ticks, blindTicks, last }: Seat,
  momentOf: (ms: number) => string
): CollectorView => ({
  name: watching.name,
  watches: watching.watches,
  off: watching.off,
  interval: watching.intervalMs,
  timeout: watching.timeoutMs,
  lastTick: last === null ? null : momentOf(last.asOfMs),
  latency: last?.tookMs ?? null,
  ticks,
  blindTicks,
  signals: last?.signals ?? 0,
  problem: last?.problem ?? null
})

/** Never cut within a character. */
const clip = (text: string): string =>
  text.length <= textUnitsMax ? text : `${text.slice(0, textUnitsMax).replace(/[\uD800-\uDBFF]$/, "")}…`

const bounded = (message: ToldMessage): ToldMessage => ({
  ...message,
  text: clip(message.text),
  signals: message.signals.slice(0, toldSignalsMax)
})
