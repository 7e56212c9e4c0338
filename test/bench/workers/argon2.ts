// A Worker that computes one hash a request, at the cost of a login's: the share of argon2id in it.

import { argon2id } from '../../../src/auth/passwords/argon2.ts'
import { hashPassword, verifyPassword } from '../../../src/auth/passwords/hash.ts'

let stored: string | undefined

export default {
  fetch() {
    stored ??= hashPassword('space-corgi', argon2id)
    return Response.json(verifyPassword(stored, 'space-corgi', argon2id))
  },
}
