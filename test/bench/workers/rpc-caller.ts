// The minimum cost of asking another Worker about a token: one call for each request, and nothing is kept.

import { Hono } from 'hono'

type Bindings = { LATCHKEY: { verify(token: string): Promise<object> } }

const app = new Hono<{ Bindings: Bindings }>().get('/protected', async (c) => {
  const [, token = ''] = c.req.header('Authorization')?.split(' ') ?? []
  await c.env.LATCHKEY.verify(token)
  return c.json({ message: 'This is a protected route, and you are authenticated!' })
})

export default app
