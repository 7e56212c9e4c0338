// How a command ends when it cannot do what it was asked: one message, and no stack.

import { AppError } from '../../errors.ts'

/** A failure that the person at the terminal can mend: the message says how. Usage errors exit with 2. */
export class Failure extends Error {
  readonly exitCode: 1 | 2

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Runs a command; a Failure is printed, and so is one of the database; anything else is a bug and shows its stack. */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  try {
    await command()
  } catch (thrown) {
    const error =
      thrown instanceof AppError ? new Failure(`The database failed: ${thrown.message}`) : thrown
    if (!(error instanceof Failure)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = error.exitCode
  }
}

/** The message of whatever was thrown. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)
