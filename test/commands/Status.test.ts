import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { Http } from "../../src/base/Http.ts"
import { Settings } from "../../src/base/Keys.ts"
import { Output } from "../../src/base/Output.ts"
import { askSnapshot } from "../../src/commands/Ask.ts"
import { explain, status } from "../../src/commands/Status.ts"
import { type Reply, clientOf } from "../../src/testing/InMemory.ts"
import { signalView, snapshotOf } from "../status/snapshots.ts"

interface Asked {
  readonly url: string
  readonly authorization: string | undefined
}

interface Desk {
  readonly asked: Array<Asked>
  readonly out: Array<string>
  readonly err: Array<string>
}

const answering = <A, E>(
  reply: Reply,
  self: (desk: Desk) => Effect.Effect<A, E, Http | Settings | Output>,
  env: Readonly<Record<string, string>> = {}
) => {
  const desk: Desk = { asked: [], out: [], err: [] }
  return self(desk).pipe(
    Effect.provide(
      Layer.mergeAll(
        Http.layerTest(() =>
          clientOf((request, url) => {
            desk.asked.push({ url: url.href, authorization: request.headers["authorization"] })
            return reply
          })
        ),
        Settings.layerTest(env),
        Output.layerMemory(desk.out, desk.err)
      )
    )
  )
}

const json = (body: unknown, statusCode = 200): Reply => ({
  status: statusCode,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body)
})

const snapshot = snapshotOf([signalView("container:api"), signalView("container:api-db"), signalView("disk:/")])

const messageOf = (result: Result.Result<unknown, { readonly message: string }>): string =>
  Result.isFailure(result) ? result.failure.message : "no failure"

describe("asking the running watchdog", () => {
  it.effect("goes to where the settings say that it listens, with its token", () =>
    answering(
      json(snapshot),
      ({ asked }) =>
        Effect.gen(function* () {
          yield* Effect.scoped(askSnapshot(undefined))

          assert.deepStrictEqual(asked, [
            { url: "http://127.0.0.1:9000/status.json", authorization: "Bearer secret-token-of-mine" }
          ])
        }),
      { WATCHDOG_HTTP_LISTEN: "0.0.0.0:9000", WATCHDOG_HTTP_TOKEN: "secret-token-of-mine" }
    )
  )

  it.effect("goes to the address that was given", () =>
    answering(json(snapshot), ({ asked }) =>
      Effect.gen(function* () {
        yield* Effect.scoped(askSnapshot("http://host:1234/"))

        assert.strictEqual(asked[0]?.url, "http://host:1234/status.json")
      })
    )
  )

  const failures: ReadonlyArray<readonly [what: string, reply: Reply, said: RegExp]> = [
    [
      "nobody is there",
      { errno: "ECONNREFUSED" },
      /^no watchdog answers at http:\/\/127\.0\.0\.1:9469: connection refused/
    ],
    ["it wants a token", json({}, 401), /answered 401: it wants a token: set WATCHDOG_HTTP_TOKEN/],
    ["it is something else", json({ hello: "world" }), /answered something else than a watchdog's status/],
    ["it is no JSON", { status: 200, headers: {}, body: "<html>" }, /answered something else/],
    ["it is of another version", json({ ...snapshot, v: 2 }), /answered something else/]
  ]
  for (const [what, reply, said] of failures) {
    it.effect(`says so where ${what}`, () =>
      answering(reply, () =>
        Effect.gen(function* () {
          assert.match(messageOf(yield* Effect.result(Effect.scoped(askSnapshot(undefined)))), said)
        })
      )
    )
  }

  it.effect("says so where it does not listen, or the address is none", () =>
    answering(
      json(snapshot),
      ({ asked }) =>
        Effect.gen(function* () {
          assert.match(
            messageOf(yield* Effect.result(Effect.scoped(askSnapshot(undefined)))),
            /WATCHDOG_HTTP_LISTEN is off/
          )
          assert.match(messageOf(yield* Effect.result(Effect.scoped(askSnapshot("host:1")))), /--url "host:1" is not/)
          assert.deepStrictEqual(asked, [])
        }),
      { WATCHDOG_HTTP_LISTEN: "off" }
    )
  )
})

describe("status", () => {
  it.effect("prints the text, or the JSON as it came", () =>
    answering(json(snapshot), ({ out }) =>
      Effect.gen(function* () {
        yield* Effect.scoped(status({ url: undefined, json: false }))
        yield* Effect.scoped(status({ url: undefined, json: true }))

        assert.match(out[0] ?? "", /^all is well, 3 well/)
        assert.deepStrictEqual(JSON.parse(out[1] ?? ""), snapshot)
      })
    )
  )
})

describe("explain", () => {
  const explaining = (signal: string) =>
    answering(json(snapshot), (desk) =>
      Effect.map(Effect.scoped(explain({ signal, url: undefined, json: false })), (found) => ({ found, ...desk }))
    )

  it.effect("finds a signal by its name, even if that is part of another's", () =>
    Effect.gen(function* () {
      const { found, out } = yield* explaining("container:api")

      assert.isTrue(found)
      assert.match(out[0] ?? "", /^✔ container:api clear/)
    })
  )

  it.effect("finds a signal by a part that only one has", () =>
    Effect.gen(function* () {
      assert.match((yield* explaining("DISK")).out[0] ?? "", /^✔ disk:\//)
    })
  )

  it.effect("lists those it could be", () =>
    Effect.gen(function* () {
      const { found, err } = yield* explaining("api")

      assert.isFalse(found)
      assert.strictEqual(err[0], '"api" could be any of\n  container:api\n  container:api-db')
    })
  )

  it.effect("says that there is none", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* explaining("nope")).err[0], 'no signal is called "nope"; watchdog status lists all 3')
    })
  )
})
