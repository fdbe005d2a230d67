/** Runs the end-to-end tests, or says why it cannot: they need a container engine with compose v2. */
import { spawnSync } from "node:child_process"

const answers = (...args: ReadonlyArray<string>): boolean =>
  spawnSync("docker", [...args], { stdio: "ignore", timeout: 20_000 }).status === 0

if (!answers("info")) {
  console.error("no container engine answers: the end-to-end tests need one (DOCKER_HOST, or /var/run/docker.sock)")
  process.exit(1)
}
if (!answers("compose", "version")) {
  console.error("the engine has no compose v2: the end-to-end tests need it")
  process.exit(1)
}
const ran = spawnSync("npx", ["vitest", "run", "--config", "vitest.e2e.config.ts", ...process.argv.slice(2)], {
  stdio: "inherit"
})
process.exit(ran.status ?? 1)
