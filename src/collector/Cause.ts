/**
 * Why the orchestrator's page does not answer, as far as it can be seen from outside: its container, its address, the host.
 *
 * Asked only when the page is bad, and only for as long as an alert can wait. It says what was seen; the likely cause is the
 * first of these that would explain it, never more than was seen.
 */
import { Context, Duration, Effect, Layer, Option, Result, type Scope } from "effect"
import type { Http } from "../base/Http.ts"
import * as Keys from "../base/Keys.ts"
import { usedPercent } from "./Disk.ts"
import {
  type ContainerState,
  classifyContainer,
  containerAlarm,
  decodeInspect,
  decodeListItem,
  identify
} from "./docker/Container.ts"
import { DockerApi, keys as dockerKeys, socketExists } from "./docker/DockerApi.ts"
import { matches } from "./docker/Selection.ts"
import { hostFs } from "./host/HostFs.ts"
import { makePatience } from "./host/Patience.ts"
import { hostRoot, makeReadProc, procPaths } from "./host/Proc.ts"
import { parseMeminfo, percentUsed } from "./Memory.ts"
import { probes } from "./probe/Probes.ts"
import type { Place } from "./probe/Target.ts"

export const keys = {
  container: Keys.textOptional("WATCHDOG_ORCH_CONTAINER", {
    about: "the orchestrator's container or compose service, for the cause in orch_down; unset = the host of its URL",
    fallback: undefined,
    pattern: /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/,
    expected: "the name of a container or compose service"
  })
}

/** A host this full explains a process that does not answer; below it the number would only mislead. */
const hostFullPercent = 95

export interface Surroundings {
  /** Null where there is no engine to ask, or no container of that name. */
  readonly container: { readonly name: string; readonly running: boolean; readonly text: string } | null
  /** Whether its address takes connections; null where that was not found out in time. */
  readonly address: { readonly well: boolean; readonly shown: string; readonly text: string } | null
  /** What of the host is full, in words. */
  readonly host: ReadonlyArray<string>
}

/** The first thing seen that would explain it; undefined where nothing does. */
export const likelyCause = ({ container, address, host }: Surroundings): string | undefined => {
  if (container !== null && !container.running) return `its container ${container.name} ${container.text}`
  const [full] = host
  if (full !== undefined) return full
  if (address === null) return undefined
  if (!address.well) return container === null ? undefined : `its container runs, but ${address.shown}: ${address.text}`
  return "it takes connections and does not answer as it should: busy, stuck, or something else is listening"
}

/** The lines of an alert: the likely cause first, then what was seen. */
export const causeLines = (seen: Surroundings): ReadonlyArray<string> => {
  const cause = likelyCause(seen)
  return [
    ...(cause === undefined ? [] : [`likely cause: ${cause}`]),
    ...(seen.container === null ? [] : [`container ${seen.container.name}: ${seen.container.text}`]),
    ...(seen.address === null ? [] : [`${seen.address.shown}: ${seen.address.text}`]),
    ...seen.host.map((full) => `host: ${full}`)
  ]
}

/**
 * Makes the question, with its own engine client. Each part that cannot be answered within `withinMs` is left out.
 *
 * Shape: (url, withinMs) -> an effect that gives the lines for an alert. Fails: never.
 */
export const makeCause = (
  url: string,
  withinMs: number
): Effect.Effect<Effect.Effect<ReadonlyArray<string>>, never, Http | Keys.Settings | Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* Keys.Settings
    const address = placeOf(url)
    const wanted = settings.get(keys.container) ?? address.host
    const host = settings.get(dockerKeys.host)
    const hasEngine = settings.isSet(dockerKeys.host) || (yield* socketExists(host))
    const api = hasEngine ? Context.get(yield* Layer.build(DockerApi.layer(host, withinMs)), DockerApi) : undefined
    const probe = yield* yield* probes
    const fullness = yield* makeFullness(settings.get(hostRoot) ?? "/", withinMs)
    const looks = {
      container: api === undefined ? Effect.succeed(null) : inTime(withinMs, containerOf(api, wanted)),
      address: inTime(
        withinMs,
        Effect.map(probe.witness(address, withinMs), ({ verdict, summary }) => ({
          well: verdict === "well",
          shown: address.shown,
          text: summary
        }))
      ),
      host: Effect.map(inTime(withinMs, fullness), (found) => found ?? [])
    }
    return Effect.map(Effect.all(looks, { concurrency: "unbounded" }), causeLines)
  })

const placeOf = (raw: string): Place => {
  const url = new URL(raw)
  const host = url.hostname.replace(/^\[|\]$/g, "")
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port)
  return { scheme: "tcp", host, port, path: "", credentials: null, shown: `tcp ${url.hostname}:${port}` }
}

const inTime = <A, E>(withinMs: number, look: Effect.Effect<A, E>): Effect.Effect<A | null> =>
  look.pipe(
    Effect.timeoutOption(Duration.millis(withinMs)),
    Effect.map(Option.getOrNull),
    Effect.orElseSucceed(() => null)
  )

const containerOf = (api: DockerApi["Service"], wanted: string) =>
  Effect.gen(function* () {
    const { items } = yield* api.list
    const item = items
      .flatMap((raw) => Option.toArray(decodeListItem(raw)))
      .find((one) => matches(wanted, identify(one)))
    if (item === undefined) return null
    const answer = yield* api.inspect(item.Id)
    const inspected = answer._tag === "Document" ? Option.getOrNull(decodeInspect(answer.document)) : null
    const state = classifyContainer(item, inspected)
    return { name: identify(item).name, running: state._tag === "Running", text: stateText(state) }
  })

const stateText = (state: ContainerState): string => {
  const verdict = containerAlarm(state, { expected: true, starts: 0, looping: false, grace: null, context: [] })
  return verdict._tag === "Held" ? verdict.reason : verdict.evidence.summary
}

/**
 * What of the host is so full that it explains a process which does not answer. At most two calls are under way at any time,
 * however often it is asked: a file system that hangs keeps its thread.
 */
const makeFullness = (
  root: string,
  withinMs: number
): Effect.Effect<Effect.Effect<ReadonlyArray<string>>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { statFs } = yield* hostFs
    const readProc = yield* makeReadProc(withinMs)
    const inPatience = yield* makePatience<number | null>(withinMs, 1)
    const disk = Effect.map(statFs(root), usedPercent).pipe(Effect.orElseSucceed(() => null))
    const memory = Effect.map(readProc(procPaths(root, "meminfo")), ({ text }) =>
      Result.match(parseMeminfo(text), {
        onFailure: () => null,
        onSuccess: ({ available, total }) => percentUsed(available, total)
      })
    ).pipe(Effect.orElseSucceed(() => null))
    return Effect.gen(function* () {
      const diskPercent = Option.getOrNull(yield* inPatience("disk", disk))
      const memoryPercent = yield* memory
      return [
        ...(isFull(diskPercent) ? [`the disk of / is ${diskPercent}% in use`] : []),
        ...(isFull(memoryPercent) ? [`the memory is ${memoryPercent}% in use`] : [])
      ]
    })
  })

const isFull = (percent: number | null): boolean => percent !== null && percent >= hostFullPercent
