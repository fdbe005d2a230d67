/** Every way in which Telegram fails, times every kind of message: what is sent, when, and that in the end people know the truth. */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, type Scope } from "effect"
import { HttpClient } from "effect/http"
import { Http } from "../../src/base/Http.ts"
import { Settings } from "../../src/base/Keys.ts"
import type { Alert } from "../../src/decision/index.ts"
import type { MessageSink } from "../../src/sink/Sink.ts"
import { Telegram } from "../../src/sink/Telegram.ts"
import { type FakeTelegram, type FakeTelegramMode, makeFakeTelegram } from "../../src/testing/FakeTelegram.ts"
import { type Reply, clientOf, telegramClient } from "../../src/testing/InMemory.ts"
import { alert, dispatching, pass } from "./scripted.ts"

const token = "123456789:matrix-AAAAAAAAAAAAAAAAAAAAAAAAA"
const chatId = -1_001
const minuteMs = 60_000
const reminderMs = 30 * minuteMs

interface FailureClass {
  readonly name: string
  /** How many requests fail so; the rest is as ever. */
  readonly count: number
  /** Answers in the fake's stead; `core` still gets the message where it arrives all the same. */
  readonly reply?: (arrive: () => void) => Reply
  /** Or a mode of the fake. */
  readonly mode?: FakeTelegramMode | undefined
  readonly thread?: number
  /** Refuses this signal for ever. */
  readonly refuses?: string
}

const answer = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: typeof body === "string" ? body : JSON.stringify(body)
})
const badRequest = (description: string): FakeTelegramMode => ({
  status: 400,
  description: `Bad Request: ${description}`
})

const classes: ReadonlyArray<FailureClass> = [
  { name: "connection refused", count: 2, reply: () => ({ errno: "ECONNREFUSED" }) },
  { name: "reset, and it had arrived", count: 1, reply: (arrive) => (arrive(), { errno: "ECONNRESET" }) },
  { name: "reset, and it had not", count: 1, reply: () => ({ errno: "ECONNRESET" }) },
  { name: "no answer, and it had arrived", count: 1, mode: "hangAfterAccept" },
  { name: "no answer, and it had not", count: 1, mode: "hang" },
  { name: "500", count: 2, mode: { status: 500 } },
  { name: "502 from a proxy, in HTML", count: 2, mode: { status: 502 } },
  { name: "429, `retry_after` 30 in the body", count: 1, mode: { status: 429, retryAfter: 30 } },
  {
    name: "429, `Retry-After` 30 in the header only",
    count: 1,
    reply: () => answer(429, "slow down", { "retry-after": "30" })
  },
  { name: "401, token revoked", count: 1, mode: { status: 401 } },
  {
    name: "403, kicked",
    count: 1,
    mode: { status: 403, description: "Forbidden: bot was kicked from the supergroup chat" }
  },
  {
    name: "404, no such route",
    count: 1,
    reply: () => answer(404, { ok: false, error_code: 404, description: "Not Found" })
  },
  { name: "400, chat not found", count: 1, mode: badRequest("chat not found") },
  { name: "400, the group has moved", count: 1, mode: { migrateTo: -1_002 } },
  {
    name: "400, the topic is gone",
    count: 1,
    thread: 7,
    mode: badRequest("message thread not found")
  },
  {
    name: "400, the message replied to is gone",
    count: 1,
    mode: badRequest("message to be replied not found")
  },
  { name: "400, cannot parse entities", count: 1_000, mode: { cantParse: true } },
  { name: "400, too long", count: 1, mode: badRequest("message is too long") },
  { name: "400, a reason nobody knows, twice", count: 2, mode: badRequest("QUANTUM_FLUX") },
  { name: "400, a reason nobody knows, for `a` for ever", count: 0, refuses: "a" }
]

/** A moment in the case, and the fault or its end that is told then. */
interface Kind {
  readonly name: string
  /** Told half an hour before anything fails. */
  readonly before: ReadonlyArray<Alert>
  /** Told just before: what comes next is gathered. */
  readonly lead?: Alert
  /** What is told while it fails. */
  readonly meanwhile: ReadonlyArray<Alert>
  readonly open: ReadonlyArray<string>
}

const down = (signal: string, more: Partial<Alert["decision"]> = {}): Alert =>
  alert("alert", signal, { evidence: { summary: "exited with code 1", details: [] }, ...more })

const kinds: ReadonlyArray<Kind> = [
  { name: "alert", before: [], meanwhile: [down("a")], open: ["a"] },
  { name: "recovery", before: [down("a")], meanwhile: [alert("recover", "a", { atMs: reminderMs })], open: [] },
  {
    name: "digest",
    before: [],
    lead: down("x"),
    meanwhile: [down("a"), down("b"), down("c")],
    open: ["a", "b", "c", "x"]
  },
  {
    name: "reminder",
    before: [down("a")],
    meanwhile: [alert("remind", "a", { atMs: reminderMs, reminders: 1 })],
    open: ["a"]
  }
]

interface Requested {
  readonly atMs: number
  readonly what: string
}

const makeSink = (
  client: HttpClient.HttpClient,
  thread: number | undefined
): Effect.Effect<MessageSink, never, Scope.Scope> =>
  Effect.gen(function* () {
    const settings = Settings.layerTest({
      WATCHDOG_TELEGRAM_BOT_TOKEN: token,
      WATCHDOG_TELEGRAM_CHAT_ID: String(chatId),
      ...(thread === undefined ? {} : { WATCHDOG_TELEGRAM_THREAD_ID: String(thread) })
    })
    const layer = Layer.provide(
      Telegram.layer,
      Layer.merge(
        Http.layerTest(() => client),
        settings
      )
    )
    const sink = yield* Effect.provideContext(Telegram, yield* Layer.build(layer))
    if (sink === undefined) throw new Error("not configured")
    return sink
  })

/** What a request says, in one line: entries by icon and id, and what is special about it. */
const headOf = (request: Record<string, unknown>): string => {
  const text = String(request["text"]).replaceAll(/<\/?b>/g, "")
  const special = [
    ...(request["parse_mode"] === undefined ? ["plain"] : []),
    ...(request["reply_parameters"] === undefined ? [] : ["reply"]),
    ...(request["message_thread_id"] === undefined ? [] : ["topic"]),
    ...(text.includes("possibly repeated") ? ["marked as repeated"] : []),
    ...(request["disable_notification"] === true ? ["silent"] : [])
  ]
  return `${entriesOf(text).join(" ")}${special.length === 0 ? "" : ` (${special.join(", ")})`}`
}

const entriesOf = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^(🔴|🔁|✅|🕓|⚪) (\w)(?=[ :]|$)/gmu)].map((match) => `${match[1]} ${match[2]}`)

/** What a person who reads the chat holds for true. */
const believed = (core: FakeTelegram): ReadonlyArray<string> => {
  const open = new Set<string>()
  for (const { text } of core.messages) {
    for (const entry of entriesOf(text)) {
      const [icon, signal = ""] = entry.split(" ")
      if (icon === "🔴") {
        assert.isTrue(!open.has(signal) || text.includes("possibly repeated"), `${signal} told twice, and not said so`)
        open.add(signal)
      } else if (icon === "✅" || icon === "⚪") {
        assert.isTrue(open.has(signal) || text.includes("possibly repeated"), `an end of ${signal} without its fault`)
        open.delete(signal)
      }
    }
  }
  return [...open].sort()
}

interface Row {
  readonly requests: ReadonlyArray<string>
  readonly open: ReadonlyArray<string>
  readonly givenUp: number
}

const play = (failure: FailureClass, kind: Kind): Effect.Effect<Row> =>
  Effect.scoped(
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const core = makeFakeTelegram({
        token,
        chats: [{ id: chatId, type: "supergroup", title: "Ops", topics: [7] }],
        nowMs: () => clock.currentTimeMillisUnsafe()
      })
      const requests: Array<Requested> = []
      let left = 0
      const real = telegramClient(core)
      const client = HttpClient.make((request, url) => {
        if (!url.pathname.endsWith("/sendMessage")) return real.execute(request)
        const body = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : "{}"
        const sent = JSON.parse(body) as Record<string, unknown>
        const atMs = clock.currentTimeMillisUnsafe()
        const note = (outcome: string) =>
          Effect.sync(() => void requests.push({ atMs, what: `${outcome} ${headOf(sent)}` }))
        const arrive = (): void => {
          core.handle({ method: request.method, path: url.pathname, headers: { ...request.headers }, body })
        }
        const refused =
          failure.refuses !== undefined &&
          entriesOf(String(sent["text"]).replaceAll(/<\/?b>/g, "")).some((entry) =>
            entry.endsWith(` ${failure.refuses}`)
          )
        const scripted =
          refused && left > 0
            ? () => answer(400, { ok: false, error_code: 400, description: "Bad Request: QUANTUM_FLUX" })
            : failure.reply !== undefined && left-- > 0
              ? failure.reply
              : undefined
        const used = scripted === undefined ? real : clientOf(() => scripted(arrive))
        return used.execute(request).pipe(
          Effect.tap((response) => note(response.status === 200 ? "✔" : `✖ ${response.status}`)),
          Effect.tapError(() => note("✖ lost")),
          Effect.onInterrupt(() => note("✖ no answer"))
        )
      })
      const sink = yield* makeSink(client, failure.thread)
      let givenUp = 0
      yield* dispatching({ primaries: [sink] }, ({ offer, dispatcher }) =>
        Effect.gen(function* () {
          yield* offer(...kind.before)
          yield* pass(reminderMs)
          if (kind.lead !== undefined) yield* offer(kind.lead)
          requests.length = 0
          left = failure.refuses === undefined ? failure.count : 1
          if (failure.mode !== undefined) core.setMode(failure.mode, { count: failure.count, method: "sendMessage" })
          yield* offer(...kind.meanwhile)
          yield* pass(2 * reminderMs)
          givenUp = (yield* dispatcher.health)[0]?.givenUp ?? 0
          assert.strictEqual((yield* dispatcher.health)[0]?.waiting, 0)
        })
      )
      assert.deepStrictEqual(core.problems, [])
      return {
        requests: requests.map(({ atMs, what }) => `${secondsOf(atMs - reminderMs)} ${what}`),
        open: believed(core),
        givenUp
      }
    })
  )

const secondsOf = (ms: number): string => `${Math.round(ms / 100) / 10} s`

const table: Array<string> = []
const docs = path.resolve(import.meta.dirname, "../../docs/delivery-matrix.md")

describe("every failure of Telegram, for every kind of message", () => {
  for (const failure of classes) {
    for (const kind of kinds) {
      it.effect(`${failure.name}: ${kind.name}`, () =>
        Effect.gen(function* () {
          const row = yield* play(failure, kind)

          table.push(`| ${failure.name} | ${kind.name} | ${row.requests.join("<br>")} | ${verdict(row)} |`)
          const gaveUp = row.givenUp > 0
          assert.strictEqual(gaveUp, failure.refuses !== undefined)
          assert.deepStrictEqual(row.open, gaveUp ? leftWith(kind) : kind.open)
        })
      )
    }
  }

  it("is what docs/delivery-matrix.md says", () => {
    const text = `${header}\n${table.join("\n")}\n`
    // oxlint-disable-next-line no-console
    if (process.env["SHOW"] !== undefined) console.log(text)
    if (process.env["UPDATE_DOCS"] !== undefined) fs.writeFileSync(docs, text)

    assert.strictEqual(fs.readFileSync(docs, "utf8"), text)
  })
})

/** What a reader holds for true to whom nothing can be said of `a`: what he held before. */
const leftWith = (kind: Kind): ReadonlyArray<string> =>
  [...new Set([...kind.before.map(({ signal }) => signal), ...kind.open.filter((signal) => signal !== "a")])].sort()

const verdict = ({ open, givenUp }: Row): string =>
  `${open.length === 0 ? "all well" : open.join(", ")}${givenUp === 0 ? "" : `; given up: ${givenUp}, logged`}`

const header = `# Every failure of Telegram, for every kind of message

Written by \`test/queue/matrix.test.ts\` (\`UPDATE_DOCS=1\`), which fails where this page is not what happens. The real sink and dispatcher
against the strict fake Telegram, under a test clock, jitter off. Seconds count from the moment the message fell due; ✔ is a request that
was answered with success. The last column is what a reader of the chat holds for active in the end, and, where nothing is given up, it is
the truth each time. Signals are \`a\`, \`b\`, \`c\`, \`x\`.

| Telegram | message | requests | told in the end |
|---|---|---|---|`
