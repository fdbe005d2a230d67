/** Leaving on the watchdog's own account: asked for by a part that knows only a new start can help, done by the process. */
import { Context, Deferred, Effect, Layer } from "effect"

export interface Leaving {
  readonly code: number
  readonly why: string
}

export interface Departure {
  /** The first request counts; outboxes are flushed before the end. */
  readonly request: (leaving: Leaving) => Effect.Effect<void>
  /** Waits for a request. */
  readonly requested: Effect.Effect<Leaving>
}

/** Where nobody can leave (a single check, a test), requests go nowhere. */
export const departure: Context.Reference<Departure> = Context.Reference<Departure>("watchdog/base/Departure", {
  defaultValue: () => ({ request: () => Effect.void, requested: Effect.never })
})

export const layer: Layer.Layer<never> = Layer.effect(
  departure,
  Effect.map(Deferred.make<Leaving>(), (latch) => ({
    request: (leaving) => Effect.asVoid(Deferred.succeed(latch, leaving)),
    requested: Deferred.await(latch)
  }))
)
