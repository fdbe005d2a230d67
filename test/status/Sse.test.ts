import { EventEmitter } from "node:events"
import type * as http from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Loops } from "../../src/base/Loops.ts"
import { Journal } from "../../src/status/Journal.ts"
import { type Hub, clientsMax, makeHub } from "../../src/status/Sse.ts"
import { StatusBoard } from "../../src/status/StatusBoard.ts"

/** As much of an answer as the hub touches; it reads everything at once, or nothing at all. */
class FakeResponse extends EventEmitter {
  readonly socket = { destroyed: false }
  readonly written: Array<Uint8Array> = []
  readonly reads: boolean
  destroyed = false
  ended = false
  writableLength = 0
  constructor(reads = true) {
    super()
    this.reads = reads
  }
  get writableNeedDrain(): boolean {
    return this.writableLength > 0
  }
  get heard(): string {
    return Buffer.concat(this.written).toString()
  }
  write(bytes: Uint8Array | string): boolean {
    const wrote = Buffer.from(bytes)
    this.written.push(wrote)
    if (!this.reads) this.writableLength += wrote.length
    return this.reads
  }
  end(): void {
    this.ended = true
    this.emit("close")
  }
  destroy(): void {
    this.destroyed = true
    this.socket.destroyed = true
    this.emit("close")
  }
}

type Parts = Readonly<Record<string, string>>

const eventOf = (parts: Parts): string => `data: ${JSON.stringify(parts)}\n\n`

const changed = (before: Parts | null, after: Parts): Parts =>
  Object.fromEntries(Object.entries(after).filter(([id, html]) => before?.[id] !== html))

interface Stage {
  readonly hub: Hub
  readonly renderings: () => number
  readonly show: (id: string, html: string) => void
  readonly come: (reads?: boolean) => Effect.Effect<FakeResponse>
}

const staging = <A, E>(play: (stage: Stage) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const board = yield* StatusBoard
    let fragments: Record<string, string> = { a: "<p>a</p>", b: "<p>b</p>" }
    let renderings = 0
    const hub = yield* makeHub({
      render: Effect.sync((): Parts => {
        renderings += 1
        return { ...fragments }
      }),
      event: (before, after) => {
        const news = changed(before, after)
        return Object.keys(news).length === 0 ? null : eventOf(news)
      },
      beat: Effect.succeed("event: beat\n\n"),
      changedSince: board.changedSince
    })
    return yield* play({
      hub,
      renderings: () => renderings,
      show: (id, html) => {
        fragments = { ...fragments, [id]: html }
        board.place("x", "c").retired()
      },
      come: (reads = true) =>
        Effect.gen(function* () {
          const response = new FakeResponse(reads)
          yield* hub.connect(response as unknown as http.ServerResponse)
          return response
        })
    })
  }).pipe(
    Effect.scoped,
    Effect.provide(
      StatusBoard.layer({ version: "1", host: "box" }).pipe(
        Layer.provideMerge(Layer.merge(Loops.layer, Layer.succeed(Journal, { runId: "r", write: () => Effect.void })))
      )
    )
  )

const pass = (ms: number) => TestClock.adjust(Duration.millis(ms))

describe("the page's events", () => {
  it.effect("begin with the whole page and go on with what differs, rendered once for all", () =>
    staging(({ show, come, renderings }) =>
      Effect.gen(function* () {
        const one = yield* come()
        const other = yield* come()
        assert.strictEqual(renderings(), 1)
        yield* pass(1_000)
        const before = renderings()

        show("b", "<p>B</p>")
        yield* pass(19)
        assert.strictEqual(one.written.length, 2)
        yield* pass(1)

        assert.strictEqual(renderings(), before + 1)
        for (const { heard } of [one, other]) {
          assert.strictEqual(
            heard,
            `retry: 2000\n\n${eventOf({ a: "<p>a</p>", b: "<p>b</p>" })}${eventOf({ b: "<p>B</p>" })}`
          )
        }
        assert.strictEqual(one.written.at(-1)?.length, other.written.at(-1)?.length)
      })
    )
  )

  it.effect("come at most four times a second, and the last change is never left out", () =>
    staging(({ show, come }) =>
      Effect.gen(function* () {
        const client = yield* come()
        yield* pass(1_000)
        const before = client.written.length

        for (let n = 1; n <= 500; n++) {
          show("a", `<p>${n}</p>`)
          yield* pass(10)
        }
        yield* pass(500)

        assert.approximately(client.written.length - before, 20, 2)
        assert.include(client.heard, "<p>500</p>")
      })
    )
  )

  it.effect("are not rendered where nobody is there, nor after the last one left", () =>
    staging(({ show, come, renderings, hub }) =>
      Effect.gen(function* () {
        show("a", "1")
        yield* pass(10_000)
        assert.strictEqual(renderings(), 0)
        const client = yield* come()
        yield* pass(1_000)
        const before = renderings()

        client.destroy()
        for (let n = 0; n < 10; n++) {
          show("a", String(n))
          yield* pass(1_000)
        }
        assert.strictEqual(renderings(), before)
        assert.strictEqual(hub.counts().clients, 0)
        const late = yield* come()

        assert.include(late.heard, eventOf({ a: "9", b: "<p>b</p>" }))
      })
    )
  )

  it.effect("say something each 15 s, so that no proxy cuts them", () =>
    staging(({ come }) =>
      Effect.gen(function* () {
        const client = yield* come()
        yield* pass(61_000)

        assert.strictEqual(client.heard.match(/event: beat\n\n/g)?.length, 4)
      })
    )
  )

  it.effect("are ended for a client that does not read for half a minute; the others do not notice", () =>
    staging(({ come, hub }) =>
      Effect.gen(function* () {
        const reader = yield* come()
        const idler = yield* come(false)
        yield* pass(44_000)
        assert.isFalse(idler.destroyed)
        yield* pass(2_000)

        assert.isTrue(idler.destroyed)
        assert.isFalse(reader.destroyed)
        assert.deepStrictEqual(hub.counts(), { clients: 1, dropped: 1 })
      })
    )
  )

  it.effect("are ended for a client for whom more than the bound is waiting", () =>
    staging(({ show, come }) =>
      Effect.gen(function* () {
        yield* come()
        const idler = yield* come(false)
        for (let n = 0; n < 40 && !idler.destroyed; n++) {
          show("a", `${n}${"x".repeat(100_000)}`)
          yield* pass(300)
        }

        assert.isTrue(idler.destroyed)
        assert.isBelow(Buffer.concat(idler.written).length, 1_300_000)
      })
    )
  )

  it.effect("have room for so many, and for none once they have ended", () =>
    staging(({ come, hub, renderings }) =>
      Effect.gen(function* () {
        const all = yield* Effect.replicateEffect(come(), clientsMax)
        assert.isFalse(hub.hasRoom())
        const late = yield* come()
        assert.deepStrictEqual([late.ended, late.written.length], [true, 0])
        assert.strictEqual(renderings(), 1)

        yield* hub.end

        assert.isTrue(all.every(({ ended }) => ended))
        assert.isFalse(hub.hasRoom())
        assert.strictEqual(hub.counts().clients, 0)
      })
    )
  )

  it.effect("do not keep a client that has left before its turn", () =>
    staging(({ hub }) =>
      Effect.gen(function* () {
        const response = new FakeResponse()
        response.destroy()
        yield* hub.connect(response as unknown as http.ServerResponse)

        assert.strictEqual(hub.counts().clients, 0)
      })
    )
  )
})
