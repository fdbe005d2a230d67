/** The messages as a person reads them at three in the morning: every kind, through the real dispatcher. */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Alert, type DecisionKind, type Evidence, drillSignal } from "../../src/decision/index.ts"
import type { Destinations } from "../../src/queue/Dispatcher.ts"
import { isSilent, messageText } from "../../src/sink/Message.ts"
import type { MessageSink, SinkError } from "../../src/sink/Sink.ts"
import { type Desk, alert, dispatching, pass, sinkError } from "./scripted.ts"

const hourMs = 3_600_000
const minuteMs = 60_000
const dayMs = 24 * hourMs
/** Every scene begins at 03:12:00 of a day of its own. */
const beginMs = 3 * hourMs + 12 * minuteMs
const timeText = (atMs: number): string => new Date(atMs).toISOString().slice(11, 19)

const killed: Evidence = {
  summary: "killed: out of memory (exited with code 137 (SIGKILL))",
  details: ["restart policy unless-stopped; 2 restarts", "last output: FATAL heap limit reached"]
}
const crashed: Evidence = { summary: "exited with code 1", details: [] }
const full: Evidence = { summary: "98.2 % full, ceiling 97 %", details: ["3.6 GiB left of 200 GiB"] }
const nothing: Evidence = { summary: "", details: [] }

interface Scene {
  readonly title: string
  readonly says: string
  readonly play: (stage: Stage) => Effect.Effect<void>
}

interface Stage {
  readonly desk: Desk
  /** One decision of a signal, now. */
  readonly decide: (
    kind: DecisionKind,
    signal: string,
    evidence?: Evidence,
    more?: Partial<Alert["decision"]>
  ) => Effect.Effect<void>
  readonly decideAt: (
    severity: Alert["severity"],
    kind: DecisionKind,
    signal: string,
    evidence: Evidence
  ) => Effect.Effect<void>
  readonly wait: (ms: number) => Effect.Effect<void>
  /** What the next sends of the primary do. */
  readonly script: Array<Effect.Effect<unknown, SinkError>>
  /** Fails every send of the primary from now on, or no more. */
  readonly cut: (isCut: boolean) => void
}

const api = "container:shop-api"

const scenes: ReadonlyArray<Scene> = [
  {
    title: "Alert",
    says: "A container was killed for want of memory.",
    play: ({ decide }) => decide("alert", api, killed)
  },
  {
    title: "Alert, warning",
    says: "Less than critical has another icon.",
    play: ({ decideAt }) => decideAt("warning", "alert", "memory", { summary: "93 % used, ceiling 90 %", details: [] })
  },
  {
    title: "Recovery",
    says: "It replies to its alert, and is silent.",
    play: ({ decide, wait }) =>
      Effect.gen(function* () {
        const since = yield* decided(decide("alert", api, killed))
        yield* wait(4 * minuteMs)
        yield* decide("recover", api, nothing, { sinceMs: since })
      })
  },
  {
    title: "Reminder",
    says: "Half an hour later, then after one hour, two, four; silent.",
    play: ({ decide, wait }) =>
      Effect.gen(function* () {
        const since = yield* decided(decide("alert", api, killed))
        yield* wait(30 * minuteMs)
        yield* decide("remind", api, killed, { sinceMs: since, reminders: 1 })
      })
  },
  {
    title: "Digest",
    says: "What comes within a second of a message, or in a storm, is one message.",
    play: ({ decide, wait }) =>
      Effect.gen(function* () {
        const since = yield* decided(decide("alert", api, killed))
        yield* decide("alert", "container:shop-web", crashed)
        yield* decide("alert", "disk:/var", full)
        yield* decide("alert", "container:shop-worker", crashed)
        yield* wait(800)
        yield* decide("recover", api, nothing, { sinceMs: since })
        yield* wait(5_000)
      })
  },
  {
    title: "Failed again",
    says: "It had become well and failed again before that could be told.",
    play: ({ decide, wait, cut }) =>
      Effect.gen(function* () {
        yield* decide("alert", api, killed)
        yield* wait(minuteMs)
        cut(true)
        yield* decide("recover", api, nothing)
        yield* wait(30_000)
        yield* decide("alert", api, crashed)
        yield* wait(30_000)
        cut(false)
        yield* wait(minuteMs)
      })
  },
  {
    title: "Late",
    says: "It came and went while Telegram could not be reached; silent.",
    play: ({ decide, wait, cut }) =>
      Effect.gen(function* () {
        cut(true)
        for (const [signal, evidence] of [
          [api, killed],
          ["disk:/var", full]
        ] as const) {
          const since = yield* decided(decide("alert", signal, evidence))
          yield* wait(minuteMs)
          yield* decide("recover", signal, nothing, { sinceMs: since })
        }
        cut(false)
        yield* wait(2 * minuteMs)
      })
  },
  {
    title: "Gone",
    says: "Its source no longer reports it: a container was removed while it was down; silent.",
    play: ({ decide, wait }) =>
      Effect.gen(function* () {
        const since = yield* decided(decide("alert", api, killed))
        yield* wait(9 * minuteMs)
        yield* decide("gone", api, nothing, { sinceMs: since })
      })
  },
  {
    title: "Flapping, still flapping, settled",
    says: "From the fourth fault in a quarter of an hour on only this is told, until one side has held for five minutes.",
    play: ({ decide, wait }) =>
      Effect.gen(function* () {
        const since = yield* decided(decide("flapping", api, crashed, { raises: 4 }))
        yield* wait(30 * minuteMs)
        yield* decide("remind", api, crashed, { sinceMs: since, raises: 33 })
        yield* wait(30 * minuteMs)
        yield* decide("settled", api, nothing, { sinceMs: since, raises: 61, active: false })
      })
  },
  {
    title: "Settled, and down",
    says: "It rings: nobody was told that it stays down.",
    play: ({ decide, wait }) =>
      Effect.gen(function* () {
        const since = yield* decided(decide("flapping", api, crashed, { raises: 4 }))
        yield* wait(20 * minuteMs)
        yield* decide("settled", api, crashed, { sinceMs: since, raises: 21, active: true })
      })
  },
  {
    title: "Found at start",
    says: "After a start without a hand-over nobody can know since when.",
    play: ({ decide }) => decide("alert", api, crashed, { foundAtStart: true })
  },
  {
    title: "Possibly repeated, and an end in doubt",
    says: "A send got no answer: it may have arrived.",
    play: ({ decide, wait, script }) =>
      Effect.gen(function* () {
        script.push(Effect.fail(sinkError({ reason: "Timeout", maybeSent: true })))
        yield* decide("alert", api, killed)
        yield* wait(minuteMs)
        script.push(Effect.fail(sinkError({ reason: "Timeout", maybeSent: true, retryAfterMs: 2 * minuteMs })))
        const since = yield* decided(decide("alert", "disk:/var", full))
        yield* wait(minuteMs)
        yield* decide("recover", "disk:/var", nothing, { sinceMs: since })
        yield* wait(minuteMs)
      })
  },
  {
    title: "While muted",
    says: "At the end of a mute what is true is told, and what came and went is listed.",
    play: ({ decide, wait, desk }) =>
      Effect.gen(function* () {
        const nowMs = yield* decided(Effect.void)
        yield* desk.mutes.mute({ pattern: "*", untilMs: nowMs + hourMs, by: "maintenance" })
        for (let times = 0; times < 2; times++) {
          const since = yield* decided(decide("alert", api, crashed))
          yield* wait(5 * minuteMs)
          yield* decide("recover", api, nothing, { sinceMs: since })
          yield* wait(5 * minuteMs)
        }
        const since = yield* decided(decide("alert", "container:shop-worker", crashed))
        yield* wait(5 * minuteMs)
        yield* decide("recover", "container:shop-worker", nothing, { sinceMs: since })
        yield* decide("alert", "container:shop-web", killed)
        yield* wait(hourMs)
      })
  },
  {
    title: "Drill",
    says: "`watchdog test-alert`, and its end.",
    play: ({ decide, wait }) =>
      Effect.gen(function* () {
        const because = { summary: "nothing is wrong: someone ran watchdog test-alert", details: [] }
        const since = yield* decided(decide("alert", drillSignal, because))
        yield* wait(2_000)
        yield* decide("recover", drillSignal, nothing, { sinceMs: since })
      })
  },
  {
    title: "The fallback speaks, and is silent again",
    says: "Telegram cannot be reached for longer than WATCHDOG_FALLBACK_AFTER; then it can.",
    play: ({ decide, wait, cut }) =>
      Effect.gen(function* () {
        cut(true)
        yield* decide("alert", api, killed)
        yield* wait(20 * minuteMs)
        cut(false)
        yield* wait(2 * minuteMs)
      })
  },
  {
    title: "Refused however it is put",
    says: "Telegram refuses an entry for a reason nobody knows: at last only the least is said of it.",
    play: ({ decide, wait, script }) =>
      Effect.gen(function* () {
        script.push(...[1, 2, 3].map(() => Effect.fail(sinkError({ reason: "Rejected" }))))
        yield* decide("alert", api, killed)
        yield* wait(minuteMs)
      })
  }
]

/** When it was decided: the beginning of the fault. */
const decided = (deciding: Effect.Effect<void>): Effect.Effect<number> =>
  Effect.andThen(
    deciding,
    Effect.clockWith((clock) => Effect.sync(() => clock.currentTimeMillisUnsafe()))
  )

interface Shown {
  readonly sink: string
  readonly atMs: number
  readonly text: string
  readonly how: ReadonlyArray<string>
}

const perform = (scene: Scene): Effect.Effect<ReadonlyArray<Shown>> => {
  const shown: Array<Shown> = []
  const script: Array<Effect.Effect<unknown, SinkError>> = []
  let cut = false
  const sinkOf = (name: string, primary: boolean): MessageSink => ({
    kind: "message",
    name,
    destination: primary ? "Telegram chat -1001" : "the webhook at ops.example.org",
    pace: { windowMs: 1_000, perMinute: 15 },
    verify: Effect.succeed("it is there"),
    fit: (draft) => draft.entries.length,
    send: (draft) =>
      Effect.gen(function* () {
        if (primary && cut) return yield* sinkError({ detail: "Telegram cannot be reached: ECONNREFUSED" })
        if (primary) yield* script.shift() ?? Effect.void
        const how = [isSilent(draft) ? "silent" : "rings", ...(draft.replyTo === null ? [] : ["a reply"])]
        const atMs = yield* Effect.clockWith((clock) => Effect.sync(() => clock.currentTimeMillisUnsafe()))
        shown.push({ sink: name, atMs, text: messageText(draft).plain, how })
        return { reference: String(shown.length), moved: false }
      })
  })
  const destinations: Destinations = { primaries: [sinkOf("telegram", true)], fallback: sinkOf("webhook", false) }
  const self = (desk: Desk): Effect.Effect<void> => {
    const decideAt = (
      severity: Alert["severity"],
      kind: DecisionKind,
      signal: string,
      evidence: Evidence,
      more: Partial<Alert["decision"]> = {}
    ): Effect.Effect<void> =>
      Effect.clockWith((clock) => {
        const nowMs = clock.currentTimeMillisUnsafe()
        return desk.offer(alert(kind, signal, { atMs: nowMs, sinceMs: nowMs, evidence, ...more }, severity))
      })
    return Effect.gen(function* () {
      const nowMs = yield* Effect.clockWith((clock) => Effect.sync(() => clock.currentTimeMillisUnsafe()))
      yield* pass(Math.ceil(nowMs / dayMs) * dayMs + beginMs - nowMs)
      yield* scene.play({
        desk,
        decide: (kind, signal, evidence = nothing, more = {}) => decideAt("critical", kind, signal, evidence, more),
        decideAt,
        wait: pass,
        script,
        cut: (isCut) => void (cut = isCut)
      })
      yield* pass(1_000)
    })
  }
  return Effect.as(dispatching(destinations, self, timeText), shown)
}

const docs = path.resolve(import.meta.dirname, "../../docs/messages.md")

const header = `# The messages, as they are read

Written by \`test/queue/messages.test.ts\` (\`UPDATE_DOCS=1\`), which fails where this page is not what is sent. In Telegram the name after each
icon is bold. Every scene begins at 03:12:00.
`

describe("every kind of message", () => {
  it.effect("is what docs/messages.md shows", () =>
    Effect.gen(function* () {
      const parts: Array<string> = [header]
      for (const scene of scenes) {
        const shown = yield* Effect.suspend(() => perform(scene))
        const fallbackSpeaks = shown.some(({ sink }) => sink !== "telegram")
        parts.push(`## ${scene.title}\n\n${scene.says}\n`)
        for (const { sink, atMs, text, how } of shown) {
          const to = fallbackSpeaks ? `, ${sink}` : ""
          parts.push(`${timeText(atMs)}${to}, ${how.join(", ")}\n\n\`\`\`text\n${text}\n\`\`\`\n`)
        }
      }
      const page = parts.join("\n")
      // oxlint-disable-next-line no-console
      if (process.env["SHOW"] !== undefined) console.log(page)
      if (process.env["UPDATE_DOCS"] !== undefined) fs.writeFileSync(docs, page)

      assert.strictEqual(page, fs.readFileSync(docs, "utf8"))
    })
  )
})
