import { assert, describe, it } from "vitest"
import { contentType, metricsText } from "../../src/status/Metrics.ts"
import type { SignalView, Snapshot } from "../../src/status/Snapshot.ts"
import type { Counters } from "../../src/status/StatusBoard.ts"

const signal = (id: string, differs: Partial<SignalView> = {}): SignalView => ({
  id,
  collector: "containers",
  severity: "critical",
  state: "clear",
  since: null,
  look: "clear",
  summary: "",
  details: [],
  value: null,
  streak: null,
  wakes: "",
  because: [],
  nextReminder: null,
  muted: null,
  raises: 0,
  history: "",
  ...differs
})

const snapshot = (differs: Partial<Snapshot> = {}): Snapshot => ({
  v: 1,
  version: "1.2.3",
  host: "box",
  runId: "r",
  at: "1970-01-01T00:01:40.000Z",
  startedAt: "1970-01-01T00:00:00.000Z",
  healthy: true,
  reasons: [],
  historyBucketMs: 300_000,
  signals: [],
  collectors: [],
  sinks: [],
  told: [],
  mutes: [],
  loops: [],
  process: { residentBytes: 1_024, cpuSeconds: 0.5 },
  ...differs
})

const counters: Counters = {
  decisions: { alert: 3, remind: 0, recover: 2, flapping: 0, settled: 0, gone: 0 },
  tickMs: new Map([["containers", 1_500]])
}
const server = { startedMs: 90_000, sse: { clients: 2, dropped: 1 } }

const text = (differs: Partial<Snapshot> = {}): string => metricsText(snapshot(differs), counters, server)

describe("/metrics", () => {
  it("names signals, their severity and collector; one is active from its alert to its end", () => {
    const said = text({
      signals: [
        signal("container:web", { state: "active", raises: 2, value: 97.5 }),
        signal("container:db", { state: "flapping" }),
        signal("rule:q", { collector: "orchestrator", severity: "warning", look: "missed", state: "unknown" })
      ]
    })

    const lines = said.split("\n")
    for (const line of [
      'watchdog_signal_active{signal="container:web",collector="containers",severity="critical"} 1',
      'watchdog_signal_active{signal="container:db",collector="containers",severity="critical"} 1',
      'watchdog_signal_active{signal="rule:q",collector="orchestrator",severity="warning"} 0',
      'watchdog_signal_unseen{signal="rule:q",collector="orchestrator"} 1',
      'watchdog_signal_raises_total{signal="container:web",collector="containers"} 2',
      'watchdog_signal_value{signal="container:web",collector="containers"} 97.5',
      'watchdog_signals{state="flapping"} 1',
      'watchdog_signals{state="held"} 0'
    ]) {
      assert.include(lines, line)
    }
    assert.notInclude(said, 'watchdog_signal_value{signal="container:db"')
  })

  it("counts ticks, their time, decisions, sinks and itself in base units", () => {
    const lines = text({
      collectors: [
        {
          name: "containers",
          watches: "",
          off: false,
          interval: 10_000,
          timeout: 5_000,
          lastTick: "1970-01-01T00:01:30.000Z",
          latency: 12.5,
          ticks: 9,
          blindTicks: 1,
          signals: 3,
          problem: null
        },
        {
          name: "disk",
          watches: "",
          off: true,
          interval: 10_000,
          timeout: 5_000,
          lastTick: null,
          latency: null,
          ticks: 0,
          blindTicks: 0,
          signals: 0,
          problem: null
        }
      ],
      sinks: [
        {
          name: "telegram",
          destination: "",
          red: true,
          problem: "x",
          waiting: 4,
          sent: 5,
          failures: 6,
          lastSent: "1970-01-01T00:00:10.000Z"
        }
      ],
      loops: [{ name: "dispatcher", lastBeat: "", crashes: 7, failing: false }]
    }).split("\n")

    for (const line of [
      'watchdog_build_info{version="1.2.3"} 1',
      'watchdog_collector_ticks_total{collector="containers"} 9',
      'watchdog_collector_blind_ticks_total{collector="containers"} 1',
      'watchdog_collector_tick_duration_seconds_sum{collector="containers"} 1.5',
      'watchdog_collector_tick_duration_seconds_count{collector="containers"} 9',
      'watchdog_collector_last_tick_duration_seconds{collector="containers"} 0.0125',
      'watchdog_collector_last_tick_timestamp_seconds{collector="containers"} 90',
      'watchdog_decisions_total{kind="alert"} 3',
      'watchdog_sink_messages_total{sink="telegram"} 5',
      'watchdog_sink_failures_total{sink="telegram"} 6',
      'watchdog_sink_waiting{sink="telegram"} 4',
      'watchdog_sink_red{sink="telegram"} 1',
      'watchdog_sink_last_message_timestamp_seconds{sink="telegram"} 10',
      'watchdog_loop_crashes_total{loop="dispatcher"} 7',
      "watchdog_page_viewers 2",
      "watchdog_page_viewers_dropped_total 1",
      "process_resident_memory_bytes 1024",
      "process_cpu_seconds_total 0.5",
      "process_start_time_seconds 90"
    ]) {
      assert.include(lines, line)
    }
    assert.isFalse(lines.some((line) => line.includes('collector="disk"')))
  })

  it("escapes a hostile name, and gives no series twice", () => {
    const lines = text({
      signals: [signal('container:"} 1\n\\'), signal("container:\uD800"), signal("container:\uDBFF")]
    })
      .split("\n")
      .filter((line) => line.startsWith("watchdog_signal_unseen"))

    assert.deepStrictEqual(lines, [
      String.raw`watchdog_signal_unseen{signal="container:\"} 1\n\\",collector="containers"} 0`,
      'watchdog_signal_unseen{signal="container:\uFFFD",collector="containers"} 0'
    ])
  })

  it("says of each family what it is, once, before its samples, and ends with a line break", () => {
    const said = text({ signals: [signal("a"), signal("b")] })
    const families = [...said.matchAll(/^# TYPE (\S+) /gm)].map((match) => match[1])

    assert.strictEqual(new Set(families).size, families.length)
    assert.isTrue(said.endsWith("\n"))
    assert.notInclude(said, "\n\n")
    for (const block of said.split(/^(?=# HELP )/m)) {
      assert.match(block, /^# HELP (\S+) \S.*\.\n# TYPE \1 (gauge|counter|summary)\n(\1\S* \S+\n)+$/m)
    }
    assert.strictEqual(contentType, "text/plain; version=0.0.4; charset=utf-8")
  })
})
