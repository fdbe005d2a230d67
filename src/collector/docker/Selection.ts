/** Which containers are watched, and which are promised to exist. */
import { Result } from "effect"
import type { Identity } from "./Container.ts"

/** Names or globs with `*` and `?`; a plain name is a promise that there is such a container. */
export const parsePatterns = (raw: string): Result.Result<ReadonlyArray<string>, string> => {
  const items = raw.split(",").map((item) => item.trim())
  return items.every((item) => /^[A-Za-z0-9*?][A-Za-z0-9_.*?-]*$/.test(item))
    ? Result.succeed(items)
    : Result.fail("container or service names, or globs with * and ?, separated by single commas")
}

export const showPatterns = (items: ReadonlyArray<string>): string => (items.length === 0 ? "none" : items.join(","))

export interface Selection {
  readonly wanted: ReadonlyArray<string>
  readonly excluded: ReadonlyArray<string>
}

const glob = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".")}$`
  )

export const isPlain = (pattern: string): boolean => !/[*?]/.test(pattern)

/** By the container's name or its compose service. */
export const matches = (pattern: string, identity: Identity): boolean => {
  if (isPlain(pattern)) return pattern === identity.name || pattern === identity.service
  const expression = glob(pattern)
  return expression.test(identity.name) || (identity.service !== null && expression.test(identity.service))
}

export const isSelected = ({ wanted, excluded }: Selection, identity: Identity): boolean =>
  !identity.oneOff &&
  (wanted.length === 0 || wanted.some((pattern) => matches(pattern, identity))) &&
  !excluded.some((pattern) => matches(pattern, identity))

export const isPromised = ({ wanted }: Selection, identity: Identity): boolean =>
  wanted.some((pattern) => isPlain(pattern) && matches(pattern, identity))
