/** What a signal is called, how bad it is, how it is judged. */
import type { Severity } from "./Alert.ts"
import type { Policy } from "./Policy.ts"

/** The signal of a drill: its alert and its end are marked as such, and no collector may report it. */
export const drillSignal = "drill"

/** One signal as its collector knows it: what it is called, how bad it is, how it is judged. */
export interface SignalSpec {
  readonly signal: string
  readonly severity: Severity
  readonly policy: Policy
}
