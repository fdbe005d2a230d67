import { assert, describe, it } from "@effect/vitest"
import * as Health from "../../src/queue/Health.ts"
import { permanent, sinkError } from "./scripted.ts"

const fresh = Health.newCondition({ name: "telegram", destination: "a chat" })

describe("a sink's condition", () => {
  it("counts what was sent, what failed and what was given up", () => {
    const { health } = Health.failedSend(Health.sent(fresh, 5_000), sinkError(), 1)

    assert.deepInclude(health, {
      sent: 1,
      lastSentMs: 5_000,
      failures: 1,
      givenUp: 1,
      problem: "unreachable",
      red: false
    })
  })

  it("is red only of what fails for good, and stays so while other things fail", () => {
    const red = Health.worse(fresh, permanent, "send")

    assert.isTrue(red.health.red)
    assert.isTrue(Health.worse(red, sinkError(), "verify").health.red)
    assert.isFalse(Health.worse(fresh, sinkError(), "verify").health.red)
  })

  it("is well again by a send, or by a check if a check had found it ill", () => {
    const bySend = Health.worse(Health.failedSend(fresh, permanent, 0), permanent, "send")
    const byCheck = Health.worse(fresh, permanent, "verify")

    assert.isTrue(Health.better(bySend, "verify").health.red)
    assert.isTrue(Health.better(Health.worse(bySend, sinkError(), "verify"), "verify").health.red)
    assert.isFalse(Health.better(bySend, "send").health.red)
    assert.isFalse(Health.better(byCheck, "verify").health.red)
  })
})
