import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { HttpClient, type HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { ask, below, endpointOf, isOk, refusal } from "../../src/sink/Endpoint.ts"
import { type Reply, clientOf } from "../../src/testing/InMemory.ts"

const answering = (reply: Reply) => {
  const seen: Array<HttpClientRequest.HttpClientRequest> = []
  const client = clientOf((request) => {
    seen.push(request)
    return reply
  })
  return { client, seen }
}
const ok: Reply = { status: 200, headers: {}, body: "fine" }

describe("an endpoint", () => {
  it("is shown by its host alone", () => {
    const { host, url, username, password } = endpointOf("https://me:p%40ss@e.org:8443/hook/s3cret?k=1#x")

    assert.deepStrictEqual([host, username, password], ["e.org:8443", "me", "p@ss"])
    assert.strictEqual(url.href, "https://e.org:8443/hook/s3cret?k=1")
    assert.strictEqual(endpointOf("http://e.org/").username, "")
    assert.strictEqual(endpointOf("http://u:%zz@e.org/").password, "%zz")
  })

  it("keeps a proxy's prefix below itself", () => {
    assert.strictEqual(below(endpointOf("https://e.org/am/"), "/api/v2/status").url.pathname, "/am/api/v2/status")
  })
})

describe("asking", () => {
  it.effect("posts JSON with the password in a header, and the headers given", () =>
    Effect.gen(function* () {
      const { client, seen } = answering(ok)

      const answer = yield* ask(client, endpointOf("https://me:pw@e.org/hook"), "x", 1_000, {
        json: "{}",
        headers: { "x-watchdog-signature": "t=1" }
      })

      const [request] = seen
      assert.deepStrictEqual([answer.status, answer.body], [200, "fine"])
      assert.deepStrictEqual([request?.method, request?.url], ["POST", "https://e.org/hook"])
      assert.include(request?.headers, {
        authorization: `Basic ${Buffer.from("me:pw").toString("base64")}`,
        "content-type": "application/json",
        "x-watchdog-signature": "t=1"
      })
    })
  )

  it.effect("says nothing of the address when it fails", () =>
    Effect.gen(function* () {
      const { client } = answering({ errno: "ECONNRESET" })

      const error = yield* Effect.flip(ask(client, endpointOf("https://me:pw@e.org/s3cret"), "webhook e.org", 1_000))

      assert.deepStrictEqual([error.reason, error.maybeSent], ["Network", true])
      assert.strictEqual(error.message, "webhook e.org cannot be reached: connection reset")
      assert.notInclude(JSON.stringify(error) + String(error.stack), "s3cret")
    })
  )

  it.effect("is certain that nothing was sent where nobody listens", () =>
    Effect.gen(function* () {
      const { client } = answering({ errno: "ECONNREFUSED" })

      assert.isFalse((yield* Effect.flip(ask(client, endpointOf("http://e.org/"), "x", 1_000))).maybeSent)
    })
  )

  it.effect("ends after ten seconds", () =>
    Effect.gen(function* () {
      const { client } = answering("hang")
      const asking = yield* Effect.forkChild(Effect.flip(ask(client, endpointOf("http://e.org/"), "x", 1_000)))

      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(asking.pollUnsafe())
      yield* TestClock.adjust("1 millis")

      const { reason, maybeSent } = yield* Fiber.join(asking)
      assert.deepStrictEqual([reason, maybeSent], ["Timeout", true])
    })
  )

  it.effect("has been answered once the status is there, whatever becomes of the body", () =>
    Effect.gen(function* () {
      const { client } = answering(ok)
      const stuck = HttpClient.transformResponse(
        client,
        Effect.map((response) => Object.defineProperty(response, "text", { value: Effect.never }))
      )
      const asking = yield* Effect.forkChild(ask(stuck, endpointOf("http://e.org/"), "x", 1_000))

      yield* TestClock.adjust("2 seconds")

      const { status, body } = yield* Fiber.join(asking)
      assert.deepStrictEqual([status, body], [200, ""])
    })
  )
})

describe("a refusal", () => {
  it.each([
    [429, "RateLimited", true, false],
    [408, "Server", true, true],
    [500, "Server", true, true],
    [503, "Server", true, true],
    [407, "Network", true, false],
    [400, "Rejected", true, false],
    [413, "Rejected", true, false],
    [422, "Rejected", true, false],
    [401, "Unauthorized", false, false],
    [403, "Forbidden", false, false],
    [404, "NoSuchChat", false, false],
    [410, "NoSuchChat", false, false],
    [302, "NoSuchChat", false, false]
  ] as const)("of %s is %s, retryable %s, maybe sent %s", (status, reason, retryable, maybeSent) => {
    const error = refusal("webhook e.org", { status, retryAfterMs: 5_000, body: "s3cret" })

    assert.deepStrictEqual([error.reason, error.retryable, error.maybeSent], [reason, retryable, maybeSent])
    assert.notInclude(error.message, "s3cret")
  })

  it("keeps the wait that was asked for", () => {
    for (const status of [429, 503]) {
      assert.strictEqual(refusal("x", { status, retryAfterMs: 5_000, body: "" }).retryAfterMs, 5_000)
    }
  })

  it("is anything but 2xx", () => {
    const of = (status: number) => isOk({ status, retryAfterMs: null, body: "" })

    assert.deepStrictEqual([200, 202, 204, 299, 199, 300, 404].map(of), [true, true, true, true, false, false, false])
  })
})
