// The description of what users do with their account: sessions, password, second factor, events.

import { EVENTS, RECOVERY_CODE, SESSIONS, TOKENS } from './examples.ts'
import { BODY, GUARDED, type Operation } from './operation.ts'
import { FactorBody, OtpBody, PageQuery, PasswordBody } from './requests.ts'
import * as responses from './responses.ts'

const { ErrorBody, Message } = responses

export const ACCOUNT_OPERATIONS: Record<string, Operation> = {
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
    },
  },
  'POST /me/factors/{id}/verify': {
    example: { body: { otp: '123456' }, response: { recovery_codes: [RECOVERY_CODE] } },
    summary:
      "Completes an enrolment, revokes the user's other sessions and returns recovery codes; tokens have `acr` aal2 after a refresh",
    security: ['bearer'],
    body: OtpBody,
    responses: {
      ...GUARDED,
      ...BODY,
      200: responses.RecoveryCodesResponse,
      404: ErrorBody,
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
}
