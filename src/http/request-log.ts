// What happened in a request, as a line in the log.

import type { Context } from 'hono'
import { matchedRoutes } from 'hono/route'

import { toBase64url } from '../auth/base64url.ts'
import { type Level, log, type LogFields } from '../log.ts'
import { readNetwork } from './client-address.ts'

/** The id of the request: Cloudflare's, or one made for it. */
export const readRequestId = (c: Context): string => c.req.header('cf-ray') ?? crypto.randomUUID()

/** Logs an event of this request. `sid` is logged as a hash: who reads the log cannot end a session. */
export async function logEvent(
  c: Context,
  level: Level,
  event: string,
  { sid, ...fields }: LogFields & { sid?: string | undefined },
): Promise<void> {
  log(level, event, {
    requestId: readRequestId(c),
    method: c.req.method,
    route: matchedRoutes(c).findLast(({ method }) => method !== 'ALL')?.path,
    address: readNetwork(c),
    session: sid && (await hashSession(sid)),
    ...fields,
  })
}

async function hashSession(sid: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(sid))
  return toBase64url(new Uint8Array(digest, 0, 12))
}
