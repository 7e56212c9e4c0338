// An option of npm run dev that nobody has: wrangler would print the whole help of `wrangler dev`.

import { loadWrangler } from '../cloudflare/wrangler-toml.ts'
import { findNearest, usageError } from '../terminal/usage.ts'

/** Throws a usage error for an option that resembles one of wrangler or `own`, and is neither. */
export async function refuseTypos(args: string[], own: string[]): Promise<void> {
  const typed = args.flatMap((arg) => /^--([a-zA-Z][\w-]*)/.exec(arg)?.[1] ?? [])
  if (typed.length === 0) return
  const known = [...own, ...(await listWranglerOptions())]
  for (const name of typed) {
    // wrangler also accepts --noBundle and --no-bundle for `bundle`, and abbreviates experimental.
    const plain = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    if (known.includes(plain) || known.includes(plain.replace(/^no-/, ''))) continue
    if (/^(x|experimental)-/.test(plain)) continue
    const nearest = findNearest(plain, known)
    if (nearest) throw usageError(`Unknown option. Did you mean --${nearest}?`, { script: 'dev' })
  }
}

async function listWranglerOptions(): Promise<string[]> {
  const { experimental_getWranglerCommands: getCommands } = await loadWrangler()
  const { registry, globalFlags } = getCommands()
  const definition = registry.subtree.get('dev')?.definition
  const options: Record<string, { alias?: string | readonly string[]; type?: string }> = {
    ...(definition?.type === 'command' && definition.args),
    ...globalFlags,
  }
  const aliases = Object.values(options).flatMap((option) => option.alias ?? [])
  return [...Object.keys(options), ...aliases].filter((name) => name.length > 1)
}
