/** The fake orchestrator as a process, for containers: `PORT` (default 9000), all addresses, SIGTERM ends it with 0. */
import { startFakeOrchestrator } from "./FakeOrchestrator.ts"

const running = await startFakeOrchestrator({ port: Number(process.env["PORT"] ?? 9_000), host: "0.0.0.0" })
process.stdout.write(`fake orchestrator on port ${running.port}\n`)
process.once("SIGTERM", () => void running.close().then(() => process.exit(0)))
