import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Load, parseLoadavg, parseStat } from "../../src/collector/Load.ts"
import { statText } from "../../src/testing/FakeHost.ts"
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
  onHost(Load, Load.layer, settings, self)

describe("parseLoadavg", () => {
  const table: ReadonlyArray<readonly [string, string, object | undefined]> = [
    ["a file", "0.21 0.37 0.39 1/719 19737\n", { averages: [0.21, 0.37, 0.39], running: 1, tasks: 719 }],
    ["one without an end", "12.00 8.50 4.25 9/80", { averages: [12, 8.5, 4.25], running: 9, tasks: 80 }],
    ["nothing", "", undefined],
    ["half of it", "0.21 0.37", undefined],
    ["what is not a number", "NaN NaN NaN 1/2 3\n", undefined]
  ]

  it.each(table)("reads %s", (_, text, wanted) => {
    assert.deepStrictEqual(parseLoadavg(text), wanted as ReturnType<typeof parseLoadavg>)
  })

  it.prop("never throws, whatever the bytes", [Schema.String], ([text]) => {
    parseLoadavg(text)
    parseLoadavg(`0.1 0.2 ${text}`)
    assert.isAtLeast(parseStat(text).cores, 0)
  })

  it.skipIf(!haveRecorded)(`${whenRecorded}reads what node_exporter reads from recorded files`, () => {
    const averages = parseLoadavg(record("node_exporter/proc/loadavg"))?.averages

    assert.deepStrictEqual(averages, [oracle("node_load1"), oracle("node_load5"), oracle("node_load15")])
    assert.deepStrictEqual(parseStat(record("node_exporter/proc/stat")), {
      cores: 8,
      blocked: oracle("node_procs_blocked")
    })
  })
})

describe("Load", () => {
  it.effect("is the average over 5 minutes per core of the host, shown without a ceiling", () =>
    watching({}, (load, host) =>
      Effect.gen(function* () {
        host.setFile("/proc/loadavg", "9.00 6.00 1.00 3/700 1\n")
        host.setFile("/proc/stat", statText(8, 2))

        const report = yield* tick(load)

        assert.deepStrictEqual(said(report), ["load clear 0.75: 0.75 per core over 5 min (load 6 on 8 cores)"])
        assert.deepStrictEqual(details(report, "load"), [
          "load 9, 6, 1 over 1, 5, 15 min; 3 of 700 tasks run or want to",
          "2 wait for a disk, which counts as load"
        ])
        assert.strictEqual(load.watches, "load per core (no ceiling)")
      })
    )
  )

  it.effect("clears only a fifth below the ceiling", () =>
    watching({ WATCHDOG_LOAD_CEILING: "1.5" }, (load, host) =>
      Effect.gen(function* () {
        const worlds = [5.9, 6, 6, 5, 4.8, 4.76, 5.9].map(
          (five) => () => host.setFile("/proc/loadavg", `0.00 ${five.toFixed(2)} 0.00 1/2 3\n`)
        )

        assert.deepStrictEqual(yield* decided(load, "load", worlds), [
          "1.48: -",
          "1.5: -",
          "1.5: alert",
          "1.25: -",
          "1.2: -",
          "1.19: recover",
          "1.48: -"
        ])
      })
    )
  )

  it.effect.each([
    ["/proc/loadavg", "", "Malformed: /proc/loadavg: there are no load averages in it"],
    ["/proc/stat", "cpu  1 2 3\n", "Malformed: /proc/stat: there is no core in it"],
    ["/proc/stat", { hangs: true }, "Timeout: /proc/stat cannot be read within 5000 ms"],
    ["/proc/loadavg", { errno: "EIO" }, "Unreachable: /proc/loadavg: EIO"]
  ] as const)("is blind, with the reason: %s %o", ([path, trouble, wanted]) =>
    watching({}, (load, host) =>
      Effect.gen(function* () {
        host.setFile(path, trouble)

        assert.deepStrictEqual(said(yield* tick(load)), [wanted])
      })
    )
  )

  it.effect("is unsupported, and no alarm, on a system that never had it; later it is blind", () =>
    watching({}, (load, host) =>
      Effect.gen(function* () {
        host.removeFile("/proc/loadavg")
        const never = yield* tick(load, 1)
        host.setFile("/proc/loadavg", "0.21 0.37 0.39 1/719 19737\n")
        yield* tick(load, 2)
        host.removeFile("/proc/loadavg")

        assert.deepStrictEqual(said(never), [])
        assert.deepStrictEqual(oddities(never), [
          "unsupported on this system: it has no /proc/loadavg or no /proc/stat"
        ])
        assert.deepStrictEqual(said(yield* tick(load, 3)), ["Unreachable: /proc/loadavg: no such file"])
      })
    )
  )
})
