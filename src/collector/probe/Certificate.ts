/**
 * Certificates: what a server sent, whether a client would trust it, and when it ends.
 *
 * OpenSSL reports one error only: an expired certificate hides that it is for another host. So dates and names are compared
 * here as well, and everything that is wrong is said together. Pure: the time is an argument.
 */
import * as tls from "node:tls"
import { DateTime } from "effect"

/** One certificate of the chain that was sent, without a root: clients bring their own. */
export interface Member {
  readonly subject: string
  readonly issuer: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

export interface Chain {
  /** The leaf first. Empty if nothing readable was sent. */
  readonly members: ReadonlyArray<Member>
  /** Why a client would refuse it, each by itself. */
  readonly problems: ReadonlyArray<string>
}

const dayMs = 86_400_000
const hourMs = 3_600_000

/** Chains are 2 to 4 long; OpenSSL itself stops at 100. A loop must not hold us. */
const membersMax = 10

/** Names in a certificate are the other side's to choose. Source: RFC 5280, ub-common-name. */
const nameUnitsMax = 64

/** The names a certificate is for that are shown; a shared one may hold a hundred. */
const namesShownMax = 3

/**
 * A certificate alarms only when less than this part of its lifetime is left, however many days that is.
 *
 * A six-day certificate would alarm all its life by a ceiling of 14 days, and one of 30 days from half of it on. Certbot 4.0
 * and Go's autocert renew at a third of the lifetime (Certbot below ten days: at a half): a quarter leaves them time to.
 */
const lifetimePart = 1 / 4

type Sent = tls.DetailedPeerCertificate

const clip = (text: string): string => text.replace(/[^\x20-\x7e\u00a0-\uffff]/g, "?").slice(0, nameUnitsMax)

const oneOf = (field: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof field === "string" ? field : field?.[0]

const nameOf = (subject: tls.Certificate | undefined): string =>
  clip(oneOf(subject?.CN) ?? oneOf(subject?.OU) ?? oneOf(subject?.O) ?? "a certificate without a name")

/** The chain from the leaf up, as far as it was sent or is known. */
const walk = (leaf: Sent): ReadonlyArray<Sent> => {
  const found: Array<Sent> = []
  const met = new Set<string>()
  let at: Sent | undefined = leaf
  while (at !== undefined && found.length < membersMax && !met.has(at.fingerprint256)) {
    met.add(at.fingerprint256)
    found.push(at)
    at = at.issuerCertificate as Sent | undefined
  }
  return found
}

const isSelfSigned = ({ subject, issuer }: Sent): boolean => JSON.stringify(subject) === JSON.stringify(issuer)

/** Node gives dates as text: `Feb 20 14:18:34 2027 GMT`. */
const memberOf = (sent: Sent): Member => ({
  subject: nameOf(sent.subject),
  issuer: nameOf(sent.issuer),
  notBeforeMs: Date.parse(sent.valid_from),
  notAfterMs: Date.parse(sent.valid_to)
})

/**
 * Reads what a server sent.
 *
 * Shape:  (leaf as Node gives it, OpenSSL's verdict or null, the host asked for, wall clock) -> chain with its problems.
 * Gotcha: without a certificate Node gives an empty object.
 */
export const readChain = (leaf: Sent, verdict: string | null, host: string, nowMs: number): Chain => {
  if ((leaf as Partial<Sent>).valid_to === undefined) return { members: [], problems: ["it sent no certificate"] }
  const sent = walk(leaf)
  const members = sent.filter((one, at) => at === 0 || !isSelfSigned(one)).map(memberOf)
  const dates = members.flatMap((member, at) =>
    // What stands above the leaf matters only where it is in the way: there may be another path to a root.
    at > 0 && verdict === null ? [] : dateProblems(member, at === 0, nowMs)
  )
  const other = verdict === null ? [] : verdictProblems(verdict, members, dates.length > 0)
  return { members, problems: [...dates, ...hostProblems(leaf, host), ...other] }
}

const dateText = (ms: number): string =>
  `${DateTime.formatIso(DateTime.makeUnsafe(ms)).slice(0, 16).replace("T", " ")} UTC`

const dateProblems = (member: Member, isLeaf: boolean, nowMs: number): ReadonlyArray<string> => {
  const which = isLeaf ? "its certificate" : `the certificate of ${JSON.stringify(member.subject)} in its chain`
  if (member.notAfterMs <= nowMs) return [`${which} has expired (${dateText(member.notAfterMs)})`]
  if (member.notBeforeMs > nowMs) return [`${which} is not valid before ${dateText(member.notBeforeMs)}`]
  return []
}

const hostProblems = (leaf: Sent, host: string): ReadonlyArray<string> => {
  if (tls.checkServerIdentity(host, leaf) === undefined) return []
  const names = (leaf.subjectaltname ?? "")
    .split(", ")
    .filter((name) => name !== "")
    .map((name) => clip(name.replace(/^(DNS|IP Address):/, "")))
  const all = names.length === 0 ? [nameOf(leaf.subject)] : names
  const more = all.length > namesShownMax ? ` and ${all.length - namesShownMax} more` : ""
  return [`its certificate is for ${all.slice(0, namesShownMax).join(", ")}${more}, not for ${host}`]
}

const dateVerdicts = new Set(["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"])

const verdictProblems = (
  verdict: string,
  members: ReadonlyArray<Member>,
  hasDateProblem: boolean
): ReadonlyArray<string> => {
  const top = JSON.stringify(members.at(-1)?.issuer ?? "")
  switch (verdict) {
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return ["its certificate is self-signed and not trusted"]
    case "SELF_SIGNED_CERT_IN_CHAIN":
      return [`its chain ends in ${top}, a CA that is not trusted`]
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return members.length > 1
        ? [`its chain ends in ${top}, a CA that is not trusted`]
        : [
            `its certificate is signed by ${top}, which is no trusted CA and was not sent: the CA is unknown or an intermediate is missing`
          ]
    default:
      return hasDateProblem && dateVerdicts.has(verdict)
        ? []
        : [`its certificate is not trusted: ${verdict.toLowerCase().replaceAll("_", " ")}`]
  }
}

export interface Expiry {
  readonly active: boolean
  readonly expired: boolean
  /** Days left of what ends first, in tenths, below 0 once it has expired. */
  readonly daysLeft: number
  readonly summary: string
  readonly details: ReadonlyArray<string>
}

/** Less than this much left of it is an alarm: the days asked for, or a quarter of its lifetime if that is less. */
export const alarmBelowMs = (member: Member, certDays: number): number =>
  Math.min(certDays * dayMs, (member.notAfterMs - member.notBeforeMs) * lifetimePart)

/**
 * When a chain ends. Null if it has no certificate whose dates can be read.
 *
 * Each member is held against its own lifetime: an intermediate of ten years beside a leaf of six days. What is told is the one
 * that ends first, or, where that one is not due, the first that is.
 */
export const expiryOf = (chain: Chain, certDays: number, nowMs: number): Expiry | null => {
  const dated = chain.members
    .filter(({ notBeforeMs, notAfterMs }) => Number.isFinite(notBeforeMs) && Number.isFinite(notAfterMs))
    .sort((a, b) => a.notAfterMs - b.notAfterMs)
  const [first] = dated
  if (first === undefined) return null
  const isDue = (member: Member) =>
    member.notAfterMs - nowMs <= 0 || member.notAfterMs - nowMs < alarmBelowMs(member, certDays)
  const due = dated.find(isDue)
  const told = due ?? first
  const leftMs = told.notAfterMs - nowMs
  const which = told === chain.members[0] ? "" : `the certificate of ${JSON.stringify(told.subject)} in its chain `
  const when = dateText(told.notAfterMs)
  const summary =
    leftMs <= 0
      ? `${which}expired ${spanText(-leftMs)} ago (${when})`
      : due === undefined
        ? `${which}ends in ${spanText(leftMs)} (${when})`
        : `${which}ends in ${spanText(leftMs)} (${when}), ${whyText(told, certDays)}`
  return {
    active: due !== undefined,
    expired: leftMs <= 0,
    daysLeft: Math.floor(((first.notAfterMs - nowMs) / dayMs) * 10) / 10,
    summary,
    details: leftMs <= 0 ? chain.problems.filter((problem) => !/ has expired /.test(problem)) : []
  }
}

const whyText = (member: Member, certDays: number): string => {
  const lifetimeMs = member.notAfterMs - member.notBeforeMs
  return lifetimeMs * lifetimePart < certDays * dayMs
    ? `less than a quarter of its ${spanText(lifetimeMs)}`
    : `less than ${certDays} days`
}

/** Whole days, or hours below two days: a text that changes at every look would fill the journal. */
const spanText = (ms: number): string => {
  if (ms >= 2 * dayMs) return `${Math.floor(ms / dayMs)} days`
  const hours = Math.floor(ms / hourMs)
  return hours === 0 ? "less than an hour" : hours === 1 ? "1 hour" : `${hours} hours`
}
