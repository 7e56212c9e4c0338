// CSV (RFC 4180): commas, CRLF or LF, cells in quotes, quotes doubled within. Spreadsheets also separate by
// semicolons or tabs. Anything else is rejected.

import { CommandError } from '../terminal/command-error.ts'

/** A record and the number of the line on which it begins. */
export type CsvRecord = { line: number; cells: string[] }

/** A cell and what ends it. */
const CELLS = {
  ',': /("[^"]*(?:""[^"]*)*"|[^",\r\n]*)(,|\r?\n|$)/y,
  ';': /("[^"]*(?:""[^"]*)*"|[^";\r\n]*)(;|\r?\n|$)/y,
  '\t': /("[^"]*(?:""[^"]*)*"|[^"\t\r\n]*)(\t|\r?\n|$)/y,
}
export type Separator = keyof typeof CELLS

/** Returns what separates the cells of the first line: a comma, unless another separator is in it more often. */
export function findSeparator(text: string): Separator {
  const [first = ''] = text.split('\n', 1)
  const count = (separator: Separator) => first.split(separator).length
  return ([',', ';', '\t'] as const).reduce((best, next) =>
    count(next) > count(best) ? next : best,
  )
}

/** Returns the records of a text, without empty lines. Throws a CommandError that repeats none of the text. */
export function parseCsv(text: string, separator: Separator = ','): CsvRecord[] {
  const pattern = CELLS[separator]
  const records: CsvRecord[] = []
  let cells: string[] = []
  let [line, start] = [1, 1]
  let at = 0
  while (at < text.length || cells.length > 0) {
    pattern.lastIndex = at
    const [whole, cell = '', end] = pattern.exec(text) ?? []
    if (whole === undefined)
      throw new CommandError(
        `Line ${line}: the quotes or line breaks are not valid CSV (RFC 4180).`,
      )
    at += whole.length
    line += whole.split('\n').length - 1
    cells.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell)
    if (end === separator) continue
    if (cells.length > 1 || cells[0] !== '') records.push({ line: start, cells })
    cells = []
    start = line
  }
  return records
}

/** Returns a record as a line, without a line break. */
export const formatCsv = (cells: string[]): string =>
  cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')
