// Replaces the table of settings that `wrangler dev` prints by one line, in wrangler's own process.

import { stripVTControlCharacters } from 'node:util'

const TITLE = 'Your Worker has access to the following bindings:'
/** The head of the table, a row, or a value that did not fit into its row. */
const ROW = /^(Binding\b|env\.| {2}\S)/

/** Returns a function that replaces the table in what is written, and leaves the rest unchanged. */
export function createFold(): (text: string) => string {
  let rows: number | undefined
  const foldLine = (line: string): string => {
    const plain = stripVTControlCharacters(line)
    if (plain.startsWith(TITLE)) rows = 0
    else if (rows === undefined) return line
    else if (plain.startsWith('env.')) rows += 1
    else if (!ROW.test(plain)) {
      const summary = `${rows} settings and bindings: 'npm run dev -- --show-settings' lists them.\n`
      rows = undefined
      return summary + line
    }
    return ''
  }
  return (text) =>
    text
      .split(/(?<=\n)/)
      .map(foldLine)
      .join('')
}

/** Folds the table on standard output, which stays a terminal if it is one. */
export function foldSettings(): void {
  const fold = createFold()
  const write = process.stdout.write.bind(process.stdout) as (...args: unknown[]) => boolean
  process.stdout.write = (chunk: unknown, ...rest: unknown[]) =>
    write(typeof chunk === 'string' ? fold(chunk) : chunk, ...rest)
}
