/** What turns monotonic moments into wall times, and says on which host it all happened. */
import * as os from "node:os"
import { Context, Effect, Layer, Result } from "effect"
import * as Keys from "../base/Keys.ts"
import { monotonicMs, wallOffsetMs } from "../base/Monotonic.ts"
import type { Rendering } from "../decision/index.ts"

const isTimeZone = (name: string): boolean =>
  Result.isSuccess(Result.try(() => new Intl.DateTimeFormat("en", { timeZone: name })))

export const keys = {
  hostName: Keys.textOptional("WATCHDOG_HOST_NAME", {
    about: "the host's name in every message",
    fallback: undefined,
    fallbackText: "the host name",
    pattern: /^[^\n\r]{1,100}$/,
    expected: "a name of 1 to 100 characters on one line"
  }),
  timeZone: Keys.custom<string | undefined>("WATCHDOG_TIMEZONE", {
    about: "time zone of the times in messages",
    fallback: undefined,
    fallbackText: "the host's",
    parse: (raw) => (isTimeZone(raw) ? Result.succeed(raw) : Result.fail("an IANA time zone such as Europe/Berlin")),
    show: (value) => value ?? "the host's"
  })
}

export class Renderer extends Context.Service<Renderer, { readonly now: Effect.Effect<Rendering> }>()(
  "watchdog/queue/Renderer"
) {
  static readonly layer: Layer.Layer<Renderer, never, Keys.Settings> = Layer.effect(
    Renderer,
    Effect.gen(function* () {
      const settings = yield* Keys.Settings
      const host = settings.get(keys.hostName) ?? os.hostname()
      const timeText = makeTimeText(settings.get(keys.timeZone))
      return Renderer.of({
        now: Effect.zipWith(monotonicMs, wallOffsetMs, (nowMs, offsetMs) => ({
          nowMs,
          host,
          timeText: (atMs) => timeText(atMs + offsetMs, nowMs + offsetMs)
        }))
      })
    })
  )
}

/** `14:03:05`, with the day before it where that is not today's; en-GB because it counts to 24. */
const makeTimeText = (timeZone: string | undefined): ((wallMs: number, nowMs: number) => string) => {
  const zone = timeZone === undefined ? {} : { timeZone }
  const day = new Intl.DateTimeFormat("en-GB", { ...zone, day: "numeric", month: "short" })
  const time = new Intl.DateTimeFormat("en-GB", {
    ...zone,
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23"
  })
  return (wallMs, nowMs) => {
    const [on, today] = [day.format(wallMs), day.format(nowMs)]
    return on === today ? time.format(wallMs) : `${on} ${time.format(wallMs)}`
  }
}
