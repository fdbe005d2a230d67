/**
 * Who may ask the status server what. Pure.
 *
 * It listens on this machine's loopback by default, and that is no protection from a browser: any page in it may ask. So a name
 * that is not ours is refused (DNS rebinding), and so is what another site wants to embed; a token is for everybody else.
 */
import { createHash, timingSafeEqual } from "node:crypto"
import { Result } from "effect"

export interface Asked {
  readonly method: string
  /** As in the request line. */
  readonly target: string
  readonly host: string | undefined
  readonly authorization: string | undefined
  /** `Sec-Fetch-Site` and `Sec-Fetch-Mode`, which every browser sends. */
  readonly fetchSite: string | undefined
  readonly fetchMode: string | undefined
  /** The other end is this machine. */
  readonly loopback: boolean
}

export interface Gate {
  /** Names by which we are asked, lower case, without a port. */
  readonly hosts: ReadonlySet<string>
  readonly token: string | undefined
}

export interface Refusal {
  readonly status: number
  readonly why: string
  readonly headers: Readonly<Record<string, string>>
}

/** They never leave the machine, whatever a name server says; the image's health check asks by one of them. */
const loopbackNames = ["localhost", "127.0.0.1", "[::1]"]

export const defaultHosts: ReadonlyArray<string> = loopbackNames

/** The path that tells only of the watchdog's own loops: the image's health check has no token. */
export const openPath = "/livez"

/** What is listened on to be reached by any address; nobody's name. */
const everywhere = new Set(["0.0.0.0", "::"])

/** Accepted are the loopback's names always, what it listens on, and what the operator names. */
export const acceptedHosts = (named: ReadonlyArray<string>, listensOn: string): ReadonlySet<string> =>
  new Set([
    ...loopbackNames,
    ...named,
    ...(everywhere.has(listensOn) ? [] : [listensOn.includes(":") ? `[${listensOn}]` : listensOn.toLowerCase()])
  ])

/** Names as they stand in a Host header, without a port. */
export const parseHosts = (raw: string): Result.Result<ReadonlyArray<string>, string> => {
  const names = raw.split(",").map((name) => name.trim().toLowerCase())
  return names.every((name) => /^(\[[0-9a-f:.]+\]|[a-z0-9_-]+(\.[a-z0-9_-]+)*)$/.test(name))
    ? Result.succeed(names)
    : Result.fail("host names or addresses without a port, separated by single commas, IPv6 in brackets")
}

/** The name a Host header means; undefined for what is none. */
const nameOf = (host: string): string | undefined =>
  /^(\[[0-9a-fA-F:.]+\]|[^\s:/@[\]]+?)\.?(?::\d{1,5})?$/.exec(host)?.[1]?.toLowerCase()

export const pathOf = (target: string): string => target.split(/[?#]/, 1)[0] ?? ""

/** A comparison that takes as long for a wrong token as for a right one, whatever its length. */
const isSame = (given: string, wanted: string): boolean =>
  timingSafeEqual(createHash("sha256").update(given).digest(), createHash("sha256").update(wanted).digest())

/** The token as `Bearer`, or as the password of `Basic`, so that a browser can ask a person for it. */
const givenToken = (authorization: string): string | undefined => {
  const match = /^(bearer|basic) +(\S+) *$/i.exec(authorization)
  if (match?.[2] === undefined) return undefined
  if (match[1]?.toLowerCase() === "bearer") return match[2]
  const pair = Buffer.from(match[2], "base64").toString("utf8")
  return pair.includes(":") ? pair.slice(pair.indexOf(":") + 1) : undefined
}

const hasToken = (asked: Asked, token: string): boolean => {
  const given = asked.authorization === undefined ? undefined : givenToken(asked.authorization)
  return given !== undefined && isSame(given, token)
}

/** Another site's page that embeds or fetches ours; following a link to us is no such thing. */
const isCrossSite = ({ fetchSite, fetchMode }: Asked): boolean =>
  fetchSite !== undefined && fetchSite !== "same-origin" && fetchSite !== "none" && fetchMode !== "navigate"

const refusal = (status: number, why: string, headers: Readonly<Record<string, string>> = {}): Refusal => ({
  status,
  why,
  headers
})

/** Why this is not answered; undefined if it is. */
export const refuse = (gate: Gate, asked: Asked): Refusal | undefined => {
  const name = asked.host === undefined ? undefined : nameOf(asked.host)
  if (name === undefined || !gate.hosts.has(name))
    return refusal(421, "this host name is not mine: name it in WATCHDOG_HTTP_HOSTS")
  if (asked.method !== "GET" && asked.method !== "HEAD")
    return refusal(405, "only GET and HEAD", { allow: "GET, HEAD" })
  if (!asked.target.startsWith("/")) return refusal(400, "not a path")
  if (isCrossSite(asked)) return refusal(403, "not for other sites")
  if (gate.token === undefined || hasToken(asked, gate.token)) return undefined
  if (asked.loopback && pathOf(asked.target) === openPath) return undefined
  return refusal(401, "a token is needed: as Bearer, or as the password of Basic with any user name", {
    "www-authenticate": 'Basic realm="orchestrator-watchdog", charset="UTF-8"'
  })
}

/** Whether an address of the other end is this machine's loopback. */
export const isLoopback = (address: string | undefined): boolean =>
  address !== undefined && /^(::1|(::ffff:)?127(\.\d{1,3}){3})$/.test(address)
