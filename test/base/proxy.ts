/** A real proxy on loopback, for plain requests and tunnels. */
import * as http from "node:http"
import * as net from "node:net"
import { Effect } from "effect"
import { listening } from "../collector/probe/world.ts"

/** A proxy that knows every name as this machine, and what it was asked for. */
export const startProxy = (answer: "serve" | "silence" | "refuse" = "serve") =>
  Effect.gen(function* () {
    const asked: Array<string> = []
    const server = http.createServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] ?? "-"}`)
      const url = new URL(request.url ?? "")
      const onward = http.request(
        { port: url.port, path: url.pathname, method: request.method ?? "GET", headers: request.headers },
        (found) => {
          response.writeHead(found.statusCode ?? 500, found.headers)
          found.pipe(response)
        }
      )
      request.pipe(onward)
    })
    server.on("connect", (request: http.IncomingMessage, socket: net.Socket) => {
      asked.push(`CONNECT ${request.url} ${request.headers["proxy-authorization"] ?? "-"}`)
      socket.on("error", () => undefined)
      if (answer === "silence") {
        socket.on("end", () => socket.end()).resume()
        return
      }
      if (answer === "refuse") {
        socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
        return
      }
      const onward = net.connect(Number(request.url?.split(":")[1]), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n")
        onward.pipe(socket).pipe(onward)
      })
      onward.on("error", () => socket.destroy())
    })
    const { port, open } = yield* listening(server)
    return { asked, open, url: `http://127.0.0.1:${port}`, withPassword: `http://me:hunter2@127.0.0.1:${port}` }
  })
