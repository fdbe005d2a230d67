/** The demo as a newcomer runs it: what he is shown is what the watchdog said, in the order in which it must. */
import { assert, describe, it } from "vitest"
import { root, tryRun } from "./lab.ts"

describe("npm run demo", () => {
  it("shows an outage, a reminder and the recovery in twenty seconds, and where the page is", async () => {
    const startMs = performance.now()
    const { code, stdout, stderr } = await tryRun("npm", ["--prefix", root, "run", "--silent", "demo"], {
      NO_COLOR: "1"
    })
    const tookMs = performance.now() - startMs

    assert.strictEqual(code, 0, stderr)
    assert.isBelow(tookMs, 35_000)
    const shown = [
      /🔴 container:shop-worker-1 killed: out of memory/,
      /🔴 container:shop-orchestrator-1 exited with code 1/,
      /🔴 orch_down \/metrics does not answer/,
      /🔁 container:shop-worker-1 still down/,
      /✅ orch_down recovered/,
      /✅ container:shop-(worker|orchestrator)-1 recovered/,
      /its page: http:\/\/127\.0\.0\.1:\d+\//
    ].map((wanted) => stdout.search(wanted))
    assert.notInclude(shown, -1, stdout)
    assert.deepStrictEqual(
      shown,
      [...shown].sort((a, b) => a - b)
    )
  })
})
