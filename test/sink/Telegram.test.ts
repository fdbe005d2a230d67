import { type Server, createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, type Scope } from "effect"
import { HttpClient, HttpClientError, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { Http } from "../../src/base/Http.ts"
import { Settings } from "../../src/base/Keys.ts"
import { type Entry, type EntryKind, blankEntry } from "../../src/decision/index.ts"
import type { Draft, Receipt, MessageSink, SinkError } from "../../src/sink/Sink.ts"
import { Telegram, contradictions, keys } from "../../src/sink/Telegram.ts"
import {
  type FakeTelegram,
  type FakeTelegramChat,
  type FakeTelegramMode,
  type FakeTelegramResponse,
  makeFakeTelegram
} from "../../src/testing/FakeTelegram.ts"
import { serve } from "../../src/testing/FakeTelegramServer.ts"
import { startProxy } from "../base/proxy.ts"

const secret = "AAG_this-is-the-secret-half-of-it-0"
const token = `123456789:${secret}`
const group: FakeTelegramChat = { id: -1_001, type: "supergroup", title: "Ops", topics: [7] }
const options = { token, chats: [group, { ...group, id: -5, type: "group" as const }], limits: { enforce: false } }

const entry = (kind: EntryKind, signal = "container:api", more: Partial<Entry> = {}): Entry => ({
  ...blankEntry(kind, signal, "critical"),
  active: kind === "alert",
  ...more
})
const draftOf = (entries: ReadonlyArray<Entry>, replyTo: string | null = null): Draft => ({
  entries,
  rendering: { nowMs: 0, host: "box", timeText: () => "14:03:05" },
  alsoActive: 0,
  replyTo
})
const alert = draftOf([entry("alert")])

/** Everything that leaves the sink in words; the token must be in none of it. */
type Words = Array<string>

const collecting = (words: Words) =>
  Logger.layer([
    Logger.make<unknown, void>(({ message, cause }) => void words.push(String(message), JSON.stringify(cause)))
  ])

const keepsTheSecret = (words: Words): void => {
  for (const word of words) assert.notInclude(word, secret)
}

const makeSink = (settings: Readonly<Record<string, string>>, http: Layer.Layer<Http>) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(
      Layer.provide(
        Telegram.layer,
        Layer.merge(
          http,
          Settings.layerTest({
            WATCHDOG_TELEGRAM_BOT_TOKEN: token,
            WATCHDOG_TELEGRAM_CHAT_ID: String(group.id),
            ...settings
          })
        )
      )
    )
    const sink = yield* Effect.provideContext(Telegram, context)
    if (sink === undefined) throw new Error("not configured")
    return sink
  })

const failureOf = (sink: MessageSink, words: Words, draft: Draft = alert): Effect.Effect<SinkError> =>
  Effect.tap(Effect.flip(sink.send(draft)) as Effect.Effect<SinkError>, (error) =>
    Effect.sync(() => {
      words.push(error.message, String(error), JSON.stringify(error), error.stack ?? "")
    })
  )

/** The sink against the fake over real HTTP on loopback. */
const overHttp = (
  self: (sink: MessageSink, core: FakeTelegram, words: Words) => Effect.Effect<void, SinkError, Scope.Scope>,
  settings: Readonly<Record<string, string>> = {}
): Effect.Effect<void, SinkError, Scope.Scope> => {
  const words: Words = []
  return Effect.gen(function* () {
    const { url, core } = yield* serve(options)
    const sink = yield* makeSink({ WATCHDOG_TELEGRAM_API_URL: url, ...settings }, Http.layer)
    yield* self(sink, core, words)
    keepsTheSecret(words)
  }).pipe(Effect.provide(collecting(words)))
}

/** The sink against a server in memory, so that time can be the test's. */
const inMemory = (
  answer: (path: string, body: string) => FakeTelegramResponse | "hang" | "reset",
  self: (sink: MessageSink, words: Words) => Effect.Effect<void, SinkError, Scope.Scope>,
  settings: Readonly<Record<string, string>> = {}
): Effect.Effect<void, SinkError, Scope.Scope> => {
  const words: Words = []
  const client = HttpClient.make((request, url) => {
    const body = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
    const answered = answer(url.pathname, body)
    if (answered === "hang") return Effect.never
    if (answered === "reset") {
      const cause = Object.assign(new Error(`connect to ${request.url}`), { code: "ECONNRESET" })
      return Effect.fail(
        new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })
      )
    }
    const { status, headers } = answered
    return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(answered.body, { status, headers })))
  })
  return Effect.gen(function* () {
    const sink = yield* makeSink(
      settings,
      Http.layerTest(() => client)
    )
    yield* self(sink, words)
    keepsTheSecret(words)
  }).pipe(Effect.provide(collecting(words)))
}

const withFake = (core: FakeTelegram) => (path: string, body: string) =>
  core.handle({ method: "POST", path, headers: { "content-type": "application/json" }, body })

const lastMessage = (core: FakeTelegram) => {
  const message = core.messages.at(-1)
  if (message === undefined) throw new Error("no message")
  return message
}

describe("a message", () => {
  it.live("arrives as HTML, with its id in bold, and rings", () =>
    overHttp((sink, core) =>
      Effect.gen(function* () {
        const receipt = yield* sink.send(draftOf([entry("alert", "disk:/<a>&b")]))

        const { text, silent, entities, messageId, chatId, threadId } = lastMessage(core)
        assert.deepStrictEqual(receipt, { reference: String(messageId), moved: false })
        assert.isTrue(text.startsWith("🔴 disk:/<a>&b active"))
        assert.deepStrictEqual(
          entities.map(({ type, offset, length }) => [type, offset, length]),
          [["bold", 3, "disk:/<a>&b".length]]
        )
        assert.deepStrictEqual([silent, chatId, threadId], [false, group.id, null])
        assert.deepStrictEqual([core.refusals, core.problems], [[], []])
      })
    )
  )

  it.live("is silent unless it brings a new fault", () =>
    overHttp((sink, core) =>
      Effect.gen(function* () {
        yield* sink.send(draftOf([entry("recovered"), entry("reminder", "b")]))
        yield* sink.send(draftOf([entry("recovered"), entry("flapping", "b")]))

        assert.deepStrictEqual(
          core.messages.map(({ silent }) => silent),
          [true, false]
        )
      })
    )
  )

  it.live("answers the alert it ends", () =>
    overHttp((sink, core) =>
      Effect.gen(function* () {
        const { reference } = yield* sink.send(alert)
        yield* sink.send(draftOf([entry("recovered")], reference))

        assert.strictEqual(String(lastMessage(core).replyTo), reference)
      })
    )
  )

  it.live("arrives without its answer where the alert was deleted", () =>
    overHttp((sink, core) =>
      Effect.gen(function* () {
        yield* sink.send(draftOf([entry("recovered")], "4711"))

        assert.isNull(lastMessage(core).replyTo)
        assert.strictEqual(core.requests()["sendMessage"], 1)
      })
    )
  )

  it.live("goes into the topic", () =>
    overHttp(
      (sink, core) =>
        Effect.gen(function* () {
          yield* sink.send(alert)

          assert.strictEqual(lastMessage(core).threadId, 7)
        }),
      { WATCHDOG_TELEGRAM_THREAD_ID: "7" }
    )
  )
})

describe("a refusal", () => {
  interface Wanted {
    readonly reason: SinkError["reason"]
    readonly retryable: boolean
    readonly maybeSent: boolean
    readonly retryAfterMs?: number
  }
  const refusals: ReadonlyArray<readonly [string, FakeTelegramMode, Wanted]> = [
    [
      "429",
      { status: 429, retryAfter: 17 },
      { reason: "RateLimited", retryable: true, maybeSent: false, retryAfterMs: 17_000 }
    ],
    ["500", { status: 500 }, { reason: "Server", retryable: true, maybeSent: true }],
    ["502 with a page", { status: 502 }, { reason: "Server", retryable: true, maybeSent: true }],
    ["401", { status: 401 }, { reason: "Unauthorized", retryable: false, maybeSent: false }],
    ["421", { status: 421 }, { reason: "Unauthorized", retryable: false, maybeSent: false }],
    ["504 with a page", { status: 504 }, { reason: "Server", retryable: true, maybeSent: true }],
    ...[
      "have no rights to send a message",
      "need administrator rights in the channel chat",
      "CHAT_SEND_PLAIN_FORBIDDEN",
      "group chat was deactivated",
      "group chat was upgraded to a supergroup chat"
    ].map((words): readonly [string, FakeTelegramMode, Wanted] => [
      words,
      { status: 400, description: `Bad Request: ${words}` },
      { reason: "NoSuchChat", retryable: false, maybeSent: false }
    ]),
    ["403", { status: 403 }, { reason: "Forbidden", retryable: false, maybeSent: false }],
    [
      "chat not found",
      { status: 400, description: "Bad Request: chat not found" },
      { reason: "NoSuchChat", retryable: false, maybeSent: false }
    ],
    [
      "no right to write",
      { status: 400, description: "Bad Request: not enough rights to send text messages to the chat" },
      { reason: "NoSuchChat", retryable: false, maybeSent: false }
    ],
    [
      "one that is not known",
      { status: 400, description: "Bad Request: the moon is full" },
      { reason: "Rejected", retryable: true, maybeSent: false }
    ],
    ["a connection that is torn", "reset", { reason: "Network", retryable: true, maybeSent: true }]
  ]

  it.live.each(refusals)("%s is what it is", ([, mode, wanted]) =>
    overHttp((sink, core, words) =>
      Effect.gen(function* () {
        core.setMode(mode)

        const { reason, retryable, maybeSent, retryAfterMs } = yield* failureOf(sink, words)

        assert.deepStrictEqual(
          { reason, retryable, maybeSent },
          {
            reason: wanted.reason,
            retryable: wanted.retryable,
            maybeSent: wanted.maybeSent
          }
        )
        assert.strictEqual(retryAfterMs, wanted.retryAfterMs ?? null)
        assert.strictEqual(core.requests()["sendMessage"], 1)
      })
    )
  )

  it.live("is a chat that does not exist", () =>
    overHttp(
      (sink, _core, words) =>
        Effect.gen(function* () {
          const { reason, message } = yield* failureOf(sink, words)

          assert.strictEqual(reason, "NoSuchChat")
          assert.include(message, "-999")
        }),
      { WATCHDOG_TELEGRAM_CHAT_ID: "-999" }
    )
  )

  it.live("is a port where nobody listens: nothing was sent, for certain", () =>
    overHttp(
      (sink, _core, words) =>
        Effect.gen(function* () {
          const { reason, maybeSent, message } = yield* failureOf(sink, words)

          assert.deepStrictEqual([reason, maybeSent], ["Network", false])
          assert.strictEqual(message, "Telegram cannot be reached: connection refused")
        }),
      { WATCHDOG_TELEGRAM_API_URL: "http://127.0.0.1:1" }
    )
  )

  it.effect("says how long to wait in its header, where the body does not", () =>
    inMemory(
      () => ({ status: 429, headers: { "retry-after": "23" }, body: "<html>slow down</html>" }),
      (sink, words) =>
        Effect.gen(function* () {
          const { reason, retryAfterMs } = yield* failureOf(sink, words)

          assert.deepStrictEqual([reason, retryAfterMs], ["RateLimited", 23_000])
        })
    )
  )

  it.effect("says until when to wait in its header, as a date", () =>
    inMemory(
      () => ({ status: 429, headers: { "retry-after": "Thu, 01 Jan 1970 00:01:30 GMT" }, body: "" }),
      (sink, words) =>
        Effect.gen(function* () {
          yield* TestClock.adjust("1 minute")

          assert.strictEqual((yield* failureOf(sink, words)).retryAfterMs, 30_000)
        })
    )
  )

  it.effect("has the header's word where the body's is none", () =>
    inMemory(
      () => ({
        status: 429,
        headers: { "retry-after": "3" },
        body: '{"ok":false,"parameters":{"retry_after":"soon"}}'
      }),
      (sink, words) =>
        Effect.gen(function* () {
          assert.strictEqual((yield* failureOf(sink, words)).retryAfterMs, 3_000)
        })
    )
  )

  it.effect.each([401, 403, 404, 407])("is not Telegram's where a proxy says it: %s with a page", (status) =>
    inMemory(
      () => ({ status, headers: {}, body: "<html>log in</html>" }),
      (sink, words) =>
        Effect.gen(function* () {
          const { reason, retryable, maybeSent } = yield* failureOf(sink, words)

          assert.deepStrictEqual([reason, retryable, maybeSent], ["Server", true, false])
        })
    )
  )

  it.effect("prefers the body's word to the header's", () =>
    inMemory(
      () => ({
        status: 429,
        headers: { "retry-after": "1" },
        body: JSON.stringify({ ok: false, error_code: 429, description: "slow", parameters: { retry_after: 40 } })
      }),
      (sink, words) =>
        Effect.gen(function* () {
          assert.strictEqual((yield* failureOf(sink, words)).retryAfterMs, 40_000)
        })
    )
  )

  it.effect.each([
    ["a page that is not the Bot API", { status: 200, headers: {}, body: "<html>welcome</html>" }],
    ["an empty body", { status: 200, headers: {}, body: "" }],
    ["null", { status: 200, headers: {}, body: "null" }],
    ["a redirect", { status: 302, headers: { location: "https://e.org" }, body: "" }]
  ] as const)("is any other answer: %s", ([, answer]) =>
    inMemory(
      () => answer,
      (sink, words) =>
        Effect.gen(function* () {
          const { retryable, reason } = yield* failureOf(sink, words)

          assert.deepStrictEqual([retryable, reason], [true, "Server"])
        })
    )
  )

  it.live("is an answer that is larger than any of Telegram's, cut", () =>
    Effect.gen(function* () {
      const server = yield* Effect.acquireRelease(
        Effect.callback<Server>((resume) => {
          const made = createServer((_, response) => response.end("x".repeat(300 * 1_024)))
          made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
        }),
        (made) => Effect.sync(() => (made.closeAllConnections(), made.close()))
      )
      const { port } = server.address() as AddressInfo
      const sink = yield* makeSink({ WATCHDOG_TELEGRAM_API_URL: `http://127.0.0.1:${port}` }, Http.layer)

      const { message } = yield* failureOf(sink, [])

      assert.strictEqual(message, "Telegram cannot be reached: the body is larger than allowed")
    })
  )
})

describe("no answer", () => {
  it.effect.each(["hang", "hangAfterAccept"] as const)("is given up after ten seconds: %s", (mode) => {
    const core = makeFakeTelegram({ ...options, nowMs: () => 0 })
    core.setMode(mode)
    return inMemory(withFake(core), (sink, words) =>
      Effect.gen(function* () {
        const sending = yield* Effect.forkChild(failureOf(sink, words))

        yield* TestClock.adjust(9_999)
        assert.isUndefined(sending.pollUnsafe())

        yield* TestClock.adjust(1)
        const { reason, retryable, maybeSent } = yield* Fiber.join(sending)
        assert.deepStrictEqual([reason, retryable, maybeSent], ["Timeout", true, true])
      })
    )
  })

  it.effect("never shows the address, whatever the client's error holds", () =>
    inMemory(
      () => "reset",
      (sink, words) =>
        Effect.gen(function* () {
          const { message } = yield* failureOf(sink, words)

          assert.strictEqual(message, "Telegram cannot be reached: connection reset")
        })
    )
  )
})

describe("a repair", () => {
  it.live("follows a chat that has moved, and remembers where", () =>
    overHttp(
      (sink, core, words) =>
        Effect.gen(function* () {
          core.setMode({ migrateTo: -100_777 }, { count: 1 })

          const first = yield* sink.send(draftOf([entry("recovered")], "12"))
          const second = yield* sink.send(alert)

          assert.isTrue(first.moved)
          assert.isFalse(second.moved)
          assert.deepStrictEqual(
            core.messages.map(({ chatId, replyTo }) => [chatId, replyTo]),
            [
              [-100_777, null],
              [-100_777, null]
            ]
          )
          assert.strictEqual(core.requests()["sendMessage"], 3)
          assert.isTrue(words.some((word) => word.includes("-100777") && word.includes(keys.chat.name)))
        }),
      { WATCHDOG_TELEGRAM_CHAT_ID: "-5" }
    )
  )

  it.live("leaves out a topic that is gone, remembers it, and gives up what answered into it", () =>
    overHttp(
      (sink, core) =>
        Effect.gen(function* () {
          const first = yield* sink.send(alert)
          const second = yield* sink.send(alert)

          assert.deepStrictEqual([first.moved, second.moved], [true, false])
          assert.isNull(lastMessage(core).threadId)
          assert.strictEqual(core.requests()["sendMessage"], 3)
        }),
      { WATCHDOG_TELEGRAM_THREAD_ID: "99" }
    )
  )

  it.effect("looks for a lost topic again after an hour, says so once, and forgets what was said outside it", () => {
    const core = makeFakeTelegram({ ...options, nowMs: () => 0 })
    const topics = { status: 400, description: "Bad Request: TOPIC_CLOSED" } as const
    return inMemory(
      withFake(core),
      (sink, words) =>
        Effect.gen(function* () {
          const warnings = () => words.filter((word) => word.includes("TOPIC_CLOSED")).length
          const threads = () => core.messages.map(({ threadId }) => threadId)
          core.setMode(topics, { count: 1 })
          assert.isTrue((yield* sink.send(alert)).moved)
          yield* TestClock.adjust("59 minutes")
          assert.isFalse((yield* sink.send(alert)).moved)
          assert.deepStrictEqual([threads(), core.requests()["sendMessage"]], [[null, null], 3])

          yield* TestClock.adjust("1 minute")
          core.setMode(topics, { count: 1 })
          yield* sink.send(alert)
          assert.deepStrictEqual([threads(), core.requests()["sendMessage"]], [[null, null, null], 5])
          yield* sink.send(alert)
          assert.strictEqual(core.requests()["sendMessage"], 6)

          yield* TestClock.adjust("1 hour")
          const back = yield* sink.send(draftOf([entry("recovered")], "1"))
          assert.deepStrictEqual([back.moved, lastMessage(core).threadId, lastMessage(core).replyTo], [true, 7, null])
          assert.isFalse((yield* sink.send(alert)).moved)
          assert.deepStrictEqual([lastMessage(core).threadId, warnings()], [7, 1])
        }),
      { WATCHDOG_TELEGRAM_THREAD_ID: "7" }
    )
  })

  it.live("leaves out an answer that is refused", () =>
    overHttp((sink, core) =>
      Effect.gen(function* () {
        const { reference } = yield* sink.send(alert)
        core.setMode({ status: 400, description: "Bad Request: message to be replied not found" }, { count: 1 })

        const receipt: Receipt = yield* sink.send(draftOf([entry("recovered")], reference))

        assert.isFalse(receipt.moved)
        assert.isNull(lastMessage(core).replyTo)
      })
    )
  )

  it.live("sends plain text where the markup is refused", () =>
    overHttp((sink, core) =>
      Effect.gen(function* () {
        core.setMode({ cantParse: true })

        yield* sink.send(draftOf([entry("alert", "a<b")]))

        const { text, html } = lastMessage(core)
        assert.isTrue(text.startsWith("🔴 a<b active"))
        assert.isNull(html)
      })
    )
  )

  it.live("does several at once, and ends", () =>
    overHttp(
      (sink, core, words) =>
        Effect.gen(function* () {
          core.script({ mode: { migrateTo: -100_777 } }, { mode: { cantParse: true } })
          yield* sink.send(draftOf([entry("recovered")], "12"))
          assert.strictEqual(core.requests()["sendMessage"], 3)

          core.setMode({ status: 400, description: "Bad Request: can't parse entities: whatever is sent" })
          const { reason } = yield* failureOf(sink, words)
          assert.strictEqual(reason, "Rejected")
          assert.strictEqual(core.requests()["sendMessage"], 5)
        }),
      { WATCHDOG_TELEGRAM_CHAT_ID: "-5" }
    )
  )
})

describe("a message that is too long though it should not be", () => {
  const tooLong = { status: 400, description: "Bad Request: message is too long" } as const

  it.live("is sent in halves: no entry is lost", () =>
    overHttp((sink, core) =>
      Effect.gen(function* () {
        core.setMode(tooLong, { count: 1 })

        const receipt = yield* sink.send(draftOf(["a", "b", "c"].map((id) => entry("alert", `container:${id}`))))

        assert.deepStrictEqual(
          core.messages.map(({ text }) => text.match(/container:\w/g)),
          [["container:a", "container:b"], ["container:c"]]
        )
        assert.strictEqual(receipt.reference, String(core.messages[0]?.messageId))
      })
    )
  )

  it.live("is cut where it is one entry, and given up where even that is too long", () =>
    overHttp((sink, core, words) =>
      Effect.gen(function* () {
        const long = draftOf([
          entry("alert", "x", { evidence: { summary: "s".repeat(500), details: ["d".repeat(3_000)] } })
        ])
        core.setMode(tooLong, { count: 1 })
        yield* sink.send(long)

        assert.isAtMost(lastMessage(core).text.length, 1_000)
        assert.isTrue(lastMessage(core).text.startsWith("🔴 x sss"))

        core.setMode(tooLong)
        const { reason, retryable } = yield* failureOf(sink, words, long)
        assert.deepStrictEqual([reason, retryable], ["Rejected", true])
      })
    )
  )

  it.live("may have arrived in part where its second half fails", () =>
    overHttp((sink, core, words) =>
      Effect.gen(function* () {
        core.script({ mode: tooLong }, { mode: "up" }, { mode: { status: 429, retryAfter: 9 } })

        const error = yield* failureOf(sink, words, draftOf([entry("alert", "a"), entry("alert", "b")]))

        assert.deepStrictEqual([error.reason, error.retryAfterMs, error.maybeSent], ["RateLimited", 9_000, true])
      })
    )
  )
})

describe("a digest", () => {
  it.live("has no more bold ids than Telegram shows", () =>
    overHttp((sink, core) =>
      Effect.gen(function* () {
        const all = Array.from({ length: 300 }, (_, at) => entry("recovered", `s${at}`))
        const draft = { ...draftOf(all), rendering: { nowMs: 0, host: "h", timeText: () => "1" }, minimal: true }
        const fits = sink.fit(draft)
        yield* sink.send({ ...draft, entries: all.slice(0, fits), minimal: false })

        assert.strictEqual(fits, 90)
        assert.deepStrictEqual([core.problems, lastMessage(core).entities.length], [[], 90])
      })
    )
  )
})

describe("its memory", () => {
  const basic = { WATCHDOG_TELEGRAM_CHAT_ID: "-5" }
  const handOver = (
    from: MessageSink,
    given: Readonly<Record<string, string>>,
    url: string,
    change: (saved: unknown) => unknown = (saved) => saved
  ) =>
    Effect.gen(function* () {
      const saved = JSON.parse(JSON.stringify(yield* from.memory?.save ?? Effect.void)) as unknown
      const next = yield* makeSink({ WATCHDOG_TELEGRAM_API_URL: url, ...given }, Http.layer)
      yield* next.memory?.load(change(saved)) ?? Effect.void
      return next
    })

  it.live("of a chat that has moved lasts over a restart, unless another chat is set", () =>
    Effect.gen(function* () {
      const { url, core } = yield* serve(options)
      const first = yield* makeSink({ WATCHDOG_TELEGRAM_API_URL: url, ...basic }, Http.layer)
      core.setMode({ migrateTo: -100_777 }, { count: 1 })
      yield* first.send(alert)

      yield* (yield* handOver(first, basic, url)).send(alert)
      yield* (yield* handOver(first, {}, url)).send(alert)

      assert.deepStrictEqual(
        core.messages.map(({ chatId }) => chatId),
        [-100_777, -100_777, group.id]
      )
      assert.strictEqual(core.requests()["sendMessage"], 4)
    })
  )

  it.live("of a topic that is lost lasts over a restart", () =>
    Effect.gen(function* () {
      const { url, core } = yield* serve(options)
      const topic = { WATCHDOG_TELEGRAM_THREAD_ID: "99" }
      const first = yield* makeSink({ WATCHDOG_TELEGRAM_API_URL: url, ...topic }, Http.layer)
      yield* first.send(alert)

      yield* (yield* handOver(first, topic, url)).send(alert)

      assert.strictEqual(core.requests()["sendMessage"], 3)
    })
  )

  it.live.each([null, 5, "x", [], {}, { chat: "-5", thread: null, movedTo: "https://e.org", topicLost: "yes" }])(
    "ignores what is not its own: %o",
    (saved) =>
      Effect.gen(function* () {
        const { url, core } = yield* serve(options)
        const first = yield* makeSink({ WATCHDOG_TELEGRAM_API_URL: url, ...basic }, Http.layer)

        yield* (yield* handOver(first, basic, url, () => saved)).send(alert)

        assert.strictEqual(lastMessage(core).chatId, -5)
      })
  )
})

describe("a server of one's own", () => {
  it.live.each(["/", "/bot", "/bot/"])("may be given with %s behind it", (ending) =>
    Effect.gen(function* () {
      const { url, core } = yield* serve(options)
      const sink = yield* makeSink({ WATCHDOG_TELEGRAM_API_URL: `${url}${ending}` }, Http.layer)

      yield* sink.send(alert)

      assert.strictEqual(core.messages.length, 1)
    })
  )

  it.effect("may stand below a path", () => {
    const paths: Array<string> = []
    return inMemory(
      (path) => {
        paths.push(path)
        return { status: 200, headers: {}, body: '{"ok":true,"result":{"message_id":1}}' }
      },
      (sink) => Effect.asVoid(sink.send(alert)),
      { WATCHDOG_TELEGRAM_API_URL: "http://box:8081/telegram/" }
    ).pipe(Effect.tap(() => Effect.sync(() => assert.deepStrictEqual(paths, [`/telegram/bot${token}/sendMessage`]))))
  })
})

describe("a proxy", () => {
  it.live("is what it is reached by, where the environment names one", () =>
    Effect.gen(function* () {
      const { url, core } = yield* serve(options)
      const proxy = yield* startProxy()
      const { port } = new URL(url)
      const settings = { WATCHDOG_TELEGRAM_API_URL: `http://telegram.test:${port}`, ALL_PROXY: proxy.withPassword }

      yield* (yield* makeSink(settings, Http.layer)).send(alert)

      const password = `Basic ${Buffer.from("me:hunter2").toString("base64")}`
      assert.deepStrictEqual(proxy.asked, [`POST http://telegram.test:${port}/bot${token}/sendMessage ${password}`])
      assert.strictEqual(core.messages.length, 1)
    })
  )
})

describe("verify", () => {
  it.live("names the bot and the chat, and sends nothing", () =>
    overHttp((sink, core) =>
      Effect.gen(function* () {
        const found = yield* sink.verify

        assert.match(found, /^bot @\S+, chat Ops$/)
        assert.deepStrictEqual(core.messages, [])
        assert.deepStrictEqual(Object.keys(core.requests()).sort(), ["getChat", "getMe"])
      })
    )
  )

  it.live("finds a token that was revoked, and a chat that is not there", () =>
    overHttp((sink, core, words) =>
      Effect.gen(function* () {
        core.setMode({ status: 401 })
        const revoked = yield* Effect.orDie(Effect.flip(sink.verify))
        words.push(revoked.message, JSON.stringify(revoked))

        assert.deepStrictEqual([revoked.reason, revoked.retryable], ["Unauthorized", false])
      })
    )
  )
})

describe("settings", () => {
  it.effect("make no sink without a token", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* Telegram)
    }).pipe(Effect.provide(Layer.provide(Telegram.layer, Layer.merge(Http.layer, Settings.layerTest()))))
  )

  it.effect.each([
    ["both", { [keys.token.name]: token, [keys.chat.name]: "1" }, []],
    ["none", {}, []],
    ["the token alone", { [keys.token.name]: token }, [`${keys.chat.name} must be set with ${keys.token.name}`]],
    ["the chat alone", { [keys.chat.name]: "1" }, [`${keys.token.name} must be set with ${keys.chat.name}`]]
  ] as const)("are both or none: %s", ([, given, wanted]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(contradictions(yield* Settings), wanted)
    }).pipe(Effect.provide(Settings.layerTest(given as Record<string, string>)))
  )
})
