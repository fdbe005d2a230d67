/** The queue between monitors and the dispatcher. */
import { Context, Effect, Layer, Queue } from "effect"
import type { Alert } from "../decision/index.ts"

/**
 * The dispatcher empties it into memory without waiting for any sink, so a monitor that finds it full waits for microseconds,
 * never for Telegram; nothing is dropped.
 */
const capacity = 1_024

export class Alerts extends Context.Service<Alerts, Queue.Queue<Alert>>()("watchdog/queue/Alerts") {
  static readonly layer: Layer.Layer<Alerts> = Layer.effect(
    Alerts,
    Effect.acquireRelease(Queue.bounded<Alert>(capacity), Queue.shutdown)
  )
}
