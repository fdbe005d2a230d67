/** Whether the engine's socket can be used by this process, and what would help where it cannot. */
import * as fs from "node:fs"
import * as os from "node:os"
import { Result } from "effect"

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "unknown error"

/** The name of a group as the system has it; its number where it has none. */
const groupName = (gid: number): string => {
  const lines = Result.getOrElse(
    Result.try(() => fs.readFileSync("/etc/group", "utf8")),
    () => ""
  ).split("\n")
  const name = lines.find((line) => line.split(":")[2] === String(gid))?.split(":")[0]
  return name === undefined ? `group ${gid}` : `group ${gid} (${name})`
}

/** Connecting to a socket takes the right to write to it, although nothing but GET is ever sent. */
const usable = (path: string): Result.Result<void, unknown> =>
  Result.try(() => fs.accessSync(path, fs.constants.R_OK | fs.constants.W_OK))

/** What is wrong with `unix:///path`, and its cure; undefined if it can be used or is no socket of this machine. */
export const socketProblem = (host: string): string | undefined => {
  if (!host.startsWith("unix://")) return undefined
  const path = host.slice("unix://".length)
  const found = Result.try(() => fs.statSync(path))
  if (Result.isFailure(found)) {
    return codeOf(found.failure) === "ENOENT"
      ? `there is no socket at ${path}: containers are not watched (WATCHDOG_DOCKER_HOST says where)`
      : `cannot look at the socket ${path}: ${codeOf(found.failure)}`
  }
  const { gid } = found.success
  if (found.success.isDirectory())
    return `${path} is a directory: a bind mount made it because the socket was missing; remove it and mount the socket`
  if (!found.success.isSocket()) return `${path} is not a socket`
  const access = usable(path)
  if (Result.isSuccess(access)) return undefined
  const user = Result.getOrElse(
    Result.try(() => os.userInfo().username),
    () => "this user"
  )
  return (
    `the socket ${path} belongs to ${groupName(gid)}, and ${user} may not use it (${codeOf(access.failure)}): ` +
    `add that group (compose.yaml: DOCKER_GID=${gid}; a shell: sudo usermod -aG ${gid} ${user}, then log in again)`
  )
}
