/** The catalogue: a sink is one file and one line here. */
export * as Telegram from "./Telegram.ts"
export * as Alertmanager from "./Alertmanager.ts"
export * as Webhook from "./Webhook.ts"
export * as FallbackWebhook from "./FallbackWebhook.ts"
