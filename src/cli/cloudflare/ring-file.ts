// The file of a key ring: .dev.vars locally; .keys.<environment> for a deployed Worker, whose secrets cannot be read back.

import { existsSync, readFileSync } from 'node:fs'

import { CommandError, messageOf } from '../terminal/command-error.ts'
import { type StagedFile, stageFile } from '../terminal/output.ts'
import { parseDotEnv, replaceValues } from './dot-env.ts'

/** What signs tokens, and what encrypts the seeds of second factors. Each may have a next and a previous key. */
export const SECRETS = ['JWT_SECRET', 'DATA_SECRET'] as const
export type Secret = (typeof SECRETS)[number]
const SUFFIXES = ['', '_NEXT', '_PREVIOUS'] as const
export const variablesOf = (secret: Secret) =>
  SUFFIXES.map((suffix) => `${secret}${suffix}` as const)
export const VARIABLES = SECRETS.flatMap(variablesOf)
export type Ring = Partial<Record<(typeof VARIABLES)[number], string>>

export const ALGORITHMS = ['HS256', 'ES256', 'EdDSA'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

/** Returns the file of a target's ring. Git ignores all of these names. Locally, wrangler prefers the environment's own. */
export function ringFile(remote: boolean, env: string | undefined): string {
  if (remote) return `.keys.${env ?? 'production'}`
  return env && existsSync(`.dev.vars.${env}`) ? `.dev.vars.${env}` : '.dev.vars'
}

/** Returns the ring in a file; an empty one when the file does not exist. */
export function readRing(file: string): Ring {
  const values = parseDotEnv(readText(file))
  const ring: Ring = {}
  for (const name of VARIABLES) if (values[name]) ring[name] = values[name]
  return ring
}

/** Replaces the ring in a file atomically; see `stageRing`. */
export const writeRing = (file: string, ring: Ring): void => stageRing(file, ring).commit()

/**
 * Prepares a file with another ring, which only the owner can read. Everything else in it stays as it is.
 * Throws a CommandError when the new file would not read back as intended.
 */
export function stageRing(file: string, ring: Ring): StagedFile {
  const before = readText(file)
  const text = replaceValues(before, VARIABLES, ring)
  const expected = {
    ...parseDotEnv(before),
    ...Object.fromEntries(VARIABLES.map((name) => [name, ring[name]])),
  }
  const check = (written: string) => {
    const actual = parseDotEnv(readText(written))
    const names = [...Object.keys(expected), ...Object.keys(actual)]
    const wrong = names.find((name) => actual[name] !== expected[name])
    if (wrong)
      throw new CommandError(
        `${file} was not changed: ${wrong} in it would not be read as it is now. Put each value in quotes that it does not contain, or create a new key with 'npm run keys -- generate'.`,
      )
  }
  return stageFile(file, text, { mode: 0o600, check })
}

/** Returns a file's text, with its byte order mark; an empty string when there is no such file. */
function readText(file: string): string {
  if (!existsSync(file)) return ''
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(file))
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${messageOf(error)}`)
  }
}

/** Returns a random secret for each of `names`. */
export async function generateSecrets(names: Secret[]): Promise<Ring> {
  const pairs = names.map(async (name) => [name, await generateSecret('HS256')] as const)
  return Object.fromEntries(await Promise.all(pairs))
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
