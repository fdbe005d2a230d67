import * as fs from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { below, isDisk, type Mount, mountOf, parseMountinfo } from "../../../src/collector/host/Mounts.ts"
import { mountLine } from "../../../src/testing/FakeHost.ts"
import { haveRecorded, record, whenRecorded } from "./looking.ts"

const one = (line: string): Mount => {
  const [mount] = parseMountinfo(line).mounts
  if (mount === undefined) throw new Error(`no mount in ${line}`)
  return mount
}

describe("parseMountinfo", () => {
  it("reads a line with any number of optional fields", () => {
    for (const optional of ["", "shared:1 ", "shared:1 master:2 propagate_from:3 "]) {
      const mount = one(`29 1 259:2 /sub /data rw,relatime ${optional}- ext4 /dev/dm-2 rw,errors=remount-ro`)

      assert.deepStrictEqual(mount, {
        device: "259:2",
        root: "/sub",
        point: "/data",
        options: new Set(["rw", "relatime"]),
        kind: "ext4",
        source: "/dev/dm-2",
        superOptions: new Set(["rw", "errors=remount-ro"])
      })
    }
  })

  it("undoes the kernel's octal numbers", () => {
    assert.strictEqual(one(mountLine("/a\\040b\\011c\\012d\\134e\\043f")).point, "/a b\tc\nd\\e#f")
    assert.strictEqual(one(mountLine("/a\\999")).point, "/a\\999")
  })

  it("takes the last of several mounts on one point, which hides the others", () => {
    const { mounts } = parseMountinfo(mountLine("/a", { device: "8:1" }) + mountLine("/a", { device: "8:2" }))

    assert.deepStrictEqual(
      mounts.map(({ device }) => device),
      ["8:2"]
    )
  })

  it("counts what it cannot read", () => {
    const bad = ["x", "29 1 8:1 / / rw", "29 1 8:1 / / rw - ext4 /dev/sda1", "29 1 8 / / rw - ext4 /dev/sda1 rw"]

    assert.deepStrictEqual(parseMountinfo(`${bad.join("\n")}\n${mountLine("/")}`).badLines, bad.length)
  })

  it.prop("never throws, and keeps or counts every line", [Schema.String, Schema.String], ([a, b]) => {
    const text = `${a}\n${mountLine(`/${b}`)}`
    const { mounts, badLines } = parseMountinfo(text)

    assert.isAtMost(mounts.length + badLines, text.split("\n").length)
    for (const mount of mounts) isDisk(mount)
  })

  it.skipIf(!haveRecorded)(`${whenRecorded}reads recorded lists`, () => {
    const { mounts, badLines } = parseMountinfo(record("node_exporter/proc/1/mountinfo"))

    assert.strictEqual(badLines, 0)
    assert.deepStrictEqual(
      mounts.filter(isDisk).map(({ point }) => point),
      [
        "/",
        "/boot",
        ..." \t"
          .split("")
          .map(
            (space) =>
              `/var/lib/kubelet/plugins/kubernetes.io/vsphere-volume/mounts/[vsanDatastore]${space}bafb9e5a-8856-7e6c-699c-801844e77a4a/kubernetes-dynamic-pvc-3eba5bba-48a3-11e8-89ab-005056b92113.vmdk`
          )
      ]
    )
    // One line of it names no mount point.
    assert.strictEqual(parseMountinfo(record("prometheus-procfs/proc/26231/mountinfo")).badLines, 1)
  })

  it.skipIf(!fs.existsSync("/proc/self/mountinfo"))("reads this machine's own", () => {
    const { mounts, badLines } = parseMountinfo(fs.readFileSync("/proc/self/mountinfo", "utf8"))

    assert.strictEqual(badLines, 0)
    assert.isDefined(mountOf(mounts, "/etc"))
  })
})

describe("a disk", () => {
  const table: ReadonlyArray<readonly [string, string, boolean]> = [
    ["ext4 on a device", mountLine("/"), true],
    ["btrfs, which has a number of its own making", mountLine("/", { device: "0:31", kind: "btrfs" }), true],
    ["a network's", mountLine("/mnt", { device: "0:42", kind: "nfs4", source: "host:/x" }), false],
    ["memory", mountLine("/run", { device: "0:25", kind: "tmpfs", source: "tmpfs" }), false],
    [
      "a container's layers",
      mountLine("/var/lib/docker/overlay2/x/merged", { device: "0:39", kind: "overlay" }),
      false
    ],
    ["what lies in the engine's folder", mountLine("/var/lib/docker/volumes"), false],
    ["the engine's folder itself", mountLine("/var/lib/docker"), true],
    ["a package that is an image", mountLine("/snap/x/1", { device: "7:1", kind: "squashfs" }), false],
    ["a folder whose name begins like one", mountLine("/devices"), true]
  ]

  it.each(table)("is told from what is none: %s", (_, line, wanted) => {
    assert.strictEqual(isDisk(one(line)), wanted)
  })
})

describe("mountOf", () => {
  it("is the mount with the longest name that a path lies in", () => {
    const { mounts } = parseMountinfo(["/", "/var", "/var/lib"].map((point) => mountLine(point)).join(""))

    const points = ["/", "/var", "/var/lib/x", "/variety", "/etc"].map((at) => mountOf(mounts, at)?.point)

    assert.deepStrictEqual(points, ["/", "/var", "/var/lib", "/", "/"])
  })
})

describe("below", () => {
  it("gives a container's view the host's names, and leaves out the rest", () => {
    const { mounts } = parseMountinfo(["/", "/host", "/host/var", "/hostess"].map((point) => mountLine(point)).join(""))

    assert.deepStrictEqual(
      below(mounts, "/host").map(({ point }) => point),
      ["/", "/var"]
    )
  })
})
