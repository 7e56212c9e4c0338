// Which environment and account a command is about: resolved once, as wrangler does it, and passed on to wrangler.

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

import { CommandError } from '../terminal/command-error.ts'
import { loadWrangler, readWranglerToml } from './wrangler-toml.ts'

/** JWT_SECRET and the like are the Worker's, not the command's. */
const OURS = /^(CLOUDFLARE|CF|WRANGLER)_/

/**
 * Returns the environment of wrangler.toml: `--env`, or else CLOUDFLARE_ENV, also from .env files; undefined for
 * the top of the file. Loads the account and the login from the .env files. Throws a CommandError when
 * wrangler.toml has no such environment.
 */
export async function resolveEnvironment(flag: string | undefined): Promise<string | undefined> {
  await loadEnvFiles(flag)
  const name = flag ?? process.env.CLOUDFLARE_ENV
  // wrangler's own processes read it, and the .env files, again.
  process.env.CLOUDFLARE_ENV = name ?? ''
  if (!name) return undefined
  if (!/^[A-Za-z0-9_-]+$/.test(name))
    throw new CommandError('The name of an environment consists of letters, digits, _ and -.', 2)
  await readWranglerToml(name)
  return name
}

/** Loads what wrangler would load from .env files. What is set already has priority. */
async function loadEnvFiles(env: string | undefined): Promise<void> {
  const names = ['.env', '.env.local', ...(env ? [`.env.${env}`, `.env.${env}.local`] : [])]
  const files = names.map((name) => resolve(name)).filter((file) => existsSync(file))
  if (files.length === 0) return
  const { unstable_getVarsForDev: readFiles } = await loadWrangler()
  for (const [name, { value }] of Object.entries(readFiles(undefined, files, {}, undefined, true)))
    if (OURS.test(name) && typeof value === 'string') process.env[name] ??= value
}
