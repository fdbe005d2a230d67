/** Gathers the licences of what the bundle contains into dist/command/LICENSES.txt: minified code has lost its comments. */
import * as fs from "node:fs"
import * as path from "node:path"

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
}

const root = path.resolve(import.meta.dirname, "..")
const manifestOf = (folder: string): Manifest =>
  JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8")) as Manifest

/** Every package that the command may contain: the declared ones, and theirs. */
const closure = (names: ReadonlyArray<string>, seen = new Set<string>()): ReadonlyArray<string> => {
  for (const name of names) {
    const folder = path.join(root, "node_modules", name)
    if (seen.has(name) || !fs.existsSync(folder)) continue
    seen.add(name)
    closure(Object.keys(manifestOf(folder).dependencies ?? {}), seen)
  }
  return [...seen].sort()
}

const textOf = (name: string): string => {
  const folder = path.join(root, "node_modules", name)
  const { version, license } = manifestOf(folder)
  const files = fs.readdirSync(folder).filter((file) => /^(licen[cs]e|notice)/i.test(file))
  const texts = files.map((file) => fs.readFileSync(path.join(folder, file), "utf8").trim())
  return [`${name} ${version} (${license ?? "see below"})`, ...texts].join("\n\n")
}

const packages = closure(Object.keys(manifestOf(root).dependencies ?? {}))
fs.writeFileSync(
  path.join(root, "dist/command/LICENSES.txt"),
  `${packages.map(textOf).join(`\n\n${"-".repeat(80)}\n\n`)}\n`
)
