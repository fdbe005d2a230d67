/** The console: where alerts go when no other sink is set, and a view of what was told where there is one. */
import { Context, Effect, Layer } from "effect"
import { Output } from "../base/Output.ts"
import { messageText, printable } from "./Message.ts"
import { type Draft, type MessageSink } from "./Sink.ts"

export class Console extends Context.Service<Console, MessageSink>()("watchdog/sink/Console") {
  static readonly layer: Layer.Layer<Console, never, Output> = Layer.effect(
    Console,
    Effect.gen(function* () {
      const output = yield* Output
      return {
        kind: "message",
        name: "console",
        destination: "this console (standard error)",
        // Its reader is a terminal: a second is enough to gather a storm, and there is no limit to keep to.
        pace: { windowMs: 1_000, perMinute: 60 },
        verify: Effect.succeed(""),
        fit: (draft) => draft.entries.length,
        send: (draft) => Effect.as(output.err(consoleText(draft)), { reference: null, moved: false })
      } satisfies MessageSink
    })
  )
}

/** What a terminal would obey is never printed: names and outputs are hostile input. */
export const consoleText = (draft: Draft): string => printable(messageText(draft).plain)
