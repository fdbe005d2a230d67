import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { type Asked, acceptedHosts, defaultHosts, isLoopback, parseHosts, refuse } from "../../src/status/Gate.ts"

const hosts = acceptedHosts([...defaultHosts, "watchdog"], "10.0.0.5")
const token = "correct-horse-battery"

const asked = (differs: Partial<Asked> = {}): Asked => ({
  method: "GET",
  target: "/",
  host: "127.0.0.1:9469",
  authorization: undefined,
  fetchSite: undefined,
  fetchMode: undefined,
  loopback: true,
  ...differs
})

const statusOf = (differs: Partial<Asked>, given?: string): number =>
  refuse({ hosts, token: given }, asked(differs))?.status ?? 200

const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString("base64")}`

describe("the gate", () => {
  it.each([
    ["127.0.0.1", 200],
    ["127.0.0.1:1", 200],
    ["LOCALHOST:9469", 200],
    ["localhost.", 200],
    ["[::1]:9469", 200],
    ["watchdog:9469", 200],
    ["10.0.0.5", 200],
    [undefined, 421],
    ["", 421],
    ["evil.example", 421],
    ["127.0.0.1.evil.example", 421],
    ["localhost@evil.example", 421],
    ["evil.example:80/localhost", 421],
    ["localhost:80:80", 421],
    ["127.0.0.1 ", 421],
    ["::1", 421]
  ])("of the name %j says %i", (host, wanted) => {
    assert.strictEqual(statusOf({ host }), wanted)
  })

  it.each(["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"])("refuses %s and says what is allowed", (method) => {
    const refused = refuse({ hosts, token: undefined }, asked({ method }))

    assert.strictEqual(refused?.status, 405)
    assert.strictEqual(refused?.headers["allow"], "GET, HEAD")
  })

  it("judges the name before all else: a foreign page learns nothing", () => {
    assert.strictEqual(statusOf({ host: "evil.example", method: "POST" }, token), 421)
  })

  it.each([
    ["cross-site", "no-cors", 403],
    ["same-site", "cors", 403],
    ["cross-site", "navigate", 200],
    ["same-origin", "cors", 200],
    ["none", "navigate", 200]
  ])("of a browser's %s %s says %i", (fetchSite, fetchMode, wanted) => {
    assert.strictEqual(statusOf({ fetchSite, fetchMode }), wanted)
  })

  it("takes no address for a path", () => {
    assert.strictEqual(statusOf({ target: "http://127.0.0.1/" }), 400)
  })

  it.each([
    [undefined, 401],
    [`Bearer ${token}`, 200],
    [`bearer  ${token}`, 200],
    [`Bearer ${token}x`, 401],
    [`Bearer ${token.slice(1)}`, 401],
    ["Bearer ", 401],
    [basic(`anyone:${token}`), 200],
    [basic(`:${token}`), 200],
    [basic(`a:b:${token}`), 401],
    [basic(token), 401],
    [`Digest ${token}`, 401],
    [token, 401]
  ])("with a token set says of %j: %i", (authorization, wanted) => {
    assert.strictEqual(statusOf({ authorization }, token), wanted)
  })

  it("takes no token from an address, where it would end up in logs and histories", () => {
    assert.strictEqual(statusOf({ target: `/?token=${token}` }, token), 401)
  })

  it("lets the machine itself ask for its loops without one, and nobody else", () => {
    assert.strictEqual(statusOf({ target: "/livez" }, token), 200)
    assert.strictEqual(statusOf({ target: "/livez?x" }, token), 200)
    assert.strictEqual(statusOf({ target: "/livez", loopback: false }, token), 401)
    assert.strictEqual(statusOf({ target: "/healthz" }, token), 401)
    assert.strictEqual(statusOf({ target: "/livez/../status.json" }, token), 401)
  })
})

describe("names", () => {
  it.each(["watchdog", "a.example,B.example", "[::1]", "10.0.0.5, x_y"])("%s are taken", (raw) => {
    assert.isTrue(Result.isSuccess(parseHosts(raw)))
  })

  it.each(["a:9469", "http://a", "a,,b", "*", "::1", "a b", "a/"])("%s are not", (raw) => {
    assert.isTrue(Result.isFailure(parseHosts(raw)))
  })

  it.each([
    ["127.0.0.1", true],
    ["127.9.9.9", true],
    ["::ffff:127.0.0.1", true],
    ["::1", true],
    ["172.17.0.1", false],
    ["::2", false],
    [undefined, false]
  ])("of the address %s it is %s that it is this machine's", (address, wanted) => {
    assert.strictEqual(isLoopback(address), wanted)
  })
})
