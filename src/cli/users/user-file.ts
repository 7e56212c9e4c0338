// Files of users: CSV with a header line, a JSON array, or an object of JSON a line.

import { foldUsername } from '../../db/users.ts'
import { type CsvRecord, parseCsv } from './csv.ts'
import { Failure } from '../terminal/failure.ts'
import { COLUMNS, type FileUser, fromCells, parseJson, parseRow, showName } from './user-row.ts'

/** Where something stands in a file: `line 7`, or `entry 7` of an array. */
type Place = { at: string }
export type Entry = Place & { user: FileUser }
export type Refusal = Place & { username: string | undefined; reason: string }
export type UserFile = { entries: Entry[]; refusals: Refusal[] }

type RawRow = Place & { row: unknown; reason?: string }

/** The users in the text of a file, whose format its first character tells, and what cannot be taken. */
export function parseUserFile(text: string): UserFile {
  const [start = ''] = text.trimStart()
  const rows = start === '[' ? readArray(text) : start === '{' ? readJsonLines(text) : readCsv(text)
  const entries = new Map<string, Entry>()
  const refusals: Refusal[] = []
  for (const { at, row, reason } of rows) {
    const parsed = reason === undefined ? parseRow(row) : { reason }
    const refused = 'reason' in parsed ? parsed.reason : findTwin(entries, parsed.user)
    if (refused !== undefined) refusals.push({ at, username: showName(row), reason: refused })
    else if ('user' in parsed) entries.set(toKey(parsed.user), { at, user: parsed.user })
  }
  return { entries: [...entries.values()], refusals }
}

const toKey = ({ username }: FileUser) => foldUsername(username)

/** A name may be in a file once, in whatever case: people and logs would confuse the two. */
function findTwin(entries: Map<string, Entry>, user: FileUser): string | undefined {
  const twin = entries.get(toKey(user))
  if (!twin) return undefined
  const same = twin.user.username === user.username
  return `username: ${same ? 'is' : 'differs only in case from'} that of ${twin.at}`
}

function readArray(text: string): RawRow[] {
  const rows = parseJson(text)
  if (!Array.isArray(rows)) throw new Failure('The file begins like a JSON array, but is no JSON.')
  return rows.map((row: unknown, index) => ({ at: `entry ${index + 1}`, row }))
}

function readJsonLines(text: string): RawRow[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    const at = `line ${index + 1}`
    const row = parseJson(line)
    return row === undefined ? { at, row, reason: 'is no JSON' } : { at, row }
  })
}

function readCsv(text: string): RawRow[] {
  const [header, ...records] = parseCsv(text)
  const columns = header?.cells ?? []
  const isKnown = (column: string) => (COLUMNS as readonly string[]).includes(column)
  const isComplete = columns.includes('username') && columns.includes('password_hash')
  if (!isComplete || !columns.every(isKnown) || new Set(columns).size < columns.length) {
    // A column may be shown where it is a word: a file without a header begins with a hash.
    const unknown = columns.filter((column) => !isKnown(column) && /^[A-Za-z_]{1,40}$/.test(column))
    const what = unknown.length > 0 ? ` Unknown: ${unknown.join(', ')}.` : ''
    throw new Failure(
      `The first line must name the columns: username and password_hash, and where there are any ${COLUMNS.slice(2).join(', ')}.${what}`,
    )
  }
  return records.map((record) => readRecord(columns, record))
}

function readRecord(columns: string[], { line, cells }: CsvRecord): RawRow {
  const [at, row] = [`line ${line}`, fromCells(columns, cells)]
  if (cells.length === columns.length) return { at, row }
  return { at, row, reason: `has ${cells.length} cells, and the first line ${columns.length}` }
}
