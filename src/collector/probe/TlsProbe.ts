/**
 * A TLS handshake, judged by us: Node is told to accept every certificate, and what a client would refuse is read afterwards,
 * all of it, with the chain for the signal of its expiry.
 */
import * as fs from "node:fs"
import * as net from "node:net"
import * as tls from "node:tls"
import { Clock, Effect, type Scope } from "effect"
import type { Uncancellable } from "../../base/Uncancellable.ts"
import { readChain } from "./Certificate.ts"
import { type ProbeError, type Progress, failIll, ill, unable } from "./Finding.ts"
import type { Place } from "./Target.ts"
import { connect } from "./TcpProbe.ts"

/** All of Mozilla's roots are 0.2 MB. */
const caBytesMax = 2 * 1_024 * 1_024

/** What a probe trusts: the public CAs, or those of a file. Fails: ProbeError, unable: the file is ours. */
export type Trust = (ca: string | null) => Effect.Effect<tls.SecureContext, ProbeError>

interface CaFile {
  readonly pem: string
  readonly context: tls.SecureContext
}

/**
 * Makes a `Trust`. A file is read at each probe, so that a new CA needs no restart, and parsed where it has changed. One read
 * per file is under way at most: on a dead mount each would hold a thread for ever.
 */
export const makeTrust = (calls: Uncancellable): Trust => {
  let publicCas: tls.SecureContext | undefined
  const known = new Map<string, CaFile>()
  const inFlight = new Map<string, Promise<tls.SecureContext>>()

  const contextOf = (path: string, pem: string): tls.SecureContext => {
    const before = known.get(path)
    if (before?.pem === pem) return before.context
    const context = tls.createSecureContext({ ca: pem })
    known.set(path, { pem, context })
    return context
  }

  const read = (path: string): Promise<tls.SecureContext> => {
    const running = inFlight.get(path)
    if (running !== undefined) return running
    const asked = calls
      .count(() => readCa(path))
      .then((pem) => contextOf(path, pem))
      .finally(() => inFlight.delete(path))
    inFlight.set(path, asked)
    return asked
  }

  return (ca) =>
    ca === null
      ? Effect.sync(() => (publicCas ??= tls.createSecureContext()))
      : Effect.tryPromise({
          try: () => read(ca),
          catch: (error) => unable(`the CA file ${ca} cannot be used: ${caWords(error)}`)
        })
}

const readCa = (path: string): Promise<string> =>
  fs.promises.stat(path).then((found) => {
    if (!found.isFile()) throw new Error("not a file")
    if (found.size > caBytesMax) throw new Error("too large")
    return fs.promises.readFile(path, "latin1").then((pem) => {
      // Node takes a file without any certificate, and then trusts nobody.
      if (!pem.includes("-----BEGIN CERTIFICATE-----")) throw new Error("it holds no certificate in PEM form")
      return pem
    })
  })

const caWords = (error: unknown): string => {
  const { code, message } = error as NodeJS.ErrnoException
  return code === "ENOENT" ? "no such file" : code === "EACCES" ? "permission denied" : (code ?? message)
}

/**
 * Does the handshake on a connected socket and judges what was sent, which `progress` keeps.
 *
 * Fails: ProbeError; everything that a client would refuse in one line.
 * Gotcha: Node sends no SNI unless it is given a name, and must be given none for an address.
 */
export const secure = (
  socket: net.Socket,
  { host }: Pick<Place, "host">,
  secureContext: tls.SecureContext,
  protocols: ReadonlyArray<string>,
  progress: Progress
): Effect.Effect<tls.TLSSocket, ProbeError, Scope.Scope> =>
  Effect.gen(function* () {
    progress.phase = "the TLS handshake"
    const name = host.replace(/\.$/, "")
    const secured = yield* Effect.acquireRelease(
      Effect.sync(() =>
        tls
          .connect({
            socket,
            secureContext,
            ...(net.isIP(host) === 0 ? { servername: name } : {}),
            ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
            rejectUnauthorized: false,
            // Ours comes afterwards, whatever else is wrong; an address is checked there too.
            checkServerIdentity: () => undefined
          })
          .on("error", () => undefined)
      ),
      (secured) => Effect.sync(() => void secured.destroy())
    )
    yield* Effect.callback<void, ProbeError>((resume) => {
      if (secured.errored !== null) return resume(failIll(secured.errored))
      secured.once("error", (error) => resume(failIll(error)))
      secured.once("close", () => resume(Effect.fail(ill("it closed the connection in the TLS handshake"))))
      secured.once("secureConnect", () => resume(Effect.void))
    })
    progress.answered = true
    // Typed as an error, and the code's text in truth.
    const verdict = secured.authorized ? null : String(secured.authorizationError)
    const chain = readChain(secured.getPeerCertificate(true), verdict, name, yield* Clock.currentTimeMillis)
    if (!progress.redirected) progress.chain = chain
    if (chain.problems.length > 0) {
      yield* takeLeave(secured)
      return yield* ill(chain.problems.join(", and "))
    }
    return secured
  })

/**
 * Ends what has said nothing since the handshake. To destroy it would cut off our last message of the handshake, and the other
 * side would write a failed handshake into its log at every look.
 */
const takeLeave = (secured: tls.TLSSocket): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    secured.once("close", () => resume(Effect.void))
    secured.end(() => resume(Effect.void))
  })

/** Shape: (place, the CA file or null, lookup, trust, progress) -> what there is to say. */
export const probeTls = (
  place: Place,
  ca: string | null,
  lookup: net.LookupFunction,
  trust: Trust,
  progress: Progress
): Effect.Effect<string, ProbeError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const context = yield* trust(ca)
      const socket = yield* connect(place, lookup, progress)
      const secured = yield* secure(socket, place, context, [], progress)
      const protocol = secured.getProtocol() ?? "TLS"
      yield* takeLeave(secured)
      return `speaks ${protocol} with a certificate that is trusted`
    })
  )
