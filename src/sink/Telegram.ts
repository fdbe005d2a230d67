/**
 * Telegram, the watchdog's own channel, to the letter of the Bot API.
 *
 * The token stands in the URL's path: no URL and no error object that holds one ever leaves this file.
 */
import { Context, Duration, Effect, Layer, Redacted, Ref, Result } from "effect"
import type { HttpClient } from "effect/http"
import { HttpClientRequest } from "effect/http"
import { Http, capBody, errorCode, errorText } from "../base/Http.ts"
import * as Keys from "../base/Keys.ts"
import { fitting, isSilent, messageText, type Text } from "./Message.ts"
import { type Draft, type Receipt, type MessageSink, SinkError, entry as sinkEntry } from "./Sink.ts"

export const keys = {
  token: Keys.secretOptional("WATCHDOG_TELEGRAM_BOT_TOKEN", {
    about: "the bot's token, from @BotFather",
    fallback: undefined,
    pattern: /^\d+:[A-Za-z0-9_-]{20,}$/,
    expected: "a bot token such as 123456789:AA..."
  }),
  chat: Keys.textOptional("WATCHDOG_TELEGRAM_CHAT_ID", {
    about: "the chat that gets the messages: a number, or @channelname",
    fallback: undefined,
    pattern: /^(-?\d+|@[A-Za-z][A-Za-z0-9_]{3,})$/,
    expected: "a chat id such as 123456789 or -1001234567890, or @channelname"
  }),
  thread: Keys.custom<number | undefined>("WATCHDOG_TELEGRAM_THREAD_ID", {
    about: "the topic within a forum group",
    fallback: undefined,
    fallbackText: "unset",
    parse: (raw) => (/^[1-9]\d*$/.test(raw) ? Result.succeed(Number(raw)) : Result.fail("a topic's number")),
    show: (value) => (value === undefined ? "unset" : String(value))
  }),
  apiUrl: Keys.url("WATCHDOG_TELEGRAM_API_URL", {
    about: "the Bot API server, for a self-hosted one",
    fallback: "https://api.telegram.org"
  })
}

/** Telegram Bot API, sendMessage, text: counted after entity parsing; in UTF-16 units it is at least as strict as the server. */
const textUnitsMax = 4_096
/** Telegram FAQ: about one message a second in one chat; 20 a minute in a group, of which we leave a quarter to others. */
const pace = { windowMs: 1_000, perMinute: 15 }
/** Telegram answers in well under a second; its own flood control sleeps 3 s before it does. */
const requestTimeoutMs = 10_000
/** Answers are a message object; anything larger is not the Bot API. */
const bodyBytesMax = 256 * 1_024
/** Repairs of one message: each kind once (chat, topic, reply, markup), and never more. */
const repairsMax = 4

export class Telegram extends Context.Service<Telegram, MessageSink | undefined>()("watchdog/sink/Telegram") {
  static readonly layer = Layer.effect(
    Telegram,
    Effect.gen(function* () {
      const settings = yield* Keys.Settings
      const token = settings.get(keys.token)
      const chat = settings.get(keys.chat)
      if (token === undefined || chat === undefined) return undefined
      const client = yield* (yield* Http).client({ _tag: "Tcp" })
      const where = yield* Ref.make<Where>({ chat, thread: settings.get(keys.thread) ?? null })
      const call = makeCall(client, settings.get(keys.apiUrl), token)
      return {
        kind: "message",
        name: "telegram",
        destination: `Telegram chat ${chat}`,
        pace,
        verify: verify(call, where),
        fit: (draft) => fitting(draft, textUnitsMax),
        send: (draft) => send(call, where, draft)
      } satisfies MessageSink
    })
  )
}

export const entry = sinkEntry("telegram", Telegram, Telegram.layer, keys)

/** Both or none: half a destination is a mistake, not a choice. */
export const contradictions = (settings: Keys.Settings["Service"]): ReadonlyArray<string> => {
  const hasToken = settings.get(keys.token) !== undefined
  const hasChat = settings.get(keys.chat) !== undefined
  if (hasToken === hasChat) return []
  return [
    hasToken
      ? `${keys.chat.name} must be set with ${keys.token.name}`
      : `${keys.token.name} must be set with ${keys.chat.name}`
  ]
}

interface Where {
  readonly chat: string
  readonly thread: number | null
}

interface Answer {
  readonly status: number
  readonly ok: boolean
  readonly description: string
  readonly retryAfterMs: number | null
  readonly migrateTo: string | null
  readonly result: unknown
}

type Call = (method: string, parameters: Readonly<Record<string, unknown>>) => Effect.Effect<Answer, SinkError>

/* One request */

const makeCall =
  (client: HttpClient.HttpClient, apiUrl: string, token: Redacted.Redacted): Call =>
  (method, parameters) => {
    const url = `${apiUrl.replace(/\/+$/, "")}/bot${Redacted.value(token)}/${method}`
    return client.execute(HttpClientRequest.bodyJsonUnsafe(HttpClientRequest.post(url), parameters)).pipe(
      Effect.flatMap((response) =>
        Effect.map(response.text, (body) => readAnswer(response.status, response.headers["retry-after"], body))
      ),
      capBody(bodyBytesMax),
      // The client's error holds the URL, and with it the token: only its words go on.
      Effect.mapError((error) => networkError(error)),
      Effect.timeoutOrElse({
        duration: Duration.millis(requestTimeoutMs),
        orElse: () =>
          Effect.fail(
            failure("Timeout", `Telegram has not answered within ${requestTimeoutMs / 1_000} s`, { maybeSent: true })
          )
      })
    )
  }

/** Failures from before anything was sent; after any other the message may have arrived. */
const neverSent = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENODATA",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EACCES",
  "ENOENT",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID"
])

const networkError = (error: unknown): SinkError =>
  failure("Network", `Telegram cannot be reached: ${errorText(error)}`, {
    maybeSent: !neverSent.has(errorCode(error) ?? "")
  })

const failure = (
  reason: SinkError["reason"],
  detail: string,
  more: Partial<Pick<SinkError, "retryable" | "retryAfterMs" | "maybeSent">> = {}
): SinkError => new SinkError({ reason, detail, retryable: true, retryAfterMs: null, maybeSent: false, ...more })

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {}

const readAnswer = (status: number, retryAfter: string | undefined, body: string): Answer => {
  const answer = record(
    Result.getOrElse(
      Result.try(() => JSON.parse(body) as unknown),
      () => null
    )
  )
  const parameters = record(answer["parameters"])
  const wait = Number(parameters["retry_after"] ?? retryAfter ?? Number.NaN)
  const migrateTo = parameters["migrate_to_chat_id"]
  return {
    status,
    ok: status === 200 && answer["ok"] === true,
    description: typeof answer["description"] === "string" ? answer["description"] : `HTTP status ${status}`,
    retryAfterMs: Number.isFinite(wait) && wait >= 0 ? wait * 1_000 : null,
    migrateTo: typeof migrateTo === "number" || typeof migrateTo === "string" ? String(migrateTo) : null,
    result: answer["result"]
  }
}

/** What a refusal means. Source: tdlib/telegram-bot-api Client.cpp; the descriptions are stable in practice. */
const refusal = (answer: Answer, chat: string): SinkError => {
  const { status, description, retryAfterMs } = answer
  const said = `Telegram refused chat ${chat}: ${description}`
  if (status === 429) return failure("RateLimited", said, { retryAfterMs })
  if (status >= 500)
    return failure("Server", `Telegram is in trouble: ${description}`, { maybeSent: true, retryAfterMs })
  // 404 is what a token of the wrong form gets: there is no such route.
  if (status === 401 || status === 404)
    return failure("Unauthorized", `Telegram does not know the bot token (${description})`, { retryable: false })
  if (status === 403) return failure("Forbidden", said, { retryable: false })
  if (/chat not found|chat_id is empty|not enough rights|CHAT_WRITE_FORBIDDEN|PEER_ID_INVALID/i.test(description)) {
    return failure("NoSuchChat", said, { retryable: false })
  }
  return status >= 400 && status < 500
    ? failure("Rejected", `${said} (not expected; tried again later)`)
    : failure("Server", `Telegram answered ${status}, which is not the Bot API`, { maybeSent: true })
}

/* Verify */

/** The first of these fields that holds a text. */
const firstText = (value: unknown, names: ReadonlyArray<string>): string | undefined =>
  names.map((name) => record(value)[name]).find((found) => typeof found === "string")

const verify = (call: Call, where: Ref.Ref<Where>): Effect.Effect<string, SinkError> =>
  Effect.gen(function* () {
    const { chat } = yield* Ref.get(where)
    const me = yield* call("getMe", {})
    if (!me.ok) return yield* refusal(me, chat)
    const found = yield* call("getChat", { chat_id: chat })
    if (!found.ok) return yield* refusal(found, chat)
    const bot = firstText(me.result, ["username"]) ?? "?"
    return `bot @${bot}, chat ${firstText(found.result, ["title", "username", "first_name"]) ?? chat}`
  })

/* Send */

interface Attempt {
  readonly chat: string
  readonly thread: number | null
  readonly replyTo: string | null
  readonly markup: boolean
  readonly moved: boolean
}

const parametersOf = (draft: Draft, text: Text, attempt: Attempt): Readonly<Record<string, unknown>> => ({
  chat_id: attempt.chat,
  text: attempt.markup ? text.html : text.plain,
  ...(attempt.markup ? { parse_mode: "HTML" } : {}),
  ...(attempt.thread === null ? {} : { message_thread_id: attempt.thread }),
  ...(attempt.replyTo === null
    ? {}
    : { reply_parameters: { message_id: Number(attempt.replyTo), allow_sending_without_reply: true } }),
  disable_notification: isSilent(draft),
  link_preview_options: { is_disabled: true }
})

/** How a refused message can be sent after all; undefined if it cannot. */
const repair = (answer: Answer, attempt: Attempt): Attempt | undefined => {
  if (answer.migrateTo !== null) return { ...attempt, chat: answer.migrateTo, replyTo: null, moved: true }
  if (answer.status !== 400) return undefined
  if (/message thread not found|TOPIC_(CLOSED|DELETED)/i.test(answer.description) && attempt.thread !== null) {
    return { ...attempt, thread: null, replyTo: null, moved: true }
  }
  if (
    /message to be replied not found|replied message not found/i.test(answer.description) &&
    attempt.replyTo !== null
  ) {
    return { ...attempt, replyTo: null }
  }
  if (/can't parse entities/i.test(answer.description) && attempt.markup) return { ...attempt, markup: false }
  return undefined
}

const send = (call: Call, where: Ref.Ref<Where>, draft: Draft): Effect.Effect<Receipt, SinkError> =>
  Effect.gen(function* () {
    const text = messageText(draft)
    let attempt: Attempt = { ...(yield* Ref.get(where)), replyTo: draft.replyTo, markup: true, moved: false }
    for (let repairs = 0; ; repairs++) {
      const answer = yield* call("sendMessage", parametersOf(draft, text, attempt))
      if (answer.ok) {
        yield* Ref.set(where, { chat: attempt.chat, thread: attempt.thread })
        const id = record(answer.result)["message_id"]
        return { reference: typeof id === "number" ? String(id) : null, moved: attempt.moved }
      }
      const repaired = repairs < repairsMax ? repair(answer, attempt) : undefined
      if (repaired === undefined) return yield* refusal(answer, attempt.chat)
      yield* Effect.logWarning(`Telegram: ${answer.description}; ${repairText(attempt, repaired)}`)
      attempt = repaired
    }
  })

const repairText = (before: Attempt, after: Attempt): string => {
  if (after.chat !== before.chat) return `the chat has moved to ${after.chat}: put that into ${keys.chat.name}`
  if (after.thread !== before.thread) return `sent without the topic: correct ${keys.thread.name}`
  if (after.markup !== before.markup) return "sent as plain text; this is a bug of the watchdog"
  return "sent without its reply"
}
