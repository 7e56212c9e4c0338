// The `events` table: what has happened to accounts. The triggers of its migration write it.

import type { EventsQuery } from '../contract/requests.ts'
import type { EventsResponse } from '../contract/responses.ts'
import { select } from './query.ts'

const EVENT_COLUMNS = `id / 1000000 AS time, event, username, actor AS "by", session, address, country,
  printf('%d.%06d', id / 1000000, id % 1000000) AS id`

/** Newest first, after the one whose id is ?1. */
const EVENT_PAGE = `events.id < iif(?1 = '', 9e15, CAST(replace(?1, '.', '') AS INTEGER))
  AND (?2 = '' OR event = ?2) ORDER BY events.id DESC LIMIT ?3`

/** Returns a page of events: of all users, of all who had a username, or only of the user of session `sid`. */
export async function listEvents(
  db: D1Database,
  { limit, after = '', event = '', username, sid }: EventsQuery & { sid?: string },
): Promise<EventsResponse> {
  const ofAll = `SELECT ${EVENT_COLUMNS} FROM events WHERE ${EVENT_PAGE}`
  const ofOne = `SELECT ${EVENT_COLUMNS} FROM events WHERE username = ?4
    AND (?5 IS NULL OR user_id = (SELECT user_id FROM sessions WHERE id = ?5)) AND ${EVENT_PAGE}`
  const user = username === undefined ? [] : [username, sid ?? null]
  const values = [after, event, limit + 1, ...user]
  type Row = EventsResponse['events'][number]
  const rows = await select<Row>(db, username === undefined ? ofAll : ofOne, values)
  const next = (rows.length > limit && rows[limit - 1]?.id) || null
  return { events: rows.slice(0, limit), next }
}
