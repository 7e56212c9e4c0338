// POST /login: a username and a password for an access token.

import { Hono } from 'hono'

import { checkCredentials } from '../auth/credentials.ts'
import { importKey } from '../auth/keys.ts'
import { signAccessToken } from '../auth/tokens.ts'
import { readConfig } from '../config.ts'
import type { AppEnv } from '../factory.ts'
import { validateJson } from '../middleware/validate.ts'
import { LoginBody } from '../schemas.ts'

export const login = new Hono<AppEnv>().post('/login', validateJson(LoginBody), async (c) => {
  const config = readConfig(c.env)
  const key = await importKey(config.JWT_SECRET)
  const user = await checkCredentials(config.DB, c.req.valid('json'))
  const now = Math.floor(Date.now() / 1000)
  return c.json({
    access_token: await signAccessToken(user, key, config, now),
    token_type: 'Bearer',
    expires_in: config.ACCESS_TOKEN_SECONDS,
  })
})
