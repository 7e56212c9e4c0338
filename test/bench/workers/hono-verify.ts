// The least that a guard by hono/jwt costs: its verify() with a key that was imported once, and Latchkey's headers.

import { env } from 'cloudflare:workers'
import { Hono } from 'hono'
import { verify } from 'hono/jwt'

import { importKey } from '../../../src/auth/keys/key-ring.ts'
import { apiHeaders } from '../../../src/middleware/security-headers.ts'

const key = importKey(env.JWT_SECRET)

const app = new Hono()
  .use(apiHeaders)
  .use('/protected', async (c, next) => {
    const [, token = ''] = c.req.header('Authorization')?.split(' ') ?? []
    await verify(token, (await key).verifying, 'HS256')
    await next()
  })
  .get('/protected', (c) =>
    c.json({ message: 'This is a protected route, and you are authenticated!' }),
  )

export default app
