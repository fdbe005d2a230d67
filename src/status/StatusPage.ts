/**
 * The status page: what the watchdog knows at one moment, as a document that needs nothing but itself.
 *
 * Rendered here and complete without a script. Where there is one, it listens for the parts that changed: they are made by the
 * same functions, so that what was sent is what a reload would show.
 */
import { createHash } from "node:crypto"
import type { Snapshot } from "./Snapshot.ts"
import { headlineOf } from "./page/Headline.ts"
import { Html, html } from "./page/Html.ts"
import { type Shape, mark, sprite, tabIcon } from "./page/Marks.ts"
import { type Moments, ageless, makeMoments } from "./page/Moments.ts"
import { script } from "./page/Script.ts"
import { collectors, headline, itself, sinks, told, wrong } from "./page/Sections.ts"
import { signalParts } from "./page/SignalRows.ts"
import { stripLegend } from "./page/Strip.ts"
import { style } from "./page/Style.ts"

export { beatSeconds } from "./page/Script.ts"

export interface PageOptions {
  /** IANA name: the zone of every time on the page, as in the messages. */
  readonly timeZone: string
}

/** How often a page without a script loads itself again. */
const reloadSeconds = 30

const digest = (text: string): string => createHash("sha256").update(text).digest("base64")

const [styleDigest, scriptDigest] = [digest(style), digest(script)]

/** Names this version of style and script: a page that hears another one loads itself again. */
const pageVersion = digest(styleDigest + scriptDigest).slice(0, 12)

/**
 * The value of `Content-Security-Policy`: nothing but this page's own style and script, which talk to its own server only.
 *
 * Gotcha: `frame-ancestors` works as a header only; a `<meta>` would be ignored.
 */
export const contentSecurityPolicy = (): string =>
  [
    "default-src 'none'",
    `style-src 'sha256-${styleDigest}'`,
    `script-src 'sha256-${scriptDigest}'`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types watchdog"
  ].join("; ")

/** The parts of the page by the id of the element they fill. */
export interface StatusFragments {
  readonly at: string
  readonly parts: ReadonlyMap<string, string>
  /** The parts that the table of signals consists of, in their order; each is one of `parts`. */
  readonly rows: ReadonlyArray<string>
}

const tableId = "signals"

const rendered = (snapshot: Snapshot, moments: Moments): StatusFragments => {
  const rows = signalParts(snapshot, moments)
  return {
    at: snapshot.at,
    rows: rows.map((row) => row.id),
    parts: new Map([
      ["headline", headline(snapshot, moments).markup],
      ["wrong", wrong(snapshot, moments).markup],
      ...rows.map((row) => [row.id, row.markup] as const),
      ["told", told(snapshot, moments).markup],
      ["collectors", collectors(snapshot, moments).markup],
      ["sinks", sinks(snapshot, moments).markup],
      ["itself", itself(snapshot, moments).markup]
    ])
  }
}

/** All parts of the page, for `changedFragments`. */
export const statusFragments = (snapshot: Snapshot, options: PageOptions): StatusFragments =>
  rendered(snapshot, makeMoments(snapshot.at, options.timeZone))

const columns = ["State", "Signal", "Last seen", "Since", "Would wake you", "Last 24 hours"]

/** The table's head and its rows, each in a body of its own so that it can be replaced alone. */
const tableMarkup = ({ rows, parts }: StatusFragments): string =>
  `<thead role="rowgroup"><tr role="row">${columns
    .map((name) => html`<th role="columnheader" scope="col">${name}</th>`.markup)
    .join("")}<th role="columnheader" scope="col" class="unseen">Why</th></tr></thead>${rows
    .map((id) => `<tbody role="rowgroup" id="${id}" data-part>${parts.get(id) ?? ""}</tbody>`)
    .join("")}`

/**
 * What a browser that shows `before` must put in its place to show `after`: the inner markup by element id. All of it where
 * `before` is null.
 *
 * Law: a page of `before` with the result put in is the page of `after`, but for ages, which the browser counts itself.
 */
export const changedFragments = (
  before: StatusFragments | null,
  after: StatusFragments
): Readonly<Record<string, string>> => {
  const changed: Record<string, string> = {}
  const sameRows = before !== null && before.rows.join() === after.rows.join()
  if (!sameRows) changed[tableId] = tableMarkup(after)
  const within = new Set(sameRows ? [] : after.rows)
  for (const [id, markup] of after.parts) {
    if (within.has(id)) continue
    const old = before?.parts.get(id)
    if (old === undefined || (old !== markup && ageless(old) !== ageless(markup))) changed[id] = markup
  }
  return changed
}

/** A whole event of the stream: `html` as `changedFragments` made it, also where it is empty. */
export const snapshotEvent = (at: string, changed: Readonly<Record<string, string>>): string =>
  `event: snapshot\ndata: ${JSON.stringify({ page: pageVersion, at, html: changed })}\n\n`

/** Says that the connection lives; due every `beatSeconds` in which nothing else was sent. */
export const beatEvent = (at: string): string => `event: beat\ndata: ${JSON.stringify({ at })}\n\n`

const legendShapes: ReadonlyArray<readonly [Shape, string]> = [
  ["critical", "active, critical"],
  ["warning", "active, warning"],
  ["flapping", "flapping: told once until it settles"],
  ["unknown", "unknown: not seen for 3.5 intervals"],
  ["held", "held on purpose, as during a deploy"],
  ["new", "new: not decided yet"],
  ["clear", "clear"],
  ["muted", "muted: told when the mute ends"]
]

const legend = html`<details id="d-legend">
  <summary>How to read this page</summary>
  <ul class="legend">
    ${legendShapes.map(
      ([shape, words]) => html`<li>${mark(shape)}${words}</li>`
    )}${stripLegend.map(({ words, picture }) => html`<li>${picture}24 h: ${words}</li>`)}
  </ul>
</details>`

const icons: ReadonlyArray<Shape> = ["critical", "unknown", "clear"]

/** A complete document. Send it with `contentSecurityPolicy()`, and never from a cache. */
export const statusPage = (snapshot: Snapshot, options: PageOptions): string => {
  const moments = makeMoments(snapshot.at, options.timeZone)
  const fragments = rendered(snapshot, moments)
  const part = (id: string): Html => new Html(fragments.parts.get(id) ?? "")
  const section = (id: string): Html =>
    html`<section id="${id}" data-part aria-labelledby="t-${id}">${part(id)}</section>`
  const shape = headlineOf(snapshot).shape
  const asOf = moments.text(moments.nowMs)
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <meta name="robots" content="noindex" />
        <title>${snapshot.host} · watchdog</title>
        <link
          rel="icon"
          id="icon"
          href="${new Html(tabIcon(shape))}"
          ${icons.map((name) => new Html(` data-${name}="${tabIcon(name)}"`))}
        />
        <noscript><meta http-equiv="refresh" content="${reloadSeconds}" /></noscript>
        <style>
          ${new Html(style)}
        </style>
      </head>
      <body data-at="${snapshot.at}" data-zone="${options.timeZone}" data-page="${pageVersion}">
        ${sprite}
        <a class="skip" href="#t-signals">Skip to all signals</a>
        <header>
          <div id="headline">${part("headline")}</div>
          <p id="connection">as of ${asOf}<noscript>, loaded again every ${reloadSeconds} s</noscript></p>
          <p id="spoken" class="unseen" role="status" aria-live="polite"></p>
        </header>
        <main>
          ${section("wrong")}
          <section aria-labelledby="t-signals">
            <h2 id="t-signals" tabindex="-1">All signals</h2>
            <table role="table" class="signals" id="${tableId}" aria-labelledby="t-signals">
              ${new Html(tableMarkup(fragments))}
            </table>
          </section>
          <div class="pair">
            <div>${section("told")}</div>
            <div>${section("collectors")}${section("sinks")}${section("itself")}</div>
          </div>
        </main>
        <footer>
          ${legend}
          <p>Times are those of ${options.timeZone}. Shown is what the watchdog knows, not what it hopes.</p>
        </footer>
        <script>
          ${new Html(script)}
        </script>
      </body>
    </html> `.markup
}
