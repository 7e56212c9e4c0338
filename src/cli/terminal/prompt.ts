// Questions at the terminal: a hidden password, or yes or no.

import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'

import { CommandError } from './command-error.ts'

/** Reads a line from the terminal; with `hidden`, without showing it. */
async function ask(question: string, hidden: boolean): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const output = hidden ? silent : process.stderr
  const terminal = createInterface({ input: process.stdin, output, terminal: true })
  if (hidden) process.stderr.write(question) // only now does the terminal no longer echo what is typed
  try {
    return await new Promise((resolve, reject) => {
      const cancel = () => reject(new CommandError('Cancelled.', 130))
      terminal.once('SIGINT', cancel) // Ctrl+C
      terminal.once('close', cancel) // Ctrl+D: Node would wait forever
      terminal.question(hidden ? '' : question).then(resolve, cancel)
    })
  } finally {
    terminal.close()
    if (hidden) process.stderr.write('\n')
  }
}

/** `rules` are shown before anything is typed; `validate` returns why a password is not allowed. */
type NewPassword = { rules: string; validate: (password: string) => Promise<string | undefined> }

/**
 * Asks for a new password until it is allowed, and then for the same again; without a terminal, reads the first line
 * of standard input, which is not validated.
 */
export async function readNewPassword({ rules, validate }: NewPassword): Promise<string> {
  if (!process.stdin.isTTY) {
    const [line = ''] = decode(await buffer(process.stdin)).split(/\r?\n/)
    return line
  }
  process.stderr.write(`${rules}\n`)
  for (;;) {
    const password = await ask('New password: ', true)
    const problem = await validate(password)
    if (problem) process.stderr.write(`${problem} Choose another, or press Ctrl+C.\n`)
    else if ((await ask('Repeat the password: ', true)) === password) return password
    else process.stderr.write("Passwords don't match. Try again, or press Ctrl+C.\n")
  }
}

/** Throws for anything but UTF-8: replaced characters would make different passwords equal. */
function decode(bytes: Uint8Array): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes)
    if (!text.includes('\0')) return text
  } catch {
    // a TypeError without the position
  }
  throw new CommandError('The password on standard input is not UTF-8.')
}

/**
 * Shows what a command is about to do, and asks, unless `yes` is the answer already. Throws a CommandError after
 * anything but a yes, and without a terminal.
 */
export async function confirm(change: string, { yes }: { yes: boolean }): Promise<void> {
  if (yes) return
  if (!process.stdin.isTTY)
    throw new CommandError(`${change}\nNothing was changed: without a terminal, add --yes.`, 2)
  process.stderr.write(`${change}\n`)
  if (!/^y(es)?$/i.test(await ask('Continue? [y/N] ', false)))
    throw new CommandError('Nothing was changed.')
}
