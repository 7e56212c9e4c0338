// The description of every route: what it accepts, and what it responds with.

import * as z from 'zod/mini'

import { ACCOUNT_OPERATIONS } from './account-operations.ts'
import { ADMIN_OPERATIONS } from './admin-operations.ts'
import { TOKENS } from './examples.ts'
import { BODY, COMMON_RESPONSES, GUARDED, type Operation } from './operation.ts'
import { LoginBody, LogoutQuery, ResetBody, SignUpBody } from './requests.ts'
import * as responses from './responses.ts'

const { ErrorBody, GuardError, Message, Status } = responses

/** Describe new routes of Latchkey itself here, or in the files of accounts and admins. */
export const OPERATIONS: Record<string, Operation> = {
  'POST /login': {
    example: { body: { username: 'cosmo', password: 'space-corgi' }, response: TOKENS },
    summary: 'Exchanges a username and a password, with a one-time code if needed, for tokens',
    body: LoginBody,
    responses: { ...COMMON_RESPONSES, ...BODY, 200: responses.TokenResponse, 401: ErrorBody },
  },
  'POST /signup': {
    example: { body: { username: 'ada', password: 'the analytical engine' }, response: TOKENS },
    summary: 'Creates a user and logs them in, if SIGNUP is open; otherwise 404',
    body: SignUpBody,
    responses: {
      ...COMMON_RESPONSES,
      ...BODY,
      201: responses.TokenResponse,
      404: ErrorBody,
      409: ErrorBody,
    },
  },
  'POST /refresh': {
    example: { response: TOKENS },
    summary: 'Exchanges a refresh token for new tokens',
    security: ['bearer', 'cookie'],
    responses: {
      ...GUARDED,
      200: responses.TokenResponse,
      403: z.union([ErrorBody, GuardError]),
      429: ErrorBody,
    },
  },
  'POST /logout': {
    example: { response: { message: 'Logged out' } },
    summary: "Revokes this session, the user's others, or all",
    security: ['bearer', 'cookie'],
    query: LogoutQuery,
    responses: {
      ...GUARDED,
      200: Message,
      400: ErrorBody,
      403: z.union([ErrorBody, GuardError]),
    },
  },
  ...ACCOUNT_OPERATIONS,
  ...ADMIN_OPERATIONS,
  'POST /reset-password': {
    example: {
      body: { code: '7k2q-9m4x-0c8t-rwde-5bvn-3gh1zp', new_password: 'a dog in a rocket, barking' },
      response: { username: 'ada' },
    },
    summary: 'Sets the password of the user of a code, and revokes their sessions',
    body: ResetBody,
    responses: { ...COMMON_RESPONSES, ...BODY, 200: responses.UsernameResponse },
  },
  'GET /protected': {
    example: { response: { message: 'This is a protected route, and you are authenticated!' } },
    summary: "The lesson's guarded endpoint",
    security: ['bearer'],
    responses: { ...GUARDED, 200: Message },
  },
  'GET /secure-data': {
    example: { response: { message: 'This is secure data, and you are authenticated!' } },
    summary: "The lesson's other guarded endpoint",
    security: ['bearer'],
    responses: { ...GUARDED, 200: Message },
  },
  'GET /.well-known/jwks.json': {
    example: { response: { keys: [] } },
    summary: 'Returns the public keys, for services that verify tokens themselves',
    responses: { ...COMMON_RESPONSES, 200: responses.JwkSet },
  },
  'GET /health': {
    example: { response: { status: 'ok' } },
    summary: 'Whether the Worker is alive',
    responses: { ...COMMON_RESPONSES, 200: Status },
  },
  'GET /ready': {
    example: { response: { status: 'ready' } },
    summary: 'Whether settings, keys and database are ready',
    responses: { ...COMMON_RESPONSES, 200: Status },
  },
}
