/**
 * The whole watchdog in a fake world, under whatever clock is around it: Docker, an orchestrator, the host and Telegram are
 * fakes, all else is the real thing.
 *
 * With Effect's `TestClock` an incident of a day takes milliseconds, and nothing sleeps.
 */
import { Clock, Duration, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { HttpClient } from "effect/http"
import { layerBoard, run } from "../App.ts"
import { type Leaving, departure } from "../base/Departure.ts"
import { Http } from "../base/Http.ts"
import { Settings } from "../base/Keys.ts"
import { Loops } from "../base/Loops.ts"
import { Output } from "../base/Output.ts"
import { type Disk, disk as stateDisk } from "../base/StateFile.ts"
import { hostFs } from "../collector/host/HostFs.ts"
import type { Finding } from "../collector/probe/Finding.ts"
import { probes } from "../collector/probe/Probes.ts"
import { readSettings } from "../Settings.ts"
import { Journal, layerLogger } from "../status/Journal.ts"
import { type FakeStateDisk, makeFakeStateDisk } from "./FakeStateDisk.ts"
import type { FakeEngine, FakeEngineOptions } from "./FakeEngine.ts"
import * as FakeEngineServer from "./FakeEngineServer.ts"
import { type FakeHost, makeFakeHost } from "./FakeHost.ts"
import { type FakeTelegram, type FakeTelegramLimits, makeFakeTelegram } from "./FakeTelegram.ts"
import { clientOf, type Reply, telegramClient, transportError } from "./InMemory.ts"

export interface ScenarioOptions {
  /** Environment variables besides those that point at the fakes; these win. */
  readonly env?: Readonly<Record<string, string>>
  readonly engine?: Omit<FakeEngineOptions, "nowMs">
  readonly telegramLimits?: Partial<FakeTelegramLimits>
  /** Of another scenario, whose state file this one takes over. */
  readonly disk?: FakeStateDisk
}

export interface Scenario {
  readonly engine: FakeEngine
  readonly telegram: FakeTelegram
  readonly host: FakeHost
  /** What the orchestrator's `/metrics` answers from now on. */
  readonly setOrchestrator: (reply: Reply) => void
  /** What a dependency is found to be from now on, by its name; each is well until then. Witnesses are always well. */
  readonly setDependency: (name: string, finding: Partial<Finding>) => void
  /** Cuts Telegram off with an errno; null restores it. */
  readonly cutTelegram: (errno: string | null) => void
  /** The journal so far, parsed. */
  readonly journal: () => ReadonlyArray<Readonly<Record<string, unknown>>>
  /** Everything written so far, journal and console, as it was. */
  readonly written: () => string
  /** Starts the watchdog and returns at once; after `leave` or `kill` it starts another, in the same world. */
  readonly start: Effect.Effect<void>
  /** Tells it to leave, and waits until it has. */
  readonly leave: Effect.Effect<void>
  /** Ends it as SIGKILL does: nothing of it is heard, sent or written from now on. */
  readonly kill: Effect.Effect<void>
  /** Where a state file would be; it outlives each start. */
  readonly disk: FakeStateDisk
  /** Texts of the messages Telegram has accepted, from the n-th on. */
  readonly told: (from?: number) => ReadonlyArray<string>
  /** What it wanted to leave with, of its own account; null if it did not. */
  readonly departed: () => Leaving | null
}

const token = "123456789:scenario-AAAAAAAAAAAAAAAAAAAAAAA"
const chat = -1001

export const wellOrchestrator: Reply = {
  status: 200,
  headers: { "content-type": "text/plain; version=0.0.4" },
  body: "# TYPE queue_depth gauge\nqueue_depth 3\n"
}

const wellDependency: Finding = {
  verdict: "well",
  answered: true,
  summary: "answers",
  details: [],
  elapsedMs: 1,
  chain: null
}

const environmentOf = (given: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({
  WATCHDOG_HOST_NAME: "fake",
  WATCHDOG_TIMEZONE: "UTC",
  WATCHDOG_HTTP_LISTEN: "off",
  WATCHDOG_DOCKER_HOST: "unix:///fake/docker.sock",
  WATCHDOG_ORCH_METRICS_URL: "http://orchestrator/metrics",
  WATCHDOG_TELEGRAM_BOT_TOKEN: token,
  WATCHDOG_TELEGRAM_CHAT_ID: String(chat),
  WATCHDOG_TELEGRAM_API_URL: "http://telegram",
  ...given
})

/** One start of the watchdog. */
interface Life {
  readonly runId: string
  readonly scope: Scope.Closeable
  killed: boolean
  running: Fiber.Fiber<unknown> | null
}

/** A process that was killed gets no answer, and does nothing more. */
const unlessKilled = <A, E, R>(life: Life, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => (life.killed ? Effect.never : effect)).pipe(
    Effect.filterOrElse(
      () => !life.killed,
      () => Effect.never
    )
  )

const outputOf = (life: Life, out: Array<string>, err: Array<string>): Layer.Layer<Output> =>
  Layer.effect(
    Output,
    Effect.map(Output, (output) => ({
      ...output,
      out: (line) => (life.killed ? Effect.void : output.out(line)),
      err: (line) => (life.killed ? Effect.void : output.err(line))
    }))
  ).pipe(Layer.provide(Output.layerMemory(out, err)))

const diskOf = (life: Life, disk: Disk): Disk => ({
  read: (file, bytesMax) => unlessKilled(life, disk.read(file, bytesMax)),
  create: (file, text) => unlessKilled(life, disk.create(file, text)),
  sync: (file) => unlessKilled(life, disk.sync(file)),
  rename: (from, to) => unlessKilled(life, disk.rename(from, to)),
  remove: (file) => unlessKilled(life, disk.remove(file))
})

/**
 * Makes a world and a watchdog in it, not yet started. Fails: never; settings that are refused are the test's bug.
 */
export const make = (options: ScenarioOptions = {}): Effect.Effect<Scenario, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const outer = yield* Effect.scope
    const engine = yield* FakeEngineServer.make(options.engine)
    const telegram = makeFakeTelegram({
      token,
      chats: [{ id: chat, type: "supergroup", title: "ops" }],
      nowMs: () => clock.currentTimeMillisUnsafe(),
      ...(options.telegramLimits === undefined ? {} : { limits: options.telegramLimits })
    })
    const host = makeFakeHost()
    let orchestrator: Reply = wellOrchestrator
    const dependencies = new Map<string, Finding>()
    let cut: string | null = null
    let departed: Leaving | null = null
    const layerDeparture = Layer.succeed(departure, {
      request: (leaving) => Effect.sync(() => void (departed ??= leaving)),
      requested: Effect.never
    })
    const disk = options.disk ?? makeFakeStateDisk()
    const out: Array<string> = []
    const err: Array<string> = []

    const toTelegram = telegramClient(telegram)
    const toOrchestrator = clientOf(() => orchestrator)
    const toEngine = FakeEngineServer.client(engine)
    const byHost = HttpClient.make((request, url) => {
      if (url.hostname !== "telegram") return toOrchestrator.execute(request)
      return cut === null ? toTelegram.execute(request) : Effect.fail(transportError(request, cut))
    })

    const settings = yield* Effect.orDie(readSettings(environmentOf(options.env ?? {})))
    const layerWorldOf = (life: Life) => {
      const clientTo = (client: HttpClient.HttpClient): HttpClient.HttpClient =>
        HttpClient.make((request) => unlessKilled(life, client.execute(request)))
      const layerParts = Layer.mergeAll(
        Journal.layer(life.runId),
        layerLogger,
        Loops.layer,
        layerDeparture,
        Layer.succeed(hostFs, host.hostFs),
        Layer.succeed(stateDisk, diskOf(life, disk.disk)),
        Layer.succeed(
          probes,
          Effect.succeed({
            target: ({ name }) => Effect.sync(() => dependencies.get(name) ?? wellDependency),
            witness: () => Effect.succeed(wellDependency)
          })
        )
      )
      return layerBoard("scenario").pipe(
        Layer.provideMerge(layerParts),
        Layer.provideMerge(outputOf(life, out, err)),
        Layer.provideMerge(Layer.succeed(Settings, settings)),
        Layer.provideMerge(Http.layerTest((route) => clientTo(route._tag === "Unix" ? toEngine : byHost)))
      )
    }
    let lives = 0
    let life: Life | null = null
    const end = (ending: (life: Life) => Effect.Effect<unknown>): Effect.Effect<void> =>
      Effect.suspend(() => {
        const ended = life
        life = null
        return ended === null ? Effect.void : Effect.asVoid(ending(ended))
      })

    yield* Scope.addFinalizer(
      outer,
      end(({ scope }) => Scope.close(scope, Exit.void))
    )

    return {
      engine,
      telegram,
      host,
      setOrchestrator: (reply) => void (orchestrator = reply),
      setDependency: (name, finding) => void dependencies.set(name, { ...wellDependency, ...finding }),
      cutTelegram: (errno) => void (cut = errno),
      journal: () => out.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>),
      written: () => [...out, ...err].join("\n"),
      disk,
      start: Effect.gen(function* () {
        lives += 1
        // Not a child of the outer one: that would wait for a life that was killed.
        const scope = yield* Scope.make()
        const started: Life = {
          runId: lives === 1 ? "scenario" : `scenario-${lives}`,
          scope,
          killed: false,
          running: null
        }
        life = started
        const world = yield* Layer.buildWithScope(layerWorldOf(started), scope)
        started.running = yield* Effect.forkIn(Effect.scoped(run).pipe(Effect.provideContext(world)), scope)
        yield* Effect.yieldNow
      }),
      leave: end(({ running, scope }) =>
        Effect.andThen(running === null ? Effect.void : Fiber.interrupt(running), Scope.close(scope, Exit.void))
      ),
      kill: end((killed) => {
        killed.killed = true
        // What it would still do at its end leads nowhere, and nobody waits for it.
        return Effect.forkDetach(Scope.close(killed.scope, Exit.void))
      }),
      departed: () => departed,
      told: (from = 0) => telegram.messages.slice(from).map((message) => message.text)
    }
  })

/** The default interval, for tests that count in ticks. */
export const interval = Duration.seconds(10)
