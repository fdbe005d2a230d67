/**
 * The dead man's switch: a ping to a monitor elsewhere for as long as the watchdog does its job, in the way of Healthchecks.
 *
 * Success only if every loop ticked in time and a sink works; `/fail` with the reason otherwise, at once when it turns bad. A
 * watchdog that has died, or starts again and again, says nothing at all: then the monitor elsewhere speaks.
 *
 * Source: Healthchecks, HTTP API. A success URL, the same with `/fail` behind its path, bodies of up to 10,000 bytes, a time-out of
 * 10 s, tries again after 1, 2, 4 and 8 s, and no more than five pings a minute.
 */
import { Duration, Effect, Layer, Redacted, Ref, Result } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { Http, capBody, errorText } from "../base/Http.ts"
import * as Keys from "../base/Keys.ts"
import { Loops } from "../base/Loops.ts"
import { monotonicMs } from "../base/Monotonic.ts"
import { proxyOf } from "../base/Proxy.ts"
import { supervise } from "../base/Supervise.ts"
import type { SinkStanding } from "./StatusBoard.ts"

/** Between two pings, whatever happens. More than five a minute are dropped or blocked; tries again are pings too. */
const gapMs = 60_000

export const keys = {
  url: Keys.secretUrl("WATCHDOG_HEARTBEAT_URL", {
    about: "a Healthchecks-style check that is pinged while the watchdog does its job",
    fallback: undefined
  }),
  interval: Keys.duration("WATCHDOG_HEARTBEAT_INTERVAL", {
    about: "time between two pings",
    fallback: Duration.millis(gapMs),
    atLeastMs: gapMs
  })
}

/** How often it is looked whether all is still well: what "at once" means for `/fail`. */
const lookEveryMs = 5_000
const requestTimeoutMs = 10_000
const triesAgainAfterMs = [1_000, 2_000, 4_000, 8_000]
/** Tries end before the next ping is due. */
const triesWithinMs = gapMs - lookEveryMs
/** Healthchecks' default limit. */
const bodyBytesMax = 10_000
const answerBytesMax = 65_536
/** A sink in trouble that ends by itself (its network, a limit) still works for so long. */
const sinkPatienceMs = 300_000

/** What the watchdog's health is judged by. */
export interface Vitals {
  /** Reasons why the watchdog itself is not well; empty when it is. */
  readonly complaints: Effect.Effect<ReadonlyArray<string>>
  readonly sinks: Effect.Effect<ReadonlyArray<Pick<SinkStanding, "name" | "red" | "problem">>>
}

/** The URL with `/fail` behind its path; its query stays where it was. */
export const failUrl = (raw: string): string => {
  const url = new URL(raw)
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/fail`
  return url.href
}

/** Cuts to a number of bytes of UTF-8, never within a character. */
export const cutBytes = (text: string, bytesMax: number): string => {
  const bytes = new TextEncoder().encode(text.toWellFormed())
  if (bytes.length <= bytesMax) return text
  let end = bytesMax - 3
  // Bytes 10xxxxxx go on with a character that began before.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return `${new TextDecoder().decode(bytes.subarray(0, end))}…`
}

interface Verdict {
  readonly well: boolean
  readonly text: string
}

/** Since when each sink is in trouble, by its name. */
type Troubles = ReadonlyMap<string, number>

const judge = (vitals: Vitals, troubles: Ref.Ref<Troubles>): Effect.Effect<Verdict> =>
  Effect.gen(function* () {
    const nowMs = yield* monotonicMs
    const complaints = yield* vitals.complaints
    const sinks = yield* vitals.sinks
    const before = yield* Ref.get(troubles)
    const inTrouble = sinks.filter((sink) => sink.red || sink.problem !== null)
    const since: Troubles = new Map(inTrouble.map(({ name }) => [name, before.get(name) ?? nowMs]))
    yield* Ref.set(troubles, since)
    const broken = inTrouble.filter(({ name, red }) => red || nowMs - (since.get(name) ?? nowMs) >= sinkPatienceMs)
    const noSink = sinks.length > 0 && broken.length === sinks.length
    const reasons = [
      ...complaints,
      ...(noSink ? broken.map(({ name, problem }) => `no sink works: ${name}: ${problem ?? "unknown"}`) : [])
    ]
    return reasons.length === 0
      ? { well: true, text: `ok: every loop ticks, ${sinks.length - broken.length} of ${sinks.length} sinks work` }
      : { well: false, text: cutBytes(reasons.join("\n"), bodyBytesMax) }
  })

interface Target {
  readonly url: string
  /** All that is ever logged of it. */
  readonly host: string
  readonly client: HttpClient.HttpClient
}

/** One request. Fails: with what went wrong, in words without the URL. */
const request = (to: Target, verdict: Verdict): Effect.Effect<void, string> =>
  to.client
    .execute(
      HttpClientRequest.post(verdict.well ? to.url : failUrl(to.url)).pipe(
        HttpClientRequest.bodyText(verdict.text, "text/plain; charset=utf-8")
      )
    )
    .pipe(
      Effect.tap((response) => response.text),
      capBody(answerBytesMax),
      Effect.mapError(errorText),
      Effect.flatMap((response) =>
        response.status >= 200 && response.status < 300 ? Effect.void : Effect.fail(`it answered ${response.status}`)
      ),
      Effect.timeoutOrElse({
        duration: Duration.millis(requestTimeoutMs),
        orElse: () => Effect.fail(`no answer within ${requestTimeoutMs / 1_000} s`)
      })
    )

/** One ping with its tries. Each says what is true when it is made. Returns what it said, and what went wrong. */
const ping = (
  to: Target,
  verdict: Effect.Effect<Verdict>
): Effect.Effect<{ readonly well: boolean; readonly problem: string | null }> =>
  Effect.gen(function* () {
    const startMs = yield* monotonicMs
    for (let tries = 0; ; tries++) {
      const now = yield* verdict
      const outcome = yield* Effect.result(request(to, now))
      if (Result.isSuccess(outcome)) return { well: now.well, problem: null }
      const waitMs = triesAgainAfterMs[tries]
      const passedMs = (yield* monotonicMs) - startMs
      if (waitMs === undefined || passedMs + waitMs + requestTimeoutMs > triesWithinMs) {
        return { well: now.well, problem: outcome.failure }
      }
      yield* Effect.sleep(Duration.millis(waitMs))
    }
  })

const loopName = "heartbeat"

/** Pings until its scope closes; nothing where no URL is set. */
export const layer = (vitals: Vitals): Layer.Layer<never, never, Http | Keys.Settings | Loops> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const settings = yield* Keys.Settings
      const secret = settings.get(keys.url)
      if (secret === undefined) return
      const url = Redacted.value(secret)
      const client = yield* (yield* Http).client({ _tag: "Tcp", proxy: proxyOf(settings) })
      const target: Target = { url, host: new URL(url).host, client }
      const everyMs = Duration.toMillis(settings.get(keys.interval))
      yield* (yield* Loops).register(loopName, 4 * gapMs)
      yield* Effect.forkScoped(supervise(loopName, beat(target, everyMs, vitals)))
    })
  )

const beat = (target: Target, everyMs: number, vitals: Vitals): Effect.Effect<never, never, Loops> =>
  Effect.gen(function* () {
    const loops = yield* Loops
    const verdict = judge(vitals, yield* Ref.make<Troubles>(new Map()))
    const startMs = yield* monotonicMs
    // The first success is due after a first interval: a watchdog that does not live so long has not done its job.
    let said: boolean | null = null
    let saidMs = startMs
    let problem: string | null = null
    while (true) {
      const nowMs = yield* monotonicMs
      const { well } = yield* verdict
      const first = said === null && !well
      const turned = said !== null && said !== well
      if (first || nowMs - saidMs >= (turned ? gapMs : everyMs)) {
        const outcome = yield* ping(target, verdict)
        said = outcome.well
        saidMs = nowMs
        yield* say(target, problem, outcome.problem)
        problem = outcome.problem
      }
      yield* loops.beat(loopName)
      yield* Effect.sleep(Duration.millis(lookEveryMs))
    }
  })

const say = (to: Target, before: string | null, now: string | null): Effect.Effect<void> => {
  if (before === now || (before !== null && now !== null)) return Effect.void
  return now === null
    ? Effect.logInfo(`the heartbeat to ${to.host} is heard again`)
    : Effect.logWarning(`the heartbeat to ${to.host} is not heard: ${now}; tried again, said again when it is`)
}
