import { defineConfig } from "vitest/config"

// The examples import the package by its name, as built: `npm run build` comes first.
export default defineConfig({ test: { include: ["examples/**/*.test.ts"] } })
