/**
 * Commands from a phone, by Telegram's long polling: off unless the users who may give them are named.
 *
 * Read-only but for the watchdog's own memory of what is muted. It has its own client, its own fiber and its own pace: whatever
 * becomes of it (a second poller, a webhook, a dead network), alerts are sent as ever. Its answers are best effort and go by no
 * outbox: who asked and got no answer asks again.
 */
import { Clock, Duration, Effect, Layer, Queue, Redacted, Ref, Result } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { Http, capBody, errorText } from "../base/Http.ts"
import * as Keys from "../base/Keys.ts"
import type { Loops } from "../base/Loops.ts"
import { monotonicMs } from "../base/Monotonic.ts"
import { proxyOf } from "../base/Proxy.ts"
import { supervise } from "../base/Supervise.ts"
import { cut, printable } from "../sink/Message.ts"
import * as Telegram from "../sink/Telegram.ts"
import { Journal } from "../status/Journal.ts"
import * as Command from "./Command.ts"
import { type Mute, Mutes } from "./Mute.ts"
import { Renderer } from "./Rendering.ts"

const parseUsers = (raw: string): Result.Result<ReadonlyArray<number>, string> => {
  const items = raw.split(/[\s,]+/).filter(Boolean)
  const ids = items.map(Number)
  return items.length > 0 && items.every((item) => /^[1-9]\d{0,15}$/.test(item)) && ids.every(Number.isSafeInteger)
    ? Result.succeed(ids)
    : Result.fail("user ids such as 123456789, separated by commas (a name is not enough: names change hands)")
}

export const keys = {
  commands: Keys.boolean("WATCHDOG_TELEGRAM_COMMANDS", {
    about: "obeys /status, /mute and /unmute of the users named in WATCHDOG_TELEGRAM_USER_IDS",
    fallback: false
  }),
  users: Keys.custom<ReadonlyArray<number>>("WATCHDOG_TELEGRAM_USER_IDS", {
    about: "ids of the Telegram users who may give commands, separated by commas",
    fallback: [],
    fallbackText: "unset",
    parse: parseUsers,
    show: (users) => (users.length === 0 ? "unset" : users.join(","))
  })
}

/** Whoever wants commands must say of whom, and by which bot. */
export const contradictions = (settings: Keys.Settings["Service"]): ReadonlyArray<string> => {
  if (!settings.get(keys.commands)) return []
  return [
    ...(settings.get(keys.users).length > 0 ? [] : [`${keys.users.name} must be set with ${keys.commands.name}=true`]),
    ...(settings.get(Telegram.keys.token) === undefined
      ? [`${Telegram.keys.token.name} must be set with ${keys.commands.name}=true`]
      : [])
  ]
}

/** Telegram's own limit (tdlib/telegram-bot-api, LONG_POLL_MAX_TIMEOUT), and what a slow network may add to it. */
const pollSeconds = 50
const pollTimeoutMs = (pollSeconds + 15) * 1_000
const requestTimeoutMs = 10_000
/** A hundred updates of 4,096 characters with their frame. */
const bodyBytesMax = 4 * 1_024 * 1_024
/** A command that took longer to reach us was meant for another situation. */
const ageMaxMs = 120_000
/** Ids of updates begin anew after a quiet week (Bot API, Update): an offset that is older than this could hide them. */
const offsetLifeMs = 86_400_000
/** Between two polls, whatever a server or a proxy answers. */
const gapMs = 250
const gapWithoutNewsMs = 1_000

const firstBackoffMs = 1_000
const backoffMaxMs = 60_000
/** The poller before us may need a moment to go; after that there is another one, and we must not fight it. */
const conflictBackoffMs = [3_000, 60_000]
const refusedBackoffMs = 600_000

/** The chat's limit is shared with alerts, which take 15 of its 20 a minute (`Telegram.ts`). */
const answersPerMinute = 5
const answerGapMs = 1_000
const answersWaitingMax = 10
const answerTries = 3
const answerUnitsMax = 4_096
const nameUnitsMax = 32
const mutesMax = 50

/** What the phone may ask about. */
export interface Sources {
  readonly watched: Effect.Effect<ReadonlyArray<Command.Watched>>
  readonly sinks: Effect.Effect<Command.View["sinks"]>
}

/* One request */

interface Trouble {
  readonly kind: "network" | "conflict" | "refused" | "limited"
  readonly why: string
  readonly retryAfterMs: number | null
}

interface Reply {
  readonly result: unknown
  /** Telegram's own clock where it says so, else ours. */
  readonly wallMs: number
}

type Call = (method: string, parameters: object, timeoutMs?: number) => Effect.Effect<Reply, Trouble>

type Fields = Readonly<Record<string, unknown>>

const record = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {})

const trouble = (kind: Trouble["kind"], why: string, retryAfterMs: number | null = null): Trouble => ({
  kind,
  why,
  retryAfterMs
})

const makeCall =
  (client: HttpClient.HttpClient, apiUrl: string, token: Redacted.Redacted): Call =>
  (method, parameters, timeoutMs = requestTimeoutMs) => {
    const base = apiUrl.replace(/\/+$/, "").replace(/\/bot$/, "")
    const url = `${base}/bot${Redacted.value(token)}/${method}`
    return client.execute(HttpClientRequest.bodyJsonUnsafe(HttpClientRequest.post(url), parameters)).pipe(
      Effect.flatMap((response) =>
        Effect.zipWith(response.text, Clock.currentTimeMillis, (body, ourMs) => {
          const theirMs = Date.parse(response.headers["date"] ?? "")
          return { status: response.status, body, wallMs: Number.isFinite(theirMs) ? theirMs : ourMs }
        })
      ),
      capBody(bodyBytesMax),
      // The client's error holds the URL, and with it the token: only its words go on.
      Effect.mapError((error) => trouble("network", `Telegram cannot be reached: ${errorText(error)}`)),
      Effect.timeoutOrElse({
        duration: Duration.millis(timeoutMs),
        orElse: () => Effect.fail(trouble("network", `Telegram has not answered within ${timeoutMs / 1_000} s`))
      }),
      Effect.flatMap(({ status, body, wallMs }) => readReply(status, body, wallMs))
    )
  }

const readReply = (status: number, body: string, wallMs: number): Effect.Effect<Reply, Trouble> => {
  const answer = record(
    Result.getOrElse(
      Result.try(() => JSON.parse(body) as unknown),
      () => null
    )
  )
  if (status === 200 && answer["ok"] === true) return Effect.succeed({ result: answer["result"], wallMs })
  const said = typeof answer["description"] === "string" ? answer["description"] : `HTTP status ${status}`
  if (status === 409) {
    return Effect.fail(trouble("conflict", `another program polls this bot, or a webhook is set (${said})`))
  }
  if (status === 429) {
    const seconds = Number(record(answer["parameters"])["retry_after"])
    return Effect.fail(trouble("limited", said, Number.isFinite(seconds) ? seconds * 1_000 : firstBackoffMs))
  }
  return Effect.fail(trouble(status >= 500 ? "network" : "refused", said))
}

/* Hearing */

interface Heard {
  readonly chatId: number
  readonly messageId: number
  readonly threadId: number | null
  readonly text: string
  readonly isPrivate: boolean
  /** As mutes name them. */
  readonly by: string
}

interface Answer {
  readonly to: Pick<Heard, "chatId" | "messageId" | "threadId">
  readonly text: string
}

interface Ear {
  /** Our own name, once it is known. */
  readonly bot: string | null
  /** The first update not yet heard. */
  readonly offset: number | null
  readonly lastNewsMs: number
  /** The configured chat, or where it has moved to. */
  readonly chat: string
  /** Messages of others, of other chats, or too old. */
  readonly ignored: number
  readonly failuresInRow: number
  /** The kind of trouble that was said; null where all is well. */
  readonly said: Trouble["kind"] | null
}

interface Line {
  readonly call: Call
  readonly users: ReadonlySet<number>
  readonly startMs: number
  readonly ear: Ref.Ref<Ear>
  readonly answers: Queue.Queue<Answer>
  readonly sources: Sources
}

type Runtime = Mutes | Renderer | Journal

/** What a message is to us; null: nothing that we may obey. */
const hear = (message: Fields, line: Line, { chat: configured }: Ear): Heard | null => {
  const { from, chat, text, message_id: messageId, message_thread_id: threadId } = message
  const { id: userId, username, first_name: firstName } = record(from)
  const { id: chatId, type, username: chatName } = record(chat)
  if (typeof userId !== "number" || typeof chatId !== "number" || typeof messageId !== "number") return null
  if (typeof text !== "string" || !line.users.has(userId)) return null
  const isPrivate = type === "private" && chatId === userId
  const isOurs =
    String(chatId) === configured ||
    (typeof chatName === "string" && `@${chatName}`.toLowerCase() === configured.toLowerCase())
  if (!isPrivate && !isOurs) return null
  const name =
    typeof username === "string" ? `@${username}` : typeof firstName === "string" ? firstName : String(userId)
  return {
    chatId,
    messageId,
    threadId: message["is_topic_message"] === true && typeof threadId === "number" ? threadId : null,
    text,
    isPrivate,
    by: cut(printable(name).replaceAll("\n", " "), nameUnitsMax)
  }
}

/** A command from before our start was for the one before us, and a late one for what was then. */
const isStale = (message: Fields, wallMs: number, upMs: number): boolean => {
  const sentMs = Number(message["date"]) * 1_000
  // Telegram's dates are whole seconds.
  const startSecondMs = Math.floor((wallMs - upMs) / 1_000) * 1_000
  return !(sentMs >= startSecondMs && wallMs - sentMs <= ageMaxMs)
}

/** The new id of our chat, where this message says that it has moved. */
const movedTo = (message: Fields, { chat: configured }: Ear): string | null => {
  const { chat, migrate_to_chat_id: to, migrate_from_chat_id: from } = message
  const { id } = record(chat)
  if (String(id) === configured && typeof to === "number") return String(to)
  return typeof from === "number" && String(from) === configured && typeof id === "number" ? String(id) : null
}

/** One poll, and all that came of it. Returns whether anything did. */
const listen = (line: Line): Effect.Effect<boolean, Trouble, Runtime> =>
  Effect.gen(function* () {
    if ((yield* Ref.get(line.ear)).bot === null) {
      const { username } = record((yield* line.call("getMe", {})).result)
      yield* Ref.update(line.ear, (ear) => ({ ...ear, bot: typeof username === "string" ? username : "" }))
    }
    const nowMs = yield* monotonicMs
    const { offset, lastNewsMs } = yield* Ref.get(line.ear)
    const reply = yield* line.call(
      "getUpdates",
      {
        timeout: pollSeconds,
        allowed_updates: ["message"],
        ...(offset === null || nowMs - lastNewsMs > offsetLifeMs ? {} : { offset })
      },
      pollTimeoutMs
    )
    yield* well(line)
    if (!Array.isArray(reply.result)) return false
    for (const update of reply.result.map(record)) yield* take(line, update, reply.wallMs)
    return reply.result.length > 0
  })

const take = (line: Line, update: Fields, wallMs: number): Effect.Effect<void, never, Runtime> =>
  Effect.gen(function* () {
    const id = update["update_id"]
    if (typeof id !== "number") return
    const nowMs = yield* monotonicMs
    // Before it is acted on: a command that breaks us must not come again.
    yield* Ref.update(line.ear, (ear) => ({ ...ear, offset: Math.max(ear.offset ?? 0, id + 1), lastNewsMs: nowMs }))
    const message = record(update["message"])
    const ear = yield* Ref.get(line.ear)
    const chat = movedTo(message, ear)
    if (chat !== null) yield* Ref.update(line.ear, (now) => ({ ...now, chat }))
    const heard = isStale(message, wallMs, nowMs - line.startMs) ? null : hear(message, line, ear)
    if (heard === null) return yield* Ref.update(line.ear, (now) => ({ ...now, ignored: now.ignored + 1 }))
    const command = Command.readCommand(heard.text, ear.bot, heard.isPrivate)
    if (command === undefined) return
    const text = yield* obey(line, command, heard.by)
    const isRoom = yield* Queue.offer(line.answers, { to: heard, text })
    if (!isRoom) yield* Effect.logWarning("too many commands from the phone: one was obeyed without an answer")
  })

/* Obeying */

const obey = (line: Line, command: Command.Command, by: string): Effect.Effect<string, never, Runtime> =>
  Effect.gen(function* () {
    const rendering = yield* (yield* Renderer).now
    const mutes = yield* Mutes
    const view: Command.View = {
      watched: yield* line.sources.watched,
      sinks: yield* line.sources.sinks,
      mutes: yield* mutes.current,
      rendering
    }
    switch (command._tag) {
      case "Status": {
        const { ignored } = yield* Ref.get(line.ear)
        const others = ignored === 0 ? "" : `\n\nignored: ${Command.countText(ignored, "message")} of others, or late`
        return `${Command.statusText(view)}${others}`
      }
      case "Help":
        return Command.helpText
      case "Wrong":
        return command.why
      case "Mute": {
        const { pattern, forMs } = command
        const ids = Command.idsOf(view)
        const means = Command.covered(pattern, ids)
        if (means === undefined) return Command.unknownText(pattern, ids)
        if (view.mutes.length >= mutesMax) return `${view.mutes.length} mutes are in force: /unmute some first`
        const mute: Mute = { pattern, untilMs: rendering.nowMs + forMs, by }
        yield* mutes.mute(mute)
        yield* (yield* Journal).write("mute", { pattern, by, forMs })
        return Command.mutedText(mute, means, rendering)
      }
      case "Unmute": {
        const { pattern } = command
        const patterns = pattern === null || pattern === "*" ? view.mutes.map((mute) => mute.pattern) : [pattern]
        const ended = (yield* Effect.forEach([...new Set(patterns)], mutes.unmute)).flat()
        if (ended.length > 0)
          yield* (yield* Journal).write("unmute", { patterns: ended.map((mute) => mute.pattern), by })
        return Command.unmutedText(pattern, ended, yield* mutes.current, rendering)
      }
    }
  })

/* Answering */

/** Says the answers one by one, at a pace that leaves the chat to alerts. */
const speak = (line: Line): Effect.Effect<never> =>
  Effect.gen(function* () {
    let startsMs: ReadonlyArray<number> = []
    while (true) {
      const answer = yield* Queue.take(line.answers)
      for (let tries = 1; ; tries++) {
        const nowMs = yield* monotonicMs
        const fifthLast = startsMs[startsMs.length - answersPerMinute]
        const dueMs = Math.max((startsMs.at(-1) ?? -answerGapMs) + answerGapMs, (fifthLast ?? -60_000) + 60_000)
        if (dueMs > nowMs) yield* Effect.sleep(Duration.millis(Math.ceil(dueMs - nowMs)))
        startsMs = [...startsMs.slice(1 - answersPerMinute), yield* monotonicMs]
        const sent = yield* Effect.result(line.call("sendMessage", parametersOf(answer)))
        if (Result.isSuccess(sent)) break
        const { kind, why, retryAfterMs } = sent.failure
        // An answer that got no answer itself may have arrived: only what surely did not is said again.
        if (kind !== "limited" || tries === answerTries) {
          yield* Effect.logWarning(`an answer to the phone was not sent: ${why}`)
          break
        }
        yield* Effect.sleep(Duration.millis(Math.min(backoffMaxMs, retryAfterMs ?? firstBackoffMs)))
      }
    }
  })

const parametersOf = ({ to, text }: Answer): object => ({
  chat_id: to.chatId,
  text: cut(printable(text), answerUnitsMax),
  ...(to.threadId === null ? {} : { message_thread_id: to.threadId }),
  reply_parameters: { message_id: to.messageId, allow_sending_without_reply: true },
  // Whoever asked is looking.
  disable_notification: true,
  link_preview_options: { is_disabled: true }
})

/* Going on */

const well = (line: Line): Effect.Effect<void> =>
  Effect.gen(function* () {
    const before = yield* Ref.getAndUpdate(line.ear, (ear) => ({ ...ear, failuresInRow: 0, said: null }))
    if (before.said !== null) yield* Effect.logInfo("commands from the phone are heard again")
  })

/** Says a trouble once, its second time at the latest, and how long to wait. */
const ill = (line: Line, { kind, why, retryAfterMs }: Trouble): Effect.Effect<number> =>
  Effect.gen(function* () {
    const { failuresInRow, said } = yield* Ref.updateAndGet(line.ear, (ear) => ({
      ...ear,
      failuresInRow: ear.failuresInRow + 1
    }))
    if (said !== kind && (failuresInRow > 1 || kind === "refused")) {
      yield* Ref.update(line.ear, (ear) => ({ ...ear, said: kind }))
      yield* Effect.logWarning(`commands from the phone are not heard: ${why}; alerts are sent as ever`)
    }
    switch (kind) {
      case "conflict":
        return conflictBackoffMs[Math.min(failuresInRow, conflictBackoffMs.length) - 1] ?? backoffMaxMs
      case "refused":
        return refusedBackoffMs
      case "limited":
      case "network":
        return Math.max(
          retryAfterMs ?? 0,
          Math.min(backoffMaxMs, firstBackoffMs * 2 ** Math.min(failuresInRow - 1, 10))
        )
    }
  })

const goOn = (line: Line): Effect.Effect<never, never, Runtime> =>
  Effect.gen(function* () {
    while (true) {
      const outcome = yield* Effect.result(listen(line))
      const waitMs = Result.isFailure(outcome)
        ? yield* ill(line, outcome.failure)
        : outcome.success
          ? gapMs
          : gapWithoutNewsMs
      yield* Effect.sleep(Duration.millis(waitMs))
    }
  })

/** Hears and answers until its scope closes; nothing where commands are off. */
export const layer = (sources: Sources): Layer.Layer<never, never, Http | Keys.Settings | Loops | Runtime> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const settings = yield* Keys.Settings
      const token = settings.get(Telegram.keys.token)
      const chat = settings.get(Telegram.keys.chat)
      const users = settings.get(keys.users)
      if (!settings.get(keys.commands) || users.length === 0 || token === undefined || chat === undefined) return
      const client = yield* (yield* Http).client({ _tag: "Tcp", proxy: proxyOf(settings) })
      const startMs = yield* monotonicMs
      const line: Line = {
        call: makeCall(client, settings.get(Telegram.keys.apiUrl), token),
        users: new Set(users),
        startMs,
        ear: yield* Ref.make<Ear>({
          bot: null,
          offset: null,
          lastNewsMs: startMs,
          chat,
          ignored: 0,
          failuresInRow: 0,
          said: null
        }),
        answers: yield* Queue.dropping<Answer>(answersWaitingMax),
        sources
      }
      yield* Effect.logInfo(`commands are heard from ${Command.countText(users.length, "Telegram user")}`)
      yield* Effect.forkScoped(supervise("phone", goOn(line)))
      yield* Effect.forkScoped(supervise("phone answers", speak(line)))
    })
  )
