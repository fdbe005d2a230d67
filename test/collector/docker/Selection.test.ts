import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { Identity } from "../../../src/collector/docker/Container.ts"
import {
  isPlain,
  isPromised,
  isSelected,
  matches,
  parsePatterns,
  showPatterns
} from "../../../src/collector/docker/Selection.ts"

const identity = (name: string, more: Partial<Identity> = {}): Identity => ({
  key: `name ${name}`,
  name,
  service: null,
  replacement: false,
  oneOff: false,
  ...more
})
const api = identity("shop-api-1", { service: "api" })

describe("a list of names", () => {
  it("is split at commas and trimmed", () => {
    assert.deepStrictEqual(Result.getOrThrow(parsePatterns("web, shop-*,db_?, a.b")), ["web", "shop-*", "db_?", "a.b"])
  })

  it.each(["", ",", "web,", "web,,db", "-web", ".web", "we b", "web/db", "[a-z]", "web\ndb", "wéb", "$(x)"])(
    "is refused where it holds %j",
    (raw) => assert.isTrue(Result.isFailure(parsePatterns(raw)))
  )

  it("is shown as it was given, and as none where there is none", () => {
    assert.deepStrictEqual([showPatterns(["web", "shop-*"]), showPatterns([])], ["web,shop-*", "none"])
  })
})

describe("a pattern", () => {
  const table: ReadonlyArray<readonly [pattern: string, matching: boolean]> = [
    ["shop-api-1", true],
    ["api", true],
    ["shop-api", false],
    ["shop-*", true],
    ["*api*", true],
    ["ap?", true],
    ["a?", false],
    ["*", true],
    ["shop.api.1", false],
    ["SHOP-*", false],
    ["?hop-api-1", true]
  ]

  it.each(table)("%s on shop-api-1 of the service api: %s", (pattern, matching) => {
    assert.strictEqual(matches(pattern, api), matching)
  })

  it("is plain without * and ?", () => {
    assert.deepStrictEqual(["web", "a.b", "we*", "w?b"].map(isPlain), [true, true, false, false])
  })

  it("of many stars is matched in time", () => {
    const hostile = identity("a".repeat(60))

    const startMs = performance.now()
    const found = matches("*a*a*a*a*b", hostile)

    assert.isFalse(found)
    assert.isBelow(performance.now() - startMs, 2_000)
  })
})

describe("who is watched", () => {
  const selection = (wanted: ReadonlyArray<string>, excluded: ReadonlyArray<string> = []) => ({ wanted, excluded })

  it("is everyone where nobody is named, but for one-offs", () => {
    assert.isTrue(isSelected(selection([]), api))
    assert.isFalse(isSelected(selection([]), { ...api, oneOff: true }))
  })

  it("is who is named, by name, service or glob; who is excluded is not, even if named", () => {
    assert.isTrue(isSelected(selection(["api"]), api))
    assert.isTrue(isSelected(selection(["web", "shop-*"]), api))
    assert.isFalse(isSelected(selection(["web"]), api))
    assert.isFalse(isSelected(selection(["api"], ["shop-*"]), api))
    assert.isFalse(isSelected(selection([], ["api"]), api))
  })

  it("is promised where named plainly, not by a glob", () => {
    assert.isTrue(isPromised(selection(["api"]), api))
    assert.isTrue(isPromised(selection(["shop-*", "shop-api-1"]), api))
    assert.isFalse(isPromised(selection(["shop-*"]), api))
    assert.isFalse(isPromised(selection([]), api))
  })
})
