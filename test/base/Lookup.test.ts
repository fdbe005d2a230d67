import type { LookupAddress } from "node:dns"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { type Resolve, makeLookup } from "../../src/base/Lookup.ts"
import { quiesce } from "../queue/scripted.ts"

const v4: LookupAddress = { address: "192.0.2.1", family: 4 }
const v6: LookupAddress = { address: "2001:db8::1", family: 6 }
const failing = (code: string) => Promise.reject(Object.assign(new Error(code), { code }))

type Options = { readonly family?: 0 | 4 | 6 | "IPv4" | "IPv6"; readonly all?: boolean }

const asking = (resolve: Resolve) =>
  Effect.gen(function* () {
    const lookup = yield* makeLookup(resolve)
    return (host: string, options: Options = {}) =>
      Effect.gen(function* () {
        const answers: Array<unknown> = []
        lookup(host, { ...options }, (error, address, family) =>
          answers.push(error === null ? (family === undefined ? address : [address, family]) : error.code)
        )
        yield* quiesce
        return answers
      })
  })

describe("a lookup", () => {
  it.effect("gives the first address, or all, or those of one family", () =>
    Effect.gen(function* () {
      const ask = yield* asking(() => Promise.resolve([v4, v6]))

      assert.deepStrictEqual(yield* ask("h"), [["192.0.2.1", 4]])
      assert.deepStrictEqual(yield* ask("h", { family: 6 }), [["2001:db8::1", 6]])
      assert.deepStrictEqual(yield* ask("h", { family: "IPv4", all: true }), [[v4]])
      assert.deepStrictEqual(yield* ask("h", { all: true }), [[v4, v6]])
    })
  )

  it.effect("says that there is no address of the wanted family", () =>
    Effect.gen(function* () {
      const ask = yield* asking(() => Promise.resolve([v4]))

      assert.deepStrictEqual(yield* ask("h", { family: 6 }), ["ENODATA"])
    })
  )

  it.effect("takes the last good address when the resolver hangs, after a second", () =>
    Effect.gen(function* () {
      let hangs = false
      const ask = yield* asking(() => (hangs ? new Promise(() => undefined) : Promise.resolve([v4])))
      yield* ask("h")
      hangs = true

      const answers = yield* ask("h")
      yield* TestClock.adjust(999)
      yield* quiesce
      assert.deepStrictEqual(answers, [])

      yield* TestClock.adjust(1)
      yield* quiesce
      assert.deepStrictEqual(answers, [["192.0.2.1", 4]])
    })
  )

  it.effect.each(["EAI_AGAIN", "ESERVFAIL", "ETIMEOUT"])("takes it when the resolver is in trouble: %s", (code) =>
    Effect.gen(function* () {
      let broken = false
      const ask = yield* asking(() => (broken ? failing(code) : Promise.resolve([v4])))
      yield* ask("h")
      broken = true

      assert.deepStrictEqual(yield* ask("h"), [["192.0.2.1", 4]])
      assert.deepStrictEqual(yield* ask("never resolved"), [code])
    })
  )

  it.effect("believes an answer about the name: it is gone", () =>
    Effect.gen(function* () {
      let gone = false
      const ask = yield* asking(() => (gone ? failing("ENOTFOUND") : Promise.resolve([v4])))
      yield* ask("h")
      gone = true

      assert.deepStrictEqual(yield* ask("h"), ["ENOTFOUND"])
    })
  )

  it.effect("takes the newest address", () =>
    Effect.gen(function* () {
      const found = [[v4], [v6]]
      const ask = yield* asking(() => Promise.resolve(found.shift() ?? [v6]))
      yield* ask("h")
      yield* ask("h")

      assert.deepStrictEqual(yield* ask("h"), [["2001:db8::1", 6]])
    })
  )

  it.effect("asks once for a host while that has no answer: each holds a thread", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const ask = yield* asking((host) => {
        asked.push(host)
        return new Promise(() => undefined)
      })

      yield* ask("h")
      yield* ask("h")
      yield* ask("other")

      assert.deepStrictEqual(asked, ["h", "other"])
    })
  )
})
