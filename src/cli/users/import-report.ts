// What `import` prints: the counts, or why nothing was imported and what to do about it.

import { CommandError } from '../terminal/command-error.ts'
import { print } from '../terminal/output.ts'
import type { Entry, Rejection } from './user-file.ts'

type Counts = { imported: number; same: number; skipped: number }
type Report = { unsupported: Rejection[]; json: boolean; dryRun: boolean }

const MAX_SHOWN = 50
const TAKEN = 'username: a user of this name exists already, perhaps in another case'

export const toTakenRejection = ({ at, user }: Entry): Rejection => ({
  at,
  username: user.username,
  reason: TAKEN,
})

/** Prints what was imported, and who was not because of their hash. */
export function reportImport(counts: Counts, { unsupported, json, dryRun }: Report): void {
  const skipped = unsupported.length > 0
  if (json) {
    const list = skipped && { unsupported: unsupported.map(toJson) }
    return print(JSON.stringify({ ok: true, dry_run: dryRun, ...counts, ...list }))
  }
  const rows: [string, number][] = [
    [dryRun ? 'would be imported' : 'imported', counts.imported],
    ['unchanged, exist already', counts.same],
    ['skipped, name taken', counts.skipped],
    ...(skipped ? ([['skipped, hash unsupported', unsupported.length]] as [string, number][]) : []),
  ]
  print(toTable(rows))
  if (!skipped) return
  print(`
${toLines(unsupported)}

${toFormats(unsupported)}. Invite these users: npm run users -- add <name> --invite`)
}

/** Prints the rejected rows as JSON, or throws them. */
export function reportRejections(rejections: Rejection[], json: boolean): void {
  const taken = rejections.filter(({ reason }) => reason === TAKEN)
  const unsupported = rejections.filter(({ hash }) => hash !== undefined)
  const invalid = rejections.length - taken.length - unsupported.length
  if (json) {
    const counts = { taken: taken.length, unsupported: unsupported.length, invalid }
    print(JSON.stringify({ ok: false, counts, refused: rejections.map(toJson) }))
    process.exitCode = 1
    return
  }
  const advice = [
    taken.length > 0 && `${toCount(taken)}: name taken. --skip-existing skips them.`,
    unsupported.length > 0 &&
      `${toCount(unsupported)}: ${toFormats(unsupported)}. --skip-unsupported skips them.`,
    invalid > 0 && `${invalid.toLocaleString('en')} to correct in the file.`,
  ]
  throw new CommandError(
    `Nothing was imported:\n\n${toLines(rejections)}\n\n${advice.filter(Boolean).join('\n')}`,
  )
}

const toJson = ({ at, username, reason }: Rejection) => ({ at, username, reason })

function toLines(rejections: Rejection[]): string {
  const shown = rejections
    .slice(0, MAX_SHOWN)
    .map(({ at, username, reason }) => `  ${at}${username ? ` (${username})` : ''}: ${reason}`)
  const more = rejections.length - shown.length
  if (more > 0) shown.push(`  … and ${more.toLocaleString('en')} more`)
  return shown.join('\n')
}

const toCount = (list: unknown[]) => list.length.toLocaleString('en')

/** Returns `hash unsupported (12 PBKDF2, 3 bcrypt)`. */
function toFormats(rejections: Rejection[]): string {
  const counts = new Map<string, number>()
  for (const { hash = '' } of rejections) counts.set(hash, (counts.get(hash) ?? 0) + 1)
  const formats = [...counts].map(([format, count]) => `${count.toLocaleString('en')} ${format}`)
  return `hash unsupported (${formats.join(', ')})`
}

function toTable(rows: [string, number][]): string {
  const counts = rows.map(([, count]) => count.toLocaleString('en'))
  const width = Math.max(...counts.map((count) => count.length))
  return rows
    .map(([label], index) => `${label.padEnd(25)}  ${(counts[index] ?? '').padStart(width)}`)
    .join('\n')
}
