/** Where the status server listens. Imports nothing: the health check must start fast and cost little. */

export interface Listen {
  readonly host: string
  readonly port: number
}

export const defaultListen: Listen = { host: "127.0.0.1", port: 9469 }

/** `127.0.0.1:9469`, `[::1]:9469`, `off`; undefined for anything else. */
export const parseListen = (raw: string): Listen | "off" | undefined => {
  if (raw.toLowerCase() === "off") return "off"
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:\s]+):(\d{1,5})$/.exec(raw)
  const port = Number(match?.[2])
  return match?.[1] !== undefined && port <= 65_535 ? { host: match[1].replace(/^\[|\]$/g, ""), port } : undefined
}

export const showListen = (listen: Listen | "off"): string =>
  listen === "off" ? "off" : `${listen.host.includes(":") ? `[${listen.host}]` : listen.host}:${listen.port}`

/** Where a client on the same machine reaches it. */
export const localAddress = ({ host, port }: Listen): Listen => ({
  host: host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host,
  port
})
