import { defineConfig } from "vitest/config"

// One file after the other: each starts programs of others and waits for them by the clock.
export default defineConfig({
  test: { include: ["test/real/**/*.test.ts"], fileParallelism: false, testTimeout: 120_000, hookTimeout: 120_000 }
})
