/**
 * What the host may do to who looks at it: a mount on which `statfs` never returns, a kernel without PSI.
 *
 * The mount is a FUSE file system of which nobody serves the requests, as one whose daemon is stopped; it takes root and
 * /dev/fuse, and no package. Pressure is taken away in a mount namespace of the watchdog's own.
 */
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { Daemon, clearAway } from "./daemon.ts"
import { docker, pause, tryRun, until } from "./lab.ts"

const mark = "watchdog-e2e=hang"
const isRoot = process.getuid?.() === 0
const canMount = isRoot && fs.existsSync("/dev/fuse")
const settledMs = 38_000
/** Interval 10 s, K = 2, timeout 5 s, and what a busy machine adds. */
const toldMs = 32_000

const leftOut = (possible: boolean, why: string): string => (possible ? "" : ` (left out: ${why})`)

beforeAll(() => clearAway(mark))
afterAll(() => clearAway(mark))

describe("a mount on which statfs hangs", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-hang-"))
  const mount = path.join(folder, "dead")
  const asked: Array<number> = []
  let fuse: ChildProcess | undefined
  let daemon: Daemon | undefined
  const server = http.createServer((_, response) => {
    asked.push(Date.now())
    response.end("ok")
  })

  afterAll(async () => {
    // The kernel lets everyone go once nobody holds the file system's descriptor any more.
    fuse?.kill("SIGKILL")
    await daemon?.stop().catch(() => undefined)
    await pause(200)
    if (canMount) await tryRun("umount", [mount])
    fs.rmSync(folder, { recursive: true, force: true })
    server.closeAllConnections()
    server.close()
  })

  it.skipIf(!canMount)(
    `is named, delays no other look, alert or lookup, and does not keep the watchdog from leaving${leftOut(canMount, "it takes root and /dev/fuse")}`,
    async () => {
      fs.mkdirSync(mount)
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const { port } = server.address() as AddressInfo
      const forever = ["sleep", "100000"]
      await docker("run", "-d", "--label", mark, "--network", "none", "--name", "hang-web", "busybox", ...forever)
      daemon = await Daemon.start(
        {
          WATCHDOG_CONTAINERS: "hang-*",
          WATCHDOG_DISK_PATHS: `/,${mount}`,
          // A name: each of its lookups needs one of the threads that statfs holds.
          WATCHDOG_DEPENDENCIES: `web=http://localhost:${port}/`
        },
        [],
        "localhost"
      )
      await pause(settledMs)
      assert.deepStrictEqual(daemon.signalsTold, [])
      assert.strictEqual(daemon.said(`disk:${mount}`).at(-1)?.state, "clear")

      const options = "rootmode=40000,user_id=0,group_id=0"
      const script = `exec 3<>/dev/fuse; mount -i -t fuse -o fd=3,${options} dead '${mount}' && exec sleep 100000`
      fuse = spawn("sh", ["-c", script], { stdio: "ignore" })
      const hungMs = Date.now()
      const watchdog = daemon
      const told = await until(
        "the alert",
        toldMs,
        () => Promise.resolve(watchdog.told("source:disk")),
        (found) => found.length > 0
      )
      await pause(30_000)
      const killedMs = Date.now()
      await docker("kill", "hang-web")
      const crash = await until(
        "the crash",
        10_000,
        () => Promise.resolve(watchdog.told("container:hang-web")),
        (found) => found.length > 0
      )
      const during = asked.filter((atMs) => atMs > hungMs)
      const gapsMs = during.slice(1).map((atMs, at) => atMs - (during[at] ?? 0))
      const threads = fs.readdirSync(`/proc/${daemon.process.pid}/task`).length
      const left = await daemon.stop()

      process.stdout.write(
        `\n--- statfs hangs on a mount\n  told after ${told[0] === undefined ? "?" : (told[0].atMs - hungMs) / 1_000} s: ${told[0]?.icon} source:disk ${told[0]?.text}\n  disk:${mount}: ${daemon.said(`disk:${mount}`).at(-1)?.state}: ${daemon.said(`disk:${mount}`).at(-1)?.text}\n  dependency asked every ${Math.min(...gapsMs)} to ${Math.max(...gapsMs)} ms (n = ${gapsMs.length})\n  docker kill told after ${(crash[0]?.atMs ?? 0) - killedMs} ms; ${threads} threads\n  SIGTERM: exit ${left.code} in ${Math.round(left.tookMs)} ms\n`
      )
      assert.include(told[0]?.text ?? "", mount)
      assert.sameMembers([...daemon.signalsTold], ["source:disk", "container:hang-web"])
      assert.strictEqual(daemon.said(`disk:${mount}`).at(-1)?.state, "missed")
      assert.deepStrictEqual(
        daemon.said("disk:/").map(({ state }) => state),
        ["clear"]
      )
      assert.deepStrictEqual(
        ["memory", "load", "dependency:web"].map((signal) => watchdog.said(signal).at(-1)?.state),
        ["clear", "clear", "clear"]
      )
      assert.isAtLeast(gapsMs.length, 4)
      assert.isBelow(Math.max(...gapsMs), 11_500)
      // The call cannot be taken back, so an ordinary exit would wait for it.
      assert.strictEqual(left.code, "SIGKILL")
      assert.match(daemon.log, /hang.*; ending by SIGKILL/)
      assert.isBelow(left.tookMs, 8_000)
    }
  )
})

describe("a kernel without PSI", () => {
  it.skipIf(!isRoot)(
    `has no pressure signals, is said to have none, and alarms nobody${leftOut(isRoot, "it takes root")}`,
    async () => {
      const without = 'mount -t tmpfs none /proc/pressure && exec "$@"'
      const before = fs.existsSync("/proc/pressure") ? ["unshare", "-m", "sh", "-c", without, "sh"] : []

      const daemon = await Daemon.start({ WATCHDOG_CONTAINERS: "hang-*", WATCHDOG_PRESSURE_CEILING: "1" }, before)
      await pause(settledMs)
      await daemon.stop()

      const said = daemon.lines.filter(({ event, message }) => event === "log" && /PSI/.test(String(message)))
      process.stdout.write(
        `\n--- no PSI\n${said.map(({ level, message }) => `  ${String(level)}: ${String(message)}`).join("\n")}\n`
      )
      assert.deepStrictEqual(
        ["cpu", "memory", "io"].flatMap((kind) => daemon.said(`pressure:${kind}`)),
        []
      )
      assert.deepStrictEqual(
        daemon.said("source:pressure").map(({ state }) => state),
        ["clear"]
      )
      assert.deepStrictEqual(daemon.messages, [])
      assert.strictEqual(said.length, 1)
      assert.match(
        String(said[0]?.["message"]),
        /unsupported on this kernel: pressure:cpu, pressure:memory, pressure:io \(it has no PSI\), and WATCHDOG_PRESSURE_CEILING has no effect there/
      )
    }
  )
})
