/** Colours for a terminal, and tables that line up with or without them. */
import { styleText } from "node:util"

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan"

export type Paint = (style: Style | ReadonlyArray<Style>, text: string) => string

export const plain: Paint = (_style, text) => text

export const coloured: Paint = (style, text) =>
  styleText(Array.isArray(style) ? [...(style as ReadonlyArray<Style>)] : (style as Style), text, {
    validateStream: false
  })

/** One cell: its text decides the width, its style only how it looks. */
export interface Cell {
  readonly text: string
  readonly style?: Style | ReadonlyArray<Style>
}

export const cell = (text: string, style?: Style | ReadonlyArray<Style>): Cell =>
  style === undefined ? { text } : { text, style }

/** Cuts a line to so many characters, saying that it did. */
export const clip = (text: string, width: number): string => {
  const characters = Array.from(text)
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join("")}…`
}

const widthOf = (text: string): number => Array.from(text).length

/** Where lines are cut at all, no column but the last may push the others out of sight. */
const columnMaxOnTerminal = 48

/**
 * Rows in columns, two blanks between them. The last column takes what is left of `width` and is cut there; the others are
 * as wide as their widest cell, but never more than `columnMax`. Without a width nothing is cut.
 */
export const columns = (
  rows: ReadonlyArray<ReadonlyArray<Cell>>,
  options: { readonly paint?: Paint; readonly width?: number; readonly columnMax?: number } = {}
): string => {
  const { paint = plain, width = Number.POSITIVE_INFINITY } = options
  const columnMax = options.columnMax ?? (Number.isFinite(width) ? columnMaxOnTerminal : Number.POSITIVE_INFINITY)
  const count = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, at) =>
    Math.min(columnMax, Math.max(0, ...rows.map((row) => widthOf(row[at]?.text ?? ""))))
  )
  const line = (row: ReadonlyArray<Cell>): string => {
    let used = 0
    const parts = row.map(({ text, style }, at) => {
      const last = at === row.length - 1
      const room = last ? Math.max(8, width - used) : (widths[at] ?? 0)
      const shown = clip(text, room)
      const padding = last ? "" : " ".repeat(Math.max(0, (widths[at] ?? 0) - widthOf(shown)) + 2)
      used += (widths[at] ?? 0) + 2
      return (style === undefined ? shown : paint(style, shown)) + padding
    })
    return parts.join("").trimEnd()
  }
  return rows.map(line).join("\n")
}
