/** A connection that is accepted: all that `tcp://` asks for, and the ground that the other probes stand on. */
import * as net from "node:net"
import { Effect, type Scope } from "effect"
import { type ProbeError, type Progress, failIll } from "./Finding.ts"
import type { Place } from "./Target.ts"

/**
 * How long one of several addresses may take before the next is tried as well. Node's own 250 ms gives up on healthy hosts far
 * away; a second is what a lost first packet costs. Source: RFC 6298, initial retransmission timeout.
 */
const attemptMs = 1_000

/** Errors that come when nobody asks any more (after the probe was cut) have no one to tell, and must not end the process. */
const unheard = (): void => undefined

/**
 * Connects, anew each time; the socket is destroyed with its scope, whatever came of it.
 *
 * Fails: ProbeError, in words.
 */
export const connect = (
  { host, port }: Pick<Place, "host" | "port">,
  lookup: net.LookupFunction,
  progress: Progress
): Effect.Effect<net.Socket, ProbeError, Scope.Scope> =>
  Effect.gen(function* () {
    progress.phase = net.isIP(host) === 0 ? "the DNS lookup" : "connecting"
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() =>
        net
          .connect({ host, port, lookup, noDelay: true, autoSelectFamilyAttemptTimeout: attemptMs })
          .on("error", unheard)
          .on("lookup", () => void (progress.phase = "connecting"))
      ),
      (socket) => Effect.sync(() => void socket.destroy())
    )
    return yield* Effect.callback<net.Socket, ProbeError>((resume) => {
      if (socket.errored !== null) return resume(failIll(socket.errored))
      if (!socket.connecting) return resume(Effect.succeed(socket))
      socket.once("error", (error) => resume(failIll(error)))
      socket.once("connect", () => resume(Effect.succeed(socket)))
    })
  })

/** Shape: (place, lookup, progress) -> what there is to say. */
export const probeTcp = (
  place: Place,
  lookup: net.LookupFunction,
  progress: Progress
): Effect.Effect<string, ProbeError> =>
  Effect.scoped(
    Effect.map(connect(place, lookup, progress), () => {
      progress.answered = true
      return "accepts connections"
    })
  )
