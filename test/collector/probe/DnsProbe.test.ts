/** Against a name server on loopback that answers by hand. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type DnsReply, nameServer, probe } from "./world.ts"

const v4 = (...parts: ReadonlyArray<number>): Buffer => Buffer.from(parts)
const v6 = Buffer.from("20010db8000000000000000000000007", "hex")
const none: DnsReply = { code: 0, addresses: [] }

type Zone = (name: string, type: 1 | 28) => DnsReply | null

const look = (zone: Zone, options = "", budgetMs = 2_000) =>
  Effect.scoped(
    Effect.gen(function* () {
      const server = yield* nameServer(zone)
      const found = yield* probe(`x=dns://name.test#resolver=127.0.0.1:${server.port}${options}`, budgetMs)
      return { ...found, asked: server.asked() }
    })
  )

const both: Zone = (_, type) => ({ code: 0, addresses: type === 1 ? [v4(192, 0, 2, 7), v4(192, 0, 2, 8)] : [v6] })

const well: ReadonlyArray<readonly [string, Zone, string]> = [
  ["IPv4 only", (_, type) => (type === 1 ? { code: 0, addresses: [v4(192, 0, 2, 7)] } : none), ""],
  ["IPv6 only", (_, type) => (type === 28 ? { code: 0, addresses: [v6] } : none), ""],
  ["IPv4, and silence about IPv6", (_, type) => (type === 1 ? { code: 0, addresses: [v4(192, 0, 2, 7)] } : null), ""],
  ["the address expected, among others", both, "&expect=192.0.2.8"],
  ["the addresses expected, however they are spelt", both, "&expect=192.0.2.7,2001:DB8:0::7"]
]

const ill: ReadonlyArray<readonly [string, Zone, string, string, boolean]> = [
  ["there is no such name", () => ({ code: 3, addresses: [] }), "", "no such name", true],
  ["the name has no address", () => none, "", "the name has no address", true],
  ["the server fails", () => ({ code: 2, addresses: [] }), "", "the name server failed (SERVFAIL)", false],
  ["the server refuses", () => ({ code: 5, addresses: [] }), "", "the name server refused to answer (REFUSED)", false],
  [
    "another address is expected",
    both,
    "&expect=192.0.2.9",
    "resolves to 192.0.2.7, 192.0.2.8, not to 192.0.2.9",
    true
  ],
  [
    "an address is expected of a family it has none of",
    (_, type) => (type === 1 ? both("", 1) : none),
    "&expect=2001:db8::7",
    "the name has no address",
    true
  ]
]

describe("dns://", () => {
  it.live.each(well)("is well with %s", ([, zone, options]) =>
    Effect.gen(function* () {
      const found = yield* look(zone, options)

      assert.strictEqual(found.verdict, "well", found.summary)
      assert.match(found.summary, /^resolves to (192\.0\.2\.7|2001:db8::7)/)
      assert.isBelow(found.elapsedMs, 500)
    })
  )

  it.live.each(ill)("is ill where %s", ([, zone, options, wanted, answered]) =>
    Effect.gen(function* () {
      const found = yield* look(zone, options)

      assert.strictEqual(found.verdict, "ill")
      assert.strictEqual(found.summary, wanted)
      assert.strictEqual(found.answered, answered)
    })
  )

  it.live("is ill where nobody answers, within its time, after asking again", () =>
    Effect.gen(function* () {
      const found = yield* look(() => null, "", 1_000)

      assert.match(
        found.summary,
        /^the name server does not answer$|^no full answer within 1000 ms, stuck in the DNS lookup$/
      )
      assert.isBelow(found.elapsedMs, 1_500)
      assert.isAtLeast(found.asked, 4)
      assert.isFalse(found.answered)
    })
  )

  it.live("survives a lost datagram", () =>
    Effect.gen(function* () {
      const lost = new Set<number>()

      const found = yield* look((name, type) => (lost.has(type) ? both(name, type) : (lost.add(type), null)), "", 1_500)

      assert.strictEqual(found.verdict, "well", found.summary)
    })
  )
})
