// The secrets of a deployment: those of the Worker are kept, missing ones come from the local file or are created.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { importKey } from '../../auth/keys/key-ring.ts'
import type { Api } from '../cloudflare/api.ts'
import {
  generateSecrets,
  readRing,
  type Ring,
  ringFile,
  type Secret,
  SECRETS,
  variablesOf,
  writeRing,
} from '../cloudflare/ring-file.ts'
import { listSecrets } from '../cloudflare/worker.ts'
import type { WranglerConfig } from '../cloudflare/wrangler-toml.ts'
import { CommandError } from '../terminal/command-error.ts'
import type { Options } from './deploy-steps.ts'

/**
 * Prepares the secrets that the Worker lacks, which are uploaded together with it: `secret put` needs a Worker, and a
 * deployment needs the required secrets. The result is wrangler's options.
 */
export async function ensureSecrets(
  api: Api,
  { name = '' }: WranglerConfig,
  { env, dryRun }: Options,
) {
  const deployed = (await listSecrets(api, name)) ?? []
  const missing = SECRETS.filter((secret) => !deployed.includes(secret))
  if (missing.length === 0) return { note: 'exists', result: [] }
  const file = ringFile(true, env)
  const ring = readRing(file)
  for (const secret of missing) await requireUsable(secret, ring[secret], file)
  const created = missing.filter((secret) => !ring[secret])
  const which = deployed.includes('JWT_SECRET') ? `${missing.join(', ')} ` : ''
  if (dryRun && created.length > 0)
    return { note: `${which}would be created in ${file}`, result: [] }
  if (created.length > 0) writeRing(file, { ...ring, ...(await generateSecrets(created)) })
  const note =
    created.length > 0
      ? `${which}created in ${file}: keep that file, 'npm run keys' needs it`
      : `${which}from ${file}`
  const isFirst = missing.length === SECRETS.length
  return { note, result: ['--secrets-file', isFirst ? file : writeOnly(missing, readRing(file))] }
}

/** Throws a CommandError for a secret that the Worker, or wrangler, would not accept. */
async function requireUsable(name: string, secret = '', file: string): Promise<void> {
  if (secret === '') return
  if (secret.includes('$'))
    throw new CommandError(`${name} in ${file} contains a $, which wrangler would expand.`)
  await importKey(secret).catch((error: Error) => {
    throw new CommandError(`${name} in ${file} ${error.message}.`)
  })
}

/** Returns a temporary file without the secrets that the Worker has: those of the ring may be older. */
function writeOnly(names: Secret[], ring: Ring): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-secrets-'))
  process.once('exit', () => rmSync(folder, { recursive: true }))
  const file = join(folder, 'secrets')
  const wanted = names.flatMap(variablesOf)
  writeRing(
    file,
    Object.fromEntries(wanted.flatMap((name) => (ring[name] ? [[name, ring[name]]] : []))),
  )
  return file
}
