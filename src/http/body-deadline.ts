// A deadline for request bodies: a client may not hold a request open for as long as it likes.

import { AppError } from '../errors.ts'

const MAX_BODY_MS = 10_000

/**
 * Returns a request whose body fails with `body_timeout` unless it has arrived within 10 seconds: what was
 * checked before the body is still true after it.
 */
export function withBodyDeadline(request: Request): Request {
  if (request.method === 'HEAD' || !request.body) return request // workerd gives HEAD an empty body
  let timer: ReturnType<typeof setTimeout> | undefined
  const deadline = new TransformStream<Uint8Array, Uint8Array>({
    start(controller) {
      timer = setTimeout(() => controller.error(new AppError('body_timeout')), MAX_BODY_MS)
    },
    flush: () => clearTimeout(timer),
  })
  const body = request.body.pipeThrough(deadline)
  return new Request(request, { method: request.method, body })
}
