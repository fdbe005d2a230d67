import * as http from "node:http"
import * as net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Duration, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Settings } from "../../src/base/Keys.ts"
import type { Report, SignalLook } from "../../src/collector/Collector.ts"
import { Dependencies } from "../../src/collector/Dependencies.ts"
import type { Chain } from "../../src/collector/probe/Certificate.ts"
import type { Finding } from "../../src/collector/probe/Finding.ts"
import { type Probe, probes, timed } from "../../src/collector/probe/Probes.ts"
import { type SignalState, step } from "../../src/decision/index.ts"
import * as Scenario from "../../src/testing/Scenario.ts"
import { eventually, listening } from "./probe/world.ts"

const well: Finding = {
  verdict: "well",
  answered: true,
  summary: "accepts connections",
  details: [],
  elapsedMs: 12,
  chain: null
}
const dead: Finding = { ...well, verdict: "ill", answered: false, summary: "connection refused" }

interface World {
  readonly dependencies: Dependencies["Service"]
  /** What is found of each; `well` where nothing is said. */
  readonly findings: Map<string, Finding | Effect.Effect<Finding>>
  readonly witness: { finding: Finding }
  readonly asked: Array<string>
}

const watching = <A>(
  env: Readonly<Record<string, string>>,
  self: (world: World) => Effect.Effect<A>
): Effect.Effect<A> =>
  Effect.scoped(
    Effect.gen(function* () {
      const findings: World["findings"] = new Map()
      const witness = { finding: well }
      const asked: Array<string> = []
      const fake: Probe = {
        target: ({ name }, budgetMs) =>
          Effect.suspend(() => {
            asked.push(`${name} ${Math.round(budgetMs)}`)
            const found = findings.get(name) ?? well
            return "verdict" in found ? Effect.succeed(found) : timedAs(found, budgetMs)
          }),
        witness: ({ shown }, budgetMs) =>
          Effect.sync(() => {
            asked.push(`${shown} ${Math.round(budgetMs)}`)
            return witness.finding
          })
      }
      const context = yield* Layer.build(
        Dependencies.layer.pipe(
          Layer.provide(Settings.layerTest(env)),
          Layer.provide(Layer.succeed(probes, Effect.succeed(fake)))
        )
      )
      return yield* self({ dependencies: Context.get(context, Dependencies), findings, witness, asked })
    })
  )

/** A finding that takes its time, or never comes: cut as a probe is. */
const timedAs = (finding: Effect.Effect<Finding>, budgetMs: number): Effect.Effect<Finding> =>
  timed(budgetMs, () => Effect.map(finding, ({ summary }) => summary))

const look = ({ dependencies }: World): Effect.Effect<Report> =>
  Effect.orDie(dependencies.collect({ number: 1, asOfMs: 0 }))

const said = ({ spec, look }: SignalLook): string =>
  look._tag === "Missed"
    ? `${spec.signal} ${look.held ? "held" : "missed"}: ${look.reason}`
    : `${spec.signal} ${look.active ? spec.severity : "clear"}: ${look.evidence.summary}`

const saidOf = (report: Report): ReadonlyArray<string> => report.looks.map(said)

describe("Dependencies", () => {
  it.effect("is off where none is named, and makes no probe", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(
        Dependencies.layer.pipe(
          Layer.provide(Settings.layerTest()),
          Layer.provide(Layer.succeed(probes, Effect.die("made")))
        )
      )
      const dependencies = Context.get(context, Dependencies)

      assert.isTrue(dependencies.off)
      assert.strictEqual(dependencies.watches, "WATCHDOG_DEPENDENCIES is not set")
      assert.deepStrictEqual(saidOf(yield* Effect.orDie(dependencies.collect({ number: 1, asOfMs: 0 }))), [])
    }).pipe(Effect.scoped)
  )

  it.effect("says what it watches, without passwords and queries", () =>
    watching(
      { WATCHDOG_DEPENDENCIES: "db=tcp://db:5432 api=https://u:hunter2@e.org/x?t=hunter2" },
      ({ dependencies }) =>
        Effect.sync(() => {
          assert.isFalse(dependencies.off)
          assert.strictEqual(
            dependencies.watches,
            "what it depends on: db (tcp://db:5432), api (https://e.org/x?(redacted))"
          )
        })
    )
  )

  it.effect("gives each a signal, and one more to what has a certificate", () =>
    watching({ WATCHDOG_DEPENDENCIES: "a=http://a b=https://b c=tcp://c:1 d=tls://d e=dns://e" }, (world) =>
      Effect.gen(function* () {
        world.findings.set("c", { ...dead, details: ["more"] })

        const report = yield* look(world)

        assert.deepStrictEqual(saidOf(report), [
          "dependency:a clear: accepts connections, in 12 ms",
          "dependency:b clear: accepts connections, in 12 ms",
          "cert:b held: no certificate to look at: accepts connections",
          "dependency:c critical: connection refused",
          "dependency:d clear: accepts connections, in 12 ms",
          "cert:d held: no certificate to look at: accepts connections",
          "dependency:e clear: accepts connections, in 12 ms"
        ])
        const [a, , , c] = report.looks
        assert.deepInclude(a?.look, { value: 12 })
        assert.deepInclude(c?.look, { evidence: { summary: "connection refused", details: ["tcp://c:1", "more"] } })
        assert.isTrue(report.complete)
        assert.isUndefined(report.unseen)
        assert.deepStrictEqual(report.oddities, [])
      })
    )
  )

  it.effect("says that our own trouble is ours: missed, and blind", () =>
    watching({ WATCHDOG_DEPENDENCIES: "a=https://a#ca=/nope b=http://b" }, (world) =>
      Effect.gen(function* () {
        world.findings.set("a", {
          ...dead,
          verdict: "unable",
          summary: "the CA file /nope cannot be used: no such file"
        })

        const report = yield* look(world)

        assert.deepStrictEqual(saidOf(report), [
          "dependency:a missed: the CA file /nope cannot be used: no such file",
          "cert:a held: no certificate to look at: the CA file /nope cannot be used: no such file",
          "dependency:b clear: accepts connections, in 12 ms"
        ])
        assert.strictEqual(report.unseen, "a: the CA file /nope cannot be used: no such file")
      })
    )
  )
})

describe("a latency ceiling", () => {
  it.effect("raises at it and clears a tenth below", () =>
    watching({ WATCHDOG_DEPENDENCIES: "a=http://a#within=800ms", WATCHDOG_RAISE_TICKS: "1" }, (world) =>
      Effect.gen(function* () {
        const told: Array<string> = []
        let state: SignalState | null = null
        for (const [at, elapsedMs] of [799, 800, 799, 720, 719].entries()) {
          world.findings.set("a", { ...well, elapsedMs })
          const [one] = (yield* look(world)).looks
          if (one?.look._tag !== "Seen") throw new Error("missed")
          const nowMs = at * 10_000
          const input = { ...one.look, tick: at + 1, scheduled: true, asOfMs: nowMs, first: at === 0 }
          const stepped = step(one.spec.policy, state, input, nowMs)
          state = stepped.state
          told.push(`${elapsedMs} ${stepped.decision?.kind ?? "-"} ${one.look.evidence.summary}`)
        }

        assert.deepStrictEqual(told, [
          "799 - accepts connections, in 799 ms",
          "800 alert slower than 800 ms",
          "799 - accepts connections, in 799 ms",
          "720 - accepts connections, in 720 ms",
          "719 recover accepts connections, in 719 ms"
        ])
      })
    )
  )

  it.effect("of a millisecond can still clear", () =>
    watching({ WATCHDOG_DEPENDENCIES: "a=http://a#within=1ms" }, (world) =>
      Effect.gen(function* () {
        const [one] = (yield* look(world)).looks

        assert.deepStrictEqual(one?.spec.policy.ceiling, { raiseAt: 1, clearAt: 0.9 })
      })
    )
  )

  it.effect("that the timeout hides is odd", () =>
    watching({ WATCHDOG_DEPENDENCIES: "a=http://a#within=6s" }, (world) =>
      Effect.gen(function* () {
        const { oddities } = yield* look(world)

        assert.deepStrictEqual(oddities, ["a: within=6000ms says nothing, it has 5000 ms in all"])
      })
    )
  )
})

const dayMs = 86_400_000

const chainOf = (leftDays: number, nowMs: number, problems: ReadonlyArray<string> = []): Chain => ({
  members: [{ subject: "leaf", issuer: "ca", notBeforeMs: nowMs - 60 * dayMs, notAfterMs: nowMs + leftDays * dayMs }],
  problems
})

describe("a certificate", () => {
  const wallMs = Date.UTC(2026, 10, 22, 12)
  const table: ReadonlyArray<readonly [number, string, string, string]> = [
    [30, "", "clear", "ends in 30 days (2026-12-22 12:00 UTC)"],
    [13, "", "warning", "ends in 13 days (2026-12-05 12:00 UTC), less than 14 days"],
    [13, "#cert-days=7", "clear", "ends in 13 days (2026-12-05 12:00 UTC)"],
    [-1, "", "critical", "expired 24 hours ago (2026-11-21 12:00 UTC)"]
  ]

  it.effect.each(table)("with %d days left is told by %j: %s", ([left, options, verdict, summary]) =>
    watching({ WATCHDOG_DEPENDENCIES: `a=tls://a${options}` }, (world) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(wallMs)
        world.findings.set("a", { ...well, chain: chainOf(left, wallMs) })

        const [, cert] = (yield* look(world)).looks

        assert.strictEqual(cert === undefined ? "" : said(cert), `cert:a ${verdict}: ${summary}`)
        assert.deepInclude(cert?.look, { value: left })
      })
    )
  )

  it.effect("is told also where its dependency is refused, with what else is wrong", () =>
    watching({ WATCHDOG_DEPENDENCIES: "a=https://a" }, (world) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(wallMs)
        const chain = chainOf(-3, wallMs, ["its certificate has expired (x)", "its certificate is for b, not for a"])
        world.findings.set("a", { ...dead, answered: true, summary: chain.problems.join(", and "), chain })

        const [dependency, cert] = (yield* look(world)).looks

        assert.strictEqual(
          dependency === undefined ? "" : said(dependency),
          "dependency:a critical: its certificate has expired (x), and its certificate is for b, not for a"
        )
        assert.deepInclude(cert?.look, {
          evidence: {
            summary: "expired 3 days ago (2026-11-19 12:00 UTC)",
            details: ["https://a/", "its certificate is for b, not for a"]
          }
        })
      })
    )
  )

  it.effect("has a spec that stays the same object from look to look", () =>
    watching({ WATCHDOG_DEPENDENCIES: "a=tls://a" }, (world) =>
      Effect.gen(function* () {
        const [first, second] = [yield* look(world), yield* look(world)]

        for (const [at, { spec }] of first.looks.entries()) assert.strictEqual(spec, second.looks[at]?.spec)
      })
    )
  )
})

describe("a witness", () => {
  const env = { WATCHDOG_DEPENDENCIES: "a=http://a#witness=tcp://1.1.1.1:53 b=http://b" }

  it.effect("that fails too makes it the network here: missed, and blind", () =>
    watching(env, (world) =>
      Effect.gen(function* () {
        world.findings.set("a", dead)
        world.witness.finding = { ...dead, summary: "network unreachable" }

        const report = yield* look(world)

        const reason =
          "connection refused; but the witness tcp://1.1.1.1:53 fails too (network unreachable): the network here is the trouble"
        assert.deepStrictEqual(saidOf(report)[0], `dependency:a missed: ${reason}`)
        assert.strictEqual(report.unseen, `a: ${reason}`)
      })
    )
  )

  it.effect("that is well leaves the verdict as it is", () =>
    watching(env, (world) =>
      Effect.gen(function* () {
        world.findings.set("a", dead)

        const report = yield* look(world)

        assert.strictEqual(saidOf(report)[0], "dependency:a critical: connection refused")
        assert.isUndefined(report.unseen)
      })
    )
  )

  it.effect("is asked only of what has not answered, within what is left of the timeout", () =>
    watching(env, (world) =>
      Effect.gen(function* () {
        yield* look(world)
        world.findings.set("a", { ...dead, answered: true })
        yield* look(world)
        assert.deepStrictEqual(world.asked, ["a 3333", "b 5000", "a 3333", "b 5000"])

        world.findings.set("a", dead)
        yield* look(world)
        assert.deepStrictEqual(world.asked.slice(4).sort(), ["a 3333", "b 5000", "tcp://1.1.1.1:53 1667"])
      })
    )
  )
})

describe("many", () => {
  const env = (count: number) => ({
    WATCHDOG_DEPENDENCIES: Array.from({ length: count }, (_, at) => `d${at}=tcp://h${at}:1`).join(" ")
  })

  it.effect("hang without making the others missed, and all is done within the timeout", () =>
    watching(env(32), (world) =>
      Effect.gen(function* () {
        for (let at = 0; at < 31; at++) world.findings.set(`d${at}`, Effect.never)
        const looking = yield* Effect.forkChild(look(world))
        yield* TestClock.adjust(5_000)

        const verdicts = saidOf(yield* Fiber.join(looking))

        assert.strictEqual(verdicts.filter((one) => one.includes("no full answer within 5000 ms")).length, 31)
        assert.strictEqual(verdicts[31], "dependency:d31 clear: accepts connections, in 12 ms")
      })
    )
  )

  it.effect("more than can be probed at once share the timeout, and say so", () =>
    watching(env(100), (world) =>
      Effect.gen(function* () {
        for (let at = 0; at < 99; at++) world.findings.set(`d${at}`, Effect.never)
        const looking = yield* Effect.forkChild(look(world))
        yield* TestClock.adjust(1)
        assert.strictEqual(world.asked.length, 32)
        yield* TestClock.adjust(4_999)

        const report = yield* Fiber.join(looking)

        assert.strictEqual(report.looks.length, 100)
        assert.strictEqual(saidOf(report)[99], "dependency:d99 clear: accepts connections, in 12 ms")
        assert.deepStrictEqual(report.oddities, ["100 targets, 32 at once, share the timeout: each has 1250 ms"])
      })
    )
  )
})

describe("in the whole watchdog", () => {
  const env = {
    WATCHDOG_DEPENDENCIES: "db=tcp://db:5432 mail=tls://mail"
  }

  it.effect(
    "a dependency is told once, and its end; a certificate that ends is a warning, and what rings when it has ended is its dependency",
    () =>
      Effect.gen(function* () {
        const world = yield* Scenario.make({ env })
        yield* TestClock.setTime(Date.UTC(2026, 10, 22))
        yield* world.start
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(world.told(), [])

        world.setDependency("db", { verdict: "ill", summary: "connection refused" })
        yield* TestClock.adjust("5 minutes")
        world.setDependency("db", {})
        yield* TestClock.adjust("1 minute")
        const nowMs = yield* Clock.currentTimeMillis
        world.setDependency("mail", { chain: chainOf(10, nowMs) })
        yield* TestClock.adjust("1 minute")
        const problems = ["its certificate has expired (x)"]
        const chain = chainOf(-1, nowMs, problems)
        world.setDependency("mail", { verdict: "ill", summary: problems.join(), chain })
        yield* TestClock.adjust("1 minute")

        const told = world.told().map((text) => text.replaceAll(/<[^>]+>/g, "").split("\n")[0])
        assert.strictEqual(told.length, 4, told.join("\n"))
        assert.match(told[0] ?? "", /^🔴 dependency:db connection refused/)
        assert.match(told[1] ?? "", /^✅ dependency:db/)
        assert.match(told[2] ?? "", /^🟠 cert:mail ends in 9 days/)
        assert.match(told[3] ?? "", /^🔴 dependency:mail its certificate has expired/)
        yield* world.leave
      })
  )
})

describe("over real connections", () => {
  const looking = (env: Readonly<Record<string, string>>): Effect.Effect<Report> =>
    Effect.scoped(
      Effect.gen(function* () {
        const context = yield* Layer.build(Dependencies.layer.pipe(Layer.provide(Settings.layerTest(env))))
        return yield* Effect.orDie(Context.get(context, Dependencies).collect({ number: 1, asOfMs: 0 }))
      })
    )

  it.live("one that is slow holds nobody up, and leaves no connection behind", () =>
    Effect.gen(function* () {
      const good = yield* listening(http.createServer((_, response) => void response.end("ok")))
      const slow = yield* listening(net.createServer((socket) => void socket.resume()))
      const items = Array.from({ length: 9 }, (_, at) => `good${at}=http://127.0.0.1:${good.port}/#body=ok`)

      const [duration, report] = yield* Effect.timed(
        looking({
          WATCHDOG_DEPENDENCIES: [`slow=http://127.0.0.1:${slow.port}/`, ...items].join(","),
          WATCHDOG_TIMEOUT: "300ms"
        })
      )

      assert.deepStrictEqual(
        report.looks.map(({ look }) => (look._tag === "Seen" ? look.active : null)),
        [true, ...items.map(() => false)]
      )
      assert.isBelow(Duration.toMillis(duration), 1_000)
      yield* eventually(() => slow.open() === 0 && good.open() === 0)
    }).pipe(Effect.scoped)
  )

  it.live("nothing of a password is in a report, whatever goes wrong", () =>
    Effect.gen(function* () {
      const refusing = yield* listening(http.createServer((_, response) => void response.writeHead(401).end()))
      const urls = [
        `http://user:hunter2@127.0.0.1:${refusing.port}/a?token=hunter2`,
        `https://user:hunter2@127.0.0.1:${refusing.port}/`,
        "http://user:hunter2@127.0.0.1:1/",
        "http://user:hunter2@no-such-host.invalid/#witness=http://user:hunter2@127.0.0.1:1/"
      ]

      const report = yield* looking({ WATCHDOG_DEPENDENCIES: urls.map((url, at) => `d${at}=${url}`).join(" ") })

      assert.strictEqual(report.looks.filter(({ look }) => look._tag === "Seen" && look.active).length, 3)
      assert.notInclude(JSON.stringify(report), "hunter2")
      assert.notInclude(JSON.stringify(report), "user")
    }).pipe(Effect.scoped)
  )
})
