// Password hashes as PHC strings, and the rules for a new password (NIST SP 800-63B-4, OWASP ASVS 6.2).

import { fromBase64, toBase64 } from '../encoding.ts'
import { nodeCrypto } from '../node-crypto.ts'
import { parseScrypt } from './scrypt.ts'

export type Argon2Cost = { memoryKib: number; passes: number; lanes: number; hashLength: number }

/** argon2id itself (RFC 9106): WebAssembly in the Worker, node:crypto on the command line. */
export type Argon2id = (password: Uint8Array, salt: Uint8Array, cost: Argon2Cost) => Uint8Array

/** OWASP's first choice for argon2id. */
export const COST: Argon2Cost = { memoryKib: 19_456, passes: 2, lanes: 1, hashLength: 32 }
const SALT_LENGTH = 16

// What a stored hash may ask for at most: an isolate has 128 MB, and login must stay short.
const MAX_MEMORY_KIB = 65_536
const MAX_PASSES = 10
const MAX_LANES = 4

const PHC =
  /^\$argon2id\$v=19\$m=([1-9]\d{0,5}),t=([1-9]\d?),p=([1-9])\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/

/** A stored hash, taken apart; `compute` makes a password's in the same way. */
type Stored = {
  hash: Uint8Array
  outdated: boolean
  compute: (password: Uint8Array) => Uint8Array
}

const toBytes = (password: string) => new TextEncoder().encode(password)

/** A new PHC string of the password in NFC (NIST SP 800-63B-4 3.1.1.2), with a random salt and today's cost. */
export function hashPassword(password: string, argon2id: Argon2id): string {
  const salt = crypto.getRandomValues(new Uint8Array(SALT_LENGTH))
  const hash = argon2id(toBytes(password.normalize('NFC')), salt, COST)
  const cost = `m=${COST.memoryKib},t=${COST.passes},p=${COST.lanes}`
  return `$argon2id$v=19$${cost}$${toBase64(salt)}$${toBase64(hash)}`
}

/**
 * Whether `password` is the one behind the hash `stored`, and whether that should be replaced by one
 * of today's. Always computes one hash, also without a usable `stored`.
 */
export function verifyPassword(
  stored: string | undefined,
  password: string,
  argon2id: Argon2id,
): { matches: boolean; outdated: boolean } {
  const parsed = stored === undefined ? undefined : parseStored(stored, argon2id)
  const { hash, outdated, compute } = parsed ?? nobody(argon2id)
  const matches = (spelling: string) =>
    nodeCrypto().timingSafeEqual(compute(toBytes(spelling)), hash)
  const nfc = password.normalize('NFC')
  // Where a foreign hash was made, nothing may have been normalised: it is asked for both spellings.
  const same = matches(nfc) || (outdated && password !== nfc && matches(password))
  return { matches: same && parsed !== undefined, outdated }
}

/** Whether a stored hash is of a kind and a cost that `verifyPassword` computes. */
export const isUsableHash = (text: string): boolean =>
  (parseArgon2id(text) ?? parseScrypt(text)) !== undefined

function parseStored(text: string, argon2id: Argon2id): Stored | undefined {
  const parsed = parseArgon2id(text)
  if (!parsed) {
    const foreign = parseScrypt(text)
    return foreign && { ...foreign, outdated: true }
  }
  const { cost, salt, hash } = parsed
  const outdated =
    salt.length !== SALT_LENGTH ||
    cost.memoryKib !== COST.memoryKib ||
    cost.passes !== COST.passes ||
    cost.lanes !== COST.lanes ||
    cost.hashLength !== COST.hashLength
  return { hash, outdated, compute: (password) => argon2id(password, salt, cost) }
}

/** Stands in for the hash of a user who does not exist, so that this takes the same time. */
const nobody = (argon2id: Argon2id): Stored => ({
  hash: new Uint8Array(COST.hashLength),
  outdated: false,
  compute: (password) => argon2id(password, new Uint8Array(SALT_LENGTH), COST),
})

/** The parts of an argon2id PHC string; undefined for another kind, or one that asks for too much. */
function parseArgon2id(text: string) {
  const [, memory, passes, lanes, saltText = '', hashText = ''] = PHC.exec(text) ?? []
  const salt = fromBase64(saltText)
  const hash = fromBase64(hashText)
  if (!memory || !salt || !hash) return undefined
  const cost = {
    memoryKib: Number(memory),
    passes: Number(passes),
    lanes: Number(lanes),
    hashLength: hash.length,
  }
  const tooMuch =
    cost.memoryKib > MAX_MEMORY_KIB || cost.passes > MAX_PASSES || cost.lanes > MAX_LANES
  const tooLittle = cost.memoryKib < 8 * cost.lanes // RFC 9106 3.1
  return tooMuch || tooLittle ? undefined : { cost, salt, hash }
}

const MAX_CODE_POINTS = 128

/**
 * Why a new password is refused; undefined when it may be set. Lengths are in code points. Any
 * characters are welcome (ASVS 6.2.5); whether it is a common one, the database knows.
 */
export function passwordProblem(
  password: string,
  { username, minLength }: { username: string; minLength: number },
): string | undefined {
  const normal = password.normalize('NFC')
  const length = [...normal].length
  if (length < minLength) return `Shorter than minimum length ${minLength}.`
  if (length > MAX_CODE_POINTS) return `Longer than maximum length ${MAX_CODE_POINTS}.`
  const holdsName =
    [...username].length > 3 && normal.toLowerCase().includes(username.toLowerCase())
  if (holdsName) return 'Contains the username.'
  return undefined
}
