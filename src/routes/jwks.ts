// GET /.well-known/jwks.json: the public keys, for services that verify tokens themselves.

import { Hono } from 'hono'

import type { AppEnv } from '../app-env.ts'

/** How long the response may be cached. A key is staged for longer before it signs. */
const MAX_AGE_SECONDS = 300

export const jwks = new Hono<AppEnv>().get('/.well-known/jwks.json', async (c) => {
  const { byKid } = await c.var.isolate.keyRing()
  const keys = [...byKid.values()].flatMap(({ publicJwk }) => publicJwk ?? [])
  return c.json({ keys }, 200, { 'Cache-Control': `public, max-age=${MAX_AGE_SECONDS}` })
})
