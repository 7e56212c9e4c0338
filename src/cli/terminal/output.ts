// Output that is complete, or an error: on a full disk, Node's console drops lines and the command still succeeds.

import {
  existsSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'

const RETRY_MS = 5
const idle = new Int32Array(new SharedArrayBuffer(4))

/**
 * Writes the whole text to a file descriptor: one `write` may take only a part (POSIX). Waits while the
 * reader of a pipe is slower. Throws the error of the system, for example ENOSPC or EPIPE.
 */
export function writeAll(target: number, text: string): void {
  const bytes = new TextEncoder().encode(text)
  let done = 0
  while (done < bytes.length) {
    try {
      done += writeSync(target, bytes, done)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(idle, 0, 0, RETRY_MS) // Node makes pipes non-blocking
    }
  }
}

/** Prints a line on standard output. Throws as `writeAll` does. */
export const print = (line: string): void => writeAll(1, `${line}\n`)

/** A new file beside the one that it replaces. */
export type StagedFile = { commit: () => void; discard: () => void }

/**
 * Writes a file beside the one that it will replace, as a whole or not at all. `mode` are its permissions, by default those that it has.
 * `check` reads the new file before it replaces the old one, and throws when it is not as intended.
 */
export function stageFile(
  file: string,
  text: string,
  { mode, check }: { mode?: number; check?: (written: string) => void } = {},
): StagedFile {
  const target = existsSync(file) ? realpathSync(file) : file // not the symbolic link
  const temporary = `${target}.${process.pid}.new`
  const discard = () => rmSync(temporary, { force: true })
  try {
    discard()
    writeFileSync(temporary, text, { mode: mode ?? readMode(target), flag: 'wx' })
    check?.(temporary)
  } catch (error) {
    discard()
    throw error
  }
  return { commit: () => renameSync(temporary, target), discard }
}

/** Replaces a file as a whole, or not at all; see `stageFile`. */
export const replaceFile = (...args: Parameters<typeof stageFile>): void =>
  stageFile(...args).commit()

const readMode = (file: string): number => (existsSync(file) ? statSync(file).mode & 0o777 : 0o644)
