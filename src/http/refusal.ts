// An error as it is sent: the same over HTTP and over RPC.

import { type AppError, ERRORS, type ErrorSpec } from '../errors.ts'

/** Returns what a client is told of an error, as errors.ts says it: plain data. */
export function toRefusal({ code, details }: AppError) {
  const spec: ErrorSpec = ERRORS[code]
  const headers: Record<string, string> = { 'X-Error-Code': code }
  const retryAfter = details.retryAfter ?? spec.retryAfter
  if (details.allow) headers.Allow = details.allow.join(', ')
  if (retryAfter !== undefined) headers['Retry-After'] = String(retryAfter)
  const { status, msg } = spec
  if (msg ?? spec.challenge) headers['WWW-Authenticate'] = toChallenge(spec, details.maxAgeSeconds)
  return { status, headers, body: msg ? { msg } : { error: details.error ?? spec.error } }
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
