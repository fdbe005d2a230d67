/**
 * What a signal is called where labels are the identity: in Alertmanager and for whatever takes its webhook.
 *
 * Nothing in a label ever changes while the fault lasts: a changing value would make it another alert.
 */
import { createHash } from "node:crypto"
import type { Severity } from "../decision/index.ts"
import { cut, printable } from "./Message.ts"

export type Labels = Readonly<Record<string, string>>

/** What carries these labels; routes can match on it. */
const job = "orchestrator-watchdog"
/** Ids are far shorter; Mimir, the strictest of those that store labels, takes 2,048 bytes. */
const valueUnitsMax = 512

/** Two long values that begin alike must stay two. */
const labelValue = (raw: string): string => {
  const clean = printable(raw).replaceAll("\n", " ")
  if (clean.length <= valueUnitsMax) return clean
  const tail = createHash("sha256").update(raw.toWellFormed()).digest("hex").slice(0, 8)
  return `${cut(clean, valueUnitsMax - tail.length)}${tail}`
}

/** `container:api` is alert `container` of `api`; an id without a colon has a name only. Empty labels do not exist. */
export const labelsOf = (signal: string, severity: Severity, host: string): Labels => {
  const colon = signal.indexOf(":")
  const labels = {
    alertname: labelValue(colon < 0 ? signal : signal.slice(0, colon)),
    host: labelValue(host),
    job,
    name: colon < 0 ? "" : labelValue(signal.slice(colon + 1)),
    severity,
    signal: labelValue(signal)
  }
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ""))
}

const fnvOffset = 0xcbf29ce484222325n
const fnvPrime = 0x100000001b3n

/** The hash by which Prometheus and Alertmanager know a set of labels. Source: prometheus/common, model/signature.go. */
export const fingerprint = (labels: Labels): string => {
  const separator = 255
  let hash = fnvOffset
  const add = (byte: number) => {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * fnvPrime)
  }
  const encoder = new TextEncoder()
  for (const name of Object.keys(labels).sort()) {
    for (const text of [name, labels[name] ?? ""]) {
      for (const byte of encoder.encode(text)) add(byte)
      add(separator)
    }
  }
  return hash.toString(16).padStart(16, "0")
}
