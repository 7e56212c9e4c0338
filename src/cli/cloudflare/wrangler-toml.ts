// wrangler.toml: read with wrangler's parser, changed only in the line with the database's id.

import { readFileSync } from 'node:fs'

import type { Unstable_Config as WranglerConfig } from 'wrangler'

import { readSettings, type Settings } from '../../config.ts'
import { CommandError, messageOf } from '../terminal/command-error.ts'
import { replaceFile } from '../terminal/output.ts'

export type { WranglerConfig }

const FILE = 'wrangler.toml'
const NO_DATABASE = '00000000-0000-0000-0000-000000000000'

/** Tables that environments do not inherit from the top of the file. */
const NOT_INHERITED = new Set(['secrets', 'vars', 'd1_databases', 'ratelimits'])

/** Loads wrangler as a library, which takes a second, and silences it. */
export async function loadWrangler() {
  process.env.WRANGLER_LOG ??= 'error'
  process.env.WRANGLER_WRITE_LOGS = 'false'
  process.env.CLOUDFLARE_CF_FETCH_ENABLED ??= 'false' // a download that only fails offline
  return import('wrangler')
}

/**
 * Returns the configuration of an environment. Throws a CommandError when it is not in the file: wrangler
 * would use the top of the file under another name.
 */
export async function readWranglerToml(env: string | undefined): Promise<WranglerConfig> {
  const { unstable_readConfig: readWranglerConfig } = await loadWrangler()
  let config: WranglerConfig
  try {
    // An empty name is the top of the file, also where CLOUDFLARE_ENV is set.
    config = readWranglerConfig({ env: '' }, { hideWarnings: true })
    if (env && config.definedEnvironments?.includes(env))
      return readWranglerConfig({ env }, { hideWarnings: true })
  } catch (error) {
    throw new CommandError(`${FILE} cannot be read: ${messageOf(error)}`)
  }
  if (!env) return config
  throw new CommandError(`${FILE} has no environment '${env}'. To create it, append:

${draftEnvironment(readFileSync(FILE, 'utf8'), env)}`)
}

/** Checks the settings with the Worker's own code, and adds its defaults. Throws `settings_invalid`. */
export function toSettings({ vars, d1_databases, ratelimits }: WranglerConfig): Settings {
  const bindings = [...d1_databases, ...ratelimits].map((entry) =>
    'binding' in entry ? entry.binding : entry.name,
  )
  const env = { ...Object.fromEntries(bindings.map((name) => [name, {}])), ...vars }
  return readSettings(env as unknown as Env) // `[vars]` may contain anything
}

/** Returns the id of the database; undefined for the placeholder. */
export function findDatabaseId(config: WranglerConfig): string | undefined {
  const database = config.d1_databases.find(({ binding }) => binding === 'DB')
  return database?.database_id === NO_DATABASE ? undefined : database?.database_id
}

/** Writes the id of the database into its line and changes nothing else. */
export async function writeDatabaseId(env: string | undefined, id: string): Promise<void> {
  replaceFile(FILE, replaceDatabaseId(readFileSync(FILE, 'utf8'), env, id))
  if (findDatabaseId(await readWranglerToml(env)) !== id)
    throw new CommandError(
      `${FILE} has an unexpected layout. Add this to it yourself: database_id = "${id}"`,
    )
}

/** Returns wrangler.toml with another `database_id` for the binding DB. */
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

/**
 * Returns the sections that a new environment needs, with its own names and its own database. It repeats settings,
 * although each has a default: wrangler warns about every variable that an environment lacks.
 */
export function draftEnvironment(toml: string, env: string): string {
  const drafts = splitSections(toml).flatMap((section) => {
    const [, open, table] = /^(\[\[?)([^\]]+)/.exec(section) ?? []
    if (!open || !table || !NOT_INHERITED.has(table)) return []
    const lines = section.split(/\r?\n/).filter((line) => !/^\s*(#|$)/.test(line))
    return lines
      .map((line) => toEnvironmentLine(line, env))
      .join('\n')
      .replace(table, `env.${env}.${table}`)
  })
  return [`[env.${env}]\npreview_urls = false`, ...drafts].join('\n\n')
}

/** Returns the text before the first table, then each table with its header. */
const splitSections = (toml: string) => toml.split(/^(?=\[)/m)

/** Replaces what must differ between environments. */
const toEnvironmentLine = (line: string, env: string) =>
  line
    .replace(/^((?:JWT_ISSUER|JWT_AUDIENCE|database_name) = "[^"]*)"/, `$1-${env}"`)
    .replace(/^(database_id = )".*"/, `$1"${NO_DATABASE}"`)
    .replace(/^(namespace_id = )"(\d+)"/, (_, key, id) => `${key}"${Number(id) + 1}"`)
