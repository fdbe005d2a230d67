/**
 * What an event of the engine does: to the memory at once, to what is told through the lane of its container.
 *
 * A lane is one fiber per container that has something pending: its looks go out in order, a slow inspect of one holds up no
 * other, and a flood of events makes no more looks than there are containers.
 */
import { Deferred, Duration, Effect, Exit, FiberMap, type Scope, Semaphore } from "effect"
import { monotonicMs } from "../../base/Monotonic.ts"
import type { Emit } from "../Collector.ts"
import { type Identity, exitText, identify } from "./Container.ts"
import { type ContainerEvent, isIntent, isKill } from "./ContainerEvent.ts"
import type { DockerApi } from "./DockerApi.ts"
import { takeLog } from "./LastLog.ts"
import { type Known, type Memory, contextOf, isExpected, isWatched, learn, look, lookAt, remember } from "./Memory.ts"
import { hearStart, loopTextOf } from "./Starts.ts"

/** A signal that asks a container to end means its next death, for a minute or as long as its own stop may take. */
const intentLifeMs = 60_000
/** `docker rm -f` is a KILL with a `destroy` right behind it; a KILL without is somebody's `docker kill`, which is a crash. */
const destroyWithinMs = 1_000
/** The event is the evidence; an inspect only adds, and not for long. */
const inspectWithinMs = 250
/** The engine tells of an out-of-memory kill 0.1 to 0.3 s before the death it causes, if it causes one. */
const oomBeforeDieMs = 500
const inspectsAtOnce = 4

interface Crash {
  readonly exitCode: number | null
  readonly oom: boolean
  readonly atMs: number
  /** Whether it was meant is told only after it: by `destroy` after a KILL, by anything at all in Podman's dialect. */
  readonly uncertain: boolean
}

interface Pending {
  readonly crash: Crash | null
  readonly oom: boolean
  readonly unhealthy: boolean
  readonly look: boolean
}

const nothing: Pending = { crash: null, oom: false, unhealthy: false, look: false }

export interface Reactions {
  /** Takes it into memory. Never waits. */
  readonly react: (event: ContainerEvent, atMs: number) => Effect.Effect<void>
  /** Tells what the events so far call for. Never waits for a request. */
  readonly settle: Effect.Effect<void>
  /** Dies with the lane that does: a bug of ours is for the supervisor. */
  readonly broken: Effect.Effect<never>
}

interface Lanes {
  readonly known: Known
  readonly api: DockerApi["Service"]
  readonly emit: Emit
  readonly pending: Map<string, Pending>
  /** With something pending since the last `settle`. */
  readonly due: Set<string>
  /** Done when a crash comes in for a lane that is busy with less. */
  readonly crashes: Map<string, Deferred.Deferred<void>>
  readonly places: Semaphore.Semaphore
}

export const makeReactions = (
  known: Known,
  api: DockerApi["Service"],
  emit: Emit
): Effect.Effect<Reactions, never, Scope.Scope> =>
  Effect.gen(function* () {
    const fibers = yield* FiberMap.make<string, void, never>()
    const lanes: Lanes = {
      known,
      api,
      emit,
      pending: new Map(),
      due: new Set(),
      crashes: new Map(),
      places: yield* Semaphore.make(inspectsAtOnce)
    }
    return {
      broken: Effect.andThen(FiberMap.join(fibers), Effect.never),
      react: (event, atMs) =>
        Effect.sync(() => {
          const key = take(lanes, event, atMs)
          if (key !== undefined) lanes.due.add(key)
        }),
      settle: Effect.suspend(() => {
        const due = [...lanes.due]
        lanes.due.clear()
        return Effect.forEach(due, (key) => FiberMap.run(fibers, key, drain(lanes, key), { onlyIfMissing: true }), {
          discard: true
        })
      })
    }
  })

/* Memory */

/** Takes the event into memory; the lane to run, if it calls for a look. */
const take = (lanes: Lanes, event: ContainerEvent, atMs: number): string | undefined => {
  const { known } = lanes
  const identity = identityOf(known, event)
  if (!isWatched(known, event.item, identity)) return undefined
  const before = known.memories.get(identity.key)
  if (identity.replacement && before !== undefined && before.id !== event.id) {
    before.replaced = true
    return undefined
  }
  const memory = before?.id === event.id ? before : adopt(known, event, identity, atMs)
  if (memory === undefined) return undefined
  memory.heardMs = atMs
  if (turns.has(event.action)) memory.turnedMs = atMs
  const call = calls(known, memory, event, atMs)
  if (call === undefined) return undefined
  const waiting = lanes.pending.get(identity.key) ?? nothing
  lanes.pending.set(identity.key, { ...waiting, ...call })
  const busy = lanes.crashes.get(identity.key)
  if (busy !== undefined && (call.crash ?? null) !== null) Deferred.doneUnsafe(busy, Exit.void)
  return identity.key
}

/** What changes a container's state. */
const turns: ReadonlySet<string> = new Set(["start", "die", "pause", "unpause", "destroy", "remove"])

/** Two containers that only share their labels are told apart by name, as in a list: none is taken for the other. */
const identityOf = (known: Known, { id, item }: ContainerEvent): Identity => {
  const identity = identify(item)
  const before = known.memories.get(identity.key)
  if (identity.replacement || before === undefined || before.id === id) return identity
  const other = `${identity.key} ${identity.name}`
  const isDouble = before.identity.name !== identity.name && !before.destroyed
  return isDouble || known.memories.get(other)?.id === id ? { ...identity, key: other } : identity
}

/** A container first heard of by an event: only a start or a death says that it is the one of its name now. */
const adopt = (known: Known, event: ContainerEvent, identity: Identity, atMs: number): Memory | undefined => {
  if (event.action !== "start" && event.action !== "die") return undefined
  // Not yet seen running by a look: a job of a second is not expected to run on.
  remember(
    known,
    { item: { ...event.item, State: "created", Status: "Created" }, identity, replacement: null },
    atMs,
    false
  )
  return known.memories.get(identity.key)
}

const calls = (known: Known, memory: Memory, event: ContainerEvent, atMs: number): Partial<Pending> | undefined => {
  switch (event.action) {
    case "start":
      hearStart(memory, atMs, memory.replaced)
      memory.item = event.item
      memory.log = null
      memory.oomMs = null
      memory.killedMs = null
      memory.stoppedMs = null
      memory.replaced = false
      return { look: true }
    case "kill":
      if (isIntent(event.signal, memory.inspected?.Config?.StopSignal ?? null)) memory.intentMs = atMs
      else if (isKill(event.signal)) memory.killedMs = atMs
      return undefined
    case "stop":
      // Before the death it tells of the wish once more; after it, that there was one.
      if (memory.item.State === "exited") memory.stoppedMs = atMs
      else memory.intentMs = atMs
      return undefined
    case "oom":
      memory.oomMs = atMs
      return { oom: true }
    case "die":
      memory.item = event.item
      return died(known, memory, event.exitCode, atMs)
    case "health_status":
      return healthChanged(memory, event)
    case "pause":
    case "unpause":
      memory.item = event.item
      memory.unpausedMs = event.action === "unpause" ? atMs : null
      return { look: true }
    case "destroy":
    case "remove":
      memory.destroyed = true
      return undefined
  }
}

const died = (known: Known, memory: Memory, exitCode: number | null, atMs: number): Partial<Pending> => {
  const lifeMs = Math.max(intentLifeMs, (memory.inspected?.Config?.StopTimeout ?? 0) * 1_000)
  const meant = memory.intentMs !== null && atMs - memory.intentMs <= lifeMs
  memory.intentMs = null
  if (meant) {
    holdBack(known, memory, atMs)
    return { look: true }
  }
  if (exitCode === 0) return { look: true }
  const killed = memory.killedMs !== null && atMs - memory.killedMs <= lifeMs
  const oom = memory.oomMs !== null && atMs - memory.oomMs <= lifeMs
  memory.killedMs = null
  return { crash: { exitCode, oom, atMs, uncertain: killed || known.podman }, oom: false }
}

/** A stop that was meant is held for the grace. */
const holdBack = (known: Known, memory: Memory, atMs: number): void => {
  memory.replaced = true
  memory.graceUntilMs = atMs + known.graceMs
}

/** The engine tells of a change only; Podman's dialect of every probe. */
const healthChanged = (memory: Memory, event: ContainerEvent): Partial<Pending> | undefined => {
  if (event.health === null || event.health === memory.health) return undefined
  memory.health = event.health
  // The engine tells of this only when a check has run.
  memory.unpausedMs = null
  memory.doubt = null
  // How long it has been up stands in the status: who has just started has not run for long because it is healthy.
  const up = /^Up [^(]*/.exec(memory.item.Status ?? "")?.[0].trim() ?? "Up"
  memory.item = { ...memory.item, State: "running", Status: `${up} (${event.health})` }
  return event.health === "unhealthy" ? { unhealthy: true } : { look: true }
}

/* Lanes */

const drain = (lanes: Lanes, key: string): Effect.Effect<void> =>
  Effect.gen(function* () {
    while (true) {
      const pending = lanes.pending.get(key)
      const memory = lanes.known.memories.get(key)
      lanes.pending.delete(key)
      if (pending === undefined || memory === undefined) return
      if (pending.crash !== null) yield* tellCrash(lanes, memory, pending.crash)
      else if (pending.oom) yield* untilCrash(lanes, key, tellOom(lanes, memory))
      if (pending.unhealthy || pending.look) yield* untilCrash(lanes, key, tellLook(lanes, memory, pending.unhealthy))
    }
  })

/** A crash waits for nothing less: what is under way is left, and the crash is told with what is known. */
const untilCrash = (lanes: Lanes, key: string, telling: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.suspend(() => {
    if ((lanes.pending.get(key)?.crash ?? null) !== null) return Effect.void
    const crash = Deferred.makeUnsafe<void>()
    lanes.crashes.set(key, crash)
    return Effect.raceFirst(telling, Deferred.await(crash)).pipe(
      Effect.ensuring(Effect.sync(() => lanes.crashes.delete(key)))
    )
  })

/** A fact: told at once. The moment it is told counts as its look, so that no list asked for meanwhile can hide it. */
const tellCrash = (lanes: Lanes, memory: Memory, { exitCode, oom, atMs, uncertain }: Crash): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { known } = lanes
    if (uncertain) {
      yield* Effect.sleep(Duration.millis(destroyWithinMs))
      if (memory.destroyed) return
      if (memory.stoppedMs !== null && memory.stoppedMs >= atMs) {
        holdBack(known, memory, atMs)
        return yield* tellLook(lanes, memory, false)
      }
    }
    yield* Effect.timeoutOption(
      Effect.andThen(inspect(lanes, memory), takeLog(lanes.api, known, memory)),
      Duration.millis(inspectWithinMs)
    )
    const nowMs = yield* monotonicMs
    if (!isExpected(known, memory)) return yield* tellLook(lanes, memory, false)
    const byFlag = memory.inspected?.State.OOMKilled === true && memory.inspected.State.Running !== true
    const ended = { exitCode, oom: oom || byFlag }
    const summary =
      loopTextOf(memory, nowMs, ended) ??
      (ended.oom ? `killed: out of memory (${exitText(exitCode)})` : exitText(exitCode))
    const verdict = { _tag: "Active", confirmed: true, evidence: { summary, details: contextOf(memory) } } as const
    yield* lanes.emit([look(known, memory.identity.name, verdict, memory.tuning)], nowMs)
  })

/** An out-of-memory kill that the container survives is a fact of its own; one that it dies of is told with its death. */
const tellOom = (lanes: Lanes, memory: Memory): Effect.Effect<void> =>
  Effect.gen(function* () {
    yield* Effect.sleep(Duration.millis(oomBeforeDieMs))
    if (memory.item.State !== "running") return
    const summary = "a process in it was killed: out of memory"
    const verdict = { _tag: "Active", confirmed: true, evidence: { summary, details: contextOf(memory) } } as const
    yield* lanes.emit([look(lanes.known, memory.identity.name, verdict, memory.tuning)], yield* monotonicMs)
  })

const tellLook = (lanes: Lanes, memory: Memory, confirmed: boolean): Effect.Effect<void> =>
  Effect.gen(function* () {
    const asOfMs = yield* monotonicMs
    yield* inspect(lanes, memory)
    const nowMs = yield* monotonicMs
    // Forgotten or recreated meanwhile.
    if (lanes.known.memories.get(memory.identity.key) !== memory || memory.destroyed) return
    const seen = lookAt(lanes.known, { item: memory.item, identity: memory.identity, replacement: null }, nowMs)
    const told =
      confirmed && seen.look._tag === "Seen" && seen.look.active ? { ...seen, look: { ...seen.look, confirmed } } : seen
    yield* lanes.emit([told], asOfMs)
  })

/** Adds what only an inspect knows, if it comes in time. */
const inspect = (lanes: Lanes, memory: Memory): Effect.Effect<void> =>
  lanes.places.withPermit(lanes.api.inspect(memory.id)).pipe(
    Effect.timeoutOption(Duration.millis(inspectWithinMs)),
    Effect.flatMap((answer) =>
      Effect.map(monotonicMs, (nowMs) => {
        if (answer._tag === "Some" && answer.value._tag === "Document") {
          learn(lanes.known, memory.identity.key, answer.value.document, nowMs, new Set())
        }
      })
    ),
    // Refused, gone or broken: the event alone has to do.
    Effect.ignore
  )
