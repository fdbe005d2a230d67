import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { usedPercent } from "../../src/collector/Disk.ts"
import { TestClock } from "effect/testing"
import { makeFakeHost } from "../../src/testing/FakeHost.ts"
import * as Scenario from "../../src/testing/Scenario.ts"

describe("the fake host", () => {
  it.effect("answers as it was told, at once, and remembers only so much of what it was asked", () =>
    Effect.gen(function* () {
      const { asked, hostFs, setDisk, setFile } = makeFakeHost()
      setDisk("/var", { usedPercent: 97 })
      setFile("/x", { errno: "EIO" })

      assert.strictEqual(usedPercent(yield* hostFs.statFs("/var")), 97)
      assert.strictEqual(
        yield* Effect.match(hostFs.read("/x"), { onFailure: ({ code }) => code, onSuccess: () => "" }),
        "EIO"
      )
      for (let at = 0; at < 2_000; at++) yield* hostFs.read("/proc/stat")
      assert.strictEqual(asked.length, 1_000)
    })
  )

  it.effect("makes a whole incident: a disk that fills up, and is emptied", () =>
    Effect.gen(function* () {
      const { host, start, told } = yield* Scenario.make({ env: { WATCHDOG_DISK_CEILING: "97" } })
      yield* start
      yield* TestClock.adjust("45 seconds")
      assert.deepStrictEqual([...told()], [])

      host.setDisk("/", { usedPercent: 98 })
      yield* TestClock.adjust("1 minute")
      host.setDisk("/", { usedPercent: 50 })
      yield* TestClock.adjust("1 minute")

      assert.strictEqual(told().length, 2)
      assert.match(told()[0] ?? "", /^🔴 disk:\/ 98% in use, 2 GiB available of 100 GiB, the ceiling is 97%/)
      assert.match(told()[1] ?? "", /^✅ disk:\/ recovered/)
    }).pipe(Effect.scoped)
  )

  it.effect("can be without /proc and without a disk: one alarm for the disk, none for what is unsupported", () =>
    Effect.gen(function* () {
      const { host, start, told } = yield* Scenario.make({ env: { WATCHDOG_HOST_ROOT: "/host" } })
      for (const file of ["meminfo", "loadavg", "stat", "vmstat", "1/mountinfo"]) host.removeFile(`/proc/${file}`)
      for (const kind of ["cpu", "memory", "io"]) host.removeFile(`/proc/pressure/${kind}`)
      yield* start
      yield* TestClock.adjust("2 minutes")

      assert.strictEqual(told().length, 1)
      assert.match(
        told()[0] ?? "",
        /^🔴 source:disk WATCHDOG_HOST_ROOT is \/host, and nothing is there: mount the host's root/
      )
    }).pipe(Effect.scoped)
  )
})
