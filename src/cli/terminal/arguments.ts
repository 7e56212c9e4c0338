// The command line: options and positional arguments.

import { parseArgs, type ParseArgsConfig } from 'node:util'

import { CommandError } from './command-error.ts'

/** The options of every command about users. */
export const TARGET_OPTIONS = {
  remote: { type: 'boolean', default: false },
  env: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

type Options = NonNullable<ParseArgsConfig['options']>

/**
 * Parses `args` with at most `max` positional arguments. Throws a usage error with `hint` and `help`,
 * which never repeats an argument: it may be a password or a secret.
 */
export function parseArguments<Config extends Options>(
  args: string[],
  options: Config,
  { help, max, hint = '' }: { help: string; max: number; hint?: string },
) {
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
