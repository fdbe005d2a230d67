import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { type InspectDocument, decodeInspect, decodeListItem } from "../../../src/collector/docker/Container.ts"
import { doubtAfter, doubtText } from "../../../src/collector/docker/Doubt.ts"
import { isSuspect, learn, lookAt } from "../../../src/collector/docker/Memory.ts"
import { inspectOf, itemOf, knownOf, presentOf, said, see } from "./known.ts"

const key = "name web"
const unhealthy = itemOf("web", { Status: "Up 3 minutes (unhealthy)" })
const paused = itemOf("web", { State: "paused", Status: "Up 3 minutes (Paused)" })
const unhealthyState = { _tag: "Running", health: "unhealthy", check: null } as const
const reason =
  "container:web held: running; called unhealthy only since it was paused: its health check has not run again"

const second = 1e9 // nanoseconds
const everyMinute = { Interval: 60 * second, Timeout: 5 * second, Retries: 3 }

/** An inspect of one that the engine calls unhealthy, after so many failures in a row and with this newest probe. */
const inspect = (failures: number, probe: string, check: object | null = everyMinute): object => ({
  ...inspectOf(0, "a", {
    Health: {
      Status: "unhealthy",
      FailingStreak: failures,
      Log: [{ Start: probe, End: probe, ExitCode: failures === 0 ? 0 : 1, Output: "" }]
    }
  }),
  Config: check === null ? {} : { Healthcheck: check }
})

const decoded = (document: object): InspectDocument => Option.getOrThrow(decodeInspect(document))

describe("a container called unhealthy", () => {
  const looking = () => {
    const known = knownOf()
    return {
      known,
      look: (nowMs: number, document?: object) => {
        see(known, unhealthy, nowMs)
        if (document !== undefined) learn(known, key, document, nowMs, new Set())
        return said(lookAt(known, presentOf(unhealthy), nowMs))
      }
    }
  }
  const active = "container:web active: running but unhealthy"

  it("although its check has not failed is held until the check has run again", () => {
    const { look, known } = looking()
    see(known, paused, 0)

    const looks = [
      look(10_000, inspect(0, "12:00")),
      look(20_000, inspect(0, "12:00")),
      look(30_000, inspect(1, "12:01"))
    ]

    assert.deepStrictEqual(looks.slice(0, 2), [reason, reason])
    assert.include(looks[2] ?? "", active)
  })

  it("is held so too where nobody has seen the pause", () => {
    const { look } = looking()

    assert.strictEqual(look(10_000, inspect(0, "12:00")), reason)
  })

  it("is inspected again meanwhile, at each look", () => {
    const { look, known } = looking()
    look(10_000, inspect(0, "12:00"))

    assert.isTrue(isSuspect(known, presentOf(unhealthy)))
  })

  it("is believed once its check is overdue", () => {
    const { look } = looking()

    const looks = [10_000, 74_999, 75_000].map((nowMs) => look(nowMs, inspect(0, "12:00")))

    assert.deepStrictEqual(looks.slice(0, 2), [reason, reason])
    assert.include(looks[2] ?? "", active)
  })

  it("is believed after the engine's own interval and timeout where the check leaves them out", () => {
    const { look } = looking()
    const check = { Interval: 0, Timeout: 0 }

    const looks = [0, 59_999, 60_000].map((nowMs) => look(nowMs, inspect(0, "12:00", check)))

    assert.deepStrictEqual(looks.slice(0, 2), [reason, reason])
    assert.include(looks[2] ?? "", active)
  })

  it("is believed after a deploy's grace where its check is not known", () => {
    const { look } = looking()

    const looks = [0, 29_999, 30_000].map((nowMs) => look(nowMs, inspect(0, "12:00", null)))

    assert.deepStrictEqual(looks.slice(0, 2), [reason, reason])
    assert.include(looks[2] ?? "", active)
  })

  it("is believed at once where its check has failed", () => {
    const { look } = looking()

    assert.include(look(10_000, inspect(1, "12:00")), active)
  })

  it("is held after an unpause also where its check had failed, but less often than it may", () => {
    const failed = (failures: number): string => {
      const { look, known } = looking()
      see(known, paused, 0)
      return look(10_000, inspect(failures, "12:00"))
    }

    assert.strictEqual(failed(2), reason)
    assert.include(failed(3), active)
  })

  it("is believed at its first failure again once it was healthy after the unpause", () => {
    const { look, known } = looking()
    const healthy = itemOf("web", { Status: "Up 3 minutes (healthy)" })
    see(known, paused, 0)
    look(10_000, inspect(0, "12:00"))
    see(known, healthy, 20_000)
    lookAt(known, presentOf(healthy), 20_000)

    assert.include(look(30_000, inspect(1, "12:02")), active)
  })

  it("is held for the grace after an unpause where inspects are refused, else believed", () => {
    const { look, known } = looking()
    const unseen = look(10_000)
    see(known, paused, 20_000)
    const looks = [30_000, 59_999, 60_000].map((nowMs) => look(nowMs))

    assert.include(unseen, active)
    assert.deepStrictEqual(looks.slice(0, 2), [reason, reason])
    assert.include(looks[2] ?? "", active)
  })

  it("is compared with the first probe that an inspect tells of", () => {
    const { look, known } = looking()
    see(known, paused, 0)

    const looks = [look(10_000), look(20_000, inspect(0, "12:00")), look(30_000, inspect(0, "12:00"))]

    assert.deepStrictEqual(looks, [reason, reason, reason])
  })

  it("is not doubted by an inspect of another moment", () => {
    const healthy = decoded(inspectOf(0, "a", { Health: { Status: "healthy", FailingStreak: 0 } }))

    assert.isNull(doubtAfter(null, unhealthyState, healthy, null, 0))
    assert.isNull(doubtText(null, healthy, 30_000, 0))
  })

  it("and then healthy, or at rest, is no longer in doubt", () => {
    const before = { sinceMs: 0, probe: "12:00" }
    const again = doubtAfter(before, unhealthyState, decoded(inspect(0, "12:00")), null, 5_000)

    assert.deepStrictEqual(again, before)
    assert.isNull(
      doubtAfter(before, { ...unhealthyState, health: "healthy" }, decoded(inspect(0, "12:00")), null, 5_000)
    )
    assert.isNull(doubtAfter(before, { _tag: "Paused" }, decoded(inspect(0, "12:00")), null, 5_000))
  })
})

describe("what real engines say after docker unpause", () => {
  for (const engine of ["20.10", "26.1"]) {
    it(`is held: ${engine}`, () => {
      const file = new URL(`../../fixtures/docker/${engine}-unpaused.json`, import.meta.url)
      const { list, inspect: document } = JSON.parse(readFileSync(file, "utf8")) as { list: [object]; inspect: object }
      const item = Option.getOrThrow(decodeListItem(list[0]))
      const known = knownOf()
      see(known, item, 0)
      learn(known, "name fx-unpaused", document, 0, new Set())

      const looks = [0, 32_999, 33_000].map((nowMs) => said(lookAt(known, presentOf(item), nowMs)))

      // Its check runs every 3 s, for at most 30 s.
      assert.deepStrictEqual(looks.slice(0, 2), Array(2).fill(reason.replace("web", "fx-unpaused")))
      assert.include(looks[2] ?? "", "active: running but unhealthy")
    })
  }
})
