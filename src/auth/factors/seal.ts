// Seeds at rest: AES-256-GCM with a key of DATA_SECRET, for one user. The key's id is beside the ciphertext.

import { AppError } from '../../errors.ts'
import { fromBase64, toBase64 } from '../encoding.ts'
import type { Key, KeyRing } from '../keys/key-ring.ts'

const utf8 = new TextEncoder()

/** The key is derived, because one that names itself in `kid` must do nothing else (one key, one purpose). */
async function toCipher({ root, kid }: Key, userId: number, iv: Uint8Array) {
  const bytes = await crypto.subtle.sign('HMAC', root, utf8.encode('latchkey seeds'))
  const key = await crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])
  const additionalData = utf8.encode(JSON.stringify([userId, kid]))
  return [{ name: 'AES-GCM', iv, additionalData }, key] as const
}

export async function sealSeed(ring: KeyRing, userId: number, seed: Uint8Array): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const cipher = await toCipher(ring.current, userId, iv)
  const sealed = new Uint8Array(await crypto.subtle.encrypt(...cipher, seed))
  return [ring.current.kid, toBase64(iv), toBase64(sealed)].join('.')
}

/** Throws `keys_invalid` for a seed of a key that is not in the ring, or of another user. */
export async function openSeed(ring: KeyRing, userId: number, sealed: string): Promise<Uint8Array> {
  const [kid = '', iv = '', bytes = ''] = sealed.split('.')
  const key = ring.byKid.get(kid)
  try {
    if (!key) throw new Error('unknown key')
    const cipher = await toCipher(key, userId, fromBase64(iv) ?? new Uint8Array())
    return new Uint8Array(
      await crypto.subtle.decrypt(...cipher, fromBase64(bytes) ?? new Uint8Array()),
    )
  } catch {
    throw new AppError('keys_invalid', { reason: `DATA_SECRET does not open a seed of key ${kid}` })
  }
}
