/**
 * A webhook, in the form that Alertmanager's has (version 4), so that what takes that one takes this one too.
 *
 * It is a sink of messages: it gets each change once, not levels. The address is the secret: only its host is ever shown.
 */
import { createHmac } from "node:crypto"
import { Clock, Context, Effect, Layer, Redacted, type Scope } from "effect"
import { Http } from "../base/Http.ts"
import * as Keys from "../base/Keys.ts"
import { wallOffsetMs } from "../base/Monotonic.ts"
import { proxyOf } from "../base/Proxy.ts"
import { type Entry, minimalText, wordEntry } from "../decision/index.ts"
import { ask, endpointOf, isOk, refusal } from "./Endpoint.ts"
import { type Labels, fingerprint, labelsOf } from "./Labels.ts"
import { cut, printable } from "./Message.ts"
import { type Draft, type MessageSink, entry as sinkEntry } from "./Sink.ts"

export const keys = {
  url: Keys.secretUrl("WATCHDOG_WEBHOOK_URL", {
    about: "gets each message by POST, in the form of Alertmanager's webhook",
    fallback: undefined
  }),
  secret: Keys.secretOptional("WATCHDOG_WEBHOOK_SECRET", {
    about: "signs what is posted, in the header X-Watchdog-Signature; for the fallback webhook too",
    fallback: undefined,
    pattern: /^[^\s]{8,}$/,
    expected: "at least 8 characters without white space"
  })
}

/** A receiver is a program: a second gathers a storm, and sixty a minute are no burden. */
const pace = { windowMs: 1_000, perMinute: 60 }
/** With an entry of some 2 kB at most, a message stays within what gateways take (1 MB is nginx's default). */
const entriesMax = 100
/** The answer's status is all we want; more than this of its body is not even read. */
const bodyBytesMax = 65_536
const annotationUnitsMax = 1_000

export class Webhook extends Context.Service<Webhook, MessageSink | undefined>()("watchdog/sink/Webhook") {
  static readonly layer = Layer.effect(
    Webhook,
    Effect.suspend(() => makeWebhook("webhook", keys.url))
  )
}

export const entry = sinkEntry("webhook", Webhook, Webhook.layer, keys)

/** A webhook sink at the address that this key holds; undefined where it is unset. */
export const makeWebhook = (
  name: string,
  urlKey: typeof keys.url
): Effect.Effect<MessageSink | undefined, never, Http | Keys.Settings | Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* Keys.Settings
    const url = settings.get(urlKey)
    if (url === undefined) return undefined
    const client = yield* (yield* Http).client({ _tag: "Tcp", proxy: proxyOf(settings) })
    const endpoint = endpointOf(Redacted.value(url))
    const who = `${name} ${endpoint.host}`
    const secret = settings.get(keys.secret)
    return {
      kind: "message",
      name,
      destination: who,
      pace,
      // A webhook has nothing that could be asked without telling it something.
      verify: Effect.succeed("known only by what is sent to it"),
      fit: (draft) => Math.min(entriesMax, draft.entries.length),
      send: (draft) =>
        Effect.gen(function* () {
          const json = JSON.stringify(payloadOf(draft, yield* wallOffsetMs))
          const seconds = Math.floor((yield* Clock.currentTimeMillis) / 1_000)
          const headers = secret === undefined ? {} : { "x-watchdog-signature": signature(secret, seconds, json) }
          const answer = yield* ask(client, endpoint, who, bodyBytesMax, { json, headers })
          return isOk(answer) ? { reference: null, moved: false } : yield* refusal(who, answer)
        })
    } satisfies MessageSink
  })

/** Time and body are signed together, so that an old message cannot be sent again by someone else. */
export const signature = (secret: Redacted.Redacted, unixSeconds: number, body: string): string =>
  `t=${unixSeconds},v1=${createHmac("sha256", Redacted.value(secret)).update(`${unixSeconds}.${body}`).digest("hex")}`

/* The payload. Source: prometheus/alertmanager, docs/configuration.md, webhook_config, and template.Data. */

/** Go's zero time: no end yet. */
const noEnd = "0001-01-01T00:00:00Z"

interface PayloadAlert {
  readonly status: "firing" | "resolved"
  readonly labels: Labels
  readonly annotations: Labels
  readonly startsAt: string
  readonly endsAt: string
  readonly generatorURL: string
  readonly fingerprint: string
}

export interface Payload {
  readonly version: "4"
  readonly groupKey: string
  readonly truncatedAlerts: number
  readonly status: "firing" | "resolved"
  readonly receiver: string
  readonly groupLabels: Labels
  readonly commonLabels: Labels
  readonly commonAnnotations: Labels
  readonly externalURL: string
  readonly alerts: ReadonlyArray<PayloadAlert>
}

/** Entries as alerts of one group, which is this host. `offsetMs` makes wall time of monotonic moments. */
export const payloadOf = (draft: Draft, offsetMs: number): Payload => {
  const alerts = draft.entries.map((one) => alertOf(one, draft, offsetMs))
  const host = alerts[0]?.labels["host"] ?? ""
  return {
    version: "4",
    groupKey: `{}:{host=${JSON.stringify(host)}}`,
    truncatedAlerts: 0,
    status: alerts.some(({ status }) => status === "firing") ? "firing" : "resolved",
    receiver: "orchestrator-watchdog",
    groupLabels: { host },
    commonLabels: common(alerts.map(({ labels }) => labels)),
    commonAnnotations: common(alerts.map(({ annotations }) => annotations)),
    externalURL: "",
    alerts
  }
}

const common = (all: ReadonlyArray<Labels>): Labels =>
  Object.fromEntries(
    Object.entries(all[0] ?? {}).filter(([name, value]) => all.every((labels) => labels[name] === value))
  )

const alertOf = (one: Entry, draft: Draft, offsetMs: number): PayloadAlert => {
  // A drill must set off what an alert would, or it proves nothing; under a name of its own, for it never ends.
  const drill = one.kind === "drill"
  const firing = one.active || drill
  const labels = labelsOf(drill ? `drill:${one.signal}` : one.signal, one.severity, draft.rendering.host)
  const iso = (atMs: number) => new Date(atMs + offsetMs).toISOString()
  return {
    status: firing ? "firing" : "resolved",
    labels,
    annotations: annotationsOf(one, draft),
    startsAt: iso(one.sinceMs),
    endsAt: firing ? noEnd : iso(Math.max(one.sinceMs, one.endedMs ?? draft.rendering.nowMs)),
    generatorURL: "",
    fingerprint: fingerprint(labels)
  }
}

const annotationsOf = (one: Entry, draft: Draft): Labels => {
  const clean = (lines: ReadonlyArray<string>) => cut(lines.map(printable).join("\n"), annotationUnitsMax)
  if (draft.minimal === true) {
    return { kind: one.kind, summary: clean([minimalText(one)]), text: clean([minimalText(one)]) }
  }
  const { icon, id, text, lines } = wordEntry(one, draft.rendering)
  const [span = "", ...details] = lines
  return {
    kind: one.kind,
    summary: clean([`${id} ${text}`]),
    description: clean([span]),
    ...(details.length === 0 ? {} : { details: clean(details) }),
    text: clean([`${icon} ${id} ${text}`, ...lines])
  }
}
