import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { countKills, killLines, Memory, noKills, parseMeminfo, parseOomKills } from "../../src/collector/Memory.ts"
import { meminfoText } from "../../src/testing/FakeHost.ts"
import {
  decided,
  details,
  haveRecorded,
  oddities,
  onHost,
  oracle,
  record,
  said,
  tick,
  whenRecorded
} from "./host/looking.ts"

const watching = (settings: Readonly<Record<string, string>>, self: Parameters<typeof onHost>[3]) =>
  onHost(Memory, Memory.layer, settings, self)

const used = (percent: number): string => meminfoText({ totalGiB: 100, availableGiB: 100 - percent })

describe("parseMeminfo", () => {
  const kB = 1_024
  const table: ReadonlyArray<readonly [string, string, object | string]> = [
    [
      "available as the kernel says",
      "MemTotal: 100 kB\nMemFree: 1 kB\nMemAvailable: 40 kB\nSwapTotal: 10 kB\nSwapFree: 4 kB\n",
      { total: 100 * kB, available: 40 * kB, estimated: false, swap: { total: 10 * kB, free: 4 * kB } }
    ],
    [
      "free and page cache on a kernel that does not",
      "MemTotal: 100 kB\nMemFree: 1 kB\nBuffers: 2 kB\nCached: 3 kB\n",
      { total: 100 * kB, available: 6 * kB, estimated: true, swap: null }
    ],
    [
      "never more available than there is",
      "MemTotal: 100 kB\nMemAvailable: 101 kB\n",
      { total: 100 * kB, available: 100 * kB, estimated: false, swap: null }
    ],
    [
      "no swap",
      "MemTotal: 1 kB\nMemAvailable: 1 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
      { total: kB, available: kB, estimated: false, swap: null }
    ],
    [
      "more swap free than there is",
      "MemTotal: 1 kB\nMemAvailable: 1 kB\nSwapTotal: 1 kB\nSwapFree: 2 kB\n",
      { total: kB, available: kB, estimated: false, swap: { total: kB, free: null } }
    ],
    ["nothing", "", "there is no MemTotal in it"],
    ["a total of nothing", "MemTotal: 0 kB\n", "there is no MemTotal in it"],
    ["a total alone", "MemTotal: 5 kB\n", "there is neither MemAvailable nor MemFree in it"],
    ["a total with too many digits", `MemTotal: ${"9".repeat(400)} kB\n`, "there is no MemTotal in it"]
  ]

  it.each(table)("reads %s", (_, text, wanted) => {
    assert.deepStrictEqual(Result.merge(parseMeminfo(text)), wanted)
  })

  it.prop("never throws, and what it reads makes sense", [Schema.String, Schema.String], ([a, b]) => {
    const found = parseMeminfo(`${a}\nMemTotal: 10 kB\nMemAvailable: ${b} kB`)

    assert.isTrue(
      Result.isFailure(found) || (found.success.available >= 0 && found.success.available <= found.success.total)
    )
  })

  it.skipIf(!haveRecorded)(`${whenRecorded}reads what node_exporter reads from a recorded file`, () => {
    const { total, estimated, available, swap } = Result.getOrThrow(parseMeminfo(record("node_exporter/proc/meminfo")))

    assert.strictEqual(total, oracle("node_memory_MemTotal_bytes"))
    assert.isTrue(estimated)
    assert.strictEqual(
      available,
      oracle("node_memory_MemFree_bytes") + oracle("node_memory_Buffers_bytes") + oracle("node_memory_Cached_bytes")
    )
    assert.deepStrictEqual(swap, {
      total: oracle("node_memory_SwapTotal_bytes"),
      free: oracle("node_memory_SwapFree_bytes")
    })
    assert.strictEqual(parseOomKills(record("node_exporter/proc/vmstat")), oracle("node_vmstat_oom_kill"))
  })
})

describe("out-of-memory kills", () => {
  it("are counted from the first look on, and forgotten after an hour", () => {
    const minute = 60_000
    const first = countKills(noKills, 7, 0)
    const second = countKills(first, 9, 5 * minute)
    const third = countKills(second, 10, 40 * minute)

    assert.deepStrictEqual(
      [killLines(first, 0), killLines(second, 5 * minute)],
      [[], ["out-of-memory kills on this host: 2 within the last hour, the last 0 s ago"]]
    )
    assert.deepStrictEqual(killLines(third, 41 * minute), [
      "out-of-memory kills on this host: 3 within the last hour, the last 1 min ago"
    ])
    assert.deepStrictEqual(killLines(countKills(third, 10, 70 * minute), 70 * minute), [
      "out-of-memory kills on this host: 1 within the last hour, the last 30 min ago"
    ])
    assert.deepStrictEqual(countKills(third, 10, 200 * minute).recent, [])
  })

  it("are none where the counter falls, or cannot be read for a while", () => {
    const counted = countKills(noKills, 7, 0)

    assert.deepStrictEqual(countKills(counted, 3, 1), { count: 3, recent: [] })
    assert.deepStrictEqual(countKills(countKills(counted, undefined, 1), 8, 2).recent, [{ atMs: 2, killed: 1 }])
  })

  it.prop("never throw", [Schema.String], ([text]) => {
    assert.isTrue(parseOomKills(text) === undefined || Number.isSafeInteger(parseOomKills(text)))
  })
})

describe("Memory", () => {
  it.effect("is shown without a ceiling, and a host without swap has no such signal", () =>
    watching({}, (memory, host) =>
      Effect.gen(function* () {
        host.setFile("/proc/meminfo", meminfoText({ totalGiB: 8, availableGiB: 1.5 }))

        const report = yield* tick(memory)

        assert.deepStrictEqual(said(report), ["memory clear 81: 81% in use, 1.5 GiB available of 8 GiB"])
        assert.strictEqual(memory.watches, "memory (no ceiling) and swap (no ceiling)")
        assert.isFalse(memory.off)
      })
    )
  )

  it.effect("has ceilings for memory and swap, each its own, as warnings", () =>
    watching({ WATCHDOG_MEMORY_CEILING: "90", WATCHDOG_SWAP_CEILING: "50" }, (memory, host) =>
      Effect.gen(function* () {
        host.setFile("/proc/meminfo", meminfoText({ totalGiB: 8, availableGiB: 0.5, swapTotalGiB: 4, swapFreeGiB: 3 }))

        const report = yield* tick(memory)

        assert.deepStrictEqual(said(report), [
          "memory active 94: 94% in use, 512 MiB available of 8 GiB, the ceiling is 90%",
          "swap clear 25: 25% in use, 1 GiB of 4 GiB, the ceiling is 50%"
        ])
        assert.deepStrictEqual(details(report, "memory"), ["swap: 1 GiB of 4 GiB in use"])
        assert.deepStrictEqual(typeof report === "string" ? [] : report.looks.map(({ spec }) => spec.severity), [
          "warning",
          "warning"
        ])
      })
    )
  )

  it.effect("clears only five points below the ceiling", () =>
    watching({ WATCHDOG_MEMORY_CEILING: "90" }, (memory, host) =>
      Effect.gen(function* () {
        const worlds = [89, 90, 90, 86, 85, 84, 89].map((percent) => () => host.setFile("/proc/meminfo", used(percent)))

        assert.deepStrictEqual(yield* decided(memory, "memory", worlds), [
          "89: -",
          "90: -",
          "90: alert",
          "86: -",
          "85: -",
          "84: recover",
          "89: -"
        ])
      })
    )
  )

  it.effect("can clear below a ceiling that is smaller than the gap", () =>
    watching({ WATCHDOG_SWAP_CEILING: "1" }, (memory, host) =>
      Effect.gen(function* () {
        const worlds = [99, 99, 100].map(
          (free) => () =>
            host.setFile(
              "/proc/meminfo",
              meminfoText({ totalGiB: 8, availableGiB: 4, swapTotalGiB: 100, swapFreeGiB: free })
            )
        )

        assert.deepStrictEqual(yield* decided(memory, "swap", worlds), ["1: -", "1: alert", "0: recover"])
      })
    )
  )

  it.effect("carries the host's out-of-memory kills as evidence, and no signal", () =>
    watching({ WATCHDOG_MEMORY_CEILING: "90" }, (memory, host) =>
      Effect.gen(function* () {
        host.setFile("/proc/meminfo", used(95))
        host.setFile("/proc/vmstat", "oom_kill 3\n")
        yield* tick(memory, 1)
        host.setFile("/proc/vmstat", "oom_kill 5\n")

        const report = yield* tick(memory, 2)

        assert.deepStrictEqual(details(report, "memory"), [
          "out-of-memory kills on this host: 2 within the last hour, the last 0 s ago"
        ])
        assert.deepStrictEqual(said(report).length, 1)
      })
    )
  )

  it.effect.each([
    ["is not there", (host) => host.removeFile("/proc/vmstat"), []],
    [
      "is not for us",
      (host) => host.setFile("/proc/vmstat", { errno: "EACCES" }),
      ["out-of-memory kills cannot be counted: /proc/vmstat: permission denied"]
    ],
    [
      "hangs",
      (host) => host.setFile("/proc/vmstat", { hangs: true }),
      ["out-of-memory kills cannot be counted: /proc/vmstat cannot be read within 5000 ms"]
    ]
  ] satisfies ReadonlyArray<
    readonly [string, (host: Parameters<Parameters<typeof onHost>[3]>[1]) => void, ReadonlyArray<string>]
  >)("is looked at where the count of kills %s", ([, be, wanted]) =>
    watching({}, (memory, host) =>
      Effect.gen(function* () {
        be(host)

        const report = yield* tick(memory)

        assert.match(said(report)[0] ?? "", /^memory clear/)
        assert.deepStrictEqual(oddities(report), wanted)
      })
    )
  )

  it.effect("is the host's where the host's root is mounted, and else the container's, which is the same", () =>
    watching({ WATCHDOG_HOST_ROOT: "/host" }, (memory, host) =>
      Effect.gen(function* () {
        host.setFile("/proc/meminfo", used(10))
        const before = said(yield* tick(memory, 1))
        host.setFile("/host/proc/meminfo", used(20))

        assert.match(before[0] ?? "", /10% in use/)
        assert.match(said(yield* tick(memory, 2))[0] ?? "", /20% in use/)
      })
    )
  )

  it.effect("is blind, not clear, where the file hangs, refuses, is garbage, or has gone", () =>
    watching({}, (memory, host) =>
      Effect.gen(function* () {
        yield* tick(memory, 1)
        host.setFile("/proc/meminfo", { hangs: true })
        const hung = said(yield* tick(memory, 2))
        assert.deepStrictEqual(hung, ["Timeout: /proc/meminfo cannot be read within 5000 ms"])
        assert.deepStrictEqual(said(yield* tick(memory, 3)), hung)
        assert.strictEqual(host.asked.filter((path) => path === "/proc/meminfo").length, 2)
      })
    )
  )

  it.effect.each([
    [{ errno: "EACCES" }, "Refused: /proc/meminfo: permission denied"],
    ["", "Malformed: /proc/meminfo: there is no MemTotal in it"],
    [{ errno: "ENOENT" }, "Unreachable: /proc/meminfo: no such file"]
  ] as const)("says why it is blind: %o", ([trouble, wanted]) =>
    watching({}, (memory, host) =>
      Effect.gen(function* () {
        yield* tick(memory, 1)
        host.setFile("/proc/meminfo", trouble)

        assert.deepStrictEqual(said(yield* tick(memory, 2)), [wanted])
      })
    )
  )

  it.effect("misses a swap that makes no sense, and says so", () =>
    watching({}, (memory, host) =>
      Effect.gen(function* () {
        host.setFile("/proc/meminfo", meminfoText({ totalGiB: 8, availableGiB: 4, swapTotalGiB: 1, swapFreeGiB: 2 }))

        const report = yield* tick(memory)

        assert.match(said(report)[1] ?? "", /^swap missed: swap: SwapFree makes no sense/)
        assert.match(typeof report === "string" ? "" : (report.unseen ?? ""), /SwapFree makes no sense/)
      })
    )
  )

  it.effect("is unsupported, and no alarm, on a system that never had it", () =>
    watching({}, (memory, host) =>
      Effect.gen(function* () {
        host.removeFile("/proc/meminfo")

        const report = yield* tick(memory)

        assert.deepStrictEqual(said(report), [])
        assert.deepStrictEqual(oddities(report), ["unsupported on this system: it has no /proc/meminfo"])
      })
    )
  )
})
