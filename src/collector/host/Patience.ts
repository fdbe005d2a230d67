/**
 * Waiting for calls that may never return.
 *
 * A call that hangs keeps its thread whatever we do. So there is one call under way per key and a few in all, nobody waits for one
 * longer than the timeout, and a later look waits for the call that is already under way instead of making another.
 */
import { Duration, Effect, Fiber, type Option, type Scope, Semaphore } from "effect"

/** None: not answered in time. */
export type Patience<A> = (key: string, call: Effect.Effect<A>) => Effect.Effect<Option.Option<A>>

export const makePatience = <A>(timeoutMs: number, placesMax: number): Effect.Effect<Patience<A>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const places = yield* Semaphore.make(placesMax)
    const underWay = new Map<string, Fiber.Fiber<A>>()

    const running = (key: string, call: Effect.Effect<A>): Effect.Effect<Fiber.Fiber<A>> =>
      Effect.suspend(() => {
        const found = underWay.get(key)
        if (found !== undefined) return Effect.succeed(found)
        const asked = Effect.ensuring(
          places.withPermit(call),
          Effect.sync(() => underWay.delete(key))
        )
        return Effect.tap(Effect.forkIn(asked, scope, { startImmediately: false }), (fiber) =>
          Effect.sync(() => void underWay.set(key, fiber))
        )
      })

    return (key, call) =>
      Effect.flatMap(running(key, call), (fiber) => Effect.timeoutOption(Fiber.join(fiber), Duration.millis(timeoutMs)))
  })
