/** Asks the running watchdog what it knows, over its own HTTP. */
import { Duration, Effect, Redacted, Schema, type Scope } from "effect"
import { HttpClientRequest } from "effect/http"
import { Http, capBody, errorText } from "../base/Http.ts"
import { Settings } from "../base/Keys.ts"
import { localAddress, showListen } from "../status/Listen.ts"
import { Snapshot } from "../status/Snapshot.ts"
import * as StatusServer from "../status/StatusServer.ts"

/** Its answer comes from memory: anything slower is not there. */
const timeout = Duration.seconds(5)
/** A thousand signals with their evidence and a hundred messages are 2 MiB. */
const bodyBytesMax = 32 * 1_024 * 1_024

/** The running watchdog did not answer as it should; `message` says where it was asked and what may help. */
export class AskError extends Schema.TaggedError<AskError>()("AskError", { detail: Schema.String }) {
  override get message(): string {
    return this.detail
  }
}

const fail = (detail: string): AskError => new AskError({ detail })

/** Where it listens by these settings, or the address that was given. */
const baseUrl = (settings: Settings["Service"], given: string | undefined): Effect.Effect<string, AskError> => {
  if (given !== undefined) {
    return URL.canParse(given) && /^https?:/.test(given)
      ? Effect.succeed(given.replace(/\/+$/, ""))
      : Effect.fail(fail(`--url ${JSON.stringify(given)} is not an http(s) address such as http://127.0.0.1:9469`))
  }
  const listen = settings.get(StatusServer.keys.listen)
  return listen === "off"
    ? Effect.fail(fail("WATCHDOG_HTTP_LISTEN is off: there is nothing to ask; see its log instead"))
    : Effect.succeed(`http://${showListen(localAddress(listen))}`)
}

const refusals: Readonly<Record<number, string>> = {
  401: "it wants a token: set WATCHDOG_HTTP_TOKEN to the running watchdog's",
  403: "it refuses this host name: see WATCHDOG_HTTP_HOSTS",
  404: "whatever answers there is not a watchdog, or an older one",
  421: "it refuses this host name: see WATCHDOG_HTTP_HOSTS"
}

/** One snapshot. Fails: AskError. `url` overrides the place that the settings say. */
export const askSnapshot = (
  url: string | undefined
): Effect.Effect<Snapshot, AskError, Http | Settings | Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* Settings
    const base = yield* baseUrl(settings, url)
    const token = settings.get(StatusServer.keys.token)
    const client = yield* (yield* Http).client({ _tag: "Tcp" })
    const request = HttpClientRequest.get(`${base}/status.json`).pipe(
      token === undefined ? (same) => same : HttpClientRequest.bearerToken(Redacted.value(token))
    )
    const { status, body } = yield* Effect.flatMap(client.execute(request), (response) =>
      Effect.map(response.text, (text) => ({ status: response.status, body: text }))
    ).pipe(
      capBody(bodyBytesMax),
      Effect.mapError((error) => fail(`no watchdog answers at ${base}: ${errorText(error)}. Is it running, and here?`)),
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () => Effect.fail(fail(`no answer from ${base} within ${Duration.toSeconds(timeout)} s`))
      })
    )
    if (status !== 200) return yield* fail(`${base} answered ${status}: ${refusals[status] ?? "not expected"}`)
    return yield* Effect.mapError(Schema.decodeUnknownEffect(Schema.fromJsonString(Snapshot))(body), () =>
      fail(`${base} answered something else than a watchdog's status (version 1)`)
    )
  })
