// The refusals that need no question. In the copy they are constants: `npm run guard` evaluates this module.

import { AppError, type ErrorCode } from '../../errors.ts'
import { toRefusal } from '../../http/refusal.ts'
import type { Refusal } from '../../rpc/contract.ts'

const toOwn = (code: ErrorCode): Refusal => toRefusal(new AppError(code))

export const REFUSALS = {
  authorization_missing: toOwn('authorization_missing'),
  authorization_scheme: toOwn('authorization_scheme'),
  authorization_malformed: toOwn('authorization_malformed'),
  token_revoked: toOwn('token_revoked'),
}
