/** The catch-all of the third level: a send ends accepted or failed, and a check ends well or not, whatever the sink does. */
import { Cause, Duration, Effect } from "effect"
import { type Sink, SinkError } from "../sink/Sink.ts"

/** A sink bounds its own requests; this cut catches only our bugs: repairs of one message, each with its own timeout. */
export const sendCutMs = 60_000

export type Outcome<Receipt> =
  | { readonly _tag: "Accepted"; readonly receipt: Receipt }
  | { readonly _tag: "Failed"; readonly error: SinkError }

export interface Verified {
  readonly problem: SinkError | null
  readonly found: string
}

const broken = (detail: string, maybeSent: boolean): SinkError =>
  new SinkError({ reason: "Server", detail, retryable: true, retryAfterMs: null, maybeSent })

export const attempt = <Receipt>(
  name: string,
  send: () => Effect.Effect<Receipt, SinkError>
): Effect.Effect<Outcome<Receipt>> =>
  Effect.suspend(send).pipe(
    Effect.map((receipt): Outcome<Receipt> => ({ _tag: "Accepted", receipt })),
    Effect.timeoutOrElse({
      duration: Duration.millis(sendCutMs),
      orElse: () => Effect.fail(broken(`${name} has not ended its send within ${sendCutMs / 1_000} s`, true))
    }),
    // An interruption seen here is the sink's own (ours does not come by): it too must end the send, or the sink falls silent.
    Effect.catchCause((cause): Effect.Effect<Outcome<Receipt>> => {
      const error = Cause.squash(cause)
      if (error instanceof SinkError) return Effect.succeed({ _tag: "Failed", error })
      return Effect.as(
        Effect.logError(`sink ${name} broke`).pipe(Effect.annotateLogs({ cause: Cause.pretty(cause).slice(0, 2_000) })),
        { _tag: "Failed", error: broken(`${name}: a bug in the watchdog`, true) }
      )
    })
  )

export const verifyOnce = (sink: Pick<Sink, "name" | "verify">): Effect.Effect<Verified> =>
  Effect.suspend(() => sink.verify).pipe(
    Effect.map((found): Verified => ({ problem: null, found })),
    Effect.timeoutOrElse({
      duration: Duration.millis(sendCutMs),
      orElse: () => Effect.fail(broken(`${sink.name} has not answered`, false))
    }),
    Effect.catchCause((cause): Effect.Effect<Verified> => {
      const error = Cause.squash(cause)
      const problem = error instanceof SinkError ? error : broken(`${sink.name}: a bug in the watchdog`, false)
      return Effect.succeed({ problem, found: "" })
    })
  )
