/**
 * A fake Telegram Bot API that refuses what the real one refuses, for tests of whatever sends messages.
 *
 * Two layers. `makeFakeTelegram` is pure: a request in, an answer out, no timers, the clock injected.
 * `startFakeTelegram` puts node:http around it and adds control endpoints, so that a test can drive it from another
 * process. Neither imports anything but node, so both run by plain type stripping; the Effect face is
 * `FakeTelegramServer.ts`, the container's entry `fakeTelegramMain.ts`.
 *
 * Descriptions and the order of checks follow tdlib/telegram-bot-api `Client.cpp` and tdlib/td (read in their state of
 * mid 2026) and the method list of Bot API 10.1. Known parameters that a watchdog does not need (`entities`,
 * Markdown, message effects, business connections, paid broadcasts) are not modelled; using one is a `problem`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { parseTelegramHtml, settleTelegramText, type TelegramEntity, type TelegramText } from "./TelegramHtml.ts"

export interface FakeTelegramChat {
  /** Positive: a private chat. Negative: a group; `-100…`: a supergroup. */
  readonly id: number
  readonly type: "private" | "group" | "supergroup"
  readonly title: string
  /** Ids of forum topics; a chat with topics is a forum. */
  readonly topics?: ReadonlyArray<number>
}

/**
 * What one chat bears before it answers 429.
 *
 * Source: core.telegram.org/bots/faq, "My bot is hitting limits": about 1 message a second in one chat, short bursts
 * tolerated; 20 a minute in a group. The real numbers are unpublished, so a client must obey `retry_after` anyway.
 */
export interface FakeTelegramLimits {
  /** Messages a second that a chat's bucket regains. */
  readonly perSecond: number
  /** Messages the full bucket holds. */
  readonly burst: number
  /** Messages in any 60 s, for groups and supergroups; the FAQ names no such limit for private chats. */
  readonly perMinute: number
  /** `false`: never 429 by itself. */
  readonly enforce: boolean
}

export interface FakeTelegramOptions {
  readonly token: string
  readonly chats: ReadonlyArray<FakeTelegramChat>
  /** Milliseconds; limits use only its differences, `date` in answers is its value in seconds. */
  readonly nowMs: () => number
  readonly limits?: Partial<FakeTelegramLimits>
}

export interface FakeTelegramRequest {
  /** The HTTP verb. */
  readonly method: string
  /** `/bot<token>/<method>`, with a query if any. */
  readonly path: string
  /** Where left out, the content type is not checked. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
}

export interface FakeTelegramResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** `"hang"`: no answer, ever. `"reset"`: the connection is torn down. */
export type FakeTelegramAnswer = FakeTelegramResponse | "hang" | "reset"

/**
 * How the fake behaves.
 *
 * Reach: `hang`, `reset`, 401, 429 and 5xx meet every method; 409 only getUpdates; the rest only sendMessage.
 *
 * - `"up"`: as the real one.
 * - `"hang"`: never answers, and nothing happens.
 * - `"hangAfterAccept"`: the message is delivered, but no answer is given: what a lost answer looks like.
 * - `"reset"`: the connection is destroyed before anything happens.
 * - `{ status: 400 | 403, description }`: a refusal in the server's words.
 * - `{ migrateTo }`: the next group written to becomes a supergroup with this id. The mode is spent by that, the
 *   migration stays: the old id keeps refusing and the new one works. Messages of the old chat stay behind.
 * - `{ cantParse: true }`: refuses every text that has a parse_mode, takes plain text.
 */
export type FakeTelegramMode =
  | "up"
  | "hang"
  | "hangAfterAccept"
  | "reset"
  | { readonly status: 400; readonly description: string }
  | { readonly status: 403; readonly description?: string }
  | { readonly status: 401 | 409 | 500 | 502 | 504 }
  | { readonly status: 429; readonly retryAfter: number }
  | { readonly migrateTo: number }
  | { readonly cantParse: true }

export interface FakeTelegramStep {
  readonly mode: FakeTelegramMode
  /** Requests this step lasts; only requests within the mode's reach are counted. */
  readonly count?: number
  /** Narrows or widens the mode's reach to this one method. */
  readonly method?: string
}

export interface FakeTelegramMessage {
  readonly messageId: number
  readonly chatId: number
  /** As delivered: without markup. */
  readonly text: string
  /** As sent, where it was sent as HTML. */
  readonly html: string | null
  readonly silent: boolean
  readonly replyTo: number | null
  readonly threadId: number | null
  readonly atMs: number
  readonly entities: ReadonlyArray<TelegramEntity>
}

export interface FakeTelegramRefusal {
  readonly atMs: number
  readonly method: string
  readonly status: number
  readonly description: string
}

/** Something the real server lets pass or does not say, and a test should not. */
export interface FakeTelegramProblem {
  readonly atMs: number
  readonly method: string
  readonly description: string
}

/** The records are live: the same arrays grow as requests come in. */
export interface FakeTelegram {
  readonly handle: (request: FakeTelegramRequest) => FakeTelegramAnswer
  /** For the next `count` requests, or without it until changed; forgets what was scripted before. */
  readonly setMode: (mode: FakeTelegramMode, options?: { readonly count?: number; readonly method?: string }) => void
  /** Appends steps to be gone through before the standing mode; a step without `count` is one request. */
  readonly script: (...steps: ReadonlyArray<FakeTelegramStep>) => void
  /** As new: records, modes, migrations and limits are forgotten; message ids go on. */
  readonly reset: () => void
  readonly messages: ReadonlyArray<FakeTelegramMessage>
  readonly refusals: ReadonlyArray<FakeTelegramRefusal>
  readonly problems: ReadonlyArray<FakeTelegramProblem>
  /** Requests so far by Bot API method, answered or not. */
  readonly requests: () => Readonly<Record<string, number>>
}

/** The FAQ's numbers; the burst is ours for its "short bursts". */
export const defaultLimits: FakeTelegramLimits = { perSecond: 1, burst: 3, perMinute: 20, enforce: true }

const minuteMs = 60_000
const textCodePointsMax = 4_096 // Bot API, sendMessage, text; TDLib counts code points
const sourceBytesMax = 32_768 // tdlib/telegram-bot-api, Client.cpp, get_formatted_text
const entitiesMax = 100 // undocumented; python-telegram-bot, constants.py
const callbackBytesMax = 64 // Bot API, InlineKeyboardButton, callback_data
const parametersBytesMax = 1_048_576 // tdlib/td, HttpReader.h, MAX_TOTAL_PARAMETERS_LENGTH
const generalTopicId = 1 // tdlib/telegram-bot-api, Client.cpp, GENERAL_FORUM_TOPIC_ID
// A fake left running in a container for days must not grow for ever; no test looks so far back.
const recordsMax = 10_000

const methodNames = ["getMe", "getChat", "getUpdates", "sendMessage"] as const

// Bot API 10.1 of 11 June 2026, sendMessage.
const sendMessageParameters: ReadonlySet<string> = new Set([
  "business_connection_id",
  "chat_id",
  "message_thread_id",
  "direct_messages_topic_id",
  "text",
  "parse_mode",
  "entities",
  "link_preview_options",
  "disable_notification",
  "protect_content",
  "allow_paid_broadcast",
  "message_effect_id",
  "suggested_post_parameters",
  "reply_parameters",
  "reply_markup"
])
const notModelledParameters: ReadonlySet<string> = new Set([
  "business_connection_id",
  "direct_messages_topic_id",
  "entities",
  "allow_paid_broadcast",
  "message_effect_id",
  "suggested_post_parameters"
])
const replacementByRemoved: ReadonlyMap<string, string> = new Map([
  ["disable_web_page_preview", "link_preview_options"],
  ["reply_to_message_id", "reply_parameters"],
  ["allow_sending_without_reply", "reply_parameters"]
])
const replyParameterFields: ReadonlySet<string> = new Set([
  "message_id",
  "chat_id",
  "allow_sending_without_reply",
  "quote",
  "quote_parse_mode",
  "quote_entities",
  "quote_position",
  "checklist_task_id",
  "poll_option_id"
])
const linkPreviewFields: ReadonlySet<string> = new Set([
  "is_disabled",
  "url",
  "prefer_small_media",
  "prefer_large_media",
  "show_above_text"
])
const parametersByMethod: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["getMe", new Set<string>()],
  ["getChat", new Set(["chat_id"])],
  ["getUpdates", new Set(["offset", "limit", "timeout", "allowed_updates"])],
  ["sendMessage", sendMessageParameters]
])

type Parameters = Readonly<Record<string, unknown>>

interface Bucket {
  tokens: number
  refilledAtMs: number
  acceptedAtMs: ReadonlyArray<number>
}

interface State {
  readonly options: FakeTelegramOptions
  readonly limits: FakeTelegramLimits
  readonly chats: Map<number, FakeTelegramChat>
  readonly migratedTo: Map<number, number>
  readonly buckets: Map<number, Bucket>
  /** Last message id by chat; private chats and basic groups share one counter, as they do at Telegram. */
  readonly lastMessageId: Map<number, number>
  readonly messages: Array<FakeTelegramMessage>
  readonly refusals: Array<FakeTelegramRefusal>
  readonly problems: Array<FakeTelegramProblem>
  readonly requests: Map<string, number>
  standing: { readonly mode: FakeTelegramMode; readonly method?: string }
  steps: Array<{ readonly mode: FakeTelegramMode; readonly method?: string; left: number }>
}

/**
 * Builds the pure fake.
 *
 * Shape:  options -> a function from request to answer, its script, and its records.
 * Law:    the same requests at the same times get the same answers.
 * Fails:  never; a request that cannot be read is refused as the real server refuses it.
 */
export function makeFakeTelegram(options: FakeTelegramOptions): FakeTelegram {
  const state: State = {
    options,
    limits: { ...defaultLimits, ...options.limits },
    chats: new Map(),
    migratedTo: new Map(),
    buckets: new Map(),
    lastMessageId: new Map(),
    messages: [],
    refusals: [],
    problems: [],
    requests: new Map(),
    standing: { mode: "up" },
    steps: []
  }
  const reset = () => {
    state.chats.clear()
    for (const chat of options.chats) state.chats.set(chat.id, chat)
    state.migratedTo.clear()
    state.buckets.clear()
    state.messages.length = 0
    state.refusals.length = 0
    state.problems.length = 0
    state.requests.clear()
    state.standing = { mode: "up" }
    state.steps = []
  }
  reset()
  return {
    handle: (request) => handle(state, request),
    setMode: (mode, { count, method } = {}) => {
      const reach = method === undefined ? {} : { method }
      state.standing = count === undefined ? { mode, ...reach } : { mode: "up" }
      state.steps = count === undefined ? [] : [{ mode, ...reach, left: count }]
    },
    script: (...steps) => {
      state.steps.push(...steps.map(({ mode, method, count }) => toStep(mode, method, count)))
    },
    reset,
    messages: state.messages,
    refusals: state.refusals,
    problems: state.problems,
    requests: () => Object.fromEntries(state.requests)
  }
}

function toStep(mode: FakeTelegramMode, method: string | undefined, count: number | undefined) {
  return { mode, left: count ?? 1, ...(method === undefined ? {} : { method }) }
}

/**
 * Reads a mode or step from JSON, as the control endpoint gets it.
 *
 * Shape:  `"hang"` | `{"status":500}` | `{"mode":…,"count":2,"method":"sendMessage"}` -> a step.
 * Fails:  never; a string result says what is wrong.
 */
export function parseFakeTelegramStep(json: unknown): FakeTelegramStep | string {
  if (!isRecord(json) || json["mode"] === undefined) {
    const mode = parseMode(json)
    return mode === undefined ? `not a mode: ${JSON.stringify(json)}` : { mode }
  }
  const { mode: rawMode, count, method, ...rest } = json
  const mode = parseMode(rawMode)
  if (mode === undefined) return `not a mode: ${JSON.stringify(rawMode)}`
  if (Object.keys(rest).length > 0) return `unknown field ${Object.keys(rest).join(", ")}`
  if (count !== undefined && !isPositiveInteger(count)) return "count must be a positive integer"
  if (method !== undefined && typeof method !== "string") return "method must be a string"
  return { mode, ...(count === undefined ? {} : { count }), ...(method === undefined ? {} : { method }) }
}

const plainModes = ["up", "hang", "hangAfterAccept", "reset"] as const
const bareStatuses = [401, 409, 500, 502, 504] as const

function parseMode(json: unknown): FakeTelegramMode | undefined {
  if (typeof json === "string") return plainModes.find((mode) => mode === json)
  if (!isRecord(json)) return undefined
  const { status, description, retryAfter, migrateTo, cantParse } = json
  const fields = Object.keys(json).length
  if (cantParse === true && fields === 1) return { cantParse }
  if (isInteger(migrateTo) && fields === 1) return { migrateTo }
  if (status === 429 && isPositiveInteger(retryAfter) && fields === 2) return { status, retryAfter }
  if (status === 403 && fields === 1) return { status }
  if ((status === 400 || status === 403) && typeof description === "string" && fields === 2) {
    return { status, description }
  }
  const bare = bareStatuses.find((known) => known === status)
  return bare === undefined || fields !== 1 ? undefined : { status: bare }
}

function handle(state: State, request: FakeTelegramRequest): FakeTelegramAnswer {
  const [rawPath, query = ""] = splitOnce(request.path, "?")
  const path = percentDecoded(rawPath)
  if (!path.startsWith("/bot")) return refuse(state, "", 404, "Not Found")
  const [token, rawMethod] = splitOnce(path.slice("/bot".length), "/")
  if (rawMethod === undefined) return refuse(state, "", 404, "Not Found")
  // Method names are case-insensitive; records use the documented spelling.
  const method = methodNames.find((name) => name.toLowerCase() === rawMethod.toLowerCase()) ?? rawMethod
  state.requests.set(method, (state.requests.get(method) ?? 0) + 1)

  if (request.method !== "GET" && request.method !== "POST") return refuse(state, method, 501, "Not Implemented")
  const mode = takeMode(state, method)
  const down = failDown(state, method, mode)
  if (down !== undefined) return down

  if (token !== state.options.token) {
    // The cloud has no route for what does not look like a token at all.
    return /^[1-9][0-9]*:/.test(token)
      ? refuse(state, method, 401, "Unauthorized")
      : refuse(state, method, 404, "Not Found")
  }
  const scripted = failScripted(state, method, mode)
  if (scripted !== undefined) return scripted
  const parameters = readParameters(state, method, request, query)
  if (typeof parameters === "string") return refuse(state, method, 400, parameters)
  recordUnknownParameters(state, method, parameters)
  switch (method) {
    case "getMe":
      return accept(botUser(state, true))
    case "getChat":
      return getChat(state, parameters)
    case "getUpdates":
      // Answers at once: without timers there is no long poll, and nobody writes to this bot.
      return accept([])
    case "sendMessage":
      return sendMessage(state, parameters, mode)
    default:
      problem(state, method, "this fake does not have the method; the real Bot API may")
      return refuse(state, method, 404, "Not Found: method not found")
  }
}

function takeMode(state: State, method: string): FakeTelegramMode {
  const step = state.steps[0]
  if (step === undefined) return reaches(state.standing, method) ? state.standing.mode : "up"
  if (!reaches(step, method)) return "up"
  step.left -= 1
  if (step.left <= 0) state.steps.shift()
  return step.mode
}

function reaches(
  { mode, method: only }: { readonly mode: FakeTelegramMode; readonly method?: string },
  method: string
): boolean {
  if (only !== undefined) return only.toLowerCase() === method.toLowerCase()
  if (mode === "up" || mode === "hang" || mode === "reset") return true
  if (mode === "hangAfterAccept" || "migrateTo" in mode || "cantParse" in mode) return method === "sendMessage"
  if (mode.status === 400 || mode.status === 403) return method === "sendMessage"
  return mode.status === 409 ? method === "getUpdates" : true
}

/** The answer of a server that is not there, whoever asks. */
function failDown(state: State, method: string, mode: FakeTelegramMode): FakeTelegramAnswer | undefined {
  if (mode === "hang" || mode === "reset") return mode
  if (typeof mode === "string" || !("status" in mode)) return undefined
  if (mode.status === 500) return refuse(state, method, 500, descriptionByStatus[500])
  if (mode.status === 502) return refuseAsProxy(state, method, 502, descriptionByStatus[502])
  return mode.status === 504 ? refuseAsProxy(state, method, 504, descriptionByStatus[504]) : undefined
}

/** The scripted refusal of a server that is there; the modes that look at the message are left to sendMessage. */
function failScripted(state: State, method: string, mode: FakeTelegramMode): FakeTelegramAnswer | undefined {
  if (typeof mode === "string" || !("status" in mode)) return undefined
  if (mode.status === 429) return refuseForNow(state, method, mode.retryAfter)
  if (mode.status === 400) return refuse(state, method, 400, mode.description)
  const description = mode.status === 403 ? mode.description : undefined
  return refuse(state, method, mode.status, description ?? descriptionByStatus[mode.status])
}

const descriptionByStatus: Readonly<Record<401 | 403 | 409 | 500 | 502 | 504, string>> = {
  401: "Unauthorized",
  403: "Forbidden: bot was kicked from the supergroup chat",
  409: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
  500: "Internal Server Error: restart",
  502: "Bad Gateway",
  504: "Gateway Time-out"
}

function getChat(state: State, parameters: Parameters): FakeTelegramResponse {
  const chat = findChat(state, parameters["chat_id"])
  if (typeof chat === "string") return refuse(state, "getChat", 400, chat)
  // A group that became a supergroup can still be read, only not written to (Client.cpp, check_chat_access).
  return accept({
    ...chatObject(chat),
    accent_color_id: 0,
    max_reaction_count: 11,
    accepted_gift_types: {
      unlimited_gifts: false,
      limited_gifts: false,
      unique_gifts: false,
      premium_subscription: false,
      gifts_from_channels: false
    }
  })
}

// The order is the real one: the text first, then reply and markup, the chat, the topic, the message replied to, what is
// left of the text, and last the server's own limits. So a message refused for its form costs none of the quota.
function sendMessage(state: State, parameters: Parameters, mode: FakeTelegramMode): FakeTelegramAnswer {
  const no = (description: string, extra?: Record<string, unknown>) =>
    refuse(state, "sendMessage", 400, `Bad Request: ${description}`, extra)

  const source = asText(parameters["text"])
  const parsed = readText(source, asText(parameters["parse_mode"]), mode)
  if (typeof parsed === "string") return no(parsed)
  const reply = readReply(parameters["reply_parameters"])
  if (typeof reply === "string") return no(reply)
  const markupComplaint = checkMarkup(parameters["reply_markup"])

  const found = findChat(state, parameters["chat_id"])
  if (typeof found === "string") return refuse(state, "sendMessage", 400, found)
  if (typeof mode === "object" && "migrateTo" in mode) migrate(state, found, mode)
  const newChatId = state.migratedTo.get(found.id)
  if (newChatId !== undefined) {
    return no("group chat was upgraded to a supergroup chat", { migrate_to_chat_id: newChatId })
  }
  const threadId = Math.max(0, asInteger(parameters["message_thread_id"]))
  // Stricter than the newest server, which drops the topic without a word in a chat that has none.
  if (threadId !== 0 && (threadId === generalTopicId || found.topics?.includes(threadId) !== true)) {
    return no("message thread not found")
  }
  const replyTo = findReplied(state, found.id, reply)
  if (replyTo === "missing") return no("message to be replied not found")

  const settled = settleTelegramText(parsed)
  if (settled === undefined) return no("text must be non-empty")
  const codePoints = Array.from(settled.text).length
  if (codePoints > textCodePointsMax) return no("message is too long")
  if (markupComplaint !== undefined) return no(markupComplaint)
  if (settled.text.length > textCodePointsMax) {
    problem(
      state,
      "sendMessage",
      `text is ${codePoints} characters but ${settled.text.length} UTF-16 units: relies on which of the two is counted`
    )
  }
  if (settled.entities.length > entitiesMax) {
    problem(
      state,
      "sendMessage",
      `${settled.entities.length} entities: the real server ignores all behind ${entitiesMax}`
    )
  }
  const retryAfter = takeFromLimits(state, found)
  if (retryAfter > 0) return refuseForNow(state, "sendMessage", retryAfter)

  const message: FakeTelegramMessage = {
    messageId: nextMessageId(state, found),
    chatId: found.id,
    text: settled.text,
    html: isHtml(asText(parameters["parse_mode"])) ? source : null,
    silent: asBoolean(parameters["disable_notification"]),
    replyTo: replyTo ?? null,
    threadId: threadId === 0 ? null : threadId,
    atMs: state.options.nowMs(),
    entities: settled.entities.slice(0, entitiesMax)
  }
  record(state.messages, message)
  return mode === "hangAfterAccept" ? "hang" : accept(messageObject(state, found, message, parameters))
}

function readText(source: string, parseMode: string, mode: FakeTelegramMode): TelegramText | string {
  if (source === "") return "message text is empty"
  if (Buffer.byteLength(source) > sourceBytesMax) return "text is too long"
  if (parseMode === "" || parseMode.toLowerCase() === "none") {
    return source.isWellFormed() ? { text: source, entities: [] } : "strings must be encoded in UTF-8"
  }
  if (typeof mode === "object" && "cantParse" in mode) {
    return `can't parse entities: Unsupported start tag "refused-by-script" at byte offset 0`
  }
  if (!isHtml(parseMode)) return "unsupported parse_mode"
  if (!source.isWellFormed()) return "text must be encoded in UTF-8"
  const parsed = parseTelegramHtml(source)
  return parsed.ok ? parsed : `can't parse entities: ${parsed.description}`
}

function isHtml(parseMode: string): boolean {
  return parseMode.toLowerCase() === "html"
}

interface Reply {
  readonly messageId: number
  readonly chatId: number | undefined
  readonly mayBeMissing: boolean
}

function readReply(raw: unknown): Reply | string | undefined {
  if (raw === undefined || raw === "") return undefined
  const value = typeof raw === "string" ? parseJson(raw) : raw
  if (value === undefined) return "can't parse reply parameters JSON object"
  if (!isRecord(value)) return "object expected as reply parameters"
  if (Object.keys(value).length === 0) return undefined
  if (value["message_id"] === undefined) return `can't find field "message_id"`
  const messageId = asInteger(value["message_id"])
  if (messageId <= 0) return undefined
  const chatId = value["chat_id"] === undefined ? undefined : asInteger(value["chat_id"])
  return { messageId, chatId, mayBeMissing: asBoolean(value["allow_sending_without_reply"]) }
}

/** The id of the message replied to, `undefined` for none, or `"missing"` where that is a refusal. */
function findReplied(state: State, chatId: number, reply: Reply | undefined): number | "missing" | undefined {
  if (reply === undefined) return undefined
  const inChat = reply.chatId ?? chatId
  const exists = state.messages.some((message) => message.chatId === inChat && message.messageId === reply.messageId)
  if (exists) return reply.messageId
  // Bot API, ReplyParameters: allow_sending_without_reply is always false for replies to another chat.
  return reply.mayBeMissing && inChat === chatId ? undefined : "missing"
}

function checkMarkup(raw: unknown): string | undefined {
  if (raw === undefined || raw === "") return undefined
  const markup = typeof raw === "string" ? parseJson(raw) : raw
  if (markup === undefined) return "can't parse reply keyboard markup JSON object"
  if (!isRecord(markup)) return "object expected as reply markup"
  const rows = markup["inline_keyboard"]
  if (rows === undefined) return undefined
  if (!Array.isArray(rows) || !rows.every((row): row is Array<unknown> => Array.isArray(row))) {
    return `field "inline_keyboard" must be an Array of Arrays`
  }
  const fits = rows.flat().every((button) => {
    const callback = isRecord(button) ? button["callback_data"] : undefined
    if (callback === undefined) return true
    const bytes = Buffer.byteLength(asText(callback))
    return bytes > 0 && bytes <= callbackBytesMax
  })
  return fits ? undefined : "BUTTON_DATA_INVALID"
}

/** The chat, or why there is none. */
function findChat(state: State, raw: unknown): FakeTelegramChat | string {
  const id = asText(raw)
  if (id === "") return "Bad Request: chat_id is empty"
  return (/^-?[0-9]+$/.test(id) ? state.chats.get(Number(id)) : undefined) ?? "Bad Request: chat not found"
}

// More lenient than Telegram, where only a basic group becomes a supergroup: a test may start from any group.
function migrate(state: State, chat: FakeTelegramChat, mode: { readonly migrateTo: number }): void {
  if (chat.type === "private" || chat.id === mode.migrateTo || state.migratedTo.has(chat.id)) return
  state.migratedTo.set(chat.id, mode.migrateTo)
  if (!state.chats.has(mode.migrateTo)) {
    state.chats.set(mode.migrateTo, { id: mode.migrateTo, type: "supergroup", title: chat.title })
  }
  // A standing mode would otherwise take the next group along.
  if (state.standing.mode === mode) state.standing = { mode: "up" }
}

/** Takes one message from the chat's quota: 0, or the seconds to wait. A refused message takes nothing. */
function takeFromLimits(state: State, chat: FakeTelegramChat): number {
  const { limits } = state
  if (!limits.enforce) return 0
  const nowMs = state.options.nowMs()
  const bucket = state.buckets.get(chat.id) ?? { tokens: limits.burst, refilledAtMs: nowMs, acceptedAtMs: [] }
  state.buckets.set(chat.id, bucket)
  // A clock that steps back refills nothing.
  const regained = (Math.max(0, nowMs - bucket.refilledAtMs) / 1_000) * limits.perSecond
  bucket.tokens = Math.min(limits.burst, bucket.tokens + regained)
  bucket.refilledAtMs = nowMs
  bucket.acceptedAtMs = bucket.acceptedAtMs.filter((atMs) => atMs > nowMs - minuteMs)

  const tokenWaitMs = bucket.tokens > 1 - tokenRounding ? 0 : ((1 - bucket.tokens) / limits.perSecond) * 1_000
  const blocking = chat.type === "private" ? undefined : bucket.acceptedAtMs.at(-limits.perMinute)
  const windowWaitMs =
    blocking === undefined || bucket.acceptedAtMs.length < limits.perMinute ? 0 : blocking + minuteMs - nowMs
  const waitMs = Math.max(tokenWaitMs, windowWaitMs)
  if (waitMs > 0) return Math.max(1, Math.ceil(waitMs / 1_000))
  bucket.tokens -= 1
  bucket.acceptedAtMs = [...bucket.acceptedAtMs, nowMs]
  return 0
}

// Tokens regained in thirds of a second must add up to a whole one.
const tokenRounding = 1e-9

// Private chats and basic groups draw ids from the bot's own counter, supergroups from theirs.
const sharedCounter = 0

function nextMessageId(state: State, chat: FakeTelegramChat): number {
  const counter = chat.type === "supergroup" ? chat.id : sharedCounter
  const messageId = (state.lastMessageId.get(counter) ?? 0) + 1
  state.lastMessageId.set(counter, messageId)
  return messageId
}

function botUser(state: State, full: boolean): Record<string, unknown> {
  const user = {
    id: Number.parseInt(state.options.token, 10) || 1,
    is_bot: true,
    first_name: "Fake Telegram",
    username: "fake_telegram_bot"
  }
  return full
    ? { ...user, can_join_groups: true, can_read_all_group_messages: false, supports_inline_queries: false }
    : user
}

function chatObject(chat: FakeTelegramChat): Record<string, unknown> {
  if (chat.type === "private") return { id: chat.id, first_name: chat.title, type: chat.type }
  const forum = (chat.topics ?? []).length > 0 ? { is_forum: true } : {}
  return { id: chat.id, title: chat.title, ...forum, type: chat.type }
}

function messageObject(
  state: State,
  chat: FakeTelegramChat,
  message: FakeTelegramMessage,
  parameters: Parameters
): Record<string, unknown> {
  const date = Math.floor(message.atMs / 1_000)
  const chatInMessage = chatObject(chat)
  return {
    message_id: message.messageId,
    ...(message.threadId === null ? {} : { message_thread_id: message.threadId, is_topic_message: true }),
    from: botUser(state, false),
    chat: chatInMessage,
    date,
    ...(message.replyTo === null
      ? {}
      : { reply_to_message: { message_id: message.replyTo, date, chat: chatInMessage } }),
    text: message.text,
    ...(message.entities.length === 0 ? {} : { entities: message.entities.map(entityObject) }),
    ...(asBoolean(parameters["protect_content"]) ? { has_protected_content: true } : {})
  }
}

function entityObject({ userId, customEmojiId, unixTime, ...entity }: TelegramEntity): Record<string, unknown> {
  return {
    ...entity,
    ...(userId === undefined ? {} : { user: { id: userId, is_bot: false, first_name: "" } }),
    ...(customEmojiId === undefined ? {} : { custom_emoji_id: customEmojiId }),
    ...(unixTime === undefined ? {} : { unix_time: unixTime })
  }
}

/** The request's parameters, or the server's complaint about their form. A body's win over a query's. */
function readParameters(
  state: State,
  method: string,
  request: FakeTelegramRequest,
  query: string
): Parameters | string {
  const fromQuery = Object.fromEntries(new URLSearchParams(query))
  if (request.body === "") return fromQuery
  if (request.headers !== undefined) {
    const contentType = header(request.headers, "content-type")
    if (!contentType.toLowerCase().includes("application/json")) {
      // The real server does not look at a body of unknown type, and then finds no text in it.
      problem(
        state,
        method,
        `content type "${contentType}": this fake reads application/json only, the body is ignored`
      )
      return fromQuery
    }
  }
  const body = parseJson(request.body)
  if (body === undefined) return "Bad Request: can't parse object"
  return isRecord(body) ? { ...fromQuery, ...body } : "Bad Request: JSON object expected"
}

function recordUnknownParameters(state: State, method: string, parameters: Parameters): void {
  const known = parametersByMethod.get(method)
  if (known === undefined) return
  const say = (description: string) => problem(state, method, description)
  for (const [name, value] of Object.entries(parameters)) {
    const replacement = replacementByRemoved.get(name)
    if (replacement !== undefined) say(`parameter ${name} was removed from the Bot API: use ${replacement}`)
    else if (!known.has(name)) say(`unknown parameter ${name}`)
    else if (notModelledParameters.has(name)) say(`parameter ${name} is ignored: this fake does not model it`)
    if (value === null) say(`parameter ${name} is null: the real server reads the word "null"`)
  }
  if (method !== "sendMessage") return
  const { text, parse_mode: parseMode, disable_notification: silent } = parameters
  if (text !== undefined && typeof text !== "string") say("parameter text is not a string")
  if (silent !== undefined && typeof silent !== "boolean") say("parameter disable_notification is not a boolean")
  if (/^markdown/i.test(asText(parseMode))) say("parse_mode Markdown is refused: this fake does not model it")
  for (const [name, fields] of [
    ["reply_parameters", replyParameterFields],
    ["link_preview_options", linkPreviewFields]
  ] as const) {
    const value = parameters[name]
    const unknown = isRecord(value) ? Object.keys(value).filter((field) => !fields.has(field)) : []
    if (unknown.length > 0) say(`unknown field ${unknown.join(", ")} in ${name}`)
  }
}

function accept(result: unknown): FakeTelegramResponse {
  return jsonResponse(200, { ok: true, result })
}

function refuse(
  state: State,
  method: string,
  status: number,
  description: string,
  parameters?: Record<string, unknown>
): FakeTelegramResponse {
  record(state.refusals, { atMs: state.options.nowMs(), method, status, description })
  return jsonResponse(status, {
    ok: false,
    error_code: status,
    description,
    ...(parameters === undefined ? {} : { parameters })
  })
}

function refuseForNow(state: State, method: string, retryAfter: number): FakeTelegramResponse {
  const description = `Too Many Requests: retry after ${retryAfter}`
  const response = refuse(state, method, 429, description, { retry_after: retryAfter })
  return { ...response, headers: { ...response.headers, "retry-after": String(retryAfter) } }
}

// What stands before the Bot API answers in HTML when what is behind it does not answer at all.
function refuseAsProxy(state: State, method: string, status: number, reason: string): FakeTelegramResponse {
  record(state.refusals, { atMs: state.options.nowMs(), method, status, description: reason })
  const title = `${status} ${reason}`
  return {
    status,
    headers: { "content-type": "text/html" },
    body: `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`
  }
}

function jsonResponse(status: number, value: unknown): FakeTelegramResponse {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(value) }
}

function problem(state: State, method: string, description: string): void {
  record(state.problems, { atMs: state.options.nowMs(), method, description })
}

// Slide, not stop: the newest record is the one a test asks about.
function record<A>(records: Array<A>, entry: A): void {
  records.push(entry)
  if (records.length > recordsMax) records.shift()
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function isPositiveInteger(value: unknown): value is number {
  return isInteger(value) && value > 0
}

// The real server keeps every parameter as the text it came in, so true, "true" and 1 are one.
function asText(value: unknown): string {
  if (value === undefined) return ""
  return typeof value === "string" ? value : JSON.stringify(value)
}

function asBoolean(value: unknown): boolean {
  return ["true", "yes", "1"].includes(asText(value).trim().toLowerCase())
}

function asInteger(value: unknown): number {
  return Number(/^-?[0-9]+/.exec(asText(value))?.[0] ?? 0)
}

function header(headers: Readonly<Record<string, string>>, name: string): string {
  return Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1] ?? ""
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)]
}

/** `undefined` for what is no JSON; `JSON.parse` has no other way to say so than to throw. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function percentDecoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

export interface StartFakeTelegramOptions extends FakeTelegramOptions {
  /** 0, the default: a free one. */
  readonly port?: number
  /** Default 127.0.0.1. */
  readonly host?: string
}

export interface RunningFakeTelegram {
  /** The Bot API's base, without a trailing slash: `http://127.0.0.1:40123`. */
  readonly url: string
  readonly port: number
  readonly core: FakeTelegram
  /** Cuts every connection, those that hang too, and resolves when the port is free. */
  readonly close: () => Promise<void>
}

/**
 * Serves the fake over HTTP.
 *
 * Next to the Bot API it answers, to anyone who can reach the port:
 * - `GET /__fake/messages`, `/__fake/refusals`, `/__fake/problems`, `/__fake/requests`: the records as JSON
 * - `POST /__fake/mode`: a mode (until changed), a step with `count`, or `{"script":[step, …]}`
 * - `POST /__fake/reset`
 *
 * Fails: rejects where the address cannot be listened on.
 */
export function startFakeTelegram(options: StartFakeTelegramOptions): Promise<RunningFakeTelegram> {
  const core = makeFakeTelegram(options)
  const host = options.host ?? "127.0.0.1"
  const server = createServer((request, response) => receive(core, request, response))
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(options.port ?? 0, host, () => {
      server.off("error", reject)
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resolve({ url: `http://${isAnyHost(host) ? "127.0.0.1" : host}:${port}`, port, core, close })
    })
  })

  function close(): Promise<void> {
    return new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }
}

function isAnyHost(host: string): boolean {
  return host === "0.0.0.0" || host === "::"
}

function receive(core: FakeTelegram, request: IncomingMessage, response: ServerResponse): void {
  const chunks: Array<Buffer> = []
  let bytes = 0
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= parametersBytesMax) chunks.push(chunk)
  })
  // A client that gives up while sending is an ordinary sight in tests of time-outs.
  request.on("error", () => undefined)
  request.on("end", () => {
    const answer =
      bytes > parametersBytesMax
        ? jsonResponse(413, {
            ok: false,
            error_code: 413,
            description: "Request Entity Too Large: too many parameters"
          })
        : route(core, {
            method: request.method ?? "GET",
            path: request.url ?? "/",
            headers: { "content-type": request.headers["content-type"] ?? "" },
            body: Buffer.concat(chunks).toString("utf8")
          })
    if (answer === "hang") return
    if (answer === "reset") {
      request.socket.resetAndDestroy()
      return
    }
    response.writeHead(answer.status, { ...answer.headers, "content-length": Buffer.byteLength(answer.body) })
    response.end(answer.body)
  })
}

const controlPrefix = "/__fake/"

function route(core: FakeTelegram, request: FakeTelegramRequest): FakeTelegramAnswer {
  if (!request.path.startsWith(controlPrefix)) return core.handle(request)
  switch (`${request.method} ${request.path.slice(controlPrefix.length)}`) {
    case "GET messages":
      return jsonResponse(200, core.messages)
    case "GET refusals":
      return jsonResponse(200, core.refusals)
    case "GET problems":
      return jsonResponse(200, core.problems)
    case "GET requests":
      return jsonResponse(200, core.requests())
    case "POST mode":
      return changeMode(core, parseJson(request.body))
    case "POST reset":
      core.reset()
      return jsonResponse(200, { ok: true })
    default:
      return jsonResponse(404, { ok: false, description: "no such control endpoint" })
  }
}

function changeMode(core: FakeTelegram, json: unknown): FakeTelegramResponse {
  const no = (description: string) => jsonResponse(400, { ok: false, description })
  if (isRecord(json) && Array.isArray(json["script"])) {
    const steps = json["script"].map(parseFakeTelegramStep)
    const wrong = steps.find((step) => typeof step === "string")
    if (wrong !== undefined) return no(wrong)
    core.script(...steps.filter((step) => typeof step !== "string"))
    return jsonResponse(200, { ok: true })
  }
  const step = parseFakeTelegramStep(json)
  if (typeof step === "string") return no(step)
  core.setMode(step.mode, step)
  return jsonResponse(200, { ok: true })
}
