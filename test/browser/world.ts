/** A made-up stack for the page: sixty signals with names, causes and days such as real ones have. The same seed, the same world. */
import {
  type CollectorView,
  type SignalView,
  type Snapshot,
  historyBucketMs,
  historyBuckets
} from "../../src/status/Snapshot.ts"

/** mulberry32: small, seeded, good enough to make days look alike but not the same. */
export const chanceOf = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export const worldAt = "2026-03-14T14:05:12.000Z"
const nowMs = Date.parse(worldAt)
const minute = 60_000

export const ago = (ms: number): string => new Date(nowMs - ms).toISOString()
export const ahead = (ms: number): string => new Date(nowMs + ms).toISOString()

/** A day that was clear but for `spells`: kind, buckets ago, buckets long. */
export const dayOf = (spells: ReadonlyArray<readonly [kind: string, ago: number, long: number]>, blank = 0): string => {
  const day: Array<string> = Array.from({ length: historyBuckets }, (_, index) => (index < blank ? " " : "."))
  for (const [kind, from, long] of spells) {
    for (let at = 0; at < long; at++) day[historyBuckets - 1 - from + at] = kind
  }
  return day.slice(0, historyBuckets).join("")
}

export const signalOf = (id: string, more: Partial<SignalView> = {}): SignalView => ({
  id,
  collector: "containers",
  severity: "critical",
  state: "clear",
  since: ago(26 * 60 * minute),
  look: "clear",
  summary: "",
  details: [],
  value: null,
  streak: null,
  wakes: "within 25 s (2 ticks)",
  because: ["seen clear at the last look"],
  nextReminder: null,
  muted: null,
  raises: 0,
  history: dayOf([]),
  ...more
})

export const collectorOf = (name: string, more: Partial<CollectorView> = {}): CollectorView => ({
  name,
  watches: "",
  off: false,
  interval: 10_000,
  timeout: 5_000,
  lastTick: ago(4_000),
  latency: 12.4,
  ticks: 9_402,
  blindTicks: 0,
  signals: 1,
  problem: null,
  ...more
})

const services = [
  ..."api web worker scheduler postgres redis minio mailer search gateway auth billing imports exports reports thumbs".split(
    " "
  ),
  ..."webhooks notifier ledger sessions metrics-agent log-shipper backup cron pdf invoices feeds archive".split(" ")
]

/** The five that are active, the one that flaps, and the one nobody can see. */
const troubles: ReadonlyArray<SignalView> = [
  signalOf("orch_down", {
    collector: "orchestrator",
    state: "active",
    since: ago(3 * minute + 20_000),
    look: "active",
    summary: "connection refused at http://orchestrator:9100/metrics",
    details: [
      "container shop-orchestrator-1 exited with code 137 (SIGKILL), out of memory",
      "last output: FATAL heap limit 512 MiB reached in queue compaction"
    ],
    wakes: "within 35 s (3 ticks)",
    because: ["next reminder in 26 min 40 s"],
    nextReminder: ahead(26 * minute + 40_000),
    raises: 1,
    history: dayOf([["#", 0, 1]])
  }),
  signalOf("container:shop-billing-1", {
    state: "active",
    since: ago(48 * minute),
    look: "active",
    summary: "restarts in a loop: exit code 1, 14 restarts in 48 min",
    details: [
      "image shop/billing:2.31.0, before shop/billing:2.30.4",
      'last output: Error: relation "invoice_line" does not exist (migration 0412 has not run)',
      "restarted 14 times by the engine"
    ],
    wakes: "at once if it crashes, else after 2 ticks, at most 25 s",
    because: ["a confirmed fault: clears after 10 s of clear looks", "next reminder in 42 min"],
    nextReminder: ahead(42 * minute),
    raises: 2,
    history: dayOf([
      ["#", 9, 10],
      ["#", 61, 2],
      ["-", 63, 1]
    ])
  }),
  signalOf("disk:/var/lib/docker", {
    collector: "disk",
    severity: "critical",
    state: "active",
    since: ago(2 * 60 * minute + 6 * minute),
    look: "active",
    summary: "97.4 % used, 11.2 GiB free of 431 GiB; ceiling 97 %",
    details: ["grew 6.1 GiB in the last hour: full in about 1 h 50 min"],
    value: 97.4,
    because: ["muted: held back until the mute ends"],
    muted: { until: ahead(55 * minute), by: "@mira" },
    raises: 1,
    history: dayOf([
      ["#", 25, 26],
      ["-", 26, 1]
    ])
  }),
  signalOf("cert:shop.example", {
    collector: "dependencies",
    severity: "warning",
    state: "active",
    since: ago(3 * 24 * 60 * minute + 4 * 60 * minute),
    look: "active",
    summary: "certificate ends in 10 days (24 Mar 2026, 11:00)",
    details: ["issued by R11; renewal is overdue since 3 days"],
    value: 10,
    wakes: "within 1 h 5 min (2 ticks)",
    nextReminder: ahead(19 * 60 * minute),
    because: ["next reminder in 19 h"],
    raises: 1,
    history: dayOf([["#", 287, 288]])
  }),
  signalOf("rule:queue_backlog", {
    collector: "orchestrator",
    severity: "warning",
    state: "active",
    since: ago(21 * minute),
    look: "clear",
    summary: 'orchestrator_queue_depth{queue="mail"} is 18,240, above 10,000',
    value: 18_240,
    streak: "1 of 2 ticks towards a recovery",
    wakes: "within 5 min 15 s (seen for 5 min)",
    because: ["1 of 2 ticks towards a recovery", "next reminder in 9 min"],
    nextReminder: ahead(9 * minute),
    raises: 3,
    history: dayOf([
      ["#", 4, 5],
      ["-", 5, 1],
      ["#", 130, 4],
      ["#", 170, 9]
    ])
  }),
  signalOf("dependency:payments", {
    collector: "dependencies",
    severity: "warning",
    state: "flapping",
    since: ago(17 * minute),
    look: "active",
    summary: "HTTP 503 after 212 ms from https://payments.example/health",
    details: ["times out or answers 503 about every second look"],
    value: 212,
    because: ["flapping, 6 raises: silent until one side has held for another 3 min 10 s"],
    nextReminder: ahead(13 * minute),
    raises: 6,
    history: dayOf([
      ["#", 3, 4],
      ["-", 7, 1],
      ["#", 9, 1],
      ["#", 12, 1]
    ])
  }),
  signalOf("dependency:warehouse-vpn", {
    collector: "dependencies",
    severity: "warning",
    state: "unknown",
    since: ago(6 * minute),
    look: "missed",
    summary: "the name does not resolve: no resolver answered within 5 s",
    because: ["not seen for 6 min: unknown, nothing fires and nothing recovers", "the last look was missed: no answer"],
    history: dayOf([
      ["?", 1, 2],
      ["?", 100, 7]
    ])
  })
]

const quiet = (seed: number): ReadonlyArray<SignalView> => {
  const chance = chanceOf(seed)
  const day = (): string => {
    const spells: Array<readonly [string, number, number]> = []
    if (chance() < 0.25) spells.push(["-", Math.floor(chance() * 280), 1])
    if (chance() < 0.15) spells.push(["#", 40 + Math.floor(chance() * 200), 1 + Math.floor(chance() * 9)])
    if (chance() < 0.12) spells.push(["?", 30 + Math.floor(chance() * 200), 1 + Math.floor(chance() * 4)])
    return dayOf(spells)
  }
  const containers = services
    .filter((name) => name !== "billing")
    .map((name) => {
      const uptime = Math.floor(chance() * 9) + 1
      return signalOf(`container:shop-${name}-1`, {
        since: ago(Math.floor((1 + chance() * 200) * 60) * minute),
        summary: `running, ${chance() < 0.7 ? "healthy" : "no health check"}, up ${uptime} d`,
        wakes: "at once if it crashes, else after 2 ticks, at most 25 s",
        history: day()
      })
    })
  const disks = ["/", "/var", "/srv/backups", "/home"].map((mount) => {
    const used = 30 + Math.round(chance() * 550) / 10
    return signalOf(`disk:${mount}`, {
      collector: "disk",
      summary: `${used} % used, ceiling 97 %`,
      value: used,
      wakes: "at 97 %, within 25 s (2 ticks)",
      history: day()
    })
  })
  const inodes = ["/", "/var", "/var/lib/docker"].map((mount) =>
    signalOf(`inodes:${mount}`, {
      collector: "disk",
      severity: "warning",
      summary: "9.1 % of inodes used, no ceiling",
      value: 9.1,
      wakes: "never: WATCHDOG_INODE_CEILING is off",
      history: day()
    })
  )
  const host = [
    ["memory", "61.2 % used, ceiling 95 %", "at 95 % or more, within 25 s (2 ticks)"],
    ["swap", "4 % used, no ceiling", "never: WATCHDOG_SWAP_CEILING is off"],
    ["load", "0.42 per core, ceiling 4", "at 4 or more, within 25 s (2 ticks)"],
    ["pressure:cpu", "some avg60 2.1 %", "never: WATCHDOG_PRESSURE_CEILING is off"],
    ["pressure:memory", "some avg60 0 %", "never: WATCHDOG_PRESSURE_CEILING is off"],
    ["pressure:io", "some avg60 18.4 %", "never: WATCHDOG_PRESSURE_CEILING is off"]
  ].map(([id, summary, wakes]) =>
    signalOf(id ?? "", {
      collector: "host",
      severity: "warning",
      summary: summary ?? "",
      wakes: wakes ?? "",
      history: day()
    })
  )
  const dependencies = ["mail-relay", "object-store", "dns", "geo-ip", "idp", "bank-gateway", "sms"].map((name) =>
    signalOf(`dependency:${name}`, {
      collector: "dependencies",
      severity: "warning",
      summary: `HTTP 200 in ${Math.floor(20 + chance() * 300)} ms`,
      wakes: "within 25 s (2 ticks)",
      history: day()
    })
  )
  const certificates = ["api.shop.example", "idp.example"].map((name) =>
    signalOf(`cert:${name}`, {
      collector: "dependencies",
      severity: "warning",
      summary: `certificate ends in ${Math.floor(30 + chance() * 50)} days`,
      wakes: "within 1 h 5 min (2 ticks)",
      history: day()
    })
  )
  const rules = ["http_error_rate", "stuck_jobs", "db_connections", "login_failures"].map((name) =>
    signalOf(`rule:${name}`, {
      collector: "orchestrator",
      severity: "warning",
      summary: `${Math.round(chance() * 900) / 10}, below its threshold`,
      wakes: "within 5 min 15 s (seen for 5 min)",
      history: day()
    })
  )
  return [...containers, ...disks, ...inodes, ...host, ...dependencies, ...certificates, ...rules]
}

const toldTexts: ReadonlyArray<readonly [minutes: number, rang: boolean, text: string]> = [
  [
    3.2,
    true,
    "🔴 orch_down connection refused at http://orchestrator:9100/metrics\nsince 15:01:52 (12 s) · box-1\ncontainer shop-orchestrator-1 exited with code 137 (SIGKILL), out of memory"
  ],
  [
    13,
    true,
    "〰️ dependency:payments flapping, raised 4 times: HTTP 503 after 198 ms\nsince 14:48:02 (4 min 10 s) · box-1"
  ],
  [18, false, "🔁 container:shop-billing-1 still: restarts in a loop: exit code 1\nsince 14:17:12 (30 min) · box-1"],
  [
    21,
    true,
    '🟠 rule:queue_backlog orchestrator_queue_depth{queue="mail"} is 10,412, above 10,000\nsince 14:39:02 (5 min 10 s) · box-1'
  ],
  [31, false, "✅ container:shop-search-1 recovered\ndown 14:29:48–14:33:52 (4 min 4 s) · box-1"],
  [
    48,
    true,
    "🔴 container:shop-billing-1 exited with code 1\nsince 14:17:12 (1 s) · box-1\nimage shop/billing:2.31.0, before shop/billing:2.30.4"
  ],
  [126, true, "🔴 disk:/var/lib/docker 97.1 % used; ceiling 97 %\nsince 12:59:12 (20 s) · box-1"],
  [
    300,
    false,
    "🕓 dependency:geo-ip was down, told late: connection reset\ndown 09:58:10–10:01:20 (3 min 10 s) · box-1"
  ]
]

/** Sixty signals: five active, one flapping, one unseen, one held, one new, the others clear; some of them with half a streak. */
export const world = (seed = 7): Snapshot => {
  const quietOnes = quiet(seed).slice(0, 60 - troubles.length)
  const signals = [...troubles, ...quietOnes].map((signal): SignalView => {
    if (signal.id === "container:shop-imports-1") {
      return {
        ...signal,
        state: "held",
        look: "held",
        since: ago(14_000),
        summary: "stopped, 14 s ago",
        because: ["held on purpose: a deploy's grace, 16 s left"]
      }
    }
    if (signal.id === "container:shop-cron-1") {
      return {
        ...signal,
        state: "new",
        since: null,
        look: "none",
        summary: "",
        because: ["not looked at yet"],
        history: dayOf([], 288)
      }
    }
    if (signal.id === "dependency:idp") {
      return {
        ...signal,
        look: "active",
        summary: "HTTP 502 after 1,204 ms",
        streak: "1 of 2 ticks towards an alert",
        because: ["1 of 2 ticks towards an alert"]
      }
    }
    return signal
  })
  const counted = (name: string): number => signals.filter((signal) => signal.collector === name).length
  return {
    v: 1,
    version: "0.3.0",
    host: "box-1",
    runId: "5f2c9a",
    at: worldAt,
    startedAt: ago(26 * 60 * minute + 7 * minute),
    healthy: true,
    reasons: [],
    historyBucketMs,
    signals,
    collectors: [
      collectorOf("orchestrator", {
        watches: "http://orchestrator:9100/metrics and 5 rules",
        signals: counted("orchestrator"),
        latency: 3.1,
        blindTicks: 20,
        problem: "connection refused"
      }),
      collectorOf("containers", {
        watches: "unix:///var/run/docker.sock, with events",
        signals: counted("containers"),
        latency: 18.2
      }),
      collectorOf("disk", {
        watches: "/, /var, /var/lib/docker, /srv/backups, /home",
        signals: counted("disk"),
        latency: 0.8
      }),
      collectorOf("host", { watches: "memory, swap, load, pressure of /", signals: counted("host"), latency: 0.6 }),
      collectorOf("dependencies", {
        watches: "11 addresses",
        signals: counted("dependencies"),
        interval: 30_000,
        latency: 5_004
      }),
      collectorOf("certificates", {
        watches: "off: no https dependency asks for it",
        off: true,
        lastTick: null,
        latency: null
      })
    ],
    sinks: [
      {
        name: "telegram",
        destination: "chat -1001234, topic 7",
        red: false,
        problem: null,
        waiting: 0,
        sent: 41,
        failures: 2,
        lastSent: ago(3.2 * minute)
      },
      {
        name: "webhook",
        destination: "https://hooks.example/…",
        red: false,
        problem: "HTTP 503, next try in 20 s",
        waiting: 2,
        sent: 39,
        failures: 7,
        lastSent: ago(21 * minute)
      }
    ],
    told: toldTexts.map(([minutes, rang, text]) => ({
      at: ago(minutes * minute),
      sink: "telegram",
      text,
      rang,
      signals: [text.split(" ")[1] ?? ""]
    })),
    mutes: [{ pattern: "disk:/var/lib/docker", until: ahead(55 * minute), by: "@mira" }],
    loops: ["poller", "monitors", "dispatcher", "telegram", "webhook", "heartbeat"].map((name, index) => ({
      name,
      lastBeat: ago(1_000 * (index + 1)),
      crashes: 0,
      failing: false
    })),
    process: { residentBytes: 71.3 * 1_048_576, cpuSeconds: 268.4 }
  }
}

/** The same stack on a good day. */
export const calmWorld = (): Snapshot => {
  const snapshot = world()
  const healed = snapshot.signals.map((signal) =>
    signalOf(signal.id, { collector: signal.collector, summary: "as it should be", history: dayOf([]) })
  )
  return {
    ...snapshot,
    signals: healed,
    mutes: [],
    collectors: snapshot.collectors.map((one) => ({ ...one, problem: null })),
    sinks: snapshot.sinks.map((one) => ({ ...one, problem: null, waiting: 0 }))
  }
}
