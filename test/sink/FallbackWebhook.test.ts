import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Http } from "../../src/base/Http.ts"
import { Settings } from "../../src/base/Keys.ts"
import { FallbackWebhook, contradictions, entry, keys } from "../../src/sink/FallbackWebhook.ts"
import * as sinks from "../../src/sink/index.ts"
import { keys as webhook } from "../../src/sink/Webhook.ts"

const made = (settings: Readonly<Record<string, string>>) =>
  Effect.flatMap(
    Layer.build(Layer.provide(FallbackWebhook.layer, Layer.merge(Http.layer, Settings.layerTest(settings)))),
    (context) => Effect.provideContext(FallbackWebhook, context)
  )

describe("the fallback", () => {
  it("is the only one of its role", () => {
    assert.deepStrictEqual(
      Object.values(sinks).map((module) => [module.entry.name, module.entry.role]),
      [
        ["telegram", "primary"],
        ["alertmanager", "primary"],
        ["webhook", "primary"],
        ["fallback", "fallback"]
      ]
    )
    assert.strictEqual(entry.role, "fallback")
  })

  it.effect("is a webhook by another name, at its own address", () =>
    Effect.gen(function* () {
      const sink = yield* made({ [keys.url.name]: "https://b.org/x", [webhook.url.name]: "https://a.org/x" })

      assert.deepStrictEqual([sink?.kind, sink?.name, sink?.destination], ["message", "fallback", "fallback b.org"])
      assert.isUndefined(yield* made({ [webhook.url.name]: "https://a.org/x" }))
    })
  )
})

describe("settings", () => {
  it.effect.each([
    [{}, []],
    [{ [webhook.url.name]: "https://a.org/", [webhook.secret.name]: "long-enough" }, []],
    [{ [keys.url.name]: "https://a.org/", [webhook.secret.name]: "long-enough", [keys.after.name]: "1m" }, []],
    [{ [keys.after.name]: "1m" }, [`${keys.after.name} has no use without ${keys.url.name}`]],
    [
      { [webhook.secret.name]: "long-enough" },
      [`${webhook.secret.name} has no use without ${webhook.url.name} or ${keys.url.name}`]
    ],
    [
      { [webhook.url.name]: "https://a.org/", [keys.url.name]: "https://a.org/" },
      [`${keys.url.name} must be another way than ${webhook.url.name}`]
    ]
  ] as const)("contradict each other: %o", ([given, wanted]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(contradictions(yield* Settings), wanted)
    }).pipe(Effect.provide(Settings.layerTest(given as Record<string, string>)))
  )
})
