import { assert, describe, it } from "@effect/vitest"
import { wordsOf } from "../../../src/collector/probe/Finding.ts"

const coded = (code: string, message = "https://user:secret@host/"): Error =>
  Object.assign(new Error(message), { code })

const table: ReadonlyArray<readonly [Error, string]> = [
  [coded("ECONNREFUSED"), "connection refused"],
  [coded("ENOTFOUND"), "no such host (DNS)"],
  [coded("ECONNRESET"), "connection reset"],
  [coded("ECONNRESET", "socket hang up"), "it closed the connection without an answer"],
  [coded("ECONNRESET", "aborted"), "the connection was cut within the answer"],
  [
    coded("ECONNRESET", "Client network socket disconnected before secure TLS connection was established"),
    "it closed the connection in the TLS handshake"
  ],
  [coded("ERR_SSL_WRONG_VERSION_NUMBER"), "it does not speak TLS"],
  [coded("ERR_SSL_TLSV1_UNRECOGNIZED_NAME"), "the TLS handshake failed: tlsv1 unrecognized name"],
  [coded("HPE_INVALID_CONSTANT"), "what it answered is not HTTP"],
  [coded("HPE_HEADER_OVERFLOW"), "its headers are larger than allowed"],
  [coded("EXOTIC"), "EXOTIC"],
  [Object.assign(new AggregateError([coded("ECONNREFUSED"), coded("ENETUNREACH")])), "connection refused"],
  [new Error("https://user:secret@host/"), "unknown error"]
]

describe("words", () => {
  it.each(table)("are the operator's and hold no URL: %s", (error, wanted) => {
    assert.strictEqual(wordsOf(error), wanted)
  })
})
