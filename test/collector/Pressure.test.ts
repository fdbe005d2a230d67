import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { parsePressure, Pressure } from "../../src/collector/Pressure.ts"
import { pressureText } from "../../src/testing/FakeHost.ts"
import { decided, details, haveRecorded, oddities, onHost, record, said, tick, whenRecorded } from "./host/looking.ts"

const watching = (settings: Readonly<Record<string, string>>, self: Parameters<typeof onHost>[3]) =>
  onHost(Pressure, Pressure.layer, settings, self)

const files = ["cpu", "memory", "io"].map((kind) => `/proc/pressure/${kind}`)

describe("parsePressure", () => {
  const some = { avg10: 0.18, avg60: 0.34, avg300: 0.1 }
  const line = "some avg10=0.18 avg60=0.34 avg300=0.10 total=159886802"
  const table: ReadonlyArray<readonly [string, string, object | undefined]> = [
    ["both lines", `${line}\n${line.replace("some", "full")}\n`, { some, full: some }],
    ["one line without an end, as older kernels have it for the CPU", line, { some, full: undefined }],
    ["only full, as for irq", line.replace("some", "full"), undefined],
    ["nothing", "", undefined],
    ["a line cut short", "some avg10=0.18 avg60=0.3", undefined]
  ]

  it.each(table)("reads %s", (_, text, wanted) => {
    assert.deepStrictEqual(parsePressure(text), wanted as ReturnType<typeof parsePressure>)
  })

  it.prop("never throws, whatever the bytes", [Schema.String], ([text]) => {
    parsePressure(text)
    parsePressure(`some ${text} avg60=1.00`)
  })

  it.skipIf(!haveRecorded)(`${whenRecorded}reads recorded files, and nothing where there is only full`, () => {
    assert.strictEqual(parsePressure(record("node_exporter/proc/pressure/io"))?.some.avg60, 0.34)
    assert.strictEqual(parsePressure(record("node_exporter/proc/pressure/cpu"))?.full?.avg60, 0)
    assert.strictEqual(parsePressure(record("prometheus-procfs/proc/pressure/cpu"))?.full, undefined)
    assert.strictEqual(parsePressure(record("prometheus-procfs/proc/pressure/memory"))?.some.avg60, 2)
    assert.strictEqual(parsePressure(record("node_exporter/proc/pressure/irq")), undefined)
  })
})

describe("Pressure", () => {
  it.effect("is shown without a ceiling, one signal a kind", () =>
    watching({}, (pressure, host) =>
      Effect.gen(function* () {
        host.setFile("/proc/pressure/io", pressureText(12.5))

        const report = yield* tick(pressure)

        assert.deepStrictEqual(said(report), [
          "pressure:cpu clear 0: some task waited for a CPU 0% of the last minute",
          "pressure:memory clear 0: some task waited for memory 0% of the last minute",
          "pressure:io clear 12.5: some task waited for I/O 12.5% of the last minute"
        ])
        assert.deepStrictEqual(details(report, "pressure:io"), [
          "0% of the last 10 s, 0% of the last 5 min",
          "all tasks at once: 12.5% of the last minute"
        ])
        assert.strictEqual(details(report, "pressure:cpu").length, 1)
      })
    )
  )

  it.effect("clears only below half of the ceiling", () =>
    watching({ WATCHDOG_PRESSURE_CEILING: "10" }, (pressure, host) =>
      Effect.gen(function* () {
        const worlds = [9.99, 10, 10, 5.5, 5, 4.99, 9].map(
          (avg60) => () => host.setFile("/proc/pressure/memory", pressureText(avg60))
        )

        assert.deepStrictEqual(yield* decided(pressure, "pressure:memory", worlds), [
          "9.99: -",
          "10: -",
          "10: alert",
          "5.5: -",
          "5: -",
          "4.99: recover",
          "9: -"
        ])
      })
    )
  )

  it.effect.each([
    ["ENOENT", "it has no PSI"],
    ["ENOTSUP", "PSI is switched off (boot it with psi=1)"],
    ["EOPNOTSUPP", "PSI is switched off (boot it with psi=1)"]
  ] as const)("is unsupported, neither 0 nor an alarm, on a kernel that says %s", ([errno, why]) =>
    watching({ WATCHDOG_PRESSURE_CEILING: "10" }, (pressure, host) =>
      Effect.gen(function* () {
        for (const file of files) host.setFile(file, { errno })

        const report = yield* tick(pressure)

        assert.deepStrictEqual(said(report), [])
        assert.isUndefined(typeof report === "string" ? report : report.unseen)
        assert.deepStrictEqual(oddities(report), [
          `unsupported on this kernel: pressure:cpu, pressure:memory, pressure:io (${why}), and WATCHDOG_PRESSURE_CEILING has no effect there`
        ])
      })
    )
  )

  it.effect("is unsupported kind by kind, and what was seen once is missed when it has gone", () =>
    watching({}, (pressure, host) =>
      Effect.gen(function* () {
        host.removeFile("/proc/pressure/cpu")
        const first = yield* tick(pressure, 1)
        host.removeFile("/proc/pressure/io")

        assert.deepStrictEqual(
          said(first).map((one) => one.split(" ")[0]),
          ["pressure:memory", "pressure:io"]
        )
        assert.deepStrictEqual(oddities(first), ["unsupported on this kernel: pressure:cpu (it has no PSI)"])
        assert.include(said(yield* tick(pressure, 2)), "pressure:io missed: /proc/pressure/io: no such file")
      })
    )
  )

  it.effect("misses a file that hangs, refuses or is garbage, and sees the others", () =>
    watching({}, (pressure, host) =>
      Effect.gen(function* () {
        host.setFile("/proc/pressure/cpu", { hangs: true })
        host.setFile("/proc/pressure/memory", "")

        const report = yield* tick(pressure)

        assert.deepStrictEqual(said(report), [
          "pressure:cpu missed: /proc/pressure/cpu cannot be read within 5000 ms",
          "pressure:memory missed: /proc/pressure/memory: there is no pressure in it",
          "pressure:io clear 0: some task waited for I/O 0% of the last minute"
        ])
        assert.match(typeof report === "string" ? "" : (report.unseen ?? ""), /pressure\/cpu.*; .*pressure\/memory/)
      })
    )
  )
})
