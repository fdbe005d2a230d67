/** Real servers on loopback, certificates made by openssl, and a lookup that knows every name. */
import { execFileSync } from "node:child_process"
import * as dgram from "node:dgram"
import * as fs from "node:fs"
import type * as http from "node:http"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import type * as tls from "node:tls"
import { Effect, Result, type Scope } from "effect"
import { Uncancellable } from "../../../src/base/Uncancellable.ts"
import type { Finding } from "../../../src/collector/probe/Finding.ts"
import { makeProbe } from "../../../src/collector/probe/Probes.ts"
import { type Target, parseTargets } from "../../../src/collector/probe/Target.ts"
import { makeTrust } from "../../../src/collector/probe/TlsProbe.ts"

/** Every name but those of `.invalid` is this machine; one of `.hangs` is never answered. */
export const lookupHere: net.LookupFunction = (host, options, callback) => {
  if (host.endsWith(".hangs")) return
  if (host.endsWith(".invalid")) callback(Object.assign(new Error("no"), { code: "ENOTFOUND" }), [])
  else if (options.all === true) callback(null, [{ address: "127.0.0.1", family: 4 }])
  else callback(null, "127.0.0.1", 4)
}

export const targetOf = (item: string): Target => {
  const [target] = Result.getOrThrow(parseTargets(item))
  if (target === undefined) throw new Error("no target")
  return target
}

/** Probes `name=url`. */
export const probe = (item: string, budgetMs = 2_000): Effect.Effect<Finding> =>
  makeProbe(lookupHere, makeTrust(new Uncancellable())).target(targetOf(item), budgetMs)

export interface Listening {
  readonly port: number
  /** Connections that are open now. */
  readonly open: () => number
  readonly accepted: () => number
}

/** Listens on a port of its own until the scope closes; whatever is still connected then is cut. */
export const listening = (
  server: net.Server | http.Server | tls.Server
): Effect.Effect<Listening, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Listening & { readonly sockets: Set<net.Socket> }>((resume) => {
      const sockets = new Set<net.Socket>()
      let accepted = 0
      server.on("connection", (socket: net.Socket) => {
        accepted += 1
        sockets.add(socket.on("error", () => undefined))
        socket.on("close", () => sockets.delete(socket))
      })
      server.on("tlsClientError", () => undefined)
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as net.AddressInfo
        resume(Effect.succeed({ port, open: () => sockets.size, accepted: () => accepted, sockets }))
      })
    }),
    ({ sockets }) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const socket of sockets) socket.destroy()
      })
  )

/** A port that nobody listens on. */
export const closedPort: Effect.Effect<number> = Effect.scoped(
  Effect.map(listening(net.createServer()), ({ port }) => port)
)

/** Waits for what another process of events is about to do. Fails the test if it does not. */
export const eventually = (isSo: () => boolean): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let tries = 0; !isSo(); tries++) {
      if (tries > 200) throw new Error("it did not come to that")
      yield* Effect.sleep("5 millis")
    }
  })

const hasOpenssl = (() => {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
})()

/** Certificates cannot be made without it: Node has no generator. */
export const openssl = { isHere: hasOpenssl, orSkip: hasOpenssl ? "" : " (skipped: no openssl on this machine)" }

const dayMs = 86_400_000

export interface Wanted {
  readonly names: ReadonlyArray<string>
  /** Days from now; negative is past. */
  readonly from?: number
  readonly to?: number
  readonly by?: "intermediate" | "soon" | "root" | "self"
}

export interface Made {
  readonly key: Buffer
  /** The leaf alone. */
  readonly cert: Buffer
  /** The leaf and the intermediate that signed it. */
  readonly chain: Buffer
}

export interface Authority {
  /** PEM file of the root. */
  readonly ca: string
  readonly folder: string
  readonly make: (name: string, wanted: Wanted) => Made
}

const stamp = (days: number): string =>
  `${new Date(Date.now() + days * dayMs).toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`

/** A CA with a root, an intermediate, and one that itself ends in three days. */
export const makeAuthority = (): Authority & { readonly close: () => void } => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-ca-"))
  const at = (name: string) => path.join(folder, name)
  const run = (...args: ReadonlyArray<string>) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" })
  fs.writeFileSync(at("index.txt"), "")
  fs.writeFileSync(
    at("ca.cnf"),
    [
      "[ca]\ndefault_ca = d",
      `[d]\ndatabase = ${at("index.txt")}\nnew_certs_dir = ${folder}\nrand_serial = yes`,
      "default_md = sha256\npolicy = p\nunique_subject = no\ncopy_extensions = none\nemail_in_dn = no",
      "[p]\ncommonName = supplied",
      "[req]\ndistinguished_name = dn\n[dn]"
    ].join("\n")
  )
  const sign = (name: string, extensions: string, by: string, from: number, to: number): void => {
    run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", `${name}.key`)
    run("req", "-new", "-config", "ca.cnf", "-key", `${name}.key`, "-subj", `/CN=${name}`, "-out", `${name}.csr`)
    fs.writeFileSync(at(`${name}.ext`), extensions)
    const signer =
      by === "self" ? ["-selfsign", "-keyfile", `${name}.key`] : ["-cert", `${by}.pem`, "-keyfile", `${by}.key`]
    const dates = ["-startdate", stamp(from), "-enddate", stamp(to)]
    const files = ["-in", `${name}.csr`, "-out", `${name}.pem`, "-extfile", `${name}.ext`]
    run("ca", "-batch", "-notext", "-config", "ca.cnf", ...signer, ...dates, ...files)
  }
  const authority = "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\nsubjectKeyIdentifier=hash"
  sign("root", authority, "self", -400, 3_650)
  sign("intermediate", authority, "root", -300, 1_000)
  sign("soon", authority, "root", -300, 3)
  return {
    ca: at("root.pem"),
    folder,
    make: (name, { names, from = -30, to = 60, by = "intermediate" }) => {
      const alternatives = names.map((one) => `${net.isIP(one) === 0 ? "DNS" : "IP"}:${one}`).join(",")
      sign(name, `subjectAltName=${alternatives}`, by, from, to)
      const cert = fs.readFileSync(at(`${name}.pem`))
      const above = by === "self" || by === "root" ? Buffer.alloc(0) : fs.readFileSync(at(`${by}.pem`))
      return { key: fs.readFileSync(at(`${name}.key`)), cert, chain: Buffer.concat([cert, above]) }
    },
    close: () => fs.rmSync(folder, { recursive: true })
  }
}

/** What a name server says to one question; null is silence. */
export interface DnsReply {
  /** 0 is well, 2 SERVFAIL, 3 no such name, 5 refused. */
  readonly code: number
  readonly addresses: ReadonlyArray<Buffer>
}

/** A name server on UDP, by hand. */
export const nameServer = (
  reply: (name: string, type: 1 | 28) => DnsReply | null
): Effect.Effect<{ readonly port: number; readonly asked: () => number }, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly socket: dgram.Socket; readonly count: { asked: number } }>((resume) => {
        const socket = dgram.createSocket("udp4")
        const count = { asked: 0 }
        socket.on("message", (query, from) => {
          count.asked += 1
          const { name, end } = questionOf(query)
          const found = reply(name, query.readUInt16BE(end - 4) as 1 | 28)
          if (found !== null) socket.send(answerOf(query, end, found), from.port, from.address)
        })
        socket.bind(0, "127.0.0.1", () => resume(Effect.succeed({ socket, count })))
      }),
      ({ socket }) => Effect.callback<void>((resume) => void socket.close(() => resume(Effect.void)))
    ),
    ({ socket, count }) => ({ port: socket.address().port, asked: () => count.asked })
  )

const questionOf = (query: Buffer): { readonly name: string; readonly end: number } => {
  const labels: Array<string> = []
  let at = 12
  for (let size = query[at] ?? 0; size > 0; size = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + size))
    at += size + 1
  }
  return { name: labels.join("."), end: at + 5 }
}

const answerOf = (query: Buffer, end: number, { code, addresses }: DnsReply): Buffer => {
  const head = Buffer.from(query.subarray(0, end))
  head.writeUInt16BE(0x8180 | code, 2)
  head.writeUInt16BE(addresses.length, 6)
  head.writeUInt32BE(0, 8)
  const records = addresses.map((address) => {
    const record = Buffer.alloc(12)
    record.writeUInt16BE(0xc00c, 0)
    record.writeUInt16BE(address.length === 4 ? 1 : 28, 2)
    record.writeUInt16BE(1, 4)
    record.writeUInt32BE(60, 6)
    record.writeUInt16BE(address.length, 10)
    return Buffer.concat([record, address])
  })
  return Buffer.concat([head, ...records])
}
