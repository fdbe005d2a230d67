import { execFileSync } from "node:child_process"
import * as dns from "node:dns"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Layer, Schema, Scope } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import { Settings } from "../../src/base/Keys.ts"
import { Disk, inodesPercent, usedPercent } from "../../src/collector/Disk.ts"
import { type HostFs, type Stats, hostFs } from "../../src/collector/host/HostFs.ts"
import { Load } from "../../src/collector/Load.ts"
import { Memory } from "../../src/collector/Memory.ts"
import { Pressure } from "../../src/collector/Pressure.ts"
import { mountLine, statsOf } from "../../src/testing/FakeHost.ts"
import { decided, details, oddities, onHost, said, tick } from "./host/looking.ts"

const watching = (settings: Readonly<Record<string, string>>, self: Parameters<typeof onHost>[3]) =>
  onHost(Disk, Disk.layer, settings, self)

type Counts = Pick<Stats, "blocks" | "bfree" | "bavail">

const blocks = (used: number, available: number, reserved = 0): Counts => ({
  blocks: BigInt(used + available + reserved),
  bfree: BigInt(available + reserved),
  bavail: BigInt(available)
})

/** The looks at how full disks are, without sizes. */
const disks = (report: Parameters<typeof said>[0]): ReadonlyArray<string> =>
  said(report)
    .filter((one) => one.startsWith("disk:"))
    .map((one) => (one.includes("missed") ? one : one.replace(/: .*/, "")))

const only = (signal: string, report: Parameters<typeof said>[0]): ReadonlyArray<string> =>
  said(report).filter((one) => one.startsWith(signal))

describe("usedPercent", () => {
  const table: ReadonlyArray<readonly [string, Counts, number | null]> = [
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

describe("inodesPercent", () => {
  it.each([
    ["rounded up", { files: 1_000n, ffree: 999n }, 1],
    ["none left", { files: 10n, ffree: 0n }, 100],
    ["without a limit", { files: 0n, ffree: 0n }, null],
    ["counts that make no sense", { files: 1n, ffree: 2n }, null]
  ] as const)("is df -i's: %s", (_, found, wanted) => {
    assert.strictEqual(inodesPercent(found), wanted)
  })
})

describe("how full disks are", () => {
  it.effect("is shown without a ceiling, with the inodes", () =>
    watching({}, (disk, host) =>
      Effect.gen(function* () {
        host.setDisk("/", { usedPercent: 99, sizeGiB: 40, inodesUsedPercent: 12 })

        const report = yield* tick(disk)

        assert.isFalse(disk.off)
        assert.deepStrictEqual(said(report), [
          "disk:/ clear 99: 99% in use, 410 MiB available of 40 GiB",
          "inodes:/ clear 12: 12% of inodes in use, 2306868 free of 2621440",
          "readonly:/ clear null: writable"
        ])
        assert.strictEqual(
          disk.watches,
          "disk (no ceiling) and inodes (no ceiling) of /, and disks that turn read-only"
        )
      })
    )
  )

  it.effect("is looked at below the host's root, and named as the host does", () =>
    watching(
      { WATCHDOG_DISK_CEILING: "97", WATCHDOG_DISK_PATHS: "/,/var", WATCHDOG_HOST_ROOT: "/host" },
      (disk, host) =>
        Effect.gen(function* () {
          host.setDisk("/host/", { usedPercent: 97 })
          host.setDisk("/host/var", { usedPercent: 96 })

          assert.deepStrictEqual(disks(yield* tick(disk)), ["disk:/ active 97", "disk:/var clear 96"])
        })
    )
  )

  it.effect("has no signal for inodes where there is no limit to them", () =>
    watching({ WATCHDOG_INODE_CEILING: "90" }, (disk, host) =>
      Effect.gen(function* () {
        host.setDisk("/", { usedPercent: 1, inodesUsedPercent: null })

        assert.deepStrictEqual(only("inodes", yield* tick(disk)), [])
      })
    )
  )

  it.effect("says no sizes of FUSE, which counts in other units than it says", () =>
    watching({}, (disk, host) =>
      Effect.gen(function* () {
        host.setDisk("/", { ...statsOf({ usedPercent: 10 }), type: 0x65735546n })

        assert.deepStrictEqual(only("disk", yield* tick(disk)), ["disk:/ clear 10: 10% in use"])
      })
    )
  )

  it.effect("is missed where a path is not there, refuses or has no blocks, each by itself", () =>
    watching({ WATCHDOG_DISK_PATHS: "/,/a,/b,/c" }, (disk, host) =>
      Effect.gen(function* () {
        host.setDisk("/b", { errno: "EACCES" })
        host.setDisk("/c", { ...statsOf({ usedPercent: 0 }), ...blocks(0, 0) })

        const report = yield* tick(disk)

        assert.deepStrictEqual(disks(report), [
          "disk:/ clear 40",
          "disk:/a missed: statfs of /a: no such path",
          "disk:/b missed: statfs of /b: permission denied",
          "disk:/c missed: /c has no blocks to count"
        ])
        assert.strictEqual(
          typeof report === "string" ? "" : report.unseen,
          "statfs of /a: no such path; statfs of /b: permission denied; /c has no blocks to count"
        )
      })
    )
  )

  it.effect("misses the inodes with the disk once they were seen, so that they are not taken for gone", () =>
    watching({}, (disk, host) =>
      Effect.gen(function* () {
        yield* tick(disk, 1)
        host.setDisk("/", { errno: "EIO" })

        assert.deepStrictEqual(only("inodes", yield* tick(disk, 2)), ["inodes:/ missed: statfs of /: EIO"])
      })
    )
  )

  it.effect("names the mount that compose forgot, once", () =>
    watching({ WATCHDOG_HOST_ROOT: "/host", WATCHDOG_DISK_PATHS: "/,/var" }, (disk) =>
      Effect.gen(function* () {
        const report = yield* tick(disk)

        assert.strictEqual(
          typeof report === "string" ? "" : report.unseen,
          "WATCHDOG_HOST_ROOT is /host, and nothing is there: mount the host's root there read-only, as compose.yaml does, or leave the key unset where the watchdog does not run in a container"
        )
      })
    )
  )

  it.effect("is seen of other mounts when one hangs, which is asked only once", () =>
    watching({ WATCHDOG_DISK_PATHS: "/,/nfs" }, (disk, host) =>
      Effect.gen(function* () {
        host.setDisk("/nfs", { hangs: true })

        for (const report of [yield* tick(disk, 1), yield* tick(disk, 2)]) {
          assert.strictEqual(disks(report)[0], "disk:/ clear 40")
          assert.match(disks(report)[1] ?? "", /^disk:\/nfs missed: statfs of \/nfs has not answered within 5000 ms/)
        }
        assert.strictEqual(host.asked.filter((at) => at === "/nfs").length, 1)
      })
    )
  )

  it.effect("has at most two calls under way, so that dead mounts cannot take every thread", () =>
    watching({ WATCHDOG_DISK_PATHS: "/x,/y,/z,/" }, (disk, host) =>
      Effect.gen(function* () {
        for (const at of ["/x", "/y", "/z"]) host.setDisk(at, { hangs: true })

        for (let number = 1; number <= 3; number++) {
          const report = yield* tick(disk, number)
          assert.strictEqual(disks(report).filter((one) => one.includes("missed")).length, 4)
          assert.deepStrictEqual(only("readonly", report), ["readonly:/ clear null: writable"])
        }
        assert.deepStrictEqual(
          host.asked.filter((at) => !at.startsWith("/proc")),
          ["/x", "/y"]
        )
      })
    )
  )

  it.effect("is looked at again when a mount has come back, and of those that waited behind it", () =>
    Effect.gen(function* () {
      const back = yield* Deferred.make<Stats>()
      const found = statsOf({ usedPercent: 3 })
      const files: HostFs = {
        read: () => Effect.succeed(mountLine("/")),
        statFs: (at) => (at === "/z" ? Effect.succeed(found) : Deferred.await(back))
      }
      const scope = yield* Scope.make()
      const disk = yield* Layer.buildWithScope(Disk.layer, scope).pipe(
        Effect.flatMap((context) => Effect.provideContext(Effect.service(Disk), context)),
        Effect.provideService(hostFs, files),
        Effect.provide(Settings.layerTest({ WATCHDOG_DISK_PATHS: "/x,/y,/z" }))
      )

      const first = yield* tick(disk, 1)
      yield* Deferred.succeed(back, found)

      assert.strictEqual(disks(first).filter((one) => one.includes("missed")).length, 3)
      assert.deepStrictEqual(disks(yield* tick(disk, 2)), ["disk:/x clear 3", "disk:/y clear 3", "disk:/z clear 3"])
    })
  )

  it.effect("clears only two points below the ceiling", () =>
    watching({ WATCHDOG_DISK_CEILING: "97" }, (disk, host) =>
      Effect.gen(function* () {
        const worlds = [96, 97, 97, 96, 95, 94, 96].map((usedPercent) => () => host.setDisk("/", { usedPercent }))

        assert.deepStrictEqual(yield* decided(disk, "disk:/", worlds), [
          "96: -",
          "97: -",
          "97: alert",
          "96: -",
          "95: -",
          "94: recover",
          "96: -"
        ])
      })
    )
  )

  it.effect("clears inodes only two points below their ceiling", () =>
    watching({ WATCHDOG_INODE_CEILING: "90" }, (disk, host) =>
      Effect.gen(function* () {
        const worlds = [90, 90, 88, 87].map(
          (inodesUsedPercent) => () => host.setDisk("/", { usedPercent: 1, inodesUsedPercent })
        )

        assert.deepStrictEqual(yield* decided(disk, "inodes:/", worlds), ["90: -", "90: alert", "88: -", "87: recover"])
      })
    )
  )
})

describe("a disk that turns read-only", () => {
  const list = "/proc/1/mountinfo"
  const data = (superOptions: string) =>
    mountLine("/") + mountLine("/data", { device: "8:17", source: "/dev/sdb1", superOptions })

  it.effect("is told by the policy of any signal, and recovers when it is writable again", () =>
    watching({}, (disk, host) =>
      Effect.gen(function* () {
        const worlds = ["rw", "ro", "rw,emergency_ro", "rw"].map((options) => () => host.setFile(list, data(options)))

        assert.deepStrictEqual(yield* decided(disk, "readonly:/data", worlds), [
          "null: -",
          "null: -",
          "null: alert",
          "null: recover"
        ])
      })
    )
  )

  it.effect("is critical, and says what the kernel says", () =>
    watching({}, (disk, host) =>
      Effect.gen(function* () {
        host.setFile(list, data("ro,errors=remount-ro"))

        const report = yield* tick(disk)

        assert.deepStrictEqual(details(report, "readonly:/data"), [
          "ext4 on /dev/sdb1; mounted rw; file system ro,errors=remount-ro; the kernel's log (dmesg) says why"
        ])
        const look = typeof report === "string" ? undefined : report.looks.at(-1)
        assert.deepStrictEqual([look?.spec.signal, look?.spec.severity], ["readonly:/data", "critical"])
      })
    )
  )

  it.effect("is missed while the list hangs, refuses, or is empty; disks are still looked at", () =>
    watching({}, (disk, host) =>
      Effect.gen(function* () {
        yield* tick(disk, 1)
        host.setFile("/proc/self/mountinfo", { errno: "EACCES" })
        const troubles = [
          [{ errno: "EIO" }, "/proc/1/mountinfo: EIO"],
          [{ errno: "EACCES" }, "/proc/self/mountinfo: permission denied"],
          ["", "/proc/1/mountinfo: there is no mount in it"],
          [{ hangs: true }, "/proc/1/mountinfo cannot be read within 5000 ms"]
        ] as const
        for (const [at, [trouble, wanted]] of troubles.entries()) {
          host.setFile(list, trouble)
          const report = yield* tick(disk, at + 2)

          assert.deepStrictEqual(only("readonly", report), [`readonly:/ missed: ${wanted}`])
          assert.deepStrictEqual(disks(report), ["disk:/ clear 40"])
          assert.strictEqual(typeof report === "string" ? "" : report.unseen, wanted)
        }
      })
    )
  )

  it.effect("is seen from within our container where /proc hides the host's processes", () =>
    watching({ WATCHDOG_HOST_ROOT: "/host" }, (disk, host) =>
      Effect.gen(function* () {
        host.setDisk("/host/", { usedPercent: 1 })
        const own = (superOptions: string) =>
          mountLine("/", { device: "0:90", kind: "overlay" }) +
          mountLine("/host", { options: "ro" }) +
          mountLine("/host/data", { device: "8:17", options: "ro", superOptions })
        host.setFile("/proc/self/mountinfo", own("rw"))
        const before = only("readonly", yield* tick(disk, 1))
        host.setFile("/proc/self/mountinfo", own("ro"))

        assert.deepStrictEqual(before, ["readonly:/ clear null: writable", "readonly:/data clear null: writable"])
        assert.deepStrictEqual(only("readonly", yield* tick(disk, 2)), [
          "readonly:/ clear null: writable",
          "readonly:/data active null: turned read-only: it was writable before"
        ])
      })
    )
  )

  it.effect("is unsupported where there is no such list, and retires nothing where a line of it is odd", () =>
    watching({}, (disk, host) =>
      Effect.gen(function* () {
        host.removeFile(list)
        const without = yield* tick(disk, 1)
        host.setFile(list, `${mountLine("/")}what is this\n`)
        const odd = yield* tick(disk, 2)

        assert.deepStrictEqual(oddities(without), [
          "disks that turn read-only are not seen: this system has no /proc/1/mountinfo"
        ])
        assert.isUndefined(typeof without === "string" ? "" : without.unseen)
        assert.deepStrictEqual(oddities(odd), ["1 mounts of the list cannot be read"])
        assert.isFalse(typeof odd === "string" || odd.complete)
      })
    )
  )
})

describe("a real host", () => {
  const folder = Effect.acquireRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-disk-"))),
    (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true }))
  )

  const build = (root: string) =>
    Effect.gen(function* () {
      const context = yield* Layer.build(Layer.mergeAll(Disk.layer, Memory.layer, Load.layer, Pressure.layer))
      return {
        disk: Context.get(context, Disk),
        memory: Context.get(context, Memory),
        load: Context.get(context, Load),
        pressure: Context.get(context, Pressure)
      }
    }).pipe(
      Effect.provide(
        Settings.layerTest({ WATCHDOG_HOST_ROOT: root, WATCHDOG_DISK_PATHS: "/,/dead", WATCHDOG_TIMEOUT: "300ms" })
      )
    )

  const at = { number: 1, asOfMs: 0 }

  it.live.skipIf(!fs.existsSync("/proc/meminfo"))("is looked at as it is", () =>
    Effect.gen(function* () {
      const { disk, memory, load, pressure } = yield* build("/")

      const disks = yield* disk.collect(at)
      assert.match(said(disks).join("\n"), /^disk:\/ clear \d+: \d+% in use[^]*^readonly:\/ clear null: /m)
      assert.match(
        said(yield* memory.collect(at))[0] ?? "",
        /^memory clear \d+: \d+% in use, [\d.]+ [KMGT]iB available of /
      )
      assert.match(said(yield* load.collect(at))[0] ?? "", /^load clear [\d.]+: [\d.]+ per core over 5 min/)
      const pressures = yield* pressure.collect(at)
      assert.isTrue(pressures.looks.length === 3 || pressures.oddities.length > 0)
    }).pipe(Effect.scoped)
  )

  it.live("with a FIFO in the place of a file of /proc blinds only what reads it", () =>
    Effect.gen(function* () {
      const root = yield* folder
      fs.mkdirSync(path.join(root, "proc/1"), { recursive: true })
      execFileSync("mkfifo", [path.join(root, "proc/1/mountinfo"), path.join(root, "dead")])
      fs.writeFileSync(path.join(root, "proc/meminfo"), "MemTotal: 100 kB\nMemAvailable: 25 kB\n")
      const { disk, memory } = yield* build(root)

      const looks = yield* disk.collect(at)

      assert.match(looks.unseen ?? "", /proc\/1\/mountinfo: there is no mount in it$/)
      assert.match(said(looks)[0] ?? "", /^disk:\/ clear \d+: \d+% in use/)
      assert.match(said(yield* memory.collect(at))[0] ?? "", /^memory clear 75/)
    }).pipe(Effect.scoped)
  )

  it.live("with a call that holds its thread delays nobody: others are seen, and names are looked up", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const fifo = path.join(root, "fifo")
      execFileSync("mkfifo", [fifo])
      const real = yield* Effect.service(hostFs)
      // Opening a FIFO that nobody writes to blocks its thread, as statfs on a dead mount does.
      const blocking = Effect.flatMap(
        Effect.promise(() => fs.promises.readFile(fifo)),
        () => real.statFs("/")
      )
      const files: HostFs = { ...real, statFs: (at) => (at.endsWith("/dead") ? blocking : real.statFs(at)) }
      const { disk, memory } = yield* Effect.provideService(build("/"), hostFs, files)
      // Lets the thread go at the end, or this process could not.
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => fs.closeSync(fs.openSync(fifo, fs.constants.O_RDWR | fs.constants.O_NONBLOCK)))
      )

      const first = yield* disk.collect(at)
      const second = yield* disk.collect({ number: 2, asOfMs: 1 })
      const meanwhile = yield* Effect.timeout(memory.collect(at), "200 millis")
      const address = yield* Effect.timeout(
        Effect.promise(() => dns.promises.lookup("localhost")),
        "1 second"
      )

      for (const report of [first, second]) {
        assert.match(said(report)[0] ?? "", /^disk:\/ clear/)
        assert.include(said(report).join("\n"), "disk:/dead missed: statfs of /dead has not answered within 300 ms")
      }
      assert.match(said(meanwhile)[0] ?? "", /^memory clear \d+/)
      assert.isNotEmpty(address.address)
    }).pipe(Effect.scoped)
  )
})
