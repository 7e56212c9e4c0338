// Commands that are printed to be copied into a shell.

/** Returns an argument in single quotes, in which a POSIX shell expands nothing. */
export const quoteAlways = (argument: string): string => `'${argument.replaceAll("'", `'\\''`)}'`

/** Returns an argument for a shell, in quotes when it needs them. */
export const quote = (argument: string): string =>
  /^[\w@%+:,./-]+$/.test(argument) ? argument : quoteAlways(argument)

/** Returns `npm run <script>` with its arguments, after the `--` that npm needs to pass on options. */
export const toCommand = (script: string, args: string[]): string =>
  ['npm run', script, ...(args.length > 0 ? ['--', ...args.map(quote)] : [])].join(' ')
