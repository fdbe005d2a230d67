/**
 * The library's face: the decision core, the contracts of collectors and sinks, and the whole watchdog as one Effect.
 *
 * `orchestrator-watchdog/decision` has the core alone, without a dependency; `orchestrator-watchdog/testing` the fakes.
 */
export { run, type World } from "./App.ts"
export { Http } from "./base/Http.ts"
export { Settings } from "./base/Keys.ts"
export { Loops } from "./base/Loops.ts"
export { Output } from "./base/Output.ts"
export { CollectError, type Collector, type Report, type SignalLook } from "./collector/Collector.ts"
export * from "./decision/index.ts"
export { SettingsError, readSettings } from "./Settings.ts"
export {
  type Draft,
  type Level,
  type LevelSink,
  type MessageSink,
  type Receipt,
  type Sink,
  SinkError
} from "./sink/Sink.ts"
export { Journal } from "./status/Journal.ts"
export { StatusBoard } from "./status/StatusBoard.ts"
