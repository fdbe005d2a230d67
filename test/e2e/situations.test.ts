/**
 * Every situation a container can be in, on a real engine: what the watchdog says of it, and what a human receives, and when.
 *
 * The rows run at once, under one watchdog at its default pace, a few seconds apart so that each is told in a message of its own.
 * The table of docs/situations.md is made by this test: `UPDATE_DOCS=1` writes it, otherwise it is compared.
 *
 * Environment:
 * - `E2E_LOOP_MINUTES`: how long the crash loops last (3)
 * - `E2E_ENGINE_RESTART`: a shell command that restarts the engine; without it those rows are left out, and said to be
 * - `E2E_ENGINE_CONFIG`: the engine's daemon.json, for the row with live-restore; put back as it was
 */
import { spawn, type ChildProcess } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { Daemon, type Said, type Told, clearAway } from "./daemon.ts"
import { docker, enginePid, pause, root, tryRun, until } from "./lab.ts"

const mark = "watchdog-e2e=situations"
const loopMs = Number(process.env["E2E_LOOP_MINUTES"] ?? "3") * 60_000
/** Interval 10 s, K = 2; our own start is held for the grace. */
const graceMs = 30_000
const settledMs = graceMs + 8_000
/** Five seconds apart a message each stays below our own pace of 15 a minute. */
const apartMs = 5_000
/** What is told at all is told by then: the grace, K ticks, the timeout, and what a busy machine adds. */
const restMs = graceMs + 30_000

/* When, in words. Bounds leave room for a busy machine; what was measured is printed. */

interface When {
  readonly words: string
  readonly fromMs: number
  readonly toMs: number
}
const atOnce: When = { words: "at once", fromMs: -500, toMs: 3_000 }
const afterASecond: When = { words: "after 1 s", fromMs: 900, toMs: 4_000 }
/** An event is a look too; the next one by the clock confirms it, or ends it. */
const atNextLook: When = { words: "at the next look", fromMs: 0, toMs: 14_000 }
const atSecondLook: When = { words: "at the second look", fromMs: 8_000, toMs: 28_000 }
const afterGrace: When = {
  words: "at the second look after the grace",
  fromMs: graceMs + 8_000,
  toMs: graceMs + 28_000
}
const wellForTen: When = { words: "at the first look after 10 s of being well", fromMs: 9_500, toMs: 26_000 }

/* Rows */

interface Message {
  readonly icon: string
  readonly text: RegExp
  readonly when: When
  /** From when: the last such word of the engine before the message, the watchdog's own start, or else what was done. */
  readonly since?: string
}

interface Situation {
  readonly title: string
  readonly name: string
  /** Before the watchdog starts. */
  readonly make?: () => Promise<unknown>
  readonly act?: () => Promise<unknown>
  /** Put right again, so long after. */
  readonly heal?: { readonly afterMs: number; readonly act: () => Promise<unknown> }
  readonly restMs?: number
  /** What the looks since then said, in this order; the last one still stands at the end. None: it is no signal. */
  readonly says: ReadonlyArray<readonly [Said["state"], RegExp]>
  /** What must never have been said. */
  readonly never?: RegExp
  readonly told: ReadonlyArray<Message>
}

const run = (name: string, script: string, ...options: ReadonlyArray<string>): Promise<string> =>
  docker("run", "-d", "--label", mark, "--network", "none", "--name", name, ...options, "busybox", "sh", "-c", script)

/** Waits to be told, then goes on with `then`; started again, it waits again. */
const waiting = (then: string): string => `rm -f /tmp/go; while [ ! -e /tmp/go ]; do sleep 0.2; done; ${then}`
/** The same, but told once it stays so. */
const waitingOnce = (then: string): string => `while [ ! -e /tmp/go ]; do sleep 0.2; done; ${then}`
const go = (name: string) => (): Promise<string> => docker("exec", name, "touch", "/tmp/go")

const composeFile = path.join(root, "test/e2e/situations.yaml")
const compose = async (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}): Promise<string> => {
  const { code, stdout, stderr } = await tryRun("docker", ["compose", "-p", "sit", "-f", composeFile, ...args], env)
  if (code !== 0) throw new Error(`docker compose ${args.join(" ")}: ${stderr}`)
  return stdout
}

const checked = (interval: string, retries: string): ReadonlyArray<string> => [
  "--health-cmd",
  'test ! -e /tmp/bad || { echo "queue is full"; exit 1; }',
  "--health-interval",
  interval,
  "--health-retries",
  retries
]

const forever = "sleep 100000"
const port = 30_000 + Math.floor(Math.random() * 10_000)

const exitZero = (policy: string, ends: boolean): Situation => ({
  title: `exits with 0, restart policy ${policy}`,
  name: `sit-zero-${policy}`,
  make: () => run(`sit-zero-${policy}`, waiting("exit 0"), "--restart", policy),
  act: go(`sit-zero-${policy}`),
  says: [ends ? ["active", /^exited with code 0$/] : ["clear", /^running$/]],
  told: ends ? [{ icon: "🔴", text: /^exited with code 0 · image busybox$/, when: atNextLook, since: "die" }] : []
})

const situations: ReadonlyArray<Situation> = [
  {
    title: "restart loop, laps of 1 s (the engine waits longer each time), restart policy always",
    name: "sit-loop-fast",
    make: () => run("sit-loop-fast", waitingOnce("sleep 1; exit 3"), "--restart", "always"),
    act: go("sit-loop-fast"),
    restMs: loopMs,
    says: [["active", /^restart loop: \d+ starts? in the last minute, last exited with code 3$/]],
    told: [{ icon: "🔴", text: /^exited with code 3 · image busybox/, when: atOnce, since: "die" }]
  },
  {
    title: "restart loop, laps of 20 s, restart policy always",
    name: "sit-loop-slow",
    make: () => run("sit-loop-slow", waitingOnce("sleep 20; exit 3"), "--restart", "always"),
    act: go("sit-loop-slow"),
    restMs: loopMs,
    says: [["active", /^restart loop: \d+ starts? in the last minute/]],
    told: [
      { icon: "🔴", text: /^exited with code 3/, when: atOnce, since: "die" },
      { icon: "✅", text: /./, when: wellForTen, since: "start" },
      { icon: "🔴", text: /^exited with code 3/, when: atOnce, since: "die" },
      { icon: "✅", text: /./, when: wellForTen, since: "start" },
      { icon: "🔴", text: /^exited with code 3/, when: atOnce, since: "die" }
    ]
  },
  {
    title: "paused, then unpaused, with a health check every 40 s",
    name: "sit-paused-check",
    make: () => run("sit-paused-check", forever, ...checked("40s", "1")),
    act: async () => {
      await until(
        "the first check",
        60_000,
        () => docker("inspect", "-f", "{{.State.Health.Status}}", "sit-paused-check"),
        (health) => health === "healthy"
      )
      await docker("pause", "sit-paused-check")
    },
    heal: { afterMs: 28_000, act: () => docker("unpause", "sit-paused-check") },
    restMs: 60_000,
    says: [
      ["active", /^paused$/],
      ["held", /has not run again/],
      ["clear", /^running, healthy$/]
    ],
    never: /unhealthy$/,
    told: [
      { icon: "🔴", text: /^paused/, when: atNextLook, since: "pause" },
      { icon: "✅", text: /./, when: atNextLook, since: "health_status: healthy" }
    ]
  },
  {
    title: "paused for 3 s, with a health check every 40 s",
    name: "sit-paused-short",
    make: () => run("sit-paused-short", forever, ...checked("40s", "1")),
    act: async () => {
      await until(
        "the first check",
        60_000,
        () => docker("inspect", "-f", "{{.State.Health.Status}}", "sit-paused-short"),
        (health) => health === "healthy"
      )
      await docker("pause", "sit-paused-short")
    },
    heal: { afterMs: 3_000, act: () => docker("unpause", "sit-paused-short") },
    restMs: 60_000,
    says: [
      ["held", /has not run again/],
      ["clear", /^running, healthy$/]
    ],
    never: /unhealthy$/,
    told: []
  },
  {
    title: "running, no health check",
    name: "sit-running",
    make: () => run("sit-running", forever),
    says: [["clear", /^running$/]],
    told: []
  },
  {
    title: "running, healthy",
    name: "sit-healthy",
    make: () => run("sit-healthy", forever, ...checked("2s", "2")),
    says: [["clear", /^running, healthy$/]],
    told: []
  },
  {
    title: "running, its health check has not answered yet",
    name: "sit-starting",
    make: () => run("sit-starting", forever, ...checked("1h", "2")),
    says: [["held", /^running; its health check has not answered yet$/]],
    told: []
  },
  {
    title: "turns unhealthy, then healthy",
    name: "sit-unhealthy",
    make: () => run("sit-unhealthy", forever, ...checked("2s", "2")),
    act: () => docker("exec", "sit-unhealthy", "touch", "/tmp/bad"),
    heal: { afterMs: 20_000, act: () => docker("exec", "sit-unhealthy", "rm", "/tmp/bad") },
    says: [
      ["active", /^running but unhealthy$/],
      ["clear", /^running, healthy$/]
    ],
    told: [
      {
        icon: "🔴",
        text: /^running but unhealthy( · last check: queue is full)? · image busybox$/,
        when: atOnce,
        since: "health_status: unhealthy"
      },
      { icon: "✅", text: /./, when: wellForTen, since: "health_status: healthy" }
    ]
  },
  {
    title: "crashes, no restart policy; then started by hand",
    name: "sit-crashed",
    make: () => run("sit-crashed", waiting("echo no config; sleep 0.5; exit 7")),
    act: go("sit-crashed"),
    heal: { afterMs: 20_000, act: () => docker("start", "sit-crashed") },
    says: [
      ["active", /^exited with code 7$/],
      ["clear", /^running$/]
    ],
    told: [
      { icon: "🔴", text: /^exited with code 7 · image busybox( · log: no config)?$/, when: atOnce, since: "die" },
      { icon: "✅", text: /./, when: wellForTen, since: "start" }
    ]
  },
  {
    title: "crashes once and is restarted by the engine",
    name: "sit-once",
    make: () => run("sit-once", waiting("exit 7"), "--restart", "unless-stopped"),
    act: go("sit-once"),
    says: [
      ["active", /^exited with code 7$/],
      ["clear", /^running$/]
    ],
    told: [
      { icon: "🔴", text: /^exited with code 7/, when: atOnce, since: "die" },
      { icon: "✅", text: /./, when: wellForTen, since: "start" }
    ]
  },
  exitZero("no", true),
  exitZero("on-failure", true),
  exitZero("always", false),
  exitZero("unless-stopped", false),
  {
    title: "a job of a second that ends with 1, restart policy no",
    name: "sit-job",
    act: () => run("sit-job", "sleep 1; exit 1"),
    says: [["clear", /^/]],
    told: []
  },
  {
    title: "killed by the kernel: out of memory",
    name: "sit-oom",
    make: () => run("sit-oom", waiting("exec tail /dev/zero"), "-m", "16m", "--memory-swap", "16m"),
    act: go("sit-oom"),
    says: [["active", /^killed: out of memory/]],
    told: [
      {
        icon: "🔴",
        text: /^killed: out of memory \(exited with code 137 \(SIGKILL\)\) · image busybox$/,
        when: atOnce,
        since: "die"
      }
    ]
  },
  {
    title: "killed: `docker kill`",
    name: "sit-killed",
    make: () => run("sit-killed", forever),
    act: () => docker("kill", "sit-killed"),
    says: [["active", /^exited with code 137 \(SIGKILL\)$/]],
    told: [{ icon: "🔴", text: /^exited with code 137 \(SIGKILL\) · image busybox$/, when: afterASecond, since: "die" }]
  },
  {
    title: "stopped: `docker stop`, and left so",
    name: "sit-stopped",
    make: () => run("sit-stopped", forever, "--init", "--restart", "unless-stopped"),
    act: () => docker("stop", "sit-stopped"),
    says: [
      ["held", /^exited with code 143 \(SIGTERM\); held for .*deploy grace/],
      ["active", /^exited with code 143 \(SIGTERM\)$/]
    ],
    told: [{ icon: "🔴", text: /^exited with code 143 \(SIGTERM\)/, when: afterGrace, since: "die" }]
  },
  {
    title: "stopped, and started again within the grace",
    name: "sit-bounced",
    make: () => run("sit-bounced", forever, "--init"),
    act: () => docker("stop", "sit-bounced"),
    heal: { afterMs: 20_000, act: () => docker("start", "sit-bounced") },
    says: [
      ["held", /^exited with code 143 \(SIGTERM\); held for .*deploy grace/],
      ["clear", /^running$/]
    ],
    told: []
  },
  {
    title: "gave up: crashes until restart policy on-failure:3 is used up",
    name: "sit-gave-up",
    make: () => run("sit-gave-up", waitingOnce("exit 7"), "--restart", "on-failure:3"),
    act: go("sit-gave-up"),
    restMs: 80_000,
    says: [
      ["active", /^restart loop: \d+ starts in the last minute, last exited with code 7$/],
      ["active", /^exited with code 7$/]
    ],
    told: [{ icon: "🔴", text: /^exited with code 7/, when: atOnce, since: "die" }]
  },
  {
    title: "paused, then unpaused, no health check",
    name: "sit-paused",
    make: () => run("sit-paused", forever),
    act: () => docker("pause", "sit-paused"),
    heal: { afterMs: 30_000, act: () => docker("unpause", "sit-paused") },
    says: [
      ["active", /^paused$/],
      ["clear", /^running$/]
    ],
    told: [
      { icon: "🔴", text: /^paused · image busybox$/, when: atNextLook, since: "pause" },
      { icon: "✅", text: /./, when: atNextLook, since: "unpause" }
    ]
  },
  {
    title: "created and never started: its port is taken; restart policy always",
    name: "sit-created",
    make: () =>
      docker(
        "run",
        "-d",
        "--label",
        mark,
        "--name",
        "sit-port",
        "-p",
        `127.0.0.1:${port}:80`,
        "busybox",
        "sleep",
        "100000"
      ),
    act: async () => {
      const flags = [
        "-d",
        "--label",
        mark,
        "--name",
        "sit-created",
        "--restart",
        "always",
        "-p",
        `127.0.0.1:${port}:80`
      ]
      const made = await tryRun("docker", ["run", ...flags, "busybox", "sleep", "100000"])
      assert.notStrictEqual(made.code, 0)
    },
    says: [
      ["held", /^created but never started; held for .*deploy grace/],
      ["active", /^created but never started$/]
    ],
    told: [{ icon: "🔴", text: /^created but never started · engine: .*port is already allocated/, when: afterGrace }]
  },
  {
    title: "removed: `docker rm -f`, not required",
    name: "sit-removed",
    make: () => run("sit-removed", forever),
    act: () => docker("rm", "-f", "sit-removed"),
    says: [["retired", /^/]],
    told: []
  },
  {
    title: "removed, and labelled `watchdog.required=true`",
    name: "sit-required",
    make: () => run("sit-required", forever, "--label", "watchdog.required=true"),
    act: () => docker("rm", "-f", "sit-required"),
    says: [
      ["held", /^missing: .*; held for .*deploy grace/],
      ["active", /^missing: there is no such container$/]
    ],
    told: [
      { icon: "🔴", text: /^missing: there is no such container$/, when: { ...afterGrace, fromMs: graceMs - 2_000 } }
    ]
  },
  {
    title: "recreated: `docker compose up -d --force-recreate`",
    name: "sit-web-1",
    act: () => compose(["up", "-d", "--force-recreate", "--no-deps", "web"]),
    says: [["clear", /^running$/]],
    told: []
  },
  {
    title: "failed deploy: the new image exits with 1; restart policy unless-stopped",
    name: "sit-app-1",
    act: async () => {
      await docker("tag", "busybox", "busybox:broken")
      await compose(["up", "-d", "--no-deps", "app"], {
        APP_IMAGE: "busybox:broken",
        APP_COMMAND: "echo no config; sleep 0.5; exit 1"
      })
    },
    says: [["active", /^restart(ing|s| loop).*/]],
    told: [
      {
        icon: "🔴",
        text: /^exited with code 1 · image busybox:broken, before busybox(:latest)?( · restarted \d+ times by the engine)?( · log: no config)?$/,
        when: atOnce,
        since: "die"
      }
    ]
  },
  {
    title: "one-off: `docker compose run`, ends with 1",
    name: "sit-job-run",
    act: () => compose(["run", "-d", "job"]),
    says: [],
    told: []
  },
  {
    title: "required by its plain name, absent from the start, then created",
    name: "sit-absent",
    heal: { afterMs: 30_000, act: () => run("sit-absent", forever) },
    says: [
      ["held", /^missing: .*; held for .*deploy grace/],
      ["active", /^missing: there is no such container$/],
      ["clear", /^running$/]
    ],
    told: [
      { icon: "🔴", text: /^missing: there is no such container$/, when: afterGrace, since: "the watchdog" },
      { icon: "✅", text: /./, when: atNextLook, since: "start" }
    ]
  }
]

/* The engine restarted under us */

const restartCommand = process.env["E2E_ENGINE_RESTART"]
const engineSocket = (process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock").replace("unix://", "")
const configFile = process.env["E2E_ENGINE_CONFIG"]

const engineMakes = async (): Promise<void> => {
  await run("eng-always", forever, "--init", "--restart", "always")
  await run("eng-unless-stopped", forever, "--init", "--restart", "unless-stopped")
  await run("eng-no", forever, "--init")
}

const restartEngine = async (): Promise<void> => {
  const { code, stderr } = await tryRun("sh", ["-c", restartCommand ?? "false"])
  assert.strictEqual(code, 0, stderr)
  await until(
    "the engine",
    60_000,
    () => tryRun("docker", ["info"]),
    ({ code: answered }) => answered === 0
  )
}

/** The engine takes this setting over without a restart; one that is left out stays as it was, so it is put back in words. */
const withLiveRestore = async (file: string, play: () => Promise<void>): Promise<void> => {
  const before = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : undefined
  const settings = JSON.parse(before ?? "{}") as Readonly<Record<string, unknown>>
  const set = async (liveRestore: unknown): Promise<void> => {
    fs.writeFileSync(file, JSON.stringify({ ...settings, "live-restore": liveRestore }))
    const pid = enginePid()
    assert.isDefined(pid, "the engine's process, to have it read its configuration")
    process.kill(pid ?? 0, "SIGHUP")
    await pause(2_000)
  }
  try {
    await set(true)
    await play()
  } finally {
    await set(settings["live-restore"] ?? false)
    if (before === undefined) fs.rmSync(file)
    else fs.writeFileSync(file, before)
  }
}

/** What a container's mount of a file is: the inode that had the name once, whatever has it since. */
const withMountedSocket = async (): Promise<Daemon> => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-socket-"))
  const file = path.join(folder, "docker.sock")
  fs.writeFileSync(file, "")
  const mount = `mount --bind '${engineSocket}' '${file}' && exec "$@"`
  const mounted = await Daemon.start({ WATCHDOG_CONTAINERS: "eng-*", WATCHDOG_DOCKER_HOST: `unix://${file}` }, [
    "unshare",
    "-m",
    "sh",
    "-c",
    mount,
    "sh"
  ])
  void mounted.ended.then(() => fs.rmSync(folder, { recursive: true, force: true }))
  return mounted
}

const engineRow = (how: string, what: string, more: Pick<Situation, "name" | "says" | "told">): Situation => ({
  title: `the engine is restarted, ${how}: ${what}`,
  ...more
})

const clear = [["clear", /^/]] as const
const running = [["clear", /^running$/]] as const

/** Containers are stopped with it; those with a policy come back. */
const restarted = [
  engineRow("without live-restore", "the engine", { name: "source:containers", says: clear, told: [] }),
  engineRow("without live-restore", "restart policy always", { name: "container:eng-always", says: running, told: [] }),
  engineRow("without live-restore", "restart policy unless-stopped", {
    name: "container:eng-unless-stopped",
    says: running,
    told: []
  }),
  engineRow("without live-restore", "restart policy no", {
    name: "container:eng-no",
    says: [
      ["held", /^exited with code 143 \(SIGTERM\); held for .*deploy grace/],
      ["active", /^exited with code 143 \(SIGTERM\)$/]
    ],
    told: [
      {
        icon: "🔴",
        text: /^exited with code 143 \(SIGTERM\) · image busybox$/,
        when: { ...afterGrace, toMs: afterGrace.toMs + 20_000 }
      }
    ]
  })
]
/** Containers run on. */
const liveRestored = [
  engineRow("with live-restore", "the engine", { name: "source:containers", says: clear, told: [] }),
  engineRow("with live-restore", "any container", { name: "container:eng-always", says: running, told: [] })
]
/** The engine comes back with a new socket; a container that has the old one's file mounted is left with that. */
const stale = engineRow("with live-restore", "the engine, of whose socket the file is mounted", {
  name: "source:containers",
  says: [["active", /^cannot see: .*refused/]],
  told: [{ icon: "🔴", text: /^cannot see: .*refused/, when: { ...atSecondLook, toMs: 45_000 } }]
})

/* The run */

interface EngineWord {
  readonly atMs: number
  readonly action: string
  readonly name: string
}

/** What the engine itself tells, to measure from. Its own memory has only the last 256. */
const hearEngine = (): { readonly words: ReadonlyArray<EngineWord>; readonly child: ChildProcess } => {
  const words: Array<EngineWord> = []
  const asked = ["start", "die", "pause", "unpause", "health_status", "destroy"].flatMap((one) => [
    "--filter",
    `event=${one}`
  ])
  const format = "{{.TimeNano}}\t{{.Action}}\t{{.Actor.Attributes.name}}"
  const child = spawn("docker", ["events", "--filter", "type=container", ...asked, "--format", format])
  let rest = ""
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) {
      const [nano = "", action = "", name = ""] = line.split("\t")
      words.push({ atMs: Number(nano) / 1e6, action, name })
    }
  })
  return { words, child }
}

interface Course {
  readonly situation: Situation
  readonly actMs: number
  readonly said: ReadonlyArray<Said>
  readonly told: ReadonlyArray<Told & { readonly afterMs: number }>
}

let daemon: Daemon
let watchingEngine: Daemon
let engine: ReturnType<typeof hearEngine>

const play = async (situation: Situation, at: number): Promise<Course> => {
  const signal = `container:${situation.name}`
  await pause(at * apartMs)
  const startMs = Date.now()
  await situation.act?.()
  if (situation.heal !== undefined) {
    await pause(situation.heal.afterMs)
    await situation.heal.act()
  }
  await pause(situation.restMs ?? restMs)
  const since = ({ atMs }: { readonly atMs: number }): boolean => situation.act === undefined || atMs >= startMs - 100
  const told = daemon.told(signal).filter(since)
  return {
    situation,
    actMs: startMs,
    said: daemon.said(signal).filter(since),
    told: told.map((one, index) => {
      const word = situation.told[index]?.since
      const heard = engine.words.filter(
        ({ action, name, atMs }) => action === word && name === situation.name && atMs <= one.atMs + 500
      )
      const fromMs = word === "the watchdog" ? daemon.startMs : word === undefined ? startMs : heard.at(-1)?.atMs
      return { ...one, afterMs: one.atMs - (fromMs ?? Number.NaN) }
    })
  }
}

/** The same for what happens to all of them at once. */
const playEngine = async (
  watching: Daemon,
  rows: ReadonlyArray<Situation>,
  watchMs: number
): Promise<ReadonlyArray<Course>> => {
  const startMs = Date.now()
  await pause(watchMs)
  return rows.map((situation) => ({
    situation,
    actMs: startMs,
    // What was said before still stands where nothing else is.
    said: watching
      .said(situation.name)
      .filter(({ atMs }, at, all) => (all[at + 1]?.atMs ?? startMs) >= startMs || atMs >= startMs),
    told: watching
      .told(situation.name)
      .filter(({ atMs }) => atMs >= startMs)
      .map((one) => ({ ...one, afterMs: one.atMs - startMs }))
  }))
}

/* The table */

const docs = path.join(root, "docs/situations.md")
const cell = (text: string): string => text.replaceAll("|", "\\|")

/** What differs from run to run and from machine to machine is left out. */
const stable = (text: string): string =>
  text
    .replace(/ · restarted \d+ times by the engine/g, "")
    // What it last ended with is said where a look finds it ended.
    .replace(/\d+ starts? in the last minute(?:, last [^·|<]*)?/g, "N starts in the last minute")
    .replace(/held for \d+ s more/g, "held for N s more")
    .replace(/\b[0-9a-f]{12,64}\b/g, "…")
    .replace(/unix:\/\/\S*docker\.sock/g, "unix:///var/run/docker.sock")
    .replaceAll(String(port), "PORT")

const row = ({ situation, said, told }: Course): string => {
  const says = situation.says.map(([state, text]) => {
    const last = said.findLast((one) => one.state === state && text.test(one.text))
    // The journal has a clear look's words only where it follows another verdict.
    return text.source === "^"
      ? state === "retired"
        ? "no longer shown"
        : state
      : `${state}: ${stable(last?.text ?? "?")}`
  })
  const messages = told.map((one) => `${one.icon} ${stable(one.text)}`)
  const when = told.map((_, index) => situation.told[index]?.when.words ?? "?")
  const columns = [
    situation.title,
    says.length === 0 ? "not watched" : says.join("<br>"),
    messages.length === 0 ? "none" : messages.join("<br>"),
    when.join("<br>")
  ]
  return `| ${columns.map(cell).join(" | ")} |`
}

const titleOf = (line: string): string => line.split(" | ")[0] ?? ""

/** A health check's output and a log's lines are waited for no longer than 250 ms: a busy machine may tell without. */
const inEssence = (line: string): string => line.replace(/ · (?:log|last check): [^·|<]*[^·|<\s]/g, "")

/** The table between the two marks; rows that did not run keep their place. */
const tellDocs = (name: string, rows: ReadonlyArray<string>): void => {
  const text = fs.readFileSync(docs, "utf8")
  const [, before, table, after] =
    new RegExp(`^([\\s\\S]*<!-- ${name}: [^\\n]*-->\\n)([\\s\\S]*?)(<!-- end of ${name} -->[\\s\\S]*)$`).exec(text) ??
    []
  if (before === undefined || table === undefined || after === undefined) throw new Error(`${docs} has no ${name}`)
  const written = table.trim().split("\n").slice(2)
  const left = written.filter((line) => !rows.some((one) => titleOf(one) === titleOf(line)))
  if (process.env["UPDATE_DOCS"] === "1") {
    const head = "| situation | what the watchdog says | what is received | when |\n|---|---|---|---|\n"
    const kept = name === "engine" ? left : []
    fs.writeFileSync(docs, `${before}${head}${[...rows, ...kept].join("\n")}\n${after}`)
    return
  }
  const expected = written.filter((line) => !left.includes(line))
  assert.deepStrictEqual(
    rows.map(inEssence),
    expected.map(inEssence),
    "docs/situations.md is not what was seen: UPDATE_DOCS=1 writes it anew"
  )
}

const show = (title: string, lines: ReadonlyArray<string>): void =>
  void process.stdout.write(`\n--- ${title}\n${lines.map((line) => `  ${line}`).join("\n")}\n`)

const clock = (atMs: number): string => new Date(atMs).toISOString().slice(11, 19)

/** Shows a row as it went, and says what is not as it should be. */
const judge = ({ situation, said, told, actMs }: Course): ReadonlyArray<string> => {
  const { title, never } = situation
  show(title, [
    `done ${clock(actMs)}`,
    ...told.map((one) => `${clock(one.atMs)} ${(one.afterMs / 1_000).toFixed(2)} s  ${one.icon} ${one.text}`),
    `then ${said.at(-1)?.state ?? "nothing"}: ${said.at(-1)?.text ?? ""}`
  ])
  const problems: Array<string> = []
  const complain = (problem: string): void => void problems.push(`${title}: ${problem}`)
  if (told.map(({ icon }) => icon).join() !== situation.told.map(({ icon }) => icon).join()) {
    complain(`received ${JSON.stringify(told)}`)
  }
  for (const [index, { text, when, icon }] of situation.told.entries()) {
    const one = told[index]
    if (one === undefined) continue
    if (!text.test(one.text)) complain(`${icon} said ${one.text}`)
    if (!(one.afterMs >= when.fromMs && one.afterMs <= when.toMs)) {
      complain(`${icon} came after ${one.afterMs} ms, not ${when.words}`)
    }
  }
  let from = 0
  for (const [state, text] of situation.says) {
    const found = said.findIndex((one, index) => index >= from && one.state === state && text.test(one.text))
    if (found < 0) complain(`never ${state} ${text}; ${JSON.stringify(said)}`)
    else from = found
  }
  if (said.at(-1)?.state !== situation.says.at(-1)?.[0]) complain(`in the end ${JSON.stringify(said.at(-1))}`)
  if (never !== undefined && said.some((one) => never.test(one.text))) complain(`said ${never}`)
  return problems
}

/* Tests */

beforeAll(async () => {
  await clearAway(mark)
  await compose(["up", "-d", "web", "app"])
  for (const { make } of situations) await make?.()
  await engineMakes()
  watchingEngine = await Daemon.start({ WATCHDOG_CONTAINERS: "eng-*" })
  engine = hearEngine()
  daemon = await Daemon.start({ WATCHDOG_CONTAINERS: "sit-*,sit-absent", WATCHDOG_CONTAINER_LOG_LINES: "1" })
})

afterAll(async () => {
  engine?.child.kill()
  await Promise.all([daemon?.stop(), watchingEngine?.stop()])
  await clearAway(mark)
  await tryRun("docker", ["rmi", "busybox:broken"])
})

describe("on a real engine", () => {
  it(
    "every situation of a container says what it should, and wakes whom it should",
    async () => {
      await pause(settledMs)
      assert.deepStrictEqual(
        daemon.signalsTold.filter((signal) => signal !== "container:sit-absent"),
        []
      )

      const courses = await Promise.all(situations.map(play))

      const problems = courses.flatMap(judge)
      const expected = situations.filter(({ told }) => told.length > 0).map(({ name }) => `container:${name}`)
      assert.deepStrictEqual(problems, [])
      assert.sameMembers([...daemon.signalsTold], expected)
      assert.deepStrictEqual(daemon.telegram.core.refusals, [])
      assert.deepStrictEqual(daemon.telegram.core.problems, [])
      tellDocs(
        "containers",
        courses.map((course) => row(course))
      )
    },
    loopMs + 300_000
  )

  it.skipIf(restartCommand === undefined)(
    `an engine that is restarted says what it should${restartCommand === undefined ? " (left out: E2E_ENGINE_RESTART is not set)" : ""}`,
    async () => {
      await daemon.stop()
      const left = await docker("ps", "-aq", "--filter", `label=${mark}`, "--filter", "name=sit-")
      if (left !== "") await docker("rm", "-f", ...left.split("\n"))
      const [courses] = await Promise.all([
        playEngine(watchingEngine, restarted, graceMs + 32_000).then((played) => [...played]),
        restartEngine()
      ])
      if (configFile === undefined) show("live-restore", ["left out: E2E_ENGINE_CONFIG is not set"])
      else {
        await docker("start", "eng-no")
        const mounted = process.getuid?.() === 0 ? await withMountedSocket() : undefined
        if (mounted === undefined) show("a mounted socket", ["left out: it takes root"])
        await withLiveRestore(configFile, async () => {
          await pause(8_000)
          const [played, staled] = await Promise.all([
            playEngine(watchingEngine, liveRestored, 42_000),
            mounted === undefined ? [] : playEngine(mounted, [stale], 42_000),
            restartEngine()
          ])
          courses.push(...played, ...staled)
        })
        await mounted?.stop()
      }

      assert.deepStrictEqual(courses.flatMap(judge), [])
      tellDocs(
        "engine",
        courses.map((course) => row(course))
      )
    },
    400_000
  )
})
