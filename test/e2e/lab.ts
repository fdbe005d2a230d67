/** What the end-to-end tests ask of the engine: the docker command, a stack of their own, the fake Telegram's notebook. */
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { promisify } from "node:util"
import type { FakeTelegramMessage } from "../../src/testing/FakeTelegram.ts"

const run = promisify(execFile)
export const root = path.resolve(import.meta.dirname, "../..")
export const token = "123456789:e2e-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
export const chat = "-1001"

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command; a non-zero exit is a result. */
export const tryRun = async (
  command: string,
  args: ReadonlyArray<string>,
  env: NodeJS.ProcessEnv = {}
): Promise<Ran> => {
  try {
    const { stdout, stderr } = await run(command, [...args], {
      env: { ...process.env, ...env },
      maxBuffer: 64 * 1024 * 1024
    })
    return { code: 0, stdout, stderr }
  } catch (error) {
    const failed = error as { code?: number; stdout?: string; stderr?: string; message: string }
    return { code: failed.code ?? 1, stdout: failed.stdout ?? "", stderr: failed.stderr ?? failed.message }
  }
}

export const docker = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { code, stdout, stderr } = await tryRun("docker", args)
  if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}`)
  return stdout.trim()
}

const socketPath = (): string => (process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock").replace("unix://", "")

/** The process of the engine behind our socket, for stopping it; undefined if it cannot be told. */
export const enginePid = (): number | undefined => {
  const socket = socketPath()
  for (const entry of fs.readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const [command = "", ...args] = fs.readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0")
      const isOurs = args.some((arg) => arg.includes(socket)) || socket === "/var/run/docker.sock"
      if (path.basename(command) === "dockerd" && isOurs) return Number(entry)
    } catch {
      // Gone meanwhile, or not ours to read.
    }
  }
  return undefined
}

/** One compose project from the repository's own compose.yaml, with the fakes beside it. */
export class Stack {
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-e2e-"))
  readonly telegramPort = 20_000 + Math.floor(Math.random() * 10_000)
  readonly statusPort = this.telegramPort + 10_000
  readonly project: string
  /** Further variables of stack.yaml. */
  more: Readonly<Record<string, string>> = {}

  constructor(project: string) {
    this.project = project
  }

  get env(): NodeJS.ProcessEnv {
    return {
      DOCKER_SOCKET: socketPath(),
      DOCKER_GID: String(fs.statSync(socketPath()).gid),
      // An engine whose data lies below an unshared root can mount neither / as rslave nor as private: a folder will do here.
      HOST_ROOT: "/etc",
      HOST_ROOT_PROPAGATION: "private",
      STATUS_PORT: String(this.statusPort),
      FAKES: path.join(root, "src/testing"),
      FAKE_TOKEN: token,
      FAKE_TELEGRAM_PORT: String(this.telegramPort),
      ...this.more
    }
  }

  writeEnv(lines: Readonly<Record<string, string>>): void {
    fs.writeFileSync(
      path.join(this.folder, ".env"),
      Object.entries(lines)
        .map(([name, value]) => `${name}=${value}\n`)
        .join("")
    )
  }

  async compose(files: ReadonlyArray<string>, ...args: ReadonlyArray<string>): Promise<Ran> {
    const named = files.flatMap((file) => ["-f", path.join(root, file)])
    return tryRun(
      "docker",
      ["compose", "--project-directory", this.folder, "-p", this.project, ...named, ...args],
      this.env
    )
  }

  name(service: string): string {
    return `${this.project}-${service}-1`
  }

  async down(): Promise<void> {
    await this.compose(["compose.yaml", "test/e2e/stack.yaml"], "down", "-t", "2", "-v", "--remove-orphans")
    fs.rmSync(this.folder, { recursive: true, force: true })
  }

  async fake(pathname: string, body?: unknown): Promise<unknown> {
    const request = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }
    const response = await fetch(`http://127.0.0.1:${this.telegramPort}/__fake/${pathname}`, request)
    const text = await response.text()
    return text === "" ? undefined : JSON.parse(text)
  }

  async messages(): Promise<ReadonlyArray<FakeTelegramMessage>> {
    return (await this.fake("messages")) as ReadonlyArray<FakeTelegramMessage>
  }

  /** All entries received from the n-th message on, as `icon id`. */
  async entries(from = 0): Promise<ReadonlyArray<string>> {
    return (await this.messages()).slice(from).flatMap((message) => entriesOf(message.text))
  }

  async logs(): Promise<string> {
    return docker("logs", this.name("orchestrator-watchdog"))
  }
}

const entryPattern = /^(🔴|🟠|🔁|✅|🕓|⚪|〰️|🧪) (\S+) /gmu

/** `icon id` of each entry of a message; a digest's headline has a count where the id would be. */
export const entriesOf = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(entryPattern)]
    .filter((match) => !/^\d+$/.test(match[2] ?? ""))
    .map((match) => `${match[1]} ${match[2]}`)

/** Polls until it holds; the last value seen is in the error. */
export const until = async <A>(
  what: string,
  withinMs: number,
  look: () => Promise<A>,
  holds: (value: A) => boolean
): Promise<A> => {
  const untilMs = performance.now() + withinMs
  let last: A | undefined
  while (performance.now() < untilMs) {
    last = await look()
    if (holds(last)) return last
    await delay(250)
  }
  throw new Error(`${what}: not within ${withinMs} ms; last seen ${JSON.stringify(last)}`)
}

export const pause = (ms: number): Promise<void> => delay(ms)

export const count = (items: ReadonlyArray<string>, item: string): number => items.filter((one) => one === item).length
