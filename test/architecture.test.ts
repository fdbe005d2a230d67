/** Holds the house together: what no single file's test can see. */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "vitest"
import { allKeys } from "../src/Settings.ts"

const root = path.resolve(import.meta.dirname, "..")
const src = path.join(root, "src")

const walk = (folder: string, wanted: RegExp): ReadonlyArray<string> =>
  fs
    .readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) =>
      entry.isDirectory()
        ? walk(path.join(folder, entry.name), wanted)
        : wanted.test(entry.name)
          ? [path.join(folder, entry.name)]
          : []
    )

const sources = walk(src, /\.ts$/)
const relative = (file: string): string => path.relative(src, file)
const read = (file: string): string => fs.readFileSync(file, "utf8")

/** Comments and texts may name what code may not use. */
const codeOf = (text: string): string =>
  text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(^|[^:"'`])\/\/.*$/gm, "$1")

const importsOf = (file: string): ReadonlyArray<string> =>
  [...codeOf(read(file)).matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|^import\s+)"([^"]+)"/gm)].map(
    (match) => match[1] ?? ""
  )

const localImports = (file: string): ReadonlyArray<string> =>
  importsOf(file)
    .filter((name) => name.startsWith("."))
    .map((name) => path.resolve(path.dirname(file), name))

/** The stages, in the order of the flow; a file imports base, decision, its own stage and later ones. */
const stages = ["collector", "monitor", "queue", "sink", "status"]
const stageOf = (file: string): string => relative(file).split(path.sep)[0] ?? ""

/** Files that hold the process: streams, environment, signals, exit codes. */
const entryFiles = new Set([
  "main.ts",
  "cli.ts",
  "process.ts",
  "healthcheck.ts",
  "testing/fakeTelegramMain.ts",
  "testing/fakeOrchestratorMain.ts"
])

describe("imports", () => {
  it("go with the flow", () => {
    const against: Array<string> = []
    for (const file of sources) {
      const from = stages.indexOf(stageOf(file))
      if (from < 0) continue
      for (const target of localImports(file)) {
        const to = stageOf(target)
        const allowed = to === "base" || to === "decision" || stages.indexOf(to) >= from
        if (!allowed) against.push(`${relative(file)} imports ${relative(target)}`)
      }
    }

    assert.deepStrictEqual(against, [])
  })

  it("of base reach nothing but base", () => {
    const outside = sources
      .filter((file) => stageOf(file) === "base")
      .flatMap((file) =>
        localImports(file)
          .filter((target) => stageOf(target) !== "base")
          .map((target) => `${relative(file)} imports ${relative(target)}`)
      )

    assert.deepStrictEqual(outside, [])
  })

  it("of decision reach nothing but decision, not even a package", () => {
    const outside = sources
      .filter((file) => stageOf(file) === "decision")
      .flatMap((file) =>
        importsOf(file)
          .filter((name) => !name.startsWith("./"))
          .map((name) => `${relative(file)} imports ${name}`)
      )

    assert.deepStrictEqual(outside, [])
  })

  it("form no cycle, type imports included", () => {
    const graph = new Map(sources.map((file) => [file, localImports(file)]))
    const done = new Set<string>()
    const cycles: Array<string> = []
    const visit = (file: string, trail: ReadonlyArray<string>): void => {
      if (trail.includes(file)) {
        cycles.push([...trail.slice(trail.indexOf(file)), file].map(relative).join(" -> "))
        return
      }
      if (done.has(file)) return
      for (const target of graph.get(file) ?? []) visit(target, [...trail, file])
      done.add(file)
    }
    for (const file of sources) visit(file, [])

    assert.deepStrictEqual(cycles, [])
  })

  it("of anything of the orchestrator do not exist: only packages that are declared", () => {
    const manifest = JSON.parse(read(path.join(root, "package.json"))) as { dependencies: Record<string, string> }
    const declared = Object.keys(manifest.dependencies)
    const foreign = sources.flatMap((file) =>
      importsOf(file)
        .filter((name) => !name.startsWith(".") && !name.startsWith("node:"))
        .filter((name) => !declared.some((known) => name === known || name.startsWith(`${known}/`)))
        .map((name) => `${relative(file)} imports ${name}`)
    )

    assert.deepStrictEqual(foreign, [])
  })
})

describe("catalogues", () => {
  const listed = (stage: string): ReadonlyArray<string> =>
    [...read(path.join(src, stage, "index.ts")).matchAll(/export \* as \w+ from "\.\/(\w+)\.ts"/g)].map(
      (match) => match[1] ?? ""
    )
  const withEntry = (stage: string): ReadonlyArray<string> =>
    fs
      .readdirSync(path.join(src, stage))
      .filter(
        (name) =>
          name.endsWith(".ts") && /export const entry = (collector|sink)Entry\(/.test(read(path.join(src, stage, name)))
      )
      .map((name) => name.replace(".ts", ""))

  it.each(["collector", "sink"])("of %s list exactly the files that are one", (stage) => {
    assert.sameMembers([...listed(stage)], [...withEntry(stage)])
    assert.isAbove(listed(stage).length, 0)
  })
})

describe("code", () => {
  const bans: ReadonlyArray<readonly [string, RegExp]> = [
    ["the wall clock", /\bDate\.now\b|\bnew Date\(\)/],
    ["a timer of its own", /\bset(Timeout|Interval|Immediate)\(/],
    ["the environment", /\bprocess\.env\b/],
    ["the console", /\bconsole\./],
    ["chance that a test cannot steer", /\bMath\.random\b/],
    ["async functions", /\basync\b/],
    ["a default export", /\bexport default\b/]
  ]
  /** A fake server is plain Node on purpose: it runs without the package. */
  const plainNode = new Set(["testing/FakeOrchestrator.ts", "testing/FakeTelegram.ts"])

  it.each(bans)("uses %s in the entry files only", (_, pattern) => {
    const offenders = sources
      .filter((file) => !entryFiles.has(relative(file)))
      .filter((file) => !(plainNode.has(relative(file)) && pattern.source.includes("async")))
      .filter((file) => pattern.test(codeOf(read(file)).replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')))
      .map(relative)

    assert.deepStrictEqual(offenders, [])
  })

  it("of decision knows no Date at all, nor chance", () => {
    const offenders = sources
      .filter((file) => stageOf(file) === "decision")
      .filter((file) => /\bDate\b|\bMath\.random\b/.test(codeOf(read(file))))
      .map(relative)

    assert.deepStrictEqual(offenders, [])
  })

  it("leaves nothing open", () => {
    const open = sources.filter((file) => /\b(TODO|FIXME|XXX)\b/.test(read(file))).map(relative)

    assert.deepStrictEqual(open, [])
  })

  it("begins each file with what it is for", () => {
    const silent = sources
      .filter(
        (file) =>
          !read(file)
            .replace(/^#!.*\n/, "")
            .startsWith("/**")
      )
      .map(relative)

    assert.deepStrictEqual(silent, [])
  })
})

describe("tests", () => {
  const tests = walk(path.join(root, "test"), /\.test(-d)?\.ts$/)
  const folders = new Set(["e2e", "integration", "real", "simulation"])

  it("mirror a source each", () => {
    const orphans = tests
      .map((file) => path.relative(path.join(root, "test"), file))
      .filter((file) => !folders.has(file.split(path.sep)[0] ?? ""))
      .filter((file) => !["architecture.test.ts", "package.test.ts", "neverRaise.test-d.ts"].includes(file))
      .filter((file) => !fs.existsSync(path.join(src, file.replace(/\.test(-d)?\.ts$/, ".ts"))))
      // A fixture set that another language could use is tested beside the sources it belongs to.
      .filter((file) => !["decision/vectors.test.ts", "collector/exposition/Conformance.test.ts"].includes(file))
      // What several sources do together.
      .filter((file) => !["queue/day.test.ts", "queue/matrix.test.ts", "queue/messages.test.ts"].includes(file))

    assert.deepStrictEqual(orphans, [])
  })

  /** Types, catalogues, wiring that other tests run through, and what only the end-to-end tests can start. */
  const untested = new Set([
    "cli.ts",
    "process.ts",
    "main.ts",
    "commands/Ask.ts",
    "healthcheck.ts",
    "decision/SignalSpec.ts",
    "testing/FakeOrchestrator.ts",
    "testing/InMemory.ts",
    "testing/Scenario.ts",
    "base/Departure.ts",
    "base/Output.ts",
    "base/Truth.ts",
    "base/Uncancellable.ts",
    "collector/Cadence.ts",
    "collector/Collector.ts",
    "decision/Alert.ts",
    "decision/Observation.ts",
    "decision/SignalState.ts",
    "queue/Alerts.ts",
    "sink/Sink.ts",
    "collector/exposition/Sample.ts",
    "status/Listen.ts",
    "status/Snapshot.ts",
    "status/StatusBoard.ts",
    "testing/FakeEngineServer.ts",
    "testing/FakeEngineText.ts",
    "testing/FakeEngineWorld.ts",
    "testing/FakeTelegramServer.ts",
    "testing/fakeOrchestratorMain.ts",
    "testing/fakeTelegramMain.ts"
  ])

  it("exist for every source that decides something", () => {
    const bare = sources
      .map(relative)
      .filter((file) => path.basename(file) !== "index.ts" && !untested.has(file))
      .filter((file) => !fs.existsSync(path.join(root, "test", file.replace(/\.ts$/, ".test.ts"))))

    assert.deepStrictEqual(bare, [])
  })
})

describe("the canon of settings", () => {
  const known = allKeys.map((key) => key.name).sort()
  const named = (text: string, pattern: RegExp): ReadonlyArray<string> =>
    [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ""))]
      // Of secrets, a file that holds them; a key of its own may be called so too.
      .filter((name) => !name.endsWith("_FILE") || known.includes(name))
      .sort()

  it("has no name twice", () => {
    assert.strictEqual(new Set(known).size, known.length)
  })

  it("is what the code reads", () => {
    const inCode = sources.flatMap((file) => named(codeOf(read(file)), /"(WATCHDOG_[A-Z_]*[A-Z])"/g))
    const intervals = allKeys.map((key) => key.name).filter((name) => /^WATCHDOG_[A-Z]+_INTERVAL$/.test(name))

    assert.sameMembers(
      [...new Set([...inCode, ...intervals])].filter((name) => !["WATCHDOG_USEC", "WATCHDOG_PID"].includes(name)),
      known
    )
  })

  it("stands in .env.example, name for name", () => {
    assert.sameMembers([...named(read(path.join(root, ".env.example")), /^#?\s?(WATCHDOG_[A-Z_]+)=/gm)], known)
  })

  it("stands in README's table, name for name", () => {
    assert.sameMembers([...named(read(path.join(root, "README.md")), /^\| `(WATCHDOG_[A-Z_]+)`/gm)], known)
  })
})

describe("the repository", () => {
  it("names no download address in its lock file", () => {
    assert.notMatch(read(path.join(root, "package-lock.json")), /"resolved"/)
  })

  it("pins every dependency exactly", () => {
    const manifest = JSON.parse(read(path.join(root, "package.json"))) as Record<string, Record<string, string>>
    const loose = Object.entries({ ...manifest["dependencies"], ...manifest["devDependencies"] }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+$/.test(version)
    )

    assert.deepStrictEqual(loose, [])
  })
})
