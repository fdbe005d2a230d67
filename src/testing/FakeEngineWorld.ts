/**
 * The containers of a fake engine: how they live, die and come back.
 *
 * Pure: the clock is injected, nothing waits. What happens by itself - a back-off that ends, a container made to crash that
 * crashes - is caught up with before each look. Each change keeps the world before it, so that a list can be stale.
 *
 * Source: moby daemon/container/state.go, daemon/monitor.go, daemon/health.go, restartmanager.go; measured with 20.10 and 26.1.
 */

export type FakeHealthStatus = "starting" | "healthy" | "unhealthy"

export interface FakeProbe {
  readonly startMs: number
  readonly exitCode: number
  readonly output: string
}

export interface FakeHealth {
  readonly status: FakeHealthStatus
  readonly failingStreak: number
  readonly log: ReadonlyArray<FakeProbe>
}

export interface FakeRestartPolicy {
  readonly name: "" | "no" | "always" | "unless-stopped" | "on-failure"
  readonly retriesMax: number
}

/** What came out of a container, as a log driver keeps it. */
export interface FakeLogLine {
  readonly atMs: number
  readonly from: "stdout" | "stderr"
  /** With its line break. */
  readonly text: string
}

/** One container at one moment; a change makes another record. */
export interface FakeContainer {
  readonly id: string
  readonly name: string
  readonly image: string
  readonly labels: Readonly<Record<string, unknown>> | null
  readonly restart: FakeRestartPolicy
  readonly healthcheck: boolean
  readonly tty: boolean
  readonly logDriver: string
  readonly logs: ReadonlyArray<FakeLogLine>
  readonly createdMs: number
  readonly running: boolean
  readonly paused: boolean
  readonly restarting: boolean
  readonly removing: boolean
  readonly dead: boolean
  readonly oomKilled: boolean
  readonly exitCode: number
  readonly error: string
  readonly startedMs: number | null
  readonly finishedMs: number | null
  readonly restartCount: number
  readonly health: FakeHealth | null
  readonly stoppedByHand: boolean
  /** The back-off of the engine's restart manager, and when it ends. */
  readonly backoffMs: number
  readonly restartAtMs: number | null
  /** Made to crash again and again, so long after each start. */
  readonly crashes: Crash | null
  readonly mangle: FakeMangle
}

interface Crash {
  readonly sinceMs: number
  readonly exitCode: number
  readonly afterMs: number
  readonly oom: boolean
}

/** Last hand on what the engine says of one container: to leave out fields, change their types, or replace the whole. */
export interface FakeMangle {
  readonly list?: (item: Readonly<Record<string, unknown>>) => unknown
  readonly inspect?: (document: Readonly<Record<string, unknown>>) => unknown
}

export interface FakeContainerSpec {
  /** Where left out, compose's `<project>-<service>-<number>`. */
  readonly name?: string
  readonly image?: string
  /** `null` as some engines and captures have it. */
  readonly labels?: Readonly<Record<string, unknown>> | null
  /** `on-failure:3` has a limit. Default `no`, which an engine 20.10 calls the empty text. */
  readonly restart?: string
  readonly healthcheck?: boolean
  /** A terminal: its logs are one raw stream. */
  readonly tty?: boolean
  /** Default `json-file`; `none` and `syslog` cannot be read. */
  readonly logDriver?: string
  /** Compose's labels; all three or none. */
  readonly project?: string
  readonly service?: string
  readonly number?: number
  readonly oneOff?: boolean
  readonly id?: string
  readonly mangle?: FakeMangle
}

/** A step of compose's recreate, named for what is true after it. */
export type ComposeStep = "created" | "stopped" | "removed" | "renamed" | "started"

export const composeSteps: ReadonlyArray<ComposeStep> = ["created", "stopped", "removed", "renamed", "started"]

export interface ComposeRecreate {
  /** The replacement. */
  readonly id: string
  /** Goes on up to and including this step. */
  readonly to: (step: ComposeStep) => void
}

/** What a test does to the world. Names are those of `docker ps`; ids work too. A name that is not there is the test's bug: it throws. */
export interface FakeWorld {
  readonly create: (spec: FakeContainerSpec) => FakeContainer
  /** `create` and `start`. */
  readonly run: (spec: FakeContainerSpec) => FakeContainer
  /** By hand: resets the restart count. With `error` the start fails as with a taken port: still "created". */
  readonly start: (name: string, options?: { readonly error?: string }) => void
  /**
   * Its main process ends by itself. The restart policy is honoured: at once, or where `backoff` is set after the engine's
   * back-off, in which it is "restarting".
   */
  readonly die: (
    name: string,
    exitCode: number,
    options?: { readonly oom?: boolean; readonly oomEvents?: number; readonly backoff?: boolean }
  ) => void
  /** A process in it is killed for want of memory, and it lives on, flagged. */
  readonly oom: (name: string) => void
  /** From now on it dies, and so long after each start again, with back-off, until `settle`. */
  readonly crashLoop: (
    name: string,
    options: { readonly exitCode: number; readonly afterMs?: number; readonly oom?: boolean }
  ) => void
  readonly settle: (name: string) => void
  /** `docker stop`: no policy brings it back. With 137 it had to be killed: a second signal, 9. */
  readonly stop: (name: string, exitCode?: number) => void
  /** `docker restart`: stopped, and started again at once. */
  readonly restart: (name: string, exitCode?: number) => void
  /**
   * `docker kill`: signal 9 and exit 137 without the out-of-memory flag; no policy brings it back. With another signal it ends
   * with `exitCode`, which is 128 and the signal where left out; with `survives` it does not end.
   */
  readonly kill: (
    name: string,
    options?: { readonly signal?: number; readonly exitCode?: number; readonly survives?: boolean }
  ) => void
  /** One probe's outcome. The engine tells of it where the status changes. */
  readonly health: (name: string, status: FakeHealthStatus, output?: string) => void
  readonly pause: (name: string) => void
  /** The health stays "unhealthy", where pausing put it, until the next probe. */
  readonly unpause: (name: string) => void
  /** `docker rm -f`: killed first where it runs. */
  readonly remove: (name: string) => void
  /** In the middle of being removed; `dead` if the engine failed at it. */
  readonly removing: (name: string, outcome?: "dead") => void
  readonly rename: (name: string, to: string) => void
  /** Something is run inside it, as each health probe is: three events that change nothing. */
  readonly exec: (name: string, options?: { readonly command?: string; readonly exitCode?: number }) => void
  /** It writes this; where the line break is left out it is added. */
  readonly log: (name: string, from: FakeLogLine["from"], text: string) => void
  readonly mangle: (name: string, mangle: FakeMangle) => void
  /** `docker compose up` with a changed service: step by step, stopping wherever the test wants to look. */
  readonly composeRecreate: (name: string, options?: { readonly image?: string }) => ComposeRecreate
  readonly get: (name: string) => FakeContainer
}

export interface World extends FakeWorld {
  /** Newest first, as the engine lists them; the world as it was at `atMs`. */
  readonly containersAt: (atMs: number) => ReadonlyArray<FakeContainer>
  readonly find: (reference: string) => FakeContainer | undefined
  /** Lets happen what is due, and says when the next is; null if nothing is. */
  readonly nextDueMs: () => number | null
}

/** What an engine tells of, as it happens; `container` is as it is after that. */
export type Happening = { readonly atMs: number; readonly container: FakeContainer } & (
  | { readonly what: "create" | "start" | "stop" | "restart" | "oom" | "pause" | "unpause" | "destroy" | "die" }
  /** Before the start that a policy is the reason of. */
  | { readonly what: "restarted-by-policy" }
  | { readonly what: "kill"; readonly signal: number; readonly by: "stop" | "kill" | "remove" }
  | { readonly what: "probe"; readonly status: FakeHealthStatus; readonly changed: boolean }
  | { readonly what: "rename"; readonly oldName: string }
  | { readonly what: "exec"; readonly command: string; readonly execId: string; readonly exitCode: number }
)

type Untimed<A> = A extends unknown ? Omit<A, "atMs" | "container"> : never
type Told = Untimed<Happening>

export interface WorldOptions {
  readonly nowMs: () => number
  readonly tell: (happening: Happening) => void
  /** Which of `stop` and `die` is told first. */
  readonly stopOrder: () => "stopFirst" | "dieFirst"
  /** Each probe is three events of its own. */
  readonly probeNoise: boolean
}

const backoffFirstMs = 100 // moby restartmanager.go, defaultTimeout
const backoffMaxMs = 60_000 // moby restartmanager.go, maxRestartTimeout
const runResetsBackoffMs = 10_000 // moby restartmanager.go, ShouldRestart
const probesKept = 5 // moby health.go, maxLogEntries
const portTakenExitCode = 128 // measured, 20.10 and 26.1
const killedExitCode = 137 // 128 and SIGKILL
const sigterm = 15
const sigkill = 9
const logLinesMax = 10_000
const execIdsFrom = 1_000_000 // no container's id
// Stale looks go back seconds; a fake left running must not grow for ever.
const momentsMax = 2_000

interface Moment {
  readonly atMs: number
  readonly containers: ReadonlyMap<string, FakeContainer>
}

/**
 * Builds an empty world.
 *
 * Shape: a clock -> what a test may do to it, and what the engine may read of it.
 * Law:   the same deeds at the same times give the same world, ids included.
 */
export const makeWorld = ({ nowMs, tell, stopOrder, probeNoise }: WorldOptions): World => {
  const moments: Array<Moment> = [{ atMs: Number.NEGATIVE_INFINITY, containers: new Map() }]
  let made = 0
  let execs = 0

  const current = (): ReadonlyMap<string, FakeContainer> => moments.at(-1)?.containers ?? new Map()
  const put = (atMs: number, change: (containers: Map<string, FakeContainer>) => void): void => {
    const containers = new Map(current())
    change(containers)
    const last = moments.at(-1)
    if (last !== undefined && last.atMs === atMs) moments[moments.length - 1] = { atMs, containers }
    else moments.push({ atMs, containers })
    if (moments.length > momentsMax) moments.shift()
  }
  const set = (container: FakeContainer, atMs: number): void =>
    put(atMs, (containers) => void containers.set(container.id, container))

  const find = (reference: string): FakeContainer | undefined => {
    const all = [...current().values()]
    const byPrefix = all.filter((one) => one.id.startsWith(reference))
    return (
      current().get(reference) ??
      all.find((one) => one.name === reference.replace(/^\//, "")) ??
      (byPrefix.length === 1 && reference !== "" ? byPrefix[0] : undefined)
    )
  }
  /** Brings the world up to now, then gives the container. */
  const get = (name: string): FakeContainer => {
    catchUp(nowMs())
    const found = find(name)
    if (found === undefined) throw new Error(`the fake engine has no container ${name}`)
    return found
  }
  const change = (name: string, next: (container: FakeContainer, atMs: number) => FakeContainer): void => {
    const container = get(name)
    set(next(container, nowMs()), nowMs())
  }

  /** Lets happen what was due, in the order of time. */
  const catchUp = (untilMs: number): void => {
    for (;;) {
      let next: readonly [number, FakeContainer] | null = null
      for (const container of current().values()) {
        const at = dueMs(container)
        if (at !== null && at <= untilMs && (next === null || at < next[0])) next = [at, container]
      }
      if (next === null) return
      const [at, container] = next
      if (container.restarting) restartByPolicy(container, at)
      else die(container, at, container.crashes?.exitCode ?? 1, container.crashes?.oom === true ? 1 : 0)
    }
  }

  /** What is told is told of the container as it is by then. */
  const say = (id: string, atMs: number, told: Told): void => {
    const container = current().get(id)
    if (container !== undefined) tell({ atMs, container, ...told })
  }
  const restartByPolicy = (container: FakeContainer, atMs: number): void => {
    set(started(container, atMs), atMs)
    say(container.id, atMs, { what: "restarted-by-policy" })
    say(container.id, atMs, { what: "start" })
  }
  /** Ends by itself. An out-of-memory is told of as often as the kernel killed a process. */
  const die = (container: FakeContainer, atMs: number, exitCode: number, ooms: number): FakeContainer => {
    const dead = died(container, atMs, exitCode, ooms > 0)
    for (let n = 0; n < ooms; n++) tell({ atMs, container, what: "oom" })
    set(dead, atMs)
    tell({ atMs, container: dead, what: "die" })
    return dead
  }
  /** In its back-off no process is there to get it: the engine only notes that it is wanted gone. */
  const signal = (container: FakeContainer, number: number, by: "stop" | "kill" | "remove"): void => {
    if (container.restarting) return
    tell({ atMs: nowMs(), container, what: "kill", signal: number, by })
    // Frozen it could not take it.
    if (get(container.id).paused) unpause(container.id)
  }
  const unpause = (name: string): void => {
    const { id } = get(name)
    change(id, (container) => ({ ...container, paused: false }))
    say(id, nowMs(), { what: "unpause" })
  }
  /** A running container is ended by hand; `stopped` where the engine calls it a stop, and says so. */
  const end = (container: FakeContainer, exitCode: number, stopped: boolean): void => {
    const atMs = nowMs()
    set({ ...exited(container, atMs, exitCode, false), stoppedByHand: true }, atMs)
    const dieFirst = stopOrder() === "dieFirst"
    if (stopped && !dieFirst) say(container.id, atMs, { what: "stop" })
    if (!container.restarting) say(container.id, atMs, { what: "die" })
    if (stopped && dieFirst) say(container.id, atMs, { what: "stop" })
  }

  const create = (spec: FakeContainerSpec): FakeContainer => {
    catchUp(nowMs())
    const container = newContainer(spec, spec.id ?? idOf(++made), nowMs())
    if (find(container.name) !== undefined) throw new Error(`Conflict. The name ${container.name} is in use`)
    set(container, nowMs())
    say(container.id, nowMs(), { what: "create" })
    return container
  }
  const start: FakeWorld["start"] = (name, { error } = {}) => {
    const { id } = get(name)
    change(id, (container, atMs) =>
      error === undefined
        ? { ...started(container, atMs), restartCount: 0, stoppedByHand: false, backoffMs: 0 }
        : { ...container, error, exitCode: portTakenExitCode }
    )
    if (error === undefined) say(id, nowMs(), { what: "start" })
  }
  const stop = (name: string, exitCode = 143): void => {
    const container = get(name)
    if (!container.running) return
    signal(container, sigterm, "stop")
    if (exitCode === killedExitCode) signal(container, sigkill, "stop")
    end(container, exitCode, true)
  }
  const kill: FakeWorld["kill"] = (name, { signal: number = sigkill, exitCode, survives = false } = {}) => {
    const container = get(name)
    if (!container.running) return
    signal(container, number, "kill")
    if (!survives) end(container, exitCode ?? 128 + number, false)
  }
  const remove = (name: string): void => {
    const container = get(name)
    if (container.running) {
      signal(container, sigkill, "remove")
      end(container, killedExitCode, false)
    }
    const last = get(container.id)
    put(nowMs(), (containers) => void containers.delete(container.id))
    tell({ atMs: nowMs(), container: last, what: "destroy" })
  }
  const rename = (name: string, to: string): void => {
    const { id, name: oldName } = get(name)
    change(id, (container) => ({ ...container, name: to }))
    say(id, nowMs(), { what: "rename", oldName })
  }
  const exec: FakeWorld["exec"] = (name, { command = "/bin/sh -c true", exitCode = 0 } = {}) => {
    const { id } = get(name)
    say(id, nowMs(), { what: "exec", command, execId: idOf(++execs + execIdsFrom), exitCode })
  }

  return {
    create,
    run: (spec) => {
      const { id } = create(spec)
      start(id)
      return get(id)
    },
    start,
    die: (name, exitCode, { oom = false, oomEvents = 1, backoff = false } = {}) => {
      const dead = die(get(name), nowMs(), exitCode, oom ? oomEvents : 0)
      if (dead.restarting && !backoff) restartByPolicy(dead, nowMs())
    },
    oom: (name) => {
      const { id } = get(name)
      change(id, (container) => ({ ...container, oomKilled: true }))
      say(id, nowMs(), { what: "oom" })
    },
    crashLoop: (name, { exitCode, afterMs = 0, oom = false }) =>
      change(name, (container, sinceMs) => ({ ...container, crashes: { sinceMs, exitCode, afterMs, oom } })),
    settle: (name) => change(name, (container) => ({ ...container, crashes: null })),
    stop,
    restart: (name, exitCode) => {
      const { id } = get(name)
      stop(id, exitCode)
      start(id)
      say(id, nowMs(), { what: "restart" })
    },
    kill,
    exec,
    log: (name, from, text) =>
      change(name, (container, atMs) => ({
        ...container,
        logs: [...container.logs, { atMs, from, text: text.endsWith("\n") ? text : `${text}\n` }].slice(-logLinesMax)
      })),
    health: (name, status, output = "") => {
      const before = get(name)
      if (probeNoise) exec(before.id, { exitCode: status === "unhealthy" ? 1 : 0 })
      change(before.id, (container, atMs) => ({ ...container, health: probed(container, status, output, atMs) }))
      say(before.id, nowMs(), { what: "probe", status, changed: before.health?.status !== status })
    },
    pause: (name) => {
      const { id } = get(name)
      change(id, (container) => ({ ...container, paused: true, health: closedMonitor(container.health) }))
      say(id, nowMs(), { what: "pause" })
    },
    unpause,
    remove,
    removing: (name, outcome) => {
      const container = get(name)
      if (container.running) {
        signal(container, sigkill, "remove")
        end(container, killedExitCode, false)
      }
      change(container.id, (last) => ({
        ...last,
        ...(outcome === "dead" ? { dead: true, error: "driver failed to remove root filesystem" } : { removing: true })
      }))
    },
    rename,
    mangle: (name, mangle) => change(name, (container) => ({ ...container, mangle })),
    composeRecreate: (name, { image } = {}) => {
      const old = get(name)
      const canonical = old.name
      const replacement = newContainer(
        {
          name: `${old.id.slice(0, 12)}_${canonical}`,
          image: image ?? old.image,
          labels: { ...old.labels, "com.docker.compose.replace": old.id }
        },
        idOf(++made),
        nowMs()
      )
      const steps: Readonly<Record<ComposeStep, () => void>> = {
        created: () => {
          const { restart, healthcheck, tty, logDriver } = old
          set({ ...replacement, restart, healthcheck, tty, logDriver, createdMs: nowMs() }, nowMs())
          say(replacement.id, nowMs(), { what: "create" })
        },
        stopped: () => stop(old.id),
        removed: () => remove(old.id),
        renamed: () => rename(replacement.id, canonical),
        started: () => start(replacement.id)
      }
      let done = 0
      return {
        id: replacement.id,
        to: (step) => {
          for (; done <= composeSteps.indexOf(step); done++) {
            const at = composeSteps[done]
            if (at !== undefined) steps[at]()
          }
        }
      }
    },
    get,
    find: (reference) => {
      catchUp(nowMs())
      return find(reference)
    },
    containersAt: (atMs) => {
      catchUp(nowMs())
      const then = moments.findLast((moment) => moment.atMs <= atMs) ?? moments[0]
      return [...(then?.containers.values() ?? [])].toReversed()
    },
    nextDueMs: () => {
      catchUp(nowMs())
      const dues = [...current().values()].map(dueMs).filter((at) => at !== null)
      return dues.length === 0 ? null : Math.min(...dues)
    }
  }
}

/* One container's life */

const newContainer = (spec: FakeContainerSpec, id: string, nowMs: number): FakeContainer => {
  const { project, service, number = 1 } = spec
  const compose =
    project === undefined || service === undefined
      ? {}
      : {
          "com.docker.compose.project": project,
          "com.docker.compose.service": service,
          "com.docker.compose.container-number": String(number),
          "com.docker.compose.oneoff": spec.oneOff === true ? "True" : "False",
          "com.docker.compose.config-hash": idOf(number).slice(0, 64)
        }
  const [policy = "no", retries = "0"] = (spec.restart ?? "no").split(":")
  return {
    id,
    name: spec.name ?? `${project ?? "project"}-${service ?? "service"}-${number}`,
    image: spec.image ?? `${service ?? spec.name ?? "image"}:latest`,
    labels: spec.labels === null ? null : { ...compose, ...spec.labels },
    restart: { name: policyName(policy), retriesMax: Number(retries) },
    healthcheck: spec.healthcheck ?? false,
    tty: spec.tty ?? false,
    logDriver: spec.logDriver ?? "json-file",
    logs: [],
    createdMs: nowMs,
    running: false,
    paused: false,
    restarting: false,
    removing: false,
    dead: false,
    oomKilled: false,
    exitCode: 0,
    error: "",
    startedMs: null,
    finishedMs: null,
    restartCount: 0,
    health: null,
    stoppedByHand: false,
    backoffMs: 0,
    restartAtMs: null,
    crashes: null,
    mangle: spec.mangle ?? {}
  }
}

const policies = ["", "no", "always", "unless-stopped", "on-failure"] as const

const policyName = (text: string): FakeRestartPolicy["name"] => {
  const found = policies.find((name) => name === text)
  if (found === undefined) throw new Error(`no such restart policy: ${text}`)
  return found
}

/** As the engine's `setRunning`: the last exit is forgotten, its out-of-memory flag too. */
const started = (container: FakeContainer, atMs: number): FakeContainer => ({
  ...container,
  running: true,
  paused: false,
  restarting: false,
  restartAtMs: null,
  exitCode: 0,
  error: "",
  oomKilled: false,
  startedMs: atMs,
  health: container.healthcheck ? { status: "starting", failingStreak: 0, log: container.health?.log ?? [] } : null
})

const exited = (container: FakeContainer, atMs: number, exitCode: number, oom: boolean): FakeContainer => ({
  ...container,
  running: false,
  paused: false,
  restarting: false,
  restartAtMs: null,
  exitCode,
  oomKilled: oom,
  finishedMs: atMs,
  health: closedMonitor(container.health)
})

/** Ends it by itself; "restarting" where its policy wants it back. */
const died = (container: FakeContainer, atMs: number, exitCode: number, oom: boolean): FakeContainer => {
  const dead = exited(container, atMs, exitCode, oom)
  if (!comesBack(container, exitCode)) return dead
  const ranMs = atMs - (container.startedMs ?? atMs)
  const before = ranMs >= runResetsBackoffMs ? 0 : container.backoffMs
  const backoffMs = before === 0 ? backoffFirstMs : Math.min(before * 2, backoffMaxMs)
  return {
    ...dead,
    running: true,
    restarting: true,
    restartCount: container.restartCount + 1,
    backoffMs,
    restartAtMs: atMs + backoffMs
  }
}

const comesBack = ({ restart, restartCount, stoppedByHand }: FakeContainer, exitCode: number): boolean => {
  switch (restart.name) {
    case "always":
      return true
    case "unless-stopped":
      return !stoppedByHand
    case "on-failure":
      return exitCode !== 0 && (restart.retriesMax === 0 || restartCount < restart.retriesMax)
    default:
      return false
  }
}

/** When something is next to happen to it by itself. */
const dueMs = (container: FakeContainer): number | null => {
  if (container.restarting) return container.restartAtMs
  const { crashes, startedMs } = container
  if (!container.running || container.paused || crashes === null || startedMs === null) return null
  return Math.max(startedMs, crashes.sinceMs) + crashes.afterMs
}

/** The engine calls a container unhealthy when it stops probing it: on exit and on pause, without an event. */
const closedMonitor = (health: FakeHealth | null): FakeHealth | null =>
  health === null ? null : { ...health, status: "unhealthy" }

const probed = (container: FakeContainer, status: FakeHealthStatus, output: string, atMs: number): FakeHealth => {
  const before = container.health ?? { failingStreak: 0, log: [] }
  const exitCode = status === "unhealthy" ? 1 : 0
  return {
    status,
    failingStreak: status === "unhealthy" ? before.failingStreak + 1 : 0,
    log: status === "starting" ? before.log : [...before.log, { startMs: atMs, exitCode, output }].slice(-probesKept)
  }
}

/** 64 hex digits that differ from the first on, the same in every run. */
const idOf = (number: number): string => {
  let word = Math.imul(number, 0x9e3779b1) >>> 0
  let id = ""
  while (id.length < 64) {
    word = Math.imul(word ^ (word >>> 15), 0x85ebca6b) >>> 0
    word = ((word ^ (word >>> 13)) + number) >>> 0
    id += word.toString(16).padStart(8, "0")
  }
  return id
}
