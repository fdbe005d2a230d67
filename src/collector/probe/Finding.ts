/** What one probe found, and the operator's words for what can go wrong on the way. */
import { Effect, Schema } from "effect"
import { errorCode, errorText } from "../../base/Http.ts"
import type { Chain } from "./Certificate.ts"

export interface Finding {
  /** `unable`: the trouble is ours (a CA file that cannot be read), and says nothing of the other side. */
  readonly verdict: "well" | "ill" | "unable"
  /** The other side has said something, whatever it was: the network between us works. */
  readonly answered: boolean
  /** One line without the name; it stays the same for as long as the trouble does. */
  readonly summary: string
  readonly details: ReadonlyArray<string>
  readonly elapsedMs: number
  /** What it sent of its certificates, where it came to that. */
  readonly chain: Chain | null
}

/** The end of a probe that is not well. */
export class ProbeError extends Schema.TaggedError<ProbeError>()("ProbeError", {
  verdict: Schema.Literals(["ill", "unable"]),
  said: Schema.String,
  details: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return this.said
  }
}

export const ill = (said: string, details: ReadonlyArray<string> = []): ProbeError =>
  new ProbeError({ verdict: "ill", said, details })

export const unable = (said: string): ProbeError => new ProbeError({ verdict: "unable", said, details: [] })

/** Where a probe is, for the one who asks when its time is up. */
export type Phase =
  | "the DNS lookup"
  | "connecting"
  | "the TLS handshake"
  | "waiting for the headers"
  | "reading the body"

/** What a probe has come to so far; it outlives the probe's being cut. */
export interface Progress {
  phase: Phase
  answered: boolean
  chain: Chain | null
  /** It has left the URL that was named: certificates from here on are somebody else's. */
  redirected: boolean
}

export const newProgress = (): Progress => ({ phase: "connecting", answered: false, chain: null, redirected: false })

const words: Readonly<Record<string, string>> = {
  EAI_FAIL: "DNS fails for good",
  EHOSTDOWN: "host down",
  EADDRNOTAVAIL: "no address of ours to connect from",
  EMFILE: "the watchdog has no file descriptors left",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "it does not speak TLS",
  ERR_SSL_HTTP_REQUEST: "it does not speak TLS",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "it speaks no TLS of version 1.2 or newer",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "it speaks no TLS of version 1.2 or newer",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "it wants a certificate of the client",
  HPE_HEADER_OVERFLOW: "its headers are larger than allowed"
}

/** What went wrong, without a URL or anything else that could hold a secret. */
export const wordsOf = (error: unknown): string => {
  const code = errorCode(error) ?? ""
  const message = error instanceof Error ? error.message : ""
  const known = words[code]
  if (known !== undefined) return known
  if (code === "ECONNRESET" && /secure TLS connection/.test(message))
    return "it closed the connection in the TLS handshake"
  if (code === "ECONNRESET" && /hang up/.test(message)) return "it closed the connection without an answer"
  if (code === "ECONNRESET" && /aborted/.test(message)) return "the connection was cut within the answer"
  if (code.startsWith("HPE_")) return "what it answered is not HTTP"
  if (code.startsWith("ERR_SSL_"))
    return `the TLS handshake failed: ${code.slice("ERR_SSL_".length).toLowerCase().replaceAll("_", " ")}`
  return errorText(error)
}

/** Of an error that Node raised. */
export const failIll = (error: unknown): Effect.Effect<never, ProbeError> => Effect.fail(ill(wordsOf(error)))
