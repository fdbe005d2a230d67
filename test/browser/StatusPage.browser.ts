/** The status page in a real Chromium: what it looks like, what it lets run, and how it lives. */
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as os from "node:os"
import * as path from "node:path"
import type { AxeResults } from "axe-core"
import { type Browser, type BrowserContextOptions, type Page, chromium } from "playwright-core"
import { afterAll, afterEach, assert, beforeAll, describe, it, vi } from "vitest"
import type { SignalView, Snapshot } from "../../src/status/Snapshot.ts"
import { type PageServer, servePage } from "./server.ts"
import { calmWorld, chanceOf, signalOf, world } from "./world.ts"

const screenshots = process.env["SCREENSHOTS"] ?? fs.mkdtempSync(path.join(os.tmpdir(), "status-page-"))
const axeSource = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

let browser: Browser
beforeAll(async () => {
  fs.mkdirSync(screenshots, { recursive: true })
  browser = await chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "chromium" })
})
afterAll(() => browser.close())

const closers: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

interface Opened {
  readonly page: Page
  readonly server: PageServer
  /** What the browser complained about: refused by policy, or thrown. */
  readonly complaints: ReadonlyArray<string>
}

const open = async (snapshot: Snapshot, look: BrowserContextOptions = {}): Promise<Opened> => {
  const server = await servePage(snapshot)
  closers.push(server.stop)
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, ...look })
  closers.push(() => context.close())
  const page = await context.newPage()
  const complaints: Array<string> = []
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text())
  })
  page.on("pageerror", (error) => complaints.push(String(error)))
  await page.goto(server.address)
  if (look.javaScriptEnabled !== false) await page.locator("#connection.live").waitFor()
  return { page, server, complaints }
}

const changed = (snapshot: Snapshot, id: string, more: Partial<SignalView>): Snapshot => ({
  ...snapshot,
  signals: snapshot.signals.map((signal) => (signal.id === id ? { ...signal, ...more } : signal))
})

const phone = { width: 390, height: 844 }

describe("looks", () => {
  const looks: ReadonlyArray<readonly [string, BrowserContextOptions]> = [
    ["light", { colorScheme: "light" }],
    ["dark", { colorScheme: "dark" }],
    ["phone", { colorScheme: "light", viewport: phone }],
    ["phone-dark", { colorScheme: "dark", viewport: { width: 360, height: 780 } }],
    ["tablet", { colorScheme: "light", viewport: { width: 900, height: 1_000 } }],
    ["no-script", { colorScheme: "light", javaScriptEnabled: false }]
  ]

  it.each(looks)("shows sixty signals, five of them active: %s", async (name, look) => {
    const { page, complaints } = await open(world(), look)

    await page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage: true })

    const ids = await page.locator("#signals th[scope=row] bdi").allTextContents()
    assert.sameMembers(
      ids,
      world().signals.map((signal) => signal.id)
    )
    assert.strictEqual(ids.length, 60)
    assert.strictEqual(await page.locator("#signals tr[data-state=active]").count(), 5)
    assert.strictEqual(await page.locator("h1").textContent(), "6 things are wrong")
    const width = page.viewportSize()?.width ?? 0
    assert.isAtMost(await page.locator("html").evaluate((element) => element.scrollWidth), width)
    assert.deepStrictEqual(complaints, [])
  })

  it("shows a good day", async () => {
    const { page } = await open(calmWorld())

    await page.screenshot({ path: path.join(screenshots, "calm.png") })

    assert.strictEqual(await page.locator("h1").textContent(), "All is well")
  })

  const audited = looks.filter(([name]) => name !== "no-script" && name !== "tablet")

  it.each(audited)("breaks no rule of accessibility: %s", async (_, look) => {
    const { page } = await open(world(), look)
    await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")

    // By the debugger, not by a script element: the page's policy refuses any script but its own.
    await page.evaluate(axeSource)
    const found = await page.evaluate<AxeResults>("axe.run()")

    assert.deepStrictEqual(
      found.violations.map(
        (violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(" ")).join(", ")}`
      ),
      []
    )
    assert.isAbove(found.passes.length, 20)
  })
})

describe("lives", () => {
  const id = "dependency:dns"
  const down = changed(calmWorld(), id, {
    state: "active",
    look: "active",
    since: calmWorld().at,
    summary: "no answer within 5 s"
  })

  it("turns a signal red within a second and back, and says so aloud once", async () => {
    const { page, server, complaints } = await open(calmWorld())
    const row = page.locator("#signals tr", { has: page.getByText(id, { exact: true }) })
    assert.strictEqual(await row.first().getAttribute("data-state"), "clear")

    const red = page.locator("#signals tr[data-state=active]", { hasText: id }).waitFor({ timeout: 1_000 })
    server.show(down)
    await red

    assert.strictEqual(await page.locator("#spoken").textContent(), `1 thing is wrong: ${id}`)
    assert.match(await page.title(), /^1 wrong · /)
    assert.include((await page.locator("#wrong").textContent()) ?? "", "no answer within 5 s")

    const clear = page.locator("#signals tr[data-state=clear]", { hasText: id }).waitFor({ timeout: 1_000 })
    server.show(calmWorld())
    await clear

    assert.strictEqual(await page.locator("#spoken").textContent(), "All is well")
    assert.deepStrictEqual(complaints, [])
  })

  it("keeps what is open, where the focus is and what the reader looks at", async () => {
    const { page, server } = await open(calmWorld())
    const summary = page.locator("#signals tr", { hasText: id }).locator("summary").first()
    await summary.focus()
    await page.keyboard.press("Enter")
    const focused = "document.activeElement.closest('details')?.id"
    const before = [await page.evaluate(focused), (await summary.boundingBox())?.y]

    server.show(down)
    await page.locator("#wrong .cards").waitFor()

    assert.strictEqual(await summary.evaluate((element) => element.parentElement?.hasAttribute("open")), true)
    assert.strictEqual(await page.evaluate(focused), before[0])
    assert.closeTo((await summary.boundingBox())?.y ?? 0, Number(before[1]), 2)
  })

  it("takes a signal in and lets one go", async () => {
    const { page, server } = await open(calmWorld())
    const snapshot = calmWorld()

    server.show({ ...snapshot, signals: [...snapshot.signals.slice(1), signalOf("container:newcomer")] })
    await page.locator("#signals th bdi", { hasText: "container:newcomer" }).waitFor()

    const ids = await page.locator("#signals th[scope=row] bdi").allTextContents()
    assert.strictEqual(ids.length, 60)
    assert.notInclude(ids, snapshot.signals[0]?.id)
  })

  it("says that it is not connected, and is live again by itself", async () => {
    const { page, server } = await open(calmWorld())

    await server.stop()
    await page.locator("#connection.lost").waitFor({ timeout: 2_000 })

    assert.match(
      (await page.locator("#connection").textContent()) ?? "",
      /^Not connected since \d\d:\d\d:\d\d \(\d+ s\)\. Shown is what was known then\.$/
    )
    assert.match(await page.title(), /^not connected/)
    await page.screenshot({ path: path.join(screenshots, "not-connected.png") })

    await server.restart()
    await page.locator("#connection.live").waitFor({ timeout: 10_000 })
    assert.strictEqual(await page.locator("body.stale").count(), 0)
  })

  it("lets ages grow without the server", async () => {
    const { page } = await open(calmWorld())
    const beat = page.locator("#itself time").first()
    const before = await beat.textContent()

    await vi.waitFor(async () => assert.notStrictEqual(await beat.textContent(), before), 3_000)

    assert.match((await beat.textContent()) ?? "", /^\d+ s$/)
  })
})

describe("keyboard", () => {
  it("reaches every signal's details in the order of the page", async () => {
    const { page } = await open(calmWorld())
    const reached: Array<string> = []

    for (let press = 0; press < 4; press++) {
      await page.keyboard.press("Tab")
      reached.push((await page.locator(":focus").textContent()) ?? "")
    }
    await page.keyboard.press("Enter")

    const ids = await page.locator("#signals th[scope=row] bdi").allTextContents()
    assert.deepStrictEqual(reached, ["Skip to all signals", ...ids.slice(0, 3).map((id) => `Why: ${id}`)])
    assert.isTrue(
      await page
        .locator("#signals tr", { hasText: ids[2] ?? "" })
        .locator(".behind")
        .first()
        .isVisible()
    )
  })
})

describe("hostile words", () => {
  const attacks = [
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    '" onmouseover="window.pwned=1" x="',
    "' autofocus onfocus='window.pwned=1",
    "</title></style></script><svg onload=window.pwned=1>",
    "<!--",
    "]]>",
    "&lt;script&gt; &amp;",
    "javascript:window.pwned=1",
    "${window.pwned=1} {{pwned}}",
    "</bdi></th></tr></table><iframe srcdoc='<script>parent.pwned=1</script>'>",
    "a\u202egpj.exe\u2066",
    "nul\u0000 esc\u001b[31m del\u007f c1\u0085 lone\ud800",
    "line\nline\r\nline",
    "x".repeat(5_000),
    "name constructor __proto__ toString"
  ]
  const chance = chanceOf(20_260_314)
  const alphabet = [..."<>\"'`&/=!-;#x ".split(""), "script", "onerror", "\u202e", "\u0000", "\n", "é", "漢", "🔥"]
  const noise = (): string =>
    Array.from({ length: Math.floor(chance() * 30) }, () => alphabet[Math.floor(chance() * alphabet.length)]).join("")
  const word = (index: number): string =>
    `${attacks[index % attacks.length]}${index < attacks.length ? "" : noise()}#${index}`

  /** Every field that takes a string from outside is an attack. */
  const attacked = (): Snapshot => {
    const plain = world()
    let count = 0
    const next = (): string => word(count++)
    return {
      ...plain,
      host: next(),
      version: next(),
      runId: next(),
      healthy: false,
      reasons: [next(), next()],
      signals: plain.signals.map((signal, index) => ({
        ...signal,
        id: `${next()}${index}`,
        collector: attacks[index % 5] ?? "",
        summary: next(),
        details: [next(), next()],
        streak: next(),
        wakes: next(),
        because: [next(), next()],
        since: index === 3 ? next() : signal.since,
        muted: index % 7 === 0 ? { until: next(), by: next() } : null,
        history: index === 5 ? next() : signal.history
      })),
      collectors: plain.collectors.map((one, index) => ({
        ...one,
        name: attacks[index % 5] ?? "",
        watches: next(),
        problem: next()
      })),
      sinks: plain.sinks.map((one) => ({ ...one, name: next(), destination: next(), problem: next() })),
      told: plain.told.map((one) => ({ ...one, sink: next(), text: next() })),
      mutes: [{ pattern: next(), until: next(), by: next() }],
      loops: plain.loops.map((one) => ({ ...one, name: next() }))
    }
  }
  const hostile = attacked()
  /** The shape of the page: how many of which elements with which attributes, without what is said and in which order. */
  const skeleton = `[...document.querySelectorAll("body *")].filter((e) => !e.closest(".sprite"))
    .map((e) => e.tagName + "[" + e.getAttributeNames().sort().join() + "]").sort().join("\\n")`

  it("stay words: no script runs, no element is made, nothing is refused", async () => {
    const tame = JSON.parse(
      JSON.stringify(hostile, (key, value: unknown) =>
        typeof value === "string" && value.includes("#") && key !== "history" && !/^[.#?h -]{288}$/.test(value)
          ? `tame${value.slice(value.lastIndexOf("#"))}`
          : value
      )
    ) as Snapshot
    const one = await open(tame)
    const { page, server, complaints } = await open(hostile)

    assert.deepStrictEqual(
      (await page.evaluate<string>(skeleton)).split("\n"),
      (await one.page.evaluate<string>(skeleton)).split("\n")
    )

    server.show({ ...hostile, signals: hostile.signals.toReversed().slice(1) })
    await page.locator("#signals tbody").first().waitFor()

    assert.strictEqual(await page.evaluate("typeof window.pwned"), "undefined")
    assert.strictEqual(await page.locator("img, iframe, [onerror], [onload], [onmouseover], [onfocus]").count(), 0)
    assert.strictEqual(await page.locator("script").count(), 1)
    assert.deepStrictEqual(complaints, [])
    const text = (await page.locator("main").textContent()) ?? ""
    assert.include(text, "<script>window.pwned=1</script>")
    assert.include(text, "a⟨U+202E⟩gpj.exe⟨U+2066⟩")
    assert.include(text, "nul␀ esc␛[31m del␡ c1⟨U+0085⟩ lone\u{FFFD}")
    await page.screenshot({ path: path.join(screenshots, "hostile.png"), fullPage: true })
  })

  it("do not widen a phone's page", async () => {
    const { page } = await open(hostile, { viewport: phone })

    assert.isAtMost(await page.locator("html").evaluate((element) => element.scrollWidth), phone.width)
  })
})
