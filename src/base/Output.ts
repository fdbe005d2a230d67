/** Where lines leave the process. The entry file gives the real streams, tests give arrays. */
import { Context, Effect, Layer } from "effect"
import { type Paint, plain } from "./Paint.ts"

export class Output extends Context.Service<
  Output,
  {
    /** One line to standard output: the journal, which machines read, or what a command was asked for. */
    readonly out: (line: string) => Effect.Effect<void>
    /** One line to standard error: what people read. */
    readonly err: (line: string) => Effect.Effect<void>
    /** A line that is written over the one before, while something is waited for; empty takes it away. Nothing without a terminal. */
    readonly passing: (line: string) => Effect.Effect<void>
    /** True where standard error is a terminal: colours and short lines are welcome. */
    readonly terminal: boolean
    /** How text on standard output may look: colours and a width only where a terminal reads it. */
    readonly look: { readonly paint?: Paint; readonly width?: number }
  }
>()("watchdog/base/Output") {
  static readonly layerMemory = (out: Array<string>, err: Array<string>): Layer.Layer<Output> =>
    Layer.succeed(Output, {
      out: (line) => Effect.sync(() => void out.push(line)),
      err: (line) => Effect.sync(() => void err.push(line)),
      passing: () => Effect.void,
      terminal: false,
      look: { paint: plain }
    })
}
