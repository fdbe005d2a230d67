import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { layerBoard } from "../../src/App.ts"
import { Http } from "../../src/base/Http.ts"
import { Loops } from "../../src/base/Loops.ts"
import { Settings } from "../../src/base/Keys.ts"
import { Output } from "../../src/base/Output.ts"
import { testAlert } from "../../src/commands/TestAlert.ts"
import { Journal } from "../../src/status/Journal.ts"
import { type FakeTelegram, makeFakeTelegram } from "../../src/testing/FakeTelegram.ts"
import { telegramClient } from "../../src/testing/InMemory.ts"

const token = "123456789:drill-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

const telegramEnv = {
  WATCHDOG_HOST_NAME: "box-1",
  WATCHDOG_TIMEZONE: "UTC",
  WATCHDOG_TELEGRAM_BOT_TOKEN: token,
  WATCHDOG_TELEGRAM_CHAT_ID: "42",
  WATCHDOG_TELEGRAM_API_URL: "http://telegram"
}

/** Runs a drill to its end against a strict fake Telegram. */
const drill = (
  options: { readonly env?: Readonly<Record<string, string>>; readonly before?: (telegram: FakeTelegram) => void } = {}
) =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const telegram = makeFakeTelegram({
      token,
      chats: [{ id: 42, type: "private", title: "me" }],
      nowMs: () => clock.currentTimeMillisUnsafe()
    })
    options.before?.(telegram)
    const out: Array<string> = []
    const err: Array<string> = []
    const world = layerBoard("test").pipe(
      Layer.provideMerge(Layer.mergeAll(Journal.layer("drill"), Loops.layer)),
      Layer.provideMerge(
        Layer.mergeAll(
          Output.layerMemory(out, err),
          Settings.layerTest(options.env ?? telegramEnv),
          Http.layerTest(() => telegramClient(telegram))
        )
      )
    )
    const fiber = yield* Effect.forkChild(Effect.scoped(Effect.provide(testAlert, world)))
    yield* TestClock.adjust("1 minute")
    const code = yield* Fiber.join(fiber)
    return { code, said: out.filter((line) => !line.startsWith("{")), err, messages: telegram.messages }
  })

describe("a drill", () => {
  it.effect("goes the whole way, there and back, and is marked as one", () =>
    Effect.gen(function* () {
      const { code, said, messages } = yield* drill()

      assert.strictEqual(code, 0)
      assert.deepStrictEqual(
        messages.map(({ text, silent }) => [text.split("\n")[0], silent]),
        [
          ["🧪 drill nothing is wrong: someone ran watchdog test-alert", false],
          [messages[1]?.text.split("\n")[0], true]
        ]
      )
      assert.match(messages[1]?.text ?? "", /^🧪 drill /)
      assert.match(said[0] ?? "", /^✔ {2}alert {2}Telegram chat 42 {2}accepted after \d+ ms$/)
      assert.match(said[1] ?? "", /^✔ {2}end {2}Telegram chat 42 {2}accepted after \d+ ms$/)
    })
  )

  it.effect("that is refused says by whom and why, at once, and is 1", () =>
    Effect.gen(function* () {
      const { code, said } = yield* drill({ env: { ...telegramEnv, WATCHDOG_TELEGRAM_CHAT_ID: "43" } })

      assert.strictEqual(code, 1)
      assert.match(said.join("\n"), /^✖ {2}alert {2}Telegram chat 43 {2}not accepted: .*chat not found/)
    })
  )

  it.effect("without a sink goes to the console", () =>
    Effect.gen(function* () {
      const { code, err } = yield* drill({ env: {} })

      assert.strictEqual(code, 0)
      assert.strictEqual(err[0], "no sink is set: the drill goes to this console")
      assert.strictEqual(err.filter((line) => line.includes("🧪 drill")).length, 2)
    })
  )
})
