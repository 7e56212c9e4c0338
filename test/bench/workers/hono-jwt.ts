// Hono with jwt() as in its documentation, without security headers.

import { env } from 'cloudflare:workers'
import { Hono } from 'hono'
import { jwt } from 'hono/jwt'

const app = new Hono()
  .use('/protected', jwt({ secret: env.JWT_SECRET, alg: 'HS256' }))
  .get('/protected', (c) =>
    c.json({ message: 'This is a protected route, and you are authenticated!' }),
  )

export default app
