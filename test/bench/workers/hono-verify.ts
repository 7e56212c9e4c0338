// The minimum cost of a guard built on hono/jwt: verify() with a key imported once, and Latchkey's headers.

import { env } from 'cloudflare:workers'
import { Hono } from 'hono'
import { verify } from 'hono/jwt'

import { importKey } from '../../../src/auth/keys/key-ring.ts'
import { securityHeaders } from '../../../src/middleware/security-headers.ts'

const key = importKey(env.JWT_SECRET)

const app = new Hono()
  .use(securityHeaders)
  .use('/protected', async (c, next) => {
    const [, token = ''] = c.req.header('Authorization')?.split(' ') ?? []
    await verify(token, (await key).verifying, 'HS256')
    await next()
  })
  .get('/protected', (c) =>
    c.json({ message: 'This is a protected route, and you are authenticated!' }),
  )

export default app
