/** The last 24 hours of a signal: as a strip to see, and in words for who does not see it. */
import { Html, html } from "./Html.ts"
import type { Moments } from "./Moments.ts"

/** An unbroken run of one kind: `from` included, `to` not, in buckets. */
export interface Run {
  readonly kind: string
  readonly from: number
  readonly to: number
}

interface Kind {
  readonly name: string
  readonly words: string
  /** Top and height of the bar in a box 16 high: the kinds differ by shape, not by colour alone. */
  readonly top: number
  readonly height: number
}

/** Worst first. A blank is no data and no kind. */
const kinds: Readonly<Record<string, Kind>> = {
  "#": { name: "active", words: "active", top: 0, height: 16 },
  "-": { name: "seen", words: "seen active but not told", top: 7, height: 9 },
  "?": { name: "unseen", words: "not seen", top: 0, height: 5 },
  h: { name: "held", words: "held", top: 6, height: 4 },
  ".": { name: "clear", words: "clear", top: 13, height: 3 }
}

export const runsOf = (history: string): ReadonlyArray<Run> => {
  const runs: Array<Run> = []
  let from = 0
  for (let at = 1; at <= history.length; at++) {
    if (at < history.length && history[at] === history[from]) continue
    const kind = history[from] ?? ""
    if (Object.hasOwn(kinds, kind)) runs.push({ kind, from, to: at })
    from = at
  }
  return runs
}

/** When a bucket began. The last one holds the present; buckets begin at whole multiples of their length. */
const beginMs = (bucket: number, buckets: number, bucketMs: number, nowMs: number): number =>
  Math.floor(nowMs / bucketMs) * bucketMs - (buckets - 1 - bucket) * bucketMs

const percentText = (part: number, whole: number): string => {
  const percent = (100 * part) / whole
  return percent < 1 ? "under 1 %" : `${Math.min(percent === 100 ? 100 : 99, Math.round(percent))} %`
}

/** `24 h: active 3 %, last at 14:05; not seen 1 %, last at 09:10`. */
export const stripText = (history: string, bucketMs: number, moments: Moments): string => {
  const runs = runsOf(history)
  const known = runs.reduce((sum, run) => sum + run.to - run.from, 0)
  if (known === 0) return "24 h: nothing recorded yet"
  const partly = known < history.length ? `, ${percentText(known, history.length)} of it recorded` : ""
  const told = Object.entries(kinds).flatMap(([kind, { words }]) => {
    const own = runs.filter((run) => run.kind === kind)
    const last = own.at(-1)
    if (kind === "." || last === undefined) return []
    const share = own.reduce((sum, run) => sum + run.to - run.from, 0)
    const at = moments.minute(beginMs(last.to - 1, history.length, bucketMs, moments.nowMs))
    return [`${words} ${percentText(share, known)}, last at ${at}`]
  })
  return `24 h: ${told.length === 0 ? "clear throughout" : told.join("; ")}${partly}`
}

/** The longest list a reader wants; older runs are in the strip. */
const spellsMax = 6

/** The runs that were not clear, newest first: `active 14:05–14:20`. */
export const spellsOf = (history: string, bucketMs: number, moments: Moments): ReadonlyArray<string> => {
  const begin = (bucket: number): string => moments.minute(beginMs(bucket, history.length, bucketMs, moments.nowMs))
  return runsOf(history)
    .filter((run) => run.kind !== ".")
    .toReversed()
    .slice(0, spellsMax)
    .map((run) => {
      const now = run.to === history.length
      return `${kinds[run.kind]?.words ?? ""} ${begin(run.from)}–${now ? "now" : begin(run.to)}`
    })
}

const barsOf = (kind: string, own: ReadonlyArray<Run>): Html => {
  const shape = kinds[kind]
  if (shape === undefined || own.length === 0) return html``
  const path = own.map((run) => `M${run.from} ${shape.top}h${run.to - run.from}v${shape.height}h-${run.to - run.from}z`)
  return new Html(`<path class="h-${shape.name}" d="${path.join("")}"/>`)
}

export const strip = (history: string, bucketMs: number, moments: Moments): Html => {
  const runs = runsOf(history)
  const bars = Object.keys(kinds).map((kind) =>
    barsOf(
      kind,
      runs.filter((run) => run.kind === kind)
    )
  )
  const width = Math.max(1, history.length)
  return html`<svg
    class="strip"
    role="img"
    aria-label="${stripText(history, bucketMs, moments)}"
    viewBox="0 0 ${width} 16"
    preserveAspectRatio="none"
  >
    ${bars}
  </svg>`
}

/** For the legend: one bar of each kind with its words. */
export const stripLegend: ReadonlyArray<{ readonly words: string; readonly picture: Html }> = Object.entries(kinds).map(
  ([kind, { words }]) => ({
    words,
    picture: html`<svg class="strip" aria-hidden="true" viewBox="0 0 16 16">
      ${barsOf(kind, [{ kind, from: 0, to: 16 }])}
    </svg>`
  })
)
