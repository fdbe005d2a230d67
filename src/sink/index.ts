/** The catalogue: a sink is one file and one line here. */
export * as Telegram from "./Telegram.ts"
