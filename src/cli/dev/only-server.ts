// One server per local database: SQLite would be locked for one of two, which then responds 503.

import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { CommandError } from '../terminal/command-error.ts'
import { isAlive } from '../terminal/end-with-parent.ts'
import { replaceFile } from '../terminal/output.ts'

const STARTING_MS = 60_000

type Server = { pid: number; url: string; startedAtMs: number }

/**
 * Throws a CommandError with the address of the server that runs on the database in `folder` already.
 * Otherwise notes this one there, until the process ends.
 */
export async function claimDatabase(folder: string, url: string): Promise<void> {
  const file = join(folder, 'dev-server.json')
  const other = readServer(file)
  if (other && isAlive(other.pid) && (await isServing(other)))
    throw new CommandError(
      `'npm run dev' serves this database already, on ${other.url}. Stop it first, or use a database of its own: npm run dev -- --persist-to <folder>`,
    )
  mkdirSync(folder, { recursive: true })
  const server: Server = { pid: process.pid, url, startedAtMs: Date.now() }
  replaceFile(file, JSON.stringify(server))
  process.once('exit', () => rmSync(file, { force: true }))
}

function readServer(file: string): Server | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Server
  } catch {
    return undefined // there is none
  }
}

/** The number of a process that was killed may be another's by now. */
async function isServing({ url, startedAtMs }: Server): Promise<boolean> {
  if (Date.now() - startedAtMs < STARTING_MS) return true
  return fetch(url, { signal: AbortSignal.timeout(5000) }).then(
    () => true,
    (error: Error) => error.name === 'TimeoutError' || !/ECONNREFUSED/.test(String(error.cause)),
  )
}
