// Files that commands write into other projects.

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { replaceFile } from './output.ts'
import { confirm } from './prompt.ts'

type Copy = {
  what: string
  yes: boolean
  /** Whether a first line is that of an earlier copy. */ isOwn: IsOwn
}
type IsOwn = (line: string, newLine: string) => boolean

const toFirstLine = (text: string): string => text.split('\n')[0] ?? ''

/** Replaces an earlier copy, and asks before it replaces anything else: `src` is easily typed for `src/latchkey`. */
export async function writeCopies(
  target: string,
  files: [path: string, text: string][],
  { what, isOwn, yes }: Copy,
): Promise<void> {
  const foreign = files.flatMap(([path, text]) => {
    const file = join(target, path)
    if (!existsSync(file)) return []
    return isOwn(toFirstLine(readFileSync(file, 'utf8')), toFirstLine(text)) ? [] : [file]
  })
  if (foreign.length > 0)
    await confirm(`This replaces files that are not of the ${what}: ${foreign.join(', ')}.`, {
      yes,
    })
  for (const [path, text] of files) {
    mkdirSync(dirname(join(target, path)), { recursive: true })
    replaceFile(join(target, path), text)
  }
}
