// Seeds at rest: AES-256-GCM with a key of DATA_SECRET, for one user. The key's id is beside the ciphertext.

import { AppError } from '../../errors.ts'
import { fromBase64, toBase64, utf8 } from '../encoding.ts'
import type { Key, KeyRing } from './key-ring.ts'

const IV_LENGTH = 12 // NIST SP 800-38D 8.2

/** The AES key is derived from that of the ring, which also names itself in `kid`: one key, one purpose. */
async function toCipher({ root, kid }: Key, userId: number, iv: Uint8Array) {
  const bytes = await crypto.subtle.sign('HMAC', root, utf8.encode('latchkey seed'))
  const key = await crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])
  const additionalData = utf8.encode(`${userId} ${kid}`)
  return [{ name: 'AES-GCM', iv, additionalData }, key] as const
}

export async function sealSeed(ring: KeyRing, userId: number, seed: Uint8Array): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_LENGTH))
  const cipher = await toCipher(ring.current, userId, iv)
  const sealed = new Uint8Array(await crypto.subtle.encrypt(...cipher, seed))
  return `${ring.current.kid}.${toBase64(iv)}${toBase64(sealed)}` // 12 bytes need no padding
}

/** Throws `keys_invalid` for a seed of a key that is not in the ring, or of another user. */
export async function openSeed(ring: KeyRing, userId: number, sealed: string): Promise<Uint8Array> {
  const [kid = '', text = ''] = sealed.split('.')
  const [key, bytes] = [ring.byKid.get(kid), fromBase64(text)]
  if (key && bytes) {
    const cipher = await toCipher(key, userId, bytes.subarray(0, IV_LENGTH))
    const decrypted = crypto.subtle.decrypt(...cipher, bytes.subarray(IV_LENGTH))
    const seed = await decrypted.catch(() => undefined)
    if (seed) return new Uint8Array(seed)
  }
  throw new AppError('keys_invalid', { reason: `DATA_SECRET does not open a seed of key ${kid}` })
}
