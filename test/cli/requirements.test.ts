import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, it } from 'vitest'

type Row = { ids: string[]; files: string[] }

const page = readFileSync('test/README.md', 'utf8')

/** `7.2.3, 7.4.1` under ASVS, and `RFC 6750 3.1`, in each row that names a test file. */
const rows: Row[] = [...page.matchAll(/^\| ([^|]+?) +\| [^|]+\| (\[.+\)) +\|$/gm)].map(
  ([, ids = '', links = '']) => ({
    ids: ids.split(', '),
    files: [...links.matchAll(/\]\(([^)]+)\)/g)].map(([, file = '']) => join('test', file)),
  }),
)

/** Every number that a file names: in `(ASVS 7.2.3, 7.4.1)` there are two. */
function readIds(file: string): string[] {
  const source = readFileSync(file, 'utf8')
  return [
    ...source.matchAll(/(ASVS|RFC \d{4}|NIST SP 800-63B-4)((?:,? [A-Z]?\.?\d[\d.]*\b)*)/g),
  ].flatMap(([, standard = '', numbers = '']) => {
    const sections = numbers.split(/,? /).filter(Boolean)
    if (standard === 'ASVS') return sections
    return sections.length ? sections.map((section) => `${standard} ${section}`) : [standard]
  })
}

it.each(
  rows.flatMap(({ ids, files }) => files.map((file) => [ids.join(', '), file, ids] as const)),
)('%s is named by a test in %s', (_, file, ids) => {
  expect(existsSync(file)).toBe(true)
  const named = new Set(readIds(file))
  expect(ids.filter((id) => named.has(id))).not.toEqual([])
})

it('every number in the title of a test has its row', () => {
  const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  const titled = files
    .filter((file) => file.endsWith('.test.ts') && !file.endsWith('requirements.test.ts'))
    .flatMap((file) => readIds(join('test', file)))
  const known = new Set(rows.flatMap(({ ids }) => ids))
  expect([...new Set(titled)].filter((id) => !known.has(id))).toEqual([])
  expect(rows.length).toBeGreaterThan(60)
})
