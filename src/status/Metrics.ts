/**
 * `/metrics`: the snapshot in Prometheus text 0.0.4. Pure.
 *
 * Labels are bounded: by signals, collectors, sinks and loops that there are, never by what was said. Names and units follow
 * Prometheus' own conventions (base units, `_total` for counters).
 */
import type { SignalView, Snapshot } from "./Snapshot.ts"
import type { Counters } from "./StatusBoard.ts"

export const contentType = "text/plain; version=0.0.4; charset=utf-8"

export interface Server {
  /** Wall time of the process' start, milliseconds. */
  readonly startedMs: number
  readonly sse: { readonly clients: number; readonly dropped: number }
}

type Labels = Readonly<Record<string, string>>
type Sample = readonly [labels: Labels, value: number | null, suffix?: string]

/** A lone surrogate has no UTF-8; the page would not be UTF-8 with it. */
const escape = (value: string): string =>
  value.toWellFormed().replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")

const labelText = (labels: Labels): string => {
  const entries = Object.entries(labels)
  return entries.length === 0 ? "" : `{${entries.map(([name, value]) => `${name}="${escape(value)}"`).join(",")}}`
}

const family = (
  name: string,
  type: "gauge" | "counter" | "summary",
  help: string,
  samples: ReadonlyArray<Sample>
): string => {
  const lines = new Map<string, string>()
  for (const [labels, value, suffix = ""] of samples) {
    // Two names that differ only in what has no UTF-8 would be one series twice, and the whole page refused.
    if (value !== null) lines.set(`${name}${suffix}${labelText(labels)}`, String(value))
  }
  if (lines.size === 0) return ""
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${Array.from(lines, ([series, value]) => `${series} ${value}\n`).join("")}`
}

const one = (value: boolean): number => (value ? 1 : 0)
const seconds = (ms: number): number => ms / 1_000
const secondsOf = (moment: string | null): number | null => (moment === null ? null : Date.parse(moment) / 1_000)

/** All of them always: a series that comes and goes cannot be compared with itself. */
const states: ReadonlyArray<SignalView["state"]> = ["new", "clear", "held", "unknown", "active", "flapping"]

const aboutSignals = ({ signals }: Snapshot): ReadonlyArray<string> => {
  const of = (signal: SignalView): Labels => ({ signal: signal.id, collector: signal.collector })
  return [
    family(
      "watchdog_signal_active",
      "gauge",
      "Whether a fault of this signal is open: 1 from its alert to its end, flapping included.",
      signals.map((signal) => [
        { ...of(signal), severity: signal.severity },
        one(signal.state === "active" || signal.state === "flapping")
      ])
    ),
    family(
      "watchdog_signal_unseen",
      "gauge",
      "Whether the last look at this signal was missed or held.",
      signals.map((signal) => [of(signal), one(signal.look === "missed" || signal.look === "held")])
    ),
    family(
      "watchdog_signal_muted",
      "gauge",
      "Whether this signal is muted.",
      signals.map((signal) => [of(signal), one(signal.muted !== null)])
    ),
    family(
      "watchdog_signal_value",
      "gauge",
      "The value last measured, in the signal's own unit.",
      signals.map((signal) => [of(signal), signal.value])
    ),
    family(
      "watchdog_signal_raises_total",
      "counter",
      "Times this signal was raised since it was first seen.",
      signals.map((signal) => [of(signal), signal.raises])
    ),
    family(
      "watchdog_signals",
      "gauge",
      "Signals by state.",
      states.map((state) => [{ state }, signals.filter((signal) => signal.state === state).length])
    )
  ]
}

const aboutCollectors = ({ collectors }: Snapshot, { tickMs }: Counters): ReadonlyArray<string> => {
  const on = collectors.filter(({ off }) => !off)
  return [
    family(
      "watchdog_collector_ticks_total",
      "counter",
      "Looks a collector has taken on its schedule.",
      on.map(({ name, ticks }) => [{ collector: name }, ticks])
    ),
    family(
      "watchdog_collector_blind_ticks_total",
      "counter",
      "Ticks at which a collector saw nothing at all.",
      on.map(({ name, blindTicks }) => [{ collector: name }, blindTicks])
    ),
    family(
      "watchdog_collector_tick_duration_seconds",
      "summary",
      "How long ticks took.",
      on.flatMap(({ name, ticks }): ReadonlyArray<Sample> => [
        [{ collector: name }, seconds(tickMs.get(name) ?? 0), "_sum"],
        [{ collector: name }, ticks, "_count"]
      ])
    ),
    family(
      "watchdog_collector_last_tick_duration_seconds",
      "gauge",
      "How long the last tick took.",
      on.map(({ name, latency }) => [{ collector: name }, latency === null ? null : seconds(latency)])
    ),
    family(
      "watchdog_collector_last_tick_timestamp_seconds",
      "gauge",
      "When the last tick began.",
      on.map(({ name, lastTick }) => [{ collector: name }, secondsOf(lastTick)])
    ),
    family(
      "watchdog_collector_interval_seconds",
      "gauge",
      "Time between two ticks.",
      on.map(({ name, interval }) => [{ collector: name }, seconds(interval)])
    )
  ]
}

const aboutSinks = ({ sinks }: Snapshot): ReadonlyArray<string> => [
  family(
    "watchdog_sink_messages_total",
    "counter",
    "Messages a sink has accepted.",
    sinks.map(({ name, sent }) => [{ sink: name }, sent])
  ),
  family(
    "watchdog_sink_failures_total",
    "counter",
    "Tries to send that failed.",
    sinks.map(({ name, failures }) => [{ sink: name }, failures])
  ),
  family(
    "watchdog_sink_waiting",
    "gauge",
    "Entries a sink is still owed.",
    sinks.map(({ name, waiting }) => [{ sink: name }, waiting])
  ),
  family(
    "watchdog_sink_red",
    "gauge",
    "Whether a sink is unusable until a human does something.",
    sinks.map(({ name, red }) => [{ sink: name }, one(red)])
  ),
  family(
    "watchdog_sink_last_message_timestamp_seconds",
    "gauge",
    "When a sink last accepted a message.",
    sinks.map(({ name, lastSent }) => [{ sink: name }, secondsOf(lastSent)])
  )
]

const aboutItself = (snapshot: Snapshot, { decisions }: Counters, server: Server): ReadonlyArray<string> => [
  family("watchdog_build_info", "gauge", "The watchdog's version, as a label; always 1.", [
    [{ version: snapshot.version }, 1]
  ]),
  family("watchdog_healthy", "gauge", "Whether /healthz answers 200.", [[{}, one(snapshot.healthy)]]),
  family(
    "watchdog_decisions_total",
    "counter",
    "Decisions worth telling, by kind.",
    Object.entries(decisions).map(([kind, count]) => [{ kind }, count])
  ),
  family("watchdog_mutes", "gauge", "Mutes in force.", [[{}, snapshot.mutes.length]]),
  family(
    "watchdog_loop_crashes_total",
    "counter",
    "Crashes of the watchdog's own loops, each followed by a restart.",
    snapshot.loops.map(({ name, crashes }) => [{ loop: name }, crashes])
  ),
  family(
    "watchdog_loop_failing",
    "gauge",
    "Whether a loop keeps crashing.",
    snapshot.loops.map(({ name, failing }) => [{ loop: name }, one(failing)])
  ),
  family("watchdog_page_viewers", "gauge", "Open event streams of the status page.", [[{}, server.sse.clients]]),
  family("watchdog_page_viewers_dropped_total", "counter", "Event streams ended because nobody read them.", [
    [{}, server.sse.dropped]
  ]),
  family("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", [
    [{}, snapshot.process.residentBytes]
  ]),
  family("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.", [
    [{}, snapshot.process.cpuSeconds]
  ]),
  family("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.", [
    [{}, seconds(server.startedMs)]
  ])
]

/** The whole page. */
export const metricsText = (snapshot: Snapshot, counters: Counters, server: Server): string =>
  [
    ...aboutItself(snapshot, counters, server),
    ...aboutSignals(snapshot),
    ...aboutCollectors(snapshot, counters),
    ...aboutSinks(snapshot)
  ].join("")
