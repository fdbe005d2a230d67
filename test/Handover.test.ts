/** What one run leaves to the next, through the whole watchdog: nothing repeated, nothing lost, and never a reason not to start. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { TestClock } from "effect/testing"
import { type Anchor, bornState, defaultPolicy } from "../src/decision/index.ts"
import * as Handover from "../src/Handover.ts"
import { type FakeStateDisk, makeFakeStateDisk } from "../src/testing/FakeStateDisk.ts"
import * as Scenario from "../src/testing/Scenario.ts"

const file = "/state/watchdog.json"

const anchor = (wallMs: number, monotonicMs: number, runId: string): Anchor => ({ wallMs, monotonicMs, runId })

describe("what is left", () => {
  const legacy: Handover.Legacy = {
    watched: [
      {
        spec: { signal: "disk:/", severity: "critical", policy: defaultPolicy },
        collector: "disk",
        state: { ...bornState(1_000, { summary: "full", details: [] }), active: true, sinceMs: 4_000 }
      },
      { spec: { signal: "new", severity: "warning", policy: defaultPolicy }, collector: "disk", state: null }
    ],
    sinks: { v: 1, sinks: {} },
    mutes: [
      { pattern: "disk:*", untilMs: 60_000, by: "@ann" },
      { pattern: "*", untilMs: 60_000, by: "maintenance" }
    ],
    notes: { notice: { untold: 1 } }
  }
  const saved = () => Handover.freeze(legacy, anchor(1_000_000, 10_000, "a"))
  const readBack = (into: Anchor) =>
    Result.getOrThrow(Handover.thaw(JSON.parse(JSON.stringify(saved())) as ReturnType<typeof saved>, into))

  it("comes into the next run's clock with its ages grown by the wall time that passed", () => {
    // A machine that was started anew: its monotonic clock is younger than the fault.
    const thawed = readBack(anchor(1_030_000, 500, "b"))

    // It was 6 s old, and 30 s have passed; the mute had 50 s left.
    assert.strictEqual(500 - (thawed.watched[0]?.state?.sinceMs ?? 0), 36_000)
    assert.deepStrictEqual(thawed.mutes, [{ pattern: "disk:*", untilMs: 20_500, by: "@ann" }])
    assert.strictEqual(thawed.watched.length, 1)
    assert.deepStrictEqual(thawed.sinks, legacy.sinks)
    assert.deepStrictEqual(thawed.notes, legacy.notes)
  })

  it("does not grow younger where the wall clock was set back", () => {
    const thawed = readBack(anchor(0, 500, "b"))

    assert.strictEqual(500 - (thawed.watched[0]?.state?.sinceMs ?? 0), 6_000)
    assert.strictEqual((thawed.mutes[0]?.untilMs ?? 0) - 500, 50_000)
  })

  it("is refused where another version wrote it, and costs only what is broken where a part is", () => {
    const broken = {
      anchor: anchor(0, 0, "a"),
      payload: { v: 1, watched: [7, { spec: {} }, null], mutes: [{ pattern: 1 }], sinks: undefined, notes: 3 }
    }

    assert.isTrue(Result.isFailure(Handover.thaw({ ...saved(), payload: { v: 2 } }, anchor(0, 0, "b"))))
    assert.isTrue(Result.isFailure(Handover.thaw({ ...saved(), payload: null }, anchor(0, 0, "b"))))
    assert.deepStrictEqual(Result.getOrThrow(Handover.thaw(broken, anchor(0, 0, "b"))), Handover.nothing)
  })
})

/* Through the whole watchdog */

const begin = (disk: FakeStateDisk = makeFakeStateDisk(), env: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const scenario = yield* Scenario.make({
      disk,
      env: {
        WATCHDOG_DOCKER_EVENTS: "false",
        WATCHDOG_DEPLOY_GRACE: "0s",
        WATCHDOG_STATE_FILE: file,
        WATCHDOG_NOTIFY_START: "false",
        ...env
      }
    })
    for (const name of ["web", "db"]) scenario.engine.run({ name, image: `${name}:1`, restart: "unless-stopped" })
    yield* scenario.start
    yield* TestClock.adjust("15 seconds")
    return scenario
  })

const said = (scenario: Scenario.Scenario): ReadonlyArray<string> =>
  scenario
    .journal()
    .filter((line) => line["event"] === "log")
    .map((line) => String(line["message"]))

describe("a restart with the state file", () => {
  it.effect("tells what recovered meanwhile, for as long as it was down", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()
      scenario.engine.kill("web")
      yield* TestClock.adjust("1 minute")
      yield* scenario.kill
      scenario.engine.start("web")
      yield* TestClock.adjust("1 hour")
      yield* scenario.start
      yield* TestClock.adjust("1 minute")

      const [alert, end, ...more] = scenario.told()
      assert.match(alert ?? "", /^🔴 container:web/)
      assert.match(end ?? "", /^✅ container:web recovered\ndown 00:00:\d\d–01:01:\d\d \(1 h\)/)
      assert.deepStrictEqual(more, [])
      assert.strictEqual(scenario.telegram.messages[1]?.replyTo, scenario.telegram.messages[0]?.messageId)
    }).pipe(Effect.scoped)
  )

  it.effect("tells as gone what no longer exists", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()
      scenario.engine.kill("web")
      yield* TestClock.adjust("1 minute")
      yield* scenario.kill
      scenario.engine.remove("web")
      yield* TestClock.adjust("1 minute")
      yield* scenario.start
      yield* TestClock.adjust("2 minutes")

      assert.deepStrictEqual(
        scenario.told().map((text) => text.split(" ")[0]),
        ["🔴", "⚪"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("tells as gone what is not watched any more", () =>
    Effect.gen(function* () {
      const disk = makeFakeStateDisk()
      const first = yield* begin(disk, { WATCHDOG_DEPENDENCIES: "api=tcp://api:80" })
      first.setDependency("api", { verdict: "ill", summary: "connection refused" })
      yield* TestClock.adjust("1 minute")
      yield* first.kill
      const second = yield* begin(disk)
      yield* TestClock.adjust("2 minutes")

      assert.deepStrictEqual(
        [...first.told(), ...second.told()].map((text) => text.split(" ").slice(0, 2).join(" ")),
        ["🔴 dependency:api", "⚪ dependency:api"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("tells as ever what failed meanwhile, not as found at start", () =>
    Effect.gen(function* () {
      const scenario = yield* begin()
      yield* scenario.kill
      scenario.engine.kill("db")
      yield* TestClock.adjust("1 minute")
      yield* scenario.start
      yield* TestClock.adjust("1 minute")

      assert.strictEqual(scenario.told().length, 1)
      assert.match(scenario.told()[0] ?? "", /^🔴 container:db/)
      assert.notInclude(scenario.told()[0] ?? "", "found at start")
    }).pipe(Effect.scoped)
  )

  it.effect("keeps a mute from the phone, and tells at its end what came and went", () =>
    Effect.gen(function* () {
      const scenario = yield* begin(undefined, {
        WATCHDOG_TELEGRAM_COMMANDS: "true",
        WATCHDOG_TELEGRAM_USER_IDS: "11"
      })
      scenario.telegram.say("/mute container:web 10m", { from: { id: 11, username: "ann" }, chat: -1001 })
      yield* TestClock.adjust("5 seconds")
      yield* scenario.kill
      yield* TestClock.adjust("5 seconds")
      yield* scenario.start
      scenario.engine.kill("web")
      yield* TestClock.adjust("2 minutes")
      scenario.engine.start("web")
      scenario.engine.kill("db")
      yield* TestClock.adjust("2 minutes")
      const during = scenario.told(1)
      yield* TestClock.adjust("10 minutes")

      assert.match(scenario.told()[0] ?? "", /^container:web is muted until/)
      assert.deepStrictEqual(
        during.map((text) => text.split(" ").slice(0, 2).join(" ")),
        ["🔴 container:db"]
      )
      assert.match(scenario.told(2)[0] ?? "", /^🕓 container:web was down while muted/)
      assert.strictEqual(scenario.told().length, 3)
    }).pipe(Effect.scoped)
  )

  it.effect("of a file that is broken starts empty, says so, and keeps it aside", () =>
    Effect.gen(function* () {
      const disk = makeFakeStateDisk(new Map([[file, '{"watchdogState":1,"sha']]))
      const scenario = yield* begin(disk)
      scenario.engine.kill("web")
      yield* TestClock.adjust("1 minute")

      assert.strictEqual(scenario.told().length, 1)
      assert.include(said(scenario).join("\n"), "it is not JSON, or cut off; starting without what it held; kept as")
      assert.deepStrictEqual([...disk.files.keys()].sort(), [file, `${file}.bad`])
    }).pipe(Effect.scoped)
  )

  it.effect("on a disk that is full or hangs watches and tells as ever, and says so once", () =>
    Effect.gen(function* () {
      for (const errno of ["ENOSPC", "HANG"]) {
        const disk = makeFakeStateDisk()
        disk.broken.set("create", errno)
        const scenario = yield* begin(disk)
        scenario.engine.kill("web")
        yield* TestClock.adjust("1 minute")
        scenario.engine.start("web")
        yield* TestClock.adjust("5 minutes")

        assert.deepStrictEqual(
          scenario.told().map((text) => text.split(" ")[0]),
          ["🔴", "✅"],
          errno
        )
        assert.strictEqual(said(scenario).filter((line) => line.includes("cannot be written")).length, 1, errno)
        assert.deepStrictEqual(
          [...disk.files.keys()].filter((name) => name === file),
          []
        )
        yield* scenario.kill
      }
    }).pipe(Effect.scoped)
  )

  it.effect("writes nothing where none is set", () =>
    Effect.gen(function* () {
      const disk = makeFakeStateDisk()
      const scenario = yield* begin(disk, { WATCHDOG_STATE_FILE: "" })
      yield* TestClock.adjust("5 minutes")
      yield* scenario.kill

      assert.deepStrictEqual([...disk.calls], [])
    }).pipe(Effect.scoped)
  )
})
