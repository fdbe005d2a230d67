import { assert, describe, it } from "vitest"
import { type SignalSpec, type SignalState, defaultPolicy, step, streakText } from "../../src/decision/index.ts"
import { Rank } from "../../src/status/History.ts"
import { rankOf, standing, viewOf, wakesText } from "../../src/status/View.ts"
import { missed, policyOf, seen } from "../decision/history.ts"

const pace = { intervalMs: 10_000, timeoutMs: 5_000, hasEvents: false }
const noted = { collector: "containers", sinceMs: 0, raises: 0, seen: { summary: "running", details: [] }, history: "" }
const specOf = (signal: string, policy = defaultPolicy): SignalSpec => ({ signal, severity: "critical", policy })
const moment = (ms: number): string => `at ${ms}`

/** The state after these looks, one each 10 s. */
const after = (looks: ReadonlyArray<Parameters<typeof step>[2]>, policy = defaultPolicy): SignalState => {
  let state: SignalState | null = null
  let nowMs = 0
  for (const look of looks) state = step(policy, state, look, (nowMs += 10_000)).state
  if (state === null) throw new Error("no look at all")
  return state
}

const active = (tick: number) =>
  seen(true, tick, tick * 10_000, { evidence: { summary: "exited 1", details: ["log"] } })
const clear = (tick: number) => seen(false, tick, tick * 10_000)
const blind = (tick: number, held = false) => missed(tick, tick * 10_000, held)

describe("a signal's standing", () => {
  it.each([
    ["new", Rank.untold, [active(1)]],
    ["clear", Rank.clear, [clear(1)]],
    ["clear", Rank.untold, [clear(1), active(2)]],
    ["active", Rank.active, [active(1), active(2)]],
    ["active", Rank.active, [active(1), active(2), blind(3)]],
    ["clear", Rank.unseen, [clear(1), blind(2)]],
    ["held", Rank.held, [clear(1), blind(2, true)]],
    ["unknown", Rank.unseen, [clear(1), blind(2), blind(3), blind(4), blind(5)]],
    ["active", Rank.active, [active(1), active(2), blind(3), blind(4), blind(5), blind(6)]]
  ] as const)("is %s", (wanted, rank, looks) => {
    const state = after(looks)

    assert.strictEqual(standing(state), wanted)
    assert.strictEqual(rankOf(state), rank)
  })

  it("is flapping on either side", () => {
    const policy = policyOf({ raiseTicks: 1, flapRaises: 2 })
    const looks = [active(1), clear(2), active(3)]

    assert.strictEqual(standing(after(looks, policy)), "flapping")
    assert.strictEqual(standing(after([...looks, clear(4)], policy)), "flapping")
  })
})

describe("what would wake someone", () => {
  it.each([
    ["orch_down", {}, {}, "within 25 s (2 ticks)"],
    ["orch_down", { raiseTicks: 1 }, {}, "within 15 s (1 tick)"],
    ["container:a", {}, { hasEvents: true }, "at once on a crash, else within 25 s (2 ticks)"],
    ["source:containers", {}, { hasEvents: true }, "within 25 s (2 ticks)"],
    ["disk:/", {}, {}, "nothing: no ceiling is set"],
    ["readonly:/", {}, {}, "within 25 s (2 ticks)"],
    ["disk:/", { ceiling: { raiseAt: 97, clearAt: 92 } }, {}, "at 97 % and above, within 25 s (2 ticks)"],
    ["load", { ceiling: { raiseAt: 1.5, clearAt: 1 } }, {}, "at 1.5 per core and above, within 25 s (2 ticks)"],
    [
      "dependency:db",
      { ceiling: { raiseAt: 800, clearAt: 700 } },
      {},
      "down, or slower than 800 ms, within 25 s (2 ticks)"
    ],
    ["rule:q", { raiseForMs: 120_000 }, {}, "within 2 min 15 s (seen for 2 min)"],
    ["rule:q", { raiseForMs: 0 }, {}, "within 15 s (one look)"],
    ["orch_down", {}, { intervalMs: 200, timeoutMs: 100 }, "within 500 ms (2 ticks)"]
  ] as const)("of %s with %j and %j", (signal, policy, differs, wanted) => {
    assert.strictEqual(wakesText(specOf(signal, policyOf(policy)), { ...pace, ...differs }), wanted)
  })
})

describe("a signal's view", () => {
  it("says nothing of yesterday's fault once it is well", () => {
    const state = after([active(1), active(2), clear(3)])
    const view = viewOf(specOf("container:a"), state, { ...noted, sinceMs: 30_000 }, pace, 30_000, moment)

    assert.deepInclude(view, {
      state: "clear",
      summary: "running",
      since: "at 30000",
      nextReminder: null,
      streak: null
    })
    assert.deepStrictEqual(view.details, [])
  })

  it("says why it is held or cannot be seen", () => {
    const state = after([clear(1), blind(2)])
    const view = viewOf(specOf("container:a"), state, noted, pace, 20_000, moment)

    assert.deepInclude(view, { look: "missed", summary: "no answer" })
  })

  it("counts the streak, and says when the next reminder is due", () => {
    const first = viewOf(specOf("container:a"), after([active(1)]), noted, pace, 10_000, moment)
    const told = viewOf(specOf("container:a"), after([active(1), active(2)]), noted, pace, 20_000, moment)

    assert.deepInclude(first, {
      state: "new",
      since: null,
      streak: "1 of 2 ticks towards an alert",
      summary: "exited 1"
    })
    assert.deepInclude(told, { state: "active", since: "at 10000", nextReminder: "at 1820000", summary: "exited 1" })
    assert.deepStrictEqual(told.details, ["log"])
  })

  it("is new before the first step, and has no value that is no number", () => {
    const blank = viewOf(specOf("x"), null, noted, pace, 0, moment)
    const odd = viewOf(
      specOf("x"),
      { ...after([clear(1)]), value: Number.POSITIVE_INFINITY },
      noted,
      pace,
      10_000,
      moment
    )

    assert.deepInclude(blank, { state: "new", since: null, look: "none", value: null })
    assert.isNull(odd.value)
  })

  it("writes a streak of time in time", () => {
    assert.strictEqual(
      streakText({ towards: "clear", heldMs: 500, neededMs: 60_000 }),
      "seen for 1 s of 1 min towards a recovery"
    )
  })
})
