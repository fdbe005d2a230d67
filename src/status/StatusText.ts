/** The status page for a terminal: the same data as the page, as text. */
import { type Cell, type Paint, type Style, cell, clip, columns, plain } from "../base/Paint.ts"
import { durationText } from "../decision/index.ts"
import type { CollectorView, SignalView, SinkView, Snapshot, ToldView } from "./Snapshot.ts"

export interface TextOptions {
  readonly paint?: Paint
  /** Columns of the terminal; lines are cut there. Absent: nothing is cut. */
  readonly width?: number
}

/** State by shape and word; colour only repeats it. */
const marks: Readonly<Record<SignalView["state"], readonly [mark: string, style: Style]>> = {
  active: ["✖", "red"],
  flapping: ["~", "red"],
  unknown: ["?", "yellow"],
  held: ["‖", "cyan"],
  new: ["·", "dim"],
  clear: ["✔", "green"]
}

const order: ReadonlyArray<SignalView["state"]> = ["active", "flapping", "unknown", "held", "new", "clear"]

/** What a terminal would obey is never printed: names and outputs are hostile input. */
const safe = (text: string): string => text.toWellFormed().replaceAll(/\p{Cc}/gu, "\u{FFFD}")

const agoMs = (snapshot: Snapshot, moment: string): number => Date.parse(snapshot.at) - Date.parse(moment)

const agoText = (snapshot: Snapshot, moment: string | null): string =>
  moment === null ? "" : durationText(agoMs(snapshot, moment))

const headline = (snapshot: Snapshot, paint: Paint): string => {
  const wrong = snapshot.signals.filter(({ state }) => state === "active" || state === "flapping").length
  const unknown = snapshot.signals.filter(({ state }) => state === "unknown").length
  const well = snapshot.signals.length - wrong - unknown
  const said =
    wrong === 0
      ? paint("green", unknown === 0 ? "all is well" : "nothing is known to be wrong")
      : paint(["bold", "red"], wrong === 1 ? "1 thing is wrong" : `${wrong} things are wrong`)
  const rest = [`${well} well`, ...(unknown > 0 ? [paint("yellow", `${unknown} not seen`)] : [])].join(", ")
  const about = `${safe(snapshot.host)} · up ${agoText(snapshot, snapshot.startedAt)} · watchdog ${snapshot.version}`
  return `${said}, ${rest}   ${paint("dim", about)}`
}

const whatText = (signal: SignalView): string =>
  [signal.summary, signal.streak ?? "", signal.muted === null ? "" : `muted by ${signal.muted.by}`]
    .filter((part) => part !== "")
    .map(safe)
    .join(" · ")

const signalRow = (snapshot: Snapshot, signal: SignalView): ReadonlyArray<Cell> => {
  const [mark, style] = marks[signal.state]
  return [
    cell(mark, style),
    cell(safe(signal.id), signal.state === "active" || signal.state === "flapping" ? "bold" : undefined),
    cell(signal.state, style),
    cell(agoText(snapshot, signal.since)),
    cell(whatText(signal)),
    cell(safe(signal.wakes), "dim")
  ]
}

const collectorRow = (snapshot: Snapshot, collector: CollectorView): ReadonlyArray<Cell> => {
  const name = cell(collector.name)
  if (collector.off) return [cell("–", "dim"), name, cell("off", "dim"), cell(""), cell(safe(collector.watches), "dim")]
  const [mark, style]: readonly [string, Style] =
    collector.problem === null ? (collector.ticks === 0 ? ["·", "dim"] : ["✔", "green"]) : ["✖", "red"]
  const took = collector.latency === null ? "" : `${Math.round(collector.latency)} ms`
  const when = collector.lastTick === null ? "not yet" : `${agoText(snapshot, collector.lastTick)} ago`
  return [cell(mark, style), name, cell(when), cell(took), cell(safe(collector.problem ?? collector.watches))]
}

const sinkRow = (snapshot: Snapshot, sink: SinkView): ReadonlyArray<Cell> => {
  const [mark, style]: readonly [string, Style] =
    sink.problem === null ? ["✔", "green"] : [sink.red ? "✖" : "!", sink.red ? "red" : "yellow"]
  const counts = `${sink.sent} sent${sink.waiting > 0 ? `, ${sink.waiting} waiting` : ""}`
  const last = sink.lastSent === null ? "" : `last ${agoText(snapshot, sink.lastSent)} ago`
  return [cell(mark, style), cell(safe(sink.destination)), cell(counts), cell(last), cell(safe(sink.problem ?? ""))]
}

const toldLines = (snapshot: Snapshot, told: ToldView, options: TextOptions): string =>
  [
    (options.paint ?? plain)("dim", `${agoText(snapshot, told.at)} ago, ${safe(told.sink)}`),
    ...told.text.split("\n").map((line) => `  ${safe(line)}`)
  ]
    .map((line) => (options.width === undefined ? line : clip(line, options.width)))
    .join("\n")

/** How many of the messages told lately are shown. */
const toldMax = 5

const section = (title: string, body: string, paint: Paint): ReadonlyArray<string> =>
  body === "" ? [] : ["", paint("bold", title), body]

export const statusText = (snapshot: Snapshot, options: TextOptions = {}): string => {
  const { paint = plain } = options
  const signals = [...snapshot.signals].sort(
    (a, b) => order.indexOf(a.state) - order.indexOf(b.state) || (a.id < b.id ? -1 : 1)
  )
  const told = snapshot.told.slice(0, toldMax).map((message) => toldLines(snapshot, message, options))
  return [
    headline(snapshot, paint),
    ...section(
      "Signals",
      columns(
        signals.map((signal) => signalRow(snapshot, signal)),
        options
      ),
      paint
    ),
    ...section(
      "Collectors",
      columns(
        snapshot.collectors.map((one) => collectorRow(snapshot, one)),
        options
      ),
      paint
    ),
    ...section(
      "Alerts go to",
      columns(
        snapshot.sinks.map((one) => sinkRow(snapshot, one)),
        options
      ),
      paint
    ),
    ...section(
      "Muted",
      columns(
        snapshot.mutes.map((mute) => [
          cell(safe(mute.pattern)),
          cell(`for another ${durationText(-agoMs(snapshot, mute.until))}`),
          cell(`by ${safe(mute.by)}`)
        ]),
        options
      ),
      paint
    ),
    ...section("Told lately", told.join("\n"), paint),
    ...section(
      "The watchdog itself is not well",
      snapshot.reasons.map((reason) => `  ${safe(reason)}`).join("\n"),
      paint
    )
  ].join("\n")
}

/** One signal, and why it is silent or loud. */
export const explainText = (snapshot: Snapshot, signal: SignalView, options: TextOptions = {}): string => {
  const { paint = plain } = options
  const [mark, style] = marks[signal.state]
  const rows: ReadonlyArray<readonly [string, string]> = [
    ["since", signal.since === null ? "not decided yet" : `${signal.since} (${agoText(snapshot, signal.since)})`],
    ["last look", [signal.look, signal.summary].filter((part) => part !== "").join(": ")],
    ["value", signal.value === null ? "" : String(signal.value)],
    ["streak", signal.streak ?? ""],
    ["wakes you", signal.wakes],
    ["next reminder", signal.nextReminder === null ? "" : `in ${durationText(-agoMs(snapshot, signal.nextReminder))}`],
    ["muted", signal.muted === null ? "" : `until ${signal.muted.until}, by ${signal.muted.by}`],
    ["raised", signal.raises === 0 ? "never" : signal.raises === 1 ? "once" : `${signal.raises} times`],
    ["reported by", `${signal.collector}, ${signal.severity}`]
  ]
  const about = snapshot.told.filter(({ signals }) => signals.includes(signal.id))
  return [
    `${paint(style, mark)} ${paint("bold", safe(signal.id))} ${paint(style, signal.state)}`,
    columns(
      rows.filter(([, text]) => text !== "").map(([name, text]) => [cell(`  ${name}`, "dim"), cell(safe(text))]),
      options
    ),
    ...section("Why", signal.because.map((reason) => `  ${safe(reason)}`).join("\n"), paint),
    ...section("Evidence", signal.details.map((line) => `  ${safe(line)}`).join("\n"), paint),
    "",
    paint("bold", "Told lately"),
    about.length === 0
      ? "  nothing of it"
      : about
          .slice(0, toldMax)
          .map((message) => toldLines(snapshot, message, options))
          .join("\n")
  ].join("\n")
}
