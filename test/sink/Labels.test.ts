import { assert, describe, it } from "@effect/vitest"
import { fingerprint, labelsOf } from "../../src/sink/Labels.ts"

describe("labels", () => {
  it("name the kind, the thing and the host", () => {
    assert.deepStrictEqual(labelsOf("container:api", "critical", "box"), {
      alertname: "container",
      host: "box",
      job: "orchestrator-watchdog",
      name: "api",
      severity: "critical",
      signal: "container:api"
    })
  })

  it("have no empty name", () => {
    assert.notProperty(labelsOf("orch_down", "critical", "box"), "name")
    assert.strictEqual(labelsOf("orch_down", "critical", "box")["alertname"], "orch_down")
  })

  it("keep what stands behind the first colon whole", () => {
    const { alertname, name } = labelsOf('rule:queue{q="a:b"}', "warning", "box")

    assert.deepStrictEqual([alertname, name], ["rule", 'queue{q="a:b"}'])
  })

  it("are clean UTF-8 on one line, cut, and still two where they were two", () => {
    const long = `disk:/${"é".repeat(600)}`
    const [one, two] = ["a", "b"].map((end) => labelsOf(long + end, "critical", "box")["signal"] ?? "")

    assert.strictEqual(labelsOf("x:\uD800\n\u0007", "critical", "box")["name"], "\uFFFD \uFFFD")
    assert.strictEqual(one?.length, 512)
    assert.notStrictEqual(one, two)
  })
})

describe("the fingerprint", () => {
  /** From prometheus/common, model/labelset_test.go and signature_test.go. */
  it("is Prometheus's own", () => {
    assert.strictEqual(fingerprint({}), "cbf29ce484222325")
    assert.strictEqual(
      fingerprint({ name: "garland, briggs", fear: "love is not enough" }),
      5799056148416392346n.toString(16)
    )
  })

  it("does not depend on the order", () => {
    assert.strictEqual(fingerprint({ a: "1", b: "2" }), fingerprint({ b: "2", a: "1" }))
  })
})
