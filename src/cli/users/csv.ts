// CSV (RFC 4180): commas, CRLF or LF, cells in quotes, quotes doubled within. Anything else is rejected.

import { CommandError } from '../terminal/command-error.ts'

/** A record and the number of the line on which it begins. */
export type CsvRecord = { line: number; cells: string[] }

/** A cell and its separator. */
const CELL = /("[^"]*(?:""[^"]*)*"|[^",\r\n]*)(,|\r?\n|$)/y

/** Returns the records of a text, without empty lines. Throws a CommandError that repeats none of the text. */
export function parseCsv(text: string): CsvRecord[] {
  const records: CsvRecord[] = []
  let cells: string[] = []
  let [line, start] = [1, 1]
  let at = 0
  while (at < text.length || cells.length > 0) {
    CELL.lastIndex = at
    const [whole, cell = '', end] = CELL.exec(text) ?? []
    if (whole === undefined)
      throw new CommandError(
        `Line ${line}: the quotes or line breaks are not valid CSV (RFC 4180).`,
      )
    at += whole.length
    line += whole.split('\n').length - 1
    cells.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell)
    if (end === ',') continue
    if (cells.length > 1 || cells[0] !== '') records.push({ line: start, cells })
    cells = []
    start = line
  }
  return records
}

/** Returns a record as a line, without a line break. */
export const formatCsv = (cells: string[]): string =>
  cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')
