/**
 * "Unhealthy" as the word of a container's own check, and as the engine's for whom it does not probe.
 *
 * The engine calls unhealthy whomever it stops probing, and after `docker unpause` it goes on doing so until the check has run
 * again: with a check every minute, two looks would see a fault that is none. What tells the two apart is the count of failures
 * in a row: nobody is unhealthy by a check that has not failed, nor, where an unpause was seen, by one that has not used up its
 * retries. Told by count and by which probe is the newest, not by time: the engine's clock is not ours.
 * Source: moby daemon/health.go, container/health.go (CloseMonitorChannel); seen on engines 20.10 and 26.1.
 */
import type { ContainerState, InspectDocument } from "./Container.ts"

/** Where a check leaves them out. Source: moby daemon/health.go. */
const retriesDefault = 3
const probeIntervalDefaultMs = 30_000
const probeTimeoutDefaultMs = 30_000
const nanosecondsInMs = 1e6

/** An "unhealthy" that is not the check's own word. */
export interface Doubt {
  readonly sinceMs: number
  /** When the newest probe known then had begun, in the engine's words; empty without any, null while no inspect has told. */
  readonly probe: string | null
}

const newestProbe = (inspected: InspectDocument | null): string => inspected?.State.Health?.Log?.at(-1)?.Start ?? ""

/** How often its check has failed in a row; null where the engine does not tell, or tells of another moment. */
const failuresIn = (inspected: InspectDocument | null): number | null =>
  inspected?.State.Health?.Status === "unhealthy" ? (inspected.State.Health.FailingStreak ?? null) : null

/** The doubt there is after this look; it lasts, with its beginning, for as long as the engine calls the container so. */
export const doubtAfter = (
  before: Doubt | null,
  state: ContainerState,
  inspected: InspectDocument | null,
  unpausedMs: number | null,
  nowMs: number
): Doubt | null => {
  if (state._tag !== "Running" || state.health !== "unhealthy") return null
  const failures = failuresIn(inspected)
  if (failures === null) return unpausedMs === null ? null : { sinceMs: unpausedMs, probe: null }
  const retries = unpausedMs === null ? 1 : inspected?.Config?.Healthcheck?.Retries || retriesDefault
  if (failures >= retries) return null
  return { sinceMs: before?.sinceMs ?? nowMs, probe: before?.probe ?? newestProbe(inspected) }
}

/** Why it is held, or null: once the check has run again it is believed, and so it is when that is overdue. */
export const doubtText = (
  doubt: Doubt | null,
  inspected: InspectDocument | null,
  graceMs: number,
  nowMs: number
): string | null => {
  if (doubt === null || nowMs - doubt.sinceMs >= overdueMs(inspected, graceMs)) return null
  if (doubt.probe !== null && failuresIn(inspected) !== null && newestProbe(inspected) !== doubt.probe) return null
  return "running; called unhealthy only since it was paused: its health check has not run again"
}

/** The check's interval and timeout; a deploy's grace where they are not known. */
const overdueMs = (inspected: InspectDocument | null, graceMs: number): number => {
  const check = inspected?.Config?.Healthcheck
  if (check === undefined || check === null) return graceMs
  return (
    (check.Interval || probeIntervalDefaultMs * nanosecondsInMs) / nanosecondsInMs +
    (check.Timeout || probeTimeoutDefaultMs * nanosecondsInMs) / nanosecondsInMs
  )
}
