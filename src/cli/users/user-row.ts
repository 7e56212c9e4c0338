// One user in a file: what a row may hold, and why it is refused. No reason repeats a hash.

import * as z from 'zod/mini'

import { usernameProblem } from '../../auth/usernames.ts'
import type { User } from '../../db/users.ts'
import { MAX_ROLES, ROLE, ROLE_RULE } from '../../contract/requests.ts'
import { hashProblem } from './hash-problem.ts'

/** The columns of a file, in the order in which `export` writes them; the first two are required. */
export const COLUMNS = ['username', 'password_hash', 'roles', 'created_at', 'disabled_at'] as const

const TIME = 'must be a time in unix seconds'

const checked = (problem: (value: string) => string | undefined) =>
  z.string({ error: ({ input }) => (input === undefined ? 'is missing' : 'must be text') }).check(
    z.normalize('NFC'),
    z.refine((value) => problem(value) === undefined, {
      error: ({ input }) => problem(String(input)) ?? '',
    }),
  )

// In seconds: a time in milliseconds would be in the year 2286 or later.
const time = z.int(TIME).check(z.minimum(0, TIME), z.maximum(9_999_999_999, TIME))

const Row = z.strictObject(
  {
    username: checked(usernameProblem),
    password_hash: checked(hashProblem),
    roles: z.optional(
      z
        .array(z.string('must be texts').check(z.regex(ROLE, ROLE_RULE)), 'must be a list of texts')
        .check(z.maxLength(MAX_ROLES, `at most ${MAX_ROLES}`)),
    ),
    created_at: z.optional(z.nullable(time)),
    disabled_at: z.optional(z.nullable(time)),
  },
  {
    error: ({ code }) =>
      code === 'unrecognized_keys'
        ? `holds something other than ${COLUMNS.join(', ')}`
        : 'is no object',
  },
)

/** A user of a file; `createdAt` is undefined where the file does not say. */
export type FileUser = Omit<User, 'id' | 'createdAt'> & { createdAt: number | undefined }

/** The user in a row, or why there is none. */
export function parseRow(row: unknown): { user: FileUser } | { reason: string } {
  const { data, error } = Row.safeParse(row)
  if (error)
    return {
      reason: error.issues
        .map(({ path, message }) => [path[0], message].filter(Boolean).join(': '))
        .join('; '),
    }
  return {
    user: {
      username: data.username,
      passwordHash: data.password_hash,
      roles: data.roles ?? [],
      createdAt: data.created_at ?? undefined,
      disabledAt: data.disabled_at ?? null,
    },
  }
}

/** The row of a user. */
export const toRow = (user: User) => ({
  username: user.username,
  password_hash: user.passwordHash,
  roles: user.roles,
  created_at: user.createdAt,
  disabled_at: user.disabledAt,
})

/** The row in the cells of a CSV record, as far as they go: `parseRow` judges it. */
export function fromCells(columns: string[], cells: string[]): Record<string, unknown> {
  const read = (column: string, cell: string): unknown => {
    if (column === 'roles') return readRoles(cell)
    return column.endsWith('_at') ? readTime(cell) : cell
  }
  return Object.fromEntries(columns.map((column, at) => [column, read(column, cells[at] ?? '')]))
}

/** The cells of a user, in the order of COLUMNS. */
export function toCells(user: User): string[] {
  const { username, password_hash, roles, created_at, disabled_at } = toRow(user)
  return [username, password_hash, writeRoles(roles), String(created_at), String(disabled_at ?? '')]
}

/** Roles stand in a cell with spaces between them, or as a JSON array where one needs it. */
const readRoles = (cell: string): unknown =>
  cell.startsWith('[') ? (parseJson(cell) ?? cell) : cell.split(' ').filter(Boolean)
const writeRoles = (roles: string[]): string =>
  roles.every((role) => /^[^\s[]+$/.test(role)) ? roles.join(' ') : JSON.stringify(roles)

const readTime = (cell: string) => (/^\d+$/.test(cell) ? Number(cell) : cell || null)

/** JSON.parse repeats part of the text in its message, which may be a hash: so that is dropped. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // no JSON: no JSON text gives undefined
  }
}

/** The name in a row that is refused; not where that may be a hash in the wrong column, or no fit name. */
export function showName(row: unknown): string | undefined {
  const { success, data } = z.object({ username: z.string() }).safeParse(row)
  const name = success ? data.username.normalize('NFC') : ''
  return usernameProblem(name) || name.includes('$') ? undefined : name
}
