/**
 * The decision core: pure, without a dependency, in any JavaScript runtime. Published as `orchestrator-watchdog/decision`.
 *
 * `decide` is the kernel (alert, remind, recover); `step` is the whole (debounce, missed looks, flapping, reminders).
 */
export * from "./Alert.ts"
export * from "./Entry.ts"
export * from "./Observation.ts"
export * from "./Policy.ts"
export * from "./SignalSpec.ts"
export * from "./SignalState.ts"
export * from "./Snapshot.ts"
export * from "./decide.ts"
export * from "./explain.ts"
export * from "./step.ts"
