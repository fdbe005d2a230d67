/** Runs the tests of the status page in a real Chromium, or says why it cannot. In CI a missing browser is a failure. */
import { spawnSync } from "node:child_process"

const candidates = [process.env["CHROMIUM"], "chromium", "chromium-browser", "google-chrome"]

const pathOf = (name: string): string | undefined => {
  const found = spawnSync("which", [name], { encoding: "utf8" })
  return found.status === 0 ? found.stdout.trim() : undefined
}

const chromium = candidates.flatMap((name) => (name === undefined ? [] : [pathOf(name)])).find(Boolean)
if (chromium === undefined) {
  console.error("no Chromium found: the browser tests need one (CHROMIUM, or `chromium` on the PATH)")
  process.exit(process.env["CI"] === "true" ? 1 : 0)
}
const ran = spawnSync("npx", ["vitest", "run", "--config", "vitest.browser.config.ts", ...process.argv.slice(2)], {
  stdio: "inherit",
  env: { ...process.env, CHROMIUM: chromium }
})
process.exit(ran.status ?? 1)
