/**
 * The watchdog as a process of this machine, at its default pace, with a fake Telegram of its own on loopback.
 *
 * What it says of a signal is read from its journal, what a human received from the fake.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import {
  type FakeTelegramMessage,
  type RunningFakeTelegram,
  startFakeTelegram
} from "../../src/testing/FakeTelegram.ts"
import { chat, docker, root, token } from "./lab.ts"

/** Bundled once for all that run at a time, away from `dist`, which belongs to whoever builds there; the last one takes it along. */
let bundle: string | undefined
let users = 0
const useEnds = (): void => {
  users -= 1
  if (users > 0 || bundle === undefined) return
  fs.rmSync(bundle, { recursive: true, force: true })
  bundle = undefined
}
const bundled = (): string => {
  if (bundle !== undefined) return bundle
  bundle = fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-bundle-"))
  execFileSync("npx", ["rolldown", "-c", "rolldown.config.ts", "-d", bundle, "--log-level", "warn"], {
    cwd: root,
    env: { ...process.env, BUILD: "command" },
    stdio: "pipe"
  })
  return bundle
}

/** What a look said of a signal. */
export interface Said {
  readonly atMs: number
  readonly state: "active" | "clear" | "held" | "missed" | "retired"
  readonly text: string
  readonly scheduled: boolean
}

/** One signal's part of a message. */
export interface Told {
  readonly atMs: number
  readonly icon: string
  /** Headline and details without id, times and host. */
  readonly text: string
}

export class Daemon {
  readonly telegram: RunningFakeTelegram
  readonly process: ChildProcess
  readonly startMs = Date.now()
  /** Its exit code, or the signal it died of. */
  readonly ended: Promise<number | string>
  private journal = ""

  private constructor(telegram: RunningFakeTelegram, child: ChildProcess) {
    this.telegram = telegram
    this.process = child
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (chunk: string) => (this.journal += chunk))
    }
    users += 1
    this.ended = new Promise((resolve) =>
      child.once("close", (code, signal) => {
        useEnds()
        resolve(code ?? signal ?? "?")
      })
    )
  }

  /** `before` is put in front of the command, such as `unshare`. */
  static async start(
    settings: Readonly<Record<string, string>>,
    before: ReadonlyArray<string> = [],
    telegramHost = "127.0.0.1"
  ): Promise<Daemon> {
    const telegram = await startFakeTelegram({
      token,
      chats: [{ id: Number(chat), type: "supergroup", title: "e2e" }],
      nowMs: () => Date.now()
    })
    const [command, ...args] = [...before, process.execPath, path.join(bundled(), "main.js"), "run"]
    const child = spawn(command, args, {
      env: {
        PATH: process.env["PATH"],
        WATCHDOG_HOST_NAME: "e2e",
        WATCHDOG_TELEGRAM_BOT_TOKEN: token,
        WATCHDOG_TELEGRAM_CHAT_ID: chat,
        WATCHDOG_TELEGRAM_API_URL: `http://${telegramHost}:${telegram.port}`,
        WATCHDOG_DOCKER_HOST: process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock",
        WATCHDOG_HTTP_LISTEN: "off",
        WATCHDOG_LOG_FORMAT: "json",
        ...settings
      },
      stdio: ["ignore", "pipe", "pipe"]
    })
    return new Daemon(telegram, child)
  }

  get log(): string {
    return this.journal
  }

  get lines(): ReadonlyArray<Readonly<Record<string, unknown>>> {
    return this.journal.split("\n").flatMap((line) => {
      try {
        return line.startsWith("{") ? [JSON.parse(line) as Record<string, unknown>] : []
      } catch {
        // Its last line is not all there yet.
        return []
      }
    })
  }

  /** Every change of what was said of a signal, oldest first. */
  said(signal: string): ReadonlyArray<Said> {
    return this.lines.flatMap((line): ReadonlyArray<Said> => {
      if (line["signal"] !== signal) return []
      const common = { atMs: Date.parse(String(line["time"])), scheduled: line["scheduled"] === true }
      if (line["event"] === "retired") return [{ ...common, state: "retired", text: "" }]
      if (line["event"] !== "observation") return []
      if (line["_tag"] === "Missed") {
        return [{ ...common, state: line["held"] === true ? "held" : "missed", text: String(line["reason"]) }]
      }
      const evidence = line["evidence"] as { summary: string }
      return [{ ...common, state: line["active"] === true ? "active" : "clear", text: evidence.summary }]
    })
  }

  get messages(): ReadonlyArray<FakeTelegramMessage> {
    return this.telegram.core.messages
  }

  /** What was told of a signal, oldest first. */
  told(signal: string): ReadonlyArray<Told> {
    return this.messages.flatMap(({ atMs, text }) =>
      entriesIn(text).flatMap((entry) =>
        entry.signal === signal ? [{ atMs, icon: entry.icon, text: entry.text }] : []
      )
    )
  }

  /** Every signal that anything was told of. */
  get signalsTold(): ReadonlyArray<string> {
    return [...new Set(this.messages.flatMap(({ text }) => entriesIn(text).map(({ signal }) => signal)))]
  }

  /** SIGTERM, and how it took that. */
  async stop(): Promise<{ readonly code: number | string; readonly tookMs: number }> {
    const atMs = performance.now()
    this.process.kill("SIGTERM")
    const code = await this.ended
    const tookMs = performance.now() - atMs
    await this.telegram.close()
    return { code, tookMs }
  }
}

const head = /^(🔴|🟠|🔁|✅|🕓|⚪|〰️|🧪) (\S+:\S+|orch_down) (.*)$/u

/** A message has an entry per signal: its headline, lines of its own, and an empty line before what is said of the others. */
const entriesIn = (text: string): ReadonlyArray<{ icon: string; signal: string; text: string }> => {
  const found: Array<{ icon: string; signal: string; lines: Array<string> }> = []
  let open = false
  for (const line of text.split("\n")) {
    const [, icon, signal, rest] = head.exec(line) ?? []
    if (icon !== undefined && signal !== undefined) {
      found.push({ icon, signal, lines: [rest ?? ""] })
      open = true
    } else if (line === "") open = false
    else if (open && !line.endsWith(" · e2e")) found.at(-1)?.lines.push(line)
  }
  return found.map(({ icon, signal, lines }) => ({ icon, signal, text: lines.join(" · ") }))
}

/** Removes all containers of a label, whatever became of them. */
export const clearAway = async (label: string): Promise<void> => {
  const left = await docker("ps", "-aq", "--filter", `label=${label}`)
  if (left !== "") await docker("rm", "-f", "-v", ...left.split("\n"))
}
