// The map of the Worker: middleware in order, routes, and the one place that answers for failures.

import { type Context, Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { matchedRoutes } from 'hono/route'

import { ANSWERS, type Answer, AppError } from './errors.ts'
import type { AppEnv } from './factory.ts'
import { log } from './log.ts'
import { apiHeaders } from './middleware/headers.ts'
import { login } from './routes/login.ts'
import { protectedRoutes } from './routes/protected.ts'

export const app = new Hono<AppEnv>()
  .use(apiHeaders)
  .notFound((c) => answer(c, new AppError('not_found', 'no such route')))
  .onError((error, c) => {
    if (error instanceof HTTPException) return c.json({ error: error.message }, error.status)
    return answer(c, error)
  })

app.use(
  methodNotAllowed({
    app,
    onMethodNotAllowed: (c, allow) =>
      answer(c, new AppError('method_not_allowed', 'another method', { allow })),
  }),
)

// Public routes first: the protected router guards every path that reaches it.
const routes = app.route('/', login).route('/', protectedRoutes)

export type App = typeof routes

/** Answers for a failure by the table in errors.ts; what is not an AppError is a bug: 500. */
function answer(c: Context, error: Error): Response {
  const { code, fields, allow } =
    error instanceof AppError ? error : new AppError('internal', 'a bug')
  const row: Answer = ANSWERS[code]
  if (row.status >= 500) {
    const requestId = c.req.header('cf-ray') ?? crypto.randomUUID()
    c.header('X-Request-Id', requestId)
    log('error', code, {
      requestId,
      method: c.req.method,
      route: matchedRoutes(c).findLast(({ method }) => method !== 'ALL')?.path,
      status: row.status,
      reason: error.message,
      stack: code === 'internal' ? error.stack : undefined,
    })
  }
  if (allow) c.header('Allow', allow.join(', '))
  if (row.retryAfter) c.header('Retry-After', String(row.retryAfter))
  if ('error' in row) return c.json({ error: fields ?? row.error }, row.status)
  // RFC 6750 3.1: an error code only where a token was sent.
  const detail = row.challenge ? `, error="${row.challenge}", error_description="${row.msg}"` : ''
  c.header('WWW-Authenticate', `Bearer realm="latchkey"${detail}`)
  return c.json({ msg: row.msg }, row.status)
}
