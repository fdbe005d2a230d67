import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { hostFs } from "../../../src/collector/host/HostFs.ts"
import { makeReadProc, procPaths } from "../../../src/collector/host/Proc.ts"
import { makeFakeHost, type Trouble } from "../../../src/testing/FakeHost.ts"

const reading = (files: Readonly<Record<string, string | Trouble>>, root: string) =>
  Effect.gen(function* () {
    const host = makeFakeHost()
    host.removeFile("/proc/stat")
    for (const [path, text] of Object.entries(files)) host.setFile(path, text)
    const read = yield* Effect.provideService(makeReadProc(1_000), hostFs, host.hostFs)
    return yield* Effect.match(read(procPaths(root, "stat")), {
      onFailure: ({ reason, message }) => `${reason}: ${message}`,
      onSuccess: ({ path, text }) => `${path}=${text}`
    })
  }).pipe(Effect.scoped)

describe("a file of /proc", () => {
  it.effect.each([
    ["the host's first", { "/host/proc/stat": "a", "/proc/stat": "b" }, "/host", "/host/proc/stat=a"],
    ["ours where the host's is not mounted", { "/proc/stat": "b" }, "/host", "/proc/stat=b"],
    [
      "ours where the host's is not for us",
      { "/host/proc/stat": { errno: "EACCES" }, "/proc/stat": "b" },
      "/host",
      "/proc/stat=b"
    ],
    ["the only one there is on the host itself", { "/proc/stat": "b" }, "/", "/proc/stat=b"],
    ["absent in both places", {}, "/host", "Unreachable: /proc/stat: no such file"],
    ["refused", { "/proc/stat": { errno: "EPERM" } }, "/", "Refused: /proc/stat: permission denied"],
    [
      "broken: ours is no answer for the host's",
      { "/host/proc/stat": { errno: "EIO" }, "/proc/stat": "b" },
      "/host",
      "Unreachable: /host/proc/stat: EIO"
    ]
  ] satisfies ReadonlyArray<readonly [string, Readonly<Record<string, string | Trouble>>, string, string]>)(
    "is %s",
    ([, files, root, wanted]) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* reading(files, root), wanted)
      })
  )
})
