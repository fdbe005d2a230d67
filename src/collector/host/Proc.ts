/**
 * Files of the host's /proc, each read in time or not at all.
 *
 * The host's own comes first, below `WATCHDOG_HOST_ROOT`; where it is not mounted, the container's: meminfo, loadavg, stat, vmstat
 * and pressure are the whole host's there too.
 */
import * as path from "node:path"
import { Effect, Option, type Scope } from "effect"
import * as Keys from "../../base/Keys.ts"
import { CollectError } from "../Collector.ts"
import { errnoText, hostFs } from "./HostFs.ts"
import { makePatience } from "./Patience.ts"

export const hostRoot = Keys.textOptional("WATCHDOG_HOST_ROOT", {
  about: "where the host's root is mounted read-only; / = this is the host",
  fallback: "/",
  pattern: /^\//,
  expected: "an absolute path"
})

/**
 * The most files that one collector reads. At the very worst eight files (memory 2, load 2, pressure 3, mounts 1) and two
 * `statfs` hang, of the 16 threads the watchdog runs with.
 */
const placesMax = 3

export interface ProcText {
  readonly text: string
  /** Which of the paths it was. */
  readonly path: string
}

/** The first of the paths that can be read. Fails: CollectError (Timeout | Unreachable | Refused), with the errno. */
export type ReadProc = (paths: readonly [string, ...ReadonlyArray<string>]) => Effect.Effect<ProcText, CollectError>

type Answer =
  | ({ readonly _tag: "Text" } & ProcText)
  | { readonly _tag: "Error"; readonly code: string; readonly path: string }

/** It is not there, or not for us: another path may do. */
const tryNext = new Set(["ENOENT", "ENOTDIR", "EACCES", "EPERM"])
const refused = new Set(["EACCES", "EPERM"])

/** Where a file of /proc is looked for, the best place first. */
export const procPaths = (root: string, file: string): readonly [string, ...ReadonlyArray<string>] => {
  const host = path.join(root, "proc", file)
  const own = path.join("/proc", file)
  return host === own ? [own] : [host, own]
}

export const makeReadProc = (timeoutMs: number): Effect.Effect<ReadProc, never, Scope.Scope> =>
  Effect.gen(function* () {
    const files = yield* Effect.service(hostFs)
    const inTime = yield* makePatience<Answer>(timeoutMs, placesMax)

    const one = (at: string): Effect.Effect<Answer> =>
      Effect.match(
        Effect.suspend(() => files.read(at)),
        {
          onFailure: ({ code }): Answer => ({ _tag: "Error", code, path: at }),
          onSuccess: (text): Answer => ({ _tag: "Text", text, path: at })
        }
      )

    const first = ([at, ...others]: readonly [string, ...ReadonlyArray<string>]): Effect.Effect<Answer> => {
      const [next, ...more] = others
      if (next === undefined) return one(at)
      return Effect.flatMap(one(at), (answer) =>
        answer._tag === "Error" && tryNext.has(answer.code) ? first([next, ...more]) : Effect.succeed(answer)
      )
    }

    return (paths) =>
      Effect.flatMap(inTime(paths[0], first(paths)), (answer) => {
        if (Option.isNone(answer)) {
          return Effect.fail(
            new CollectError({ reason: "Timeout", detail: `${paths[0]} cannot be read within ${timeoutMs} ms` })
          )
        }
        const found = answer.value
        if (found._tag === "Text") return Effect.succeed(found)
        return Effect.fail(
          new CollectError({
            reason: refused.has(found.code) ? "Refused" : "Unreachable",
            detail: `${found.path}: ${errnoText(found.code)}`,
            errno: found.code
          })
        )
      })
  })

/** No such file: the kernel, or this system, does not have it. */
export const isAbsent = (error: CollectError): boolean => error.errno === "ENOENT" || error.errno === "ENOTDIR"
