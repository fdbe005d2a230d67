import { defineConfig } from "rolldown"

/** What the package publishes besides the command. Its dependencies stay outside: whoever embeds it has his own Effect. */
const library = defineConfig({
  input: { decision: "src/decision/index.ts", testing: "src/testing/index.ts", index: "src/index.ts" },
  platform: "node",
  external: [/^effect(\/|$)/, /^@effect\//, /^@lezer\//, /^@prometheus-io\//],
  output: { dir: "dist/library", format: "esm", cleanDir: true }
})

const command = defineConfig({
  input: { main: "src/main.ts" },
  platform: "node",
  output: { dir: "dist/command", format: "esm", minify: true, sourcemap: true, cleanDir: true }
})

export default process.env["BUILD"] === "command" ? command : [library, command]
