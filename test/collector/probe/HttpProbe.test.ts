/** Pages over real HTTP on loopback, in every way they can be wrong. */
import * as http from "node:http"
import * as net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { Finding } from "../../../src/collector/probe/Finding.ts"
import { type Listening, closedPort, eventually, listening, probe } from "./world.ts"

type Handler = http.RequestListener

const serving = (handler: Handler) => listening(http.createServer(handler))
/** It reads what it gets, or it would never notice that we have gone. */
const raw = (onSocket: (socket: net.Socket) => void) =>
  listening(net.createServer((socket) => void (onSocket(socket), socket.resume())))

const text =
  (status: number, body = "", headers: http.OutgoingHttpHeaders = {}): Handler =>
  (_, response) =>
    void response.writeHead(status, headers).end(body)

const look = (
  server: Effect.Effect<Listening, never, Scope.Scope>,
  options = "",
  budgetMs?: number
): Effect.Effect<Finding> =>
  Effect.scoped(
    Effect.gen(function* () {
      const running = yield* server
      const found = yield* probe(`web=http://web.test:${running.port}/health${options}`, budgetMs)
      yield* eventually(() => running.open() === 0)
      return found
    })
  )

const well: ReadonlyArray<readonly [string, Handler, string]> = [
  ["any 2xx", text(204), ""],
  ["the status asked for", text(404), "#status=404"],
  ["a status in a range", text(302, "", { location: "/" }), "#status=200-399"],
  ["a body with the text", text(200, "all is ok here"), "#body=is%20ok"],
  ["text beyond ASCII", text(200, "alles für gut"), "#body=f%C3%BCr"],
  ["a redirect that is to be followed", redirectTo("/health2"), "#follow=true"]
]

function redirectTo(first: string): Handler {
  return (request, response) =>
    request.url === "/health"
      ? void response.writeHead(302, { location: first }).end()
      : void response.writeHead(200).end("ok")
}

const ill: ReadonlyArray<readonly [string, Handler, string, RegExp]> = [
  ["500", text(500), "", /^HTTP status 500, not 2xx$/],
  ["another status than asked for", text(200), "#status=204,3xx", /^HTTP status 200, not 204,3xx$/],
  ["a redirect", redirectTo("/health2"), "", /^HTTP status 302, not 2xx$/],
  ["a body without the text", text(200, "oops"), "#body=ok", /^HTTP status 200, but its body does not contain "ok"$/],
  ["a redirect to itself", text(302, "", { location: "/health" }), "#follow=true", /redirects more than 5 times/],
  ["a redirect to a mail", text(302, "", { location: "mailto:a@b" }), "#follow=true", /no http:\/\/ or https:\/\/ URL/],
  ["a redirect to nowhere", text(302), "#follow=true", /^HTTP status 302, not 2xx$/]
]

describe("http://", () => {
  it.live.each(well)("is well with %s", ([, handler, options]) =>
    Effect.gen(function* () {
      const found = yield* look(serving(handler), options)

      assert.strictEqual(found.verdict, "well", found.summary)
      assert.match(found.summary, /^answers with HTTP status \d+$/)
    })
  )

  it.live.each(ill)("is ill with %s", ([, handler, options, wanted]) =>
    Effect.gen(function* () {
      const found = yield* look(serving(handler), options)

      assert.strictEqual(found.verdict, "ill")
      assert.match(found.summary, wanted)
      assert.isTrue(found.answered)
    })
  )

  it.live("says where a redirect leads, without its query", () =>
    Effect.gen(function* () {
      const to = "https://user:pw@login.test/in?token=hunter2"
      const found = yield* look(serving(text(302, "", { location: to })))

      assert.deepStrictEqual(found.details, [
        "it redirects to https://login.test/in?(redacted); follow=true would go there"
      ])
    })
  )

  it.live("sends what it was given: host, path, query and password, and no password elsewhere", () =>
    Effect.gen(function* () {
      const seen: Array<http.IncomingMessage> = []
      const other = yield* serving((request, response) => void (seen.push(request), response.end("ok")))
      const first = yield* serving((request, response) => {
        seen.push(request)
        response.writeHead(307, { location: `http://other.test:${other.port}/there` }).end()
      })

      const found = yield* probe(`web=http://us%40er:p%3Aw@web.test:${first.port}/a?b=c#follow=yes`)

      assert.strictEqual(found.verdict, "well", found.summary)
      const [one, two] = seen
      assert.strictEqual(one?.url, "/a?b=c")
      assert.strictEqual(one?.method, "GET")
      assert.strictEqual(one?.headers.host, `web.test:${first.port}`)
      assert.strictEqual(one?.headers.authorization, `Basic ${Buffer.from("us@er:p:w").toString("base64")}`)
      assert.strictEqual(one?.headers["user-agent"], "orchestrator-watchdog")
      assert.strictEqual(two?.url, "/there")
      assert.isUndefined(two?.headers.authorization)
    }).pipe(Effect.scoped)
  )

  it.live("is cut where it hangs after the connection, and says so", () =>
    Effect.gen(function* () {
      const found = yield* look(
        raw(() => undefined),
        "",
        100
      )

      assert.strictEqual(found.summary, "no full answer within 100 ms, stuck in waiting for the headers")
      assert.isFalse(found.answered)
    })
  )

  it.live("is cut where the body comes too slowly, byte by byte", () =>
    Effect.gen(function* () {
      const dripping: Handler = (_, response) => {
        response.writeHead(200)
        const drip = setInterval(() => response.write("."), 10)
        response.on("close", () => clearInterval(drip))
      }

      const found = yield* look(serving(dripping), "", 150)

      assert.strictEqual(found.summary, "no full answer within 150 ms, stuck in reading the body")
      assert.isBelow(found.elapsedMs, 1_000)
    })
  )

  const broken: ReadonlyArray<readonly [string, (socket: net.Socket) => void, RegExp]> = [
    [
      "half a body",
      (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"),
      /cut within the answer/
    ],
    ["a banner", (socket) => socket.end("220 mail.test ESMTP\r\n"), /what it answered is not HTTP/],
    ["nothing", (socket) => socket.end(), /closed the connection without an answer/],
    ["a reset", (socket) => socket.resetAndDestroy(), /connection reset|without an answer/],
    [
      "endless headers",
      (socket) => socket.end(`HTTP/1.1 200 OK\r\n${"x-a: 1234567890\r\n".repeat(5_000)}`),
      /headers are larger than allowed/
    ]
  ]

  it.live.each(broken)("is ill with %s", ([, onSocket, wanted]) =>
    Effect.gen(function* () {
      const found = yield* look(raw((socket) => socket.once("data", () => onSocket(socket))))

      assert.strictEqual(found.verdict, "ill")
      assert.match(found.summary, wanted)
    })
  )

  it.live("of 100 MB is read to 1 MiB and no further", () =>
    Effect.gen(function* () {
      let sent = 0
      const huge: Handler = (_, response) => {
        const more = (): void => {
          while (sent < 100_000_000 && !response.destroyed) {
            sent += 65_536
            if (!response.write(Buffer.alloc(65_536, "x"))) return void response.once("drain", more)
          }
          response.end()
        }
        more()
      }

      const plain = yield* look(serving(huge))
      const searched = yield* look(serving(huge), "#body=ok")

      assert.strictEqual(plain.verdict, "well")
      assert.strictEqual(searched.summary, 'HTTP status 200, but the first 1 MiB of its body does not contain "ok"')
      assert.isBelow(sent, 32_000_000)
    })
  )

  it.live("is ill where it is refused", () =>
    Effect.gen(function* () {
      const found = yield* probe(`web=http://web.test:${yield* closedPort}/`)

      assert.strictEqual(found.summary, "connection refused")
    })
  )
})
