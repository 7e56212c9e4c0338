// The command line: options and positional arguments, none of which npm may have kept for itself.

import { parseArgs, type ParseArgsConfig } from 'node:util'

import { CommandError } from './command-error.ts'
import { toCommand } from './quote.ts'

/** The options of every command about users. */
export const TARGET_OPTIONS = {
  remote: { type: 'boolean', default: false },
  env: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

type Options = NonNullable<ParseArgsConfig['options']>

/** `command` is what comes before `args` on the command line. */
type Usage = { help: string; max: number; hint?: string; command?: string[] }

/**
 * Parses `args` with at most `max` positional arguments. Throws a usage error with `hint` and `help`,
 * which never repeats an argument: it may be a password or a secret.
 */
export function parseArguments<Config extends Options>(
  args: string[],
  options: Config,
  { help, max, hint = '', command = [] }: Usage,
) {
  refuseSwallowedOptions(args, options, { max, command })
  const parsed = parseOptions(args, options)
  const problem = parsed ? 'Too many arguments.' : 'Unknown option, or an option without a value.'
  if (!parsed || parsed.positionals.length > max)
    throw new CommandError(`${problem}${hint && ` ${hint}`}\n\n${help}`, 2)
  return parsed
}

function parseOptions<Config extends Options>(args: string[], options: Config) {
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch {
    return undefined // a TypeError whose message repeats the argument
  }
}

/** Returns an entry of a table, never what every object inherits, such as `constructor`. */
export const lookUp = <Value>(table: Record<string, Value>, key: string): Value | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined

/**
 * Throws a usage error when npm has kept an option for itself, because the `--` before it is missing:
 * `npm run deploy --dry-run` would deploy. npm passes such options on only as `npm_config_dry_run`.
 */
export function refuseSwallowedOptions(
  args: string[],
  options: Options,
  { max, command = [] }: { max: number; command?: string[] },
): void {
  const swallowed = Object.keys(options).filter(
    (name) => readSwallowed(name) !== undefined && !hasOption(args, name, options[name]?.short),
  )
  if (swallowed.length === 0) return
  // npm keeps `--env=staging` with its value, but of `--env staging` only the name.
  const isNameOnly = (name: string) =>
    options[name]?.type === 'string' && readSwallowed(name) === 'true'
  const known = [...args]
  const values = swallowed
    .filter(isNameOnly)
    .flatMap(() => (known.length > Math.min(max, 1) ? (known.pop() ?? []) : []))
  const isClear = values.length === 1 && known.length <= max // one more may be a password
  const flags = swallowed.flatMap((name) => {
    if (options[name]?.type === 'boolean') return [`--${name}`]
    if (isNameOnly(name)) return [`--${name}`, isClear ? (values[0] ?? '…') : '…']
    return (readSwallowed(name) ?? '').split('\n\n').flatMap((value) => [`--${name}`, value])
  })
  const names = swallowed.map((name) => `--${name}`).join(', ')
  const script = process.env.npm_lifecycle_event ?? '<command>'
  const line = toCommand(script, [...command, ...known.slice(0, max), ...flags])
  throw new CommandError(
    `Nothing was done: npm has kept ${names} for itself, because '--' is missing. The right line:\n\n  ${line}`,
    2,
  )
}

/** Returns the value of an option that npm has kept; undefined when it is not set, or false. */
function readSwallowed(name: string): string | undefined {
  const value = process.env[`npm_config_${name.replaceAll('-', '_')}`]
  return value === '' || value === 'false' ? undefined : value
}

const hasOption = (args: string[], name: string, short: string | undefined) =>
  args.some((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`) || arg === `-${short}`)

export const isHttpUrl = (text: string): boolean =>
  URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
