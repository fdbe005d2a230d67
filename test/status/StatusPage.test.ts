import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import type { Snapshot } from "../../src/status/Snapshot.ts"
import {
  beatEvent,
  changedFragments,
  contentSecurityPolicy,
  snapshotEvent,
  statusFragments,
  statusPage
} from "../../src/status/StatusPage.ts"
import { ageless } from "../../src/status/page/Moments.ts"
import { calmWorld, chanceOf, signalOf, world } from "../browser/world.ts"

const options = { timeZone: "Europe/Berlin" }
const fragments = (snapshot: Snapshot) => statusFragments(snapshot, options)
const later = (snapshot: Snapshot, ms: number): Snapshot => ({
  ...snapshot,
  at: new Date(Date.parse(snapshot.at) + ms).toISOString()
})
const digest = (text: string): string => createHash("sha256").update(text).digest("base64")

describe("statusPage", () => {
  const page = statusPage(world(), options)

  it("holds every part, every signal once, and no id twice", () => {
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map((match) => match[1])

    assert.strictEqual(new Set(ids).size, ids.length)
    assert.isTrue([...fragments(world()).parts.keys()].every((id) => ids.includes(id)))
    assert.lengthOf([...page.matchAll(/<tr role="row" data-state="active"/g)], 5)
  })

  it("keeps to its own policy: its digests, no inline style, no inline handler, nothing from elsewhere", () => {
    const style = /<style>([\s\S]*?)<\/style>/.exec(page)?.[1] ?? ""
    const script = /<script>([\s\S]*?)<\/script>/.exec(page)?.[1] ?? ""

    assert.include(contentSecurityPolicy(), `style-src 'sha256-${digest(style)}'`)
    assert.include(contentSecurityPolicy(), `script-src 'sha256-${digest(script)}'`)
    const tags = page.replace(style, "").replace(script, "")
    assert.notMatch(tags, /<[^>]* (?:style|on\w+)=/)
    assert.notMatch(tags, /<[^>]* (?:src|action|href="(?!#|data:image))/)
  })

  it("loads itself again where there is no script", () => {
    assert.include(page, '<noscript><meta http-equiv="refresh" content="30" /></noscript>')
  })

  it("stays small: sixty signals within 128 KiB", () => {
    assert.isBelow(Buffer.byteLength(page), 131_072)
  })
})

describe("changedFragments", () => {
  it("has nothing to say while only time passes", () => {
    assert.deepStrictEqual(changedFragments(fragments(calmWorld()), fragments(later(calmWorld(), 1_000))), {})
  })

  it("sends the row of a signal that changed, and what counts it", () => {
    const calm = calmWorld()
    const first = calm.signals[0]
    const next = { ...calm, signals: calm.signals.map((one) => (one === first ? { ...one, summary: "new" } : one)) }

    const changed = changedFragments(fragments(calm), fragments(next))

    assert.lengthOf(Object.keys(changed), 1)
    assert.include(Object.values(changed)[0], "<bdi>new</bdi>")
  })

  it("sends the whole table where a signal came or went, and everything to one who knows nothing", () => {
    const calm = calmWorld()
    const next = { ...calm, signals: [...calm.signals, signalOf("container:newcomer")] }

    assert.include(Object.keys(changedFragments(fragments(calm), fragments(next))), "signals")
    assert.sameMembers(Object.keys(changedFragments(null, fragments(calm))), [
      "signals",
      "headline",
      "wrong",
      "told",
      "collectors",
      "sinks",
      "itself"
    ])
  })

  // Law: what a browser shows after any number of changes is what a reload would show, but for ages.
  it("leads to the page that a reload would show", () => {
    const chance = chanceOf(11)
    const bodies = (page: string): string => ageless(page.slice(page.indexOf("<main>"), page.indexOf("</main>")))
    let snapshot = world()
    let shown = fragments(snapshot)
    const screen = new Map(shown.parts)
    let table = changedFragments(null, shown)["signals"] ?? ""
    for (let round = 0; round < 200; round++) {
      const signals = snapshot.signals
        .filter(() => chance() > 0.004)
        .map((one) =>
          chance() < 0.03 ? { ...one, state: one.state === "active" ? ("clear" as const) : ("active" as const) } : one
        )
      const came = chance() < 0.1 ? [signalOf(`container:new-${round}`)] : []
      snapshot = later({ ...snapshot, signals: [...signals, ...came] }, 1_000)
      const next = fragments(snapshot)

      for (const [id, markup] of Object.entries(changedFragments(shown, next))) {
        if (id === "signals") table = markup
        else if (next.rows.includes(id)) {
          const opening = `id="${id}" data-part>`
          const from = table.indexOf(opening) + opening.length
          table = table.slice(0, from) + markup + table.slice(table.indexOf("</tbody>", from))
        } else screen.set(id, markup)
      }
      shown = next

      const reloaded = bodies(statusPage(snapshot, options))
      assert.include(reloaded, ageless(table))
      for (const id of ["wrong", "told", "collectors", "sinks", "itself"]) {
        assert.include(reloaded, ageless(screen.get(id) ?? ""), id)
      }
    }
  })
})

describe("events", () => {
  it("are one line of data each, whatever the texts hold", () => {
    const event = snapshotEvent("2026-03-14T14:05:12Z", { wrong: "a\nb\r\n\ndata: x" })

    assert.match(event, /^event: snapshot\ndata: \{[^\n\r]*\}\n\n$/)
    assert.match(beatEvent("2026-03-14T14:05:12Z"), /^event: beat\ndata: \{"at":"[^\n\r]*"\}\n\n$/)
  })

  it("name the version of the page they were made for", () => {
    const version = /data-page="([^"]+)"/.exec(statusPage(calmWorld(), options))?.[1]

    assert.include(snapshotEvent("", {}), `"page":"${version}"`)
  })
})
