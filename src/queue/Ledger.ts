/**
 * What a sink has been told, outside of its process: plain JSON with a version, its times tied to the anchor they were taken at.
 *
 * Law:   `decode(encode(x))` is x, but for the shift of the clock and for what was in flight, which counts as maybe sent.
 * Fails: never. What is foreign, broken or of another version is left out, and counted.
 */
import { Option, Schema } from "effect"
import type { Anchor } from "../decision/index.ts"
import { type LevelLoad, type Levels, emptyLevels } from "./LevelTrade.ts"
import { type MessageLoad, emptyLoad } from "./MessageTrade.ts"
import * as Outbox from "./Outbox.ts"

const Side = Schema.Literals(["clear", "active", "flapping"])
const Severity = Schema.Literals(["critical", "warning"])
const Evidence = Schema.Struct({ summary: Schema.String, details: Schema.Array(Schema.String) })
/** How often something happened. */
const Count = Schema.Int
/** A moment; null: never. */
const Moment = Schema.NullOr(Schema.Finite)

const AnchorOf = Schema.Struct({ wallMs: Schema.Finite, monotonicMs: Schema.Finite, runId: Schema.String })

const BoxOf = Schema.Struct({
  signal: Schema.String,
  severity: Severity,
  told: Schema.Struct({ side: Side, atMs: Moment, maybe: Schema.Boolean, reference: Schema.NullOr(Schema.String) }),
  now: Side,
  sinceMs: Schema.Finite,
  endedMs: Moment,
  gone: Schema.Boolean,
  raises: Count,
  foundAtStart: Schema.Boolean,
  evidence: Evidence,
  since: Schema.Struct({
    raises: Count,
    mutedRaises: Count,
    firstRaiseMs: Moment,
    clears: Count,
    lastClearMs: Moment,
    evidence: Evidence
  }),
  reminder: Schema.Boolean,
  tried: Schema.NullOr(Schema.Literals(["end", "other"])),
  givenUp: Schema.NullOr(Schema.Literals(["sure", "unsure"])),
  dueMs: Schema.Finite
})

const LevelOf = Schema.Struct({
  signal: Schema.String,
  severity: Severity,
  sinceMs: Schema.Finite,
  endedMs: Moment,
  evidence: Evidence
})

const KnownOf = Schema.Struct({
  level: LevelOf,
  /** Absent: not muted. */
  frozen: Schema.optionalKey(Schema.NullOr(LevelOf)),
  endTakenMs: Moment
})

const StandbyOf = Schema.Struct({
  open: Schema.Boolean,
  openedMs: Schema.Finite,
  closedMs: Moment,
  told: Count,
  awaited: Schema.Array(Schema.String)
})

/** Items are taken one by one: a broken one costs only itself. */
const FrozenOf = Schema.Struct({
  v: Schema.Literal(1),
  anchor: AnchorOf,
  boxes: Schema.Array(Schema.Unknown),
  levels: Schema.optionalKey(Schema.Array(Schema.Unknown)),
  standby: Schema.optionalKey(Schema.Unknown)
})

export interface Frozen {
  readonly v: 1
  readonly anchor: Anchor
  readonly boxes: ReadonlyArray<typeof BoxOf.Type>
  readonly levels?: ReadonlyArray<typeof KnownOf.Type>
  readonly standby?: typeof StandbyOf.Type
}

export interface Thawed<Load> {
  readonly load: Load
  /** What could not be read, in words; empty if all could. */
  readonly ignored: ReadonlyArray<string>
}

/* Out */

export const freezeMessages = (load: MessageLoad, anchor: Anchor): Frozen => ({
  v: 1,
  anchor,
  boxes: boxesOf(load.outbox, anchor),
  ...(load.standby === null ? {} : { standby: load.standby })
})

export const freezeLevels = (load: LevelLoad, anchor: Anchor): Frozen => ({
  v: 1,
  anchor,
  boxes: boxesOf(load.outbox, anchor),
  levels: [...load.levels.values()].map(({ level, frozen, endTakenMs }) => ({
    level,
    endTakenMs,
    ...(frozen === undefined ? {} : { frozen })
  }))
})

const boxesOf = (outbox: Outbox.Outbox, anchor: Anchor): Frozen["boxes"] =>
  [...landed(outbox, anchor.monotonicMs).values()].map(({ inFlight: _inFlight, ...box }) => ({
    ...box,
    told: { ...box.told, atMs: Number.isFinite(box.told.atMs) ? box.told.atMs : null }
  }))

/** What is under way when the process ends may have arrived. */
const landed = (outbox: Outbox.Outbox, nowMs: number): Outbox.Outbox =>
  Outbox.maybeDelivered(
    outbox,
    [...outbox.values()].flatMap((box) => (box.inFlight === null ? [] : [box.inFlight.entry])),
    nowMs
  )

/* In */

export const thawMessages = (saved: unknown, into: Anchor): Thawed<MessageLoad> => {
  const frozen = Option.getOrUndefined(Schema.decodeUnknownOption(FrozenOf)(saved))
  if (frozen === undefined) return { load: emptyLoad, ignored: ["it is not of a version this one knows"] }
  const byMs = shiftMs(frozen.anchor, into)
  const { outbox, ignored } = outboxOf(frozen.boxes, byMs)
  const standby =
    frozen.standby === undefined
      ? undefined
      : Option.getOrUndefined(Schema.decodeUnknownOption(StandbyOf)(frozen.standby))
  return {
    load: {
      ...emptyLoad,
      outbox,
      standby:
        standby === undefined
          ? null
          : { ...standby, openedMs: standby.openedMs + byMs, closedMs: shifted(standby.closedMs, byMs) }
    },
    ignored: [...ignored, ...(frozen.standby !== undefined && standby === undefined ? ["the fallback's state"] : [])]
  }
}

export const thawLevels = (saved: unknown, into: Anchor): Thawed<LevelLoad> => {
  const frozen = Option.getOrUndefined(Schema.decodeUnknownOption(FrozenOf)(saved))
  if (frozen === undefined) return { load: emptyLevels, ignored: ["it is not of a version this one knows"] }
  const byMs = shiftMs(frozen.anchor, into)
  const { outbox, ignored } = outboxOf(frozen.boxes, byMs)
  const levels = new Map<string, Levels extends ReadonlyMap<string, infer Known> ? Known : never>()
  let broken = 0
  for (const item of frozen.levels ?? []) {
    const known = Option.getOrUndefined(Schema.decodeUnknownOption(KnownOf)(item))
    if (known === undefined) broken += 1
    else {
      levels.set(known.level.signal, {
        level: levelIn(known.level, byMs),
        frozen: known.frozen === undefined || known.frozen === null ? known.frozen : levelIn(known.frozen, byMs),
        endTakenMs: shifted(known.endTakenMs, byMs)
      })
    }
  }
  return {
    load: { ...emptyLevels, levels, outbox },
    ignored: [...ignored, ...(broken === 0 ? [] : [`${broken} levels`])]
  }
}

const levelIn = (level: typeof LevelOf.Type, byMs: number): typeof LevelOf.Type => ({
  ...level,
  sinceMs: level.sinceMs + byMs,
  endedMs: shifted(level.endedMs, byMs)
})

const outboxOf = (
  boxes: ReadonlyArray<unknown>,
  byMs: number
): { readonly outbox: Outbox.Outbox; readonly ignored: ReadonlyArray<string> } => {
  const outbox = new Map<string, Outbox.Box>()
  let broken = 0
  for (const item of boxes) {
    const box = Option.getOrUndefined(Schema.decodeUnknownOption(BoxOf)(item))
    if (box === undefined) broken += 1
    else outbox.set(box.signal, boxIn(box, byMs))
  }
  return { outbox, ignored: broken === 0 ? [] : [`${broken} signals`] }
}

const boxIn = (box: typeof BoxOf.Type, byMs: number): Outbox.Box => ({
  ...box,
  inFlight: null,
  told: { ...box.told, atMs: box.told.atMs === null ? Number.NEGATIVE_INFINITY : box.told.atMs + byMs },
  sinceMs: box.sinceMs + byMs,
  endedMs: shifted(box.endedMs, byMs),
  since: {
    ...box.since,
    firstRaiseMs: shifted(box.since.firstRaiseMs, byMs),
    lastClearMs: shifted(box.since.lastClearMs, byMs)
  },
  dueMs: box.dueMs + byMs
})

const shifted = (atMs: number | null, byMs: number): number | null => (atMs === null ? null : atMs + byMs)

/** As for signals: ages grow by the wall time that passed, never by less than nothing (decision/Snapshot.ts). */
const shiftMs = (from: Anchor, into: Anchor): number => {
  const passedMs =
    from.runId === into.runId ? into.monotonicMs - from.monotonicMs : Math.max(0, into.wallMs - from.wallMs)
  return into.monotonicMs - from.monotonicMs - Math.max(0, passedMs)
}
