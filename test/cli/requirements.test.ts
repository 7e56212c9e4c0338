import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

type Row = { ids: string[]; files: string[] }

const page = readFileSync('test/README.md', 'utf8')

/** Where `[auth/login]` leads: the definitions at the end of the page. */
const links = new Map(
  [...page.matchAll(/^\[([^\]]+)\]: (\S+)$/gm)].map(([, name = '', file = '']) => [name, file]),
)

/** `**7.2.3, 7.4.1** …: [a], [b]` under ASVS, and `**RFC 6750 3.1** …`, in each entry that names a test file. */
const entries = page.split('## Not met')[0]?.split(/^- /m).slice(1) ?? []
const rows: Row[] = entries.map((entry) => {
  const [, ids = ''] = /^\*\*([^*]+)\*\* /.exec(entry) ?? []
  const names = [...entry.matchAll(/\[([^\]]+)\]/g)].map(([, name = '']) => name)
  return {
    ids: ids.split(', '),
    files: names.map((name) => join('test', links.get(name) ?? `no link for ${name}`)),
  }
})

/** The numbers in the titles of a file: in `(ASVS 7.2.3, 7.4.1)` there are two. Comments show nothing. */
function readIds(file: string): string[] {
  const titles = readFileSync(file, 'utf8').replaceAll(/^\s*(\/\/|\/?\*).*$|\s\/\/ .*$/gm, '')
  return [
    ...titles.matchAll(/(ASVS|RFC \d{4}|NIST SP 800-63B-4)((?:,? [A-Z]?\.?\d[\d.]*\b)*)/g),
  ].flatMap(([, standard = '', numbers = '']) => {
    const sections = numbers.split(/,? /).filter(Boolean)
    if (standard === 'ASVS') return sections
    return sections.length ? sections.map((section) => `${standard} ${section}`) : [standard]
  })
}

describe('each number in test/README.md is in the title of a test in a file of its entry, and each file has one:', () => {
  it('the page has entries, and uses every link', () => {
    expect(rows.length).toBeGreaterThan(80)
    const used = new Set(rows.flatMap(({ files }) => files))
    expect([...links.values()].filter((file) => !used.has(join('test', file)))).toEqual([])
  })

  it.each(rows.map(({ ids, files }) => [ids.join(', '), ids, files] as const))(
    '%s',
    (_, ids, files) => {
      expect(files).not.toEqual([])
      expect(files.filter((file) => !existsSync(file))).toEqual([])
      const named = files.map((file) => readIds(file))
      expect(ids.filter((id) => !named.some((inFile) => inFile.includes(id)))).toEqual([])
      const idle = named.map((inFile) => !ids.some((id) => inFile.includes(id)))
      expect(files.filter((_file, index) => idle[index])).toEqual([])
    },
  )
})

it('every number in the title of a test has exactly one entry', () => {
  const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  const titled = files
    .filter((file) => file.endsWith('.ts') && !file.endsWith('requirements.test.ts'))
    .flatMap((file) => readIds(join('test', file)))
  const known = rows.flatMap(({ ids }) => ids)
  expect([...new Set(titled)].filter((id) => !known.includes(id)).toSorted()).toEqual([])
  expect(known.filter((id, index) => known.indexOf(id) !== index)).toEqual([])
})

it('each promise under Security in the README names tests that exist', () => {
  const [, security = ''] = readFileSync('README.md', 'utf8').split(/^## Security$/m)
  const [promises = ''] = security.split('What it does not promise')
  const bullets = promises.split(/^- /m).slice(1)
  expect(bullets.length).toBeGreaterThan(5)
  for (const bullet of bullets) {
    const names = [...bullet.matchAll(/[(,] ?`((?:\w+\/)*[a-z-]+)`(?=[,)])/g)].map(
      ([, name]) => name,
    )
    expect(names).not.toEqual([])
    expect(names.filter((name) => !existsSync(`test/${name}.test.ts`))).toEqual([])
  }
})
