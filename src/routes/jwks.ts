// GET /.well-known/jwks.json: the public halves of the key ring, for services that verify tokens themselves.

import { Hono } from 'hono'

import { importRing } from '../auth/keys/key-ring.ts'
import { readConfig } from '../config.ts'
import type { AppEnv } from '../app-env.ts'

/** Seconds for which the answer may be cached: a key is staged for longer before it signs. */
const MAX_AGE = 300

export const jwks = new Hono<AppEnv>().get('/.well-known/jwks.json', async (c) => {
  const { byKid } = await importRing(readConfig(c.env))
  const keys = [...byKid.values()].flatMap(({ publicJwk }) => publicJwk ?? [])
  return c.json({ keys }, 200, { 'Cache-Control': `public, max-age=${MAX_AGE}` })
})
