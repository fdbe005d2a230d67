/** Made-up snapshots for the tests of whatever shows them. */
import type { SignalView, Snapshot } from "../../src/status/Snapshot.ts"
import { historyBucketMs, historyBuckets } from "../../src/status/Snapshot.ts"

export const signalView = (id: string, more: Partial<SignalView> = {}): SignalView => ({
  id,
  collector: "containers",
  severity: "critical",
  state: "clear",
  since: "2026-01-02T02:00:00.000Z",
  look: "clear",
  summary: "running",
  details: [],
  value: null,
  streak: null,
  wakes: "within 25 s (2 ticks)",
  because: ["seen clear at the last look"],
  nextReminder: null,
  muted: null,
  raises: 0,
  history: ".".repeat(historyBuckets),
  ...more
})

export const snapshotOf = (signals: ReadonlyArray<SignalView>, more: Partial<Snapshot> = {}): Snapshot => ({
  v: 1,
  version: "1.2.3",
  host: "web-1",
  runId: "run",
  at: "2026-01-02T03:00:00.000Z",
  startedAt: "2026-01-02T01:00:00.000Z",
  healthy: true,
  reasons: [],
  historyBucketMs,
  signals,
  collectors: [
    {
      name: "containers",
      watches: "containers of unix:///var/run/docker.sock",
      off: false,
      interval: 10_000,
      timeout: 5_000,
      lastTick: "2026-01-02T02:59:55.000Z",
      latency: 12.4,
      ticks: 720,
      blindTicks: 0,
      signals: signals.length,
      problem: null
    }
  ],
  sinks: [
    {
      name: "telegram",
      destination: "Telegram chat 42",
      red: false,
      problem: null,
      waiting: 0,
      sent: 3,
      failures: 0,
      lastSent: "2026-01-02T02:30:00.000Z"
    }
  ],
  told: [],
  mutes: [],
  loops: [],
  process: { residentBytes: 80_000_000, cpuSeconds: 12 },
  ...more
})
