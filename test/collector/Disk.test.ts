import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import { TestClock } from "effect/testing"
import { Settings } from "../../src/base/Keys.ts"
import type { Report } from "../../src/collector/Collector.ts"
import { type Blocks, Disk, StatFs, usedPercent } from "../../src/collector/Disk.ts"
import { type SignalState, step } from "../../src/decision/index.ts"
import { quiesce } from "../queue/scripted.ts"

const blocks = (used: number, available: number, reserved = 0): Blocks => ({
  blocks: BigInt(used + available + reserved),
  bfree: BigInt(available + reserved),
  bavail: BigInt(available)
})

interface Mounts {
  readonly asked: Array<string>
  /** What each path answers; a path that is not here hangs for ever. */
  readonly answers: Map<string, () => Promise<Blocks>>
}

const watching = (
  settings: Readonly<Record<string, string>>,
  self: (disk: Disk["Service"], mounts: Mounts) => Effect.Effect<void>
) => {
  const mounts: Mounts = { asked: [], answers: new Map() }
  const statFs = (path: string): Promise<Blocks> => {
    mounts.asked.push(path)
    return mounts.answers.get(path)?.() ?? new Promise(() => undefined)
  }
  return Effect.gen(function* () {
    yield* self(yield* Disk, mounts)
  }).pipe(
    Effect.provide(
      Layer.provide(
        Disk.layerNoDeps,
        Layer.merge(Layer.succeed(StatFs, statFs), Settings.layerTest({ WATCHDOG_DISK_CEILING: "97", ...settings }))
      )
    )
  )
}

const answering = (found: Blocks) => () => Promise.resolve(found)

/** One tick of the collector, with as much time as its timeout. */
const tick = (disk: Disk["Service"], number: number): Effect.Effect<Report> =>
  Effect.gen(function* () {
    const looking = yield* Effect.forkChild(Effect.orDie(disk.collect({ number, asOfMs: 0 })))
    yield* quiesce
    yield* TestClock.adjust(5_000)
    return yield* Fiber.join(looking)
  })

const said = (report: Report): ReadonlyArray<string> =>
  report.looks.map(({ spec, look }) =>
    look._tag === "Missed" ? `${spec.signal} missed: ${look.reason}` : `${spec.signal} ${look.active} ${look.value}`
  )

describe("usedPercent", () => {
  const table: ReadonlyArray<readonly [string, Blocks, number | null]> = [
    ["an empty one", blocks(0, 100), 0],
    ["a full one", blocks(100, 0), 100],
    ["rounded up", blocks(1, 999), 1],
    ["of what an ordinary user could have", blocks(97, 3, 5_000), 97],
    ["nothing left but the reserve", blocks(95, 0, 5), 100],
    ["without blocks", blocks(0, 0), null],
    ["counts that make no sense", { blocks: 1n, bfree: 2n, bavail: 2n }, null],
    ["more promised than there is", { blocks: 100n, bfree: 5n, bavail: -7n }, 100]
  ]

  it.each(table)("is df's: %s", (_, found, wanted) => {
    assert.strictEqual(usedPercent(found), wanted)
  })

  const count = Arbitrary.map(
    Arbitrary.all([Arbitrary.schema(Schema.Int), Arbitrary.schema(Schema.Literals([1n, 2n ** 30n]))]),
    ([n, scale]) => BigInt(Math.abs(n)) * scale
  )

  it.prop("is a whole percentage or nothing, at any size", [count, count, count], ([used, available, reserved]) => {
    const percent = usedPercent({
      blocks: used + available + reserved,
      bfree: available + reserved,
      bavail: available
    })

    assert.isTrue(percent === null ? used + available === 0n : Number.isInteger(percent) && percent <= 100)
  })
})

describe("Disk", () => {
  it.effect("is off without a ceiling, and asks nothing", () =>
    watching({ WATCHDOG_DISK_CEILING: "off" }, (disk, { asked }) =>
      Effect.gen(function* () {
        assert.isTrue(disk.off)
        assert.deepStrictEqual(said(yield* tick(disk, 1)), [])
        assert.deepStrictEqual(asked, [])
      })
    )
  )

  it.effect("looks at each mount below the host's root, and names it as the host does", () =>
    watching({ WATCHDOG_DISK_PATHS: "/,/var", WATCHDOG_HOST_ROOT: "/host" }, (disk, { asked, answers }) =>
      Effect.gen(function* () {
        answers.set("/host/", answering(blocks(97, 3)))
        answers.set("/host/var", answering(blocks(96, 4)))

        const report = yield* tick(disk, 1)

        assert.deepStrictEqual(said(report), ["disk:/ true 97", "disk:/var false 96"])
        assert.deepStrictEqual(asked, ["/host/", "/host/var"])
      })
    )
  )

  it.effect("misses a path that is not there, refuses, throws or has no blocks, each by itself", () =>
    watching({ WATCHDOG_DISK_PATHS: "/,/a,/b,/c" }, (disk, { answers }) =>
      Effect.gen(function* () {
        answers.set("/", answering(blocks(1, 99)))
        answers.set("/a", () => Promise.reject(Object.assign(new Error("no"), { code: "ENOENT" })))
        answers.set("/b", () => {
          throw Object.assign(new Error("no"), { code: "EACCES" })
        })
        answers.set("/c", answering(blocks(0, 0)))

        assert.deepStrictEqual(said(yield* tick(disk, 1)), [
          "disk:/ false 1",
          "disk:/a missed: statfs of /a: no such path",
          "disk:/b missed: statfs of /b: EACCES",
          "disk:/c missed: /c has no blocks to count"
        ])
      })
    )
  )

  it.effect("leaves other mounts alone when one hangs, and asks for that one only once", () =>
    watching({ WATCHDOG_DISK_PATHS: "/,/nfs" }, (disk, { asked, answers }) =>
      Effect.gen(function* () {
        answers.set("/", answering(blocks(1, 99)))

        const first = yield* tick(disk, 1)
        const second = yield* tick(disk, 2)

        for (const report of [first, second]) {
          assert.strictEqual(said(report)[0], "disk:/ false 1")
          assert.match(said(report)[1] ?? "", /^disk:\/nfs missed: statfs of \/nfs has not answered within 5000 ms/)
        }
        assert.deepStrictEqual(asked, ["/", "/nfs", "/"])
      })
    )
  )

  it.effect("has at most two calls in flight, so that dead mounts cannot take every thread", () =>
    watching({ WATCHDOG_DISK_PATHS: "/x,/y,/z,/" }, (disk, { asked }) =>
      Effect.gen(function* () {
        for (let number = 1; number <= 3; number++) {
          const report = yield* tick(disk, number)
          assert.strictEqual(said(report).filter((one) => one.includes("missed")).length, 4)
        }

        assert.deepStrictEqual(asked, ["/x", "/y"])
      })
    )
  )

  it.effect("looks again at a mount that has come back, and at those that waited behind it", () =>
    watching({ WATCHDOG_DISK_PATHS: "/x,/y,/z" }, (disk, { answers }) =>
      Effect.gen(function* () {
        const back: Array<() => void> = []
        const hanging = () => new Promise<Blocks>((resolve) => back.push(() => resolve(blocks(1, 99))))
        for (const path of ["/x", "/y"]) answers.set(path, hanging)
        answers.set("/z", answering(blocks(2, 98)))
        yield* tick(disk, 1)

        for (const answer of back.splice(0)) answer()
        for (const path of ["/x", "/y"]) answers.set(path, answering(blocks(3, 97)))
        yield* quiesce

        assert.deepStrictEqual(said(yield* tick(disk, 2)), ["disk:/x false 3", "disk:/y false 3", "disk:/z false 2"])
      })
    )
  )

  it.effect("clears only two points below the ceiling", () =>
    watching({}, (disk, { answers }) =>
      Effect.gen(function* () {
        const told: Array<string> = []
        let state: SignalState | null = null
        for (const [at, percent] of [96, 97, 97, 96, 95, 94, 96].entries()) {
          answers.set("/", answering(blocks(percent, 100 - percent)))
          const { looks } = yield* tick(disk, at + 1)
          const [one] = looks
          if (one?.look._tag !== "Seen") throw new Error("missed")
          const nowMs = at * 10_000
          const input = { ...one.look, tick: at + 1, scheduled: true, asOfMs: nowMs, first: at === 0 }
          const stepped = step(one.spec.policy, state, input, nowMs)
          state = stepped.state
          told.push(`${percent}: ${stepped.decision?.kind ?? "-"}`)
        }

        assert.deepStrictEqual(told, ["96: -", "97: -", "97: alert", "96: -", "95: -", "94: recover", "96: -"])
      })
    )
  )
})
