// wrangler.toml: read as wrangler reads it, and changed in the one line that a deployment has to write.

import { readFileSync, writeFileSync } from 'node:fs'

import type { Unstable_Config as WranglerConfig } from 'wrangler'

import { Failure, messageOf } from '../terminal/failure.ts'

export type { WranglerConfig }

const FILE = 'wrangler.toml'
const NO_DATABASE = '00000000-0000-0000-0000-000000000000'

/** What wrangler does not hand down from the top of the file to an environment. */
const NOT_INHERITED = new Set(['secrets', 'vars', 'd1_databases', 'ratelimits'])

/** wrangler as a library: loaded when needed, since that takes a second, and told to be quiet. */
export async function loadWrangler() {
  process.env.WRANGLER_LOG ??= 'error'
  process.env.CLOUDFLARE_CF_FETCH_ENABLED ??= 'false' // a download that only fails offline
  return import('wrangler')
}

/** The configuration of an environment. wrangler takes an unknown one for production under another name: refused here. */
export async function readWranglerToml(env: string | undefined): Promise<WranglerConfig> {
  const { unstable_readConfig: readWranglerConfig } = await loadWrangler()
  let config: WranglerConfig
  try {
    config = readWranglerConfig({ ...(env && { env }) }, { hideWarnings: true })
  } catch (error) {
    throw new Failure(`${FILE} cannot be read: ${messageOf(error)}`)
  }
  if (!env || config.definedEnvironments?.includes(env)) return config
  throw new Failure(`${FILE} has no environment '${env}'. To make it, add this to the end of the file:

${draftEnvironment(readFileSync(FILE, 'utf8'), env)}`)
}

/** The id of the database in a configuration; undefined while it is still the placeholder. */
export function findDatabaseId(config: WranglerConfig): string | undefined {
  const database = config.d1_databases.find(({ binding }) => binding === 'DB')
  return database?.database_id === NO_DATABASE ? undefined : database?.database_id
}

/** Writes the id of the database into its line; everything else stays as it is. */
export async function writeDatabaseId(env: string | undefined, id: string): Promise<void> {
  writeFileSync(FILE, replaceDatabaseId(readFileSync(FILE, 'utf8'), env, id))
  if (findDatabaseId(await readWranglerToml(env)) !== id)
    throw new Failure(
      `${FILE} is written in another way than expected: put in database_id = "${id}"`,
    )
}

/** The text of wrangler.toml with another `database_id` for the binding DB. */
export function replaceDatabaseId(toml: string, env: string | undefined, id: string): string {
  const header = `[[${env ? `env.${env}.` : ''}d1_databases]]`
  const sections = splitSections(toml).map((section) => {
    if (!section.startsWith(header) || !/^\s*binding\s*=\s*["']DB["']/m.test(section))
      return section
    const line = /^([ \t]*database_id\s*=\s*)["'][^"']*["']/m
    if (line.test(section)) return section.replace(line, `$1"${id}"`)
    return section.replace(/^[ \t]*binding\s*=.*$/m, `$&\ndatabase_id = "${id}"`)
  })
  return sections.join('')
}

/** The sections that an environment needs, as at the top of the file, with names and a database of its own. */
export function draftEnvironment(toml: string, env: string): string {
  const drafts = splitSections(toml).flatMap((section) => {
    const [, open, table] = /^(\[\[?)([^\]]+)/.exec(section) ?? []
    if (!open || !table || !NOT_INHERITED.has(table)) return []
    const lines = section.split(/\r?\n/).filter((line) => !/^\s*(#|$)/.test(line))
    return lines
      .map((line) => toOwn(line, env))
      .join('\n')
      .replace(table, `env.${env}.${table}`)
  })
  return drafts.join('\n\n')
}

/** The text before the first table, then each table with its header. */
const splitSections = (toml: string) => toml.split(/^(?=\[)/m)

/** A line with what each environment must have for itself. */
const toOwn = (line: string, env: string) =>
  line
    .replace(/^((?:JWT_ISSUER|JWT_AUDIENCE|database_name) = "[^"]*)"/, `$1-${env}"`)
    .replace(/^(database_id = )".*"/, `$1"${NO_DATABASE}"`)
    .replace(/^(namespace_id = )"(\d+)"/, (_, key, id) => `${key}"${Number(id) + 1}"`)
