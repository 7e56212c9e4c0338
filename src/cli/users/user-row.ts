// One user in a file: what a row may contain, and why it is rejected. No reason repeats a hash.

import * as z from 'zod/mini'

import { validateUsername } from '../../auth/usernames.ts'
import { ROLE_RULE, Roles, Username } from '../../contract/requests.ts'
import type { User } from '../../db/users.ts'
import { nameFormat, validateHash } from './hash-rules.ts'
import { readHash, readRoles, readTime } from './cells.ts'

/** The columns of a file, in the order in which `export` writes them; the first two are required. */
export const COLUMNS = ['username', 'password_hash', 'roles', 'created_at', 'disabled_at'] as const

const TIME = 'must be a Unix time in seconds'

const satisfies = (validate: (value: string) => string | undefined) =>
  z.refine<string>((value) => validate(value) === undefined, {
    error: ({ input }) => validate(String(input)) ?? '',
  })

// In seconds: a time in milliseconds would be in the year 2286 or later.
const time = z.int(TIME).check(z.minimum(0, TIME), z.maximum(9_999_999_999, TIME))

const Row = z.strictObject(
  {
    username: z.pipe(Username, z.string().check(satisfies(validateUsername))),
    password_hash: z
      .string({ error: ({ input }) => (input === undefined ? 'is missing' : 'must be a string') })
      .check(satisfies(validateHash)),
    roles: z.optional(Roles),
    created_at: z.optional(z.nullable(time)),
    disabled_at: z.optional(z.nullable(time)),
  },
  {
    error: ({ code }) =>
      code === 'unrecognized_keys'
        ? `contains something other than ${COLUMNS.join(', ')}`
        : 'is not an object',
  },
)

/** A user of a file; `createdAt` is undefined when the file does not contain it. */
export type FileUser = Omit<User, 'id' | 'createdAt'> & { createdAt: number | undefined }

/** Returns the user in a row, or why the row is rejected, with the format of the hash when only that is wrong. */
export function parseRow(row: unknown): { user: FileUser } | { reason: string; hash?: string } {
  const converted = convertStrings(row)
  const { data, error } = Row.safeParse(converted)
  if (error) {
    const reason = [...new Set(error.issues.map(toReason))].join('; ')
    const isHashOnly = error.issues.every(({ path }) => path[0] === 'password_hash')
    const { data: hashed } = z.object({ password_hash: z.string() }).safeParse(converted)
    return isHashOnly && hashed ? { reason, hash: nameFormat(hashed.password_hash) } : { reason }
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

/** The path of a single role is `roles` and its index. */
const toReason = ({ path, message }: z.core.$ZodIssue): string =>
  [path[0], path.length > 1 ? ROLE_RULE : message].filter(Boolean).join(': ')

/** Returns the row of a user. */
export const toRow = (user: User) => ({
  username: user.username,
  password_hash: user.passwordHash,
  roles: user.roles,
  created_at: user.createdAt,
  disabled_at: user.disabledAt,
})

/** Converts the cells of a CSV record to a row for `parseRow`. */
export const fromCells = (columns: string[], cells: string[]): Record<string, unknown> =>
  Object.fromEntries(
    columns.map((column, at) => {
      const cell = cells[at] ?? ''
      return [column, column === 'roles' ? readRoles(cell) : cell]
    }),
  )

/** Reads what other programs write as a string, in CSV and in JSON. */
function convertStrings(row: unknown): unknown {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return row
  const convert = (key: string, value: unknown): unknown => {
    if (typeof value !== 'string') return value
    if (key === 'password_hash') return readHash(value)
    return key.endsWith('_at') ? readTime(value) : value
  }
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, convert(key, value)]))
}

/** Returns the cells of a user, in the order of COLUMNS. */
export function toCells(user: User): string[] {
  const { username, password_hash, roles, created_at, disabled_at } = toRow(user)
  return [username, password_hash, writeRoles(roles), String(created_at), String(disabled_at ?? '')]
}

const writeRoles = (roles: string[]): string =>
  roles.every((role) => /^[^\s[{,]+$/.test(role)) ? roles.join(' ') : JSON.stringify(roles)

/** Returns the name in a rejected row; undefined when it is invalid, or may be a hash in the wrong column. */
export function readName(row: unknown): string | undefined {
  const { data } = z.object({ username: Username }).safeParse(row)
  const name = data?.username ?? ''
  return validateUsername(name) || name.includes('$') ? undefined : name
}
