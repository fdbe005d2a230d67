import { assert, describe, it } from "@effect/vitest"
import { parseTelegramHtml, settleTelegramText, type TelegramEntity } from "../../src/testing/TelegramHtml.ts"

const entity = (type: TelegramEntity["type"], offset: number, length: number, more: Partial<TelegramEntity> = {}) => ({
  type,
  offset,
  length,
  ...more
})

const settle = (source: string) => {
  const parsed = parseTelegramHtml(source)
  assert.isTrue(parsed.ok, parsed.ok ? "" : parsed.description)
  return parsed.ok ? settleTelegramText(parsed) : undefined
}

describe("parseTelegramHtml", () => {
  const accepted: ReadonlyArray<readonly [string, string, ReadonlyArray<TelegramEntity>]> = [
    ["plain", "plain", []],
    ["<b>a</b><strong>b</strong>", "ab", [entity("bold", 0, 1), entity("bold", 1, 1)]],
    ["<i>a</i> <em>b</em>", "a b", [entity("italic", 0, 1), entity("italic", 2, 1)]],
    ["<u>a</u> <ins>b</ins>", "a b", [entity("underline", 0, 1), entity("underline", 2, 1)]],
    ["<s>a</s> <strike>b</strike> <del>c</del>", "a b c", [0, 2, 4].map((at) => entity("strikethrough", at, 1))],
    [
      `<tg-spoiler>a</tg-spoiler> <span class="tg-spoiler">b</span>`,
      "a b",
      [entity("spoiler", 0, 1), entity("spoiler", 2, 1)]
    ],
    ["<B>upper</b>", "upper", [entity("bold", 0, 5)]],
    ["<b>any end</>", "any end", [entity("bold", 0, 7)]],
    ["<b >spaces</b >", "spaces", [entity("bold", 0, 6)]],
    ["<b class=x>unknown attribute</b>", "unknown attribute", [entity("bold", 0, 17)]],
    ["<b></b>empty", "empty", []],
    ["<code>a &lt; b</code>", "a < b", [entity("code", 0, 5)]],
    [`<code class="language-sql">x</code>`, "x", [entity("code", 0, 1)]],
    ["<pre>x</pre>", "x", [entity("pre", 0, 1)]],
    [`<pre><code class="language-sql">x</code></pre>`, "x", [entity("pre", 0, 1, { language: "sql" })]],
    [`<code class="language-sql"><pre>x</pre></code>`, "x", [entity("pre", 0, 1, { language: "sql" })]],
    ["<blockquote>q</blockquote>", "q", [entity("blockquote", 0, 1)]],
    ["<blockquote expandable>q</blockquote>", "q", [entity("expandable_blockquote", 0, 1)]],
    [
      `<a href="https://e.org/x?a=1&amp;b=2">l</a>`,
      "l",
      [entity("text_link", 0, 1, { url: "https://e.org/x?a=1&b=2" })]
    ],
    ["<a href='HTTP://E.org:80'>l</a>", "l", [entity("text_link", 0, 1, { url: "http://e.org:80/" })]],
    ["<a>e.org</a>", "e.org", [entity("text_link", 0, 5, { url: "http://e.org/" })]],
    [`<a href="http://grafana:3000/d">a host without a dot</a>`, "a host without a dot", []],
    [`<a href="javascript://e.org">not a web link</a>`, "not a web link", []],
    [`<a HREF="https://e.org">attribute names have a case</a>`, "attribute names have a case", []],
    [`<a href="http://[::1]:9/">l</a>`, "l", [entity("text_link", 0, 1, { url: "http://[::1]:9/" })]],
    [`<a href="tg://user?id=42">u</a>`, "u", [entity("text_mention", 0, 1, { userId: 42 })]],
    [`<a href="tg:resolve?domain=x">t</a>`, "t", [entity("text_link", 0, 1, { url: "tg://resolve?domain=x" })]],
    [
      `<tg-emoji emoji-id="5368324170671202286">👍</tg-emoji>`,
      "👍",
      [entity("custom_emoji", 0, 2, { customEmojiId: "5368324170671202286" })]
    ],
    [
      `<tg-time unix="1700000000" format="wDT">then</tg-time>`,
      "then",
      [entity("date_time", 0, 4, { unixTime: 1_700_000_000 })]
    ],
    ["&lt;&gt;&amp;&quot;", `<>&"`, []],
    ["&lt no semicolon", "< no semicolon", []],
    ["&#65;&#x42;&#x1F525;", "AB🔥", []],
    ["&nbsp;&apos;&foo &ltx;", "&nbsp;&apos;&foo &ltx;", []],
    ["&#0;&#;&#x;&#x10ffff;&#00000065;", "&#0;&#;&#x;&#x10ffff;&#00000065;", []],
    ["a & b", "a & b", []],
    ["🔥<b>é</b>", "🔥é", [entity("bold", 2, 1)]]
  ]
  for (const [source, text, entities] of accepted) {
    it(`accepts ${source}`, () => {
      assert.deepStrictEqual(parseTelegramHtml(source), { ok: true, text, entities })
    })
  }

  const refused: ReadonlyArray<readonly [string, string]> = [
    ["<x>a</x>", `Unsupported start tag "x" at byte offset 0`],
    ["é🔥<br>", `Unsupported start tag "br" at byte offset 6`],
    ["<h1>a</h1>", `Unsupported start tag "h1" at byte offset 0`],
    ["a < b", `Unsupported start tag "" at byte offset 2`],
    ["5 <6> 7", `Unsupported start tag "6" at byte offset 2`],
    ["<a/>", `Unsupported start tag "a/" at byte offset 0`],
    ["a <", "Unclosed start tag at byte offset 2"],
    ["<b", "Unclosed start tag at byte offset 0"],
    ["<a ", `Empty attribute name in the tag "a" at byte offset 0`],
    ["<a ='x'>", `Empty attribute name in the tag "a" at byte offset 0`],
    ["<a href/>", `Empty attribute name in the tag "a" at byte offset 0`],
    ["<a href", `Unclosed start tag "a" at byte offset 0`],
    ["<a href=", `Unclosed start tag "a" at byte offset 0`],
    [`<a href="x`, "Unclosed start tag at byte offset 0"],
    ["x<a href=e.org/x>l</a>", "Unexpected end of name token at byte offset 9"],
    ["<span>a</span>", `Tag "span" must have class "tg-spoiler" at byte offset 0`],
    [`<span class="red">a</span>`, `Tag "span" must have class "tg-spoiler" at byte offset 0`],
    ["a</b>", "Unexpected end tag at byte offset 1"],
    ["<b>a</b", "Unclosed end tag at byte offset 4"],
    ["<b>a</b x>", "Unclosed end tag at byte offset 4"],
    ["<b><i>a</b></i>", `Unmatched end tag at byte offset 7, expected "</i>", found "</b>"`],
    ["<b>a", `Can't find end tag corresponding to start tag "b"`],
    ["<b><i>a</i>", `Can't find end tag corresponding to start tag "b"`],
    [`<tg-emoji emoji-id="x">a</tg-emoji>`, "Invalid custom emoji identifier specified"],
    [`<tg-emoji emoji-id="99999999999999999999">a</tg-emoji>`, "Invalid custom emoji identifier specified"],
    [`<tg-time unix="1" format="q">a</tg-time>`, "Invalid date format used"],
    [
      "&#xd83d;",
      "Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code units"
    ],
    [
      "&#55357;&#56613;",
      "Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code units"
    ]
  ]
  for (const [source, description] of refused) {
    it(`refuses ${source}`, () => {
      assert.deepStrictEqual(parseTelegramHtml(source), { ok: false, description })
    })
  }

  it("never throws and keeps entities within the text, whatever the markup", () => {
    const pieces = ["<b>", "</b>", "<a href='http://e.org'>", "</a>", "</>", "<pre>", "</pre>", "<code>", "</code>"]
    const alphabet = [
      ...pieces,
      "<blockquote>",
      "</blockquote>",
      "<i>",
      "</i>",
      "&lt;",
      "&#x1F525;",
      "<",
      ">",
      "x",
      " ",
      "\n"
    ]
    let seed = 7
    const next = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return Math.floor((seed / 2_147_483_648) * below)
    }

    for (let round = 0; round < 20_000; round += 1) {
      const source = Array.from({ length: next(12) }, () => alphabet[next(alphabet.length)]).join("")
      const parsed = parseTelegramHtml(source)
      const settled = parsed.ok ? settleTelegramText(parsed) : undefined

      for (const { offset, length } of settled?.entities ?? []) {
        assert.isTrue(offset >= 0 && length > 0 && offset + length <= (settled?.text.length ?? 0), source)
      }
    }
  })
})

describe("settleTelegramText", () => {
  const settled: ReadonlyArray<readonly [string, string, string, ReadonlyArray<TelegramEntity>]> = [
    ["trims outer white space", " \n a \n ", "a", []],
    ["moves entities when it trims", "  <b>a</b> b  ", "a b", [entity("bold", 0, 1)]],
    ["keeps white space that an entity begins with", "<b>  a</b>", "  a", [entity("bold", 0, 3)]],
    ["cuts an entity at trimmed white space", "<b>a  </b>", "a", [entity("bold", 0, 1)]],
    ["drops an entity of trimmed white space", "a<b>  </b>", "a", []],
    ["blanks control characters", "a\tb\u0001c", "a b c", []],
    ["removes carriage returns", "a\r\n<b>b</b>", "a\nb", [entity("bold", 2, 1)]],
    ["removes direction overrides", "<b>a\u202eb</b>", "ab", [entity("bold", 0, 2)]],
    ["joins styles that touch", "<b>a</b><b>b</b>", "ab", [entity("bold", 0, 2)]],
    ["drops a style inside itself", "<b>a<b>b</b></b>", "ab", [entity("bold", 0, 2)]],
    [
      "cuts a style where another begins",
      "<b>a<i>b</i>c</b>",
      "abc",
      [entity("bold", 0, 1), entity("bold", 1, 2), entity("italic", 1, 1)]
    ],
    ["nests nothing in code", "<code>a<b>b</b></code>", "ab", [entity("code", 0, 2)]],
    [
      "cuts a style around code",
      "<b>a<code>b</code>c</b>",
      "abc",
      [entity("bold", 0, 1), entity("code", 1, 1), entity("bold", 2, 1)]
    ],
    [
      "keeps code inside a quote",
      "<blockquote>a<code>b</code></blockquote>",
      "ab",
      [entity("blockquote", 0, 2), entity("code", 1, 1)]
    ],
    ["does not nest quotes", "<blockquote>a<blockquote>b</blockquote></blockquote>", "ab", [entity("blockquote", 0, 2)]]
  ]
  for (const [title, source, text, entities] of settled) {
    it(title, () => {
      assert.deepStrictEqual(settle(source), { text, entities })
    })
  }

  for (const source of ["<b></b>", " \n ", "<b> </b>", "\u200b\u200d", "&#160;", "\u2800\u3000"]) {
    it(`finds nothing to show in ${JSON.stringify(source)}`, () => {
      assert.strictEqual(settle(source), undefined)
    })
  }
})
