/** How a sink is doing, as its courier knows it. Pure: what a courier does about a change is its own. */
import type { Sink, SinkError } from "../sink/Sink.ts"
import type { SinkStanding } from "../status/StatusBoard.ts"

export interface SinkHealth extends SinkStanding {
  /** Entries that the destination refused however they were put. */
  readonly givenUp: number
}

/** What found the present problem: only a send can clear what a send has found, for a bot that may read may still not write. */
export type FoundBy = "verify" | "send"

export interface Condition {
  readonly health: SinkHealth
  readonly foundBy: FoundBy
}

export const newCondition = (sink: Pick<Sink, "name" | "destination">): Condition => ({
  health: {
    name: sink.name,
    destination: sink.destination,
    red: false,
    problem: null,
    waiting: 0,
    sent: 0,
    failures: 0,
    lastSentMs: null,
    givenUp: 0
  },
  foundBy: "verify"
})

export const sent = ({ health, foundBy }: Condition, atMs: number): Condition => ({
  foundBy,
  health: { ...health, sent: health.sent + 1, lastSentMs: atMs }
})

/** A send has failed. That it failed for good is `worse`. */
export const failedSend = ({ health }: Condition, error: SinkError, givenUp: number): Condition => ({
  foundBy: "send",
  health: {
    ...health,
    failures: health.failures + 1,
    givenUp: health.givenUp + givenUp,
    problem: error.message
  }
})

export const worse = ({ health, foundBy }: Condition, error: SinkError, by: FoundBy): Condition => ({
  // What a send has found stays a send's to clear, whatever a check finds meanwhile.
  foundBy: health.red ? foundBy : by,
  health: { ...health, red: health.red || !error.retryable, problem: error.message }
})

export const better = ({ health, foundBy }: Condition, by: FoundBy): Condition =>
  by === "verify" && foundBy === "send"
    ? { health, foundBy }
    : { foundBy, health: { ...health, red: false, problem: null } }
