/** Real handshakes on loopback with certificates made here, each wrong in its own way. */
import * as fs from "node:fs"
import * as https from "node:https"
import * as net from "node:net"
import * as path from "node:path"
import * as tls from "node:tls"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { expiryOf } from "../../../src/collector/probe/Certificate.ts"
import type { Finding } from "../../../src/collector/probe/Finding.ts"
import {
  type Authority,
  type Made,
  type Wanted,
  eventually,
  listening,
  makeAuthority,
  openssl,
  probe
} from "./world.ts"

let authority: Authority & { readonly close: () => void }

beforeAll(() => {
  if (openssl.isHere) authority = makeAuthority()
})

afterAll(() => {
  if (openssl.isHere) authority.close()
})

let count = 0
const made = (wanted: Wanted): Made => authority.make(`leaf${++count}`, wanted)

interface Served {
  readonly wanted: Wanted
  /** The leaf without what signed it. */
  readonly alone?: boolean
  readonly host?: string
  readonly trusts?: "ours" | "public"
  readonly scheme?: "tls" | "https"
}

const page: Parameters<typeof https.createServer>[1] = (_, response) => void response.end("ok")

const look = ({ wanted, alone = false, host = "good.test", trusts = "ours", scheme = "tls" }: Served) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { key, cert, chain } = made(wanted)
      const options = { key, cert: alone ? cert : chain }
      const server = yield* listening(
        scheme === "https" ? https.createServer(options, page) : tls.createServer(options, (socket) => socket.resume())
      )
      const ca = trusts === "ours" ? `#ca=${authority.ca}` : ""
      const found = yield* probe(`x=${scheme}://${host}:${server.port}${ca}`)
      yield* eventually(() => server.open() === 0)
      return found
    })
  )

const daysLeft = ({ chain }: Finding): number | undefined =>
  chain === null ? undefined : expiryOf(chain, 14, Date.now())?.daysLeft

const names = ["good.test", "*.wild.test", "127.0.0.1"]

const well: ReadonlyArray<readonly [string, Served]> = [
  ["a good certificate", { wanted: { names } }],
  ["a good certificate over https", { wanted: { names }, scheme: "https" }],
  ["one that ends soon", { wanted: { names, to: 2 } }],
  ["one that ends after 2050", { wanted: { names, to: 12_000 } }],
  ["one signed by the root itself", { wanted: { names, by: "root" } }],
  ["an address that it names", { wanted: { names }, host: "127.0.0.1" }],
  ["a name below a wildcard", { wanted: { names }, host: "a.wild.test" }],
  ["a name with a dot at its end", { wanted: { names }, host: "good.test." }]
]

const ill: ReadonlyArray<readonly [string, Served, RegExp]> = [
  ["is expired", { wanted: { names, to: -1 } }, /^its certificate has expired \(\d{4}-\d\d-\d\d \d\d:\d\d UTC\)$/],
  ["is not yet valid", { wanted: { names, from: 2 } }, /^its certificate is not valid before \d{4}-/],
  [
    "is for another host",
    { wanted: { names: ["other.test"] } },
    /^its certificate is for other.test, not for good.test$/
  ],
  [
    "is for another host and expired",
    { wanted: { names: ["other.test"], to: -1 } },
    /^its certificate has expired \(.*\), and its certificate is for other.test, not for good.test$/
  ],
  [
    "does not name the address",
    { wanted: { names: ["good.test"] }, host: "127.0.0.1" },
    /for good.test, not for 127.0.0.1$/
  ],
  ["is of a wildcard one level up", { wanted: { names }, host: "a.b.wild.test" }, /, not for a\.b\.wild\.test$/],
  ["is self-signed", { wanted: { names, by: "self" } }, /^its certificate is self-signed and not trusted$/],
  [
    "is of an unknown CA",
    { wanted: { names }, trusts: "public" },
    /^its chain ends in "root", a CA that is not trusted$/
  ],
  [
    "comes without its intermediate",
    { wanted: { names }, alone: true },
    /signed by "intermediate", which is no trusted CA and was not sent: .* an intermediate is missing$/
  ],
  ["is expired, over https", { wanted: { names, to: -1 }, scheme: "https" }, /^its certificate has expired/]
]

describe.skipIf(!openssl.isHere)(`certificates${openssl.orSkip}`, () => {
  it.live.each(well)("are trusted: %s", ([, served]) =>
    Effect.gen(function* () {
      const found = yield* look(served)

      assert.strictEqual(found.verdict, "well", found.summary)
      assert.match(found.summary, /^speaks TLSv1.3 with a certificate that is trusted$|^answers with HTTP status 200$/)
      const wanted = served.wanted.to ?? 60
      assert.approximately(daysLeft(found) ?? Number.NaN, wanted > 1_000 ? 1_000 : wanted, 0.2)
    })
  )

  it.live.each(ill)("are refused in words where one %s", ([, served, wanted]) =>
    Effect.gen(function* () {
      const found = yield* look(served)

      assert.strictEqual(found.verdict, "ill")
      assert.match(found.summary, wanted)
      assert.isTrue(found.answered)
      assert.isNotNull(found.chain)
    })
  )

  it.live("are counted to the end of the chain that ends first: here the intermediate", () =>
    Effect.gen(function* () {
      const found = yield* look({ wanted: { names, by: "soon" } })

      assert.strictEqual(found.verdict, "well", found.summary)
      assert.approximately(daysLeft(found) ?? Number.NaN, 3, 0.2)
      const expiry = found.chain === null ? null : expiryOf(found.chain, 14, Date.now())
      assert.match(
        expiry?.summary ?? "",
        /^the certificate of "soon" in its chain ends in 2 days .*, less than 14 days$/
      )
    })
  )

  it.live("are asked for by name, in a handshake that the other side takes for a whole one", () =>
    Effect.gen(function* () {
      const asked: Array<string | false | null> = []
      const failed: Array<Error> = []
      const { key, chain } = made({ names })
      const secured = tls.createServer({ key, cert: chain }, (socket) => {
        asked.push(socket.servername)
        socket.resume()
      })
      const server = yield* listening(secured.on("tlsClientError", (error) => failed.push(error)))

      yield* probe(`x=tls://good.test:${server.port}#ca=${authority.ca}`)
      yield* probe(`x=tls://127.0.0.1:${server.port}#ca=${authority.ca}`)

      yield* eventually(() => asked.length === 2)
      assert.deepStrictEqual(asked, ["good.test", false])
      assert.deepStrictEqual(failed, [])
    }).pipe(Effect.scoped)
  )

  it.live("of a CA file that has been replaced are trusted at the next look", () =>
    Effect.gen(function* () {
      const { key, cert } = made({ names, by: "self" })
      const server = yield* listening(tls.createServer({ key, cert }, (socket) => socket.resume()))
      const file = path.join(authority.folder, "turned.pem")
      const item = `x=tls://good.test:${server.port}#ca=${file}`

      const missing = yield* probe(item)
      fs.writeFileSync(file, "not a certificate")
      const empty = yield* probe(item)
      fs.writeFileSync(file, cert)
      const found = yield* probe(item)

      assert.strictEqual(missing.verdict, "unable")
      assert.strictEqual(missing.summary, `the CA file ${file} cannot be used: no such file`)
      assert.strictEqual(empty.summary, `the CA file ${file} cannot be used: it holds no certificate in PEM form`)
      assert.strictEqual(found.verdict, "well", found.summary)
      assert.strictEqual(server.accepted(), 1)
    }).pipe(Effect.scoped)
  )

  it.live("are seen even where the server wants one of ours", () =>
    Effect.gen(function* () {
      const { key, chain } = made({ names })
      const options = { key, cert: chain, requestCert: true, rejectUnauthorized: true }
      const server = yield* listening(https.createServer(options, page))
      const ca = `#ca=${authority.ca}`

      const handshake = yield* probe(`x=tls://good.test:${server.port}${ca}`)
      const request = yield* probe(`x=https://good.test:${server.port}/${ca}`)

      assert.strictEqual(handshake.verdict, "well", handshake.summary)
      assert.strictEqual(request.verdict, "ill")
      assert.match(request.summary, /wants a certificate of the client|connection reset|without an answer/)
      assert.isNotNull(request.chain)
    }).pipe(Effect.scoped)
  )

  it.live("of the URL that was named are told, not those of where it redirects", () =>
    Effect.gen(function* () {
      const [near, far] = [made({ names, to: 5 }), made({ names, to: 50 })]
      const there = yield* listening(https.createServer({ key: far.key, cert: far.chain }, page))
      const here = yield* listening(
        https.createServer({ key: near.key, cert: near.chain }, (_, response) => {
          response.writeHead(301, { location: `https://good.test:${there.port}/` }).end()
        })
      )

      const found = yield* probe(`x=https://good.test:${here.port}/#follow=true&ca=${authority.ca}`)

      assert.strictEqual(found.verdict, "well", found.summary)
      assert.approximately(daysLeft(found) ?? Number.NaN, 5, 0.2)
      assert.strictEqual(there.accepted(), 1)
    }).pipe(Effect.scoped)
  )

  it.live("are judged before anything is said: no request goes to whom a client would refuse", () =>
    Effect.gen(function* () {
      let requests = 0
      const { key, cert } = made({ names, by: "self" })
      const server = yield* listening(https.createServer({ key, cert }, () => void (requests += 1)))

      const found = yield* probe(`x=https://user:secret@good.test:${server.port}/`)

      assert.match(found.summary, /self-signed/)
      assert.strictEqual(requests, 0)
    }).pipe(Effect.scoped)
  )
})

const rude: ReadonlyArray<readonly [string, (socket: net.Socket) => void, RegExp]> = [
  ["is silent", () => undefined, /^no full answer within 300 ms, stuck in the TLS handshake$/],
  ["speaks plain text first", (socket) => socket.write("220 mail.test ESMTP\r\n"), /^it does not speak TLS$/],
  [
    "answers as a plain page",
    (socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad\r\n\r\n")),
    /^it does not speak TLS$/
  ],
  [
    "closes in the handshake",
    (socket) => socket.once("data", () => socket.end()),
    /^it closed the connection in the TLS handshake$/
  ],
  [
    "resets in the handshake",
    (socket) => socket.once("data", () => socket.resetAndDestroy()),
    /closed the connection in|connection reset/
  ]
]

describe("a server without TLS", () => {
  it.live.each(rude)("that %s is ill", ([, onSocket, wanted]) =>
    Effect.gen(function* () {
      const server = yield* listening(net.createServer((socket) => void (onSocket(socket), socket.resume())))

      const found = yield* probe(`x=tls://good.test:${server.port}`, 300)

      assert.strictEqual(found.verdict, "ill")
      assert.match(found.summary, wanted)
      assert.isFalse(found.answered)
      assert.isNull(found.chain)
      yield* eventually(() => server.open() === 0)
    }).pipe(Effect.scoped)
  )
})
