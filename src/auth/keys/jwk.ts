// Private JSON Web Keys (RFC 7517) of the two types that may sign: EC P-256 and Ed25519.

import * as z from 'zod/mini'

import { sha256, toBase64url } from '../encoding.ts'

/** Not a constant: creating schemas is a good part of a cold start, and few Workers have such a key. */
function createJwkSchema() {
  const bytes = z.string().check(z.regex(/^[\w-]{43}$/)) // 32 bytes in base64url
  return z.discriminatedUnion('kty', [
    z.object({ kty: z.literal('EC'), crv: z.literal('P-256'), x: bytes, y: bytes, d: bytes }),
    z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: bytes, d: bytes }),
  ])
}

export type PrivateJwk = z.output<ReturnType<typeof createJwkSchema>>
/** A key in /.well-known/jwks.json. */
export type PublicJwk = ReturnType<typeof toPublicJwk> & { kid: string; alg: string; use: 'sig' }

/** Parses a private key; returns undefined for any other type, or a public key. */
export function parseJwk(text: string): PrivateJwk | undefined {
  try {
    return createJwkSchema().safeParse(JSON.parse(text)).data
  } catch {
    return undefined // a SyntaxError
  }
}

/** Returns the required members of the public key, in the order of the thumbprint (RFC 7638 3.2). */
export const toPublicJwk = (jwk: PrivateJwk) =>
  jwk.kty === 'EC'
    ? { crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }
    : { crv: jwk.crv, kty: jwk.kty, x: jwk.x }

/** Returns the SHA-256 thumbprint of a key in base64url (RFC 7638). */
export async function toThumbprint(jwk: PrivateJwk): Promise<string> {
  return toBase64url(await sha256(JSON.stringify(toPublicJwk(jwk))))
}
