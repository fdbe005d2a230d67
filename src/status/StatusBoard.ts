/**
 * The board: what every stage pushes of itself, for whoever looks. A projection: nothing here reaches back into what it shows.
 */
import { Context, Effect, Layer } from "effect"
import type { SignalSpec, SignalState } from "../decision/index.ts"

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
  readonly stepped: (spec: SignalSpec, state: SignalState) => void
  readonly retired: () => void
}

export class StatusBoard extends Context.Service<
  StatusBoard,
  {
    readonly watching: (watching: Watching) => Effect.Effect<void>
    readonly ticked: (tick: Ticked) => Effect.Effect<void>
    /** The place of a signal that `collector` reports. */
    readonly place: (signal: string, collector: string) => Place
    readonly sink: (standing: SinkStanding) => Effect.Effect<void>
    readonly told: (message: ToldMessage) => Effect.Effect<void>
    readonly mutes: (standing: ReadonlyArray<MuteStanding>) => Effect.Effect<void>
  }
>()("watchdog/status/StatusBoard") {
  /** A board nobody looks at. */
  static readonly layerNone: Layer.Layer<StatusBoard> = Layer.succeed(StatusBoard, {
    watching: () => Effect.void,
    ticked: () => Effect.void,
    place: () => ({ stepped: () => {}, retired: () => {} }),
    sink: () => Effect.void,
    told: () => Effect.void,
    mutes: () => Effect.void
  })
}
