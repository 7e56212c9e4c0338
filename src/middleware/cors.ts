// Cross-origin requests: allowed from the origins in CORS_ORIGINS only.

import { cors } from 'hono/cors'
import { createMiddleware } from 'hono/factory'

import type { AppEnv } from '../app-env.ts'

const allow = cors({
  origin: (origin) => origin, // checked below
  allowHeaders: ['Authorization', 'Content-Type'],
  exposeHeaders: ['Retry-After', 'WWW-Authenticate', 'X-Error-Code', 'X-Request-Id'],
  maxAge: 600,
})

/** Responds to preflights before the guard asks for a token; never with `*` or with credentials. */
export const allowOrigins = createMiddleware<AppEnv>((c, next) => {
  const origin = c.req.header('Origin')
  if (!origin || !c.var.isolate.settings.CORS_ORIGINS.includes(origin)) return next()
  return allow(c, next)
})
