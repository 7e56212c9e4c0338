// A copy of wrangler.toml that names all keys during a rotation: wrangler drops variables of .dev.vars that are
// neither under [vars] nor required secrets.

import { readFileSync } from 'node:fs'

import { replaceFile } from '../terminal/output.ts'

const FILE = '.wrangler.rotating.toml'

/** Returns wrangler's options for a copy in which `names` are required secrets as well. */
export function writeRotatingConfig(names: string[]): string[] {
  const toml = readFileSync('wrangler.toml', 'utf8')
  if (names.every((name) => new RegExp(`["']${name}["']`).test(toml))) return []
  replaceFile(FILE, requireSecrets(toml, names))
  return ['--config', FILE]
}

/** Adds names to each list of required secrets, which may have several lines. */
export const requireSecrets = (toml: string, names: string[]): string =>
  toml.replaceAll(
    /^([ \t]*required[ \t]*=[ \t]*\[)([^\]]*)\]/gm,
    (_, start: string, list: string) => {
      const own = [...list.replaceAll(/#.*$/gm, '').matchAll(/(["'])(.*?)\1/g)].map(
        ([, , name]) => name,
      )
      const all = [...new Set([...own, ...names])]
      return `${start}${all.map((name) => `"${name}"`).join(', ')}]`
    },
  )
