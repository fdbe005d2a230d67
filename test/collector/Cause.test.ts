import { assert, describe, it } from "@effect/vitest"
import { type Surroundings, causeLines, likelyCause } from "../../src/collector/Cause.ts"

const running = { name: "orch", running: true, text: "running, healthy" }
const dead = { name: "orch", running: false, text: "killed: out of memory (exited with code 137 (SIGKILL))" }
const refuses = { well: false, shown: "tcp orch:9000", text: "connection refused" }
const takes = { well: true, shown: "tcp orch:9000", text: "accepts connections" }
const full = "the disk of / is 100% in use"

describe("the likely cause", () => {
  const table: ReadonlyArray<readonly [string, Surroundings, string | undefined]> = [
    [
      "the container's end, before all else",
      { container: dead, address: refuses, host: [full] },
      "its container orch killed: out of memory (exited with code 137 (SIGKILL))"
    ],
    ["a full host, before an address that refuses", { container: running, address: refuses, host: [full] }, full],
    [
      "an address that refuses while the container runs",
      { container: running, address: refuses, host: [] },
      "its container runs, but tcp orch:9000: connection refused"
    ],
    [
      "a process that takes connections and does not answer",
      { container: running, address: takes, host: [] },
      "it takes connections and does not answer as it should: busy, stuck, or something else is listening"
    ],
    [
      "nothing, where only the address is known to refuse: that was said already",
      { container: null, address: refuses, host: [] },
      undefined
    ],
    ["nothing, where nothing was seen", { container: null, address: null, host: [] }, undefined]
  ]

  it.each(table)("is %s", (_, seen, wanted) => {
    assert.strictEqual(likelyCause(seen), wanted)
  })

  it("comes first, then what was seen; what was not seen is not mentioned", () => {
    assert.deepStrictEqual(
      [...causeLines({ container: dead, address: refuses, host: [] })],
      [
        "likely cause: its container orch killed: out of memory (exited with code 137 (SIGKILL))",
        "container orch: killed: out of memory (exited with code 137 (SIGKILL))",
        "tcp orch:9000: connection refused"
      ]
    )
    assert.deepStrictEqual([...causeLines({ container: null, address: null, host: [] })], [])
  })
})
