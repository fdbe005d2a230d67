import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result, Schema } from "effect"
import * as Arbitrary from "effect/Arbitrary"
import { type Target, parseTargets, schemes, showTargets } from "../../../src/collector/probe/Target.ts"

const read = (raw: string): ReadonlyArray<Target> => Result.getOrThrow(parseTargets(raw))
const problem = (raw: string): string => {
  const result = parseTargets(raw)
  return Result.isFailure(result) ? result.failure : "none"
}
const one = (raw: string): Target => {
  const [target] = read(raw)
  if (target === undefined) throw new Error("no target")
  return target
}

const places: ReadonlyArray<readonly [string, Partial<Target>]> = [
  ["a=http://web/", { scheme: "http", host: "web", port: 80, path: "/", shown: "http://web/" }],
  ["a=http://web:8080", { port: 8080, path: "/" }],
  ["a=https://e.org/a?b=c", { port: 443, path: "/a?b=c", shown: "https://e.org/a?(redacted)" }],
  ["a=HTTPS://E.org/", { scheme: "https", host: "e.org" }],
  ["a=http://my_service/", { host: "my_service" }],
  ["a=http://bücher.de/", { host: "xn--bcher-kva.de" }],
  ["a=http://[::1]:81/", { host: "::1", port: 81, shown: "http://[::1]:81/" }],
  ["a=tcp://db:5432", { scheme: "tcp", host: "db", port: 5432, path: "", shown: "tcp://db:5432" }],
  ["a=tcp://db:80", { port: 80 }],
  ["a=tcp://[2001:db8::7]:25", { host: "2001:db8::7", port: 25 }],
  ["a=tls://e.org", { port: 443, shown: "tls://e.org" }],
  ["a=tls://bücher.de:993/", { host: "xn--bcher-kva.de", port: 993 }],
  ["a=dns://e.org", { scheme: "dns", host: "e.org", port: 0, shown: "dns://e.org" }]
]

const options: ReadonlyArray<readonly [string, Partial<Target>]> = [
  ["http://w/", { status: [[200, 299]], body: null, withinMs: null, follow: false, witness: null }],
  ["http://w/#", { status: [[200, 299]] }],
  ["http://w/#status=204", { status: [[204, 204]] }],
  [
    "http://w/#status=200,3xx,400-404",
    {
      status: [
        [200, 200],
        [300, 399],
        [400, 404]
      ]
    }
  ],
  ["http://w/#body=is%20ok%26%C3%BC", { body: "is ok&ü" }],
  ["http://w/#body=a=b,c+d", { body: "a=b,c+d" }],
  ["http://w/#within=800ms&follow=yes", { withinMs: 800, follow: true }],
  ["https://w/#ca=/etc/ssl/ca.pem&cert-days=7", { ca: "/etc/ssl/ca.pem", certDays: 7 }],
  ["tls://w#cert-days=0", { certDays: 0 }],
  [
    "dns://w#resolver=1.1.1.1&expect=192.0.2.7,2001:DB8:0::7",
    { resolver: "1.1.1.1", expect: ["192.0.2.7", "2001:db8::7"] }
  ],
  ["dns://w#resolver=[2606:4700::1111]:53", { resolver: "[2606:4700::1111]:53" }],
  ["dns://w#resolver=10.0.0.2:5353", { resolver: "10.0.0.2:5353" }]
]

describe("a target", () => {
  it.each(places)("is a place: %s", (item, wanted) => {
    assert.deepInclude(one(item), wanted)
  })

  it.each(options)("has demands: %s", (url, wanted) => {
    assert.deepInclude(one(`a=${url}`), wanted)
  })

  it("has a witness, which is a place", () => {
    const { witness } = one("a=tcp://db:1#witness=https://e.org/x&within=1s")

    assert.deepInclude(witness, { scheme: "https", host: "e.org", port: 443, path: "/x" })
  })
})

describe("the list", () => {
  const lists: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
    ["a=http://x b=http://y", ["a", "b"]],
    ["a=http://x,b=http://y", ["a", "b"]],
    ["a=http://x, b=http://y,\n\tc=tcp://z:1 ,", ["a", "b", "c"]],
    ["a=http://x/#status=200,204,b=http://y/1,2?c,d=e#body=f,g", ["a", "b"]]
  ]

  it.each(lists)("is parted by white space, and by commas before a name: %j", (raw, names) => {
    assert.deepStrictEqual(
      read(raw).map(({ name }) => name),
      names
    )
  })

  it("keeps commas that belong to a path, a query or an option", () => {
    const [a, b] = read("a=http://x/#status=200,204,b=http://y/1,2?c,d=e#body=f,g")

    assert.deepStrictEqual(a?.status, [
      [200, 200],
      [204, 204]
    ])
    assert.strictEqual(b?.path, "/1,2?c,d=e")
    assert.strictEqual(b?.body, "f,g")
  })
})

const refusals: ReadonlyArray<readonly [string, RegExp]> = [
  [",", /^a list of name=url with at least one item$/],
  ["http://x/", /: item 1: must begin with a name: name=url$/],
  ["=http://x/", /: item 1: must begin with a name/],
  ["a!=http://x/", /: item 1 \(a!\): a name is of letters, digits, _ \. and -$/],
  ["a=x", /: item 1 \(a\): the URL must begin with http:\/\/, https:\/\/, tcp:\/\/, tls:\/\/ or dns:\/\/$/],
  ["a=redis://x", /: item 1 \(a\): the scheme redis:\/\/ is not known: http:\/\//],
  ["a=http://", /not a URL such as http:\/\/web:8080\/health$/],
  ["a=http://x:99999/", /not a URL such as/],
  ["a=http://x,y/", /not a host name or address/],
  ["a=tcp://a%20b:1", /not a host name or address/],
  ["a=tcp://db", /tcp:\/\/ needs a port: write tcp:\/\/db:5432$/],
  ["a=tcp://db:0", /tcp:\/\/ needs a port/],
  ["a=tcp://db:1/x", /tcp:\/\/ takes no path or query/],
  ["a=tls://u:p@x", /tls:\/\/ takes no user or password$/],
  ["a=dns://1.1.1.1", /dns:\/\/ takes a name, not an address$/],
  ["a=dns://[::1]", /dns:\/\/ takes a name, not an address$/],
  ["a=dns://x#resolver=fe80::1%25eth0", /resolver must be/],
  ["a=dns://e.org:53", /dns:\/\/ takes no port: name the server by #resolver=address:port$/],
  ["a=http://x b=http://y a=tcp://z:1", /: item 3 \(a\): item 1 has that name too; give each its own$/],
  ["a=http://x/#statsu=200", /http:\/\/ has no option "statsu": status, body, within, follow, ca, witness$/],
  ["a=tcp://x:1#status=200", /tcp:\/\/ has no option "status": within, witness$/],
  ["a=http://x/#within=1s&within=2s", /option within is given twice$/],
  ["a=http://x/#status=20", /status must be codes, classes or ranges .* such as 200,204 or 2xx or 200-399$/],
  ["a=http://x/#status=600", /status must be/],
  ["a=http://x/#status=300-200", /status must be/],
  ["a=http://x/#within=soon", /within must be a duration such as 500ms/],
  ["a=http://x/#within=0", /within must be a duration of more than 0/],
  ["a=http://x/#body=", /body must be the text that the body must contain$/],
  ["a=http://x/#body=%zz", /body must be text with whole %-escapes$/],
  ["a=http://x/#follow=maybe", /follow must be true or false/],
  ["a=https://x/#ca=ca.pem", /ca must be the absolute path of a PEM file/],
  ["a=https://x/#cert-days=soon", /cert-days must be a whole number of days/],
  ["a=dns://x#resolver=one.one", /resolver must be the address of a name server/],
  ["a=dns://x#resolver=1.1.1.1:0", /resolver must be/],
  ["a=dns://x#expect=1.2.3", /expect must be addresses separated by commas/],
  ["a=http://x/#witness=e.org", /witness must be a URL \(the URL must begin with/],
  ["a=http://x/#witness=http://e.org#status=200", /witness must be a URL without options of its own/]
]

describe("what is wrong", () => {
  it.each(refusals)("is said with what would be right: %j", (raw, wanted) => {
    assert.match(problem(raw), wanted)
  })

  it("is said all at once", () => {
    const said = problem("a=ftp://x b=tcp://y c=http://z/#statsu=1&within=soon, =")

    for (const wanted of ["item 1 (a)", "item 2 (b)", 'no option "statsu"', "item 3 (c): within", "item 4: must begin"])
      assert.include(said, wanted)
  })
})

describe("a password", () => {
  const secrets: ReadonlyArray<string> = [
    "a=http://user:hunter2@x/?token=hunter2",
    "http://user:hunter2@x/",
    "http://user:hunter2@x/?a=b",
    "a=postgres://user:hunter2@x/",
    "a=http://user:hunter2#3@x/",
    "a=http://user:hunter2@x:port/",
    "a=tcp://user:hunter2@x:1",
    "a=http://x/#pass:hunter2=1",
    "a=http://x/#witness=http://user:hunter2@e.org/",
    "a=http://x/#witness=ftp://user:hunter2@e.org/",
    "user:hunter2@x=http://x/",
    "a=http://us er:hunter2@x/"
  ]

  it.each(secrets)("is in no text: %s", (raw) => {
    const parsed = parseTargets(raw)

    const said = Result.isFailure(parsed)
      ? parsed.failure
      : `${showTargets(parsed.success)} ${inspect(parsed.success, { depth: 9 })}`

    assert.notInclude(said.replace(/path: '[^']*'/g, ""), "hunter2")
  })

  it("is kept for the request, decoded", () => {
    const { credentials } = one("a=http://us%40er:p%3Aw@x/")

    assert.strictEqual(credentials === null ? "" : Redacted.value(credentials), "us@er:p:w")
  })
})

describe("what is shown", () => {
  const word = Arbitrary.map(Arbitrary.schema(Schema.String), (text) => text.replace(/[\ud800-\udfff]/g, "") || "x")
  const scheme = Arbitrary.schema(Schema.Literals(schemes))
  const small = Arbitrary.map(Arbitrary.schema(Schema.Int), (n) => (Math.abs(n) % 60_000) + 1)

  it.prop("reads as it was", [scheme, small, word], ([scheme, n, text]) => {
    const body = encodeURIComponent(text)
    const kinds = {
      http: `http://h:${n}/p#status=200,3xx&body=${body}&within=${n}ms&follow=true&witness=tcp://w:${n}`,
      https: `https://h:${n}/p#body=${body}&ca=/${body}&cert-days=${n}`,
      tcp: `tcp://h:${n}#within=${n}ms`,
      tls: `tls://h:${n}#cert-days=${n}`,
      dns: `dns://h#resolver=10.0.0.1:${n}&expect=192.0.2.7,2001:db8::7`
    }
    const targets = read(`a=${kinds[scheme]} b=http://plain/`)

    assert.deepStrictEqual(read(showTargets(targets)), targets)
  })

  it.prop("is an answer, whatever was given", [word], ([text]) => {
    const parsed = parseTargets(`a=${text}`)

    assert.isTrue(Result.isSuccess(parsed) || parsed.failure.startsWith("a list of name=url"))
  })
})
