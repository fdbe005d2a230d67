/** Where lines leave the process. The entry file gives the real streams, tests give arrays. */
import { Context, Effect, Layer } from "effect"

export class Output extends Context.Service<
  Output,
  {
    /** One line to standard output: the journal, which machines read. */
    readonly out: (line: string) => Effect.Effect<void>
    /** One line to standard error: what people read. */
    readonly err: (line: string) => Effect.Effect<void>
    /** True where standard error is a terminal: colours and short lines are welcome. */
    readonly terminal: boolean
  }
>()("watchdog/base/Output") {
  static readonly layerMemory = (out: Array<string>, err: Array<string>): Layer.Layer<Output> =>
    Layer.succeed(Output, {
      out: (line) => Effect.sync(() => void out.push(line)),
      err: (line) => Effect.sync(() => void err.push(line)),
      terminal: false
    })
}
