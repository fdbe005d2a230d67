/** Runs the tests against real programs of others, and says which of them are missing; their tests are skipped then. */
import { spawnSync } from "node:child_process"

/** By Debian's package. */
const needed = { prometheus: ["prometheus", "promtool"], "prometheus-alertmanager": ["prometheus-alertmanager"] }

const isThere = (command: string): boolean => spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0
const missing = Object.entries(needed).flatMap(([name, commands]) => (commands.every(isThere) ? [] : [name]))

if (missing.length > 0) {
  console.error(`not installed, and not tested with: ${missing.join(", ")} (apt-get install ${missing.join(" ")})`)
  // Where everything is to be tested, a test that does not run is a failure.
  if (process.env["CI"] === "true") process.exit(1)
}
const ran = spawnSync("npx", ["vitest", "run", "--config", "vitest.real.config.ts", ...process.argv.slice(2)], {
  stdio: "inherit"
})
process.exit(ran.status ?? 1)
