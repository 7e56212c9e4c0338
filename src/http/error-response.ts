// The one place that sends and logs errors.

import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'

import { AppError, ERRORS, type ErrorSpec } from '../errors.ts'
import { clearRefreshCookie } from './refresh-cookie.ts'
import { logEvent, readRequestId } from './request-log.ts'

/** Handles everything that a route throws. Your own routes, and Hono's middleware, may throw HTTPException. */
export async function onError(error: Error, c: Context): Promise<Response> {
  if (!(error instanceof HTTPException)) return sendError(c, error)
  const { status, message, stack } = error
  if (status >= 500) {
    await logEvent(c, 'error', { event: 'error', status, reason: message, stack })
    c.header('X-Request-Id', readRequestId(c))
  }
  if (!error.res) return c.json({ error: message }, status)
  const response = error.getResponse()
  return c.newResponse(response.body, response)
}

/** Responds as the table in errors.ts says. Anything but an AppError is a bug: 500. */
export async function sendError(c: Context, thrown: Error): Promise<Response> {
  const error = thrown instanceof AppError ? thrown : new AppError('internal')
  const { code, details } = error
  const spec: ErrorSpec = ERRORS[code]
  const retryAfter = details.retryAfter ?? spec.retryAfter
  await logError(c, error, thrown)
  c.status(spec.status)
  c.header('X-Error-Code', code)
  if (spec.status >= 500) c.header('X-Request-Id', readRequestId(c))
  if (details.allow) c.header('Allow', details.allow.join(', '))
  if (retryAfter !== undefined) c.header('Retry-After', String(retryAfter))
  if (spec.challenge === 'invalid_token' && c.get('tokenSource') === 'cookie') clearRefreshCookie(c)
  if (spec.msg ?? spec.challenge)
    c.header('WWW-Authenticate', toChallenge(spec, details.maxAgeSeconds))
  return c.json(spec.msg ? { msg: spec.msg } : { error: details.error ?? spec.error })
}

/** Returns the challenge of a guard (RFC 6750 3, RFC 9470 3): an error code only where a token was sent. */
function toChallenge({ challenge, msg }: ErrorSpec, maxAgeSeconds: number | undefined): string {
  const attributes = ['realm="latchkey"']
  if (challenge) attributes.push(`error="${challenge}"`)
  if (challenge && msg) attributes.push(`error_description="${msg}"`)
  if (maxAgeSeconds !== undefined) attributes.push(`max_age="${maxAgeSeconds}"`)
  else if (challenge === 'insufficient_user_authentication') attributes.push('acr_values="aal2"')
  return `Bearer ${attributes.join(', ')}`
}

/** Logs an error under the event of its row; an error without one is not logged. */
export async function logError(c: Context, error: AppError, thrown: Error = error): Promise<void> {
  const { code, details } = error
  const { status, ...spec }: ErrorSpec = ERRORS[code]
  const event = details.event ?? spec.event
  if (!event) return
  const level = status >= 500 ? 'error' : /^token|otp/.test(event) ? 'info' : 'warn'
  const { username, sid } = details
  const stack = code === 'internal' ? thrown.stack : undefined
  await logEvent(c, level, { event, status, username, sid, reason: thrown.message, stack })
}
