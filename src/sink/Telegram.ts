/**
 * Telegram, the watchdog's own channel, to the letter of the Bot API.
 *
 * The token stands in the URL's path: no URL and no error object that holds one ever leaves this file.
 */
import { Clock, Context, Duration, Effect, Layer, Redacted, Ref, Result } from "effect"
import type { HttpClient } from "effect/http"
import { HttpClientRequest } from "effect/http"
import { Http, capBody, errorText, neverSent, retryAfterMs } from "../base/Http.ts"
import * as Keys from "../base/Keys.ts"
import { monotonicMs } from "../base/Monotonic.ts"
import { proxyOf } from "../base/Proxy.ts"
import { failure } from "./Endpoint.ts"
import { cut, fitting, isSilent, messageText } from "./Message.ts"
import { type Draft, type Receipt, type MessageSink, type SinkError, entry as sinkEntry } from "./Sink.ts"

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
/** A hundred entities take effect, which nobody documents (python-telegram-bot, constants.py); each entry has one, its bold id. */
const entriesMax = 90
/** What is left of a single entry that is refused as too long, though it is within the limit that is documented. */
const refusedLengthUnitsMax = 1_000
/** Telegram FAQ: about one message a second in one chat; 20 a minute in a group, of which we leave a quarter to others. */
const pace = { windowMs: 1_000, perMinute: 15 }
/** Telegram answers in well under a second; its own flood control sleeps 3 s before it does. */
const requestTimeoutMs = 10_000
/** Answers are a message object; anything larger is not the Bot API. */
const bodyBytesMax = 256 * 1_024
/** Repairs of one message: each kind once (chat, topic, reply, markup), and never more. */
const repairsMax = 4
/** A topic that was closed may be opened again; a message that is refused costs no quota. */
const topicAgainMs = 3_600_000

export class Telegram extends Context.Service<Telegram, MessageSink | undefined>()("watchdog/sink/Telegram") {
  static readonly layer = Layer.effect(
    Telegram,
    Effect.gen(function* () {
      const settings = yield* Keys.Settings
      const token = settings.get(keys.token)
      const chat = settings.get(keys.chat)
      if (token === undefined || chat === undefined) return undefined
      const client = yield* (yield* Http).client({ _tag: "Tcp", proxy: proxyOf(settings) })
      const configured: Configured = { chat, thread: settings.get(keys.thread) ?? null }
      const where = yield* Ref.make<Where>({ ...configured, topicLostAtMs: null })
      const call = makeCall(client, settings.get(keys.apiUrl), token)
      return {
        kind: "message",
        name: "telegram",
        destination: `Telegram chat ${chat}`,
        pace,
        verify: verify(call, where),
        fit: (draft) => fitting(draft, textUnitsMax, entriesMax),
        send: (draft) => send(call, where, draft),
        memory: memory(configured, where)
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

interface Configured {
  readonly chat: string
  readonly thread: number | null
}

/** Where messages go now. */
interface Where extends Configured {
  /** When the topic was last found missing; null where it is as configured. */
  readonly topicLostAtMs: number | null
}

/* Memory */

/** What was learnt belongs to what was configured: with another chat or topic it means nothing. */
const memory = (configured: Configured, where: Ref.Ref<Where>): NonNullable<MessageSink["memory"]> => ({
  save: Effect.map(Ref.get(where), ({ chat, topicLostAtMs }) => ({
    ...configured,
    movedTo: chat === configured.chat ? null : chat,
    topicLost: topicLostAtMs !== null
  })),
  load: (saved) =>
    Effect.gen(function* () {
      const { chat, thread, movedTo, topicLost } = record(saved)
      if (chat !== configured.chat || thread !== configured.thread) return
      const nowMs = yield* monotonicMs
      yield* Ref.update(where, (now) => ({
        ...now,
        chat: typeof movedTo === "string" && /^-?\d+$/.test(movedTo) ? movedTo : now.chat,
        topicLostAtMs: topicLost === true ? nowMs : now.topicLostAtMs
      }))
    })
})

interface Answer {
  readonly status: number
  readonly ok: boolean
  /** False for what a proxy, a gateway or a login page says instead. */
  readonly fromBotApi: boolean
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
    const url = `${baseOf(apiUrl)}/bot${Redacted.value(token)}/${method}`
    return client.execute(HttpClientRequest.bodyJsonUnsafe(HttpClientRequest.post(url), parameters)).pipe(
      Effect.flatMap((response) =>
        Effect.zipWith(response.text, Clock.currentTimeMillis, (body, wallMs) =>
          readAnswer(response.status, retryAfterMs(response.headers["retry-after"], wallMs), body)
        )
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

/** People copy the address with the `/bot` that the documentation shows behind it. */
const baseOf = (apiUrl: string): string => apiUrl.replace(/\/+$/, "").replace(/\/bot$/, "")

const networkError = (error: unknown): SinkError =>
  failure("Network", `Telegram cannot be reached: ${errorText(error)}`, { maybeSent: !neverSent(error) })

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {}

const readAnswer = (status: number, headerMs: number | null, body: string): Answer => {
  const answer = record(
    Result.getOrElse(
      Result.try(() => JSON.parse(body) as unknown),
      () => null
    )
  )
  const parameters = record(answer["parameters"])
  // The body's word before the header's: it is the one that is documented.
  const bodyMs = retryAfterMs(JSON.stringify(parameters["retry_after"]), 0)
  const migrateTo = parameters["migrate_to_chat_id"]
  return {
    status,
    ok: status === 200 && answer["ok"] === true,
    fromBotApi: typeof answer["ok"] === "boolean",
    description: typeof answer["description"] === "string" ? answer["description"] : `HTTP status ${status}`,
    retryAfterMs: bodyMs ?? headerMs,
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
  if (!answer.fromBotApi || status < 400)
    return failure("Server", `Telegram answered ${status}, which is not the Bot API`, { maybeSent: status < 400 })
  // 404 is what a token of the wrong form gets: there is no such route. 421 comes from a server of one's own that is for others.
  if (status === 401 || status === 404 || status === 421)
    return failure("Unauthorized", `Telegram does not know the bot token (${description})`, { retryable: false })
  if (status === 403) return failure("Forbidden", said, { retryable: false })
  if (noSuchChat.test(description)) return failure("NoSuchChat", said, { retryable: false })
  // Only of these can be said that they are about the message; a 409 belongs to polling, others to nothing we know.
  const reason = status === 400 || status === 413 ? "Rejected" : "Server"
  return failure(reason, `${said} (not expected; tried again later)`)
}

/** Refusals of a chat for good. Source: tdlib/telegram-bot-api, Client.cpp; the capital ones are Telegram's own. */
const noSuchChat = new RegExp(
  [
    "chat not found",
    "user not found",
    "chat_id is empty",
    "not enough rights",
    "have no rights to send",
    "need administrator rights",
    "group chat was (upgraded|deactivated)",
    "CHAT_(WRITE|SEND_PLAIN)_FORBIDDEN",
    "CHAT_(ADMIN_REQUIRED|RESTRICTED)",
    "CHANNEL_PRIVATE",
    "PEER_ID_INVALID",
    "USER_IS_BLOCKED"
  ].join("|"),
  "i"
)

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
  /** References given before this message are of no use any more. */
  readonly moved: boolean
  readonly topicTriedAgain: boolean
}

/** `html` is null where only plain text is to be sent. */
interface Sendable {
  readonly plain: string
  readonly html: string | null
}

const parametersOf = (draft: Draft, text: Sendable, attempt: Attempt): Readonly<Record<string, unknown>> => ({
  chat_id: attempt.chat,
  ...(attempt.markup && text.html !== null ? { text: text.html, parse_mode: "HTML" } : { text: text.plain }),
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

/** Sends one message, or its halves where the server finds it too long: that is our bug, and no entry is lost by it. */
const send = (call: Call, where: Ref.Ref<Where>, draft: Draft): Effect.Effect<Receipt, SinkError> =>
  Effect.gen(function* () {
    const text: Sendable = messageText(draft)
    // What was refused whatever it said is not to be refused for its markup.
    const sent = yield* sendOne(call, where, draft, draft.minimal === true ? { ...text, html: null } : text)
    if (sent !== "too long") return sent
    yield* Effect.logWarning("Telegram: a message is too long; sent in parts; this is a bug of the watchdog")
    const half = Math.ceil(draft.entries.length / 2)
    if (half === draft.entries.length) return yield* sendCut(call, where, draft)
    const first = yield* send(call, where, { ...draft, entries: draft.entries.slice(0, half) })
    const second = yield* Effect.mapError(
      send(call, where, { ...draft, entries: draft.entries.slice(half) }),
      ({ reason, detail, retryable, retryAfterMs: waitMs }) =>
        failure(reason, detail, { retryable, retryAfterMs: waitMs, maybeSent: true })
    )
    return { reference: first.reference, moved: first.moved || second.moved }
  })

const sendCut = (call: Call, where: Ref.Ref<Where>, draft: Draft): Effect.Effect<Receipt, SinkError> =>
  Effect.gen(function* () {
    const plain = cut(messageText(draft).plain, refusedLengthUnitsMax)
    const sent = yield* sendOne(call, where, draft, { plain, html: null })
    if (sent !== "too long") return sent
    return yield* failure("Rejected", `Telegram finds a message of ${plain.length} characters too long`)
  })

const sendOne = (
  call: Call,
  where: Ref.Ref<Where>,
  draft: Draft,
  text: Sendable
): Effect.Effect<Receipt | "too long", SinkError> =>
  Effect.gen(function* () {
    let attempt = firstAttempt(yield* Ref.get(where), draft, text, yield* monotonicMs)
    for (let repairs = 0; ; repairs++) {
      const answer = yield* call("sendMessage", parametersOf(draft, text, attempt))
      if (answer.ok) {
        yield* arrived(where, attempt)
        const id = record(answer.result)["message_id"]
        return { reference: typeof id === "number" ? String(id) : null, moved: attempt.moved }
      }
      if (answer.status === 400 && /message is too long|text is too long/i.test(answer.description)) return "too long"
      const repaired = repairs < repairsMax ? repair(answer, attempt) : undefined
      if (repaired === undefined) return yield* refusal(answer, attempt.chat)
      // That the topic is still missing was said when it was found missing.
      const known = repaired.thread !== attempt.thread && attempt.topicTriedAgain
      if (!known) yield* Effect.logWarning(`Telegram: ${answer.description}; ${repairText(attempt, repaired)}`)
      // At once, not when a repaired message has arrived: what was learnt is true whatever becomes of this one.
      if (repaired.chat !== attempt.chat) yield* Ref.update(where, (now) => ({ ...now, chat: repaired.chat }))
      attempt = repaired
    }
  })

/** A topic that was lost is tried again after an hour. What was said outside it cannot be answered within it. */
const firstAttempt = (now: Where, draft: Draft, text: Sendable, nowMs: number): Attempt => {
  const lost = now.topicLostAtMs !== null
  const again = now.topicLostAtMs !== null && nowMs - now.topicLostAtMs >= topicAgainMs
  return {
    chat: now.chat,
    thread: lost && !again ? null : now.thread,
    replyTo: again ? null : draft.replyTo,
    markup: text.html !== null,
    moved: again,
    topicTriedAgain: again
  }
}

/** What a message that has arrived says of the topic: it is there, or it was left out and is looked for in an hour. */
const arrived = (where: Ref.Ref<Where>, attempt: Attempt): Effect.Effect<void> =>
  Effect.gen(function* () {
    const nowMs = yield* monotonicMs
    const before = yield* Ref.get(where)
    const withoutTopic = before.thread !== null && attempt.thread === null
    const lostBeforeMs = attempt.topicTriedAgain ? null : before.topicLostAtMs
    const lostAtMs = withoutTopic ? (lostBeforeMs ?? nowMs) : null
    yield* Ref.set(where, { ...before, topicLostAtMs: lostAtMs })
    if (before.topicLostAtMs !== null && lostAtMs === null) yield* Effect.logInfo("Telegram: the topic is back")
  })

const repairText = (before: Attempt, after: Attempt): string => {
  if (after.chat !== before.chat) return `the chat has moved to ${after.chat}: put that into ${keys.chat.name}`
  if (after.thread !== before.thread) return `sent without the topic: correct ${keys.thread.name}`
  if (after.markup !== before.markup) return "sent as plain text; this is a bug of the watchdog"
  return "sent without its reply"
}
