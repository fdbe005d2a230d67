import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/e2e/**", "test/real/**"],
    testTimeout: 30_000,
    // No test changes what another imports: one process for many files takes half the time.
    isolate: false,
    typecheck: {
      enabled: true,
      checker: "tsc",
      include: ["test/**/*.test-d.ts"],
      tsconfig: "tsconfig.json"
    }
  }
})
