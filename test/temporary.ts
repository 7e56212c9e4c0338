import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Creates a folder for the temporary files of this process and its children. Returns a function that removes it. */
export function setup(): () => void {
  const { TMPDIR = tmpdir() } = process.env
  const folder = mkdtempSync(join(TMPDIR, 'latchkey-'))
  process.env.TMPDIR = folder
  process.env.NODE_COMPILE_CACHE = join(folder, 'compiled') // wrangler is compiled once, not in each process
  return () => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    process.env.TMPDIR = TMPDIR // the same process may start Vitest again
  }
}
