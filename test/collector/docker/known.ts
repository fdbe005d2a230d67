/** What is remembered of containers, in the words of the tests that mirror `docker/Memory.ts` and its neighbours. */
import { Result } from "effect"
import type { SignalLook } from "../../../src/collector/Collector.ts"
import { type ListItem, identify } from "../../../src/collector/docker/Container.ts"
import { type Known, type Memory, type Present, remember } from "../../../src/collector/docker/Memory.ts"
import { parsePatterns } from "../../../src/collector/docker/Selection.ts"
import { defaultPolicy } from "../../../src/decision/index.ts"

export const idOf = (n: number): string => n.toString(16).padStart(64, "0")

export const knownOf = (wanted = "", more: Partial<Known> = {}): Known => ({
  cadence: { intervalMs: 10_000, timeoutMs: 5_000, policy: defaultPolicy },
  ownId: null,
  graceMs: 30_000,
  logLines: 0,
  startMs: 0,
  memories: new Map(),
  stoodIn: new Set(),
  inspectRefused: false,
  looked: true,
  listeningSinceMs: null,
  podman: false,
  wanted: wanted === "" ? [] : Result.getOrThrow(parsePatterns(wanted)),
  excluded: [],
  ...more
})

export const itemOf = (name: string, more: Partial<ListItem> = {}): ListItem => ({
  Id: idOf(1),
  Names: [`/${name}`],
  Image: `${name}:1`,
  State: "running",
  Status: "Up 3 hours",
  Labels: {},
  ...more
})
export const exited = { State: "exited", Status: "Exited (1) 2 seconds ago" }

export const presentOf = (item: ListItem, replacement: ListItem | null = null): Present => ({
  item,
  identity: identify(item),
  replacement
})

/** Takes a look in, and gives what is remembered then. */
export const see = (known: Known, item: ListItem, nowMs: number, replacement: ListItem | null = null): Memory => {
  const present = presentOf(item, replacement)
  remember(known, present, nowMs, false)
  const memory = known.memories.get(present.identity.key)
  if (memory === undefined) throw new Error("nothing is remembered")
  return memory
}

export const inspectOf = (restarts: number, startedAt: string, more: object = {}) => ({
  RestartCount: restarts,
  State: { Status: "running", Running: true, StartedAt: startedAt, ...more },
  HostConfig: { RestartPolicy: { Name: "always" } }
})

export const said = ({ spec, look }: SignalLook): string =>
  look._tag === "Missed"
    ? `${spec.signal} held: ${look.reason}`
    : `${spec.signal} ${look.active ? "active" : "clear"}: ${[look.evidence.summary, ...look.evidence.details].join(" | ")}`
