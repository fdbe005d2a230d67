import { defineConfig } from "vitest/config"

// One file after the other: they share one engine and stop it on purpose.
export default defineConfig({
  test: { include: ["test/e2e/**/*.test.ts"], fileParallelism: false, testTimeout: 300_000, hookTimeout: 300_000 }
})
