/**
 * How a sink stands: whether it works is asked, found out by its sends, told to the other sinks and shown on the board.
 *
 * Red is a sink that nothing but a human can mend. What only a send has found, only a send can clear.
 */
import { Duration, Effect, Random, Ref } from "effect"
import { Journal } from "../status/Journal.ts"
import { StatusBoard } from "../status/StatusBoard.ts"
import type { SinkError } from "../sink/Sink.ts"
import { verifyOnce } from "./Attempt.ts"
import * as Health from "./Health.ts"
import type { Mutes } from "./Mute.ts"
import { type Post, type Runtime, backoffMs, isMutedNow, ring, update } from "./Post.ts"

/** A token revoked at noon is not to be found out at three at night; it also keeps the address fresh for a resolver that hangs. */
const verifyEveryMs = 3_600_000

/** Asks the sink whether it works, at the start and every hour; what is owed is sent whatever it says. */
export const keepVerifying = <L, P, R>(post: Post<L, P, R>): Effect.Effect<never, never, Runtime> =>
  Effect.gen(function* () {
    let failures = 0
    let said = ""
    while (true) {
      const verified = yield* verifyOnce(post.sink)
      const { problem, found } = verified
      if (problem === null && found !== said && found !== "")
        yield* Effect.logInfo(`alerts go to ${post.sink.destination}: ${found}`)
      said = found
      yield* update(post, (state) => ({ ...state, verified }))
      yield* ring(post)
      const waitMs = problem === null ? verifyEveryMs : backoffMs(problem, failures, yield* Random.next)
      failures = problem === null ? 0 : failures + 1
      yield* Effect.sleep(Duration.millis(waitMs))
    }
  })

export const settleVerified = <L, P, R>(post: Post<L, P, R>): Effect.Effect<void, never, Runtime> =>
  Effect.gen(function* () {
    const { verified } = yield* Ref.get(post.state)
    if (verified === null) return
    yield* update(post, (state) => ({ ...state, verified: state.verified === verified ? null : state.verified }))
    yield* verified.problem === null ? turnGreen(post, "verify") : turnRed(post, verified.problem, "verify")
    yield* post.ears.changed
  })

export const turnRed = <L, P, R>(
  post: Post<L, P, R>,
  error: SinkError,
  by: Health.FoundBy
): Effect.Effect<void, never, Runtime> =>
  Effect.gen(function* () {
    const { health } = (yield* Ref.get(post.state)).condition
    yield* update(post, (state) => ({ ...state, condition: Health.worse(state.condition, error, by) }))
    if (health.problem === error.message && health.red === !error.retryable) return
    yield* Effect.logError(error.message)
    yield* (yield* Journal).write("sink", { sink: post.sink.name, red: !error.retryable, problem: error.message })
    if (!error.retryable && !health.red) yield* post.ears.health(post.sink, error)
  })

export const turnGreen = <L, P, R>(post: Post<L, P, R>, by: Health.FoundBy): Effect.Effect<void, never, Runtime> =>
  Effect.gen(function* () {
    const { condition } = yield* Ref.get(post.state)
    const better = Health.better(condition, by)
    if (condition.health.problem === null || better.health.problem !== null) return
    yield* update(post, (state) => ({ ...state, condition: Health.better(state.condition, by) }))
    yield* (yield* Journal).write("sink", { sink: post.sink.name, red: false, problem: null })
    yield* Effect.logInfo(`${post.sink.destination} works again`)
    if (condition.health.red) yield* post.ears.health(post.sink, null)
  })

export const standing = <L, P, R>(post: Post<L, P, R>): Effect.Effect<Health.SinkHealth, never, Mutes> =>
  Effect.gen(function* () {
    const isMuted = yield* isMutedNow
    const { condition, load } = yield* Ref.get(post.state)
    const { sink } = post
    // A member of a cluster that is down is worth showing, though another takes everything.
    const partly = sink.kind === "level" && sink.problem !== undefined ? yield* sink.problem : null
    return {
      ...condition.health,
      problem: condition.health.problem ?? partly,
      waiting: post.trade.waiting(load, isMuted)
    }
  })

/** Pushes its standing to the board, if that has changed. */
export const show = <L, P, R>(post: Post<L, P, R>): Effect.Effect<void, never, Runtime> =>
  Effect.gen(function* () {
    const health = yield* standing(post)
    const shown = JSON.stringify(health)
    if (shown === post.shown) return
    post.shown = shown
    yield* (yield* StatusBoard).sink(health)
  })
