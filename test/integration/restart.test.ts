/**
 * A restart at every point of an incident, with and without the state file. `SHOW=1` prints what people read.
 *
 * Two containers fail, are reminded of and recover: six messages. Around each of them the watchdog is ended (by SIGKILL, or told to
 * leave) before it, in the middle of it, and after it, and started again three seconds later.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Random } from "effect"
import { TestClock } from "effect/testing"
import * as Scenario from "../../src/testing/Scenario.ts"

const stateFile = "/state/watchdog.json"

/** How the watchdog ends. `leave`: SIGTERM, with a flush. */
type Ending = "kill" | "leave"

/** Where it ends: `afterMs` from the moment a message was sent in the undisturbed run; in the middle of it Telegram hangs. */
interface Point {
  readonly message: number
  readonly name: string
  readonly afterMs: number
  readonly hang?: "hang" | "hangAfterAccept"
}

interface Played {
  readonly texts: ReadonlyArray<string>
  readonly sentAtMs: ReadonlyArray<number>
}

interface Variant {
  readonly point?: Point
  readonly ending?: Ending
  readonly file: boolean
}

const downMs = 3_000

/** What happens in the world, by the second. */
const script: ReadonlyArray<readonly [number, (scenario: Scenario.Scenario) => void]> = [
  [45, ({ engine }) => engine.kill("web")],
  [85, ({ engine }) => engine.kill("db")],
  [245, ({ engine }) => engine.start("web")],
  [285, ({ engine }) => engine.start("db")],
  [400, () => {}]
]

/** What the incident is not about looks seldom, or the matrix would take minutes. */
const seldom = Object.fromEntries(
  ["ORCHESTRATOR", "DISK", "MEMORY", "LOAD", "PRESSURE", "DEPENDENCIES"].map((name) => [
    `WATCHDOG_${name}_INTERVAL`,
    "10m"
  ])
)

/** Waits until so long after a moment; one test clock runs through the whole matrix. */
const untilAfter = (startMs: number) => (ms: number) =>
  Effect.flatMap(Clock.currentTimeMillis, (nowMs) => TestClock.adjust(Math.max(0, Math.round(startMs + ms - nowMs))))

const restart = (
  scenario: Scenario.Scenario,
  { point, ending }: Variant,
  sentMs: number,
  until: (ms: number) => Effect.Effect<void>
): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (point === undefined) return
    if (point.hang !== undefined) {
      yield* until(sentMs - 1)
      scenario.telegram.setMode(point.hang, { count: 1, method: "sendMessage" })
    }
    yield* until(sentMs + point.afterMs)
    if (ending === "kill") yield* scenario.kill
    else {
      const leaving = yield* Effect.forkChild(scenario.leave)
      yield* TestClock.adjust("6 seconds")
      yield* Fiber.join(leaving)
    }
    yield* TestClock.adjust(downMs)
    yield* scenario.start
  })

/** Plays the incident; the same chance each time, so that nothing differs but the restart. */
const play = (variant: Variant, sentAtMs: ReadonlyArray<number> = []): Effect.Effect<Played> =>
  Effect.gen(function* () {
    const scenario = yield* Scenario.make({
      env: {
        WATCHDOG_DOCKER_EVENTS: "false",
        ...seldom,
        WATCHDOG_COOLDOWN: "2m",
        WATCHDOG_DEPLOY_GRACE: "0s",
        ...(variant.file ? { WATCHDOG_STATE_FILE: stateFile } : {})
      }
    })
    for (const name of ["web", "db"]) scenario.engine.run({ name, image: `${name}:1`, restart: "unless-stopped" })
    const startMs = yield* Clock.currentTimeMillis
    const until = untilAfter(startMs)
    yield* scenario.start
    const cutMs = variant.point === undefined ? Number.POSITIVE_INFINITY : (sentAtMs[variant.point.message] ?? 0)
    let cut = false
    for (const [atS, act] of script) {
      if (!cut && cutMs - 1_000 < atS * 1_000) {
        cut = true
        yield* restart(scenario, variant, cutMs, until)
      }
      yield* until(atS * 1_000)
      act(scenario)
    }
    return {
      texts: scenario.told(),
      sentAtMs: scenario.telegram.messages.map((message) => message.atMs - startMs)
    }
  }).pipe(Effect.scoped, Random.withSeed("restart"))

const points: ReadonlyArray<Omit<Point, "message">> = [
  { name: "a second before", afterMs: -1_000 },
  { name: "a moment before", afterMs: -1 },
  { name: "within, lost", afterMs: 500, hang: "hang" },
  { name: "within, arrived", afterMs: 500, hang: "hangAfterAccept" },
  { name: "a moment after", afterMs: 1 },
  { name: "a second after", afterMs: 1_000 }
]

/** One entry of a message in a word: its icon, its signal, and whether it says of itself that it may be a repetition. */
const wordsOf = (text: string): ReadonlyArray<string> =>
  text.split("\n\n").flatMap((part) => {
    const match = /^(\p{Emoji_Presentation}|〰️) container:(\w+)/u.exec(part)
    if (match === null) return []
    const marks = [
      ...(part.includes("possibly repeated") ? ["?"] : []),
      ...(part.includes("its alert may not have arrived") ? ["~"] : []),
      ...(part.includes("found at start") ? ["!"] : [])
    ]
    return [`${match[1]}${match[2]}${marks.join("")}`]
  })

const story = (played: Played): ReadonlyArray<string> => played.texts.flatMap(wordsOf)

const show = (...lines: ReadonlyArray<string>): void => {
  if (process.env["SHOW"] === "1") process.stdout.write(`${lines.join("\n")}\n`)
}

describe("a restart", () => {
  for (const file of [true, false]) {
    for (const ending of ["kill", "leave"] as const) {
      const named = `${file ? "with" : "without"} the state file, by ${ending === "kill" ? "SIGKILL" : "SIGTERM"}`
      it.effect(
        `at every point of an incident, ${named}`,
        () =>
          Effect.gen(function* () {
            const whole = yield* play({ file })
            const undisturbed = story(whole)
            assert.deepStrictEqual([...undisturbed], ["🔴web", "🔴db", "🔁web", "🔁db", "✅web", "✅db"])
            show(
              "",
              `${named}: ${undisturbed.join(" ")} undisturbed`,
              "  ? possibly repeated, ~ its alert may not have arrived, ! found at start"
            )

            for (const message of undisturbed.keys()) {
              for (const part of points) {
                const point: Point = { ...part, message }
                const played = yield* play({ point, ending, file }, whole.sentAtMs)
                const told = story(played)
                show(`  ${undisturbed[message]} ${point.name.padEnd(16)} ${told.join(" ")}`)
                const where = `${named}, ${undisturbed[message]}, ${point.name}: ${told.join(" ")}`
                if (file) isTrue(told, point, where)
                else isHonest(told, where)
              }
            }
          }),
        300_000
      )
    }
  }
})

/** With the file: each fault told once and ended once; only within a send may something come twice, and then it says so. */
const isTrue = (told: ReadonlyArray<string>, point: Point, where: string): void => {
  for (const name of ["web", "db"]) {
    for (const icon of ["🔴", "✅"]) {
      const all = told.filter((word) => word.startsWith(`${icon}${name}`))
      const sure = all.filter((word) => !word.includes("?"))
      if (point.hang === undefined) assert.strictEqual(all.length, 1, where)
      assert.isAtMost(sure.length, 1, where)
      assert.isAtLeast(all.length, 1, where)
    }
    const reminders = told.filter((word) => word.startsWith(`🔁${name}`))
    assert.isAtMost(reminders.filter((word) => !word.includes("?")).length, 1, where)
    const firstOf = (icon: string) => told.findIndex((word) => word.startsWith(`${icon}${name}`))
    assert.isBelow(firstOf("🔴"), firstOf("✅"), where)
  }
  assert.isFalse(
    told.some((word) => word.includes("!")),
    where
  )
}

/** Without it: what is told a second time says why, and nothing ends twice. */
const isHonest = (told: ReadonlyArray<string>, where: string): void => {
  for (const name of ["web", "db"]) {
    const alerts = told.filter((word) => word.startsWith(`🔴${name}`))
    assert.isAtLeast(alerts.length, 1, where)
    for (const again of alerts.slice(1)) assert.include(again, "!", where)
    assert.isAtMost(told.filter((word) => word.startsWith(`✅${name}`) && !word.includes("?")).length, 1, where)
  }
}
