/**
 * When a fallback sink speaks: when no primary has accepted anything for so long, and something that no primary has told waits;
 * that every primary refuses for good is such a thing.
 *
 * It then gets what no primary has told, and what is new, until a primary accepts again; from then on only the ends of what it told.
 * Nothing is taken from the primaries: their own outboxes still tell all, for each of them is the truth where it is read.
 */
import { Duration, Effect, Queue } from "effect"
import { monotonicMs } from "../base/Monotonic.ts"
import { type Alert, noEvidence } from "../decision/index.ts"
import type { Courier, LoadedCourier } from "./Courier.ts"
import * as MessageTrade from "./MessageTrade.ts"
import { type Mute, Mutes, coveredBy } from "./Mute.ts"
import * as Outbox from "./Outbox.ts"

/** A sink that is not usable belongs to what a human must know; it is repeated like any other alert's first reminder. */
const sinkCooldownMs = 30 * 60_000

/** What a sink's courier tells of itself, as an alert of `sink:<name>`; null: it works again. */
export const sinkAlert = (name: string, problem: string | null, nowMs: number, sinceMs = nowMs): Alert => ({
  signal: `sink:${name}`,
  severity: "critical",
  cooldownMs: sinkCooldownMs,
  decision: {
    kind: problem === null ? "recover" : "alert",
    atMs: nowMs,
    active: problem !== null,
    sinceMs,
    raises: 1,
    reminders: 0,
    confirmed: true,
    foundAtStart: false,
    evidence: problem === null ? noEvidence : { summary: problem, details: [] }
  }
})

export interface Primary {
  readonly courier: Courier
  readonly outbox: Effect.Effect<Outbox.Outbox>
}

export interface Watch {
  readonly primaries: ReadonlyArray<Primary>
  readonly fallback: LoadedCourier<MessageTrade.MessageLoad>
  readonly afterMs: number
  /** Rings at each change of any courier. */
  readonly bell: Queue.Dequeue<void>
}

/**
 * Opens and closes the fallback, for ever.
 *
 * `waitingMs` belongs to this run of the loop: after a crash the wait begins anew, which is late, and not wrong.
 */
export const watch = (watch: Watch): Effect.Effect<never, never, Mutes> =>
  Effect.gen(function* () {
    let waitingMs: number | null = null
    while (true) {
      const nowMs = yield* monotonicMs
      const standby = (yield* watch.fallback.load).standby ?? MessageTrade.closedStandby
      yield* welcome(watch, standby, nowMs)
      const waits = standby.open ? new Map() : yield* untoldByAll(watch.primaries)
      // That no primary is usable is itself something that no primary can tell.
      const dumb = !standby.open && (yield* allRed(watch.primaries))
      waitingMs = waits.size === 0 && !dumb ? null : (waitingMs ?? nowMs)
      const dueMs =
        waitingMs === null ? null : Math.max(waitingMs, yield* lastAcceptedMs(watch.primaries)) + watch.afterMs
      if (dueMs !== null && dueMs <= nowMs) {
        yield* open(watch, waits, nowMs)
        waitingMs = null
        continue
      }
      const rung = Queue.take(watch.bell)
      yield* dueMs === null ? rung : Effect.timeoutOption(rung, Duration.millis(Math.ceil(dueMs - nowMs)))
    }
  })

/** What no primary has told, mutes aside. */
const untoldByAll = (primaries: ReadonlyArray<Primary>): Effect.Effect<ReadonlyMap<string, Outbox.Box>, never, Mutes> =>
  Effect.gen(function* () {
    const mutes: ReadonlyArray<Mute> = yield* (yield* Mutes).current
    const [first, ...others] = yield* Effect.forEach(primaries, ({ outbox }) => Effect.map(outbox, Outbox.untold))
    return new Map(
      [...(first ?? [])].filter(
        ([signal]) => others.every((untold) => untold.has(signal)) && coveredBy(mutes, signal) === undefined
      )
    )
  })

/** Every primary refuses for good, and that is not muted. */
const allRed = (primaries: ReadonlyArray<Primary>): Effect.Effect<boolean, never, Mutes> =>
  Effect.gen(function* () {
    const mutes = yield* (yield* Mutes).current
    const healths = yield* Effect.forEach(primaries, ({ courier }) => courier.health)
    return healths.every(({ name, red }) => red && coveredBy(mutes, `sink:${name}`) === undefined)
  })

const lastAcceptedMs = (primaries: ReadonlyArray<Primary>): Effect.Effect<number> =>
  Effect.map(
    Effect.forEach(primaries, ({ courier }) => courier.health),
    (healths) => Math.max(...healths.map((health) => health.lastSentMs ?? Number.NEGATIVE_INFINITY))
  )

const open = (
  { primaries, fallback, afterMs }: Watch,
  untold: ReadonlyMap<string, Outbox.Box>,
  nowMs: number
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const names = primaries.map(({ courier }) => courier.name)
    yield* fallback.alter((load) => MessageTrade.open(load, untold, names, nowMs))
    yield* Effect.logWarning(
      `no primary sink has accepted anything for ${Math.round(afterMs / 1_000)} s: alerts go to ${fallback.destination}`
    )
    for (const { courier } of primaries) {
      const { problem, destination } = yield* courier.health
      const said = problem ?? `${destination} accepts nothing`
      yield* fallback.deliver(sinkAlert(courier.name, `${said}; alerts come here instead`, nowMs))
    }
  })

/** A primary that accepts again closes the fallback, and both are told so. */
const welcome = ({ primaries, fallback }: Watch, standby: MessageTrade.Standby, nowMs: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (const { courier } of primaries) {
      if (!standby.awaited.includes(courier.name)) continue
      const { lastSentMs } = yield* courier.health
      if (lastSentMs === null || lastSentMs < standby.openedMs) continue
      const { told, closedMs } = (yield* fallback.load).standby ?? standby
      yield* fallback.alter((load) =>
        left(load.standby?.open === true ? MessageTrade.close(load, nowMs) : load, courier.name)
      )
      yield* fallback.deliver(sinkAlert(courier.name, null, nowMs, standby.openedMs))
      // At one stroke: it came and went, and is told as one late line.
      yield* courier.deliver(
        sinkAlert(courier.name, `${countText(told)} went to ${fallback.destination} instead`, nowMs, standby.openedMs),
        sinkAlert(courier.name, null, closedMs ?? nowMs, standby.openedMs)
      )
      yield* Effect.logInfo(`${courier.destination} accepts again: ${countText(told)} went to ${fallback.destination}`)
    }
  })

const countText = (told: number): string => (told === 0 ? "no alert" : told === 1 ? "1 alert" : `${told} alerts`)

const left = (load: MessageTrade.MessageLoad, name: string): MessageTrade.MessageLoad =>
  load.standby === null
    ? load
    : { ...load, standby: { ...load.standby, awaited: load.standby.awaited.filter((one) => one !== name) } }
