/**
 * What runs in the browser: puts new parts in their places, lets ages grow, and says so when the watchdog is out of reach.
 *
 * A text, not a module: it is served within the page, and the page's policy names its digest. It takes markup only from the
 * address the page came from, and loads nothing. The page works without it.
 */
import { spanScript } from "./Moments.ts"

/** The server says something at least this often, news or not. */
export const beatSeconds = 15

/** Three beats lost: a connection that has died silently, as behind a closed lid or a proxy. */
const silenceMs = 3 * beatSeconds * 1_000 + 2_000

/** A refused connection (the server is full, or restarting) is not tried again by the browser itself. */
const retryMs = 5_000

export const script = `"use strict";
(() => {
const { now } = Date, { setInterval: every } = window
const find = (id) => document.getElementById(id)
const span = ${spanScript}
// The one place where text becomes markup; the page's policy allows no other.
const policy = window.trustedTypes
  ? trustedTypes.createPolicy("watchdog", { createHTML: (markup) => markup })
  : { createHTML: (markup) => markup }
const body = document.body, page = body.dataset.page
const clockText = new Intl.DateTimeFormat("en-GB", { timeZone: body.dataset.zone, timeStyle: "medium", hourCycle: "h23" })

// Ages are counted on the watchdog's clock: the browser's own may be wrong.
let at = Date.parse(body.dataset.at), heard = now(), lost = null, live = false
const clock = () => at + now() - heard
const age = () => {
  // What is not known does not grow older: the ages stop where the connection did.
  const seen = lost === null ? clock() : lost
  for (const time of document.querySelectorAll("time")) {
    const ms = Date.parse(time.dateTime) - seen
    const text = span("ahead" in time.dataset ? ms : -ms)
    if (time.textContent !== text) time.textContent = text
  }
}

const spokenOf = () => [...find("said").children].map((line) => line.textContent).join(": ")
const host = document.title
let spoken = spokenOf()
const tab = () => {
  const { short, shape } = find("said").dataset
  document.title = (lost === null ? short : "not connected") + " · " + host
  const icon = find("icon")
  icon.href = icon.dataset[lost === null ? shape : "unknown"] || icon.dataset.clear
}
const connection = () => {
  const place = find("connection")
  place.className = lost !== null ? "lost" : live ? "live" : ""
  place.textContent = lost !== null
    ? "Not connected since " + clockText.format(lost) + " (" + span(clock() - lost) + "). Shown is what was known then."
    : live ? "live" : "connecting"
  body.classList.toggle("stale", lost !== null)
}

const statesIn = (place) => new Map([...place.querySelectorAll("[data-state]")].map((row) => [
  (row.closest("tbody") || row).id, row.dataset.state]))
const put = (id, markup) => {
  const place = find(id)
  if (!place) return
  const open = new Map([...place.querySelectorAll("details[id]")].map((one) => [one.id, one.open]))
  const states = statesIn(place)
  const focused = place.contains(document.activeElement) ? document.activeElement.closest("details[id]") : null
  place.innerHTML = policy.createHTML(markup)
  for (const one of place.querySelectorAll("details[id]")) if (open.has(one.id)) one.open = open.get(one.id)
  if (focused) {
    const again = find(focused.id)
    if (again) again.querySelector("summary").focus({ preventScroll: true })
  }
  for (const row of place.querySelectorAll("tr[data-state]")) {
    const before = states.get(row.closest("tbody").id)
    if (before && before !== row.dataset.state) row.classList.add("turned")
  }
}
// What the reader looks at stays where it is, whatever grows above it.
const anchored = (change) => {
  const seen = [...document.querySelectorAll("[data-part]")].find((one) => one.getBoundingClientRect().bottom > 0)
  const before = seen && scrollY > 0 ? seen.getBoundingClientRect().top : null
  change()
  if (before === null) return
  const after = find(seen.id)
  if (after) scrollBy(0, after.getBoundingClientRect().top - before)
}

const hear = (moment) => {
  at = Date.parse(moment)
  heard = now()
  lost = null
  live = true
}
const lose = () => {
  if (lost === null) lost = clock()
  live = false
  connection()
  tab()
}
let source
const connect = () => {
  if (source) source.close()
  source = new EventSource("events" + location.search)
  source.addEventListener("snapshot", (event) => {
    const news = JSON.parse(event.data)
    // Another version serves now: its parts want its own style and script.
    if (news.page !== page) return location.reload()
    hear(news.at)
    anchored(() => { for (const id in news.html) put(id, news.html[id]) })
    age()
    tab()
    connection()
    const words = spokenOf()
    if (words !== spoken) find("spoken").textContent = spoken = words
  })
  source.addEventListener("beat", (event) => {
    hear(JSON.parse(event.data).at)
    tab()
    connection()
  })
  source.onerror = lose
}
connect()
connection()
tab()
every(() => {
  if (lost === null && now() - heard > ${silenceMs}) {
    // Silent for so long: what was heard last is when it was lost.
    lost = at
    lose()
    connect()
  }
  age()
  if (lost !== null) connection()
}, 1000)
every(() => { if (source.readyState === 2) connect() }, ${retryMs})
})()
`
