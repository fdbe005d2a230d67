/**
 * The fake Telegram as a process of its own, for end-to-end tests: `node fakeTelegramMain.ts`.
 *
 * Environment:
 * - `FAKE_TELEGRAM_TOKEN`: the one token it knows
 * - `FAKE_TELEGRAM_CHATS`: `<id>:<private|group|supergroup>[:<topic>+<topic>…]`, comma-separated
 * - `FAKE_TELEGRAM_LIMITS`: `off` to never answer 429 by itself
 * - `PORT`: default 8081, as the real Bot API server's
 *
 * Ends with 0 on SIGTERM or SIGINT, with 1 on a wrong environment.
 */
import { startFakeTelegram, type FakeTelegramChat } from "./FakeTelegram.ts"

const portDefault = 8_081 // tdlib/telegram-bot-api, --http-port

function readChats(list: string): ReadonlyArray<FakeTelegramChat> | string {
  const chats: Array<FakeTelegramChat> = []
  for (const entry of list.split(",").filter((part) => part.trim() !== "")) {
    const match = /^(-?[0-9]+):(private|group|supergroup)(?::([0-9]+(?:\+[0-9]+)*))?$/.exec(entry.trim())
    if (match === null) return `FAKE_TELEGRAM_CHATS: cannot read "${entry}"`
    const [, id, type, topics] = match
    chats.push({
      id: Number(id),
      type: type as FakeTelegramChat["type"],
      title: `Chat ${id}`,
      ...(topics === undefined ? {} : { topics: topics.split("+").map(Number) })
    })
  }
  return chats.length === 0 ? "FAKE_TELEGRAM_CHATS names no chat" : chats
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

const token = process.env["FAKE_TELEGRAM_TOKEN"] ?? fail("FAKE_TELEGRAM_TOKEN is not set")
const chats = readChats(process.env["FAKE_TELEGRAM_CHATS"] ?? "")
const port = Number(process.env["PORT"] ?? portDefault)

const running = await startFakeTelegram({
  token,
  chats: typeof chats === "string" ? fail(chats) : chats,
  nowMs: () => Date.now(),
  limits: { enforce: process.env["FAKE_TELEGRAM_LIMITS"] !== "off" },
  host: "0.0.0.0",
  port
}).catch((cause: unknown) => fail(`cannot listen on port ${port}: ${String(cause)}`))
process.stdout.write(`fake Telegram listens on port ${running.port}\n`)

// As PID 1 of a container a process gets no default handlers: without these `docker stop` takes ten seconds.
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    void running.close().then(() => process.exit(0))
  })
}
