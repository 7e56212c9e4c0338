// Plain tables and dates for the terminal.

/** Returns lines of columns, each as wide as its widest cell. A terminal would interpret control characters: U+FFFD. */
export function toTable(titles: string[], rows: string[][]): string {
  const all = [titles, ...rows].map((row) => row.map((cell) => cell.replaceAll(CONTROL, '\uFFFD')))
  const widths = titles.map((_, column) => Math.max(...all.map((row) => width(row[column]))))
  const toLine = (row: string[]) =>
    row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell))).join('  ')
  return all.map((row) => toLine(row).trimEnd()).join('\n')
}

/** Control characters, and those that change the direction of writing. */
const CONTROL = /[\p{Cc}\u2028-\u202E\u2066-\u2069]/gu

const width = (cell = '') => [...cell].length

/** Returns `2026-11-24`, or an empty string for null. */
export const toDay = (seconds: number | null): string => toMinute(seconds).slice(0, 10)

/** Returns `2026-11-24 12:00` in UTC, or an empty string for null. */
export const toMinute = (seconds: number | null): string =>
  seconds === null ? '' : new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ')
