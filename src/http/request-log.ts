// Log events of a request.

import type { Context } from 'hono'
import { matchedRoutes } from 'hono/route'

import { toLogId } from '../auth/encoding.ts'
import { type Level, log, type LogFields } from '../log.ts'
import { readNetwork } from './client-address.ts'

/** Returns the id of the request: Cloudflare's, or a random one, created when something is first logged. */
export function readRequestId(c: Context): string {
  const id = c.get('requestId') ?? c.req.header('cf-ray') ?? crypto.randomUUID()
  c.set('requestId', id)
  return id
}

type EventFields = LogFields & { event: string; sid?: string | undefined }

/**
 * Logs an event of this request, by default with the token's user and session. `sid` is logged as a hash,
 * so that nobody who reads the log can revoke it.
 */
export async function logEvent(
  c: Context,
  level: Level,
  { event, username = c.get('user')?.sub, sid = c.get('user')?.sid, ...fields }: EventFields,
): Promise<void> {
  log(level, event, {
    requestId: readRequestId(c),
    method: c.req.method,
    route: matchedRoutes(c).findLast(({ method }) => method !== 'ALL')?.path,
    address: readNetwork(c),
    username,
    session: sid && (await toLogId(sid)),
    ...fields,
  })
}
