import { defineConfig } from "rolldown"

export default defineConfig({
  input: { main: "src/main.ts" },
  platform: "node",
  output: { dir: "dist", format: "esm", minify: true, sourcemap: true, cleanDir: true }
})
