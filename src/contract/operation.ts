// What describes a route, and the responses that many routes have.

import * as z from 'zod/mini'

import * as responses from './responses.ts'

export type Schema = z.ZodMiniType
export type Operation = {
  summary: string
  /** How a token may be sent; absent for a public route. */
  security?: ('bearer' | 'cookie')[]
  body?: Schema
  query?: z.ZodMiniObject
  responses: Record<number, Schema>
  /** A body that may be sent, and its response. */
  example: { body?: object; response: object }
}

const { ErrorBody, GuardError } = responses
/** Plain HTTP, a bug, or no database. */
export const COMMON_RESPONSES = { 403: ErrorBody, 500: ErrorBody, 503: ErrorBody }
export const GUARDED = { ...COMMON_RESPONSES, 401: GuardError }
/** For admins: 403 may also come from the guard. */
export const ADMIN = { ...GUARDED, 403: z.union([ErrorBody, GuardError]) }
export const BODY = {
  400: ErrorBody,
  408: ErrorBody,
  413: ErrorBody,
  415: ErrorBody,
  429: ErrorBody,
}
