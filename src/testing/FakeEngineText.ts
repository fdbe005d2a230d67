/** How an engine writes its containers down: the texts and keys of list and inspect, taken from 20.10 and 26.1. */
import { DateTime } from "effect"
import type { FakeContainer } from "./FakeEngineWorld.ts"

/** Docker or Podman, and the API version that the path asks for. */
export interface Dialect {
  readonly podman: boolean
  /** The minor number of `1.<minor>`. */
  readonly minor: number
}

const secondMs = 1_000
const minuteMs = 60_000
const hourMs = 3_600_000

/** Source: docker/go-units duration.go, HumanDuration; all divisions cut off but that of hours, which rounds. */
export const humanDuration = (ms: number): string => {
  const seconds = Math.trunc(ms / secondMs)
  if (seconds < 1) return "Less than a second"
  if (seconds === 1) return "1 second"
  if (seconds < 60) return `${seconds} seconds`
  const minutes = Math.trunc(ms / minuteMs)
  if (minutes === 1) return "About a minute"
  if (minutes < 60) return `${minutes} minutes`
  const hours = Math.trunc(ms / hourMs + 0.5)
  if (hours === 1) return "About an hour"
  if (hours < 48) return `${hours} hours`
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`
  return `${Math.trunc(ms / hourMs / 24 / 365)} years`
}

/** Source: moby state.go, StateString. */
export const stateText = (container: FakeContainer): string => {
  if (container.running) return container.paused ? "paused" : container.restarting ? "restarting" : "running"
  if (container.removing) return "removing"
  if (container.dead) return "dead"
  return container.startedMs === null ? "created" : "exited"
}

/** Source: moby state.go, String. */
export const statusText = (container: FakeContainer, nowMs: number, podman: boolean): string => {
  const since = (atMs: number | null): string => humanDuration(nowMs - (atMs ?? nowMs))
  if (container.running) {
    if (container.paused) return `Up ${since(container.startedMs)} (Paused)`
    if (container.restarting) return `Restarting (${container.exitCode}) ${since(container.finishedMs)} ago`
    return `Up ${since(container.startedMs)}${podman ? "" : healthSuffix(container)}`
  }
  if (container.removing) return "Removal In Progress"
  if (container.dead) return "Dead"
  if (container.startedMs === null) return "Created"
  if (container.finishedMs === null) return ""
  return `Exited (${container.exitCode}) ${since(container.finishedMs)} ago`
}

const healthSuffix = ({ health }: FakeContainer): string => {
  if (health === null) return ""
  return health.status === "starting" ? " (health: starting)" : ` (${health.status})`
}

const zeroTime = "0001-01-01T00:00:00Z"

/** RFC 3339 with nanoseconds, as Go writes them; a moment that never was is Go's zero time. */
const timeText = (ms: number | null): string =>
  ms === null ? zeroTime : DateTime.formatIso(DateTime.makeUnsafe(ms)).replace(/(\.\d{3})Z$/, "$1000000Z")

const fakeHash = (text: string): string => {
  let word = 0x811c9dc5
  for (const unit of text) word = Math.imul(word ^ (unit.codePointAt(0) ?? 0), 0x01000193) >>> 0
  return `sha256:${word.toString(16).padStart(8, "0").repeat(8)}`
}

const healthFrom = 52 // API 1.52: the list has health as an object

export const listItem = (container: FakeContainer, nowMs: number, dialect: Dialect): unknown => {
  const item = {
    Id: container.id,
    Names: [`/${container.name}`],
    Image: container.image,
    ImageID: fakeHash(container.image),
    Command: "sleep 3600",
    Created: Math.trunc(container.createdMs / 1_000),
    Ports: [],
    Labels: container.labels,
    State: stateText(container),
    Status: statusText(container, nowMs, dialect.podman),
    HostConfig: { NetworkMode: "bridge" },
    NetworkSettings: { Networks: {} },
    Mounts: [],
    ...(dialect.minor >= healthFrom && !dialect.podman
      ? {
          Health: {
            Status: container.health?.status ?? "none",
            FailingStreak: container.health?.failingStreak ?? 0
          }
        }
      : {})
  }
  return container.mangle.list === undefined ? item : container.mangle.list(item)
}

const stateDocument = (container: FakeContainer, dialect: Dialect) => ({
  Status: stateText(container),
  Running: container.running,
  Paused: container.paused,
  Restarting: container.restarting,
  OOMKilled: container.oomKilled,
  Dead: container.dead,
  Pid: container.running && !container.restarting ? 4_242 : 0,
  ExitCode: container.exitCode,
  Error: container.error,
  StartedAt: timeText(container.startedMs),
  FinishedAt: timeText(container.finishedMs),
  ...healthDocument(container, dialect)
})

/** Docker leaves it out without a health check; Podman gives an empty one. */
const healthDocument = ({ health }: FakeContainer, dialect: Dialect) => {
  if (health === null) return dialect.podman ? { Health: { Status: "", FailingStreak: 0, Log: null } } : {}
  return {
    Health: {
      Status: health.status,
      FailingStreak: health.failingStreak,
      Log: health.log.map((probe) => ({
        Start: timeText(probe.startMs),
        End: timeText(probe.startMs),
        ExitCode: probe.exitCode,
        Output: probe.output
      }))
    }
  }
}

const policyNamedFrom = 44 // measured: no policy is "" in 20.10 and "no" in 26.1

const dataRoot = "/var/lib/docker/containers"

export const inspectDocument = (container: FakeContainer, dialect: Dialect): unknown => {
  const { id, restart } = container
  const policy = restart.name === "no" && dialect.minor < policyNamedFrom ? "" : restart.name
  const document = {
    Id: id,
    Created: timeText(container.createdMs),
    Path: "sleep",
    Args: ["3600"],
    State: stateDocument(container, dialect),
    Image: fakeHash(container.image),
    ResolvConfPath: `${dataRoot}/${id}/resolv.conf`,
    HostnamePath: `${dataRoot}/${id}/hostname`,
    HostsPath: `${dataRoot}/${id}/hosts`,
    LogPath: `${dataRoot}/${id}/${id}-json.log`,
    Name: `/${container.name}`,
    RestartCount: container.restartCount,
    Driver: "overlay2",
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: "",
    ExecIDs: null,
    HostConfig: {
      Binds: null,
      LogConfig: { Type: container.logDriver, Config: {} },
      NetworkMode: "bridge",
      PortBindings: {},
      RestartPolicy: { Name: policy, MaximumRetryCount: restart.retriesMax },
      AutoRemove: false,
      Privileged: false,
      Memory: 0
    },
    GraphDriver: { Data: {}, Name: "overlay2" },
    Mounts: [],
    Config: {
      Hostname: id.slice(0, 12),
      // What a reader must never show.
      Env: ["PATH=/bin", "FAKE_SECRET=do-not-read-env"],
      Cmd: ["sleep", "3600"],
      ...(container.healthcheck ? { Healthcheck: { Test: ["CMD-SHELL", "true"], Interval: 1_000_000_000 } } : {}),
      Image: container.image,
      Tty: container.tty,
      Labels: container.labels ?? {}
    },
    NetworkSettings: { Bridge: "", Ports: {}, Networks: {} }
  }
  return container.mangle.inspect === undefined ? document : container.mangle.inspect(document)
}
