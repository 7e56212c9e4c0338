// The command line of `import` and `export`.

import { parseArgs, type ParseArgsConfig } from 'node:util'

import { Failure } from './failure.ts'

/** What every command on users takes. */
export const TARGET_OPTIONS = {
  remote: { type: 'boolean', default: false },
  env: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

/** One positional and the options; an unknown option is a Failure that shows the usage. */
export function readArguments<Options extends NonNullable<ParseArgsConfig['options']>>(
  args: string[],
  options: Options,
  help: string,
) {
  const parsed = tryParse(args, options)
  if (!parsed) throw new Failure(`Unknown option.\n\n${help}`, 2)
  const [file, ...rest] = parsed.positionals
  if (rest.length > 0) throw new Failure(`Too many arguments.\n\n${help}`, 2)
  return { file, values: parsed.values }
}

function tryParse<Options extends NonNullable<ParseArgsConfig['options']>>(
  args: string[],
  options: Options,
) {
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch {
    return undefined // an unknown option, or a value missing: readArguments says so
  }
}
