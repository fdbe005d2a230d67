/** A state as a shape and a word. Colour comes on top and says nothing of its own. */
import type { SignalView } from "../Snapshot.ts"
import { Html, html } from "./Html.ts"

export type Shape =
  | "critical"
  | "warning"
  | "flapping"
  | "unknown"
  | "held"
  | "new"
  | "clear"
  | "muted"
  | "rang"
  | "silent"
  | "off"

/** In a box of 16: outlines differ so far that they can be told apart in grey and at 12 pixels. */
const shapes: Readonly<Record<Shape, string>> = {
  critical:
    '<path fill-rule="evenodd" d="M4.9.5h6.2l4.4 4.4v6.2l-4.4 4.4H4.9L.5 11.1V4.9zM7 3.5V9h2V3.5zM7 10.5v2h2v-2z"/>',
  warning: '<path fill-rule="evenodd" d="M8 .8 15.8 15H.2zM7.1 5.6v4.9h1.8V5.6zM7.1 11.6v1.8h1.8v-1.8z"/>',
  flapping: '<path class="line" d="M.8 10.5C2 3.5 5 3.5 6 8s4 4.5 5 0 3.5-4.5 4.3-1"/>',
  unknown:
    '<circle class="line" cx="8" cy="8" r="6.8" stroke-dasharray="2.8 2"/><path class="line" d="M6 6.5a2 2 0 1 1 2.9 1.8c-.7.4-.9.7-.9 1.3M8 11.2v1.2"/>',
  held: '<rect class="line" x="1.2" y="1.2" width="13.6" height="13.6" rx="3"/><path class="line" d="M6 5v6M10 5v6"/>',
  new: '<circle class="line" cx="8" cy="8" r="6.5" stroke-dasharray="1 2.4"/>',
  clear: '<path class="line" d="m2.5 8.5 3.7 3.7 7.3-8"/>',
  muted:
    '<path class="line" d="M3.5 11.5h9c-1.2-1.2-1.3-2.5-1.3-4.5A3.2 3.2 0 0 0 8 3.5C6 3.5 4.8 5 4.8 7c0 2-.1 3.3-1.3 4.5zM7 13.8h2M1.5 2.5l13 12"/>',
  rang: '<path class="line" d="M3.5 11.5h9c-1.2-1.2-1.3-2.5-1.3-4.5A3.2 3.2 0 0 0 8 3.5C6 3.5 4.8 5 4.8 7c0 2-.1 3.3-1.3 4.5zM7 13.8h2M8 1.5v2"/>',
  silent: '<circle class="line" cx="8" cy="8" r="1.5"/>',
  off: '<path class="line" d="M3 8h10"/>'
}

/** All shapes, once a page; a mark refers to one. */
export const sprite: Html = new Html(
  `<svg class="sprite" aria-hidden="true">${Object.entries(shapes)
    .map(([name, drawn]) => `<symbol id="m-${name}" viewBox="0 0 16 16">${drawn}</symbol>`)
    .join("")}</svg>`
)

export const mark = (shape: Shape): Html =>
  html`<svg class="mark k-${shape}" aria-hidden="true"><use href="#m-${shape}" /></svg>`

export const shapeOf = (signal: Pick<SignalView, "state" | "severity">): Shape =>
  signal.state === "active" ? signal.severity : signal.state

/** A browser tab's picture: the shape in a colour that stands on light and dark alike. */
const colours: Readonly<Partial<Record<Shape, string>>> = { critical: "#d6392f", unknown: "#8b7bd8", clear: "#2e9e63" }

/** Attributes, not a style sheet: the page's policy may reach into pictures. */
export const tabIcon = (shape: Shape): string => {
  const colour = colours[shape] ?? "#888888"
  const drawn = shapes[shape].replaceAll('class="line"', `fill="none" stroke="${colour}" stroke-width="2.2"`)
  return `data:image/svg+xml,${encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><g fill="${colour}">${drawn}</g></svg>`
  )}`
}
