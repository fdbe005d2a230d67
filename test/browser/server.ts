/** A loopback server of the page and its stream, whose snapshot the test changes. It does what the real server does, no more. */
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import {
  type PageOptions,
  type StatusFragments,
  changedFragments,
  contentSecurityPolicy,
  snapshotEvent,
  statusFragments,
  statusPage
} from "../../src/status/StatusPage.ts"
import type { Snapshot } from "../../src/status/Snapshot.ts"

const options: PageOptions = { timeZone: "Europe/Berlin" }

export interface PageServer {
  readonly address: string
  /** Puts another snapshot on and tells those who listen. */
  readonly show: (snapshot: Snapshot) => void
  /** Ends the streams and listens no more. */
  readonly stop: () => Promise<void>
  /** Listens again on the same port. */
  readonly restart: () => Promise<void>
}

export const servePage = async (first: Snapshot): Promise<PageServer> => {
  let snapshot = first
  let fragments: StatusFragments = statusFragments(first, options)
  const streams = new Set<http.ServerResponse>()
  const answer = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    const path = (request.url ?? "").split("?")[0]
    if (path === "/") {
      response.writeHead(200, {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": contentSecurityPolicy(),
        "cache-control": "no-store"
      })
      response.end(statusPage(snapshot, options))
    } else if (path === "/events") {
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" })
      response.write(`retry: 200\n\n${snapshotEvent(snapshot.at, changedFragments(null, fragments))}`)
      streams.add(response)
      response.on("close", () => streams.delete(response))
    } else response.writeHead(404).end()
  }
  const server = http.createServer(answer)
  const listen = (port: number): Promise<void> =>
    new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve()))
  await listen(0)
  const { port } = server.address() as AddressInfo
  return {
    address: `http://127.0.0.1:${port}/`,
    show: (next) => {
      const after = statusFragments(next, options)
      const event = snapshotEvent(next.at, changedFragments(fragments, after))
      snapshot = next
      fragments = after
      for (const stream of streams) stream.write(event)
    },
    stop: () =>
      new Promise((resolve) => {
        if (!server.listening) return resolve()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
    restart: () => listen(port)
  }
}
