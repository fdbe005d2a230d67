import { assert, describe, it } from "@effect/vitest"
import {
  type Html,
  escaped,
  foreign,
  foreignLines,
  html,
  textUnitsMax,
  visible
} from "../../../src/status/page/Html.ts"
import { chanceOf } from "../../browser/world.ts"

/** What a parser would read out of text that holds no markup. */
const read = (markup: string): string =>
  markup
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&#96;", "`")
    .replaceAll("&amp;", "&")

describe("html", () => {
  it("takes strings as text and markup as markup", () => {
    assert.strictEqual(
      html`<b title="${'"x'}">${html`<i>${"<&>"}</i>`}</b>`.markup,
      '<b title="&quot;x"><i>&lt;&amp;&gt;</i></b>'
    )
  })

  it("takes lists and numbers, and leaves out what is not there", () => {
    assert.strictEqual(html`${[1, "a", html`<br />`]}${false}${null}${undefined}${0}`.markup, "1a<br />0")
  })

  it("sends no line break of the template, and keeps the spaces that part words", () => {
    // Under another name, so that the formatter leaves the breaks where they are.
    const broken = html
    const template = broken`<ul>
      ${html`<li>a</li>`}
    </ul>
    <p
      class="x">
      one ${"two"}
      ${"three"} <b>four</b>
      five</p>`

    assert.strictEqual(template.markup, '<ul><li>a</li></ul><p class="x"> one two three <b>four</b> five</p>')
  })

  it("is not fooled by what only looks like markup", () => {
    const forged = JSON.parse('{"markup":"<script>"}') as Html

    assert.throws(() => html`${forged}`)
  })

  it("cuts what nobody reads", () => {
    assert.strictEqual(html`${"x".repeat(10_000)}`.markup.length, textUnitsMax + 1)
  })

  // Law: whatever goes in, no character comes out that could end a text or an attribute, and what is read back is what was shown.
  it("lets any string appear as text only", () => {
    const chance = chanceOf(5)
    const alphabet = [..."<>&\"'`=/! -ab".split(""), "&amp;", "\u202e", "\u0000", "\n", "\ud800", "🔥", "\u200d"]
    for (let round = 0; round < 20_000; round++) {
      const text = Array.from(
        { length: Math.floor(chance() * 12) },
        () => alphabet[Math.floor(chance() * alphabet.length)]
      ).join("")

      const markup = html`${text}`.markup

      assert.notMatch(markup, /[<>"'`]|&(?!(?:amp|lt|gt|quot|#39|#96);)/)
      assert.strictEqual(read(markup), visible(text))
      assert.isTrue(markup.isWellFormed())
    }
  })
})

describe("visible", () => {
  const table: ReadonlyArray<readonly [string, string]> = [
    ["plain", "plain"],
    ["a\u0000b\u001b[31m\u007f", "a␀b␛[31m␡"],
    ["line\nline\r\t", "line␊line␍␉"],
    ["\u0085\u202egpj\u2066\u200b\ufeff", "⟨U+0085⟩⟨U+202E⟩gpj⟨U+2066⟩⟨U+200B⟩⟨U+FEFF⟩"],
    ["\u2028\u{e0041}", "⟨U+2028⟩⟨U+E0041⟩"],
    ["lone\ud800", "lone\ufffd"],
    ["👩\u200d🔧 ❤\ufe0f", "👩\u200d🔧 ❤\ufe0f"],
    ["שלום", "שלום"]
  ]

  it.each(table)("writes %j as %j", (text, wanted) => {
    assert.strictEqual(visible(text), wanted)
  })
})

describe("foreign", () => {
  it("keeps a name from turning what stands around it", () => {
    assert.strictEqual(foreign("<שלום>").markup, "<bdi>&lt;שלום&gt;</bdi>")
  })

  it("keeps lines where lines are wanted", () => {
    assert.strictEqual(foreignLines("a\n<b>\u0007").markup, "<bdi>a\n&lt;b&gt;␇</bdi>")
  })
})

describe("escaped", () => {
  it("is the text itself where there is nothing to escape", () => {
    assert.strictEqual(escaped("container:api"), "container:api")
  })
})
