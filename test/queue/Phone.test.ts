/** The phone against the fake Telegram: who is obeyed, what a restart and a second poller do, and what is never touched. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Result, Scope, Exit } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { Http } from "../../src/base/Http.ts"
import { Settings } from "../../src/base/Keys.ts"
import { Loops } from "../../src/base/Loops.ts"
import { Output } from "../../src/base/Output.ts"
import { bornState, defaultPolicy } from "../../src/decision/index.ts"
import type { Watched } from "../../src/queue/Command.ts"
import { Mutes } from "../../src/queue/Mute.ts"
import * as Phone from "../../src/queue/Phone.ts"
import { Renderer } from "../../src/queue/Rendering.ts"
import { Journal, layerLogger } from "../../src/status/Journal.ts"
import { StatusBoard } from "../../src/status/StatusBoard.ts"
import { type FakeTelegram, makeFakeTelegram } from "../../src/testing/FakeTelegram.ts"
import { clientOf, telegramClient, transportError } from "../../src/testing/InMemory.ts"

const token = "123456789:phone-AAAAAAAAAAAAAAAAAAAAAAAAA"
const chat = -1001
const ann = { id: 11, username: "ann" }
const eve = { id: 66, username: "eve" }

const watched = (signal: string, active: boolean): Watched => ({
  spec: { signal, severity: "critical", policy: defaultPolicy },
  state: { ...bornState(0, { summary: active ? "exited with code 1" : "", details: [] }), active }
})

type Methods = (method: string, parameters: Readonly<Record<string, unknown>>) => unknown

interface World {
  readonly telegram: FakeTelegram
  readonly said: () => ReadonlyArray<string>
  readonly answers: () => ReadonlyArray<string>
  readonly cut: (errno: string | null) => void
  /** Another Telegram in the place of the fake, that gives the results of methods. */
  readonly replace: (by: Methods) => void
  readonly start: Effect.Effect<void, never, Scope.Scope>
  readonly end: Effect.Effect<void>
  readonly mutes: Mutes["Service"]
}

const world = (env: Readonly<Record<string, string>> = {}): Effect.Effect<World, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const telegram = makeFakeTelegram({
      token,
      chats: [{ id: chat, type: "supergroup", title: "ops" }],
      nowMs: () => clock.currentTimeMillisUnsafe()
    })
    const out: Array<string> = []
    let errno: string | null = null
    let life: Scope.Closeable | null = null
    let inner = telegramClient(telegram)
    const client = HttpClient.make((request) =>
      errno === null ? inner.execute(request) : Effect.fail(transportError(request, errno))
    )
    const settings = Settings.layerTest({
      WATCHDOG_TELEGRAM_BOT_TOKEN: token,
      WATCHDOG_TELEGRAM_CHAT_ID: String(chat),
      WATCHDOG_TELEGRAM_API_URL: "http://telegram",
      WATCHDOG_TELEGRAM_COMMANDS: "true",
      WATCHDOG_TELEGRAM_USER_IDS: "11, 12",
      WATCHDOG_HOST_NAME: "fake",
      WATCHDOG_TIMEZONE: "UTC",
      ...env
    })
    const below = yield* Layer.build(
      Layer.mergeAll(Mutes.layer(), Renderer.layer, Journal.layer("run"), layerLogger, Loops.layer).pipe(
        Layer.provideMerge(
          Layer.mergeAll(
            settings,
            StatusBoard.layerNone,
            Output.layerMemory(out, []),
            Http.layerTest(() => client)
          )
        )
      )
    )
    const phone = Phone.layer({
      watched: Effect.succeed([watched("container:api", true), watched("disk:/", false)]),
      sinks: Effect.succeed([{ name: "telegram", red: false, problem: null, waiting: 0 }])
    }).pipe(Layer.provide(Layer.succeedContext(below)))
    return {
      telegram,
      said: () => out.filter((line) => line.includes('"event":"log"')),
      answers: () => telegram.messages.map((message) => message.text),
      cut: (code) => void (errno = code),
      replace: (by) =>
        void (inner = clientOf(({ body }, { pathname }) => {
          const text = body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : "{}"
          const result = by(pathname.split("/").at(-1) ?? "", JSON.parse(text) as Record<string, unknown>)
          return { status: 200, headers: {}, body: JSON.stringify({ ok: true, result }) }
        })),
      start: Effect.gen(function* () {
        const started = yield* Scope.fork(yield* Effect.scope)
        life = started
        yield* Layer.buildWithScope(phone, started)
        yield* TestClock.adjust("2 seconds")
      }),
      end: Effect.suspend(() => (life === null ? Effect.void : Scope.close(life, Exit.void))),
      mutes: yield* Effect.provideContext(Effect.service(Mutes), below)
    }
  })

describe("commands", () => {
  it.effect("are obeyed and answered in the chat, as a reply, in silence", () =>
    Effect.gen(function* () {
      const { telegram, start, mutes, answers } = yield* world()
      yield* start

      const asked = telegram.say("/status", { from: ann, chat })
      yield* TestClock.adjust("2 seconds")
      telegram.say("/mute container:api 1h", { from: ann, chat })
      yield* TestClock.adjust("2 seconds")
      const muted = yield* mutes.current
      telegram.say("/unmute", { from: ann, chat })
      yield* TestClock.adjust("2 seconds")

      assert.deepStrictEqual(
        [...answers()],
        [
          "1 active, 1 clear · fake\n\n🔴 container:api since 00:00:00 (2 s): exited with code 1\n\nsinks:\ntelegram: works",
          "container:api is muted until 01:00:04 (1 h). What comes and goes meanwhile is listed at its end.",
          "no longer muted: container:api"
        ]
      )
      assert.strictEqual(telegram.messages[0]?.replyTo, asked)
      assert.isTrue(telegram.messages.every((message) => message.silent && message.chatId === chat))
      assert.deepStrictEqual(
        muted.map(({ pattern, by }) => ({ pattern, by })),
        [{ pattern: "container:api", by: "@ann" }]
      )
      assert.deepStrictEqual(yield* mutes.current, [])
      assert.deepStrictEqual([...telegram.refusals], [])
      assert.deepStrictEqual([...telegram.problems], [])
    }).pipe(Effect.scoped)
  )

  it.effect(
    "in private and to our name are obeyed; of others, in other chats and to other bots are not, and are only counted",
    () =>
      Effect.gen(function* () {
        const { telegram, start, mutes, answers } = yield* world()
        yield* start

        telegram.say("/mute all 1h", { from: eve, chat })
        telegram.say("/mute all 1h", { from: eve })
        telegram.say("/mute all 1h", { from: ann, chat: -1009 })
        telegram.say("/mute@other_bot all 1h", { from: ann, chat })
        yield* TestClock.adjust("5 seconds")
        const none = [...answers()]
        const unmuted = yield* mutes.current
        telegram.say("/help@fake_telegram_bot", { from: ann, chat })
        telegram.say("/status", { from: ann })
        yield* TestClock.adjust("5 seconds")

        assert.deepStrictEqual(none, [])
        assert.deepStrictEqual(unmuted, [])
        assert.strictEqual(answers().length, 2)
        assert.include(answers()[0], "/mute <signal|all> <duration>")
        assert.include(answers()[1], "ignored: 3 messages of others, or late")
        assert.strictEqual(telegram.messages[1]?.chatId, ann.id)
      }).pipe(Effect.scoped)
  )

  it.effect("of an unknown signal name what is near, and mute nothing", () =>
    Effect.gen(function* () {
      const { telegram, start, mutes, answers } = yield* world()
      yield* start

      telegram.say("/mute api 1h", { from: ann, chat })
      yield* TestClock.adjust("2 seconds")

      assert.deepStrictEqual([...answers()], ["there is no signal api; near it: container:api"])
      assert.deepStrictEqual(yield* mutes.current, [])
    }).pipe(Effect.scoped)
  )

  it.effect("many at once are all obeyed, and answered at most once a second and five times a minute", () =>
    Effect.gen(function* () {
      const { telegram, start, mutes } = yield* world()
      yield* start

      for (let at = 0; at < 8; at++) telegram.say(`/mute all ${at + 1}h`, { from: ann, chat })
      yield* TestClock.adjust("30 seconds")
      const atOnce = telegram.messages.map((message) => message.atMs)
      const untilMs = (yield* mutes.current)[0]?.untilMs ?? 0
      yield* TestClock.adjust("90 seconds")

      assert.strictEqual(atOnce.length, 5)
      for (let at = 1; at < 5; at++) assert.isAtLeast((atOnce[at] ?? 0) - (atOnce[at - 1] ?? 0), 1_000)
      assert.strictEqual(telegram.messages.length, 8)
      assert.isAbove(untilMs, 8 * 3_600_000)
      assert.deepStrictEqual([...telegram.refusals], [])
    }).pipe(Effect.scoped)
  )
})

describe("a restart", () => {
  it.effect("does not act on what was said before it, and confirms it", () =>
    Effect.gen(function* () {
      const { telegram, end, start, mutes, answers } = yield* world()
      telegram.say("/mute all 1h", { from: ann, chat })
      yield* TestClock.adjust("90 seconds")
      yield* start
      yield* TestClock.adjust("2 minutes")
      const first = yield* mutes.current
      yield* end
      yield* start
      telegram.say("/help", { from: ann, chat })
      yield* TestClock.adjust("2 seconds")

      assert.deepStrictEqual(first, [])
      assert.strictEqual(answers().length, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("never obeys a command twice", () =>
    Effect.gen(function* () {
      const { telegram, end, start, mutes, answers } = yield* world()
      yield* start
      telegram.say("/mute all 1h", { from: ann, chat })
      yield* TestClock.adjust("1 second")
      yield* mutes.unmute("*")
      // Before the next poll could confirm it.
      yield* end
      yield* TestClock.adjust("5 seconds")
      yield* start
      yield* TestClock.adjust("2 minutes")

      assert.deepStrictEqual(yield* mutes.current, [])
      assert.strictEqual(answers().length, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("ends the long poll at once", () =>
    Effect.gen(function* () {
      const { end, start } = yield* world()
      yield* start
      yield* TestClock.adjust("20 seconds")
      const beforeMs = yield* Clock.currentTimeMillis
      yield* end

      assert.strictEqual(yield* Clock.currentTimeMillis, beforeMs)
    }).pipe(Effect.scoped)
  )
})

describe("a poll", () => {
  it.effect("that was cut off for long does not act on what was said meanwhile", () =>
    Effect.gen(function* () {
      const { telegram, start, mutes, cut, said } = yield* world()
      yield* start
      cut("ECONNRESET")
      yield* TestClock.adjust("1 minute")
      telegram.say("/mute all 1h", { from: ann, chat })
      yield* TestClock.adjust("10 minutes")
      cut(null)
      yield* TestClock.adjust("2 minutes")
      telegram.say("/mute disk:/ 1h", { from: ann, chat })
      yield* TestClock.adjust("2 seconds")

      assert.deepStrictEqual(
        (yield* mutes.current).map(({ pattern }) => pattern),
        ["disk:/"]
      )
      assert.strictEqual(said().filter((line) => line.includes("not heard")).length, 1)
      assert.strictEqual(said().filter((line) => line.includes("heard again")).length, 1)
      assert.notInclude(said().join("\n"), token)
    }).pipe(Effect.scoped)
  )

  const dead: ReadonlyArray<readonly [string, (telegram: FakeTelegram) => void, RegExp, number]> = [
    ["a second poller", (telegram) => telegram.setMode({ status: 409 }), /another program polls this bot/, 63],
    ["a webhook", (telegram) => telegram.setWebhook("https://x"), /webhook is active/, 63],
    ["a revoked token", (telegram) => telegram.setMode({ status: 401 }, { method: "getUpdates" }), /Unauthorized/, 8],
    [
      "a server in trouble",
      (telegram) => telegram.setMode({ status: 502 }, { method: "getUpdates" }),
      /HTTP status 502/,
      70
    ]
  ]

  it.effect.each(dead)(
    "that meets %s backs off, is said once, touches nothing else, and comes back",
    ([, set, why, most]) =>
      Effect.gen(function* () {
        const { telegram, start, said } = yield* world()
        yield* start
        set(telegram)
        yield* TestClock.adjust("1 hour")
        const polls = telegram.requests()["getUpdates"] ?? 0
        const trouble = said().filter((line) => line.includes("not heard"))
        telegram.setMode("up")
        telegram.setWebhook(null)
        yield* TestClock.adjust("11 minutes")
        telegram.say("/help", { from: ann, chat })
        yield* TestClock.adjust("2 seconds")

        assert.strictEqual(trouble.length, 1)
        assert.match(trouble[0] ?? "", why)
        assert.isAtMost(polls, most + 2)
        assert.strictEqual(telegram.messages.length, 1)
        assert.isUndefined(telegram.requests()["deleteWebhook"])
      }).pipe(Effect.scoped)
  )

  it.effect("is asked again with no offset after a quiet day, for ids of updates begin anew", () =>
    Effect.gen(function* () {
      const { telegram, start } = yield* world()
      yield* start
      telegram.say("/help", { from: ann, chat })
      yield* TestClock.adjust("49 hours")
      telegram.say("/help", { from: ann, chat })
      yield* TestClock.adjust("2 seconds")

      assert.strictEqual(telegram.messages.length, 2)
      assert.isBelow(telegram.requests()["getUpdates"] ?? 0, 49 * 75)
    }).pipe(Effect.scoped)
  )
})

describe("a chat that moves", () => {
  it.effect("is followed by what Telegram says of it", () =>
    Effect.gen(function* () {
      const from = { id: ann.id, is_bot: false, first_name: "Ann" }
      const group = { id: chat, type: "group", title: "ops" }
      const moved = { id: -100_200, type: "supergroup", title: "ops" }
      const updates = [
        { update_id: 1, message: { message_id: 1, date: 1, from, chat: group, migrate_to_chat_id: moved.id } },
        { update_id: 2, message: { message_id: 2, date: 1, from, chat: moved, text: "/help" } }
      ]
      const sent: Array<unknown> = []
      const { start, replace } = yield* world()
      replace((method, parameters) => {
        if (method === "getMe") return { username: "fake_telegram_bot" }
        if (method === "sendMessage") return (sent.push(parameters["chat_id"]), { message_id: 3 })
        return updates.filter(({ update_id: id }) => id >= Number(parameters["offset"] ?? 0))
      })
      yield* start
      yield* TestClock.adjust("5 seconds")

      assert.deepStrictEqual(sent, [moved.id])
    }).pipe(Effect.scoped)
  )
})

describe("the phone", () => {
  it.effect("is off unless it is asked for, and then asks nothing of anyone", () =>
    Effect.gen(function* () {
      const { telegram, start, said } = yield* world({ WATCHDOG_TELEGRAM_COMMANDS: "false" })
      yield* start
      yield* TestClock.adjust("1 hour")

      assert.deepStrictEqual(telegram.requests(), {})
      assert.deepStrictEqual([...said()], [])
    }).pipe(Effect.scoped)
  )
})

describe("the settings", () => {
  it("want users by their ids", () => {
    assert.deepStrictEqual(Result.getOrThrow(Phone.keys.users.parse("11, 12 13")), [11, 12, 13])
    for (const bad of ["@ann", "-5", "0", "1.5", ",", "99999999999999999999"]) {
      assert.isTrue(Result.isFailure(Phone.keys.users.parse(bad)), bad)
    }
  })

  it.effect("refuse commands of nobody, or by no bot", () =>
    Effect.gen(function* () {
      const settings = yield* Settings
      const problems = Phone.contradictions(settings)

      assert.deepStrictEqual(
        [...problems],
        [
          "WATCHDOG_TELEGRAM_USER_IDS must be set with WATCHDOG_TELEGRAM_COMMANDS=true",
          "WATCHDOG_TELEGRAM_BOT_TOKEN must be set with WATCHDOG_TELEGRAM_COMMANDS=true"
        ]
      )
    }).pipe(Effect.provide(Settings.layerTest({ WATCHDOG_TELEGRAM_COMMANDS: "true" })))
  )
})
