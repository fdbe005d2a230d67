/**
 * The fake Telegram as a scoped Effect and a layer: it lives as long as the scope and keeps the time of the `Clock`
 * around it, so that a test that moves the test clock also lets the fake's limits recover.
 */
import { Clock, Context, Duration, Effect, Layer, type Scope } from "effect"
import { startFakeTelegram, type RunningFakeTelegram, type StartFakeTelegramOptions } from "./FakeTelegram.ts"

export type ServeOptions = Omit<StartFakeTelegramOptions, "nowMs" | "sleep">

/** The fake at work: its base URL for the client under test, its core for script and records. */
export class FakeTelegramServer extends Context.Service<FakeTelegramServer, RunningFakeTelegram>()(
  "orchestrator-watchdog/testing/FakeTelegramServer"
) {}

/**
 * Serves the fake until the scope closes; connections that hang are cut then.
 *
 * Fails: never; an address that cannot be listened on is a defect of the test.
 */
export const serve = (options: ServeOptions): Effect.Effect<RunningFakeTelegram, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.flatMap(Clock.Clock, (clock) =>
      Effect.promise(() =>
        startFakeTelegram({
          ...options,
          nowMs: () => clock.currentTimeMillisUnsafe(),
          sleep: (ms, signal) => Effect.runPromise(clock.sleep(Duration.millis(ms)), { signal })
        })
      )
    ),
    (running) => Effect.promise(() => running.close())
  )

export const layer = (options: ServeOptions): Layer.Layer<FakeTelegramServer> =>
  Layer.effect(FakeTelegramServer, serve(options))
