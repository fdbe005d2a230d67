import { assert, describe, it } from "@effect/vitest"
import { style } from "../../../src/status/page/Style.ts"

const schemes = [...style.matchAll(/:root\{([^}]+)\}/g)].map(
  (match) =>
    new Map([...(match[1] ?? "").matchAll(/--([\w-]+):(#[0-9a-f]{3,6})/g)].map((one) => [one[1], one[2] ?? ""]))
)

const luminance = (colour: string): number => {
  const full = colour.length === 4 ? colour.slice(1).replaceAll(/./g, "$&$&") : colour.slice(1)
  const [red = 0, green = 0, blue = 0] = [0, 2, 4].map((at) => {
    const part = Number.parseInt(full.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

const contrast = (one: string, other: string): number => {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}

describe("style", () => {
  it("has two schemes with the same names", () => {
    assert.lengthOf(schemes, 2)
    assert.deepStrictEqual([...(schemes[1]?.keys() ?? [])], [...(schemes[0]?.keys() ?? [])])
  })

  // WCAG 2.2, 1.4.3: 4.5 to 1 for text.
  it("lets every text colour stand out from every sheet it may lie on", () => {
    const sheets = ["paper", "sheet", "critical-sheet", "warning-sheet", "unknown-sheet"]
    for (const scheme of schemes) {
      for (const ink of ["ink", "soft", "critical", "warning", "unknown", "clear"]) {
        for (const sheet of sheets) {
          assert.isAtLeast(contrast(scheme.get(ink) ?? "", scheme.get(sheet) ?? ""), 4.5, `${ink} on ${sheet}`)
        }
      }
    }
  })

  it("moves nothing for those who asked for rest", () => {
    const [still = ""] = style.split("@media(prefers-reduced-motion:no-preference)")

    assert.notMatch(still, /animation|transition/)
  })

  it("loads nothing", () => {
    assert.notMatch(style, /url\(|@import|<\//)
  })
})
