/**
 * Name resolution that survives a hanging resolver.
 *
 * Where the container engine hangs, the DNS of its containers hangs with it (127.0.0.11 is the engine), external names too.
 * Each host's last good address is kept and used when a lookup takes longer than its deadline: Telegram is still reached, and
 * `orch_down` is not raised for a name.
 */
import * as dns from "node:dns"
import type { LookupFunction } from "node:net"
import { Duration, Effect, Schema, type Scope } from "effect"

/** getaddrinfo answers from a healthy resolver in milliseconds; a second is patience. */
const lookupDeadline = Duration.seconds(1)

/** Answers of a resolver that is itself in trouble; anything else (ENOTFOUND) is an answer about the name. */
const resolverTrouble = new Set(["EAI_AGAIN", "ETIMEOUT", "ETIMEDOUT", "ESERVFAIL", "EAI_FAIL", "ECONNREFUSED"])

class LookupError extends Schema.TaggedError<LookupError>()("LookupError", { cause: Schema.Defect() }) {
  get errno(): NodeJS.ErrnoException {
    return this.cause as NodeJS.ErrnoException
  }
}

type Addresses = ReadonlyArray<dns.LookupAddress>
export type Resolve = (host: string) => Promise<Addresses>

const resolveSystem: Resolve = (host) => dns.promises.lookup(host, { all: true })

/**
 * Makes a lookup function for `node:net`, with a memory of its own.
 *
 * One getaddrinfo per host is in flight at most: a hanging one holds a thread of libuv's pool.
 */
export const makeLookup = (resolve: Resolve = resolveSystem): Effect.Effect<LookupFunction, never, Scope.Scope> =>
  Effect.gen(function* () {
    const runFork = Effect.runForkWith(yield* Effect.context<Scope.Scope>())
    const lastGood = new Map<string, Addresses>()
    const inFlight = new Map<string, Promise<Addresses>>()

    const ask = (host: string): Promise<Addresses> => {
      const running = inFlight.get(host)
      if (running !== undefined) return running
      const asked = resolve(host)
        .then((found) => {
          if (found.length > 0) lastGood.set(host, found)
          return found
        })
        .finally(() => inFlight.delete(host))
      inFlight.set(host, asked)
      return asked
    }

    const addresses = (host: string): Effect.Effect<Addresses, LookupError> => {
      const answer = Effect.tryPromise({ try: () => ask(host), catch: (cause) => new LookupError({ cause }) })
      const known = lastGood.get(host)
      if (known === undefined) return answer
      return answer.pipe(
        Effect.timeoutOption(lookupDeadline),
        Effect.map((found) => (found._tag === "Some" ? found.value : known)),
        Effect.catchIf(
          (error) => resolverTrouble.has(error.errno.code ?? ""),
          () => Effect.succeed(known)
        )
      )
    }

    return (host, options, callback) => {
      const family =
        options.family === 4 || options.family === "IPv4"
          ? 4
          : options.family === 6 || options.family === "IPv6"
            ? 6
            : 0
      runFork(
        addresses(host).pipe(
          Effect.match({
            onFailure: (error) => callback(error.errno, []),
            onSuccess: (found) => {
              const fitting = family === 0 ? found : found.filter((address) => address.family === family)
              const first = fitting[0]
              if (first === undefined) callback(noAddress(host), [])
              else if (options.all === true) callback(null, [...fitting])
              else callback(null, first.address, first.family)
            }
          })
        )
      )
    }
  })

const noAddress = (host: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`no address of the wanted family for ${host}`), { code: "ENODATA" })
