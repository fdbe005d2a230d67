import { assert, describe, it } from "@effect/vitest"
import { makeFakeEngine } from "../../src/testing/FakeEngine.ts"

const setUp = () => {
  const clock = { nowMs: 1_700_000_000_000 }
  const engine = makeFakeEngine({ nowMs: () => clock.nowMs })
  const ask = (path: string) => {
    const answer = engine.handle({ method: "GET", path })
    if (typeof answer === "string") throw new Error(`the fake answered ${answer} to ${path}`)
    return answer
  }
  const type = (path: string) => ask(path).headers["Content-Type"]
  const bytes = (path: string) => ask(path).bytes?.toString("latin1")
  return { engine, clock, ask, type, bytes }
}

const spoken = () => {
  const world = setUp()
  world.engine.run({ name: "web" })
  world.engine.log("web", "stdout", "one")
  world.clock.nowMs += 2_000
  world.engine.log("web", "stderr", "zwei ☂\n")
  return world
}

// Measured: 26.1, a container that wrote "two\n" to stderr and "one\n" to stdout.
const one = "\u0001\0\0\0\0\0\0\u0004one\n"
const two = Buffer.from("\u0002\0\0\0\0\0\0\tzwei ☂\n").toString("latin1")

describe("logs", () => {
  it("come in frames with the stream and the length in bytes", () => {
    const { bytes, type } = spoken()

    const path = "/containers/web/logs?stdout=1&stderr=1"

    assert.strictEqual(bytes(path), one + two)
    assert.strictEqual(type(path), "application/vnd.docker.multiplexed-stream")
    assert.strictEqual(type(`/v1.41${path}`), "application/vnd.docker.raw-stream")
  })

  const wanted: ReadonlyArray<readonly [string, string]> = [
    ["stdout=1", one],
    ["stderr=true&stdout=0", two],
    ["stdout=1&stderr=1&tail=1", two],
    // Measured: the tail is cut off first.
    ["stdout=1&tail=1", ""],
    ["stdout=1&stderr=1&tail=all", one + two],
    ["stdout=1&tail=0", ""],
    ["stdout=1&stderr=1&since=1700000001", two],
    ["stdout=1&stderr=1&until=1700000001", one],
    ["stdout=1&timestamps=1", "\u0001\0\0\0\0\0\0\u00232023-11-14T22:13:20.000000000Z one\n"]
  ]
  for (const [query, text] of wanted) {
    it(`answers ?${query}`, () => {
      assert.strictEqual(spoken().bytes(`/containers/web/logs?${query}`), text)
    })
  }

  it("come raw from a terminal, and inspect says that it has one", () => {
    const { engine, bytes, type, ask } = setUp()
    engine.run({ name: "web", tty: true })
    engine.log("web", "stdout", "one")
    engine.log("web", "stderr", "two")

    const document = JSON.parse(ask("/containers/web/json").body) as { readonly Config: { readonly Tty: boolean } }

    assert.strictEqual(bytes("/containers/web/logs?stdout=1"), "one\r\ntwo\r\n")
    assert.strictEqual(type("/containers/web/logs?stdout=1"), "application/vnd.docker.raw-stream")
    assert.isTrue(document.Config.Tty)
  })

  const refusals: ReadonlyArray<readonly [string, number, string]> = [
    ["/containers/web/logs", 400, "Bad parameters: you must choose at least one stream"],
    ["/containers/mute/logs?stdout=1", 501, "configured logging driver does not support reading"],
    ["/containers/none/logs?stdout=1", 404, "No such container: none"]
  ]
  for (const [path, status, message] of refusals) {
    it(`are refused with ${status} to ${path}`, () => {
      const { engine, ask } = setUp()
      engine.run({ name: "web" })
      engine.run({ name: "mute", logDriver: "none" })

      const answer = ask(path)

      assert.deepStrictEqual([answer.status, JSON.parse(answer.body)], [status, { message }])
      assert.strictEqual(engine.requests[0]?.endpoint, "logs")
    })
  }

  it("are broken in the middle of a frame", () => {
    const { engine, bytes } = spoken()
    engine.beRude("brokenJson", { on: "logs", container: "web" })

    assert.strictEqual(bytes("/containers/web/logs?stdout=1"), one.slice(0, 6))
  })
})
