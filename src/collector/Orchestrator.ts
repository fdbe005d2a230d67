/**
 * The orchestrator: its `/metrics` answering is the sign of life, and not answering is itself the master alarm `orch_down`.
 *
 * So this collector never fails: whatever goes wrong is evidence, in the operator's words.
 */
import { Context, Duration, Effect, Layer, Result } from "effect"
import type { HttpClient } from "effect/http"
import { HttpClientRequest } from "effect/http"
import { Http, capBody, errorText } from "../base/Http.ts"
import * as Keys from "../base/Keys.ts"
import { cadenceOf, intervalKey } from "./Cadence.ts"
import { type Collector, type Report, type SeenLook, entry as collectorEntry, seen } from "./Collector.ts"
import type { SignalSpec } from "../decision/index.ts"
import { keys as causeKeys, makeCause } from "./Cause.ts"
import { type ParsedExposition, parseExposition, samplesMax } from "./exposition/Exposition.ts"
import type { Rule } from "./rules/Rule.ts"
import { makeRuleBook, type RuleBook } from "./rules/RuleBook.ts"
import { faultsText, readRules } from "./rules/RuleText.ts"

export const keys = {
  ...causeKeys,
  url: Keys.urlOptional("WATCHDOG_ORCH_METRICS_URL", {
    about: "the orchestrator's metrics page; unset = no orchestrator is watched",
    fallback: undefined
  }),
  downTicks: Keys.count("WATCHDOG_ORCH_DOWN_TICKS", {
    about: "consecutive ticks without a good answer before orch_down",
    fallback: 3,
    atLeast: 1
  }),
  rules: Keys.custom<ReadonlyArray<Rule>>("WATCHDOG_RULES", {
    about: "alerts on its metrics, such as queue: queue_depth > 100 for 2m; separated by ;",
    fallback: [],
    fallbackText: "unset",
    parse: (raw) => Result.mapError(readRules(raw), faultsText),
    show: (rules) => rules.map(({ text }) => text).join("; ")
  })
}

/** Rules without a page to read could never speak. */
export const contradictions = (settings: Keys.Settings["Service"]): ReadonlyArray<string> =>
  settings.isSet(keys.rules) && settings.get(keys.url) === undefined
    ? [`${keys.rules.name} needs ${keys.url.name}: without a page no rule can ever fire`]
    : []

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
      // What the poller's own cut leaves after a page that took all of its timeout, less a part for our own work.
      const cause = yield* makeCause(url, Math.min(causeMaxMs, (cadence.intervalMs - cadence.timeoutMs) / 4))
      const spec: SignalSpec = {
        signal: "orch_down",
        severity: "critical",
        policy: { ...cadence.policy, raiseTicks: settings.get(keys.downTicks) }
      }
      const rules = settings.get(keys.rules)
      const book = makeRuleBook(rules, cadence.policy)
      return Orchestrator.of({
        name: "orchestrator",
        ...cadence,
        watches: `the orchestrator at ${keys.url.show(url)}${rules.length === 0 ? "" : `, rules ${rules.map(({ name }) => name).join(", ")}`}`,
        off: false,
        collect: () =>
          Effect.flatMap(fetchPage(client, url, cadence.timeoutMs), (page) =>
            withCause(reportOf(spec, page, book), cause)
          )
      })
    })
  )
}

export const entry = collectorEntry("orchestrator", Orchestrator, Orchestrator.layer, interval, keys)

/** Longer than this an alert does not wait for its reasons. */
const causeMaxMs = 1_000

/** Looks around when the page is bad; the evidence of `orch_down` holds the answer to the next question. */
const withCause = (report: Report, cause: Effect.Effect<ReadonlyArray<string>>): Effect.Effect<Report> => {
  const isDown = report.looks.some(
    ({ spec, look }) => spec.signal === "orch_down" && look._tag === "Seen" && look.active
  )
  if (!isDown) return Effect.succeed(report)
  return Effect.map(cause, (lines) => ({
    ...report,
    looks: report.looks.map((one) =>
      one.spec.signal === "orch_down" && one.look._tag === "Seen"
        ? { ...one, look: { ...one.look, evidence: { ...one.look.evidence, details: lines } } }
        : one
    )
  }))
}

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

/** The page cannot be used: that is `orch_down`, and nobody knows what the rules would have seen. */
const withoutPage = (spec: SignalSpec, look: SeenLook, book: RuleBook): Report => ({
  looks: [{ spec, look }, ...book.miss(look.evidence.summary).looks],
  complete: true,
  oddities: []
})

const reportOf = (spec: SignalSpec, page: Page, book: RuleBook): Report => {
  if (page._tag === "NoAnswer") return withoutPage(spec, down(page.reason), book)
  if (page.status < 200 || page.status >= 300) return withoutPage(spec, bad(`HTTP status ${page.status}`), book)
  const exposition = parseExposition(page.body, page.contentType)
  if (!exposition.ok) return withoutPage(spec, bad(exposition.reason), book)
  const rules = book.see({ samples: exposition.samples, partial: partialText(exposition) })
  const oddities = [
    ...(exposition.badLines > 0
      ? [
          `${exposition.badLines} lines of /metrics could not be read, first ${JSON.stringify(exposition.firstBadLine ?? "")}`
        ]
      : []),
    ...exposition.warnings,
    ...rules.unseen
  ]
  const summary = `answers with ${exposition.samples.length} samples`
  return {
    looks: [{ spec, look: seen(false, { summary, details: [] }) }, ...rules.looks],
    complete: true,
    unseen: rules.unseen.length === 0 ? undefined : rules.unseen.join("; "),
    oddities
  }
}

/** What is not among the samples of such a page may stand on it all the same. */
const partialText = ({ badLines, samples }: ParsedExposition): string | undefined => {
  if (badLines > 0) return `not on the page, of which ${badLines} lines could not be read`
  return samples.length >= samplesMax ? `not among the first ${samplesMax} samples of the page` : undefined
}
