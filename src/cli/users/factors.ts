// npm run users -- factors: a user's second factors, and the way back for someone who has lost theirs.

import { requireUser, updateUser } from '../../auth/users.ts'
import { countCodes, listFactors } from '../../db/factors.ts'
import type { Isolate } from '../../isolate.ts'
import { toMinute, toTable } from '../terminal/table.ts'
import type { Output } from './command.ts'

/** Lists a user's second factors, without their seeds. */
export async function showFactors(isolate: Isolate, username: string): Promise<Output> {
  const { id } = await requireUser(isolate, username)
  const factors = await listFactors(isolate.db, id)
  const codes = await countCodes(isolate.db, id)
  const table = toTable(
    ['name', 'status', 'added (UTC)'],
    factors.map((factor) => [factor.friendly_name, factor.status, toMinute(factor.created_at)]),
  )
  const list = factors.map(({ id: factorId, friendly_name, status, created_at }) => {
    return { id: factorId, type: 'totp', friendly_name, status, created_at }
  })
  const left = `recovery codes left: ${codes.remaining} of ${codes.total}`
  const text = factors.length > 0 ? `${table}\n${left}` : toNone(username)
  return { text, json: { factors: list, recovery_codes: codes } }
}

const toNone = (username: string) => `${username} has no second factor.`

/** Removes all second factors and recovery codes, and revokes the user's sessions: the password is enough again. */
export async function removeFactors(
  isolate: Isolate,
  username: string,
  now: number,
): Promise<Output> {
  const { id } = await requireUser(isolate, username)
  const json = { ok: true, username }
  if ((await listFactors(isolate.db, id)).length === 0) return { text: toNone(username), json }
  await updateUser(isolate, { username, change: { removeFactors: true } }, now)
  return { text: `${username}: second factors removed, sessions revoked`, json }
}
