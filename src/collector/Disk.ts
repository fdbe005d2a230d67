/**
 * The last-ditch disk ceiling: opt-in, off by default, because 85 % belongs to the orchestrator's own disk watchdog and one
 * fact has one owner.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { Context, Duration, Effect, Fiber, Layer, Option, Result, Semaphore } from "effect"
import * as Keys from "../base/Keys.ts"
import { uncancellable } from "../base/Uncancellable.ts"
import { cadenceOf, intervalKey } from "./Cadence.ts"
import { type Collector, type SignalLook, entry as collectorEntry, missed, seen } from "./Collector.ts"
import type { SignalSpec } from "../decision/index.ts"

export const keys = {
  ceiling: Keys.percent("WATCHDOG_DISK_CEILING", {
    about: "percent in use, as df counts it, that alerts (97 is what it is for); off = not ours to watch",
    fallback: undefined
  }),
  paths: Keys.custom<ReadonlyArray<string>>("WATCHDOG_DISK_PATHS", {
    about: "mounts to watch, comma separated, as the host names them",
    fallback: ["/"],
    parse: (raw) => {
      const items = raw.split(",").map((item) => item.trim())
      return items.every((item) => item.startsWith("/"))
        ? Result.succeed([...new Set(items)])
        : Result.fail("absolute paths separated by commas, such as /,/var")
    },
    show: (items) => items.join(",")
  }),
  hostRoot: Keys.textOptional("WATCHDOG_HOST_ROOT", {
    about: "where the host's root is mounted read-only; / = this is the host",
    fallback: "/",
    pattern: /^\//,
    expected: "an absolute path"
  })
}

const interval = intervalKey("disk")

/** It must fall this far below the ceiling before it counts as well again: a log that grows and is cut would flap. */
const clearBelowPercent = 2

/**
 * A `statfs` on a dead mount never returns and holds a thread of libuv's pool. Two may be stuck at most, of the 16 threads the
 * watchdog runs with; whatever else is to be looked at then waits and is Missed.
 */
const stuckMax = 2

/** Blocks of a file system, as statfs(2) counts them. */
export interface Blocks {
  readonly blocks: bigint
  readonly bfree: bigint
  readonly bavail: bigint
}

/**
 * Percent in use as `df` shows it: rounded up, of what an ordinary user could have; null for a file system without blocks.
 * Source: coreutils df: ceil(100 * used / (used + available)). Blocks reserved for root are not in the base.
 */
export const usedPercent = ({ blocks, bfree, bavail }: Blocks): number | null => {
  const used = blocks - bfree
  const total = used + (bavail > 0n ? bavail : 0n)
  if (used < 0n || total <= 0n) return null
  return Number((used * 100n + total - 1n) / total)
}

/** The system call, to be replaced in tests. */
export class StatFs extends Context.Service<StatFs, (path: string) => Promise<Blocks>>()("watchdog/collector/StatFs") {
  static readonly layer: Layer.Layer<StatFs> = Layer.effect(
    StatFs,
    Effect.map(
      Effect.service(uncancellable),
      (calls) => (mount: string) => calls.count(() => fs.promises.statfs(mount, { bigint: true }))
    )
  )
}

export class Disk extends Context.Service<Disk, Collector>()("watchdog/collector/Disk") {
  static readonly layerNoDeps = Layer.effect(
    Disk,
    Effect.gen(function* () {
      const settings = yield* Keys.Settings
      const ceiling = settings.get(keys.ceiling)
      const cadence = cadenceOf(
        settings,
        interval,
        ceiling === undefined
          ? {}
          : { ceiling: { raiseAt: ceiling, clearAt: Math.max(0, ceiling - clearBelowPercent) } }
      )
      const mounts = settings.get(keys.paths)
      if (ceiling === undefined) {
        return Disk.of({
          name: "disk",
          ...cadence,
          watches: `${keys.ceiling.name} is not set`,
          off: true,
          collect: () => Effect.succeed({ looks: [], complete: true, oddities: [] })
        })
      }
      const look = yield* makeLook(settings.get(keys.hostRoot) ?? "/", cadence.timeoutMs)
      return Disk.of({
        name: "disk",
        ...cadence,
        watches: `disk ceiling ${ceiling}% on ${mounts.join(", ")}`,
        off: false,
        collect: () =>
          Effect.map(
            Effect.forEach(
              mounts,
              (mount) => look(mount, { signal: `disk:${mount}`, severity: "critical", policy: cadence.policy }),
              { concurrency: "unbounded" }
            ),
            (looks) => ({ looks, complete: true, unseen: unseen(looks), oddities: [] })
          )
      })
    })
  )
  static readonly layer = Layer.provide(this.layerNoDeps, StatFs.layer)
}

export const entry = collectorEntry("disk", Disk, Disk.layer, interval, keys)

/** A mount that cannot be looked at is blindness, and said as such: nobody else would notice. */
const unseen = (looks: ReadonlyArray<SignalLook>): string | undefined => {
  const reasons = looks.flatMap(({ look }) => (look._tag === "Missed" ? [look.reason] : []))
  return reasons.length === 0 ? undefined : reasons.join("; ")
}

type Answer = { readonly _tag: "Blocks"; readonly blocks: Blocks } | { readonly _tag: "Error"; readonly code: string }

/** Looks at one mount in time or says that it could not; a call that hangs keeps its place until it really returns. */
const makeLook = (hostRoot: string, timeoutMs: number) =>
  Effect.gen(function* () {
    const statFs = yield* StatFs
    const scope = yield* Effect.scope
    const places = yield* Semaphore.make(stuckMax)
    const inFlight = new Map<string, Fiber.Fiber<Answer>>()

    const ask = (mount: string): Effect.Effect<Answer> =>
      places.withPermit(
        Effect.tryPromise({
          try: () => statFs(path.join(hostRoot, mount)),
          catch: (cause) => String((cause as NodeJS.ErrnoException).code ?? cause)
        }).pipe(
          Effect.match({
            onFailure: (code): Answer => ({ _tag: "Error", code }),
            onSuccess: (blocks): Answer => ({ _tag: "Blocks", blocks })
          })
        )
      )

    const running = (mount: string): Effect.Effect<Fiber.Fiber<Answer>> =>
      Effect.suspend(() => {
        const found = inFlight.get(mount)
        if (found !== undefined) return Effect.succeed(found)
        const asked = Effect.ensuring(
          ask(mount),
          Effect.sync(() => inFlight.delete(mount))
        )
        return Effect.tap(Effect.forkIn(asked, scope, { startImmediately: false }), (fiber) =>
          Effect.sync(() => void inFlight.set(mount, fiber))
        )
      })

    return (mount: string, spec: SignalSpec): Effect.Effect<SignalLook> =>
      Effect.gen(function* () {
        const fiber = yield* running(mount)
        const answer = yield* Effect.timeoutOption(Fiber.join(fiber), Duration.millis(timeoutMs))
        return { spec, look: lookOf(mount, timeoutMs, spec, answer) }
      })
  })

const lookOf = (
  mount: string,
  timeoutMs: number,
  spec: SignalSpec,
  answer: Option.Option<Answer>
): SignalLook["look"] => {
  if (Option.isNone(answer))
    return missed(
      `statfs of ${mount} has not answered within ${timeoutMs} ms: the mount hangs, or waits behind one that does`
    )
  if (answer.value._tag === "Error")
    return missed(`statfs of ${mount}: ${answer.value.code === "ENOENT" ? "no such path" : answer.value.code}`)
  const percent = usedPercent(answer.value.blocks)
  if (percent === null) return missed(`${mount} has no blocks to count`)
  // The policy judges the value, with its lower clear threshold; this verdict is for the journal.
  const ceiling = spec.policy.ceiling?.raiseAt ?? Number.POSITIVE_INFINITY
  return seen(
    percent >= ceiling,
    { summary: `${percent}% in use, the ceiling is ${ceiling}%`, details: [] },
    { value: percent }
  )
}
