/**
 * Alertmanager, API v2: the way to many hosts, and to every receiver it knows.
 *
 * It holds levels, not messages: everything active is sent again and again, with an end that is always a little ahead, so that
 * alerts end by themselves where we do. All members of a cluster are told, never one for all: they tell each other who has
 * notified, not what fires. Source: prometheus/alertmanager, docs/alerts_api.md and docs/high_availability.md.
 */
import { Context, Effect, Layer, Redacted, Ref, Result } from "effect"
import type { HttpClient } from "effect/http"
import { Http } from "../base/Http.ts"
import * as Keys from "../base/Keys.ts"
import { wallOffsetMs } from "../base/Monotonic.ts"
import { proxyOf } from "../base/Proxy.ts"
import { type Rendering, blankEntry, wordEntry } from "../decision/index.ts"
import { type Answered, type Endpoint, ask, below, endpointOf, failure, isOk, refusal } from "./Endpoint.ts"
import { labelsOf } from "./Labels.ts"
import { cut, printable } from "./Message.ts"
import { type Level, type LevelSink, type SinkError, entry as sinkEntry } from "./Sink.ts"

export const keys = {
  urls: Keys.secretUrls("WATCHDOG_ALERTMANAGER_URLS", {
    about: "every member of the Alertmanager cluster, comma or white space separated",
    fallback: undefined
  })
}

/** As Prometheus: its resend delay, its four times for the end, and how long it goes on with what has ended (rules/alerting.go). */
const resendEveryMs = 60_000
const lifeMs = 4 * resendEveryMs
const resendEndedMs = 900_000

/** Prometheus sends 64 at a time (notifier.DefaultMaxBatchSize). */
const batchMax = 64
/** A batch that is refused is halved until the refused alert is alone; so many requests at most for one send to one member. */
const requestsMax = 200
/** A status page with its whole configuration; an error names each alert. */
const bodyBytesMax = 1_048_576
/** Annotations are for people; what Docker's logs hold is not bounded by us. */
const annotationUnitsMax = 4_000
/** Of what a member says when it refuses. */
const saidUnitsMax = 300

export class Alertmanager extends Context.Service<Alertmanager, LevelSink | undefined>()("watchdog/sink/Alertmanager") {
  static readonly layer = Layer.effect(
    Alertmanager,
    Effect.gen(function* () {
      const settings = yield* Keys.Settings
      const urls = settings.get(keys.urls)
      if (urls === undefined) return undefined
      const client = yield* (yield* Http).client({ _tag: "Tcp", proxy: proxyOf(settings) })
      const members = Redacted.value(urls).map(memberOf)
      const failing = yield* Ref.make<Failing>(new Map())
      return {
        kind: "level",
        name: "alertmanager",
        destination: `Alertmanager at ${members.map(({ host }) => host).join(", ")}`,
        resendEveryMs,
        resendEndedMs,
        verify: verify(client, members),
        send: (levels, rendering) => send(client, members, failing, levels, rendering),
        problem: Effect.map(Ref.get(failing), (map) => (map.size === 0 ? null : [...map.values()].join("; ")))
      } satisfies LevelSink
    })
  )
}

export const entry = sinkEntry("alertmanager", Alertmanager, Alertmanager.layer, keys)

/** What each member that failed last said, by its address. */
type Failing = ReadonlyMap<string, string>

/** People copy the address that is in their other tools, with the API's path behind it. */
const memberOf = (address: string): Endpoint => {
  const endpoint = endpointOf(address)
  endpoint.url.pathname = endpoint.url.pathname.replace(/\/+$/, "").replace(/\/api\/v2(\/alerts)?$/, "")
  return endpoint
}

const wordsOf = (member: Endpoint): string => `Alertmanager ${member.host}`

/* Verify */

const verify = (client: HttpClient.HttpClient, members: ReadonlyArray<Endpoint>): Effect.Effect<string, SinkError> =>
  Effect.gen(function* () {
    const found = yield* Effect.forEach(
      members,
      (member) =>
        ask(client, below(member, "/api/v2/status"), wordsOf(member), bodyBytesMax).pipe(
          Effect.flatMap((answer) =>
            isOk(answer) ? Effect.succeed(`${member.host} ${statusText(answer)}`) : refusal(wordsOf(member), answer)
          ),
          Effect.result
        ),
      { concurrency: "unbounded" }
    )
    const failures = found.filter(Result.isFailure).map(({ failure: error }) => error)
    if (failures.length === members.length) return yield* together(failures)
    return found.map(Result.match({ onSuccess: (text) => text, onFailure: (error) => error.message })).join("; ")
  })

const statusText = ({ body }: Answered): string => {
  const status = field(parsed(body), "versionInfo", "version")
  const cluster = field(parsed(body), "cluster", "status")
  return `${typeof status === "string" ? status : "of no known version"}${typeof cluster === "string" ? `, cluster ${cluster}` : ""}`
}

const parsed = (text: string): unknown =>
  Result.getOrElse(
    Result.try(() => JSON.parse(text) as unknown),
    () => null
  )

const field = (value: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>(
    (at, name) => (typeof at === "object" && at !== null ? (at as Readonly<Record<string, unknown>>)[name] : undefined),
    value
  )

/* Send */

/** Succeeds where one member took something; what others did is logged when it changes, and kept as the problem. */
const send = (
  client: HttpClient.HttpClient,
  members: ReadonlyArray<Endpoint>,
  failing: Ref.Ref<Failing>,
  levels: ReadonlyArray<Level>,
  rendering: Rendering
): Effect.Effect<void, SinkError> =>
  Effect.gen(function* () {
    if (levels.length === 0) return
    const offsetMs = yield* wallOffsetMs
    const alerts = levels.map((level) => alertOf(level, rendering, offsetMs))
    const outcomes = yield* Effect.forEach(members, (member) => Effect.result(post(client, member, alerts)), {
      concurrency: "unbounded"
    })
    const failures = outcomes.filter(Result.isFailure).map(({ failure: error }) => error)
    if (failures.length === members.length) return yield* together(failures)
    yield* Effect.forEach(members, (member, at) => note(failing, member, outcomes[at]), { discard: true })
  })

const note = (
  failing: Ref.Ref<Failing>,
  { host, url: { href } }: Endpoint,
  outcome: Result.Result<void, SinkError> | undefined
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const problem = outcome !== undefined && Result.isFailure(outcome) ? outcome.failure.message : null
    const before = (yield* Ref.get(failing)).get(href) ?? null
    if (problem === before) return
    yield* Ref.update(failing, (map) => {
      const next = new Map(map)
      if (problem === null) next.delete(href)
      else next.set(href, problem)
      return next
    })
    // What it fails with may change from try to try; that it fails is said once.
    if (before === null) yield* Effect.logWarning(`${problem}; the other members are told all the same`)
    else if (problem === null) yield* Effect.logInfo(`Alertmanager ${host} works again`)
  })

/** All of them failed: the one with the most hope says when to try again. */
const together = (failures: ReadonlyArray<SinkError>): SinkError => {
  const hopeful = failures.filter((error) => error.retryable)
  const [first] = hopeful.length > 0 ? hopeful : failures
  const waits = hopeful.map((error) => error.retryAfterMs ?? 0)
  return failure(first?.reason ?? "Network", failures.map((error) => error.message).join("; "), {
    retryable: hopeful.length > 0,
    retryAfterMs: waits.length > 0 && Math.min(...waits) > 0 ? Math.min(...waits) : null,
    maybeSent: failures.some((error) => error.maybeSent)
  })
}

/** Fails where the member took nothing at all, or has not answered. */
const post = (
  client: HttpClient.HttpClient,
  member: Endpoint,
  alerts: ReadonlyArray<PostedAlert>
): Effect.Effect<void, SinkError> =>
  Effect.gen(function* () {
    const batches: Array<ReadonlyArray<PostedAlert>> = []
    for (let at = 0; at < alerts.length; at += batchMax) batches.push(alerts.slice(at, at + batchMax))
    let taken = 0
    let refused: SinkError | undefined
    for (let requests = 0; ; requests++) {
      const batch = batches.shift()
      if (batch === undefined || requests >= requestsMax) break
      const json = JSON.stringify(batch)
      const answer = yield* ask(client, below(member, "/api/v2/alerts"), wordsOf(member), bodyBytesMax, { json })
      if (isOk(answer)) taken += batch.length
      else if (answer.status !== 400) return yield* refusal(wordsOf(member), answer)
      // Valid alerts of a refused batch are stored; halving it finds those that are not.
      else if (batch.length > 1) batches.unshift(...halves(batch))
      else {
        refused = refusal(wordsOf(member), answer)
        yield* Effect.logWarning(
          `${wordsOf(member)} refuses ${batch[0]?.labels["signal"]}: ${cut(printable(said(answer)), saidUnitsMax)}`
        )
      }
    }
    if (taken === 0 && refused !== undefined) return yield* refused
  })

const halves = <A>(list: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> => {
  const middle = Math.ceil(list.length / 2)
  return [list.slice(0, middle), list.slice(middle)]
}

const said = ({ body }: Answered): string => {
  const value = parsed(body)
  const message = field(value, "message")
  return typeof value === "string" ? value : typeof message === "string" ? message : body
}

/* An alert */

interface PostedAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsAt: string
  readonly endsAt: string
}

const annotation = (lines: ReadonlyArray<string>): string => cut(lines.map(printable).join("\n"), annotationUnitsMax)

const alertOf = (level: Level, rendering: Rendering, offsetMs: number): PostedAlert => {
  const { signal, severity, sinceMs, endedMs, evidence } = level
  const active = endedMs === null
  const worded = wordEntry(
    { ...blankEntry(active ? "alert" : "recovered", signal, severity), active, sinceMs, endedMs, evidence },
    rendering
  )
  const [span = "", ...details] = worded.lines
  const startsMs = sinceMs + offsetMs
  // An end before its beginning makes an alert invalid.
  const endsMs = active ? rendering.nowMs + offsetMs + lifeMs : Math.max(startsMs, endedMs + offsetMs)
  return {
    labels: labelsOf(signal, severity, rendering.host),
    annotations: {
      summary: annotation([`${signal} ${worded.text}`]),
      description: annotation([span]),
      ...(details.length === 0 ? {} : { details: annotation(details) })
    },
    startsAt: new Date(startsMs).toISOString(),
    endsAt: new Date(endsMs).toISOString()
  }
}
