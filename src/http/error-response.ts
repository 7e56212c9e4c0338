// The one place that sends and logs errors.

import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'

import { AppError, ERRORS, type ErrorSpec } from '../errors.ts'
import { clearRefreshCookie } from './refresh-cookie.ts'
import { toRefusal } from './refusal.ts'
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
  const { status, headers, body } = toRefusal(error)
  await logError(c, error, thrown)
  if (status >= 500) c.header('X-Request-Id', readRequestId(c))
  const isInvalid = headers['WWW-Authenticate']?.includes('invalid_token')
  if (isInvalid && c.get('tokenSource') === 'cookie') clearRefreshCookie(c)
  return c.json(body, status, headers)
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
