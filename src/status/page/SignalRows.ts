/** All signals, grouped by collector: one line each, and behind it why it is silent or loud. */
import { createHash } from "node:crypto"
import type { CollectorView, SignalView, Snapshot } from "../Snapshot.ts"
import { countsOf } from "./Headline.ts"
import { type Html, type Piece, foreign, html } from "./Html.ts"
import { mark, shapeOf } from "./Marks.ts"
import { type Moments, since, until } from "./Moments.ts"
import { spellsOf, strip } from "./Strip.ts"

/** Enough of a digest that two names do not meet: 60 bits. */
const keyUnits = 10

/** A name as part of an element's id. */
export const keyOf = (name: string): string => createHash("sha256").update(name).digest("base64url").slice(0, keyUnits)

/** `2 of 3 ticks ...` as two filled and one hollow dot; more than these are no picture any more. */
const dotsMax = 10

const dots = (streak: string): Html => {
  const [, have, need] = /^(\d+) of (\d+) /.exec(streak) ?? []
  if (have === undefined || need === undefined || Number(need) > dotsMax) return html``
  return html`<span class="dots" aria-hidden="true"
    >${"●".repeat(Math.min(Number(have), Number(need)))}${"○".repeat(Math.max(0, Number(need) - Number(have)))}</span
  > `
}

export const streakText = (signal: SignalView): Html =>
  signal.streak === null ? html`` : html`<span class="streak">${dots(signal.streak)}${foreign(signal.streak)}</span>`

export const mutedText = (signal: SignalView, moments: Moments): Html =>
  signal.muted === null
    ? html``
    : html`<span class="muted"
        >${mark("muted")} muted by ${foreign(signal.muted.by)} for ${until(signal.muted.until, moments)}</span
      >`

/** The countdown stands beside it and is right at every moment; the sentence is as old as the rendering. */
export const reasonsOf = (signal: SignalView): ReadonlyArray<string> =>
  signal.because.filter((reason) => signal.nextReminder === null || !reason.startsWith("next reminder in "))

const looks: Readonly<Record<SignalView["look"], string>> = {
  none: "not looked at yet",
  active: "saw it active",
  clear: "saw it clear",
  missed: "could not look",
  held: "held on purpose"
}

const valueText = (value: number | null): string => (value === null ? "" : String(Math.round(value * 1_000) / 1_000))

const fact = (name: string, said: Piece): Html =>
  html`<div>
    <dt>${name}</dt>
    <dd>${said}</dd>
  </div>`

const list = (name: string, lines: ReadonlyArray<string>): Html =>
  lines.length === 0
    ? html``
    : html`<ul class="${name}">
        ${lines.map((line) => html`<li>${foreign(line)}</li>`)}
      </ul>`

/** Everything known of one signal; the row shows what fits. */
const behind = (signal: SignalView, snapshot: Snapshot, moments: Moments): Html => {
  const spells = spellsOf(signal.history, snapshot.historyBucketMs, moments)
  return html`<div class="behind">
    ${list("details", signal.details)}${list("because", reasonsOf(signal))}
    <dl>
      ${[
        fact("Last look", looks[signal.look]),
        signal.value !== null && fact("Last value", valueText(signal.value)),
        signal.nextReminder !== null && fact("Next reminder", html`in ${until(signal.nextReminder, moments)}`),
        fact("Severity", signal.severity),
        fact("Raised", signal.raises === 1 ? "once" : `${signal.raises} times`),
        spells.length > 0 && fact("Not clear", spells.join(" · ")),
        fact("Ask", html`<code>watchdog explain ${foreign(signal.id)}</code>`)
      ]}
    </dl>
  </div>`
}

const row = (signal: SignalView, snapshot: Snapshot, moments: Moments): Html => {
  const key = keyOf(signal.id)
  const said = signal.summary === "" ? valueText(signal.value) : signal.summary
  const worse = signal.state === "active" ? html`<span class="unseen">, ${signal.severity}</span>` : ""
  return html`<tr role="row" data-state="${signal.state}">
    <td role="cell" class="state">${mark(shapeOf(signal))} ${signal.state}${worse}</td>
    <th role="rowheader" scope="row">${foreign(signal.id)}</th>
    <td role="cell" class="seen">
      <p>${said === "" ? html`<span class="none">–</span>` : foreign(said)}</p>
      ${streakText(signal)}${mutedText(signal, moments)}
    </td>
    <td role="cell" class="since">${since(signal.since, moments)}</td>
    <td role="cell" class="wakes">${foreign(signal.wakes)}</td>
    <td role="cell" class="day">${strip(signal.history, snapshot.historyBucketMs, moments)}</td>
    <td role="cell" class="why">
      <details id="d-${key}">
        <summary><span class="unseen">Why: ${signal.id}</span></summary>
        ${behind(signal, snapshot, moments)}
      </details>
    </td>
  </tr>`
}

const groupHead = (name: string, signals: ReadonlyArray<SignalView>, collector: CollectorView | undefined): Html => {
  const counts = countsOf(signals)
    .map(([state, count]) => `${count} ${state}`)
    .join(", ")
  const problem = collector?.problem ?? null
  return html`<tr role="row">
    <th role="rowheader" scope="rowgroup" colspan="7">
      <h3>${foreign(name)}</h3>
      <span class="counts">${counts}</span
      >${problem === null ? "" : html` <span class="problem">${foreign(problem)}</span>`}
    </th>
  </tr>`
}

/** One part of the page that is sent by itself. */
export interface Part {
  readonly id: string
  readonly markup: string
}

/** A head for each collector that has signals, in the collectors' order, each followed by its signals by name. */
export const signalParts = (snapshot: Snapshot, moments: Moments): ReadonlyArray<Part> => {
  const groups = new Map<string, Array<SignalView>>(snapshot.collectors.map(({ name }) => [name, []]))
  for (const signal of snapshot.signals) {
    const group = groups.get(signal.collector)
    if (group === undefined) groups.set(signal.collector, [signal])
    else group.push(signal)
  }
  return [...groups].flatMap(([name, signals]) => {
    if (signals.length === 0) return []
    const collector = snapshot.collectors.find((candidate) => candidate.name === name)
    return [
      { id: `g-${keyOf(name)}`, markup: groupHead(name, signals, collector).markup },
      ...signals
        .toSorted((one, other) => one.id.localeCompare(other.id, "en", { numeric: true }))
        .map((signal) => ({ id: `s-${keyOf(signal.id)}`, markup: row(signal, snapshot, moments).markup }))
    ]
  })
}
