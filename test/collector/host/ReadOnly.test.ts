import { assert, describe, it } from "@effect/vitest"
import { parseMountinfo } from "../../../src/collector/host/Mounts.ts"
import { judge, type Seeing } from "../../../src/collector/host/ReadOnly.ts"
import { mountLine } from "../../../src/testing/FakeHost.ts"

const seeing: Seeing = { paths: ["/"], ownOptions: true }

/** Judges one list after the other; what the last one says, `!` before what is active. */
const judged = (lists: ReadonlyArray<string>, how: Seeing = seeing): ReadonlyArray<string> => {
  let writable: ReadonlySet<string> = new Set()
  let said: ReadonlyArray<string> = []
  for (const list of lists) {
    const found = judge(parseMountinfo(list).mounts, writable, how)
    writable = found.writable
    said = found.verdicts.map(({ point, active, summary }) => `${active ? "!" : ""}${point}: ${summary}`)
  }
  return said
}

const root = mountLine("/")
const data = (options: string, superOptions: string): string =>
  root + mountLine("/data", { device: "8:17", source: "/dev/sdb1", options, superOptions })

describe("a disk that nobody named", () => {
  const byTheKernel = "read-only by the kernel's doing, as after an error of the file system or its disk"
  const table: ReadonlyArray<readonly [string, ReadonlyArray<string>, string]> = [
    ["is well while it is writable", [data("rw", "rw")], "/data: writable"],
    ["turned read-only by the kernel", [data("rw", "rw"), data("rw", "ro")], `!/data: ${byTheKernel}`],
    ["was so when we came", [data("rw", "ro,errors=remount-ro")], `!/data: ${byTheKernel}`],
    // As recorded on Linux 6.18 after an error of ext4.
    [
      "says it in a word of its own",
      [data("rw,relatime", "rw,errors=remount-ro,emergency_ro")],
      `!/data: ${byTheKernel}`
    ],
    [
      "is shut down",
      [data("rw", "rw,shutdown")],
      "!/data: shut down by the kernel, as after an error: nothing can be written"
    ],
    ["is mounted read-only on purpose", [data("ro", "ro")], "/data: read-only, as it was found"],
    [
      "was remounted by a person",
      [data("rw", "rw"), data("ro", "ro")],
      "/data: remounted read-only, not by the kernel"
    ],
    ["is writable again", [data("rw", "ro"), data("rw", "rw")], "/data: writable"]
  ]

  it.each(table)("%s", (_, lists, wanted) => {
    assert.include(judged(lists), wanted)
  })
})

describe("the mount of a watched path", () => {
  const paths: Seeing = { paths: ["/data/db"], ownOptions: true }
  const table: ReadonlyArray<readonly [string, ReadonlyArray<string>, string]> = [
    [
      "is told whoever turned it",
      [data("rw", "rw"), data("ro", "ro")],
      "!/data: turned read-only: it was writable before"
    ],
    [
      "stays told while it stays so",
      [data("rw", "rw"), data("ro", "ro"), data("ro", "ro")],
      "!/data: turned read-only: it was writable before"
    ],
    [
      "is told where it was to turn so on an error, and is",
      [data("ro", "ro,errors=remount-ro")],
      "!/data: read-only, and to turn so on an error (errors=remount-ro)"
    ],
    ["is not told where it was found so", [data("ro", "ro")], "/data: read-only, as it was found"],
    ["is well again", [data("rw", "rw"), data("ro", "ro"), data("rw", "rw")], "/data: writable"]
  ]

  it.each(table)("%s", (_, lists, wanted) => {
    assert.include(judged(lists, paths), wanted)
  })

  it("is watched even if it is no disk", () => {
    const memory = (options: string) =>
      root + mountLine("/tmp", { device: "0:40", kind: "tmpfs", source: "tmpfs", options, superOptions: options })

    assert.include(
      judged([memory("rw"), memory("ro")], { paths: ["/tmp"], ownOptions: true }),
      "!/tmp: turned read-only: it was writable before"
    )
  })
})

describe("of a container's own view of the host", () => {
  const own: Seeing = { paths: ["/"], ownOptions: false }

  it("only the file system's word counts: its mounts are read-only anyway", () => {
    assert.include(judged([data("ro", "rw")], own), "/data: writable")
    assert.include(
      judged([data("ro", "rw"), data("ro", "ro")], own),
      "!/data: turned read-only: it was writable before"
    )
    assert.include(judged([data("ro", "ro")], own), "/data: read-only, as it was found")
  })
})

describe("the list", () => {
  it("names each file system once, by its root and the shortest name", () => {
    const bound = mountLine("/a", { root: "/srv/a" }) + mountLine("/mnt/root") + root

    assert.deepStrictEqual(judged([bound]), ["/: writable"])
    assert.deepStrictEqual(judged([bound], { paths: ["/a/x"], ownOptions: true }), ["/a: writable"])
  })

  it("is bounded, and says what it leaves out", () => {
    const many = Array.from({ length: 300 }, (_, at) => mountLine(`/m${at}`, { device: `8:${at + 20}` })).join("")

    const found = judge(parseMountinfo(root + many).mounts, new Set(), seeing)

    assert.deepStrictEqual([found.verdicts.length, found.writable.size, found.leftOut], [256, 256, 45])
    assert.strictEqual(found.verdicts[0]?.point, "/")
  })

  it("shows of the options only what matters here", () => {
    const secret = mountLine("/data", {
      device: "0:50",
      kind: "fuse.x",
      source: "user:password@host",
      superOptions: "ro,passwd=hunter2,errors=continue"
    })

    const found = judge(parseMountinfo(secret).mounts, new Set(["0:50 /data"]), { paths: ["/data"], ownOptions: true })

    assert.deepStrictEqual(found.verdicts[0]?.details, [
      "fuse.x; mounted rw; file system ro,errors=continue; the kernel's log (dmesg) says why"
    ])
  })
})
