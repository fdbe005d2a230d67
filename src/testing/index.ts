/**
 * Fakes for tests of and around the watchdog. Published as `orchestrator-watchdog/testing`.
 *
 * They are as rude as the real things, and as strict: the fake Telegram refuses what the real one refuses.
 */
export * from "./FakeEngine.ts"
export * as FakeEngineServer from "./FakeEngineServer.ts"
export * from "./FakeHost.ts"
export * from "./FakeOrchestrator.ts"
export * from "./FakeStateDisk.ts"
export * from "./FakeTelegram.ts"
export * as FakeTelegramServer from "./FakeTelegramServer.ts"
export * as Scenario from "./Scenario.ts"
