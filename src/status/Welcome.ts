/**
 * The first thing a person at a terminal sees: everything that is watched, how it stands, and what would wake him and when.
 *
 * Only where a person reads: a container's log gets no tables.
 */
import { Duration, Effect } from "effect"
import { Settings } from "../base/Keys.ts"
import { Output } from "../base/Output.ts"
import { keys as journalKeys } from "./Journal.ts"
import { localAddress, showListen } from "./Listen.ts"
import type { Snapshot } from "./Snapshot.ts"
import { StatusBoard } from "./StatusBoard.ts"
import { keys as serverKeys } from "./StatusServer.ts"
import { statusText } from "./StatusText.ts"

/** A newcomer waits no longer than this for a collector that hangs: he is shown what there is. */
const patience = Duration.seconds(8)
const lookAgainEvery = Duration.millis(100)

const hasLooked = ({ collectors }: Snapshot): boolean => collectors.every(({ off, ticks }) => off || ticks > 0)

/** Prints the table once every collector has looked, or patience has ended. Ends then; fails never. */
export const welcome: Effect.Effect<void, never, Output | Settings | StatusBoard> = Effect.gen(function* () {
  const output = yield* Output
  const settings = yield* Settings
  if (!output.terminal || settings.get(journalKeys.format) === "json") return
  const board = yield* StatusBoard
  const looked = Effect.gen(function* () {
    while (!hasLooked(yield* board.snapshot)) yield* Effect.sleep(lookAgainEvery)
  })
  yield* Effect.timeoutOption(looked, patience)
  yield* output.err(`\n${statusText(yield* board.snapshot, output.look)}\n`)
  const listen = settings.get(serverKeys.listen)
  if (listen !== "off") yield* output.err(`its page: http://${showListen(localAddress(listen))}/\n`)
})
