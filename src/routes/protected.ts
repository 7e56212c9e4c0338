// The guarded endpoints. Add yours at the end of the chain: all of it requires a valid access token.

import { Hono } from 'hono'

import type { AppEnv } from '../app-env.ts'
import { jwtRequired } from '../middleware/jwt.ts'

export const protectedRoutes = new Hono<AppEnv>()
  .use(jwtRequired())
  .get('/protected', (c) =>
    c.json({ message: 'This is a protected route, and you are authenticated!' }),
  )
  .get('/secure-data', (c) =>
    c.json({ message: 'This is secure data, and you are authenticated!' }),
  )
