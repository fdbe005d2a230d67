/**
 * A fake Telegram Bot API that refuses what the real one refuses, for tests of whatever sends messages.
 *
 * Two layers. `makeFakeTelegram` is pure: a request in, an answer out, no timers, the clock injected. A long poll that
 * waits is handed out as such (`open`), and whoever holds the clock ends it.
 * `startFakeTelegram` puts node:http around it and adds control endpoints, so that a test can drive it from another
 * process. Neither imports anything but node, so both run by plain type stripping; the Effect face is
 * `FakeTelegramServer.ts`, the container's entry `fakeTelegramMain.ts`.
 *
 * Descriptions and the order of checks follow tdlib/telegram-bot-api `Client.cpp` and tdlib/td (read in their state of
 * mid 2026) and the method list of Bot API 10.1. Known parameters that a watchdog does not need (`entities`,
 * Markdown, message effects, business connections, paid broadcasts) are not modelled; using one is a `problem`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { setTimeout as delay } from "node:timers/promises"
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
 * A getUpdates that waits: answered by what is said meanwhile, by another poller, by a webhook, or by `expire`.
 */
export interface FakeTelegramPoll {
  /** When it is to be expired, in `nowMs`'s time. */
  readonly untilMs: number
  /** Called once, when it is answered; at once if it already is. */
  readonly onAnswer: (listener: (answer: FakeTelegramResponse) => void) => void
  /** The time is up: answers with nothing, unless it was answered before. */
  readonly expire: () => FakeTelegramResponse
  /** The client has gone: what is said from now on waits for the next poll. */
  readonly abandon: () => void
}

/** Who writes to the bot, and where; without `chat` in private. */
export interface FakeTelegramSpeaker {
  readonly from: { readonly id: number; readonly username?: string; readonly firstName?: string }
  /** A chat that is not known yet comes into being: anyone may write to a bot, or add it to a group. */
  readonly chat?: number
  readonly threadId?: number
  /** A message this one answers. */
  readonly replyTo?: number
}

/**
 * How the fake behaves.
 *
 * Reach: `hang`, `reset`, 401, 421, 429 and 5xx meet every method; 409 only getUpdates; the rest only sendMessage.
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
  | { readonly status: 401 | 409 | 421 | 500 | 502 | 504 }
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
  /** Answers at once: a long poll finds its time is up. */
  readonly handle: (request: FakeTelegramRequest) => FakeTelegramAnswer
  /** As `handle`, but a getUpdates that has nothing yet is handed out as what it is: waiting. */
  readonly open: (request: FakeTelegramRequest) => FakeTelegramAnswer | FakeTelegramPoll
  /**
   * A person writes. Returns the message's id, whether the bot gets to see it or not: in groups it sees commands to
   * it or to nobody by name, and answers to its own messages (privacy mode, which is on by default).
   */
  readonly say: (text: string, speaker: FakeTelegramSpeaker) => number
  /** Someone sets a webhook, which ends polling with 409 until it is taken away with null. */
  readonly setWebhook: (url: string | null) => void
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
const pollSecondsMax = 50 // tdlib/telegram-bot-api, Client.h, LONG_POLL_MAX_TIMEOUT
const updatesMax = 100 // Bot API, getUpdates, limit
const updateLifeMs = 86_400_000 // Bot API, "Getting updates": at most 24 hours
/** Asked again at the same offset within this time, the server makes the poller wait. Source: Client.cpp. */
const repeatedPollMs = 3_000
const firstUpdateId = 700_000_001
const botName = "fake_telegram_bot"

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

interface Update {
  readonly id: number
  readonly atMs: number
  readonly message: Readonly<Record<string, unknown>>
}

interface Waiting {
  readonly poll: FakeTelegramPoll
  readonly answer: (response: FakeTelegramResponse) => void
  readonly limit: number
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
  readonly updates: Array<Update>
  /** Messages of people, for answers to them: `<chat>/<message>`. */
  readonly said: Array<string>
  lastUpdateId: number
  waiting: Waiting | undefined
  /** As last asked for: it sticks from call to call. `undefined`: never asked, all kinds that matter here. */
  allowedUpdates: ReadonlyArray<string> | undefined
  lastPoll: { readonly offset: number; readonly atMs: number } | undefined
  webhook: string | null
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
    updates: [],
    said: [],
    lastUpdateId: firstUpdateId - 1,
    waiting: undefined,
    allowedUpdates: undefined,
    lastPoll: undefined,
    webhook: null,
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
    state.updates.length = 0
    state.said.length = 0
    state.allowedUpdates = undefined
    state.lastPoll = undefined
    state.webhook = null
    state.standing = { mode: "up" }
    state.steps = []
  }
  reset()
  return {
    handle: (request) => {
      const answer = handle(state, request)
      return isPoll(answer) ? answer.expire() : answer
    },
    open: (request) => handle(state, request),
    say: (text, speaker) => say(state, text, speaker),
    setWebhook: (url) => {
      state.webhook = url
      if (url !== null) endPoll(state, conflicts.setWebhook)
    },
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
const bareStatuses = [401, 409, 421, 500, 502, 504] as const

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

function handle(state: State, request: FakeTelegramRequest): FakeTelegramAnswer | FakeTelegramPoll {
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
      return getUpdates(state, parameters)
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

/** Source: tdlib/telegram-bot-api, Client.cpp, abort_long_poll and process_get_updates_query. */
const conflicts = {
  otherPoller: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
  setWebhook: "Conflict: terminated by setWebhook request",
  webhook:
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
}

const descriptionByStatus: Readonly<Record<401 | 403 | 409 | 421 | 500 | 502 | 504, string>> = {
  401: "Unauthorized",
  403: "Forbidden: bot was kicked from the supergroup chat",
  409: conflicts.otherPoller,
  421: "Misdirected Request: unallowed token specified",
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

// Less patient than the real one in one thing: that answers a second conflict within 3 s only after 3 s.
function getUpdates(state: State, parameters: Parameters): FakeTelegramResponse | FakeTelegramPoll {
  if (state.webhook !== null) return refuse(state, "getUpdates", 409, conflicts.webhook)
  const nowMs = state.options.nowMs()
  const offset = asInteger(parameters["offset"])
  const limit = Math.min(updatesMax, Math.max(1, asInteger(parameters["limit"]) || updatesMax))
  const wanted = Math.min(pollSecondsMax, Math.max(0, asInteger(parameters["timeout"])))
  const allowed = readAllowed(parameters["allowed_updates"])
  if (typeof allowed === "string") return refuse(state, "getUpdates", 400, allowed)
  if (allowed !== undefined) state.allowedUpdates = allowed
  const { lastPoll } = state
  const repeated = lastPoll?.offset === offset && nowMs - lastPoll.atMs < repeatedPollMs
  state.lastPoll = { offset, atMs: nowMs }

  // There is one long poll: a newer one ends it.
  endPoll(state, conflicts.otherPoller)
  forget(state, (update) => nowMs - update.atMs >= updateLifeMs)
  if (offset > 0) forget(state, (update) => update.id < offset)
  if (offset < 0) state.updates.splice(0, Math.max(0, state.updates.length + offset))
  if (state.updates.length > 0) return accept(updateObjects(state, limit))
  const seconds = repeated ? Math.max(wanted, repeatedPollMs / 1_000) : wanted
  return seconds === 0 ? accept([]) : waitForUpdates(state, limit, nowMs + seconds * 1_000)
}

function readAllowed(raw: unknown): ReadonlyArray<string> | undefined | string {
  if (raw === undefined || raw === "") return undefined
  const value = typeof raw === "string" ? parseJson(raw) : raw
  if (!Array.isArray(value)) return "Bad Request: can't parse allowed_updates: Expected an Array of strings"
  return value.map(asText)
}

function forget(state: State, isOld: (update: Update) => boolean): void {
  const kept = state.updates.filter((update) => !isOld(update))
  state.updates.splice(0, state.updates.length, ...kept)
}

function updateObjects(state: State, limit: number): ReadonlyArray<Record<string, unknown>> {
  return state.updates.slice(0, limit).map(({ id, message }) => ({ update_id: id, message }))
}

function waitForUpdates(state: State, limit: number, untilMs: number): FakeTelegramPoll {
  let answered: FakeTelegramResponse | undefined
  let listener: ((answer: FakeTelegramResponse) => void) | undefined
  const leave = () => {
    if (state.waiting?.poll === poll) state.waiting = undefined
  }
  const answer = (response: FakeTelegramResponse): FakeTelegramResponse => {
    if (answered !== undefined) return answered
    answered = response
    leave()
    listener?.(response)
    return response
  }
  const poll: FakeTelegramPoll = {
    untilMs,
    onAnswer: (told) => {
      if (answered === undefined) listener = told
      else told(answered)
    },
    expire: () => answer(accept([])),
    abandon: leave
  }
  state.waiting = { poll, answer, limit }
  return poll
}

function endPoll(state: State, description: string): void {
  const { waiting } = state
  if (waiting !== undefined) waiting.answer(refuse(state, "getUpdates", 409, description))
}

function isPoll(answer: FakeTelegramAnswer | FakeTelegramPoll): answer is FakeTelegramPoll {
  return typeof answer === "object" && "expire" in answer
}

function say(state: State, text: string, speaker: FakeTelegramSpeaker): number {
  const chat = chatOf(state, speaker)
  const messageId = nextMessageId(state, chat)
  record(state.said, `${chat.id}/${messageId}`)
  if (!botSees(state, text, chat, speaker) || state.allowedUpdates?.includes("message") === false) return messageId
  const nowMs = state.options.nowMs()
  const { from, threadId, replyTo } = speaker
  const command = /^\/[A-Za-z0-9_]+(@[A-Za-z0-9_]+)?/.exec(text)?.[0]
  const date = Math.floor(nowMs / 1_000)
  state.lastUpdateId += 1
  record(state.updates, {
    id: state.lastUpdateId,
    atMs: nowMs,
    message: {
      message_id: messageId,
      from: {
        id: from.id,
        is_bot: false,
        first_name: from.firstName ?? from.username ?? `User ${from.id}`,
        ...(from.username === undefined ? {} : { username: from.username })
      },
      chat: chatObject(chat),
      date,
      ...(threadId === undefined ? {} : { message_thread_id: threadId, is_topic_message: true }),
      ...(replyTo === undefined ? {} : { reply_to_message: { message_id: replyTo, date, chat: chatObject(chat) } }),
      text,
      ...(command === undefined ? {} : { entities: [{ type: "bot_command", offset: 0, length: command.length }] })
    }
  })
  const { waiting } = state
  if (waiting !== undefined) waiting.answer(accept(updateObjects(state, waiting.limit)))
  return messageId
}

function chatOf(state: State, { from, chat: wanted }: FakeTelegramSpeaker): FakeTelegramChat {
  const id = wanted ?? from.id
  const known = state.chats.get(id)
  if (known !== undefined) return known
  const type = id > 0 ? "private" : id <= supergroupIdsBelow ? "supergroup" : "group"
  const made: FakeTelegramChat = { id, type, title: from.firstName ?? from.username ?? `Chat ${id}` }
  state.chats.set(id, made)
  return made
}

const supergroupIdsBelow = -1_000_000_000_000 // Bot API: -100 in front of the channel's id

/** Source: core.telegram.org/bots/features, "Privacy mode"; it is on unless @BotFather is told otherwise. */
function botSees(state: State, text: string, chat: FakeTelegramChat, { replyTo }: FakeTelegramSpeaker): boolean {
  if (chat.type === "private") return true
  const addressed = /^\/[A-Za-z0-9_]+(?:@([A-Za-z0-9_]+))?/.exec(text)
  if (addressed !== null) return addressed[1] === undefined || addressed[1].toLowerCase() === botName
  return state.messages.some((message) => message.chatId === chat.id && message.messageId === replyTo)
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
  const exists =
    state.said.includes(`${inChat}/${reply.messageId}`) ||
    state.messages.some((message) => message.chatId === inChat && message.messageId === reply.messageId)
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
    username: botName
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
  /** How a long poll's time passes; default: by the machine's own timers. Rejects where the signal aborts. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>
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
 * - `POST /__fake/say`: `{"text":…,"from":{"id":…},"chat":…}`, a person writes; the answer holds `messageId`
 * - `POST /__fake/webhook`: `{"url":…}`, null takes it away
 * - `POST /__fake/reset`
 *
 * Fails: rejects where the address cannot be listened on.
 */
export function startFakeTelegram(options: StartFakeTelegramOptions): Promise<RunningFakeTelegram> {
  const core = makeFakeTelegram(options)
  const host = options.host ?? "127.0.0.1"
  const sleep = options.sleep ?? ((ms, signal) => delay(ms, undefined, { signal }))
  const wait = (poll: FakeTelegramPoll, signal: AbortSignal) =>
    sleep(Math.max(0, poll.untilMs - options.nowMs()), signal)
  const server = createServer((request, response) => receive(core, wait, request, response))
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

type Wait = (poll: FakeTelegramPoll, signal: AbortSignal) => Promise<void>

function receive(core: FakeTelegram, wait: Wait, request: IncomingMessage, response: ServerResponse): void {
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
    if (isPoll(answer)) waitWith(answer, wait, response)
    else write(answer, response)
  })
}

function waitWith(poll: FakeTelegramPoll, wait: Wait, response: ServerResponse): void {
  const over = new AbortController()
  poll.onAnswer((answer) => {
    over.abort()
    write(answer, response)
  })
  response.on("close", () => {
    over.abort()
    poll.abandon()
  })
  wait(poll, over.signal).then(
    () => void poll.expire(),
    () => undefined
  )
}

function write(answer: FakeTelegramResponse, response: ServerResponse): void {
  response.writeHead(answer.status, { ...answer.headers, "content-length": Buffer.byteLength(answer.body) })
  response.end(answer.body)
}

const controlPrefix = "/__fake/"

function route(core: FakeTelegram, request: FakeTelegramRequest): FakeTelegramAnswer | FakeTelegramPoll {
  if (!request.path.startsWith(controlPrefix)) return core.open(request)
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
    case "POST say":
      return saidByControl(core, parseJson(request.body))
    case "POST webhook": {
      const json = parseJson(request.body)
      const url = isRecord(json) ? json["url"] : undefined
      if (url !== null && typeof url !== "string") return jsonResponse(400, { ok: false, description: "url, or null" })
      core.setWebhook(url)
      return jsonResponse(200, { ok: true })
    }
    case "POST reset":
      core.reset()
      return jsonResponse(200, { ok: true })
    default:
      return jsonResponse(404, { ok: false, description: "no such control endpoint" })
  }
}

function saidByControl(core: FakeTelegram, json: unknown): FakeTelegramResponse {
  const no = (description: string) => jsonResponse(400, { ok: false, description })
  const { text, from, chat, threadId, replyTo } = isRecord(json) ? json : {}
  if (typeof text !== "string" || text === "") return no("text must be a string")
  if (!isRecord(from) || !isPositiveInteger(from["id"])) return no("from must have an id")
  const { id, username, firstName } = from
  const messageId = core.say(text, {
    from: {
      id,
      ...(typeof username === "string" ? { username } : {}),
      ...(typeof firstName === "string" ? { firstName } : {})
    },
    ...(isInteger(chat) ? { chat } : {}),
    ...(isInteger(threadId) ? { threadId } : {}),
    ...(isInteger(replyTo) ? { replyTo } : {})
  })
  return jsonResponse(200, { ok: true, messageId })
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
