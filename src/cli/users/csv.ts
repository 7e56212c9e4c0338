// CSV as RFC 4180 has it: commas, CRLF or LF, quotes around a cell and doubled within. Anything else is refused.

import { Failure } from '../terminal/failure.ts'

/** A record, with the number of the line on which it begins. */
export type CsvRecord = { line: number; cells: string[] }

/** One cell and what ends it. */
const CELL = /("[^"]*(?:""[^"]*)*"|[^",\r\n]*)(,|\r?\n|$)/y

/** The records of a text; empty lines are none. A text that is no CSV is a Failure, which repeats none of it. */
export function parseCsv(text: string): CsvRecord[] {
  const records: CsvRecord[] = []
  let cells: string[] = []
  let [line, start] = [1, 1]
  let at = 0
  while (at < text.length || cells.length > 0) {
    CELL.lastIndex = at
    const [whole, cell = '', end] = CELL.exec(text) ?? []
    if (whole === undefined)
      throw new Failure(`Line ${line}: quotes or line ends are not as in RFC 4180.`)
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

/** A record as a line, without its end. */
export const formatCsv = (cells: string[]): string =>
  cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')
