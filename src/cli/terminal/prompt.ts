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
      terminal.once('SIGINT', () => reject(new CommandError('Cancelled.', 130))) // Ctrl+C
      const cancel = () => reject(new CommandError('Cancelled.'))
      terminal.once('close', cancel) // Ctrl+D: Node would wait forever
      terminal.question(hidden ? '' : question).then(resolve, cancel)
    })
  } finally {
    terminal.close()
    if (hidden) process.stderr.write('\n')
  }
}

/** Asks twice for a new password; without a terminal, reads the first line of standard input. */
export async function readNewPassword(): Promise<string> {
  if (!process.stdin.isTTY) {
    const [line = ''] = decode(await buffer(process.stdin)).split(/\r?\n/)
    return line
  }
  const password = await ask('New password: ', true)
  if ((await ask('Repeat the password: ', true)) !== password)
    throw new CommandError("Passwords don't match.")
  return password
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

/** Asks for a yes. Returns true without asking when there is no terminal. */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return true
  return /^y(es)?$/i.test(await ask(`${question} [y/N] `, false))
}
