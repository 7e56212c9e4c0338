// Password hashes: argon2id as PHC strings; scrypt hashes of imported users are verified and replaced.

import { fromBase64, nodeCrypto, toBase64, utf8 } from '../encoding.ts'
import { parseScrypt } from './scrypt.ts'

export type Argon2Params = { memoryKib: number; passes: number; lanes: number; hashLength: number }

/** argon2id itself (RFC 9106): WebAssembly in the Worker, node:crypto on the command line. */
export type Argon2id = (password: Uint8Array, salt: Uint8Array, params: Argon2Params) => Uint8Array

/** OWASP's first choice for argon2id. */
const ARGON2ID_PARAMS: Argon2Params = { memoryKib: 19_456, passes: 2, lanes: 1, hashLength: 32 }
const SALT_LENGTH = 16
const { memoryKib, passes, lanes } = ARGON2ID_PARAMS
const PREFIX = `$argon2id$v=19$m=${memoryKib},t=${passes},p=${lanes}$`

// The most that a stored hash may demand: an isolate has 128 MB, and a login must stay short.
const MAX_MEMORY_KIB = 65_536
const MAX_PASSES = 10
const MAX_LANES = 4

const PHC =
  /^\$argon2id\$v=19\$m=([1-9]\d{0,5}),t=([1-9]\d?),p=([1-9])\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/

/** A parsed stored hash; `derive` computes a password's hash with the same salt and parameters. */
type StoredHash = {
  hash: Uint8Array
  needsRehash: boolean
  derive: (password: Uint8Array, argon2id: Argon2id) => Uint8Array
}

/** Hashed in place of an unknown user's password, so that it takes the same time. */
const DUMMY_HASH: StoredHash = {
  hash: new Uint8Array(ARGON2ID_PARAMS.hashLength),
  needsRehash: false,
  derive: (password, argon2id) => argon2id(password, new Uint8Array(SALT_LENGTH), ARGON2ID_PARAMS),
}

/** Returns a PHC string of the password in NFC (NIST SP 800-63B-4 3.1.1.2), with a random salt. */
export function hashPassword(password: string, argon2id: Argon2id): string {
  const salt = crypto.getRandomValues(new Uint8Array(SALT_LENGTH))
  const hash = argon2id(utf8.encode(password.normalize('NFC')), salt, ARGON2ID_PARAMS)
  return `${PREFIX}${toBase64(salt)}$${toBase64(hash)}`
}

/**
 * Compares a password with a stored hash. `needsRehash`: the hash should be replaced by one with
 * today's parameters. Always computes a hash, also without a supported `stored`; a second one only for a
 * foreign hash and a password that is not in NFC.
 */
export function verifyPassword(
  stored: string | undefined,
  password: string,
  argon2id: Argon2id,
): { matches: boolean; needsRehash: boolean } {
  const parsed = stored === undefined ? undefined : parseStored(stored)
  const { hash, needsRehash, derive } = parsed ?? DUMMY_HASH
  const equals = (form: string) =>
    nodeCrypto().timingSafeEqual(derive(utf8.encode(form), argon2id), hash)
  const nfc = password.normalize('NFC')
  // The system that created a foreign hash may not have normalised, so both forms are compared.
  const equal = equals(nfc) || (needsRehash && password !== nfc && equals(password))
  return { matches: equal && parsed !== undefined, needsRehash }
}

/** Whether `verifyPassword` supports the algorithm and the parameters of a stored hash. */
export const isSupportedHash = (stored: string): boolean => parseStored(stored) !== undefined

/** Returns the parts of a stored hash; undefined for another algorithm, or one that demands too much. */
function parseStored(stored: string): StoredHash | undefined {
  const scrypt = parseScrypt(stored)
  if (scrypt) return { ...scrypt, needsRehash: true }
  const [, memory, time, threads, saltText = '', hashText = ''] = PHC.exec(stored) ?? []
  const salt = fromBase64(saltText)
  const hash = fromBase64(hashText)
  if (!memory || !salt || !hash) return undefined
  const params = {
    memoryKib: Number(memory),
    passes: Number(time),
    lanes: Number(threads),
    hashLength: hash.length,
  }
  const tooMuch =
    params.memoryKib > MAX_MEMORY_KIB || params.passes > MAX_PASSES || params.lanes > MAX_LANES
  const tooLittle = params.memoryKib < 8 * params.lanes // RFC 9106 3.1
  if (tooMuch || tooLittle) return undefined
  const isCurrent =
    stored.startsWith(PREFIX) &&
    salt.length === SALT_LENGTH &&
    hash.length === ARGON2ID_PARAMS.hashLength
  const derive: StoredHash['derive'] = (password, argon2id) => argon2id(password, salt, params)
  return { hash, needsRehash: !isCurrent, derive }
}
