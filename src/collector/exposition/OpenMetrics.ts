/**
 * OpenMetrics 1.0.
 *
 * Source: prometheus/OpenMetrics specification/OpenMetrics.md. Drafts of 2.0 are read as far as they look like 1.0.
 */
import { readComment, readDescriptor } from "./Metadata.ts"
import { openMetricsRules } from "./OpenMetricsRules.ts"
import { readLines, type Reading } from "./Reading.ts"
import type { Mode } from "./Sample.ts"

/**
 * Reads a body of OpenMetrics.
 *
 * Shape:  (body, mode) -> Reading; `eof` tells whether `# EOF` was its last line, which the caller must ask: without it
 *         the body was cut short and no value in it can be relied on to be whole.
 * Law:    linear; never throws.
 * Gotcha: lenient reads blanks, blank lines and other comments as the text format does; only the end mark and the
 *         unit of timestamps (seconds) stay OpenMetrics'.
 */
export const readOpenMetrics = (body: string, mode: Mode): Reading => {
  const exact = mode === "strict"
  return readLines(body, {
    grammar: { exact, timestamps: "seconds", exemplars: true },
    comment: exact ? readDescriptor : readComment,
    terminated: true,
    rules: exact ? openMetricsRules() : undefined
  })
}
