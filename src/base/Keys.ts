/**
 * Settings keys: each is declared beside what uses it, with its meaning, default and parser.
 *
 * Effect's `Config` stops at the first bad value and knows no "30s"; a misconfigured watchdog must name everything that is
 * wrong at once. So a key is data, and `Settings.ts` reads them all.
 */
import { Context, Duration, Layer, Redacted, Result } from "effect"
import { truthOf } from "./Truth.ts"

export interface Key<A> {
  readonly name: string
  readonly about: string
  readonly fallback: A
  /** What the default is called in documentation and in `watchdog config`. */
  readonly fallbackText: string
  /** Its value is never shown, and `<name>_FILE` may name a file that holds it. */
  readonly secret: boolean
  /** The most that a file may hold; absent: what a password or a token has. */
  readonly fileUnitsMax?: number
  /** Result: the value, or what would have been right (without the value itself). */
  readonly parse: (raw: string) => Result.Result<A, string>
  readonly show: (value: A) => string
}

interface Declared<A> {
  readonly about: string
  readonly fallback: A
  readonly fallbackText?: string
}

const key = <A>(
  name: string,
  declared: Declared<A>,
  parse: (raw: string) => Result.Result<A, string>,
  show: (value: A) => string = String
): Key<A> => ({
  name,
  about: declared.about,
  fallback: declared.fallback,
  fallbackText: declared.fallbackText ?? show(declared.fallback),
  secret: false,
  parse,
  show
})

export const parseBoolean = (raw: string): Result.Result<boolean, string> => {
  const value = truthOf(raw)
  return value === undefined ? Result.fail("true or false (also 1/0, yes/no, on/off)") : Result.succeed(value)
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds of `500ms`, `30s`, `5m`, `1h30m`, `2d`, or plain seconds. */
export const parseDurationMs = (raw: string): Result.Result<number, string> => {
  const expected = Result.fail("a duration such as 500ms, 30s, 5m, 1h30m, 2d, or plain seconds")
  const finite = (ms: number) => (Number.isFinite(ms) ? Result.succeed(ms) : expected)
  if (/^\d+(\.\d+)?$/.test(raw)) return finite(Number(raw) * 1_000)
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(raw)) return expected
  let totalMs = 0
  for (const [, amount, unit] of raw.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    totalMs += Number(amount) * (unitMs[unit ?? ""] ?? Number.NaN)
  }
  return finite(totalMs)
}

export const boolean = (name: string, declared: Declared<boolean>): Key<boolean> => key(name, declared, parseBoolean)

const showDuration = (value: Duration.Duration): string => {
  let leftMs = Duration.toMillis(value)
  if (leftMs === 0) return "0s"
  let text = ""
  for (const unit of ["d", "h", "m", "s", "ms"]) {
    const size = unitMs[unit] ?? 1
    const count = unit === "ms" ? leftMs : Math.floor(leftMs / size)
    if (count > 0) text += `${count}${unit}`
    leftMs -= count * size
  }
  return text
}

export const duration = (
  name: string,
  declared: Declared<Duration.Duration> & { readonly atLeastMs?: number }
): Key<Duration.Duration> =>
  key(
    name,
    declared,
    (raw) =>
      Result.flatMap(parseDurationMs(raw), (ms) =>
        ms < (declared.atLeastMs ?? 0)
          ? Result.fail(`a duration of at least ${showDuration(Duration.millis(declared.atLeastMs ?? 0))}`)
          : Result.succeed(Duration.millis(ms))
      ),
    showDuration
  )

/** A duration that is worked out from others where it is unset. */
export const durationOptional = (
  name: string,
  declared: Declared<undefined> & { readonly atLeastMs?: number }
): Key<Duration.Duration | undefined> => {
  const inner = duration(name, {
    about: declared.about,
    fallback: Duration.zero,
    ...(declared.atLeastMs === undefined ? {} : { atLeastMs: declared.atLeastMs })
  })
  return key<Duration.Duration | undefined>(name, { fallbackText: "unset", ...declared }, inner.parse, (value) =>
    value === undefined ? "unset" : showDuration(value)
  )
}

export const count = (
  name: string,
  declared: Declared<number> & { readonly atLeast: number; readonly atMost?: number }
): Key<number> =>
  key(name, declared, (raw) => {
    const value = Number(raw)
    const most = declared.atMost ?? Number.MAX_SAFE_INTEGER
    const range =
      declared.atMost === undefined ? `of at least ${declared.atLeast}` : `from ${declared.atLeast} to ${most}`
    return /^\d+$/.test(raw) && value >= declared.atLeast && value <= most
      ? Result.succeed(value)
      : Result.fail(`a whole number ${range}`)
  })

export const factor = (name: string, declared: Declared<number> & { readonly atLeast: number }): Key<number> =>
  key(name, declared, (raw) =>
    /^\d+(\.\d+)?$/.test(raw) && Number(raw) >= declared.atLeast
      ? Result.succeed(Number(raw))
      : Result.fail(`a number of at least ${declared.atLeast}`)
  )

/** A ceiling in percent; `off` is no ceiling. */
export const percent = (name: string, declared: Declared<number | undefined>): Key<number | undefined> =>
  key(
    name,
    { fallbackText: "off", ...declared },
    (raw) => {
      if (raw.toLowerCase() === "off") return Result.succeed(undefined)
      const match = /^(\d+(?:\.\d+)?)\s*%?$/.exec(raw)
      const value = Number(match?.[1])
      return match !== null && value > 0 && value <= 100
        ? Result.succeed(value)
        : Result.fail("a percentage above 0 and up to 100, or off")
    },
    (value) => (value === undefined ? "off" : `${value}%`)
  )

export const text = (name: string, declared: Declared<string>): Key<string> =>
  key(name, { ...declared }, (raw) => Result.succeed(raw))

export const textOptional = (
  name: string,
  declared: Declared<string | undefined> & { readonly pattern?: RegExp; readonly expected?: string }
): Key<string | undefined> =>
  key<string | undefined>(
    name,
    { fallbackText: declared.fallback ?? "unset", ...declared },
    (raw) =>
      declared.pattern === undefined || declared.pattern.test(raw)
        ? Result.succeed(raw)
        : Result.fail(declared.expected ?? `text like ${declared.pattern.source}`),
    (value) => value ?? "unset"
  )

export const list = (name: string, declared: Declared<ReadonlyArray<string>>): Key<ReadonlyArray<string>> =>
  key(
    name,
    { ...declared },
    (raw) => {
      const items = raw.split(",").map((item) => item.trim())
      return items.includes("") ? Result.fail("names separated by single commas") : Result.succeed(items)
    },
    (items) => items.join(",")
  )

export const oneOf = <A extends string>(
  name: string,
  declared: Declared<A> & { readonly of: ReadonlyArray<A> }
): Key<A> =>
  key(name, declared, (raw) => {
    const found = declared.of.find((value) => value === raw.toLowerCase())
    return found === undefined ? Result.fail(`one of ${declared.of.join(", ")}`) : Result.succeed(found)
  })

const httpUrl = (raw: string): boolean => {
  const url = URL.canParse(raw) ? new URL(raw) : undefined
  return url !== undefined && (url.protocol === "http:" || url.protocol === "https:") && url.hostname !== ""
}

/** Where a URL may carry credentials only its host is ever shown. */
const showUrl = (raw: string): string => {
  const url = URL.canParse(raw) ? new URL(raw) : undefined
  if (url === undefined) return "set"
  return url.username === "" && url.password === "" && url.search === ""
    ? raw
    : `${url.protocol}//${url.host}${url.pathname} (redacted)`
}

/** The most that a file of a list may hold: thousands of addresses. */
export const listFileUnitsMax = 65_536

/** A URL that is a secret as a whole: whoever knows it may use it. */
export const secretUrl = (name: string, declared: Declared<undefined>): Key<Redacted.Redacted | undefined> => ({
  ...key<Redacted.Redacted | undefined>(
    name,
    { fallbackText: "unset", ...declared },
    (raw) => (httpUrl(raw) ? Result.succeed(Redacted.make(raw)) : Result.fail("an http:// or https:// URL")),
    (value) => (value === undefined ? "unset" : "set (redacted)")
  ),
  secret: true
})

/** URLs, separated by commas or white space, each of which may hold a password. */
export const secretUrls = (
  name: string,
  declared: Declared<Redacted.Redacted<ReadonlyArray<string>> | undefined>
): Key<Redacted.Redacted<ReadonlyArray<string>> | undefined> => ({
  ...key<Redacted.Redacted<ReadonlyArray<string>> | undefined>(
    name,
    { fallbackText: "unset", ...declared },
    (raw) => {
      const urls = raw.split(/[\s,]+/).filter((url) => url !== "")
      return urls.length > 0 && urls.every(httpUrl)
        ? Result.succeed(Redacted.make([...new Set(urls)]))
        : Result.fail("a list of http:// or https:// URLs, separated by commas or white space")
    },
    (value) => (value === undefined ? "unset" : Redacted.value(value).map(showUrl).join(","))
  ),
  secret: true,
  fileUnitsMax: listFileUnitsMax
})

export const urlOptional = (name: string, declared: Declared<undefined>): Key<string | undefined> =>
  key<string | undefined>(
    name,
    { fallbackText: "unset", ...declared },
    (raw) => (httpUrl(raw) ? Result.succeed(raw) : Result.fail("an http:// or https:// URL")),
    (value) => (value === undefined ? "unset" : showUrl(value))
  )

export const url = (name: string, declared: Declared<string>): Key<string> =>
  key(
    name,
    declared,
    (raw) => (httpUrl(raw) ? Result.succeed(raw) : Result.fail("an http:// or https:// URL")),
    showUrl
  )

export const secretOptional = (
  name: string,
  declared: Declared<undefined> & { readonly pattern?: RegExp; readonly expected?: string }
): Key<Redacted.Redacted | undefined> => ({
  ...key<Redacted.Redacted | undefined>(
    name,
    { fallbackText: "unset", ...declared },
    (raw) =>
      declared.pattern === undefined || declared.pattern.test(raw)
        ? Result.succeed(Redacted.make(raw))
        : Result.fail(declared.expected ?? "another form"),
    (value) => (value === undefined ? "unset" : "set (redacted)")
  ),
  secret: true
})

/** A key whose value has a shape of its own. */
export const custom = <A>(
  name: string,
  declared: Declared<A> & {
    readonly parse: (raw: string) => Result.Result<A, string>
    readonly show: (value: A) => string
  }
): Key<A> => key(name, declared, declared.parse, declared.show)

/** The values in force. `Settings.ts` makes it from the environment; tests give what they need. */
export class Settings extends Context.Service<
  Settings,
  {
    readonly get: <A>(key: Key<A>) => A
    /** True if the operator set it, false where the default holds. */
    readonly isSet: (key: AnyKey) => boolean
    /** Where its value comes from, in words: `default`, `environment`, or the file that holds it. */
    readonly origin: (key: AnyKey) => string
  }
>()("watchdog/base/Settings") {
  /** Defaults, but for what is given as environment text. A bad value is a defect: tests only. */
  static readonly layerTest = (given: Readonly<Record<string, string>> = {}): Layer.Layer<Settings> =>
    Layer.succeed(Settings, {
      get: (key) => {
        const raw = given[key.name]
        return raw === undefined ? key.fallback : Result.getOrThrow(key.parse(raw))
      },
      isSet: (key) => given[key.name] !== undefined,
      origin: (key) => (given[key.name] === undefined ? "default" : "environment")
    })
}

/** A key of whatever type, for those who only list them. */
export interface AnyKey {
  readonly name: string
  readonly about: string
  readonly fallback: unknown
  readonly fallbackText: string
  readonly secret: boolean
  readonly fileUnitsMax?: number
  readonly parse: (raw: string) => Result.Result<unknown, string>
  readonly show: (value: never) => string
}

/** A stage's keys, by the names its code uses. */
export type KeySet = Readonly<Record<string, AnyKey>>
