/** The kill-switch, seen from the kernel: after its one line an inert watchdog opens nothing and talks to nobody. */
import { execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { assert, beforeAll, it } from "vitest"
import { pause, root } from "./lab.ts"

beforeAll(() => {
  execFileSync("npm", ["run", "--silent", "build:command"], { cwd: root, stdio: "pipe" })
}, 60_000)

it("with WATCHDOG_ENABLED=false makes no network call and opens no file, and leaves with 0 on SIGTERM", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-inert-"))
  const trace = path.join(folder, "trace")
  const child = spawn(
    "strace",
    [
      "-f",
      "-s",
      "300",
      "-e",
      "trace=network,openat,write",
      "-o",
      trace,
      process.execPath,
      path.join(root, "dist/command/main.js"),
      "run"
    ],
    { env: { ...process.env, WATCHDOG_ENABLED: "false" }, stdio: ["ignore", "pipe", "pipe"] }
  )
  let out = ""
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (out += chunk))
  const ended = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)))
  await pause(8_000)
  const pid = fs.readFileSync(trace, "utf8").split("\n")[0]?.split(" ")[0]
  process.kill(Number(pid), "SIGTERM")
  const code = await ended

  const lines = fs.readFileSync(trace, "utf8").split("\n")
  const said = lines.findIndex((line) => line.includes("inert"))
  const after = lines
    .slice(said + 1)
    .filter((line) => /\b(openat|socket|connect|bind|listen|sendto|recvfrom|sendmsg|recvmsg)\(/.test(line))
  const sockets = lines.filter((line) =>
    /\b(socket|connect|bind|listen)\(AF_(INET|INET6|UNIX)|\b(connect|bind)\(/.test(line)
  )
  process.stdout.write(
    `\n--- strace of the inert watchdog: ${lines.length} lines in all, ${after.length} opens or network calls after its line\n`
  )
  assert.isAbove(said, 0)
  assert.deepStrictEqual(after, [])
  assert.deepStrictEqual(sockets, [])
  assert.strictEqual(out.trim().split("\n").length, 1)
  assert.strictEqual(code, 0)
})
