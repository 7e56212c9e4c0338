// A Worker that computes one password hash per request, to measure the share of argon2id in a login.

import { argon2id } from '../../../src/auth/passwords/argon2.ts'
import { hashPassword, verifyPassword } from '../../../src/auth/passwords/hash.ts'

let stored: string | undefined

export default {
  fetch() {
    stored ??= hashPassword('space-corgi', argon2id)
    return Response.json(verifyPassword(stored, 'space-corgi', argon2id))
  },
}
