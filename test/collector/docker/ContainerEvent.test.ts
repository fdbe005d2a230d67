import * as fs from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import {
  type ContainerEvent,
  actions,
  decodeEvent,
  isIntent,
  isKill
} from "../../../src/collector/docker/ContainerEvent.ts"

const id = "c0ffee".padEnd(64, "0")

const lineOf = (action: string, attributes: Readonly<Record<string, unknown>> = {}, more: object = {}): string =>
  JSON.stringify({
    Type: "container",
    Action: action,
    Actor: { ID: id, Attributes: { image: "web:1", name: "web", ...attributes } },
    scope: "local",
    time: 1_795_369_329,
    timeNano: 1_795_369_329_034_063_000,
    ...more
  })

const decoded = (line: string): ContainerEvent => {
  const event = decodeEvent(line)
  if (event === undefined) throw new Error(`no event: ${line.slice(0, 200)}`)
  return event
}

/** `die exit 137`, `kill signal 15`, `health_status unhealthy`. */
const short = ({ action, exitCode, signal, health }: ContainerEvent): string =>
  [
    action,
    ...(exitCode === null ? [] : [`exit ${exitCode}`]),
    ...(signal === null ? [] : [`signal ${signal}`]),
    ...(health === null ? [] : [health])
  ].join(" ")

describe("an event", () => {
  it.each(actions.filter((action) => action !== "health_status"))("of %s is of that container", (action) => {
    const event = decoded(lineOf(action, { "com.docker.compose.service": "web" }))

    assert.deepStrictEqual(
      [event.action, event.id, event.item.Id, event.item.Names, event.item.Image],
      [action, id, id, ["web"], "web:1"]
    )
    assert.strictEqual(event.item.Labels?.["com.docker.compose.service"], "web")
  })

  it("makes a state of what it tells", () => {
    const states = ["start", "die", "pause", "unpause"].map((action) => {
      const { State, Status } = decoded(lineOf(action, action === "die" ? { exitCode: "3" } : {})).item
      return [State, Status]
    })

    assert.deepStrictEqual(states, [
      ["running", "Up Less than a second"],
      ["exited", "Exited (3) Less than a second ago"],
      ["paused", "Up Less than a second (Paused)"],
      ["running", "Up Less than a second"]
    ])
  })

  it("in Docker's dialect has exit code, signal and health where they belong", () => {
    assert.strictEqual(short(decoded(lineOf("die", { exitCode: "139", execDuration: "7" }))), "die exit 139")
    assert.strictEqual(short(decoded(lineOf("kill", { signal: "15" }))), "kill signal 15")
    assert.strictEqual(short(decoded(lineOf("health_status: unhealthy"))), "health_status unhealthy")
    assert.strictEqual(short(decoded(lineOf("health_status: healthy"))), "health_status healthy")
  })

  it("in Podman's dialect too", () => {
    const die = lineOf("die", { containerExitCode: "2", podId: "" })
    const health = lineOf("health_status", { podId: "" }, { HealthStatus: "unhealthy" })

    assert.strictEqual(short(decoded(die)), "die exit 2")
    assert.strictEqual(short(decoded(health)), "health_status unhealthy")
    assert.strictEqual(short(decoded(lineOf("remove"))), "remove")
    assert.strictEqual(short(decoded(lineOf("kill"))), "kill")
  })

  it("of an engine since API 1.52 may begin with a record separator, and has lost its old fields", () => {
    assert.strictEqual(short(decoded(`\u001e${lineOf("start")}`)), "start")
    assert.strictEqual(short(decoded(lineOf("start", {}, { status: "start", id, from: "web:1" }))), "start")
  })

  it("without a name is called by the beginning of its id; without attributes it is still one", () => {
    const { item } = decoded(JSON.stringify({ Action: "start", Actor: { ID: id, Attributes: null } }))
    const bare = decoded(JSON.stringify({ Action: "die", Actor: { ID: id } }))

    assert.deepStrictEqual([item.Names, item.Image], [["c0ffee000000"], null])
    assert.strictEqual(short(bare), "die")
  })

  const codes: ReadonlyArray<readonly [text: unknown, code: number | null]> = [
    ["0", 0],
    ["255", 255],
    ["-1", -1],
    ["", null],
    ["12x", null],
    ["1e3", null],
    ["99999999999", null],
    [137, null],
    [null, null]
  ]
  it.each(codes)("with the exit code %j has %j", (text, code) => {
    assert.strictEqual(decoded(lineOf("die", { exitCode: text })).exitCode, code)
  })
})

describe("a line that is no event of ours", () => {
  const odd: ReadonlyArray<readonly [what: string, line: string]> = [
    ["empty", ""],
    ["no JSON", "hello"],
    ["half a line", lineOf("die").slice(0, 80)],
    ["an array", "[]"],
    ["null", "null"],
    ["a number", "7"],
    ["two on one line", `${lineOf("die")}${lineOf("start")}`],
    ["without an action", JSON.stringify({ Type: "container", Actor: { ID: id } })],
    ["with an action that is no text", lineOf("die", {}, { Action: 7 })],
    ["without an actor", JSON.stringify({ Type: "container", Action: "die" })],
    ["with an id that is none", lineOf("die", {}, { Actor: { ID: "../../etc" } })],
    ["with a short id", lineOf("die", {}, { Actor: { ID: "c0ffee" } })],
    ["of another type", lineOf("start", {}, { Type: "network" })],
    ["of an image", lineOf("remove", {}, { Type: "image" })],
    ["create", lineOf("create")],
    ["exec_die", lineOf("exec_die", { exitCode: "1" })],
    ["exec_start with a colon", lineOf("exec_start: die")],
    ["died", lineOf("died")],
    ["cleanup", lineOf("cleanup")],
    ["a thing of Object", lineOf("constructor")],
    ["nested deep", "[".repeat(100_000)]
  ]

  it.each(odd)("%s is left out", (_, line) => assert.isUndefined(decodeEvent(line)))

  it("costs nothing but itself: hostile labels are only labels", () => {
    const hostile = `{"Type":"container","Action":"start","Actor":{"ID":"${id}","Attributes":{"__proto__":"x","name":"<b>\\u0000","exitCode":"0","constructor":"y"}}}`

    const event = decoded(hostile)

    assert.strictEqual(event.action, "start")
    assert.deepStrictEqual(event.item.Names, ["<b>\u0000"])
    assert.isUndefined(({} as Record<string, unknown>)["x"])
  })
})

describe("recorded events of engine 26.1", () => {
  const recorded: ReadonlyArray<readonly [name: string, events: ReadonlyArray<string>]> = [
    ["stop", ["start", "kill signal 15", "stop", "die exit 143"]],
    ["stop-killed", ["start", "kill signal 15", "kill signal 9", "stop", "die exit 137"]],
    ["restart", ["start", "kill signal 15", "stop", "die exit 143", "start"]],
    ["kill", ["start", "kill signal 9", "die exit 137"]],
    ["kill-term", ["start", "kill signal 15", "die exit 143"]],
    ["kill-hup", ["start", "kill signal 1", "kill signal 9", "die exit 137", "destroy"]],
    ["rm-f", ["start", "kill signal 9", "die exit 137", "destroy"]],
    ["rm-stopped", ["start", "die exit 0", "destroy"]],
    ["oom", ["start", ...Array.from({ length: 7 }, () => "oom"), "die exit 137"]],
    ["pause", ["start", "pause", "unpause"]],
    ["stop-while-paused", ["start", "pause", "kill signal 15", "unpause", "stop", "die exit 143"]],
    ["health", ["start", "health_status healthy", "health_status unhealthy"]],
    ["crash-restart-always", ["start", "die exit 3", "start", "die exit 3", "start", "die exit 3", "start"]],
    ["on-failure-gave-up", ["start", "die exit 7", "start", "die exit 7", "start", "die exit 7"]],
    ["compose-recreate", ["start", "kill signal 15", "stop", "die exit 143", "destroy", "start"]],
    ["port-taken", ["start"]],
    ["rename", ["start"]],
    ["stop-in-back-off", [...Array.from({ length: 5 }, () => ["start", "die exit 1"]).flat(), "stop"]]
  ]

  it.each(recorded)("of %s are all read", (name, expected) => {
    const file = new URL(`../../fixtures/docker/26.1-events-${name}.jsonl`, import.meta.url)
    const lines = fs.readFileSync(file, "utf8").trim().split("\n")

    const events = lines.map(decodeEvent).filter((event) => event !== undefined)

    assert.deepStrictEqual(events.map(short), expected)
  })
})

describe("a signal", () => {
  const intents: ReadonlyArray<readonly [signal: string | null, stopSignal: string | null, meant: boolean]> = [
    ["15", null, true],
    ["2", null, true],
    ["3", null, true],
    ["SIGTERM", null, true],
    ["TERM", null, true],
    ["sigint", null, true],
    ["QUIT", null, true],
    ["9", null, false],
    ["1", null, false],
    ["28", null, false],
    ["", null, false],
    [null, null, false],
    [null, "SIGTERM", false],
    ["10", "SIGUSR1", true],
    ["12", "SIGUSR1", false],
    ["28", "SIGWINCH", true],
    ["28", "winch", true],
    ["37", "SIGRTMIN+3", true],
    ["1", "1", true],
    ["9", "SIGKILL", true],
    ["15", "SIGUSR1", true],
    ["constructor", "__proto__", false]
  ]
  it.each(intents)("%s, where the stop signal is %s: meant %s", (signal, stopSignal, meant) => {
    assert.strictEqual(isIntent(signal, stopSignal), meant)
  })

  it("is a KILL by number or name, and nothing else is", () => {
    assert.deepStrictEqual(["9", "KILL", "SIGKILL", "sigkill", "15", "19", "", null].map(isKill), [
      true,
      true,
      true,
      true,
      false,
      false,
      false,
      false
    ])
  })
})
