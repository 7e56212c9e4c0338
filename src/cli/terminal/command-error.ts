// How a command fails: one message that says what to do, and no stack trace.

import { AppError } from '../../errors.ts'
import { toCommand } from './quote.ts'
import { writeAll } from './output.ts'

/** An error that the person at the terminal can fix. Usage errors exit with 2, Ctrl+C with 130, all others with 1. */
export class CommandError extends Error {
  readonly exitCode: 1 | 2 | 130

  constructor(message: string, exitCode: 1 | 2 | 130 = 1) {
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
    process.exitCode = error.exitCode
    writeAll(2, `${error.message}\n`)
  }
}

/**
 * Converts an AppError about the user `name`, and an error of the operating system, to a CommandError.
 * Returns anything else unchanged.
 */
export function explain(error: unknown, name = ''): unknown {
  if (error instanceof AppError) return new CommandError(toMessage(error, name))
  return isSystemError(error) ? new CommandError(toSystemMessage(error)) : error
}

/** ENOSPC, EROFS, EACCES, EPIPE …: nothing in the code is wrong. */
const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'syscall' in error && 'code' in error

const toSystemMessage = ({ code, message }: NodeJS.ErrnoException): string =>
  code === 'EPIPE' ? 'The output is incomplete: its reader has closed the pipe.' : message

function toMessage({ code, message, details }: AppError, name: string): string {
  switch (code) {
    case 'input_invalid':
      return Object.entries(details.error ?? {})
        .map(([field, problems]) => `Invalid ${field}: ${[problems].flat().join(' ')}`)
        .join('\n')
    case 'not_found':
      return `There is no user '${name}'. See 'npm run users -- list'.`
    case 'username_taken':
      return `A user '${name}' exists already, perhaps in another case. See: ${toCommand('users', ['list', ...(name.startsWith('-') ? ['--'] : []), name])}`
    case 'database_failed':
      return `The database failed: ${message}`
    case 'settings_invalid':
      return `Invalid settings: ${message}`
    default:
      return message
  }
}

/** Returns the message of anything that was thrown, with its causes: that of fetch is only "fetch failed". */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause
  const messages = [error.message, inner === undefined ? '' : messageOf(inner)]
  return messages.filter(Boolean).join(': ')
}
