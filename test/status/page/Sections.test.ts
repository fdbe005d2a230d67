import { assert, describe, it } from "@effect/vitest"
import { makeMoments } from "../../../src/status/page/Moments.ts"
import { collectors, headline, itself, sinks, told, wrong } from "../../../src/status/page/Sections.ts"
import { calmWorld, world, worldAt } from "../../browser/world.ts"

const moments = makeMoments(worldAt, "Europe/Berlin")

describe("headline", () => {
  it("holds nothing that ages in what is spoken aloud", () => {
    const said = /<div id="said".*?<\/div>/.exec(headline(world(), moments).markup)?.[0] ?? ""

    assert.include(said, "<h1>6 things are wrong</h1>")
    assert.notInclude(said, "<time")
  })
})

describe("wrong", () => {
  it("says so where nothing is", () => {
    assert.include(wrong(calmWorld(), moments).markup, "Nothing that is known.")
  })

  it("counts the watchdog's own trouble, and every reason of it", () => {
    const markup = wrong({ ...calmWorld(), healthy: false, reasons: ["one", "two"] }, moments).markup

    assert.include(markup, "<p><bdi>one</bdi></p><p><bdi>two</bdi></p>")
  })

  it("says of a fault why, since when, and when it is told again", () => {
    const markup = wrong(world(), moments).markup

    assert.include(markup, "out of memory")
    assert.match(markup, /active, critical for <time [^>]*>48 min</)
    assert.match(markup, /next reminder in <time data-ahead [^>]*>42 min</)
  })

  it("says what is muted as a whole", () => {
    const markup = wrong(
      { ...calmWorld(), mutes: [{ pattern: "*", until: worldAt, by: "maintenance" }] },
      moments
    ).markup

    assert.include(markup, "<b>everything</b> by <bdi>maintenance</bdi>")
  })
})

describe("collectors", () => {
  it("show when they looked, how long it took, and what they cannot see", () => {
    const markup = collectors(world(), moments).markup

    for (const wanted of ["3.1 ms", "5.0 s", "connection refused", "off: no https dependency"])
      assert.include(markup, wanted)
  })
})

describe("sinks", () => {
  it("show what waits", () => {
    assert.include(sinks(world(), moments).markup, '<td class="n some">2</td>')
  })

  it("say so where none is set", () => {
    assert.include(sinks({ ...world(), sinks: [] }, moments).markup, "console only")
  })
})

describe("told", () => {
  it("keeps the lines of a message, shows the newest open and the others a click away", () => {
    const markup = told(world(), moments).markup

    assert.include(markup, "metrics\nsince 15:01:52 (12 s) · box-1")
    assert.include(markup, "<summary>2 older</summary>")
  })
})

describe("itself", () => {
  it("says what it costs", () => {
    const markup = itself(world(), moments).markup

    assert.include(markup, "71.3 MiB")
    assert.include(markup, "268.4 s (0.17 s a minute)")
  })

  it("guesses no pace right after the start", () => {
    assert.notInclude(itself({ ...world(), startedAt: worldAt }, moments).markup, "a minute")
  })
})
