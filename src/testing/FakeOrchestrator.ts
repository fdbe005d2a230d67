/**
 * A fake orchestrator: a `/metrics` page that can be well, slow, wrong in every way a real one is, or gone.
 *
 * Plain Node, so that it runs in a container or a test without the rest of the package.
 */
import * as http from "node:http"
import { setTimeout as delay } from "node:timers/promises"

export type FakeOrchestratorMode =
  | "up"
  | "openmetrics"
  | "json"
  /** OpenMetrics without its `# EOF`. */
  | "truncated"
  | "garbage"
  | "html"
  | "empty"
  /** Promises more bytes than it sends, and closes. */
  | "half"
  | "hang"
  | "reset"
  | { readonly status: number }
  | { readonly delayMs: number }
  /** A valid page that does not end before this many bytes. */
  | { readonly bytes: number }
  /** The next request makes it take this much memory: for a container with a limit, the way to die of it. */
  | { readonly eatBytes: number }

export interface FakeOrchestrator {
  readonly url: string
  readonly port: number
  /** Requests for `/metrics` so far. */
  readonly requests: () => number
  /** Bytes of bodies handed to the network so far. */
  readonly bytesSent: () => number
  readonly setMode: (mode: FakeOrchestratorMode) => void
  readonly close: () => Promise<void>
}

const page = [
  "# HELP queue_depth Jobs that wait.",
  "# TYPE queue_depth gauge",
  'queue_depth{queue="mail"} 3',
  "# TYPE jobs_done_total counter",
  "jobs_done_total 1027",
  ""
].join("\n")

const openMetrics = "# TYPE jobs_done counter\njobs_done_total 1027\n# EOF\n"
const textType = "text/plain; version=0.0.4; charset=utf-8"
const openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

const simple: Readonly<Record<string, readonly [contentType: string, body: string]>> = {
  up: [textType, page],
  openmetrics: [openMetricsType, openMetrics],
  json: ["application/json", '{"queue":{"depth":3},"jobs_done_total":1027}'],
  truncated: [openMetricsType, openMetrics.replace("# EOF\n", "")],
  garbage: [textType, "\u0000\u0001 lorem ipsum } { dolor\nsit amet\n"],
  html: ["text/html", "<!doctype html><title>Login</title><p>Please log in"],
  empty: [textType, ""]
}

const isMode = (value: unknown): value is FakeOrchestratorMode =>
  typeof value === "string"
    ? value in simple || value === "half" || value === "hang" || value === "reset"
    : typeof value === "object" &&
      value !== null &&
      ["status", "delayMs", "bytes", "eatBytes"].some((name) => name in value)

interface Life {
  mode: FakeOrchestratorMode
  requests: number
  bytesSent: number
  readonly eaten: Array<Buffer>
}

const answer = async (life: Life, response: http.ServerResponse): Promise<void> => {
  const { mode } = life
  if (mode === "hang") return
  if (mode === "reset") {
    response.socket?.destroy()
    return
  }
  if (mode === "half") {
    response.writeHead(200, { "content-type": textType, "content-length": page.length * 2 })
    response.write(page, () => response.socket?.destroy())
    return
  }
  if (typeof mode === "string") {
    const [contentType, body] = simple[mode] ?? [textType, page]
    response.writeHead(200, { "content-type": contentType }).end(body)
    return
  }
  if ("eatBytes" in mode) {
    life.eaten.push(Buffer.alloc(mode.eatBytes, 1))
    response.writeHead(200, { "content-type": textType }).end(page)
  } else if ("status" in mode) response.writeHead(mode.status, { "content-type": "text/plain" }).end("no\n")
  else if ("delayMs" in mode) {
    await delay(mode.delayMs)
    response.writeHead(200, { "content-type": textType }).end(page)
  } else await endless(life, response, mode.bytes)
}

const endless = async (life: Life, response: http.ServerResponse, bytes: number): Promise<void> => {
  const chunk = Buffer.from('queue_depth{queue="mail"} 3\n'.repeat(2_000))
  response.writeHead(200, { "content-type": textType })
  for (let sent = 0; sent < bytes && !response.destroyed; sent += chunk.length) {
    life.bytesSent += chunk.length
    if (!response.write(chunk)) {
      await new Promise<void>((resume) => {
        const go = (): void => {
          response.off("drain", go).off("close", go)
          resume()
        }
        response.on("drain", go).on("close", go)
      })
    }
  }
  response.end()
}

const readBody = async (request: http.IncomingMessage): Promise<string> => {
  let body = ""
  for await (const chunk of request.setEncoding("utf8")) body += chunk
  return body
}

/**
 * Starts it. `POST /__fake/mode` with a JSON mode changes it from outside; port 0 takes any.
 *
 * Fails: rejects if the address is taken.
 */
export const startFakeOrchestrator = async (
  options: { readonly port?: number; readonly host?: string } = {}
): Promise<FakeOrchestrator> => {
  const life: Life = { mode: "up", requests: 0, bytesSent: 0, eaten: [] }
  const server = http.createServer((request, response) => {
    response.on("error", () => {})
    if (request.method === "POST" && request.url === "/__fake/mode") {
      void readBody(request).then((body) => {
        const mode: unknown = JSON.parse(body)
        if (isMode(mode)) life.mode = mode
        response.writeHead(isMode(mode) ? 204 : 400).end()
      })
      return
    }
    if (request.url !== "/metrics") {
      response.writeHead(404).end()
      return
    }
    life.requests += 1
    void answer(life, response)
  })
  const host = options.host ?? "127.0.0.1"
  await new Promise<void>((listening, reject) =>
    server.once("error", reject).listen(options.port ?? 0, host, listening)
  )
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return {
    url: `http://${host}:${port}/metrics`,
    port,
    requests: () => life.requests,
    bytesSent: () => life.bytesSent,
    setMode: (mode) => void (life.mode = mode),
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      })
  }
}
