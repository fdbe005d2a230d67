/**
 * A name that resolves, asked of a name server itself: no hosts file, no search domains, no cache, and no thread that a silent
 * server could hold.
 */
import * as dns from "node:dns"
import * as net from "node:net"
import { Effect, Result } from "effect"
import { type ProbeError, type Progress, ill, wordsOf } from "./Finding.ts"
import { type Demands, type Place, canonicalAddress } from "./Target.ts"

/** A datagram may be lost: one repeat, after a quarter of the time; the second try then has the next half to itself. */
const tries = 2
const firstTryPart = 1 / 4

type DnsDemands = Pick<Demands, "resolver" | "expect">
type Family = 4 | 6

const words: Readonly<Record<string, string>> = {
  ENOTFOUND: "no such name",
  ENODATA: "the name has no address",
  ESERVFAIL: "the name server failed (SERVFAIL)",
  EREFUSED: "the name server refused to answer (REFUSED)",
  EFORMERR: "the name server did not understand (FORMERR)",
  ENOTIMP: "the name server cannot do that (NOTIMP)",
  EBADNAME: "not a name that DNS can hold",
  EBADRESP: "the name server's answer cannot be read",
  ETIMEOUT: "the name server does not answer",
  ECONNREFUSED: "no name server there (connection refused)"
}

/**
 * Answers about the name. A server that fails or refuses is none: a container's resolver says SERVFAIL of every name when it is
 * the network here that is down.
 */
const answers = new Set(["ENOTFOUND", "ENODATA"])

/** Shape: (place, demands, time in all, progress) -> what there is to say. Fails: ProbeError. */
export const probeDns = (
  { host }: Place,
  demands: DnsDemands,
  budgetMs: number,
  progress: Progress
): Effect.Effect<string, ProbeError> =>
  Effect.scoped(
    Effect.gen(function* () {
      progress.phase = "the DNS lookup"
      const resolver = yield* Effect.acquireRelease(
        Effect.sync(() => new dns.Resolver({ timeout: Math.max(1, Math.floor(budgetMs * firstTryPart)), tries })),
        (resolver) => Effect.sync(() => resolver.cancel())
      )
      if (demands.resolver !== null) resolver.setServers([demands.resolver])
      const found = yield* demands.expect.length === 0
        ? anyOf(resolver, host, progress)
        : allOf(resolver, host, familiesOf(demands.expect), progress)
      const missing = demands.expect.filter((address) => !found.includes(address))
      if (missing.length > 0) return yield* ill(`resolves to ${list(found)}, not to ${list(missing)}`)
      return `resolves to ${list(found)}`
    })
  )

/** A name may have hundreds of addresses. */
const shownMax = 4

const list = (addresses: ReadonlyArray<string>): string =>
  [...addresses]
    .sort()
    .slice(0, shownMax)
    .concat(addresses.length > shownMax ? [`${addresses.length - shownMax} more`] : [])
    .join(", ")

const familiesOf = (expected: ReadonlyArray<string>): ReadonlyArray<Family> =>
  ([4, 6] as const).filter((family) => expected.some((address) => net.isIP(address) === family))

interface DnsFailure {
  readonly code: string
}

const ask = (
  resolver: dns.Resolver,
  host: string,
  family: Family,
  progress: Progress
): Effect.Effect<ReadonlyArray<string>, DnsFailure> =>
  Effect.callback((resume) => {
    const done = (error: NodeJS.ErrnoException | null, found: ReadonlyArray<string> | undefined): void => {
      const code = error?.code ?? "ENODATA"
      if (error === null || answers.has(code)) progress.answered = true
      resume(
        error === null && found !== undefined && found.length > 0
          ? Effect.succeed(found.map(canonicalAddress))
          : Effect.fail({ code })
      )
    }
    if (family === 4) resolver.resolve4(host, done)
    else resolver.resolve6(host, done)
  })

const failure = ({ code }: DnsFailure): ProbeError =>
  ill(words[code] ?? wordsOf(Object.assign(new Error(code), { code })))

/**
 * The first family that has addresses will do: many a name has but one, and some servers never answer for the other.
 *
 * Turned inside out, so that the first success ends it and only two failures are one.
 */
const anyOf = (
  resolver: dns.Resolver,
  host: string,
  progress: Progress
): Effect.Effect<ReadonlyArray<string>, ProbeError> =>
  Effect.flip(
    Effect.forEach([4, 6] as const, (family) => Effect.flip(ask(resolver, host, family, progress)), {
      concurrency: "unbounded"
    })
  ).pipe(Effect.mapError((failures) => failure(failures.find(({ code }) => code !== "ENODATA") ?? { code: "ENODATA" })))

/** Each family that an expected address is of must answer. */
const allOf = (
  resolver: dns.Resolver,
  host: string,
  families: ReadonlyArray<Family>,
  progress: Progress
): Effect.Effect<ReadonlyArray<string>, ProbeError> =>
  Effect.forEach(families, (family) => Effect.result(ask(resolver, host, family, progress)), {
    concurrency: "unbounded"
  }).pipe(
    Effect.flatMap((results) => {
      const found = results.flatMap((result) => (Result.isSuccess(result) ? result.success : []))
      const failed = results.find(Result.isFailure)
      return failed === undefined || found.length > 0 ? Effect.succeed(found) : Effect.fail(failure(failed.failure))
    })
  )
