// The options of npm run dev: which of wrangler's apply to all of its steps, and which do not work with them.

import { createServer } from 'node:net'
import { parseArgs } from 'node:util'

import { refuseSwallowedOptions } from '../terminal/arguments.ts'
import { CommandError } from '../terminal/command-error.ts'

const OPTIONS = {
  port: { type: 'string' },
  ip: { type: 'string' },
  env: { type: 'string', short: 'e' },
  'persist-to': { type: 'string' },
  'local-protocol': { type: 'string' },
  'show-settings': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

export const OPTION_NAMES = Object.keys(OPTIONS)

/** With these, wrangler would serve something else than what was prepared. */
const REFUSED = new Set(['config', 'c', 'cwd', 'remote', 'env-file'])
const FIRST_PORT = 8787
const EVERYWHERE = new Map([
  ['*', '127.0.0.1'],
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
])

export type DevOptions = {
  port: string | undefined
  ip: string
  env: string | undefined
  persistTo: string | undefined
  protocol: string
  help: boolean
  showSettings: boolean
  /** What is passed on to wrangler unchanged. */
  others: string[]
}

/** Throws a usage error for options without a value, and for those that not all steps would follow. */
export function parseDevOptions(args: string[]): DevOptions {
  refuseSwallowedOptions(args, OPTIONS, { max: 0 })
  const { values, tokens } = parseArgs({ strict: false, tokens: true, args, options: OPTIONS })
  const refused = tokens.find((token) => token.kind === 'option' && REFUSED.has(token.name))
  if (refused?.kind === 'option')
    throw new CommandError(
      `npm run dev does not support ${refused.rawName}. Use 'npx wrangler dev'.`,
      2,
    )
  const read = (name: keyof typeof OPTIONS) => {
    const value = values[name]
    if (value === undefined || (typeof value === 'string' && /^(?!--)./.test(value))) return value
    throw new CommandError(`--${name} needs a value. Example: npm run dev -- --port 8799`, 2)
  }
  const others = tokens
    .filter((token) => token.kind !== 'option' || !Object.hasOwn(OPTIONS, token.name))
    .flatMap((token) => args[token.index] ?? [])
  return {
    port: read('port'),
    ip: read('ip') ?? '127.0.0.1',
    env: read('env'),
    persistTo: read('persist-to'),
    protocol: read('local-protocol') ?? 'http',
    help: values.help === true || args[0] === 'help',
    showSettings: values['show-settings'] === true,
    others,
  }
}

/** Returns the URL under which this machine reaches a server. */
export function toLocalUrl({ ip, protocol }: DevOptions, port: number): string {
  const host = EVERYWHERE.get(ip) ?? ip
  return `${protocol}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Returns the requested port, or the first free one from 8787. */
export async function choosePort({ port: requested, ip }: DevOptions): Promise<number> {
  if (requested === undefined) {
    for (let port = FIRST_PORT; port < FIRST_PORT + 100; port += 1)
      if (await isFree(port, ip)) return port
  }
  const port = Number(requested)
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new CommandError(
      `'${requested}' is not a valid port. Example: npm run dev -- --port 8799`,
      2,
    )
  if (!(await isFree(port, ip)))
    throw new CommandError(`Port ${port} is in use. Choose another with --port`)
  return port
}

/** Throws the error of the system when this machine has no such address. */
const isFree = (port: number, ip: string) =>
  new Promise<boolean>((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' || error.code === 'EACCES' ? resolve(false) : reject(error),
    )
    server.listen(port, ip === '*' ? '0.0.0.0' : ip, () => server.close(() => resolve(true)))
  })
