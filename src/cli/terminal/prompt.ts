// Asking at the terminal: a password without showing it, a yes or no.

import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'

import { Failure } from './failure.ts'

/** A line from the terminal; `hidden` shows nothing of it. */
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

/** A new password: asked for twice at a terminal, else the first line of standard input. */
export async function readNewPassword(): Promise<string> {
  if (!process.stdin.isTTY) {
    const [line = ''] = (await text(process.stdin)).split(/\r?\n/)
    return line
  }
  const password = await ask('New password: ', true)
  if ((await ask('Once more: ', true)) !== password) throw new Failure('The two are not the same.')
  return password
}

/** Asks for a yes at a terminal; without one it never asks. */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return true
  return /^y(es)?$/i.test(await ask(`${question} [y/N] `, false))
}
