// Questions at the terminal: a hidden password, or yes or no.

import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'

import { CommandError } from './command-error.ts'

/** Reads a line from the terminal; with `hidden`, without showing it. */
async function ask(question: string, hidden: boolean): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const output = hidden ? silent : process.stderr
  if (hidden) process.stderr.write(question)
  const terminal = createInterface({ input: process.stdin, output, terminal: true })
  try {
    return await terminal.question(hidden ? '' : question)
  } finally {
    terminal.close()
    if (hidden) process.stderr.write('\n')
  }
}

/** Asks twice for a new password; without a terminal, reads the first line of standard input. */
export async function readNewPassword(): Promise<string> {
  if (!process.stdin.isTTY) {
    const [line = ''] = (await text(process.stdin)).split(/\r?\n/)
    return line
  }
  const password = await ask('New password: ', true)
  if ((await ask('Repeat the password: ', true)) !== password)
    throw new CommandError("Passwords don't match.")
  return password
}

/** Asks for a yes. Returns true without asking when there is no terminal. */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return true
  return /^y(es)?$/i.test(await ask(`${question} [y/N] `, false))
}
