/**
 * The way out where no other sink has accepted anything for a while: a webhook that depends on nothing the others depend on.
 *
 * What it gets, and when, is the dispatcher's to decide.
 */
import { Context, Duration, Effect, Layer, Redacted } from "effect"
import * as Keys from "../base/Keys.ts"
import { type MessageSink, entry as sinkEntry } from "./Sink.ts"
import * as Webhook from "./Webhook.ts"

export const keys = {
  url: Keys.secretUrl("WATCHDOG_FALLBACK_WEBHOOK_URL", {
    about: "gets alerts where no other sink has accepted anything for WATCHDOG_FALLBACK_AFTER",
    fallback: undefined
  }),
  after: Keys.duration("WATCHDOG_FALLBACK_AFTER", {
    about: "how long no other sink must have accepted anything, with something waiting, before the fallback speaks",
    // Longer than a restart of the other side, shorter than anyone's patience.
    fallback: Duration.minutes(5),
    atLeastMs: 1_000
  })
}

export class FallbackWebhook extends Context.Service<FallbackWebhook, MessageSink | undefined>()(
  "watchdog/sink/FallbackWebhook"
) {
  static readonly layer = Layer.effect(
    FallbackWebhook,
    Effect.suspend(() => Webhook.makeWebhook("fallback", keys.url))
  )
}

export const entry = sinkEntry("fallback", FallbackWebhook, FallbackWebhook.layer, keys, "fallback")

/** What can be seen to be a mistake. */
export const contradictions = (settings: Keys.Settings["Service"]): ReadonlyArray<string> => {
  const [url, fallback] = [settings.get(Webhook.keys.url), settings.get(keys.url)]
  return [
    ...(settings.isSet(keys.after) && fallback === undefined
      ? [`${keys.after.name} has no use without ${keys.url.name}`]
      : []),
    ...(settings.isSet(Webhook.keys.secret) && url === undefined && fallback === undefined
      ? [`${Webhook.keys.secret.name} has no use without ${Webhook.keys.url.name} or ${keys.url.name}`]
      : []),
    ...(url !== undefined && fallback !== undefined && Redacted.value(url) === Redacted.value(fallback)
      ? [`${keys.url.name} must be another way than ${Webhook.keys.url.name}`]
      : [])
  ]
}
