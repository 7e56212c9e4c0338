// Files of users: CSV with a header line, a JSON array, or one JSON object per line.

import { foldUsername } from '../../db/users.ts'
import { CommandError } from '../terminal/command-error.ts'
import { type CsvRecord, findSeparator, parseCsv, type Separator } from './csv.ts'
import { parseJson } from './cells.ts'
import { COLUMNS, type FileUser, fromCells, parseRow, readName } from './user-row.ts'

/** The position in the file: `line 7`, or `entry 7` of an array. */
type Place = { at: string }
export type Entry = Place & { user: FileUser }
/** `hash` names the format of the hash when nothing else is wrong. */
export type Rejection = Place & { username: string | undefined; reason: string; hash?: string }
export type UserFile = { entries: Entry[]; rejections: Rejection[] }

type RawRow = Place & { row: unknown; reason?: string }

/** Returns the users in a file and the rejected rows. The first character decides the format. */
export function parseUserFile(text: string): UserFile {
  const [start = ''] = text.trimStart()
  const rows = start === '[' ? readArray(text) : start === '{' ? readJsonLines(text) : readCsv(text)
  const entries = new Map<string, Entry>()
  const rejections: Rejection[] = []
  for (const { at, row, reason } of rows) {
    const parsed = reason === undefined ? parseRow(row) : { reason }
    const rejected = 'reason' in parsed ? parsed : findDuplicate(entries, parsed.user)
    if (rejected) rejections.push(toRejection(at, row, rejected))
    else if ('user' in parsed) entries.set(toKey(parsed.user), { at, user: parsed.user })
  }
  return { entries: [...entries.values()], rejections }
}

/** A row without a valid name is never skipped because of its hash: the columns may be in the wrong order. */
function toRejection(
  at: string,
  row: unknown,
  { reason, hash }: { reason: string; hash?: string },
): Rejection {
  const username = readName(row)
  return { at, username, reason, ...(username !== undefined && hash !== undefined && { hash }) }
}

const toKey = ({ username }: FileUser) => foldUsername(username)

/** Usernames are unique regardless of case: people would confuse the two. */
function findDuplicate(entries: Map<string, Entry>, user: FileUser) {
  const other = entries.get(toKey(user))
  if (!other) return undefined
  const same = other.user.username === user.username
  const what = same ? 'is the same as' : 'differs only in case from'
  return { reason: `username: ${what} that of ${other.at}` }
}

function readArray(text: string): RawRow[] {
  const rows = parseJson(text)
  if (!Array.isArray(rows))
    throw new CommandError('The file begins like a JSON array but is not valid JSON.')
  return rows.map((row: unknown, index) => ({ at: `entry ${index + 1}`, row }))
}

function readJsonLines(text: string): RawRow[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    const at = `line ${index + 1}`
    const row = parseJson(line)
    return row === undefined ? { at, row, reason: 'is not valid JSON' } : { at, row }
  })
}

function readCsv(text: string): RawRow[] {
  // Excel shows a first line such as `sep=;` to nobody, and other programs write it for Excel.
  const [, named] = /^sep=([,;\t])\r?\n/.exec(text) ?? []
  const separator = (named as Separator | undefined) ?? findSeparator(text)
  const [header, ...records] = parseCsv(text, separator).slice(named ? 1 : 0)
  const columns = trimCells(header?.cells ?? []).map((column) => column.trim().toLowerCase())
  const isKnown = (column: string) => (COLUMNS as readonly string[]).includes(column)
  const isComplete = columns.includes('username') && columns.includes('password_hash')
  if (!isComplete || !columns.every(isKnown) || new Set(columns).size < columns.length) {
    // Only words are shown: a file without a header has a hash in its first line.
    const unknown = columns.filter((column) => !isKnown(column) && /^[a-z_]{1,40}$/.test(column))
    const what = unknown.length > 0 ? ` Unknown: ${unknown.join(', ')}.` : ''
    throw new CommandError(
      `The first line must name the columns: username, password_hash, and optionally ${COLUMNS.slice(2).join(', ')}.${what}`,
    )
  }
  return records
    .filter(({ cells }) => cells.some((cell) => cell !== '')) // spreadsheets write `;;` for an empty row
    .map((record) => readRecord(columns, record))
}

/** Drops empty cells at the end beyond `count`: spreadsheets write those of columns that were used once. */
function trimCells(cells: string[], count = 0): string[] {
  const last = cells.findLastIndex((cell) => cell !== '')
  return cells.slice(0, Math.max(count, last + 1))
}

function readRecord(columns: string[], { line, cells: all }: CsvRecord): RawRow {
  const cells = trimCells(all, columns.length)
  const [at, row] = [`line ${line}`, fromCells(columns, cells)]
  if (cells.length === columns.length) return { at, row }
  return { at, row, reason: `has ${cells.length} cells, but the first line has ${columns.length}` }
}
