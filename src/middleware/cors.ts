// Cross-origin requests: from the origins in CORS_ORIGINS, and from no other.

import { cors } from 'hono/cors'
import { createMiddleware } from 'hono/factory'

import { readConfig } from '../config.ts'
import type { AppEnv } from '../app-env.ts'

const allow = cors({
  origin: (origin) => origin, // judged below
  allowHeaders: ['Authorization', 'Content-Type'],
  exposeHeaders: ['Retry-After', 'WWW-Authenticate', 'X-Request-Id'],
  maxAge: 600,
})

/** Answers preflights before the guard asks for a token, and never with `*` or with credentials. */
export const allowOrigins = createMiddleware<AppEnv>((c, next) => {
  const origin = c.req.header('Origin')
  if (!origin || !readConfig(c.env).CORS_ORIGINS.includes(origin)) return next()
  return allow(c, next)
})
