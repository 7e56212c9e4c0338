// The command line: options and positional arguments, none of which npm may have kept for itself.

import { parseArgs, type ParseArgsConfig } from 'node:util'

import { CommandError } from './command-error.ts'
import { toCommand } from './quote.ts'
import { findNearest, type Script, usageError } from './usage.ts'

/** The options of every command about users. */
export const TARGET_OPTIONS = {
  remote: { type: 'boolean', default: false },
  env: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

type Options = NonNullable<ParseArgsConfig['options']>

type Usage = Script & { max: number; hint?: string }

/**
 * Parses `args` with at most `max` positional arguments; `help` as the first one is `--help`. Throws a usage
 * error with `hint`, which never repeats an argument: it may be a password or a secret.
 */
export function parseArguments<Config extends Options>(
  args: string[],
  options: Config,
  { max, hint = '', ...script }: Usage,
) {
  refuseSwallowedOptions(args, options, { max, ...script })
  const fail = (...problem: string[]) => usageError(problem.filter(Boolean).join(' '), script)
  const loose = parseArgs({ args, options, allowPositionals: true, strict: false, tokens: true })
  const tokens: Token[] = loose.tokens.flatMap((token) => (token.kind === 'option' ? token : []))
  const unknown = tokens.find(({ name }) => !lookUp(options, name))
  if (unknown) throw fail('Unknown option.', suggest(unknown, options) || hint)
  const problem = tokens.map((token) => validateValue(token, options)).find(Boolean)
  if (problem) throw fail(problem)
  const isHelp = loose.positionals[0] === 'help' && !script.command
  const known = isHelp ? ['--help'] : args
  const { values, positionals } = parseArgs({ args: known, options, allowPositionals: true })
  if (positionals.length > max) throw fail('Too many arguments.', hint)
  return { values, positionals }
}

type Token = { name: string; value?: string | undefined; inlineValue?: boolean | undefined }

function suggest({ name }: Token, options: Options): string {
  const nearest = findNearest(name, Object.keys(options))
  return nearest ? `Did you mean --${nearest}?` : ''
}

/** Returns what is wrong with the value of an option. parseArgs would repeat the value. */
function validateValue({ name, value, inlineValue }: Token, options: Options) {
  const needsValue = options[name]?.type === 'string'
  if (!needsValue) return value === undefined ? undefined : `--${name} does not take a value.`
  if (value === undefined) return `--${name} needs a value.`
  return inlineValue || !/^-./.test(value)
    ? undefined
    : `--${name} needs a value. One that begins with a hyphen follows '=', as in --${name}=-x`
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
