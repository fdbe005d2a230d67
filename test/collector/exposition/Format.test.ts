import { assert, describe, it } from "@effect/vitest"
import { chooseFormat, foreignBody, isBlankBody, type Format } from "../../../src/collector/exposition/Format.ts"

describe("chooseFormat", () => {
  it.each<[string, string, Format]>([
    ["a 1\n", "text/plain; version=0.0.4; charset=utf-8", "prometheus-text"],
    ["a 1\n", "TEXT/PLAIN", "prometheus-text"],
    ["a 1\n# EOF\n", "text/plain", "prometheus-text"],
    ["a 1\n# EOF\n", "application/openmetrics-text; version=1.0.0", "openmetrics"],
    ["a 1\n", "application/openmetrics-text", "openmetrics"],
    ['{"a": 1}', "application/json", "flat-json"],
    ['{"a": 1}', "application/problem+json", "flat-json"]
  ])("believes the header of %j", (body, contentType, format) => {
    assert.deepEqual(chooseFormat(body, contentType), { format, warning: undefined })
  })

  it.each([
    ["a 1\n", undefined, "prometheus-text"],
    ["a 1\n# EOF\n", undefined, "openmetrics"],
    ["a 1\n# EOF  \r\n\n", undefined, "openmetrics"],
    ["# EOF", undefined, "openmetrics"],
    ["a 1 # EOF", undefined, "prometheus-text"],
    [' {\n "a" : 1}', undefined, "flat-json"],
    ['{"a\\"b":1}', undefined, "flat-json"],
    ["{}", undefined, "flat-json"],
    ["[1]", undefined, "flat-json"],
    ['{"my.metric"} 1\n', undefined, "prometheus-text"],
    ['{"my.metric",a="b:c"} 1\n', undefined, "prometheus-text"],
    ['{a="b"} 1\n', undefined, "prometheus-text"],
    ["{} 1\n", undefined, "prometheus-text"],
    ["a 1\n", "text/html", "prometheus-text"],
    ["a 1\n", "", "prometheus-text"],
    ["a 1\n", "application/json", "prometheus-text"],
    ["a 1\n# EOF\n", "application/json", "openmetrics"],
    ['{"a": 1}', "text/plain", "flat-json"],
    ['{"a": 1}', "application/openmetrics-text", "flat-json"]
  ])("looks at %j sent as %s, and says so", (body, contentType, format) => {
    const choice = chooseFormat(body, contentType)

    assert.strictEqual(choice.format, format)
    assert.isString(choice.warning)
  })
})

describe("foreignBody", () => {
  it.each([
    ["", undefined, "the body is empty"],
    ["\n <!DOCTYPE html><html>", "text/plain", "an HTML page, not an exposition"],
    ["<html><body>502", "text/html", "an HTML page, not an exposition"],
    ["<!-- x --><p>", undefined, "an HTML page, not an exposition"],
    ['<?xml version="1.0"?>', "text/xml", "a page of XML or other markup, not an exposition"],
    ["\u001F\uFFFD\b", undefined, "a gzip body that was not decompressed"],
    [
      "\n\u0001a",
      "application/vnd.google.protobuf; encoding=delimited",
      "a protobuf body, which is not read: ask for text"
    ]
  ])("names %j", (body, contentType, reason) => {
    assert.strictEqual(foreignBody(body, contentType), reason)
  })

  it.each(["a 1", "\n", '{"a": 1}', "404 page not found"])("leaves %j to the parsers", (body) => {
    assert.isUndefined(foreignBody(body, undefined))
  })

  it("knows a blank body", () => {
    assert.isTrue(isBlankBody(" \t\r\n"))
    assert.isFalse(isBlankBody(" a"))
  })
})
