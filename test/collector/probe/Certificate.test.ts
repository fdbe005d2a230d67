import type * as tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import { type Member, alarmBelowMs, expiryOf, readChain } from "../../../src/collector/probe/Certificate.ts"

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const nowMs = Date.UTC(2026, 10, 22, 12)

/** A certificate of so many days, with so many left. */
const member = (leftDays: number, lifetimeDays: number, subject = "leaf"): Member => ({
  subject,
  issuer: "ca",
  notBeforeMs: nowMs + (leftDays - lifetimeDays) * dayMs,
  notAfterMs: nowMs + leftDays * dayMs
})

const expiry = (certDays: number, ...members: ReadonlyArray<Member>) =>
  expiryOf({ members, problems: [] }, certDays, nowMs)

const table: ReadonlyArray<readonly [string, number, number, number, boolean, string]> = [
  ["a year's, new", 365, 365, 14, false, "ends in 365 days (2027-11-22 12:00 UTC)"],
  ["a year's, at the days", 14, 365, 14, false, "ends in 14 days (2026-12-06 12:00 UTC)"],
  ["a year's, below them", 13.9, 365, 14, true, "ends in 13 days (2026-12-06 09:36 UTC), less than 14 days"],
  ["of 90 days, when Certbot renews it", 30, 90, 14, false, "ends in 30 days (2026-12-22 12:00 UTC)"],
  ["of 47 days, when it should have been renewed", 12, 47, 14, false, "ends in 12 days (2026-12-04 12:00 UTC)"],
  [
    "of 47 days, below a quarter",
    11.7,
    47,
    14,
    true,
    "ends in 11 days (2026-12-04 04:48 UTC), less than a quarter of its 47 days"
  ],
  ["of 6 days, new", 6, 6, 14, false, "ends in 6 days (2026-11-28 12:00 UTC)"],
  ["of 6 days, when Certbot renews it", 3, 6, 14, false, "ends in 3 days (2026-11-25 12:00 UTC)"],
  [
    "of 6 days, below a quarter",
    1.4,
    6,
    14,
    true,
    "ends in 33 hours (2026-11-23 21:36 UTC), less than a quarter of its 6 days"
  ],
  ["of an hour, new", 1 / 24, 1 / 24, 14, false, "ends in 1 hour (2026-11-22 13:00 UTC)"],
  [
    "of an hour, near its end",
    0.2 / 24,
    1 / 24,
    14,
    true,
    "ends in less than an hour (2026-11-22 12:12 UTC), less than a quarter of its 1 hour"
  ],
  ["ended this moment", 0, 90, 14, true, "expired less than an hour ago (2026-11-22 12:00 UTC)"],
  ["ended three days ago", -3, 90, 14, true, "expired 3 days ago (2026-11-19 12:00 UTC)"],
  ["with days of 0, just before the end", 0.1, 90, 0, false, "ends in 2 hours (2026-11-22 14:24 UTC)"],
  ["with days of 0, after it", -0.1, 90, 0, true, "expired 2 hours ago (2026-11-22 09:36 UTC)"],
  ["with dates that are turned round", 5, -5, 14, false, "ends in 5 days (2026-11-27 12:00 UTC)"]
]

describe("a certificate's end", () => {
  it.each(table)("is judged by days and by its lifetime: %s", (_, left, lifetime, certDays, active, summary) => {
    const found = expiry(certDays, member(left, lifetime))

    assert.strictEqual(found?.active, active)
    assert.strictEqual(found?.expired, left <= 0)
    assert.strictEqual(found?.summary, summary)
    assert.approximately(found?.daysLeft ?? Number.NaN, left, 0.11)
  })

  it("is that of what ends first, leaf or not", () => {
    const found = expiry(14, member(60, 90), member(10, 1_000, "Middle CA"))

    assert.isTrue(found?.active)
    assert.strictEqual(found?.daysLeft, 10)
    assert.strictEqual(
      found?.summary,
      'the certificate of "Middle CA" in its chain ends in 10 days (2026-12-02 12:00 UTC), less than 14 days'
    )
  })

  it("holds each against its own lifetime: a leaf of six days hides no intermediate that is due", () => {
    const found = expiry(14, member(5, 6), member(10, 1_000, "Middle CA"))

    assert.isTrue(found?.active)
    assert.strictEqual(found?.daysLeft, 5)
    assert.match(found?.summary ?? "", /^the certificate of "Middle CA" in its chain ends in 10 days/)
  })

  it("is told with what else is wrong once it is past", () => {
    const problems = ["its certificate has expired (x)", "its certificate is for other.test, not for good.test"]

    const found = expiryOf({ members: [member(-1, 90)], problems }, 14, nowMs)

    assert.deepStrictEqual(found?.details, problems.slice(1))
  })

  it("is unknown without a certificate, and without dates that can be read", () => {
    assert.isNull(expiry(14))
    assert.isNull(expiry(14, { ...member(1, 1), notAfterMs: Number.NaN }))
  })

  const days = Arbitrary.map(Arbitrary.schema(Schema.Int), (n) => (Math.abs(n) % 4_000) + 1)

  it.prop(
    "never alarms a certificate with a quarter of its lifetime or the days asked for left",
    [days, days, days],
    ([lifetime, left, certDays]) => {
      const found = expiry(certDays, member(left, lifetime))

      if (left >= certDays || left >= lifetime / 4) assert.isFalse(found?.active)
      else assert.isTrue(found?.active)
    }
  )

  it.prop("alarms from its first day on until it is replaced", [days, days, days], ([lifetime, certDays, step]) => {
    const one = member(lifetime, lifetime)
    const firstMs = one.notAfterMs - alarmBelowMs(one, certDays)

    const at = (ms: number) => expiryOf({ members: [one], problems: [] }, certDays, ms)?.active

    assert.isFalse(at(firstMs - 1))
    assert.isTrue(at(firstMs + 1 + step * dayMs))
  })
})

interface Drawn {
  readonly subject: string
  readonly issuer?: tls.DetailedPeerCertificate
  readonly issuerName?: string
  readonly from?: string
  readonly to?: string
  readonly names?: string
}

const sent = ({ subject, issuer, issuerName, from, to, names }: Drawn) =>
  ({
    subject: { CN: subject },
    issuer: { CN: issuerName ?? issuer?.subject.CN ?? subject },
    issuerCertificate: issuer,
    fingerprint256: `${subject}:${from}:${to}`,
    valid_from: from ?? "Nov  1 00:00:00 2026 GMT",
    valid_to: to ?? "Feb 20 14:18:34 2027 GMT",
    ...(names === undefined ? {} : { subjectaltname: names })
  }) as tls.DetailedPeerCertificate

const names = "DNS:good.test, IP Address:192.0.2.7"

describe("a chain", () => {
  it("leaves the root out, and takes a leaf that signed itself", () => {
    const root = sent({ subject: "root" })
    const middle = sent({ subject: "middle", issuer: root })

    const chain = readChain(sent({ subject: "leaf", issuer: middle, names }), null, "good.test", nowMs)
    const alone = readChain(sent({ subject: "alone", names }), "DEPTH_ZERO_SELF_SIGNED_CERT", "good.test", nowMs)

    assert.deepStrictEqual(
      chain.members.map(({ subject, issuer }) => [subject, issuer]),
      [
        ["leaf", "middle"],
        ["middle", "root"]
      ]
    )
    assert.deepStrictEqual(chain.problems, [])
    assert.strictEqual(chain.members[0]?.notAfterMs, Date.UTC(2027, 1, 20, 14, 18, 34))
    assert.strictEqual(alone.members.length, 1)
  })

  it("that goes round ends", () => {
    const ring = sent({ subject: "ring", issuerName: "other" })
    Object.assign(ring, { issuerCertificate: sent({ subject: "other", issuer: ring }) })

    assert.strictEqual(readChain(ring, null, "ring", nowMs).members.length, 2)
  })

  it("is empty where nothing was sent", () => {
    assert.deepStrictEqual(readChain({} as tls.DetailedPeerCertificate, "X", "good.test", nowMs), {
      members: [],
      problems: ["it sent no certificate"]
    })
  })

  it("says of an expired intermediate only where it is in the way", () => {
    const middle = sent({ subject: "middle", issuerName: "root", to: "Nov  2 00:00:00 2026 GMT" })
    const leaf = sent({ subject: "leaf", issuer: middle, names })

    assert.deepStrictEqual(readChain(leaf, null, "good.test", nowMs).problems, [])
    assert.deepStrictEqual(readChain(leaf, "CERT_HAS_EXPIRED", "good.test", nowMs).problems, [
      'the certificate of "middle" in its chain has expired (2026-11-02 00:00 UTC)'
    ])
  })

  it("says what OpenSSL says where the dates do not explain it", () => {
    const leaf = sent({ subject: "leaf", issuerName: "ca", names })

    assert.deepStrictEqual(readChain(leaf, "CERT_HAS_EXPIRED", "192.0.2.7", nowMs).problems, [
      "its certificate is not trusted: cert has expired"
    ])
  })

  it("shows a few names of many, clipped and printable", () => {
    const many = Array.from({ length: 20 }, (_, at) => `DNS:n${at}.test`).join(", ")
    const wild = sent({ subject: `evil\u001b[31m\n${"x".repeat(500)}`, issuerName: "ca" })

    assert.deepStrictEqual(
      readChain(sent({ subject: "a", issuerName: "ca", names: many }), null, "b.test", nowMs).problems,
      ["its certificate is for n0.test, n1.test, n2.test and 17 more, not for b.test"]
    )
    assert.match(
      readChain(wild, null, "b.test", nowMs).problems[0] ?? "",
      /^its certificate is for evil\?\[31m\?x{54}, not for b\.test$/
    )
  })
})
