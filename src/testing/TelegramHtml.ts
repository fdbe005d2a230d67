/**
 * Telegram's HTML mode as the server reads it: which markup is refused, with which words, and what text and entities
 * are left of the rest.
 *
 * Imports nothing, so that the fake can run by plain type stripping. It follows the behaviour of TDLib's
 * `MessageEntity.cpp` (read at its state of July 2026), which is what the public Bot API server runs. Links, mentions
 * and commands that the server finds by itself in plain text are not modelled: only markup makes an entity here.
 */

/** The Bot API's names for what HTML can produce. */
export type TelegramEntityType =
  | "blockquote"
  | "bold"
  | "code"
  | "custom_emoji"
  | "date_time"
  | "expandable_blockquote"
  | "italic"
  | "pre"
  | "spoiler"
  | "strikethrough"
  | "text_link"
  | "text_mention"
  | "underline"

/**
 * One formatted stretch of a message.
 *
 * Units: offset and length in UTF-16 units of the plain text, as in the Bot API's MessageEntity.
 */
export interface TelegramEntity {
  readonly type: TelegramEntityType
  readonly offset: number
  readonly length: number
  /** text_link only. */
  readonly url?: string
  /** pre only, from `<code class="language-…">`. */
  readonly language?: string
  /** text_mention only, from `tg://user?id=…`. */
  readonly userId?: number
  /** custom_emoji only; a 64-bit number, so kept as digits. */
  readonly customEmojiId?: string
  /** date_time only; seconds. */
  readonly unixTime?: number
}

export interface TelegramText {
  readonly text: string
  readonly entities: ReadonlyArray<TelegramEntity>
}

export type TelegramHtmlResult =
  | ({ readonly ok: true } & TelegramText)
  /** `description` is what the server puts behind `Bad Request: can't parse entities: `. */
  | { readonly ok: false; readonly description: string }

/**
 * Reads HTML as sendMessage with `parse_mode: "HTML"` does.
 *
 * Shape:  text with markup -> plain text and entities, or the server's complaint. Neither trimmed nor regrouped yet:
 *         that is `settleTelegramText`, which the server does later, after it has found the chat.
 * Units:  offsets inside a complaint are bytes of UTF-8, as the server counts them.
 * Fails:  never; a refusal is a result.
 * Source: tdlib/td, MessageEntity.cpp, parse_html.
 *
 * Gotcha: `&#…;` naming a surrogate is refused even where two of them would form a pair.
 * Gotcha: attribute names are case-sensitive though tags are not, and a link to a host without a dot
 *         (`http://grafana:3000`) loses its link without a word.
 */
export function parseTelegramHtml(source: string): TelegramHtmlResult {
  const open: Array<OpenTag> = []
  let entities: Array<TelegramEntity> = []
  let text = ""
  let surrogateDecoded = false
  let at = 0
  while (at < source.length) {
    const character = charAt(source, at)
    if (character === "&") {
      const decoded = decodeCharacterReference(source, at)
      if (decoded !== undefined) {
        surrogateDecoded ||= decoded.code >= 0xd800 && decoded.code <= 0xdfff
        text += String.fromCodePoint(decoded.code)
        at = decoded.next
        continue
      }
    }
    if (character !== "<") {
      text += character
      at += 1
      continue
    }
    if (charAt(source, at + 1) !== "/") {
      const tag = readStartTag(source, at)
      if (typeof tag === "string") return { ok: false, description: tag }
      open.push({ ...tag, offset: text.length })
      at = tag.next
      continue
    }
    const tag = open.pop()
    if (tag === undefined) {
      return { ok: false, description: `Unexpected end tag at byte offset ${byteOffset(source, at)}` }
    }
    const end = readEndTag(source, at, tag.name)
    if (typeof end === "string") return { ok: false, description: end }
    at = end.next
    // An entity of length zero is dropped without a word, and its attributes are not even looked at.
    if (text.length > tag.offset) {
      const closed = closeTag(tag, text, entities)
      if (typeof closed === "string") return { ok: false, description: closed }
      entities = closed
    }
  }
  const unclosed = open.at(-1)
  if (unclosed !== undefined) {
    return { ok: false, description: `Can't find end tag corresponding to start tag "${unclosed.name}"` }
  }
  if (surrogateDecoded) {
    return {
      ok: false,
      description:
        "Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code units"
    }
  }
  // The language of a lone <code> exists only to meet a surrounding <pre>.
  const settled = entities.map((entity) => (entity.type === "code" ? place("code", entity) : entity))
  return { ok: true, text, entities: settled.toSorted(byPosition) }
}

/**
 * What the server makes of parsed text before it is stored: control characters, invisible direction marks and outer
 * white space go, and entities are brought into the nesting Telegram allows.
 *
 * Shape:  parsed text -> delivered text; `undefined` where nothing visible is left (`text must be non-empty`).
 * Law:    nothing nests in code, pre or a date; quotes do not nest; styles are cut where another entity begins.
 * Source: tdlib/td, MessageEntity.cpp, fix_formatted_text; misc.cpp, clean_input_string and is_empty_string.
 */
export function settleTelegramText(parsed: TelegramText): TelegramText | undefined {
  const cleaned = cleanCharacters({ text: parsed.text, entities: nest(parsed.entities) })
  const text = cleaned.text.replace(/[ \n]+$/, "")
  if (!visiblePattern.test(text)) return undefined
  const entities = nest(cleaned.entities)
    .filter((entity) => entity.offset < text.length)
    .map((entity) => ({ ...entity, length: Math.min(entity.length, text.length - entity.offset) }))
    .toSorted(byPosition)
  // White space that an entity begins with stays: moving the entity would be editing the sender's markup.
  const firstEntityOffset = entities[0]?.offset ?? text.length
  const leading = Math.min(/^[ \n]*/.exec(text)?.[0].length ?? 0, firstEntityOffset)
  return {
    text: text.slice(leading),
    entities: entities.map((entity) => ({ ...entity, offset: entity.offset - leading }))
  }
}

interface StartTag {
  readonly name: string
  /** href, language, `spoiler`, emoji id, `1` for an expandable quote, or a date's format. */
  readonly argument: string
  /** tg-time only; seconds. */
  readonly unixTime: number
  readonly next: number
}

interface OpenTag extends StartTag {
  readonly offset: number
}

// tdlib/td, MessageEntity.cpp, parse_html; the Bot API page "HTML style" lists the same.
const entityTypeByTag: Readonly<Record<string, TelegramEntityType>> = {
  a: "text_link",
  b: "bold",
  strong: "bold",
  i: "italic",
  em: "italic",
  s: "strikethrough",
  strike: "strikethrough",
  del: "strikethrough",
  u: "underline",
  ins: "underline",
  "tg-spoiler": "spoiler",
  span: "spoiler",
  "tg-emoji": "custom_emoji",
  "tg-time": "date_time",
  pre: "pre",
  code: "code",
  blockquote: "blockquote"
}

const characterByName: Readonly<Record<string, number>> = { lt: 0x3c, gt: 0x3e, amp: 0x26, quot: 0x22 }

const endOfText = "\0"

// Reads past the end as NUL: the server walks a C string, and its error cases are the cases of meeting that NUL.
function charAt(source: string, at: number): string {
  return source[at] ?? endOfText
}

function isSpace(character: string): boolean {
  return " \t\r\n\0\v".includes(character)
}

function skipSpace(source: string, from: number): number {
  let at = from
  while (charAt(source, at) !== endOfText && isSpace(charAt(source, at))) at += 1
  return at
}

function lowerAscii(value: string): string {
  return value.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

function byteOffset(source: string, at: number): number {
  return new TextEncoder().encode(source.slice(0, at)).length
}

// Ten bytes: `&#` and seven digits are the longest form the server follows.
const characterReferenceBytesMax = 10

function decodeCharacterReference(
  source: string,
  at: number
): { readonly code: number; readonly next: number } | undefined {
  const rest = source.slice(at)
  const match = /^&(?:#x([0-9a-fA-F]*)|#([0-9]*)|([a-zA-Z]*))/.exec(rest)
  if (match === null) return undefined
  const [whole, hex, decimal, name] = match
  const code =
    name === undefined
      ? Number.parseInt(hex ?? decimal ?? "", hex === undefined ? 10 : 16)
      : (Object.hasOwn(characterByName, name) && characterByName[name]) || 0
  if (Number.isNaN(code) || code === 0 || code >= 0x10ffff) return undefined
  if (name === undefined && whole.length >= characterReferenceBytesMax) return undefined
  const next = at + whole.length
  return { code, next: charAt(source, next) === ";" ? next + 1 : next }
}

function readStartTag(source: string, begin: number): StartTag | string {
  const beginByte = () => byteOffset(source, begin)
  let at = begin + 1
  while (!isSpace(charAt(source, at)) && charAt(source, at) !== ">") at += 1
  if (charAt(source, at) === endOfText) return `Unclosed start tag at byte offset ${beginByte()}`
  const name = lowerAscii(source.slice(begin + 1, at))
  if (!Object.hasOwn(entityTypeByTag, name)) return `Unsupported start tag "${name}" at byte offset ${beginByte()}`

  let argument = ""
  let unixTime = 0
  while (charAt(source, at) !== ">") {
    at = skipSpace(source, at)
    if (charAt(source, at) === ">") break
    const nameBegin = at
    while (!isSpace(charAt(source, at)) && !`=>/"'`.includes(charAt(source, at))) at += 1
    const attribute = source.slice(nameBegin, at)
    if (attribute === "") return `Empty attribute name in the tag "${name}" at byte offset ${beginByte()}`
    at = skipSpace(source, at)
    if (charAt(source, at) !== "=") {
      if (charAt(source, at) === endOfText) return `Unclosed start tag "${name}" at byte offset ${beginByte()}`
      if (name === "blockquote" && attribute === "expandable") argument = "1"
      continue
    }
    at = skipSpace(source, at + 1)
    if (charAt(source, at) === endOfText) return `Unclosed start tag "${name}" at byte offset ${beginByte()}`
    const value = readAttributeValue(source, at)
    if (typeof value === "string") return value
    at = value.next
    if (charAt(source, at) === endOfText) return `Unclosed start tag at byte offset ${beginByte()}`

    if (name === "tg-time" && attribute === "unix") unixTime = integerPrefix(value.text)
    else argument = argumentOf(name, attribute, value.text) ?? argument
  }
  if (name === "span" && argument !== "spoiler") {
    return `Tag "span" must have class "tg-spoiler" at byte offset ${beginByte()}`
  }
  return { name, argument, unixTime, next: at + 1 }
}

function readAttributeValue(source: string, begin: number): { readonly text: string; readonly next: number } | string {
  const quote = charAt(source, begin)
  if (quote !== `"` && quote !== "'") {
    const token = /^[a-zA-Z0-9.-]*/.exec(source.slice(begin))?.[0] ?? ""
    const next = begin + token.length
    if (!isSpace(charAt(source, next)) && charAt(source, next) !== ">") {
      return `Unexpected end of name token at byte offset ${byteOffset(source, begin)}`
    }
    return { text: lowerAscii(token), next }
  }
  let text = ""
  let at = begin + 1
  while (charAt(source, at) !== quote && charAt(source, at) !== endOfText) {
    const decoded = charAt(source, at) === "&" ? decodeCharacterReference(source, at) : undefined
    text += decoded === undefined ? charAt(source, at) : String.fromCodePoint(decoded.code)
    at = decoded === undefined ? at + 1 : decoded.next
  }
  return { text, next: charAt(source, at) === quote ? at + 1 : at }
}

function argumentOf(tag: string, attribute: string, value: string): string | undefined {
  if (tag === "a" && attribute === "href") return value
  if (tag === "code" && attribute === "class" && value.startsWith("language-")) return value.slice("language-".length)
  if (tag === "span" && attribute === "class" && value.startsWith("tg-")) return value.slice("tg-".length)
  if (tag === "tg-emoji" && attribute === "emoji-id") return value
  if (tag === "blockquote" && attribute === "expandable") return "1"
  if (tag === "tg-time" && attribute === "format") return value
  return undefined
}

function integerPrefix(value: string): number {
  const digits = /^-?[0-9]+/.exec(value)?.[0]
  return digits === undefined ? 0 : Number(digits)
}

function readEndTag(source: string, begin: number, expected: string): { readonly next: number } | string {
  let at = begin + 2
  while (!isSpace(charAt(source, at)) && charAt(source, at) !== ">") at += 1
  const name = lowerAscii(source.slice(begin + 2, at))
  at = skipSpace(source, at)
  if (charAt(source, at) !== ">") return `Unclosed end tag at byte offset ${byteOffset(source, begin)}`
  // `</>` closes whatever is open.
  if (name !== "" && name !== expected) {
    return `Unmatched end tag at byte offset ${byteOffset(source, begin)}, expected "</${expected}>", found "</${name}>"`
  }
  return { next: at + 1 }
}

/** Appends the entity that a closed tag makes, or gives the complaint about its attributes. */
function closeTag(tag: OpenTag, text: string, entities: ReadonlyArray<TelegramEntity>): Array<TelegramEntity> | string {
  const range = { offset: tag.offset, length: text.length - tag.offset }
  const type = entityTypeByTag[tag.name] ?? "bold"
  const last = entities.at(-1)
  const lastCoversSame = last !== undefined && last.offset === range.offset && last.length === range.length
  switch (type) {
    case "custom_emoji":
      return isNonZeroInt64(tag.argument)
        ? [...entities, { ...place(type, range), customEmojiId: BigInt(tag.argument).toString() }]
        : "Invalid custom emoji identifier specified"
    case "date_time":
      if (!/^(?:[rR]|[tTdDwW]*)$/.test(tag.argument)) return "Invalid date format used"
      return tag.unixTime > 0 ? [...entities, { ...place(type, range), unixTime: tag.unixTime }] : [...entities]
    case "text_link": {
      const link = tag.argument === "" ? text.slice(tag.offset) : tag.argument
      const userId = mentionedUser(link)
      if (userId !== undefined) return [...entities, { ...place("text_mention", range), userId }]
      const url = checkedLink(link)
      return url === "" ? [...entities] : [...entities, { ...place(type, range), url }]
    }
    case "pre":
      // <pre><code class="language-x"> and <code class="language-x"><pre> both become one pre with a language.
      return lastCoversSame && last.type === "code" && last.language !== undefined
        ? [...entities.slice(0, -1), { ...place("pre", range), language: last.language }]
        : [...entities, place("pre", range)]
    case "code":
      if (lastCoversSame && last.type === "pre" && last.language === undefined && tag.argument !== "") {
        return [...entities.slice(0, -1), { ...place("pre", range), language: tag.argument }]
      }
      return [...entities, { ...place("code", range), ...(tag.argument === "" ? {} : { language: tag.argument }) }]
    case "blockquote":
      return [...entities, place(tag.argument === "" ? "blockquote" : "expandable_blockquote", range)]
    default:
      return [...entities, place(type, range)]
  }
}

function place(
  type: TelegramEntityType,
  range: { readonly offset: number; readonly length: number }
): { readonly type: TelegramEntityType; readonly offset: number; readonly length: number } {
  return { type, offset: range.offset, length: range.length }
}

function isNonZeroInt64(value: string): boolean {
  if (!/^-?[0-9]+$/.test(value)) return false
  const number = BigInt(value)
  return number !== 0n && BigInt.asIntN(64, number) === number
}

const userIdMax = 2 ** 40 - 1 // tdlib/td, UserId.h

function mentionedUser(link: string): number | undefined {
  const query = /^tg:(?:\/\/)?user\/?\?([^#]*)/i.exec(link)?.[1]
  const id = query?.split("&").find((parameter) => parameter.toLowerCase().startsWith("id="))
  if (id === undefined || !/^id=[0-9]+$/i.test(id)) return undefined
  const userId = Number(id.slice("id=".length))
  return userId > 0 && userId <= userIdMax ? userId : undefined
}

const portMax = 65_535

/** The link as the server keeps it, or "" where it drops the link and keeps the words. Source: LinkManager.cpp. */
function checkedLink(link: string): string {
  const own = /^(tg|ton|tonsite):(?:\/\/)?([^/?#:@]+)(.*)$/is.exec(link)
  if (own !== null) {
    const [, scheme = "", host = "", rest = ""] = own
    const legal = scheme.toLowerCase() === "tonsite" ? /^[a-z0-9_.-]+$/i : /^[a-z0-9_-]+$/i
    return legal.test(host) ? `${scheme.toLowerCase()}://${host.toLowerCase()}${escapeSpaces(rest)}` : ""
  }
  const match = /^(?:([^:/?#@[\]]*):\/\/)?([^/?#]*)(.*)$/s.exec(link)
  if (match === null) return ""
  const [, scheme = "http", authority = "", rest = ""] = match
  const protocol = scheme.toLowerCase()
  if (protocol !== "http" && protocol !== "https") return ""
  const userEnd = authority.lastIndexOf("@")
  const user = authority.slice(0, userEnd + 1)
  const [, host = "", port] = /^(.*?)(?::([0-9]*))?$/s.exec(authority.slice(userEnd + 1)) ?? []
  if (port !== undefined && (Number(port) < 1 || Number(port) > portMax)) return ""
  const isIpv6 = /^\[[0-9a-f:.]+\]$/i.test(host)
  const isName =
    /^(?:[a-z0-9.\-_!$,~*'();&+=]|%[0-9a-f]{2}|[^\0-\x7f])+$/i.test(host) && host.includes(".") && host !== "."
  if (!isIpv6 && !isName) return ""
  const path = escapeSpaces(rest.trimEnd())
  const portPart = port === undefined ? "" : `:${Number(port)}`
  return `${protocol}://${user}${host.toLowerCase()}${portPart}${path.startsWith("/") ? "" : "/"}${path}`
}

function escapeSpaces(value: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what is escaped here
  return value.replace(/[\0-\x20]/g, (character) => encodeURIComponent(character))
}

// tdlib/td, MessageEntity.cpp, get_type_priority: among entities of equal range the smaller number is the outer one.
const typePriority: Readonly<Record<TelegramEntityType, number>> = {
  blockquote: 0,
  expandable_blockquote: 0,
  pre: 11,
  code: 20,
  date_time: 30,
  text_link: 49,
  text_mention: 49,
  bold: 90,
  italic: 91,
  underline: 92,
  strikethrough: 93,
  spoiler: 94,
  custom_emoji: 99
}

function byPosition(left: TelegramEntity, right: TelegramEntity): number {
  return left.offset - right.offset || right.length - left.length || typePriority[left.type] - typePriority[right.type]
}

const styleTypes: ReadonlySet<TelegramEntityType> = new Set(["bold", "italic", "underline", "strikethrough", "spoiler"])
const quoteTypes: ReadonlySet<TelegramEntityType> = new Set(["blockquote", "expandable_blockquote"])
const opaqueTypes: ReadonlySet<TelegramEntityType> = new Set(["code", "date_time", "pre"])

function endOf(entity: TelegramEntity): number {
  return entity.offset + entity.length
}

function overlaps(left: TelegramEntity, right: TelegramEntity): boolean {
  return left.offset < endOf(right) && right.offset < endOf(left)
}

function contains(outer: TelegramEntity, inner: TelegramEntity): boolean {
  return outer.offset <= inner.offset && endOf(inner) <= endOf(outer)
}

/** Brings entities into the nesting Telegram allows. Source: MessageEntity.cpp, fix_entities. */
function nest(entities: ReadonlyArray<TelegramEntity>): ReadonlyArray<TelegramEntity> {
  const sorted = entities.toSorted(byPosition)
  const quotes = dropOverlapping(sorted.filter((entity) => quoteTypes.has(entity.type)))
  const solids = dropOverlapping(
    sorted.filter((entity) => !styleTypes.has(entity.type) && !quoteTypes.has(entity.type))
  ).filter((entity) => quotes.every((quote) => !overlaps(quote, entity) || contains(quote, entity)))
  const others = [...quotes, ...solids]
  const styles = sorted.filter((entity) => styleTypes.has(entity.type))
  return [...others, ...cutStyles(styles, others)].toSorted(byPosition)
}

function dropOverlapping(sorted: ReadonlyArray<TelegramEntity>): ReadonlyArray<TelegramEntity> {
  const kept: Array<TelegramEntity> = []
  for (const entity of sorted) {
    const last = kept.at(-1)
    if (last === undefined || entity.offset >= endOf(last)) kept.push(entity)
  }
  return kept
}

// Styles that touch become one, then each is cut wherever another entity begins or a quote, link or code ends.
function cutStyles(
  styles: ReadonlyArray<TelegramEntity>,
  others: ReadonlyArray<TelegramEntity>
): ReadonlyArray<TelegramEntity> {
  const runs = [...styleTypes].flatMap((type) => joinTouching(styles.filter((style) => style.type === type)))
  const cuts = [...runs.map((run) => run.offset), ...others.flatMap((other) => [other.offset, endOf(other)])]
  const opaques = others.filter((other) => opaqueTypes.has(other.type))
  return runs
    .flatMap((run) => {
      const inside = cuts.filter((cut) => cut > run.offset && cut < endOf(run))
      const edges = [...new Set([run.offset, ...inside, endOf(run)])].toSorted((left, right) => left - right)
      return edges.slice(1).map((edge, index) => {
        const offset = edges[index] ?? run.offset
        return place(run.type, { offset, length: edge - offset })
      })
    })
    .filter((piece) => !opaques.some((opaque) => contains(opaque, piece)))
}

function joinTouching(sorted: ReadonlyArray<TelegramEntity>): ReadonlyArray<TelegramEntity> {
  const joined: Array<TelegramEntity> = []
  for (const entity of sorted) {
    const last = joined.at(-1)
    if (last !== undefined && entity.offset <= endOf(last)) {
      joined[joined.length - 1] = { ...last, length: Math.max(endOf(last), endOf(entity)) - last.offset }
    } else {
      joined.push(entity)
    }
  }
  return joined
}

// Line and paragraph separators, direction overrides, and the combining marks that draw vertical lines.
const removedPattern = /\r|[\u2028-\u202e]|\u030a|\u0333|\u033f/
// oxlint-disable-next-line no-control-regex -- the server turns every control character but \n into a blank
const blankPattern = /[\0-\x09\x0b\x0c\x0e-\x20]/
// Anything but blanks, no-break and typographic spaces, zero-width and direction marks, tag characters.
const visiblePattern =
  /[^ \n\u00a0\u1680\u180e\u2000-\u200f\u202e\u202f\u205f\u2800\u3000\ufeff\ufffc\u{e0000}-\u{e007f}]/u

function cleanCharacters(dirty: TelegramText): TelegramText {
  let text = ""
  const cleanOffset: Array<number> = []
  for (let at = 0; at < dirty.text.length; at += 1) {
    const unit = charAt(dirty.text, at)
    cleanOffset.push(text.length)
    if (!removedPattern.test(unit)) text += blankPattern.test(unit) ? " " : unit
  }
  cleanOffset.push(text.length)
  const entities = dirty.entities
    .map((entity) => {
      const offset = cleanOffset[entity.offset] ?? text.length
      return { ...entity, offset, length: (cleanOffset[endOf(entity)] ?? text.length) - offset }
    })
    .filter((entity) => entity.length > 0)
  // Of several direction marks in a row only the last one keeps its meaning.
  return { text: text.replace(/[\u200e\u200f](?=[\u200e\u200f])/g, "\u200c"), entities }
}
