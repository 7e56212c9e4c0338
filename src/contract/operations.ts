// The description of every route: what it accepts, and what it responds with.

import * as z from 'zod/mini'

import * as responses from './responses.ts'
import {
  EventsQuery,
  FactorBody,
  LoginBody,
  LogoutQuery,
  OtpBody,
  PageQuery,
  PasswordBody,
  ResetBody,
  SignUpBody,
  UserBody,
  UserPatch,
  UsersQuery,
} from './requests.ts'

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

const { ErrorBody, GuardError, Message, Status } = responses
/** Plain HTTP, a bug, or no database. */
const COMMON_RESPONSES = { 403: ErrorBody, 500: ErrorBody, 503: ErrorBody }
const GUARDED = { ...COMMON_RESPONSES, 401: GuardError }
/** For admins: 403 may also come from the guard. */
const ADMIN = { ...GUARDED, 403: z.union([ErrorBody, GuardError]) }
const BODY = { 400: ErrorBody, 408: ErrorBody, 413: ErrorBody, 415: ErrorBody, 429: ErrorBody }

const TOKENS = {
  access_token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl',
  token_type: 'Bearer',
  expires_in: 900,
  refresh_token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.cmVmcmVzaA',
  refresh_expires_in: 604_800,
}

const ADA = { username: 'ada', roles: ['editor'], created_at: 1_800_000_000, disabled_at: null }

const RECOVERY_CODE = '7k2q9-m4x0c-8trwd-e5bvn-3gh1'

const SESSIONS = {
  sessions: [
    {
      id: 'q83vEjRWeJCrze8SNFZ4kA',
      created_at: 1_800_000_000,
      refreshed_at: 1_800_000_600,
      expires_at: 1_800_605_400,
      user_agent: 'Firefox',
      country: 'NL',
      current: true,
    },
  ],
  next: null,
}

const EVENTS = {
  events: [
    {
      id: '1800000000.000000',
      time: 1_800_000_000,
      event: 'password.reset',
      username: 'cosmo',
      by: 'ada',
      session: null,
      address: '203.0.113.7',
      country: 'NL',
    },
  ],
  next: null,
}

/** Describe new routes of Latchkey itself here. */
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
  'GET /sessions': {
    example: { response: SESSIONS },
    summary: "Lists the user's live sessions, newest first",
    security: ['bearer'],
    query: PageQuery,
    responses: { ...GUARDED, 200: responses.SessionListResponse, 400: ErrorBody },
  },
  'DELETE /sessions/{id}': {
    example: { response: { message: 'Session ended' } },
    summary: "Revokes one of the user's sessions",
    security: ['bearer'],
    responses: { ...GUARDED, 200: Message, 404: ErrorBody },
  },
  'GET /me': {
    example: { response: { username: 'cosmo', roles: [], auth_time: 1_800_000_000 } },
    summary: 'Returns the user of the token',
    security: ['bearer'],
    responses: { ...GUARDED, 200: responses.AccountResponse },
  },
  'GET /me/events': {
    example: { response: EVENTS },
    summary: "Lists what has happened to the user's account, newest first",
    security: ['bearer'],
    query: PageQuery,
    responses: { ...GUARDED, 200: responses.EventsResponse, 400: ErrorBody },
  },
  'GET /events': {
    example: { response: EVENTS },
    summary: 'Lists what has happened to all accounts, or to one, newest first; for admins',
    security: ['bearer'],
    query: EventsQuery,
    responses: { ...ADMIN, 200: responses.EventsResponse, 400: ErrorBody },
  },
  'PUT /me/password': {
    example: {
      body: { current_password: 'space-corgi', new_password: 'a dog in a rocket, barking' },
      response: TOKENS,
    },
    summary: 'Changes the password, revokes all sessions and returns the tokens of a new one',
    security: ['bearer'],
    body: PasswordBody,
    responses: { ...GUARDED, ...BODY, 200: responses.TokenResponse },
  },
  'GET /me/factors': {
    example: {
      response: {
        factors: [
          {
            id: 'q83vEjRWeJCrze8SNFZ4kA',
            type: 'totp',
            friendly_name: 'phone',
            status: 'verified',
            created_at: 1_800_000_000,
          },
        ],
      },
    },
    summary: "Lists the user's second factors",
    security: ['bearer'],
    responses: { ...GUARDED, 200: responses.FactorListResponse },
  },
  'POST /me/factors': {
    example: {
      body: { factor_type: 'totp', friendly_name: 'phone' },
      response: {
        id: 'q83vEjRWeJCrze8SNFZ4kA',
        type: 'totp',
        friendly_name: 'phone',
        totp: {
          secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
          uri: 'otpauth://totp/latchkey:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=latchkey',
        },
      },
    },
    summary: 'Begins to enrol an authenticator app, which counts once it is verified',
    security: ['bearer'],
    body: FactorBody,
    responses: {
      ...GUARDED,
      ...BODY,
      201: responses.NewFactorResponse,
      409: ErrorBody,
      429: ErrorBody,
    },
  },
  'POST /me/factors/{id}/verify': {
    example: { body: { otp: '123456' }, response: { recovery_codes: [RECOVERY_CODE] } },
    summary: "Completes an enrolment, revokes the user's other sessions and returns recovery codes",
    security: ['bearer'],
    body: OtpBody,
    responses: {
      ...GUARDED,
      ...BODY,
      200: responses.RecoveryCodesResponse,
      404: ErrorBody,
      429: ErrorBody,
    },
  },
  'DELETE /me/factors/{id}': {
    example: { response: { message: 'Factor removed' } },
    summary: 'Removes a second factor, and with the last one the recovery codes',
    security: ['bearer'],
    responses: { ...GUARDED, 200: Message, 404: ErrorBody, 429: ErrorBody },
  },
  'GET /me/recovery-codes': {
    example: { response: { total: 10, remaining: 9 } },
    summary: 'Returns how many recovery codes the user has, and how many are left',
    security: ['bearer'],
    responses: { ...GUARDED, 200: responses.CodeCountResponse },
  },
  'POST /me/recovery-codes': {
    example: { response: { codes: [RECOVERY_CODE] } },
    summary: 'Replaces all recovery codes',
    security: ['bearer'],
    responses: { ...GUARDED, 201: responses.NewCodesResponse, 404: ErrorBody, 429: ErrorBody },
  },
  'GET /users': {
    example: { response: { users: [ADA], next: null } },
    summary: 'Lists users by name, or those whose names begin with `prefix`; for admins',
    security: ['bearer'],
    query: UsersQuery,
    responses: { ...ADMIN, 200: responses.UserListResponse, 400: ErrorBody },
  },
  'POST /users': {
    example: {
      body: { username: 'ada', password: 'the analytical engine', roles: ['editor'] },
      response: ADA,
    },
    summary: 'Creates a user, without a password with a code to choose one; for admins',
    security: ['bearer'],
    body: UserBody,
    responses: { ...ADMIN, ...BODY, 201: responses.NewUserResponse, 409: ErrorBody },
  },
  'POST /users/{username}/reset-code': {
    example: { response: { code: '7k2q9-m4x0c-8trwd-e5bvn-3gh1zp', expires_at: 1_800_086_400 } },
    summary: 'Creates a code with which the user chooses a new password; for admins',
    security: ['bearer'],
    responses: { ...ADMIN, 201: responses.CodeResponse, 400: ErrorBody, 404: ErrorBody },
  },
  'POST /reset-password': {
    example: {
      body: { code: '7k2q9-m4x0c-8trwd-e5bvn-3gh1zp', new_password: 'a dog in a rocket, barking' },
      response: { username: 'ada' },
    },
    summary: 'Sets the password of the user of a code, and revokes their sessions',
    body: ResetBody,
    responses: { ...COMMON_RESPONSES, ...BODY, 200: responses.UsernameResponse },
  },
  'GET /users/{username}': {
    example: { response: ADA },
    summary: 'Returns a user; for admins',
    security: ['bearer'],
    responses: { ...ADMIN, 200: responses.UserResponse, 400: ErrorBody, 404: ErrorBody },
  },
  'PATCH /users/{username}': {
    example: { body: { roles: ['editor'] }, response: ADA },
    summary:
      "Changes a user's roles or password, disables or enables them, and revokes their sessions; for admins",
    security: ['bearer'],
    body: UserPatch,
    responses: { ...ADMIN, ...BODY, 200: responses.UserResponse, 404: ErrorBody, 409: ErrorBody },
  },
  'DELETE /users/{username}': {
    example: { response: { message: 'User removed' } },
    summary: 'Removes a user and revokes their sessions; for admins',
    security: ['bearer'],
    responses: { ...ADMIN, 200: Message, 400: ErrorBody, 404: ErrorBody, 409: ErrorBody },
  },
  'GET /users/{username}/sessions': {
    example: { response: SESSIONS },
    summary: "Lists a user's live sessions, newest first; for admins",
    security: ['bearer'],
    query: PageQuery,
    responses: { ...ADMIN, 200: responses.SessionListResponse, 400: ErrorBody, 404: ErrorBody },
  },
  'DELETE /users/{username}/sessions': {
    example: { response: { message: 'Sessions ended' } },
    summary: 'Revokes all sessions of a user; for admins',
    security: ['bearer'],
    responses: { ...ADMIN, 200: Message, 400: ErrorBody, 404: ErrorBody },
  },
  'DELETE /users/{username}/factors': {
    example: { response: { message: 'Factors removed' } },
    summary: "Removes a user's second factors and revokes their sessions; for admins",
    security: ['bearer'],
    responses: { ...ADMIN, 200: Message, 400: ErrorBody, 404: ErrorBody },
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
