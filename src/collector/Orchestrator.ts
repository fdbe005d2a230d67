/**
 * The orchestrator: its `/metrics` answering is the sign of life, and not answering is itself the master alarm `orch_down`.
 *
 * So this collector never fails: whatever goes wrong is evidence, in the operator's words.
 */
import { Context, Duration, Effect, Layer } from "effect"
import type { HttpClient } from "effect/http"
import { HttpClientRequest } from "effect/http"
import { Http, capBody, errorText } from "../base/Http.ts"
import * as Keys from "../base/Keys.ts"
import { cadenceOf, intervalKey } from "./Cadence.ts"
import { type Collector, type Report, type SeenLook, entry as collectorEntry, seen } from "./Collector.ts"
import type { SignalSpec } from "../decision/index.ts"
import { parseExposition } from "./exposition/Exposition.ts"

export const keys = {
  url: Keys.urlOptional("WATCHDOG_ORCH_METRICS_URL", {
    about: "the orchestrator's metrics page; unset = no orchestrator is watched",
    fallback: undefined
  }),
  downTicks: Keys.count("WATCHDOG_ORCH_DOWN_TICKS", {
    about: "consecutive ticks without a good answer before orch_down",
    fallback: 3,
    atLeast: 1
  })
}

const interval = intervalKey("orchestrator")

/** Far above any page that a human's orchestrator serves; Prometheus' own default has no limit, and a 500 MB body killed clients. */
const bodyBytesMax = 8 * 1_024 * 1_024

/** What we can read, best first; protobuf is not offered. Source: Prometheus docs, content_negotiation. */
const accept =
  "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.4,application/json;q=0.3,*/*;q=0.1"

export class Orchestrator extends Context.Service<Orchestrator, Collector>()("watchdog/collector/Orchestrator") {
  static readonly layer = Layer.effect(
    Orchestrator,
    Effect.gen(function* () {
      const settings = yield* Keys.Settings
      const url = settings.get(keys.url)
      const cadence = cadenceOf(settings, interval)
      if (url === undefined) {
        return Orchestrator.of({
          name: "orchestrator",
          ...cadence,
          watches: `${keys.url.name} is not set`,
          off: true,
          collect: () => Effect.succeed({ looks: [], complete: true, oddities: [] })
        })
      }
      const client = yield* (yield* Http).client({ _tag: "Tcp" })
      const spec: SignalSpec = {
        signal: "orch_down",
        severity: "critical",
        policy: { ...cadence.policy, raiseTicks: settings.get(keys.downTicks) }
      }
      return Orchestrator.of({
        name: "orchestrator",
        ...cadence,
        watches: `the orchestrator at ${keys.url.show(url)}`,
        off: false,
        collect: () => Effect.map(fetchPage(client, url, cadence.timeoutMs), (page) => reportOf(spec, page))
      })
    })
  )
}

export const entry = collectorEntry("orchestrator", Orchestrator, Orchestrator.layer, interval, keys)

type Page =
  | {
      readonly _tag: "Answer"
      readonly status: number
      readonly contentType: string | undefined
      readonly body: string
    }
  | { readonly _tag: "NoAnswer"; readonly reason: string }

const fetchPage = (client: HttpClient.HttpClient, url: string, timeoutMs: number): Effect.Effect<Page> =>
  client
    .execute(
      HttpClientRequest.get(url).pipe(
        HttpClientRequest.setHeaders({ accept, "x-prometheus-scrape-timeout-seconds": String(timeoutMs / 1_000) })
      )
    )
    .pipe(
      Effect.flatMap((response) => {
        const isGood = response.status >= 200 && response.status < 300
        // The body of a bad answer is read and thrown away: an unread one would hold its connection.
        const body = isGood ? response.text : Effect.orElseSucceed(response.text, () => "")
        return Effect.map(body, (body): Page => ({
          _tag: "Answer",
          status: response.status,
          contentType: response.headers["content-type"],
          body
        }))
      }),
      capBody(bodyBytesMax),
      Effect.timeoutOrElse({
        duration: Duration.millis(timeoutMs),
        orElse: () => Effect.succeed<Page>({ _tag: "NoAnswer", reason: `no full answer within ${timeoutMs} ms` })
      }),
      Effect.catch((error) => Effect.succeed<Page>({ _tag: "NoAnswer", reason: errorText(error) }))
    )

const down = (reason: string): SeenLook => seen(true, { summary: `/metrics does not answer: ${reason}`, details: [] })
const bad = (reason: string): SeenLook => seen(true, { summary: `/metrics answers, but badly: ${reason}`, details: [] })

const reportOf = (spec: SignalSpec, page: Page): Report => {
  if (page._tag === "NoAnswer") return { looks: [{ spec, look: down(page.reason) }], complete: true, oddities: [] }
  if (page.status < 200 || page.status >= 300) {
    return { looks: [{ spec, look: bad(`HTTP status ${page.status}`) }], complete: true, oddities: [] }
  }
  const exposition = parseExposition(page.body, page.contentType)
  if (!exposition.ok) return { looks: [{ spec, look: bad(exposition.reason) }], complete: true, oddities: [] }
  const oddities = [
    ...(exposition.badLines > 0
      ? [
          `${exposition.badLines} lines of /metrics could not be read, first ${JSON.stringify(exposition.firstBadLine ?? "")}`
        ]
      : []),
    ...exposition.warnings
  ]
  const summary = `answers with ${exposition.samples.length} samples`
  return { looks: [{ spec, look: seen(false, { summary, details: [] }) }], complete: true, oddities }
}
