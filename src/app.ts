// The map of the Worker: middleware in order, routes, and the one place that answers for failures.

import { type Context, Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { methodNotAllowed } from 'hono/method-not-allowed'

import { ANSWERS, type Answer, AppError } from './errors.ts'
import type { AppEnv } from './app-env.ts'
import { clearRefreshCookie } from './http/refresh-cookie.ts'
import { allowOrigins } from './middleware/cors.ts'
import { logEvent, readRequestId } from './http/request-log.ts'
import { apiHeaders } from './middleware/security-headers.ts'
import { httpsRequired } from './middleware/https.ts'
import { health } from './routes/health.ts'
import { jwks } from './routes/jwks.ts'
import { login } from './routes/login.ts'
import { logout } from './routes/logout.ts'
import { me } from './routes/account.ts'
import { protectedRoutes } from './routes/protected.ts'
import { refresh } from './routes/refresh.ts'
import { sessions } from './routes/sessions.ts'
import { users } from './routes/users.ts'

export const app = new Hono<AppEnv>()
  .use(apiHeaders)
  .use(httpsRequired)
  .use(allowOrigins)
  .onError(onError)

const offerMethods = methodNotAllowed({
  app,
  onMethodNotAllowed: (c, allow) =>
    answer(c, new AppError('method_not_allowed', 'another method', { allow })),
})

// Here and not among the middleware: what is found costs nothing.
app.notFound(async (c) => {
  await offerMethods(c, async () => {
    c.res = await answer(c, new AppError('not_found', 'no such route'))
  })
  return c.res
})

// The protected router comes last: it guards every path that reaches it.
const routes = app
  .route('/', health)
  .route('/', jwks)
  .route('/', login)
  .route('/', refresh)
  .route('/', logout)
  .route('/', sessions)
  .route('/', me)
  .route('/users', users)
  .route('/', protectedRoutes)

export type App = typeof routes

/** An endpoint of one's own may throw Hono's HTTPException: that is answered with its status and text. */
export function onError(error: Error, c: Context): Response | Promise<Response> {
  if (error instanceof HTTPException) return c.json({ error: error.message }, error.status)
  return answer(c, error)
}

/** Answers for a failure by the table in errors.ts; what is not an AppError is a bug: 500. */
async function answer(c: Context, error: Error): Promise<Response> {
  const { code, details } = error instanceof AppError ? error : new AppError('internal', 'a bug')
  const row: Answer = ANSWERS[code]
  const requestId = readRequestId(c)
  if (row.status >= 500) c.header('X-Request-Id', requestId)
  if (row.event)
    await logEvent(c, row.status >= 500 ? 'error' : 'warn', row.event, {
      requestId,
      status: row.status,
      username: details.username,
      sid: details.sid,
      reason: error.message,
      stack: code === 'internal' ? error.stack : undefined,
    })
  if (details.allow) c.header('Allow', details.allow.join(', '))
  const retryAfter = details.retryAfter ?? row.retryAfter
  if (retryAfter) c.header('Retry-After', String(retryAfter))
  if ('error' in row) return c.json({ error: details.error ?? row.error }, row.status)
  const attributes = ['realm="latchkey"']
  // RFC 6750 3.1: an error code only where a token was sent.
  if (row.challenge) attributes.push(`error="${row.challenge}"`, `error_description="${row.msg}"`)
  if (details.maxAge !== undefined) attributes.push(`max_age="${details.maxAge}"`)
  // Without a header the bad token can only have been the cookie's.
  if (row.challenge === 'invalid_token' && !c.req.header('Authorization')) clearRefreshCookie(c)
  c.header('WWW-Authenticate', `Bearer ${attributes.join(', ')}`)
  return c.json({ msg: row.msg }, row.status)
}
