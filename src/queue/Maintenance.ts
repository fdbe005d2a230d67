/**
 * Maintenance windows: `cron duration; ...`, for whose length everything is muted.
 *
 * Windows are of the wall clock, mutes of the monotonic one. A change of the clock neither loses a window nor doubles it, by the
 * rule of Vixie cron (cron(8)): a step of up to three hours is made up for, one that is larger is a correction and the new time
 * holds at once. A day of 23 or 25 hours is no step at all: the time zone's rules know it.
 */
import { Clock, Cron, Duration, Effect, Layer, Result } from "effect"
import * as Keys from "../base/Keys.ts"
import { Loops } from "../base/Loops.ts"
import { monotonicMs } from "../base/Monotonic.ts"
import { supervise } from "../base/Supervise.ts"
import { durationText } from "../decision/index.ts"
import { Mutes, byMaintenance } from "./Mute.ts"
import * as Rendering from "./Rendering.ts"

export interface Window {
  /** Five fields: minute, hour, day of the month, month, day of the week. */
  readonly cron: string
  readonly lengthMs: number
  /** As it was written. */
  readonly text: string
}

const lengthMinMs = 60_000
/** A week of silence is a decision for a human with a phone, not for a schedule. */
const lengthMaxMs = 7 * 86_400_000
/** cron(8): "clock changes of more than 3 hours are considered to be corrections". */
const stepMaxMs = 3 * 3_600_000
/** How late a wall clock that was set is noticed. */
const lookEveryMs = 30_000
/** Windows that follow each other are joined ahead so far; what comes after them is joined when they come. */
const joinsMax = 50

const fieldNames = ["minute", "hour", "day of the month", "month", "day of the week"] as const
const form = "windows such as 0 3 * * 0 2h; 30 1 * * * 15m (a cron of five fields and a duration each)"

/** Any moment will do to see whether a window ever comes. */
const someDay = 0

const parseWindow = (text: string): Result.Result<Window, string> => {
  const fields = text.split(/\s+/)
  if (fields.length !== 6) return Result.fail(`has ${fields.length} fields instead of 5 and a duration`)
  const cron = fields.slice(0, 5)
  for (const [at, field] of cron.entries()) {
    const alone = Cron.parse(cron.map((_, other) => (other === at ? field : "*")).join(" "), "UTC")
    if (Result.isFailure(alone)) return Result.fail(`its ${fieldNames[at]} ${JSON.stringify(field)} is not one`)
  }
  const duration = fields[5] ?? ""
  const lengthMs = Keys.parseDurationMs(duration)
  if (Result.isFailure(lengthMs)) return Result.fail(`${JSON.stringify(duration)} is not ${lengthMs.failure}`)
  if (lengthMs.success < lengthMinMs || lengthMs.success > lengthMaxMs) {
    return Result.fail(`its duration ${JSON.stringify(duration)} is not from 1m to 7d`)
  }
  const window: Window = { cron: cron.join(" "), lengthMs: lengthMs.success, text }
  const comes = Result.try(() => Cron.next(Cron.parseUnsafe(window.cron, "UTC"), someDay))
  return Result.isSuccess(comes) ? Result.succeed(window) : Result.fail("never comes: there is no such day")
}

export const parseWindows = (raw: string): Result.Result<ReadonlyArray<Window>, string> => {
  const texts = raw.split(";").map((text) => text.trim())
  // A separator after the last one is no mistake.
  if (texts.at(-1) === "") texts.pop()
  const windows: Array<Window> = []
  for (const [at, text] of texts.entries()) {
    const window = parseWindow(text)
    if (Result.isFailure(window)) {
      return Result.fail(`${form}: entry ${at + 1} of ${texts.length}, ${JSON.stringify(text)}, ${window.failure}`)
    }
    windows.push(window.success)
  }
  return Result.succeed(windows)
}

export const keys = {
  maintenance: Keys.custom<ReadonlyArray<Window>>("WATCHDOG_MAINTENANCE", {
    about: "windows in which everything is muted: cron and duration, separated by ; such as 0 3 * * 0 2h",
    fallback: [],
    fallbackText: "unset",
    parse: parseWindows,
    show: (windows) => (windows.length === 0 ? "unset" : windows.map((window) => window.text).join("; "))
  })
}

/* When */

export interface Planned {
  readonly cron: Cron.Cron
  readonly lengthMs: number
}

/**
 * Puts windows into a time zone. Where clocks go back, an hour's name comes twice: a window at that hour takes place once, at its
 * first; one of every hour takes place in both.
 */
export const plan = (windows: ReadonlyArray<Window>, zone: string): ReadonlyArray<Planned> =>
  windows.map(({ cron, lengthMs }) => {
    const everyHour = (cron.split(" ")[1] ?? "").startsWith("*")
    return { cron: Cron.parseUnsafe(cron, zone, { onDstOverlap: everyHour ? "both" : "earlier" }), lengthMs }
  })

/** The first start of a window after this moment of the wall clock. */
const nextStart = (window: Planned, afterMs: number): number => Cron.next(window.cron, afterMs).getTime()

/** The last start of a window up to and with this moment. */
const lastStart = (window: Planned, wallMs: number): number =>
  // The search is for what lies before, in whole seconds.
  Cron.prev(window.cron, Math.floor(wallMs / 1_000) * 1_000 + 1_000).getTime()

/** When all is over that begins before it is over. */
const joinedEnd = (planned: ReadonlyArray<Planned>, wallMs: number, endMs: number): number => {
  let end = endMs
  let from = wallMs
  for (let joins = 0; joins < joinsMax; joins++) {
    const starts = planned.map((window) => ({ at: nextStart(window, from), lengthMs: window.lengthMs }))
    const first = Math.min(...starts.map(({ at }) => at))
    if (first > end) return end
    for (const { at, lengthMs } of starts) if (at === first) end = Math.max(end, at + lengthMs)
    from = first
  }
  return end
}

/** Both clocks as they were at the last look, and up to where on the wall clock starts have been served. */
export interface Seen {
  readonly wallMs: number
  readonly monotonicMs: number
  readonly servedMs: number
  /** Until when it is quiet by what has begun, monotonic: a short window within a long one ends nothing. */
  readonly quietMs: number
}

export interface Verdict {
  readonly seen: Seen
  /** Until when it is quiet from now on, monotonic; `over`: whatever was quiet is not any more; null: nothing new. */
  readonly quiet: number | "over" | null
}

/**
 * What a look at both clocks means.
 *
 * Shape: `seen` is null at the first look. Units: milliseconds.
 * Law:   between two looks without a step of the wall clock, a window is quiet from its start for its length.
 */
export const look = (
  planned: ReadonlyArray<Planned>,
  seen: Seen | null,
  now: { readonly wallMs: number; readonly monotonicMs: number }
): Verdict => {
  const { wallMs, monotonicMs: nowMs } = now
  const quietFor = (leftMs: number): number => nowMs + joinedEnd(planned, wallMs, wallMs + leftMs) - wallMs
  const stepMs = seen === null ? 0 : wallMs - seen.wallMs - (nowMs - seen.monotonicMs)
  if (seen === null || Math.abs(stepMs) > stepMaxMs || seen.servedMs - wallMs > stepMaxMs) {
    const leftMs = Math.max(0, ...planned.map((window) => lastStart(window, wallMs) + window.lengthMs - wallMs))
    const quietMs = leftMs > 0 ? quietFor(leftMs) : nowMs
    return {
      seen: { wallMs, monotonicMs: nowMs, servedMs: wallMs, quietMs },
      quiet: leftMs > 0 ? quietMs : seen === null ? null : "over"
    }
  }
  const leftMs = planned.flatMap((window) => {
    const startMs = lastStart(window, wallMs)
    if (startMs <= seen.servedMs) return []
    // A start that was stepped over begins now, and lasts its whole length.
    const lateMs = Math.max(0, wallMs - startMs - Math.max(0, stepMs))
    return window.lengthMs > lateMs ? [window.lengthMs - lateMs] : []
  })
  const began = leftMs.length > 0
  const quietMs = began ? Math.max(seen.quietMs, quietFor(Math.max(...leftMs))) : seen.quietMs
  return {
    seen: { wallMs, monotonicMs: nowMs, servedMs: Math.max(seen.servedMs, wallMs), quietMs },
    quiet: began ? quietMs : null
  }
}

/* The service */

/** The host's own zone by name: an offset alone would not know when clocks change. */
const hostZone = (): string => new Intl.DateTimeFormat("en").resolvedOptions().timeZone || "UTC"

const loopName = "maintenance"

/** Mutes everything while a window runs. Nothing where none is set. */
export const layer: Layer.Layer<never, never, Mutes | Keys.Settings | Loops> = Layer.effectDiscard(
  Effect.gen(function* () {
    const settings = yield* Keys.Settings
    const windows = settings.get(keys.maintenance)
    if (windows.length === 0) return
    const planned = plan(windows, settings.get(Rendering.keys.timeZone) ?? hostZone())
    // The first look is before anything can be told.
    const first = yield* lookNow(planned, null)
    yield* (yield* Loops).register(loopName, 4 * lookEveryMs)
    let seen = first
    const loop = Effect.gen(function* () {
      while (true) {
        yield* sleepUntilNext(planned, seen)
        seen = yield* lookNow(planned, seen)
        yield* (yield* Loops).beat(loopName)
      }
    })
    yield* Effect.forkScoped(supervise(loopName, loop))
  })
)

const sleepUntilNext = (planned: ReadonlyArray<Planned>, seen: Seen): Effect.Effect<void> => {
  const nextMs = Math.min(...planned.map((window) => nextStart(window, seen.servedMs)))
  return Effect.sleep(Duration.millis(Math.min(lookEveryMs, Math.max(1, nextMs - seen.wallMs))))
}

const lookNow = (planned: ReadonlyArray<Planned>, before: Seen | null): Effect.Effect<Seen, never, Mutes> =>
  Effect.gen(function* () {
    const mutes = yield* Mutes
    const now = { wallMs: yield* Clock.currentTimeMillis, monotonicMs: yield* monotonicMs }
    const { seen, quiet } = look(planned, before, now)
    if (quiet === null) return seen
    const untilMs = quiet === "over" ? now.monotonicMs : quiet
    yield* mutes.mute({ pattern: "*", untilMs, by: byMaintenance })
    yield* Effect.logInfo(
      quiet === "over"
        ? "maintenance: the clock was set, no window runs now"
        : `maintenance: everything is muted for ${durationText(untilMs - now.monotonicMs)}`
    )
    return seen
  })
