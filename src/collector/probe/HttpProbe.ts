/**
 * One GET over a connection of its own: connect, handshake, headers and body by themselves, so that a cut can say where it got
 * stuck, and one connection serves the page and the certificate.
 */
import * as http from "node:http"
import type * as net from "node:net"
import { Effect, Redacted, Result } from "effect"
import { type ProbeError, type Progress, failIll, ill } from "./Finding.ts"
import { type Demands, type Place, parsePlace, showStatus, showUrl } from "./Target.ts"
import { connect } from "./TcpProbe.ts"
import { type Trust, secure } from "./TlsProbe.ts"

/** A health page is a few bytes; where more comes, its first part must do. */
const bodyBytesMax = 1_024 * 1_024

/** A page may move to https and to another host; more than that is a loop or a login. */
const redirectsMax = 5

const redirectStatuses = new Set([301, 302, 303, 307, 308])

interface Answer {
  readonly status: number
  readonly location: string | undefined
  readonly encoding: string | undefined
  readonly body: Buffer
  /** There is more of it than was read. */
  readonly cut: boolean
}

type HttpDemands = Pick<Demands, "status" | "body" | "follow" | "ca">

/** Shape: (place, demands, lookup, trust, progress) -> what there is to say. Fails: ProbeError. */
export const probeHttp = (
  place: Place,
  demands: HttpDemands,
  lookup: net.LookupFunction,
  trust: Trust,
  progress: Progress
): Effect.Effect<string, ProbeError> =>
  Effect.gen(function* () {
    let at = place
    for (let redirects = 0; ; redirects++) {
      const answer = yield* get(at, demands.ca, lookup, trust, progress)
      const to = demands.follow && !isWanted(answer.status, demands) ? locationOf(answer, at) : undefined
      if (to === undefined) return yield* judge(answer, demands, at)
      if (redirects === redirectsMax) return yield* ill(`it redirects more than ${redirectsMax} times`)
      progress.redirected = true
      at = yield* nextPlace(to, at)
    }
  })

const isWanted = (status: number, { status: wanted }: HttpDemands): boolean =>
  wanted.some(([from, to]) => status >= from && status <= to)

const locationOf = ({ status, location }: Answer, at: Place): URL | undefined => {
  if (location === undefined || !redirectStatuses.has(status)) return undefined
  const base = urlOf(at)
  return URL.canParse(location, base) ? new URL(location, base) : undefined
}

const hostOf = ({ host }: Place): string => (host.includes(":") ? `[${host}]` : host)
const urlOf = (place: Place): string => `${place.scheme}://${hostOf(place)}:${place.port}${place.path}`

/** Where a redirect leads. A password goes to no other origin. */
const nextPlace = (to: URL, from: Place): Effect.Effect<Place, ProbeError> => {
  to.hash = ""
  to.username = ""
  to.password = ""
  const read = /^https?:$/.test(to.protocol) ? parsePlace(to.href) : Result.fail("")
  if (Result.isFailure(read)) return Effect.fail(ill("it redirects to what is no http:// or https:// URL"))
  const place = read.success
  const isSame = place.scheme === from.scheme && place.host === from.host && place.port === from.port
  return Effect.succeed({ ...place, credentials: isSame ? from.credentials : null })
}

const judge = (answer: Answer, demands: HttpDemands, at: Place): Effect.Effect<string, ProbeError> => {
  if (!isWanted(answer.status, demands)) {
    const to = locationOf(answer, at)
    const details = to === undefined ? [] : [`it redirects to ${showUrl(to)}; follow=true would go there`]
    return Effect.fail(ill(`HTTP status ${answer.status}, not ${showStatus(demands.status)}`, details))
  }
  if (demands.body !== null && !answer.body.includes(Buffer.from(demands.body))) {
    const details = answer.encoding === undefined ? [] : [`it sent the body as ${answer.encoding.slice(0, 20)}`]
    const which = answer.cut ? "the first 1 MiB of its body does" : "its body does"
    return Effect.fail(
      ill(`HTTP status ${answer.status}, but ${which} not contain ${JSON.stringify(demands.body)}`, details)
    )
  }
  return Effect.succeed(`answers with HTTP status ${answer.status}`)
}

const get = (
  place: Place,
  ca: string | null,
  lookup: net.LookupFunction,
  trust: Trust,
  progress: Progress
): Effect.Effect<Answer, ProbeError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const isTls = place.scheme === "https"
      // Before the connection: a file of ours that cannot be read is no trouble of theirs.
      const context = isTls ? yield* trust(ca) : undefined
      const socket = yield* connect(place, lookup, progress)
      const stream = context === undefined ? socket : yield* secure(socket, place, context, ["http/1.1"], progress)
      return yield* exchange(place, stream, progress)
    })
  )

const headersOf = (place: Place): http.OutgoingHttpHeaders => {
  const isDefault = place.port === (place.scheme === "https" ? 443 : 80)
  const authorization =
    place.credentials === null
      ? {}
      : { authorization: `Basic ${Buffer.from(Redacted.value(place.credentials)).toString("base64")}` }
  return {
    host: isDefault ? hostOf(place) : `${hostOf(place)}:${place.port}`,
    "user-agent": "orchestrator-watchdog",
    accept: "*/*",
    "accept-encoding": "identity",
    connection: "close",
    ...authorization
  }
}

const exchange = (place: Place, socket: net.Socket, progress: Progress): Effect.Effect<Answer, ProbeError> =>
  Effect.callback<Answer, ProbeError>((resume) => {
    progress.phase = "waiting for the headers"
    const request = http.request({
      createConnection: () => socket,
      method: "GET",
      path: place.path,
      headers: headersOf(place),
      setHost: false
    })
    request.on("error", (error) => resume(failIll(error)))
    request.on("response", (response) => {
      progress.phase = "reading the body"
      progress.answered = true
      readBody(response, (outcome) => resume(outcome))
    })
    request.end()
    return Effect.sync(() => void request.destroy())
  })

const readBody = (response: http.IncomingMessage, done: (outcome: Effect.Effect<Answer, ProbeError>) => void): void => {
  const chunks: Array<Buffer> = []
  let bytes = 0
  const answer = (cut: boolean): void =>
    done(
      Effect.succeed({
        status: response.statusCode ?? 0,
        location: response.headers.location,
        encoding: response.headers["content-encoding"],
        body: Buffer.concat(chunks),
        cut
      })
    )
  response.on("data", (chunk: Buffer) => {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes <= bodyBytesMax) return
    answer(true)
    response.destroy()
  })
  response.on("end", () => answer(false))
  response.on("error", (error) => done(failIll(error)))
  response.on("close", () => done(Effect.fail(ill("the connection was cut within the answer"))))
}
