import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Has this process and its children put temporary files into a folder of their own; the answer removes it. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'))
  process.env.TMPDIR = folder
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
}
