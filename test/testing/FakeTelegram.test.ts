import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import * as TestClock from "effect/testing/TestClock"
import {
  makeFakeTelegram,
  parseFakeTelegramStep,
  startFakeTelegram,
  type FakeTelegramMode,
  type FakeTelegramOptions
} from "../../src/testing/FakeTelegram.ts"
import { FakeTelegramServer, layer, serve } from "../../src/testing/FakeTelegramServer.ts"
import { telegramClient } from "../../src/testing/InMemory.ts"

const token = "123:secret"
const group = -1001
const forum = -1002
const basic = -5
const person = 42

const base: Omit<FakeTelegramOptions, "nowMs"> = {
  token,
  chats: [
    { id: group, type: "supergroup", title: "Group" },
    { id: forum, type: "supergroup", title: "Forum", topics: [7] },
    { id: basic, type: "group", title: "Basic" },
    { id: person, type: "private", title: "Person" }
  ]
}

const setUp = (limits: FakeTelegramOptions["limits"] = { enforce: false }) => {
  const clock = { nowMs: 1_000_000 }
  const core = makeFakeTelegram({ ...base, limits, nowMs: () => clock.nowMs })
  const call = (method: string, parameters: unknown, headers: Record<string, string> = json) => {
    const answer = core.handle({
      method: "POST",
      path: `/bot${token}/${method}`,
      headers,
      body: JSON.stringify(parameters)
    })
    return typeof answer === "string" ? answer : { ...answer, body: JSON.parse(answer.body) as Body }
  }
  const send = (parameters: Record<string, unknown>) =>
    call("sendMessage", { chat_id: group, text: "x", ...parameters })
  const statusOf = (answer: ReturnType<typeof call>) => (typeof answer === "string" ? answer : answer.status)
  const outcomeOf = (answer: ReturnType<typeof call>) =>
    typeof answer === "string" ? answer : `${answer.status} ${answer.body.description}`
  return { core, clock, call, send, statusOf, outcomeOf }
}

const json = { "Content-Type": "application/json" }

interface Body {
  readonly ok: boolean
  readonly error_code?: number
  readonly result?: unknown
  readonly description?: string
  readonly parameters?: Record<string, unknown>
}

describe("the fake's front door", () => {
  const doors: ReadonlyArray<readonly [string, string, number, string]> = [
    ["POST", "/", 404, "Not Found"],
    ["POST", "/health", 404, "Not Found"],
    ["POST", `/bot${token}`, 404, "Not Found"],
    ["POST", "/bot123:wrong/getMe", 401, "Unauthorized"],
    ["POST", "/botnonsense/getMe", 404, "Not Found"],
    ["POST", `/bot${token}/test/getMe`, 404, "Not Found: method not found"],
    ["POST", `/bot${token}/sendDice`, 404, "Not Found: method not found"],
    ["PUT", `/bot${token}/getMe`, 501, "Not Implemented"]
  ]
  for (const [method, path, status, description] of doors) {
    it(`answers ${method} ${path} with ${status}`, () => {
      const { core } = setUp()

      const answer = core.handle({ method, path, body: "" })

      assert.deepStrictEqual(typeof answer === "string" ? answer : [answer.status, JSON.parse(answer.body)], [
        status,
        { ok: false, error_code: status, description }
      ])
      assert.deepStrictEqual(
        core.refusals.map((refusal) => [refusal.atMs, refusal.status, refusal.description]),
        [[1_000_000, status, description]]
      )
    })
  }

  it("takes the method in any case, a percent-encoded token, and parameters from the query", () => {
    const { core } = setUp()

    const answer = core.handle({ method: "GET", path: `/bot123%3Asecret/GETCHAT?chat_id=${forum}`, body: "" })

    assert.strictEqual(typeof answer === "string" ? answer : answer.status, 200)
    assert.deepStrictEqual(core.requests(), { getChat: 1 })
  })

  it("says who it is, what the chat is, and that there are no updates", () => {
    const { call } = setUp()
    const results = [call("getMe", {}), call("getChat", { chat_id: forum }), call("getUpdates", { timeout: 30 })].map(
      (answer) => (typeof answer === "string" ? answer : answer.body.result)
    )

    assert.include(results[0] as object, { id: 123, is_bot: true })
    assert.include(results[1] as object, { id: forum, type: "supergroup", title: "Forum", is_forum: true })
    assert.deepStrictEqual(results[2], [])
  })
})

describe("sendMessage", () => {
  it("records what was delivered", () => {
    const { core, send } = setUp()
    send({ text: "first" })

    const answer = send({
      text: "<b>down</b> &amp; out ",
      parse_mode: "HTML",
      disable_notification: true,
      reply_parameters: { message_id: 1 },
      link_preview_options: { is_disabled: true }
    })

    assert.deepStrictEqual(core.messages[1], {
      messageId: 2,
      chatId: group,
      text: "down & out",
      html: "<b>down</b> &amp; out ",
      silent: true,
      replyTo: 1,
      threadId: null,
      atMs: 1_000_000,
      entities: [{ type: "bold", offset: 0, length: 4 }]
    })
    assert.include(typeof answer === "string" ? {} : (answer.body.result as object), {
      message_id: 2,
      date: 1_000,
      text: "down & out"
    })
    assert.deepStrictEqual(core.problems, [])
  })

  it("takes plain text as it is and remembers the topic", () => {
    const { core, send } = setUp()

    send({ chat_id: String(forum), text: "<not> & markup", message_thread_id: 7 })

    assert.deepStrictEqual(
      core.messages.map(({ text, html, threadId }) => ({ text, html, threadId })),
      [{ text: "<not> & markup", html: null, threadId: 7 }]
    )
  })

  const refused: ReadonlyArray<readonly [string, Record<string, unknown>, string]> = [
    ["no text", { text: "" }, "message text is empty"],
    ["markup around nothing", { text: "<b></b>", parse_mode: "HTML" }, "text must be non-empty"],
    ["blank text", { text: " \n" }, "text must be non-empty"],
    [
      "bad markup",
      { text: "<x>", parse_mode: "html" },
      `can't parse entities: Unsupported start tag "x" at byte offset 0`
    ],
    ["a lone surrogate", { text: "\ud83d" }, "strings must be encoded in UTF-8"],
    ["a lone surrogate in HTML", { text: "\ud83d", parse_mode: "HTML" }, "text must be encoded in UTF-8"],
    ["an unknown parse mode", { parse_mode: "rtf" }, "unsupported parse_mode"],
    ["4,097 characters", { text: "x".repeat(4_097) }, "message is too long"],
    ["4,097 characters beyond the BMP", { text: "🔥".repeat(4_097) }, "message is too long"],
    ["32,769 bytes of markup", { text: "<b></b>".repeat(4_682), parse_mode: "HTML" }, "text is too long"],
    ["no chat", { chat_id: "" }, "chat_id is empty"],
    ["a strange chat", { chat_id: -999 }, "chat not found"],
    ["a name for a chat", { chat_id: "@somewhere" }, "chat not found"],
    ["a strange topic", { chat_id: forum, message_thread_id: 8 }, "message thread not found"],
    ["the general topic", { chat_id: forum, message_thread_id: 1 }, "message thread not found"],
    ["a topic in a chat without", { message_thread_id: 7 }, "message thread not found"],
    ["a reply to nothing", { reply_parameters: { message_id: 5 } }, "message to be replied not found"],
    ["a reply without an id", { reply_parameters: { chat_id: 5 } }, `can't find field "message_id"`],
    ["a reply that is no object", { reply_parameters: 5 }, "object expected as reply parameters"],
    ["a reply that is no JSON", { reply_parameters: "{" }, "can't parse reply parameters JSON object"],
    [
      "65 bytes behind a button",
      { reply_markup: { inline_keyboard: [[{ text: "a", callback_data: "x".repeat(65) }]] } },
      "BUTTON_DATA_INVALID"
    ]
  ]
  for (const [what, parameters, description] of refused) {
    it(`refuses ${what}`, () => {
      const { core, send, outcomeOf } = setUp()

      assert.strictEqual(outcomeOf(send(parameters)), `400 Bad Request: ${description}`)
      assert.deepStrictEqual(core.messages, [])
      assert.deepStrictEqual(
        core.refusals.map((refusal) => [refusal.method, refusal.status, refusal.description]),
        [["sendMessage", 400, `Bad Request: ${description}`]]
      )
    })
  }

  it("counts the length after the markup is gone", () => {
    const { core, send } = setUp()

    send({ text: `<b>${"&amp;".repeat(4_096)}</b>`, parse_mode: "HTML" })

    assert.strictEqual(core.messages[0]?.text.length, 4_096)
    assert.deepStrictEqual(core.problems, [])
  })

  it("delivers without the reply where that is allowed, but not into another chat", () => {
    const { core, send, statusOf } = setUp()
    const missing = { message_id: 5, allow_sending_without_reply: true }

    assert.strictEqual(statusOf(send({ reply_parameters: missing })), 200)
    assert.strictEqual(statusOf(send({ reply_parameters: { ...missing, chat_id: forum } })), 400)
    assert.strictEqual(core.messages[0]?.replyTo, null)
  })

  it("finds the message replied to only in its own chat", () => {
    const { send, statusOf } = setUp()
    send({ chat_id: forum })

    assert.strictEqual(statusOf(send({ chat_id: group, reply_parameters: { message_id: 1 } })), 400)
    assert.strictEqual(statusOf(send({ chat_id: forum, reply_parameters: { message_id: 1 } })), 200)
  })

  const problems: ReadonlyArray<readonly [string, Record<string, unknown>, RegExp]> = [
    ["an unknown parameter", { sound: "loud" }, /^unknown parameter sound$/],
    ["a removed parameter", { disable_web_page_preview: true }, /disable_web_page_preview was removed/],
    ["the old way to reply", { reply_to_message_id: 1 }, /reply_to_message_id was removed/],
    ["a parameter it does not model", { message_effect_id: "1" }, /message_effect_id is ignored/],
    ["a null", { message_thread_id: null }, /message_thread_id is null/],
    [
      "a misspelt field",
      { link_preview_options: { disabled: true } },
      /unknown field disabled in link_preview_options/
    ],
    ["a number for a text", { text: 5 }, /text is not a string/],
    ["Markdown", { parse_mode: "MarkdownV2" }, /Markdown is refused/],
    ["more than 4,096 UTF-16 units", { text: "🔥".repeat(3_000) }, /3000 characters but 6000 UTF-16 units/],
    ["entities that are ignored", { text: "<b>x</b> ".repeat(101), parse_mode: "HTML" }, /101 entities/]
  ]
  for (const [what, parameters, pattern] of problems) {
    it(`notes ${what}`, () => {
      const { core, send } = setUp()

      send(parameters)

      assert.strictEqual(core.problems.length, 1)
      assert.match(core.problems[0]?.description ?? "", pattern)
    })
  }

  it("does not look at a body that is not called JSON", () => {
    const { core, call, outcomeOf } = setUp()

    const answer = call("sendMessage", { chat_id: group, text: "x" }, { "content-type": "text/plain" })

    assert.strictEqual(outcomeOf(answer), "400 Bad Request: message text is empty")
    assert.match(core.problems[0]?.description ?? "", /text\/plain/)
  })

  for (const [body, description] of [
    ["{", "Bad Request: can't parse object"],
    ["[]", "Bad Request: JSON object expected"]
  ] as const) {
    it(`refuses the body ${body}`, () => {
      const { core } = setUp()

      core.handle({ method: "POST", path: `/bot${token}/sendMessage`, headers: json, body })

      assert.strictEqual(core.refusals[0]?.description, description)
    })
  }
})

describe("the limits", () => {
  it("take a burst of three, then one a second", () => {
    const { send, statusOf, clock } = setUp({})
    const burst = [1, 2, 3, 4].map(() => statusOf(send({})))
    clock.nowMs += 999
    const early = statusOf(send({}))
    clock.nowMs += 1
    const later = [statusOf(send({})), statusOf(send({}))]

    assert.deepStrictEqual([burst, early, later], [[200, 200, 200, 429], 429, [200, 429]])
  })

  it("name the wait in the body and in the header", () => {
    const { core, send } = setUp({ burst: 1, perSecond: 0.2 })
    send({})

    const answer = send({})

    assert.deepStrictEqual(answer, {
      status: 429,
      headers: { "content-type": "application/json", "retry-after": "5" },
      body: {
        ok: false,
        error_code: 429,
        description: "Too Many Requests: retry after 5",
        parameters: { retry_after: 5 }
      }
    })
    assert.deepStrictEqual(core.refusals, [
      { atMs: 1_000_000, method: "sendMessage", status: 429, description: "Too Many Requests: retry after 5" }
    ])
  })

  it("take 20 messages in any 60 s of a group, and a wait that is obeyed is enough", () => {
    const { send, statusOf, outcomeOf, clock } = setUp({})
    for (let sent = 0; sent < 20; sent += 1) {
      assert.strictEqual(statusOf(send({})), 200)
      clock.nowMs += 1_000
    }
    const refusedAnswer = send({})

    clock.nowMs += 40_000
    const answer = send({})

    assert.strictEqual(outcomeOf(refusedAnswer), "429 Too Many Requests: retry after 40")
    assert.strictEqual(statusOf(answer), 200)
  })

  it("know no minute for a private chat, and keep chats apart", () => {
    const { send, statusOf, clock } = setUp({})
    const statuses = Array.from({ length: 30 }, () => {
      clock.nowMs += 1_000
      return [statusOf(send({ chat_id: person })), statusOf(send({ chat_id: group }))]
    })

    assert.isTrue(statuses.every(([toPerson]) => toPerson === 200))
    assert.strictEqual(statuses.filter(([, toGroup]) => toGroup === 200).length, 20)
  })

  it("are not used up by a message refused for its form", () => {
    const { send, statusOf } = setUp({})
    for (let count = 0; count < 10; count += 1) send({ text: "" })

    assert.deepStrictEqual(
      [1, 2, 3].map(() => statusOf(send({}))),
      [200, 200, 200]
    )
  })

  it("regain nothing from a clock that steps back", () => {
    const { send, statusOf, clock } = setUp({})
    for (let count = 0; count < 3; count += 1) send({})
    clock.nowMs -= 500_000

    assert.strictEqual(statusOf(send({})), 429)
  })
})

describe("the modes", () => {
  const modes: ReadonlyArray<readonly [FakeTelegramMode, number | string, number]> = [
    ["up", 200, 1],
    ["hang", "hang", 0],
    ["hangAfterAccept", "hang", 1],
    ["reset", "reset", 0],
    [{ status: 400, description: "Bad Request: TOPIC_CLOSED" }, 400, 0],
    [{ status: 401 }, 401, 0],
    [{ status: 403 }, 403, 0],
    [{ status: 403, description: "Forbidden: bot was blocked by the user" }, 403, 0],
    [{ status: 409 }, 200, 1],
    [{ status: 421 }, 421, 0],
    [{ status: 429, retryAfter: 7 }, 429, 0],
    [{ status: 500 }, 500, 0],
    [{ status: 502 }, 502, 0],
    [{ status: 504 }, 504, 0],
    [{ migrateTo: -100777 }, 400, 0],
    [{ cantParse: true }, 400, 0]
  ]
  for (const [mode, status, delivered] of modes) {
    it(`${JSON.stringify(mode)} answers ${status} and delivers ${delivered}`, () => {
      const { core } = setUp()
      core.setMode(mode)

      const answer = core.handle({
        method: "POST",
        path: `/bot${token}/sendMessage`,
        headers: json,
        body: JSON.stringify({ chat_id: group, text: "<b>x</b>", parse_mode: "HTML" })
      })

      assert.strictEqual(typeof answer === "string" ? answer : answer.status, status)
      assert.strictEqual(core.messages.length, delivered)
      assert.strictEqual(core.refusals.length, typeof status === "number" && status >= 400 ? 1 : 0)
      assert.deepStrictEqual(core.requests(), { sendMessage: 1 })
      if (status === 502) assert.include(typeof answer === "string" ? answer : answer.body, "<h1>502 Bad Gateway</h1>")
    })
  }

  it("that are read from JSON are the ones that can be set", () => {
    for (const [mode] of modes) assert.deepStrictEqual(parseFakeTelegramStep(mode), { mode })
    assert.deepStrictEqual(parseFakeTelegramStep({ mode: "hang", count: 2, method: "getMe" }), {
      mode: "hang",
      count: 2,
      method: "getMe"
    })
    for (const wrong of [
      "down",
      {},
      null,
      { status: 429 },
      { status: 418 },
      { mode: "hang", count: 0 },
      { mode: "up", x: 1 }
    ]) {
      assert.isString(parseFakeTelegramStep(wrong), JSON.stringify(wrong))
    }
  })

  it("leave getMe and getChat alone where they are about messages", () => {
    const { core, call, statusOf } = setUp()
    for (const mode of [{ status: 403 }, { cantParse: true }, "hangAfterAccept", { migrateTo: -100777 }] as const) {
      core.setMode(mode)
      assert.deepStrictEqual([statusOf(call("getMe", {})), statusOf(call("getChat", { chat_id: group }))], [200, 200])
    }
  })

  it("last for a number of requests, or until changed", () => {
    const { core, send, statusOf } = setUp()
    const three = () => [1, 2, 3].map(() => statusOf(send({})))
    core.setMode({ status: 500 }, { count: 2 })
    const counted = three()
    core.setMode({ status: 500 })
    const standing = three()
    core.setMode("up")

    assert.deepStrictEqual(
      [counted, standing, three()],
      [
        [500, 500, 200],
        [500, 500, 500],
        [200, 200, 200]
      ]
    )
  })

  it("can be scripted in order and for one method", () => {
    const { core, call, send, statusOf } = setUp()
    core.script(
      { mode: { status: 403 }, method: "getChat" },
      { mode: "hangAfterAccept" },
      { mode: "up", count: 2 },
      { mode: "reset" }
    )

    const seen = [
      statusOf(send({})),
      statusOf(call("getChat", { chat_id: group })),
      ...[1, 2, 3, 4, 5].map(() => statusOf(send({})))
    ]

    assert.deepStrictEqual(seen, [200, 403, "hang", 200, 200, "reset", 200])
  })

  it("migrate a group once and for good", () => {
    const { core, send, outcomeOf, statusOf, call } = setUp()
    core.setMode({ migrateTo: -100777 })

    const first = send({ chat_id: basic })
    const second = send({ chat_id: basic })

    assert.strictEqual(outcomeOf(first), "400 Bad Request: group chat was upgraded to a supergroup chat")
    assert.deepStrictEqual(typeof second === "string" ? {} : second.body.parameters, { migrate_to_chat_id: -100777 })
    assert.strictEqual(statusOf(send({ chat_id: -100777 })), 200)
    assert.strictEqual(statusOf(send({ chat_id: group })), 200)
    assert.strictEqual(statusOf(call("getChat", { chat_id: basic })), 200)
  })

  it("cantParse takes the same text without markup", () => {
    const { core, send, outcomeOf, statusOf } = setUp()
    core.setMode({ cantParse: true })

    assert.match(outcomeOf(send({ text: "fine", parse_mode: "HTML" })), /^400 Bad Request: can't parse entities: /)
    assert.strictEqual(statusOf(send({ text: "fine" })), 200)
  })

  it("409 meets getUpdates only", () => {
    const { core, call, outcomeOf } = setUp()
    core.setMode({ status: 409 })

    assert.match(outcomeOf(call("getUpdates", {})), /^409 Conflict: terminated by other getUpdates request/)
  })

  it("are forgotten on reset, with the records", () => {
    const { core, send, statusOf } = setUp({})
    core.setMode({ migrateTo: -100777 })
    send({ chat_id: basic, sound: "loud" })
    for (let count = 0; count < 5; count += 1) send({})
    core.setMode("hang")

    core.reset()

    assert.deepStrictEqual([core.messages, core.refusals, core.problems, core.requests()], [[], [], [], {}])
    assert.deepStrictEqual([statusOf(send({ chat_id: basic })), statusOf(send({}))], [200, 200])
  })
})

describe("getUpdates", () => {
  const ada = { id: 77, username: "ada" }
  const polling = () => {
    const { core, call, clock } = setUp()
    const open = (parameters: Record<string, unknown>) => {
      const answer = core.open({
        method: "POST",
        path: `/bot${token}/getUpdates`,
        headers: json,
        body: JSON.stringify(parameters)
      })
      if (typeof answer === "string" || !("expire" in answer)) throw new Error("it does not wait")
      const seen: Array<Body> = []
      answer.onAnswer((given) => seen.push(JSON.parse(given.body) as Body))
      return { poll: answer, seen }
    }
    const poll = (parameters: Record<string, unknown> = {}) => {
      const answer = call("getUpdates", parameters)
      if (typeof answer === "string") throw new Error(answer)
      return answer.body
    }
    const texts = (body: Body | undefined) =>
      ((body?.result ?? []) as ReadonlyArray<Update>).map(({ message }) => message["text"])
    return { core, clock, call, open, poll, texts }
  }
  interface Update {
    readonly update_id: number
    readonly message: Readonly<Record<string, unknown>>
  }

  it("gives what people said, as the Bot API words it, until it is confirmed", () => {
    const { core, poll, texts } = polling()
    const messageId = core.say("/mute all 1h", { from: ada, chat: group })
    core.say("hello", { from: ada })

    const [first, second] = poll({ timeout: 30 }).result as ReadonlyArray<Update>

    assert.deepStrictEqual(first, {
      update_id: 700_000_001,
      message: {
        message_id: messageId,
        from: { id: 77, is_bot: false, first_name: "ada", username: "ada" },
        chat: { id: group, title: "Group", type: "supergroup" },
        date: 1_000,
        text: "/mute all 1h",
        entities: [{ type: "bot_command", offset: 0, length: 5 }]
      }
    })
    assert.deepStrictEqual(second?.message["chat"], { id: 77, first_name: "ada", type: "private" })
    assert.deepStrictEqual(texts(poll()), ["/mute all 1h", "hello"])
    assert.deepStrictEqual(texts(poll({ offset: 700_000_002 })), ["hello"])
    assert.deepStrictEqual(texts(poll({ offset: 700_000_003 })), [])
    assert.deepStrictEqual(texts(poll({ offset: 0 })), [])
  })

  it("takes a limit, and a negative offset drops what is before", () => {
    const { core, poll, texts } = polling()
    for (const text of ["1", "2", "3"]) core.say(text, { from: ada })

    assert.deepStrictEqual(texts(poll({ limit: 2 })), ["1", "2"])
    assert.deepStrictEqual(texts(poll({ offset: -1 })), ["3"])
    assert.deepStrictEqual(texts(poll()), ["3"])
  })

  it("waits until something is said, or its time is up", () => {
    const { core, open, texts } = polling()
    const { poll, seen } = open({ timeout: 30 })
    assert.strictEqual(poll.untilMs, 1_030_000)
    assert.deepStrictEqual(seen, [])

    core.say("/status", { from: ada })
    poll.expire()
    assert.deepStrictEqual(seen.map(texts), [["/status"]])

    const idle = open({ offset: 700_000_002, timeout: 500 })
    assert.strictEqual(idle.poll.untilMs, 1_050_000)
    idle.poll.expire()
    core.say("/late", { from: ada })
    assert.deepStrictEqual(idle.seen.map(texts), [[]])
  })

  it("makes whoever asks the same again within 3 s wait that long", () => {
    const { open, poll, clock } = polling()
    poll({ timeout: 0 })

    assert.strictEqual(open({ timeout: 0 }).poll.untilMs, clock.nowMs + 3_000)
  })

  it("is for one poller: a second one ends the first with 409, and so does a webhook", () => {
    const { core, open, poll, call } = polling()
    const first = open({ timeout: 30 })
    const second = open({ timeout: 30 })
    core.setWebhook("https://e.org/hook")

    assert.deepStrictEqual(
      [first.seen[0], second.seen[0], poll()].map((body) => body?.description),
      [
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
        "Conflict: terminated by setWebhook request",
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
      ]
    )
    assert.strictEqual(typeof call("sendMessage", { chat_id: group, text: "x" }) === "string", false)
    core.setWebhook(null)
    assert.isTrue(poll().ok)
  })

  it("remembers which kinds of update are wanted", () => {
    const { core, poll, texts } = polling()
    poll({ allowed_updates: ["callback_query"] })
    core.say("unseen", { from: ada })
    poll({ allowed_updates: ["message"] })
    core.say("seen", { from: ada })
    poll({})

    assert.deepStrictEqual(texts(poll()), ["seen"])
    assert.match(poll({ allowed_updates: "message" }).description ?? "", /can't parse allowed_updates/)
  })

  it("keeps from the bot what privacy mode keeps from it in a group", () => {
    const { core, poll, texts, call } = polling()
    call("sendMessage", { chat_id: group, text: "an alert" })
    const alertId = core.messages[0]?.messageId ?? 0
    for (const text of ["chatter", "/status@other_bot", "/status@Fake_Telegram_Bot", "/status"]) {
      core.say(text, { from: ada, chat: group })
    }
    core.say("why?", { from: ada, chat: group, replyTo: alertId })

    assert.deepStrictEqual(texts(poll()), ["/status@Fake_Telegram_Bot", "/status", "why?"])
  })

  it("forgets what nobody asked for within a day", () => {
    const { core, poll, texts, clock } = polling()
    core.say("old", { from: ada })
    clock.nowMs += 86_400_000
    core.say("new", { from: ada })

    assert.deepStrictEqual(texts(poll()), ["new"])
  })

  it("lets the bot answer what was said", () => {
    const { core, call } = polling()
    const asked = core.say("/status", { from: ada, chat: group })

    call("sendMessage", { chat_id: group, text: "well", reply_parameters: { message_id: asked } })

    assert.strictEqual(core.messages[0]?.replyTo, asked)
  })

  it.effect("waits by the test's clock in memory, and an interrupted poll leaves nothing behind", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const core = makeFakeTelegram({ ...base, nowMs: () => clock.currentTimeMillisUnsafe() })
      const client = telegramClient(core)
      const poll = Effect.flatMap(client.get(`http://t/bot${token}/getUpdates?timeout=20`), (found) => found.text)

      const idle = yield* Effect.forkChild(poll)
      yield* TestClock.adjust("19999 millis")
      assert.isUndefined(idle.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(idle), '{"ok":true,"result":[]}')

      const gone = yield* Effect.forkChild(poll)
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(gone)
      const heard = yield* Effect.forkChild(poll)
      yield* TestClock.adjust("1 second")
      core.say("/status", { from: ada })
      assert.include(yield* Fiber.join(heard), "/status")
      assert.deepStrictEqual(core.refusals, [])
    })
  )
})

describe("startFakeTelegram", () => {
  const withServer = async (
    use: (url: string, server: Awaited<ReturnType<typeof startFakeTelegram>>) => Promise<void>
  ) => {
    const server = await startFakeTelegram({ ...base, nowMs: () => 5_000 })
    await use(server.url, server).finally(() => server.close())
  }
  const post = (url: string, body: unknown, signal?: AbortSignal) =>
    fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json; charset=utf-8" },
      body: JSON.stringify(body),
      ...(signal === undefined ? {} : { signal })
    })

  it("answers over HTTP and is driven from outside", () =>
    withServer(async (url) => {
      const sendUrl = `${url}/bot${token}/sendMessage`
      const answer = await post(sendUrl, { chat_id: group, text: "<b>é</b>", parse_mode: "HTML" })
      await post(`${url}/__fake/mode`, { mode: { status: 429, retryAfter: 3 }, count: 1 })
      const limited = await post(sendUrl, { chat_id: group, text: "x" })
      const messages = (await (await fetch(`${url}/__fake/messages`)).json()) as ReadonlyArray<{ text: string }>
      const refusals = await (await fetch(`${url}/__fake/refusals`)).json()
      const requests = await (await fetch(`${url}/__fake/requests`)).json()
      const wrong = await post(`${url}/__fake/mode`, "sideways")
      await post(`${url}/__fake/reset`, {})
      const afterReset = await (await fetch(`${url}/__fake/messages`)).json()

      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.headers.get("content-type"), "application/json")
      assert.deepStrictEqual([limited.status, limited.headers.get("retry-after")], [429, "3"])
      assert.deepStrictEqual(
        messages.map((message) => message.text),
        ["é"]
      )
      assert.deepStrictEqual(refusals, [
        { atMs: 5_000, method: "sendMessage", status: 429, description: "Too Many Requests: retry after 3" }
      ])
      assert.deepStrictEqual(requests, { sendMessage: 2 })
      assert.strictEqual(wrong.status, 400)
      assert.deepStrictEqual(afterReset, [])
    }))

  it("tears the connection down, or never answers though the message is delivered", () =>
    withServer(async (url, { core }) => {
      const sendUrl = `${url}/bot${token}/sendMessage`
      await post(`${url}/__fake/mode`, { script: [{ mode: "reset" }, "hangAfterAccept"] })

      const torn = await post(sendUrl, { chat_id: group, text: "torn" }).then(
        () => "answered",
        () => "torn"
      )
      const hung = post(sendUrl, { chat_id: group, text: "hung" }).then(
        () => "answered",
        () => "cut"
      )
      while (core.messages.length === 0) await fetch(`${url}/__fake/messages`)

      assert.strictEqual(torn, "torn")
      assert.deepStrictEqual(
        core.messages.map((message) => message.text),
        ["hung"]
      )
      void hung
    }))

  it("cuts hanging connections when it closes", async () => {
    const server = await startFakeTelegram({ ...base, nowMs: () => 0 })
    server.core.setMode("hang")
    const hung = post(`${server.url}/bot${token}/getMe`, {}).then(
      () => "answered",
      () => "cut"
    )
    while (server.core.requests()["getMe"] !== 1) await fetch(`${server.url}/__fake/requests`)

    await server.close()

    assert.strictEqual(await hung, "cut")
  })

  it("refuses a body beyond the server's megabyte", () =>
    withServer(async (url) => {
      const answer = await post(`${url}/bot${token}/sendMessage`, { chat_id: group, text: "x".repeat(1_100_000) })

      assert.strictEqual(answer.status, 413)
    }))

  it("holds a poll until someone says something, from another process if need be", () =>
    withServer(async (url, { core }) => {
      const polled = post(`${url}/bot${token}/getUpdates`, { timeout: 30 }).then((answer) => answer.text())
      while (core.requests()["getUpdates"] !== 1) await fetch(`${url}/__fake/requests`)
      const said = await post(`${url}/__fake/say`, { text: "/status", from: { id: 77, username: "ada" }, chat: group })
      const wrong = await post(`${url}/__fake/say`, { text: "/status" })

      assert.include(await polled, '"text":"/status"')
      assert.deepStrictEqual(await said.json(), { ok: true, messageId: 1 })
      assert.strictEqual(wrong.status, 400)
    }))

  it("has a webhook set and taken away from outside", () =>
    withServer(async (url) => {
      const status = () => post(`${url}/bot${token}/getUpdates`, {}).then((answer) => answer.status)
      await post(`${url}/__fake/webhook`, { url: "https://e.org" })
      const during = await status()
      await post(`${url}/__fake/webhook`, { url: null })

      assert.deepStrictEqual([during, await status()], [409, 200])
    }))

  it("forgets a poller that has gone", () =>
    withServer(async (url, { core }) => {
      const leaving = new AbortController()
      const left = post(`${url}/bot${token}/getUpdates`, { timeout: 30 }, leaving.signal).catch(() => "left")
      while (core.requests()["getUpdates"] !== 1) await fetch(`${url}/__fake/requests`)
      leaving.abort()
      await left
      await new Promise((resolve) => setTimeout(resolve, 50))
      const next = post(`${url}/bot${token}/getUpdates`, { timeout: 30 }).then((answer) => answer.text())
      while (core.requests()["getUpdates"] !== 2) await fetch(`${url}/__fake/requests`)
      core.say("hello", { from: { id: 77 } })

      assert.include(await next, "hello")
      assert.deepStrictEqual(core.refusals, [])
    }))
})

describe("FakeTelegramServer", () => {
  it.effect("keeps the time of the test's clock and closes with the scope", () =>
    Effect.gen(function* () {
      const url = yield* Effect.scoped(
        Effect.gen(function* () {
          const running = yield* serve({ ...base, limits: { burst: 1 } })
          const send = Effect.promise(() =>
            fetch(`${running.url}/bot${token}/sendMessage`, {
              method: "POST",
              headers: { "content-type": "application/json" },
              body: JSON.stringify({ chat_id: group, text: "x" })
            }).then((response) => response.status)
          )

          const before = [yield* send, yield* send]
          yield* TestClock.adjust("1 second")
          const after = yield* send

          assert.deepStrictEqual([before, after], [[200, 429], 200])
          return running.url
        })
      )
      const reached = yield* Effect.promise(() =>
        fetch(url).then(
          () => true,
          () => false
        )
      )
      assert.isFalse(reached)
    })
  )

  it.effect("is a layer", () =>
    Effect.gen(function* () {
      const { url, core } = yield* FakeTelegramServer
      yield* Effect.promise(() => fetch(`${url}/bot${token}/getMe`))

      assert.deepStrictEqual(core.requests(), { getMe: 1 })
    }).pipe(Effect.provide(layer(base)))
  )
})
