import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import { ceilingAt, measured, sizeText } from "../../../src/collector/host/Measured.ts"
import { defaultPolicy, makePolicy } from "../../../src/decision/index.ts"

describe("a ceiling", () => {
  it("has a lower threshold to clear, never below half of it", () => {
    assert.deepStrictEqual(ceilingAt(97, 2), { ceiling: { raiseAt: 97, clearAt: 95 } })
    assert.deepStrictEqual(ceilingAt(1, 5), { ceiling: { raiseAt: 1, clearAt: 0.5 } })
    assert.deepStrictEqual(ceilingAt(undefined, 5), {})
  })

  const share = Arbitrary.map(Arbitrary.schema(Schema.Int), (n) => (Math.abs(n) % 10_000) / 100 + 0.01)

  it.prop("always makes a policy that can raise and clear", [share, share], ([raiseAt, gap]) => {
    const { ceiling } = ceilingAt(raiseAt, gap)

    assert.isTrue(makePolicy(ceilingAt(raiseAt, gap)).ok)
    assert.isAbove(ceiling?.clearAt ?? 0, 0)
    assert.isAtMost(ceiling?.clearAt ?? 0, raiseAt)
  })

  it("is said, and makes a value active at it", () => {
    const policy = { ...defaultPolicy, ...ceilingAt(90, 5) }

    assert.deepStrictEqual(
      [89, 90].map((value) => measured(policy, value, "%", `${value}% in use`).active),
      [false, true]
    )
    assert.strictEqual(measured(policy, 90, "%", "90% in use").evidence.summary, "90% in use, the ceiling is 90%")
    assert.deepStrictEqual(measured(defaultPolicy, 100, "%", "full"), {
      _tag: "Seen",
      active: false,
      confirmed: false,
      value: 100,
      evidence: { summary: "full", details: [] }
    })
  })
})

describe("sizeText", () => {
  it.each([
    [0, "0 B"],
    [1_023, "1023 B"],
    [1_024, "1 KiB"],
    [1_610_612_736, "1.5 GiB"],
    [8 * 2 ** 30, "8 GiB"],
    [512 * 2 ** 20, "512 MiB"],
    [2 ** 30 - 1, "1 GiB"],
    [2 ** 80, "1048576 EiB"],
    [-5, "0 B"]
  ])("%i is %s", (bytes, wanted) => {
    assert.strictEqual(sizeText(bytes), wanted)
  })
})
