// Builds, tokens and statistics that all measurements share.

import { sign } from 'hono/jwt'

import { importKey } from '../../src/auth/keys/key-ring.ts'
import { generateSecret } from '../../src/cli/cloudflare/ring-file.ts'
import { buildWorker } from '../load/host.ts'

const PEERS = [
  'bare',
  'hono',
  'hono-headers',
  'hono-jwt',
  'hono-verify',
  'consumer',
  'rpc-caller',
  'rpc-verify',
  'argon2',
  'login-statements',
  'counted',
] as const

export type Builds = Record<'latchkey' | (typeof PEERS)[number], string>
export type Report = (text: string) => void

/** Builds every Worker the way Latchkey is deployed. Returns the folder of each build. */
export function buildAll(): Builds {
  const peers = PEERS.map((name) => [name, buildWorker(`test/bench/workers/${name}.ts`)] as const)
  return { ...(Object.fromEntries(peers) as Omit<Builds, 'latchkey'>), latchkey: buildWorker() }
}

export const SECRET = await generateSecret('HS256')
const { signing } = await importKey(SECRET)
let minted = 0

/** Creates distinct access tokens of one session, as the Worker would issue them. */
export function mintTokens(count: number, sid = 'Zm9vYmFyYmF6cXV4cXV1eA'): Promise<string[]> {
  const now = Math.floor(Date.now() / 1000)
  return Promise.all(
    Array.from({ length: count }, () => {
      minted += 1
      const claims = {
        iss: 'latchkey',
        aud: 'latchkey',
        sub: 'cosmo',
        sid,
        auth_time: now,
        type: 'access',
        jti: String(minted).padStart(22, '0'),
        roles: [],
        iat: now,
        exp: now + 900,
      }
      return sign(claims, signing)
    }),
  )
}

/** Returns the quantile of the numbers, for example the median for a share of 0.5. */
export function quantile(numbers: number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}

export const median = (numbers: number[]): number => quantile(numbers, 0.5)
