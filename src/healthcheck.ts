/**
 * `watchdog healthcheck`: asks the running watchdog's `/livez`, which judges its own loops and no sink: a red Telegram must not
 * get the messenger restarted. Plain Node, because it runs every half minute.
 */
import * as http from "node:http"
import { defaultListen, localAddress, parseListen } from "./status/Listen.ts"

/** Docker's HEALTHCHECK gives up after its own timeout; ours must come first, to say why. */
const timeoutMs = 3_000

const ask = (host: string, port: number): Promise<{ readonly status: number; readonly body: string }> =>
  new Promise((resolve, reject) => {
    const request = http.get({ host, port, path: "/livez", timeout: timeoutMs }, (response) => {
      let body = ""
      response
        .setEncoding("utf8")
        .on("data", (chunk: string) => (body += chunk))
        .on("end", () => resolve({ status: response.statusCode ?? 0, body }))
    })
    request.on("timeout", () => request.destroy(new Error(`no answer within ${timeoutMs} ms`))).on("error", reject)
  })

/**
 * Returns the exit code: 0 well, 1 not. Listening off: well while the process lives, which whoever asks has just seen.
 */
export const healthcheck = async (listen: string | undefined): Promise<number> => {
  const where = listen === undefined || listen === "" ? defaultListen : parseListen(listen)
  if (where === "off") return 0
  if (where === undefined) {
    process.stderr.write(`WATCHDOG_HTTP_LISTEN is not address:port or off\n`)
    return 1
  }
  const { host, port } = localAddress(where)
  try {
    const { status, body } = await ask(host, port)
    process.stdout.write(`${body}\n`)
    return status === 200 ? 0 : 1
  } catch (error) {
    process.stderr.write(`no health from ${host}:${port}: ${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  }
}
