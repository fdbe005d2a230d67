import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Uncancellable, uncancellable } from "../../../src/base/Uncancellable.ts"
import { hostFs } from "../../../src/collector/host/HostFs.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-host-"))),
  (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true }))
)

const outcome = (at: string) =>
  Effect.flatMap(Effect.service(hostFs), (files) =>
    Effect.match(files.read(at), { onFailure: ({ code }) => code, onSuccess: (text) => text.length })
  )

describe("the host's files", () => {
  it.live("are read whole, and refused where they are absent, no file, or too large", () =>
    Effect.gen(function* () {
      const at = yield* folder
      fs.writeFileSync(path.join(at, "text"), "é".repeat(100_000))
      fs.writeFileSync(path.join(at, "empty"), "")

      assert.strictEqual(yield* outcome(path.join(at, "text")), 100_000)
      assert.strictEqual(yield* outcome(path.join(at, "empty")), 0)
      assert.strictEqual(yield* outcome(path.join(at, "none")), "ENOENT")
      assert.strictEqual(yield* outcome(path.join(at, "text/none")), "ENOTDIR")
      assert.strictEqual(yield* outcome(at), "EISDIR")
      assert.strictEqual(yield* outcome("/dev/zero"), "EFBIG")
    }).pipe(Effect.scoped)
  )

  it.live("hold no thread where a FIFO stands in the place of one, written to or not", () =>
    Effect.gen(function* () {
      const at = path.join(yield* folder, "fifo")
      execFileSync("mkfifo", [at])
      const calls = new Uncancellable()
      const read = Effect.provideService(outcome(at), uncancellable, calls)

      const unwritten = yield* read
      const writer = fs.openSync(at, fs.constants.O_RDWR | fs.constants.O_NONBLOCK)
      const written = yield* read
      fs.closeSync(writer)

      assert.deepStrictEqual([unwritten, written, calls.underWay], [0, "EAGAIN", 0])
    }).pipe(Effect.scoped, Effect.timeout("5 seconds"))
  )

  it.live("can be asked how full their disk is", () =>
    Effect.gen(function* () {
      const { statFs } = yield* Effect.service(hostFs)

      assert.isAbove(Number((yield* statFs("/")).blocks), -1)
      assert.strictEqual(
        yield* Effect.match(statFs("/no/such"), { onFailure: ({ code }) => code, onSuccess: () => "" }),
        "ENOENT"
      )
    })
  )
})
