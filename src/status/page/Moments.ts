/**
 * Times on the page: how long ago, with the moment itself behind it.
 *
 * Only the text inside `<time>` ages. The browser rewrites it every second, and the comparison of two renderings ignores it.
 */
import { type Html, html } from "./Html.ts"

export interface Moments {
  /** When the page was rendered, wall clock. */
  readonly nowMs: number
  /** `14:03:05`, with the day before it where that is not today's: as in the messages. */
  readonly text: (wallMs: number) => string
  /** `14:03`. */
  readonly minute: (wallMs: number) => string
  readonly zone: string
}

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/**
 * A span in as few words as a glance needs: `45 s`, `12 min`, `2 h 5 min`, `3 d 4 h`.
 *
 * Law: `spanScript` says the same of every number.
 */
export const spanText = (ms: number): string => {
  const left = Math.max(0, Math.floor(ms / second) * second)
  const two = (large: number, largeName: string, small: number, smallName: string): string => {
    const rest = Math.floor((left % large) / small)
    return `${Math.floor(left / large)} ${largeName}${rest > 0 ? ` ${rest} ${smallName}` : ""}`
  }
  if (left < minute) return `${left / second} s`
  if (left < hour) return `${Math.floor(left / minute)} min`
  return left < day ? two(hour, "h", minute, "min") : two(day, "d", hour, "h")
}

/** The same for the browser, an expression that is a function of milliseconds. */
export const spanScript = `(ms) => {
  const s = Math.max(0, Math.floor(ms / 1e3)), m = Math.floor(s / 60), h = Math.floor(m / 60), d = Math.floor(h / 24)
  const two = (a, b, rest, c) => a + " " + b + (rest ? " " + rest + " " + c : "")
  return s < 60 ? s + " s" : m < 60 ? m + " min" : h < 24 ? two(h, "h", m % 60, "min") : two(d, "d", h % 24, "h")
}`

interface Formats {
  readonly day: Intl.DateTimeFormat
  readonly time: Intl.DateTimeFormat
  readonly minute: Intl.DateTimeFormat
}

const formatsOf = (timeZone: string): Formats => ({
  day: new Intl.DateTimeFormat("en-GB", { timeZone, day: "numeric", month: "short" }),
  // en-GB because it counts to 24.
  time: new Intl.DateTimeFormat("en-GB", {
    timeZone,
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23"
  }),
  minute: new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" })
})

/** Making a format costs more than a whole row; a process has one zone, and the last one is kept. */
let latest: readonly [string, Formats] | null = null

export const makeMoments = (at: string, timeZone: string): Moments => {
  const formats = latest !== null && latest[0] === timeZone ? latest[1] : formatsOf(timeZone)
  latest = [timeZone, formats]
  const parsed = momentMs(at)
  const nowMs = Number.isFinite(parsed) ? parsed : 0
  const today = formats.day.format(nowMs)
  return {
    nowMs,
    zone: timeZone,
    minute: (wallMs) => formats.minute.format(wallMs),
    text: (wallMs) => {
      if (!Number.isFinite(wallMs)) return "?"
      const on = formats.day.format(wallMs)
      return on === today ? formats.time.format(wallMs) : `${on} ${formats.time.format(wallMs)}`
    }
  }
}

/** Strict, because `Date.parse` makes a date of almost any words with a number in them. NaN for what is no moment. */
export const momentMs = (at: string): number =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z$/.test(at) ? Date.parse(at) : Number.NaN

const nothing = html`<span class="none">–</span>`

/** What is no moment is shown as it came: a page must not fall over a field. */
const timeTag = (at: string, moments: Moments, ahead: boolean): Html => {
  const ms = momentMs(at)
  if (!Number.isFinite(ms)) return html`<bdi>${at}</bdi>`
  const span = spanText(ahead ? ms - moments.nowMs : moments.nowMs - ms)
  // The machine-readable form tells the script which way to count.
  return ahead
    ? html`<time data-ahead datetime="${at}" title="${moments.text(ms)}">${span}</time>`
    : html`<time datetime="${at}" title="${moments.text(ms)}">${span}</time>`
}

/** How long ago; a dash for never. */
export const since = (at: string | null, moments: Moments): Html =>
  at === null ? nothing : timeTag(at, moments, false)

/** How long from now; counts down to nothing. */
export const until = (at: string | null, moments: Moments): Html => (at === null ? nothing : timeTag(at, moments, true))

/** Makes two renderings comparable: the ages differ, what they age from does not. */
export const ageless = (markup: string): string => markup.replace(/(<time [^>]*>)[^<]*/g, "$1")
