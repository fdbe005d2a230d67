/** The three levels of never-raise, in types: what may not fail has the error channel `never`. */
import { describe, expectTypeOf, it } from "@effect/vitest"
import type { Effect, Layer } from "effect"
import type { run } from "../src/App.ts"
import type { onGrid } from "../src/base/Monotonic.ts"
import type { supervise } from "../src/base/Supervise.ts"
import type { CollectError, Collector } from "../src/collector/Collector.ts"
import type { poll } from "../src/collector/Poller.ts"
import type { Monitors } from "../src/monitor/Monitors.ts"
import type { live } from "../src/monitor/SignalActor.ts"
import type { Courier, startCourier } from "../src/queue/Courier.ts"
import type { Dispatcher } from "../src/queue/Dispatcher.ts"
import type { Sink, SinkError } from "../src/sink/Sink.ts"
import type { Journal } from "../src/status/Journal.ts"

type Made<F extends (...args: never) => unknown> = ReturnType<F>

describe("the source", () => {
  it("may fail, and what polls it may not", () => {
    expectTypeOf<Effect.Error<Made<Collector["collect"]>>>().toEqualTypeOf<CollectError>()
    expectTypeOf<Effect.Error<Made<typeof poll>>>().toEqualTypeOf<never>()
    expectTypeOf<Effect.Success<Made<typeof poll>>>().toEqualTypeOf<void>()
  })
})

describe("the tick", () => {
  it("cannot fail on its way to a decision", () => {
    expectTypeOf<Parameters<typeof onGrid>[1]>().returns.toExtend<Effect.Effect<void, never, unknown>>()
    expectTypeOf<Effect.Error<Made<typeof onGrid>>>().toEqualTypeOf<never>()
    expectTypeOf<Effect.Error<Made<Monitors["Service"]["observe"]>>>().toEqualTypeOf<never>()
    expectTypeOf<Effect.Error<Made<Monitors["Service"]["retire"]>>>().toEqualTypeOf<never>()
    expectTypeOf<Effect.Error<Made<typeof live>>>().toEqualTypeOf<never>()
    expectTypeOf<Effect.Error<Made<Journal["Service"]["write"]>>>().toEqualTypeOf<never>()
  })

  it("supervises only what cannot fail", () => {
    expectTypeOf<Effect.Error<Parameters<typeof supervise>[1]>>().toEqualTypeOf<never>()
    expectTypeOf<Effect.Error<Made<typeof supervise>>>().toEqualTypeOf<never>()
  })
})

describe("the send", () => {
  it("may fail, and what dispatches may not", () => {
    expectTypeOf<Effect.Error<Made<Sink["send"]>>>().toEqualTypeOf<SinkError>()
    expectTypeOf<Effect.Error<Sink["verify"]>>().toEqualTypeOf<SinkError>()
    expectTypeOf<Effect.Error<Made<typeof startCourier>>>().toEqualTypeOf<never>()
    expectTypeOf<Effect.Error<Made<Courier["deliver"]>>>().toEqualTypeOf<never>()
    expectTypeOf<Effect.Error<Made<Courier["flush"]>>>().toEqualTypeOf<never>()
    expectTypeOf<Effect.Error<Courier["health"]>>().toEqualTypeOf<never>()
    expectTypeOf<Layer.Error<Made<typeof Dispatcher.layer>>>().toEqualTypeOf<never>()
    expectTypeOf<Effect.Error<Dispatcher["Service"]["health"]>>().toEqualTypeOf<never>()
  })
})

describe("the whole", () => {
  it("neither fails nor ends", () => {
    expectTypeOf<Effect.Error<typeof run>>().toEqualTypeOf<never>()
    expectTypeOf<Effect.Success<typeof run>>().toEqualTypeOf<never>()
  })
})
