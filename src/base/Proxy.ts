/**
 * The usual proxy environment: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, lower case first, as curl and Go read them.
 *
 * Only what tells people goes by it (sinks, heartbeat). What is watched is asked directly: a look must prove the real path.
 */
import * as net from "node:net"
import { Redacted, Result } from "effect"
import * as Keys from "./Keys.ts"

export interface Proxy {
  readonly http: Redacted.Redacted | undefined
  readonly https: Redacted.Redacted | undefined
  readonly no: string
}

/** Not the watchdog's own keys, so they stand in no table of them; a password may be in each. */
const proxyKey = (name: string, about: string): Keys.Key<Redacted.Redacted | undefined> => ({
  ...Keys.custom<Redacted.Redacted | undefined>(name, {
    about,
    fallback: undefined,
    fallbackText: "unset",
    parse: (raw) => Result.map(parseProxy(raw), Redacted.make),
    show: (value) => (value === undefined ? "unset" : new URL(Redacted.value(value)).host)
  }),
  secret: true
})

export const keys = {
  https: proxyKey("HTTPS_PROXY", "the proxy for https://"),
  http: proxyKey("HTTP_PROXY", "the proxy for http://"),
  all: proxyKey("ALL_PROXY", "the proxy where the one for the scheme is unset"),
  no: Keys.text("NO_PROXY", { about: "what is reached directly", fallback: "", fallbackText: "unset" })
}

/** curl takes a proxy without its scheme for an http one, and so do people. */
const parseProxy = (raw: string): Result.Result<string, string> => {
  const expected = Result.fail("the address of an http:// or https:// proxy")
  const text = raw.includes("://") ? raw : `http://${raw}`
  if (!URL.canParse(text)) return expected
  const url = new URL(text)
  const isHttp = url.protocol === "http:" || url.protocol === "https:"
  return isHttp && url.hostname !== "" && isHeader(`${url.username}:${url.password}`)
    ? Result.succeed(url.origin.replace("://", `://${credentials(url)}`))
    : expected
}

const credentials = ({ username, password }: URL): string =>
  username === "" && password === "" ? "" : `${username}:${password}@`

/** What Node decodes and writes into a header when it is used, which must not be the first time anyone looks. */
const isHeader = (text: string): boolean =>
  Result.match(
    Result.try(() => decodeURIComponent(text)),
    { onSuccess: (decoded) => !/\p{Cc}/u.test(decoded), onFailure: () => false }
  )

type Environment = Readonly<Record<string, string | undefined>>

/** The values found, by key, and what is wrong with those that would be used. */
export const readProxy = (
  environment: Environment
): { readonly values: ReadonlyMap<string, unknown>; readonly problems: ReadonlyArray<string> } => {
  const values = new Map<string, unknown>()
  const problems: Array<string> = []
  const inOrder: ReadonlyArray<Keys.AnyKey> = [keys.https, keys.http, keys.all, keys.no]
  for (const key of inOrder) {
    const name = [key.name.toLowerCase(), key.name].find((one) => (environment[one] ?? "").trim() !== "")
    if (name === undefined) continue
    if (key === keys.all && values.has(keys.https.name) && values.has(keys.http.name)) continue
    const parsed = key.parse((environment[name] ?? "").trim())
    if (Result.isSuccess(parsed)) values.set(key.name, parsed.success)
    else problems.push(`${name}: its value (not shown) is not ${parsed.failure}`)
  }
  return { values, problems }
}

/** The proxy in force; undefined where there is none. */
export const proxyOf = (settings: Keys.Settings["Service"]): Proxy | undefined => {
  const all = settings.get(keys.all)
  const http = settings.get(keys.http) ?? all
  const https = settings.get(keys.https) ?? all
  return http === undefined && https === undefined ? undefined : { http, https, no: settings.get(keys.no) }
}

/** Whether this URL is reached by the proxy. As in Go, this machine itself never is. */
export const goesByProxy = (proxy: Proxy, url: URL): boolean => {
  if ((url.protocol === "https:" ? proxy.https : proxy.http) === undefined) return false
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase()
  if (host === "localhost" || within(loopback, host)) return false
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port
  return !proxy.no
    .toLowerCase()
    .split(/[\s,]+/)
    .some((item) => item !== "" && covers(item, host, port))
}

const loopback = new net.BlockList()
loopback.addSubnet("127.0.0.0", 8, "ipv4")
loopback.addAddress("::1", "ipv6")

const within = (range: net.BlockList, host: string): boolean =>
  net.isIP(host) !== 0 && range.check(host, net.isIPv6(host) ? "ipv6" : "ipv4")

/** `*`, a name and all below it, an address, a network such as 10.0.0.0/8; each with a port if only that is meant. */
const covers = (item: string, host: string, port: string): boolean => {
  if (item === "*") return true
  const network = /^\[?([0-9a-f.:]+)\]?\/(\d{1,3})$/.exec(item)
  if (network !== null) {
    const [, address = "", bits = ""] = network
    if (net.isIP(address) === 0 || Number(bits) > (net.isIPv6(address) ? 128 : 32)) return false
    const range = new net.BlockList()
    range.addSubnet(address, Number(bits), net.isIPv6(address) ? "ipv6" : "ipv4")
    return within(range, host)
  }
  const [, name = "", wanted] = /^(\[[^\]]*\]|[^:]*|[^:]*:[^:]*:.*?)(?::(\d+))?$/.exec(item) ?? []
  if (wanted !== undefined && wanted !== port) return false
  const bare = name.replace(/^\[|\]$/g, "").replace(/^\*?\./, "")
  return bare !== "" && (host === bare || (net.isIP(host) === 0 && host.endsWith(`.${bare}`)))
}
