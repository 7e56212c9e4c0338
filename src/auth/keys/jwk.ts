// Private JSON Web Keys (RFC 7517) of the two kinds that may sign: EC P-256 and Ed25519.

import * as z from 'zod/mini'

import { toBase64url } from '../base64url.ts'

const coordinate = z.string().check(z.regex(/^[\w-]{43}$/)) // 32 bytes in base64url

const PrivateJwkSchema = z.discriminatedUnion('kty', [
  z.object({
    kty: z.literal('EC'),
    crv: z.literal('P-256'),
    x: coordinate,
    y: coordinate,
    d: coordinate,
  }),
  z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: coordinate, d: coordinate }),
])

export type PrivateJwk = z.output<typeof PrivateJwkSchema>
/** As it stands in /.well-known/jwks.json. */
export type PublicJwk = {
  kty: string
  crv: string
  x: string
  y?: string
  kid: string
  alg: string
  use: 'sig'
}

/** The private key in a text; undefined when it is none of these kinds, or the public half alone. */
export function parseJwk(text: string): PrivateJwk | undefined {
  try {
    return PrivateJwkSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined // a SyntaxError
  }
}

/** The members of the public half (RFC 7638 3.2), in the order of the thumbprint. */
export const toPublicJwk = (jwk: PrivateJwk) =>
  jwk.kty === 'EC'
    ? { crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }
    : { crv: jwk.crv, kty: jwk.kty, x: jwk.x }

/** The SHA-256 thumbprint of a key (RFC 7638) in base64url. */
export async function toThumbprint(jwk: PrivateJwk): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(toPublicJwk(jwk)))
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return toBase64url(digest)
}
