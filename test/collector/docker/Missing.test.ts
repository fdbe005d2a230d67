import { assert, describe, it } from "@effect/vitest"
import { silence } from "../../../src/collector/docker/Memory.ts"
import { missingRequired } from "../../../src/collector/docker/Missing.ts"
import { idOf, itemOf, knownOf, presentOf, said, see } from "./known.ts"

describe("an identity that is gone", () => {
  it("is missing after the grace where it is required, tuned as its label said", () => {
    const known = knownOf()
    see(known, itemOf("db", { Labels: { "watchdog.required": "true", "watchdog.severity": "warning" } }), 0)
    see(known, itemOf("web", { Id: idOf(2) }), 0)

    const held = missingRequired(known, [], 20_000)
    const missing = missingRequired(known, [], 30_000)

    assert.deepStrictEqual(held.map(said), [
      "container:db held: missing: there is no such container; held for 10 s more (deploy grace)"
    ])
    assert.deepStrictEqual(missing.map(said), ["container:db active: missing: there is no such container"])
    assert.strictEqual(missing[0]?.spec.severity, "warning")
  })

  it("is missing once, where it is required both by name and by label", () => {
    const known = knownOf("db")
    const item = itemOf("db", { Labels: { "watchdog.required": "true" } })
    see(known, item, 0)

    assert.strictEqual(missingRequired(known, [], 60_000).length, 1)
    assert.deepStrictEqual(missingRequired(known, [presentOf(item)], 60_000), [])
  })

  it("is not missed where one labelled out of sight has taken its place", () => {
    const known = knownOf()
    see(known, itemOf("db", { Labels: { "watchdog.required": "true" } }), 0)
    const successor = itemOf("db", { Id: idOf(2), Labels: { "watchdog.enable": "false" } })

    silence(known, [successor], new Set())

    assert.deepStrictEqual(missingRequired(known, [], 60_000), [])
  })

  it("is missing under its plain name where it never was, and told as there once it is", () => {
    const known = knownOf("web")

    const before = missingRequired(known, [], 30_000)
    const item = itemOf("shop-web-1", {
      Labels: { "com.docker.compose.project": "shop", "com.docker.compose.service": "web" }
    })
    const after = missingRequired(known, [presentOf(item)], 40_000)

    assert.deepStrictEqual(before.map(said), ["container:web active: missing: there is no such container"])
    assert.deepStrictEqual(after.map(said), ["container:web clear: there, as shop-web-1"])
  })
})
