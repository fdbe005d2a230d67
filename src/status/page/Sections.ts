/** Everything on the page but the table of signals: the headline, what is wrong, what was told, and the watchdog itself. */
import type { CollectorView, LoopView, SignalView, SinkView, Snapshot, ToldView } from "../Snapshot.ts"
import { countsOf, headlineOf, wrongOf } from "./Headline.ts"
import { type Html, foreign, foreignLines, html } from "./Html.ts"
import { mark, shapeOf } from "./Marks.ts"
import { type Moments, momentMs, since, until } from "./Moments.ts"
import { mutedText, reasonsOf, streakText } from "./SignalRows.ts"
import { strip } from "./Strip.ts"

/** What is spoken on a change is the text of `#said`, so nothing that ages may stand in it. */
export const headline = (snapshot: Snapshot, moments: Moments): Html => {
  const said = headlineOf(snapshot)
  const counts = countsOf(snapshot.signals).map(
    ([state, count]) => html`<li>${mark(state === "active" ? "critical" : state)} <b>${count}</b> ${state}</li>`
  )
  return html`${mark(said.shape)}
    <div id="said" data-shape="${said.shape}" data-short="${said.short}">
      <h1>${said.words}</h1>
      ${said.which === "" ? "" : html`<p>${foreign(said.which)}</p>`}
    </div>
    <ul class="counts" aria-label="${snapshot.signals.length} signals">
      ${counts}
    </ul>
    <p class="whose">
      <b>${foreign(snapshot.host)}</b> watched for ${since(snapshot.startedAt, moments)} by a watchdog that is
      ${snapshot.healthy ? "well" : html`<strong>not well</strong>`}
    </p>`
}

const stateWords = (signal: SignalView): string =>
  signal.state === "active"
    ? `active, ${signal.severity}`
    : signal.state === "unknown"
      ? "cannot be seen"
      : signal.state

const card = (signal: SignalView, snapshot: Snapshot, moments: Moments): Html => {
  const reminder =
    signal.nextReminder === null ? "" : html`<li>next reminder in ${until(signal.nextReminder, moments)}</li>`
  const raised = signal.raises > 1 ? html`<li>raised ${signal.raises} times</li>` : ""
  return html`<li data-state="${signal.state}" class="${shapeOf(signal)}${signal.muted === null ? "" : " quiet"}">
    <h3>${mark(shapeOf(signal))} ${foreign(signal.id)}</h3>
    <p class="how">${stateWords(signal)} for ${since(signal.since, moments)}</p>
    <div class="what">
      <p>${foreign(signal.summary)}</p>
      ${
        signal.details.length === 0
          ? ""
          : html`<ul class="details">
              ${signal.details.map((line) => html`<li>${foreign(line)}</li>`)}
            </ul>`
      }
    </div>
    <ul class="next">
      ${signal.muted === null ? "" : html`<li>${mutedText(signal, moments)}</li>`}${signal.streak === null ? "" : html`<li>${streakText(signal)}</li>`}${reminder}${raised}${reasonsOf(
        signal
      )
        .filter((reason) => reason !== signal.streak)
        .map((reason) => html`<li>${foreign(reason)}</li>`)}
    </ul>
    ${strip(signal.history, snapshot.historyBucketMs, moments)}
  </li>`
}

const muteList = (snapshot: Snapshot, moments: Moments): Html =>
  snapshot.mutes.length === 0
    ? html``
    : html`<p class="mutes">
        ${mark("muted")} Muted:
        ${snapshot.mutes.map((mute, index) => [
          index === 0 ? "" : "; ",
          html`<b>${mute.pattern === "*" ? "everything" : foreign(mute.pattern)}</b> by ${foreign(mute.by)} for
            ${until(mute.until, moments)}`
        ])}
      </p>`

/** Its heading is there at all times, so that one who navigates by headings finds the answer even if it is "nothing". */
export const wrong = (snapshot: Snapshot, moments: Moments): Html => {
  const found = wrongOf(snapshot)
  const unwell = snapshot.healthy
    ? []
    : [
        html`<li class="critical" data-state="unwell">
          <h3>${mark("critical")} the watchdog itself</h3>
          <p class="how">not well</p>
          <div class="what">${snapshot.reasons.map((reason) => html`<p>${foreign(reason)}</p>`)}</div>
        </li>`
      ]
  return html`<h2 id="t-wrong">What is wrong</h2>
    ${
      found.length + unwell.length === 0
        ? html`<p class="empty">
            ${snapshot.signals.length === 0 ? "Nothing is watched yet." : "Nothing that is known."}
          </p>`
        : html`<ul class="cards">
            ${unwell}${found.map((signal) => card(signal, snapshot, moments))}
          </ul>`
    }${muteList(snapshot, moments)}`
}

/** A tick that took longer than a second is news; tenths are not, but for the fastest. */
const latencyText = ({ latency }: CollectorView): string =>
  latency === null
    ? "–"
    : latency >= 1_000
      ? `${(latency / 1_000).toFixed(1)} s`
      : `${latency.toFixed(latency < 10 ? 1 : 0)} ms`

/** What does not fit a cell stands on a line of its own beneath the row, so that the cells stay narrow on a phone. */
const beneath = (...lines: ReadonlyArray<Html | false>): Html =>
  html`<tr class="beneath">
    <td colspan="6">${lines}</td>
  </tr>`

const collectorRow = (one: CollectorView, moments: Moments): Html => {
  const shape = one.off ? "off" : one.problem !== null ? "unknown" : one.lastTick === null ? "new" : "clear"
  const word = one.off ? "off" : one.problem !== null ? "trouble" : one.lastTick === null ? "waiting" : "sees"
  const head = html`<th scope="row">${foreign(one.name)}</th>
    <td class="word">${mark(shape)} ${word}</td>`
  const cells = one.off
    ? html`<td colspan="4"></td>`
    : html`<td class="n">${since(one.lastTick, moments)}</td>
        <td class="n">${latencyText(one)}</td>
        <td class="n every">${one.interval / 1_000} s</td>
        <td class="n">${one.blindTicks}<span class="of"> of ${one.ticks}</span></td>`
  const problem = one.problem !== null && html` <span class="problem">${foreign(one.problem)}</span>`
  return html`<tbody class="${one.off ? "off" : ""}">
    <tr>
      ${head}${cells}
    </tr>
    ${beneath(foreign(one.watches), problem)}
  </tbody>`
}

export const collectors = (snapshot: Snapshot, moments: Moments): Html =>
  html`<h2 id="t-collectors">What looks</h2>
    <table>
      <thead>
        <tr>
          <th scope="col">Collector</th>
          <th scope="col">State</th>
          <th scope="col" class="n">Looked</th>
          <th scope="col" class="n">Took</th>
          <th scope="col" class="n every">Every</th>
          <th scope="col" class="n">Blind</th>
        </tr>
      </thead>
      ${snapshot.collectors.map((one) => collectorRow(one, moments))}
    </table>`

const sinkRow = (one: SinkView, moments: Moments): Html => {
  const shape = one.red ? "critical" : one.problem !== null ? "warning" : "clear"
  const word = one.red ? "red" : one.problem !== null ? "trouble" : "able"
  const problem = one.problem !== null && html` <span class="problem">${foreign(one.problem)}</span>`
  return html`<tbody>
    <tr>
      <th scope="row">${foreign(one.name)}</th>
      <td class="word">${mark(shape)} ${word}</td>
      <td class="n${one.waiting > 0 ? " some" : ""}">${one.waiting}</td>
      <td class="n">${one.sent}</td>
      <td class="n">${one.failures}</td>
      <td class="n">${since(one.lastSent, moments)}</td>
    </tr>
    ${beneath(foreign(one.destination), problem)}
  </tbody>`
}

export const sinks = (snapshot: Snapshot, moments: Moments): Html =>
  html`<h2 id="t-sinks">Who is told</h2>
    ${
      snapshot.sinks.length === 0
        ? html`<p class="empty">No sink is set: alerts go to the console only.</p>`
        : html`<table>
            <thead>
              <tr>
                <th scope="col">Sink</th>
                <th scope="col">State</th>
                <th scope="col" class="n">Waiting</th>
                <th scope="col" class="n">Sent</th>
                <th scope="col" class="n">Failed</th>
                <th scope="col" class="n">Last</th>
              </tr>
            </thead>
            ${snapshot.sinks.map((one) => sinkRow(one, moments))}
          </table>`
    }`

/** So many stand open; what is older is a click away. */
const toldOpen = 6

const message = (one: ToldView, moments: Moments): Html =>
  html`<li>
    <p class="when">
      <span>${moments.text(momentMs(one.at))}, ${since(one.at, moments)} ago</span>
      <span class="by"
        >${mark(one.rang ? "rang" : "silent")} ${one.rang ? "rang" : "silent"}, ${foreign(one.sink)}</span
      >
    </p>
    <p class="text">${foreignLines(one.text)}</p>
  </li>`

export const told = (snapshot: Snapshot, moments: Moments): Html => {
  const [open, older] = [snapshot.told.slice(0, toldOpen), snapshot.told.slice(toldOpen)]
  const items = (messages: ReadonlyArray<ToldView>): Html =>
    html`<ol>
      ${messages.map((one) => message(one, moments))}
    </ol>`
  return html`<h2 id="t-told">What was told</h2>
    ${open.length === 0 ? html`<p class="empty">Nothing since the start.</p>` : items(open)}${
      older.length === 0
        ? ""
        : html`<details id="d-older">
            <summary>${older.length} older</summary>
            ${items(older)}
          </details>`
    }`
}

const mebibyte = 1_048_576

const loopRow = (loop: LoopView, moments: Moments): Html =>
  html`<tr>
    <th scope="row">${foreign(loop.name)}</th>
    <td class="word">${mark(loop.failing ? "critical" : "clear")} ${loop.failing ? "failing" : "goes"}</td>
    <td class="n">${since(loop.lastBeat, moments)}</td>
    <td class="n">${loop.crashes}</td>
  </tr>`

export const itself = (snapshot: Snapshot, moments: Moments): Html => {
  const minutes = (moments.nowMs - momentMs(snapshot.startedAt)) / 60_000
  const { residentBytes, cpuSeconds } = snapshot.process
  // An average over less than a minute would be a guess.
  const pace = minutes >= 1 ? ` (${(cpuSeconds / minutes).toFixed(2)} s a minute)` : ""
  return html`<h2 id="t-itself">The watchdog itself</h2>
    <dl class="facts">
      <div>
        <dt>Health</dt>
        <dd>
          ${mark(snapshot.healthy ? "clear" : "critical")}
          ${snapshot.healthy ? "well" : "not well"}${snapshot.reasons.length === 0 ? "" : [": ", foreign(snapshot.reasons.join("; "))]}
        </dd>
      </div>
      <div>
        <dt>Memory</dt>
        <dd>${(residentBytes / mebibyte).toFixed(1)} MiB</dd>
      </div>
      <div>
        <dt>CPU</dt>
        <dd>${cpuSeconds.toFixed(1)} s${pace}</dd>
      </div>
      <div>
        <dt>Version</dt>
        <dd>${foreign(snapshot.version)}</dd>
      </div>
      <div>
        <dt>Run</dt>
        <dd>${foreign(snapshot.runId)}</dd>
      </div>
    </dl>
    <table>
      <thead>
        <tr>
          <th scope="col">Loop</th>
          <th scope="col">State</th>
          <th scope="col" class="n">Last beat</th>
          <th scope="col" class="n">Crashes</th>
        </tr>
      </thead>
      <tbody>
        ${snapshot.loops.map((loop) => loopRow(loop, moments))}
      </tbody>
    </table>`
}
