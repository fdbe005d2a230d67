/** `watchdog status` and `watchdog explain`: what the running watchdog knows, in a terminal. */
import { Duration, Effect, type Scope } from "effect"
import type { Http } from "../base/Http.ts"
import type { Settings } from "../base/Keys.ts"
import { Output } from "../base/Output.ts"
import type { SignalView, Snapshot } from "../status/Snapshot.ts"
import { explainText, statusText } from "../status/StatusText.ts"
import { type AskError, askSnapshot } from "./Ask.ts"

type Needs = Http | Settings | Output | Scope.Scope

/** As often as a person can follow. */
const watchEvery = Duration.seconds(1)
/** Clears the terminal and goes to its upper left corner. */
const clearScreen = "\u001B[2J\u001B[H"

export const status = (options: {
  readonly url: string | undefined
  readonly json: boolean
}): Effect.Effect<void, AskError, Needs> =>
  Effect.gen(function* () {
    const output = yield* Output
    const snapshot = yield* askSnapshot(options.url)
    yield* output.out(options.json ? JSON.stringify(snapshot, null, 2) : statusText(snapshot, output.look))
  })

/** Draws anew each second until it is interrupted; a watchdog that does not answer is said and asked again. */
export const watchStatus = (url: string | undefined): Effect.Effect<never, never, Needs> =>
  Effect.gen(function* () {
    const output = yield* Output
    const draw = askSnapshot(url).pipe(
      Effect.map((snapshot) => statusText(snapshot, output.look)),
      Effect.catch((error) => Effect.succeed(error.message)),
      Effect.flatMap((text) => output.out(output.look.width === undefined ? text : clearScreen + text))
    )
    return yield* Effect.forever(Effect.andThen(Effect.scoped(draw), Effect.sleep(watchEvery)))
  })

/** The signal that was meant: by its whole name, or by a part that only one has. */
const find = (snapshot: Snapshot, wanted: string): SignalView | ReadonlyArray<string> => {
  const exact = snapshot.signals.find(({ id }) => id === wanted)
  if (exact !== undefined) return exact
  const near = snapshot.signals.filter(({ id }) => id.toLowerCase().includes(wanted.toLowerCase()))
  return near.length === 1 && near[0] !== undefined ? near[0] : near.map(({ id }) => id)
}

const unknownText = (wanted: string, near: ReadonlyArray<string>, all: number): string =>
  near.length === 0
    ? `no signal is called ${JSON.stringify(wanted)}; watchdog status lists all ${all}`
    : `${JSON.stringify(wanted)} could be any of\n${near.map((id) => `  ${id}`).join("\n")}`

/** Succeeds with false if there is no such signal, or more than one. */
export const explain = (options: {
  readonly signal: string
  readonly url: string | undefined
  readonly json: boolean
}): Effect.Effect<boolean, AskError, Needs> =>
  Effect.gen(function* () {
    const output = yield* Output
    const snapshot = yield* askSnapshot(options.url)
    const found = find(snapshot, options.signal)
    if (!("id" in found)) {
      yield* output.err(unknownText(options.signal, found, snapshot.signals.length))
      return false
    }
    yield* output.out(options.json ? JSON.stringify(found, null, 2) : explainText(snapshot, found, output.look))
    return true
  })
