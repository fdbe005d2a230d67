import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { lastLines, logText, scrub } from "../../../src/collector/docker/LogLines.ts"

const frame = (stream: number, text: string): ReadonlyArray<number> => {
  const bytes = [...new TextEncoder().encode(text)]
  const head = [
    stream,
    0,
    0,
    0,
    (bytes.length >>> 24) & 255,
    (bytes.length >>> 16) & 255,
    (bytes.length >>> 8) & 255,
    bytes.length & 255
  ]
  return [...head, ...bytes]
}

describe("logText", () => {
  it("puts frames of both streams together in their order, a character cut between two of them included", () => {
    const [first, second] = [[0xc3], [0xa9, 0x0a]]
    const cut = (bytes: ReadonlyArray<number>) => [1, 0, 0, 0, 0, 0, 0, bytes.length, ...bytes]

    assert.strictEqual(logText(Uint8Array.from([...frame(1, "out\n"), ...frame(2, "err\n")]), false), "out\nerr\n")
    assert.strictEqual(logText(Uint8Array.from([...cut(first), ...cut(second)]), false), "é\n")
  })

  it("takes a terminal's log as it is, and bytes that are no frames too", () => {
    const raw = new TextEncoder().encode("plain text\n")

    assert.strictEqual(logText(raw, true), "plain text\n")
    assert.strictEqual(logText(raw, false), "plain text\n")
  })

  it("gives what there is of a last frame that was cut short", () => {
    assert.strictEqual(logText(Uint8Array.from(frame(1, "whole line\n")).subarray(0, 13), false), "whole")
  })

  it.prop("never throws, whatever comes", [Schema.Uint8Array, Schema.Boolean], ([bytes, tty]) => {
    assert.isString(logText(bytes, tty))
  })
})

describe("scrub", () => {
  const secrets: ReadonlyArray<readonly [string, string]> = [
    ["a password", "connecting with password=hunter2 to db"],
    ["a quoted one", '{"password": "hunter2", "user": "me"}'],
    ["a token in words", "token is hunter2"],
    ["a key with a dash", "API-KEY: hunter2"],
    ["a URL's user", "dial postgres://app:hunter2@db:5432/shop"],
    ["a bearer", "Authorization: Bearer hunter2hunter2"],
    ["a JSON web token", "got eyJhunter2AAAA.eyJhunter2BBBB.hunter2CC"],
    ["an access key", "using AKIAHUNTER2HUNTER222"],
    ["a bot's token", "POST /bot123456789:hunter2AAAAAAAAAAAAAAAAAAAAAAAAAAAAA/getMe"],
    ["a private key", "-----BEGIN RSA PRIVATE KEY----- hunter2"],
    ["a long base64", "key hunter2AAAAbbbb1111CCCCdddd2222EEEEffff3333 end"]
  ]

  it.each(secrets)("hides %s", (_, line) => {
    assert.notMatch(scrub(line), /hunter2/i)
    assert.include(scrub(line), "[hidden]")
  })

  it.each([
    "listening on 0.0.0.0:8080",
    "panic: runtime error: index out of range [3] with length 3",
    "GET /orders/1234 200 in 12ms",
    "at handler (/app/dist/server.js:10:5)",
    "fatal: out of memory allocating 4096 bytes"
  ])("leaves %j as it is", (line) => {
    assert.strictEqual(scrub(line), line)
  })
})

describe("lastLines", () => {
  it("gives the last lines that say something, without colours and control characters, clipped", () => {
    const text = `one\n\u001b[31mred\u001b[0m\ttext\n\n${"x".repeat(1_000)}\n`

    const lines = lastLines(text, 2)

    assert.strictEqual(lines[0], "red text")
    assert.strictEqual(lines[1]?.length, 240)
    assert.deepStrictEqual([...lastLines("", 3)], [])
  })
})
