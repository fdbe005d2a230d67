/** Runs the Effect diagnostics and fails when they looked at nothing: without its plugin line the tool says "Checked 0 files" and exits 0. */
import { spawnSync } from "node:child_process"

const ran = spawnSync("npx", ["effect-tsgo", "diagnostics", "--project", "tsconfig.json", "--strict"], {
  encoding: "utf8"
})
const said = ran.stdout + ran.stderr
process.stdout.write(said)
if (ran.status !== 0) process.exit(ran.status ?? 1)
if (!/^Checked [1-9]/m.test(said)) {
  process.stderr.write("effect-tsgo checked no file: is its plugin named in tsconfig.json?\n")
  process.exit(1)
}
