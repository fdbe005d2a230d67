/**
 * `/healthz`, for the image's HEALTHCHECK and whoever watches the watchdog: are its own loops going?
 *
 * It judges nothing else: a red Telegram must not get the messenger restarted.
 */
import * as http from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Duration, Effect, Layer, Result } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import * as Keys from "../base/Keys.ts"
import { Loops } from "../base/Loops.ts"
import { type Listen, defaultListen, parseListen, showListen } from "./Listen.ts"

export const keys = {
  listen: Keys.custom<Listen | "off">("WATCHDOG_HTTP_LISTEN", {
    about: "where /healthz is served; off = nowhere",
    fallback: defaultListen,
    parse: (raw) => {
      const listen = parseListen(raw)
      return listen === undefined ? Result.fail("address:port such as 127.0.0.1:9469, or off") : Result.succeed(listen)
    },
    show: showListen
  })
}

/** Open connections get this long at the end; with the flush before it we stay below Docker's 10 s. */
const shutdownTimeout = Duration.seconds(1)

export interface Health {
  readonly ok: boolean
  readonly reasons: ReadonlyArray<string>
}

/** The whole watchdog's own health: `dead` names signals whose monitor does not run. */
export const health = (dead: Effect.Effect<ReadonlyArray<string>>): Effect.Effect<Health, never, Loops> =>
  Effect.gen(function* () {
    const complaints = yield* (yield* Loops).complaints
    const reasons = [...complaints, ...(yield* dead).map((signal) => `the monitor of ${signal} does not run`)]
    return { ok: reasons.length === 0, reasons }
  })

const healthRoute = (dead: Effect.Effect<ReadonlyArray<string>>) =>
  HttpRouter.route(
    "GET",
    "/healthz",
    Effect.flatMap(health(dead), (found) =>
      HttpServerResponse.json(found, { status: found.ok ? 200 : 503, headers: { "cache-control": "no-store" } })
    )
  )

/**
 * Serves until its scope closes. An address that is taken is logged and not fatal: a watchdog without its page still watches.
 */
export const layer = (listen: Listen, dead: Effect.Effect<ReadonlyArray<string>>): Layer.Layer<never, never, Loops> =>
  HttpRouter.serve(HttpRouter.addAll([healthRoute(dead)]), { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provide(
      NodeHttpServer.layer(() => http.createServer(), { ...listen, gracefulShutdownTimeout: shutdownTimeout })
    ),
    Layer.catch((error) =>
      Layer.effectDiscard(
        Effect.logError(`cannot listen on ${showListen(listen)}: ${String(error.cause)}; going on without /healthz`)
      )
    )
  )
