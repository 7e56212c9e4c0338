// The file of a key ring: .dev.vars locally; .keys.<environment> for a deployed Worker, whose secrets cannot be read back.

import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { parseEnv } from 'node:util'

export const VARIABLES = ['JWT_SECRET', 'JWT_SECRET_NEXT', 'JWT_SECRET_PREVIOUS'] as const
export type Ring = Partial<Record<(typeof VARIABLES)[number], string>>

export const ALGORITHMS = ['HS256', 'ES256', 'EdDSA'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

/** Returns the file of a target's ring. Git ignores both names. */
export const ringFile = (remote: boolean, env: string | undefined): string =>
  remote ? `.keys.${env ?? 'production'}` : '.dev.vars'

/** Returns the ring in a file; an empty one when the file does not exist. */
export function readRing(file: string): Ring {
  const values = existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {}
  const ring: Ring = {}
  for (const name of VARIABLES) if (values[name]) ring[name] = values[name]
  return ring
}

/** Replaces the ring in a file atomically and keeps its other lines. Only the owner can read the file. */
export function writeRing(file: string, ring: Ring): void {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  const others = lines.filter(
    (line) => !/^\s*(export\s+)?JWT_SECRET(_NEXT|_PREVIOUS)?\s*=/.test(line),
  )
  const entries = VARIABLES.flatMap((name) => (ring[name] ? [`${name}='${ring[name]}'`] : []))
  const rest = others.join('\n').trimEnd()
  const temporary = `${file}.new`
  writeFileSync(temporary, `${[...(rest ? [rest] : []), ...entries].join('\n')}\n`, { mode: 0o600 })
  chmodSync(temporary, 0o600)
  renameSync(temporary, file)
}

/** Returns a random secret: 32 bytes in base64, or a private JWK. */
export async function generateSecret(algorithm: Algorithm): Promise<string> {
  if (algorithm === 'HS256')
    return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))
  const type = algorithm === 'ES256' ? { name: 'ECDSA', namedCurve: 'P-256' } : { name: 'Ed25519' }
  const pair = (await crypto.subtle.generateKey(type, true, ['sign', 'verify'])) as CryptoKeyPair
  const { kty, crv, x, y, d } = (await crypto.subtle.exportKey(
    'jwk',
    pair.privateKey,
  )) as JsonWebKey
  return JSON.stringify({ kty, crv, x, y, d })
}
