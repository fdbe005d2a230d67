import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Result } from "effect"
import { Settings } from "../../src/base/Keys.ts"
import { type Proxy, goesByProxy, keys, proxyOf, readProxy } from "../../src/base/Proxy.ts"

const proxyFor = (no: string): Proxy => ({
  http: Redacted.make("http://p:1"),
  https: Redacted.make("http://p:1"),
  no
})

const found = (environment: Readonly<Record<string, string>>) => {
  const { values, problems } = readProxy(environment)
  const shown = [...values].map(([name, value]) => [name, Redacted.isRedacted(value) ? Redacted.value(value) : value])
  return { values: Object.fromEntries(shown) as Record<string, unknown>, problems }
}

describe("the proxy environment", () => {
  it("is read in lower case first, without a scheme too", () => {
    const { values, problems } = found({
      https_proxy: "proxy:3128",
      HTTPS_PROXY: "http://other:1",
      HTTP_PROXY: " https://u%40:p@secure:443/ ",
      NO_PROXY: "a,b",
      no_proxy: ""
    })

    assert.deepStrictEqual(values, {
      HTTPS_PROXY: "http://proxy:3128",
      HTTP_PROXY: "https://u%40:p@secure",
      NO_PROXY: "a,b"
    })
    assert.deepStrictEqual(problems, [])
  })

  it.each([
    ["another kind", "socks5://proxy:1080"],
    ["nothing", "http://"],
    ["no address", "http://a b"],
    ["a password that cannot be decoded", "http://u:%zz@proxy:1"],
    ["a password with a line break", "http://u:a%0ab@proxy:1"]
  ])("is a problem where it is %s, by name and without its value", (_, value) => {
    for (const name of ["https_proxy", "HTTP_PROXY", "ALL_PROXY"]) {
      assert.deepStrictEqual(found({ [name]: value }).problems, [
        `${name}: its value (not shown) is not the address of an http:// or https:// proxy`
      ])
    }
  })

  it("is no problem where it is not used: ALL_PROXY beside both others", () => {
    const both = { HTTPS_PROXY: "http://a:1", HTTP_PROXY: "http://b:1", ALL_PROXY: "socks5://c:1" }

    assert.deepStrictEqual(found(both).problems, [])
  })

  it("never shows a password", () => {
    const value = Result.getOrThrow(keys.https.parse("http://me:hunter2@proxy:3128"))

    assert.strictEqual(keys.https.show(value), "proxy:3128")
  })
})

describe("the proxy in force", () => {
  const inForce = (given: Readonly<Record<string, string>>) =>
    Effect.map(Effect.service(Settings), proxyOf).pipe(Effect.provide(Settings.layerTest(given)))
  const text = (value: Redacted.Redacted | undefined) => (value === undefined ? undefined : Redacted.value(value))

  it.effect("is none without a setting, and none by NO_PROXY alone", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* inForce({}))
      assert.isUndefined(yield* inForce({ NO_PROXY: "*" }))
    })
  )

  it.effect("is that of the scheme, else that of all", () =>
    Effect.gen(function* () {
      const proxy = yield* inForce({ ALL_PROXY: "all:1", HTTPS_PROXY: "tls:1" })

      assert.deepStrictEqual([text(proxy?.https), text(proxy?.http)], ["http://tls:1", "http://all:1"])
    })
  )
})

describe("what goes by the proxy", () => {
  it.each([
    ["", "https://api.telegram.org/x", true],
    ["", "http://10.1.2.3/", true],
    ["", "http://localhost:9093/", false],
    ["", "http://127.0.0.8/", false],
    ["", "http://[::1]:9093/", false],
    ["*", "https://api.telegram.org/", false],
    ["telegram.org", "https://api.telegram.org/", false],
    [".telegram.org", "https://api.telegram.org/", false],
    ["*.telegram.org", "https://api.telegram.org/", false],
    ["Telegram.ORG", "https://api.telegram.org/", false],
    ["gram.org", "https://api.telegram.org/", true],
    ["a, b internal", "https://x.internal/", false],
    ["e.org:443", "https://e.org/", false],
    ["e.org:80", "https://e.org/", true],
    ["e.org:8443", "https://e.org:8443/", false],
    ["10.0.0.0/8", "http://10.1.2.3/", false],
    ["10.0.0.0/16", "http://10.1.2.3/", true],
    ["10.0.0.0/99", "http://10.1.2.3/", true],
    ["10.1.2.3", "http://10.1.2.3:9093/", false],
    ["2.3", "http://10.1.2.3/", true],
    ["fd00::/8", "http://[fd12::1]/", false],
    ["fd12::1", "http://[fd12::1]/", false],
    ["[fd12::1]:9093", "http://[fd12::1]:9093/", false],
    ["[fd12::1]:9093", "http://[fd12::1]/", true],
    [",,: /", "https://e.org/", true]
  ])("with NO_PROXY=%s: %s %s", (no, url, wanted) => {
    assert.strictEqual(goesByProxy(proxyFor(no), new URL(url)), wanted)
  })

  it("is nothing of a scheme without one", () => {
    const { https } = proxyFor("")

    assert.isFalse(goesByProxy({ http: undefined, https, no: "" }, new URL("http://e.org/")))
  })
})
