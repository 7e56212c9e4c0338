// The map of the Worker: middleware in order, routes, errors.

import { Hono } from 'hono'
import { methodNotAllowed } from 'hono/method-not-allowed'

import type { AppEnv } from './app-env.ts'
import { AppError } from './errors.ts'
import { onError, sendError } from './http/error-response.ts'
import { openContext } from './middleware/context.ts'
import { allowOrigins } from './middleware/cors.ts'
import { httpsRequired } from './middleware/https.ts'
import { securityHeaders } from './middleware/security-headers.ts'
import { account } from './routes/account.ts'
import { codes } from './routes/codes.ts'
import { events } from './routes/events.ts'
import { factors } from './routes/factors.ts'
import { health } from './routes/health.ts'
import { jwks } from './routes/jwks.ts'
import { login } from './routes/login.ts'
import { logout } from './routes/logout.ts'
import { protectedRoutes } from './routes/protected.ts'
import { refresh } from './routes/refresh.ts'
import { sessions } from './routes/sessions.ts'
import { signup } from './routes/signup.ts'
import { users } from './routes/users.ts'

export const app = new Hono<AppEnv>().use(securityHeaders).use(httpsRequired).onError(onError)

const offerMethods = methodNotAllowed({
  app,
  onMethodNotAllowed: (c, allow) => sendError(c, new AppError('method_not_allowed', { allow })),
})

// Not a middleware, so that a route that exists pays nothing for it.
app.notFound(async (c) => {
  await offerMethods(c, async () => {
    c.res = await sendError(c, new AppError('not_found'))
  })
  return c.res
})

const routes = app
  // Before the isolate is opened: /health responds even when the settings are wrong.
  .route('/', health)
  .use(openContext)
  .use(allowOrigins)
  .route('/', jwks)
  .route('/', login)
  .route('/', signup)
  .route('/', refresh)
  .route('/', logout)
  .route('/', sessions)
  .route('/', account)
  .route('/', codes)
  .route('/', factors)
  .route('/', events)
  .route('/users', users)
  // Last, because its guard covers every path that gets here.
  .route('/', protectedRoutes)

export type App = typeof routes
