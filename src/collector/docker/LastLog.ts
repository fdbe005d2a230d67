/** Fetches what a container said last, once per incident, where that is wanted. It adds to an alert and never holds one up. */
import { Duration, Effect } from "effect"
import type { DockerApi } from "./DockerApi.ts"
import { lastLines, logText } from "./LogLines.ts"
import type { Known, Memory } from "./Memory.ts"

/** A log that is not there by then is not waited for. */
const logWithinMs = 250

export const takeLog = (api: DockerApi["Service"], known: Known, memory: Memory): Effect.Effect<void> =>
  known.logLines === 0 || memory.log !== null
    ? Effect.void
    : api.logs(memory.id, known.logLines).pipe(
        Effect.timeoutOption(Duration.millis(logWithinMs)),
        Effect.map((bytes) => {
          const tty = memory.inspected?.Config?.Tty === true
          if (bytes._tag === "Some") memory.log = lastLines(logText(bytes.value, tty), known.logLines)
        }),
        // A log driver that cannot be read, a gateway that refuses: the alert goes without.
        Effect.ignore
      )
