/**
 * What is to be probed: `name=url#option=value&option=value`, read from one setting.
 *
 * Everything that is wrong is said at once, by item and name. A URL may hold a password, so no message and no shown text holds
 * a user, a password, a query, or any part of an item that could not be read.
 */
import * as net from "node:net"
import { domainToASCII } from "node:url"
import { Redacted, Result } from "effect"
import { parseBoolean, parseDurationMs } from "../../base/Keys.ts"

export const schemes = ["http", "https", "tcp", "tls", "dns"] as const
export type Scheme = (typeof schemes)[number]

/** Status codes from and to, both included. */
export type StatusRange = readonly [from: number, to: number]

/** Where a probe goes. */
export interface Place {
  readonly scheme: Scheme
  /** Without the brackets of an IPv6 address. */
  readonly host: string
  /** 0 for `dns`, which has none. */
  readonly port: number
  /** Path and query of `http` and `https`, else empty. */
  readonly path: string
  /** `user:password` of `http` and `https`. */
  readonly credentials: Redacted.Redacted | null
  /** The URL as it may be shown. */
  readonly shown: string
}

/** What a probe demands of it. */
export interface Demands {
  readonly status: ReadonlyArray<StatusRange>
  readonly body: string | null
  readonly withinMs: number | null
  readonly follow: boolean
  /** A PEM file of the CAs to trust instead of the public ones. */
  readonly ca: string | null
  readonly certDays: number | null
  /** The name server to ask instead of the system's: an address, with a port or without. */
  readonly resolver: string | null
  readonly expect: ReadonlyArray<string>
}

export interface Target extends Place, Demands {
  readonly name: string
  readonly witness: Place | null
}

/** Any success: what most health pages answer. */
const statusDefault: ReadonlyArray<StatusRange> = [[200, 299]]

const demandsDefault: Demands = {
  status: statusDefault,
  body: null,
  withinMs: null,
  follow: false,
  ca: null,
  certDays: null,
  resolver: null,
  expect: []
}

/** Which options a scheme takes; anything else would be silently without effect, and is refused. */
const optionsOf: Readonly<Record<Scheme, ReadonlyArray<string>>> = {
  http: ["status", "body", "within", "follow", "ca", "witness"],
  https: ["status", "body", "within", "follow", "ca", "cert-days", "witness"],
  tcp: ["within", "witness"],
  tls: ["within", "ca", "cert-days", "witness"],
  dns: ["within", "resolver", "expect", "witness"]
}

const portDefault: Readonly<Record<Scheme, number | null>> = { http: 80, https: 443, tcp: null, tls: 443, dns: 0 }

const namePattern = /^[A-Za-z0-9_.-]+$/

/** What may be quoted of an item that could not be read: never what could hold a password. */
const quotable = /^[^\s@:/?#&=]{1,40}$/

/**
 * Reads the whole list. Fails: with everything that is wrong, each problem with its item's number and, where it has one, its name.
 */
export const parseTargets = (raw: string): Result.Result<ReadonlyArray<Target>, string> => {
  const items = splitItems(raw)
  if (items.length === 0) return Result.fail("a list of name=url with at least one item")
  const problems: Array<string> = []
  const targets: Array<Target> = []
  const firstWith = new Map<string, number>()
  for (const [at, item] of items.entries()) {
    const read = parseItem(item)
    if (read.name !== null) {
      const before = firstWith.get(read.name)
      if (before !== undefined)
        problems.push(`${label(at, read.name)}: item ${before + 1} has that name too; give each its own`)
      else firstWith.set(read.name, at)
    }
    problems.push(...read.problems.map((problem) => `${label(at, read.name)}: ${problem}`))
    if (read.target !== null) targets.push(read.target)
  }
  return problems.length === 0 ? Result.succeed(targets) : Result.fail(`a list of name=url: ${problems.join("; ")}`)
}

const label = (at: number, name: string | null): string => `item ${at + 1}${name === null ? "" : ` (${name})`}`

/** A comma may stand in a path or an option: it separates only where another `name=scheme://` follows, or white space. */
const splitItems = (raw: string): ReadonlyArray<string> =>
  raw
    .split(/,*\s[\s,]*|,+(?=[^\s,=&?#/]*=[A-Za-z][A-Za-z0-9+.-]*:\/\/)/)
    .map((item) => item.replace(/^,+|,+$/g, ""))
    .filter((item) => item !== "")

interface ReadItem {
  readonly name: string | null
  readonly target: Target | null
  readonly problems: ReadonlyArray<string>
}

const parseItem = (item: string): ReadItem => {
  const equals = item.indexOf("=")
  const name = equals < 0 ? "" : item.slice(0, equals)
  if (name === "" || !quotable.test(name))
    return { name: null, target: null, problems: ["must begin with a name: name=url"] }
  const nameProblems = namePattern.test(name) ? [] : ["a name is of letters, digits, _ . and -"]
  const [url = "", ...fragments] = item.slice(equals + 1).split("#")
  const place = parsePlace(url)
  if (Result.isFailure(place)) return { name, target: null, problems: [...nameProblems, place.failure] }
  const options = parseOptions(place.success.scheme, fragments.join("#"))
  const problems = [...nameProblems, ...options.problems]
  return {
    name,
    target:
      problems.length === 0 ? { name, ...place.success, ...options.demands, witness: options.witness ?? null } : null,
    problems
  }
}

const schemeList = `${schemes.slice(0, -1).join("://, ")}:// or ${schemes.at(-1)}://`

const isScheme = (word: string): word is Scheme => (schemes as ReadonlyArray<string>).includes(word)

/** A URL without its fragment. */
export const parsePlace = (raw: string): Result.Result<Place, string> => {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]{0,20}):\/\//.exec(raw)?.[1]?.toLowerCase()
  if (scheme === undefined) return Result.fail(`the URL must begin with ${schemeList}`)
  if (!isScheme(scheme)) return Result.fail(`the scheme ${scheme}:// is not known: ${schemeList}`)
  const url = URL.canParse(raw) ? new URL(raw) : undefined
  if (url === undefined) return Result.fail(`not a URL such as ${exampleOf[scheme]}`)
  const host = hostOf(url)
  if (host === null) return Result.fail(`not a host name or address: write ${exampleOf[scheme]}`)
  const isHttp = scheme === "http" || scheme === "https"
  if (!isHttp && (url.username !== "" || url.password !== ""))
    return Result.fail(`${scheme}:// takes no user or password`)
  if (!isHttp && (!["", "/"].includes(url.pathname) || url.search !== ""))
    return Result.fail(`${scheme}:// takes no path or query: write ${exampleOf[scheme]}`)
  if (scheme === "dns" && url.port !== "")
    return Result.fail("dns:// takes no port: name the server by #resolver=address:port")
  if (scheme === "dns" && net.isIP(host) !== 0) return Result.fail("dns:// takes a name, not an address")
  const port = url.port === "" ? portDefault[scheme] : Number(url.port)
  if (port === null || (port === 0 && scheme !== "dns"))
    return Result.fail(`${scheme}:// needs a port: write ${exampleOf[scheme]}`)
  return Result.succeed({
    scheme,
    host,
    port,
    path: isHttp ? `${url.pathname}${url.search}` : "",
    credentials: credentialsOf(url),
    shown: showUrl(url, isHttp)
  })
}

const exampleOf: Readonly<Record<Scheme, string>> = {
  http: "http://web:8080/health",
  https: "https://example.org/health",
  tcp: "tcp://db:5432",
  tls: "tls://example.org:636",
  dns: "dns://example.org"
}

const hostOf = (url: URL): string | null => {
  const bracketed = /^\[(.+)\]$/.exec(url.hostname)?.[1]
  if (bracketed !== undefined) return net.isIPv6(bracketed) ? bracketed : null
  const host = domainToASCII(decode(url.hostname) ?? "")
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$/.test(host) ? host : null
}

const credentialsOf = (url: URL): Redacted.Redacted | null =>
  url.username === "" && url.password === ""
    ? null
    : Redacted.make(`${decode(url.username) ?? url.username}:${decode(url.password) ?? url.password}`)

/** A URL without user, password and query; that there is a query is said. */
export const showUrl = (url: URL, withPath = true): string =>
  `${url.protocol}//${url.host}${withPath ? url.pathname : ""}${url.search === "" ? "" : "?(redacted)"}`

const decode = (text: string): string | null =>
  Result.getOrElse(
    Result.try(() => decodeURIComponent(text)),
    () => null
  )

interface ReadOptions {
  readonly demands: Demands
  readonly witness: Place | undefined
  readonly problems: ReadonlyArray<string>
}

type Read = Partial<Demands> & { readonly witness?: Place }

const parseOptions = (scheme: Scheme, fragment: string): ReadOptions => {
  const problems: Array<string> = []
  const met = new Set<string>()
  let read: Read = {}
  for (const pair of fragment.split("&").filter((pair) => pair !== "")) {
    const equals = pair.indexOf("=")
    const option = equals < 0 ? pair : pair.slice(0, equals)
    if (!optionsOf[scheme].includes(option)) {
      problems.push(
        `${quotable.test(option) ? `${scheme}:// has no option ${JSON.stringify(option)}` : "an option cannot be read"}: ${optionsOf[scheme].join(", ")}`
      )
      continue
    }
    if (met.has(option)) problems.push(`option ${option} is given twice`)
    met.add(option)
    const value = decode(equals < 0 ? "" : pair.slice(equals + 1))
    const parsed = value === null ? Result.fail("text with whole %-escapes") : parseOption(option, value)
    if (Result.isFailure(parsed)) problems.push(`${option} must be ${parsed.failure}`)
    else read = { ...read, ...parsed.success }
  }
  const { witness, ...demands } = read
  return { demands: { ...demandsDefault, ...demands }, witness, problems }
}

const parseOption = (option: string, value: string): Result.Result<Read, string> => {
  switch (option) {
    case "status":
      return Result.map(parseStatus(value), (status) => ({ status }))
    case "body":
      return value === "" ? Result.fail("the text that the body must contain") : Result.succeed({ body: value })
    case "within":
      return Result.flatMap(parseDurationMs(value), (withinMs) =>
        withinMs > 0 ? Result.succeed({ withinMs }) : Result.fail("a duration of more than 0, such as 800ms")
      )
    case "follow":
      return Result.map(parseBoolean(value), (follow) => ({ follow }))
    case "ca":
      return value.startsWith("/")
        ? Result.succeed({ ca: value })
        : Result.fail("the absolute path of a PEM file, such as /etc/ssl/our-ca.pem")
    case "cert-days":
      return /^\d{1,5}$/.test(value)
        ? Result.succeed({ certDays: Number(value) })
        : Result.fail("a whole number of days, such as 14")
    case "resolver":
      return isResolver(value)
        ? Result.succeed({ resolver: value })
        : Result.fail("the address of a name server, such as 1.1.1.1, 10.0.0.2:5353 or [2606:4700::1111]:53")
    case "expect":
      return value.split(",").every((address) => net.isIP(address) !== 0)
        ? Result.succeed({ expect: value.split(",").map(canonicalAddress) })
        : Result.fail("addresses separated by commas, such as 192.0.2.7,2001:db8::7")
    default:
      return parseWitness(value)
  }
}

const isResolver = (value: string): boolean => {
  // A zone (fe80::1%eth0) is an address to Node, and none to the resolver.
  if (value.includes("%")) return false
  if (net.isIP(value) !== 0) return true
  const [, v6, v4, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(value) ?? []
  const isAddress = v6 === undefined ? net.isIPv4(v4 ?? "") : net.isIPv6(v6)
  return isAddress && (port === undefined || (Number(port) > 0 && Number(port) <= 65_535))
}

/** An IPv6 address has many spellings; a URL's host has one. */
export const canonicalAddress = (address: string): string =>
  net.isIPv6(address) && URL.canParse(`http://[${address}]`)
    ? new URL(`http://[${address}]`).hostname.slice(1, -1)
    : address

const parseWitness = (value: string): Result.Result<{ readonly witness: Place }, string> => {
  if (value.includes("#")) return Result.fail("a URL without options of its own: any answer of it counts")
  return Result.mapBoth(parsePlace(value), {
    onFailure: (problem) => `a URL (${problem})`,
    onSuccess: (witness) => ({ witness })
  })
}

const statusExpected = "codes, classes or ranges separated by commas, such as 200,204 or 2xx or 200-399"

const parseStatus = (value: string): Result.Result<ReadonlyArray<StatusRange>, string> => {
  const ranges = value.split(",").map((part): StatusRange | null => {
    const kind = /^([1-5])xx$/i.exec(part)?.[1]
    if (kind !== undefined) return [Number(kind) * 100, Number(kind) * 100 + 99]
    const [, from, to] = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(part) ?? []
    if (from === undefined) return null
    return Number(from) <= Number(to ?? from) ? [Number(from), Number(to ?? from)] : null
  })
  return ranges.every((range) => range !== null) ? Result.succeed(ranges) : Result.fail(statusExpected)
}

/** `2xx`, `200,204` or `200-399`: as it would be written. */
export const showStatus = (ranges: ReadonlyArray<StatusRange>): string =>
  ranges
    .map(([from, to]) =>
      from % 100 === 0 && to === from + 99 ? `${from / 100}xx` : from === to ? `${from}` : `${from}-${to}`
    )
    .join(",")

const escape = (value: string): string =>
  encodeURIComponent(value).replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%2C", ",")

/** The list as it may be shown; where no user, password or query is in it, it reads as it was. */
export const showTargets = (targets: ReadonlyArray<Target>): string =>
  targets.length === 0 ? "unset" : targets.map(showTarget).join(" ")

const showTarget = (target: Target): string => {
  const options: ReadonlyArray<readonly [string, string | null]> = [
    ["status", target.status === statusDefault ? null : showStatus(target.status)],
    ["body", target.body],
    ["within", target.withinMs === null ? null : `${target.withinMs}ms`],
    ["follow", target.follow ? "true" : null],
    ["ca", target.ca],
    ["cert-days", target.certDays === null ? null : String(target.certDays)],
    ["resolver", target.resolver],
    ["expect", target.expect.length === 0 ? null : target.expect.join(",")],
    ["witness", target.witness === null ? null : target.witness.shown]
  ]
  const said = options.flatMap(([option, value]) => (value === null ? [] : [`${option}=${escape(value)}`]))
  return `${target.name}=${target.shown}${said.length === 0 ? "" : `#${said.join("&")}`}`
}
