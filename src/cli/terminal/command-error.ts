// How a command fails: one message that says what to do, and no stack trace.

import { AppError } from '../../errors.ts'

/** An error that the person at the terminal can fix. Usage errors exit with 2, all others with 1. */
export class CommandError extends Error {
  readonly exitCode: 1 | 2

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Runs a command and prints its errors. Anything unexpected is a bug and keeps its stack trace. */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  try {
    await command()
  } catch (thrown) {
    const error = explain(thrown)
    if (!(error instanceof CommandError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = error.exitCode
  }
}

/** Converts an AppError about the user `name` to a CommandError; returns anything else unchanged. */
export function explain(error: unknown, name = ''): unknown {
  return error instanceof AppError ? new CommandError(toMessage(error, name)) : error
}

function toMessage({ code, message, details }: AppError, name: string): string {
  switch (code) {
    case 'input_invalid':
      return Object.entries(details.error ?? {})
        .map(([field, problems]) => `Invalid ${field}: ${[problems].flat().join(' ')}`)
        .join('\n')
    case 'not_found':
      return `There is no user '${name}'. See 'npm run users -- list'.`
    case 'username_taken':
      return `A user '${name}' exists already, perhaps in another case. See 'npm run users -- list ${name}'.`
    case 'database_failed':
      return `The database failed: ${message}`
    case 'settings_invalid':
      return `Invalid settings: ${message}`
    default:
      return message
  }
}

/** Returns the message of anything that was thrown. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)
