import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

type Entry = { section: string; text: string; ids: string[]; files: string[] }

const page = readFileSync('test/README.md', 'utf8')

/** Where `[auth/login]` leads: the definitions at the end of the page. */
const links = new Map(
  [...page.matchAll(/^\[([^\]]+)\]: (\S+)$/gm)].map(([, name = '', file = '']) => [name, file]),
)

/** ASVS 5.0.0: the level of each requirement, in its order. */
const levels = new Map(
  readFileSync('test/vectors/asvs-5.0.0.tsv', 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'))
    .map(([level, id = '']) => [id, Number(level)]),
)
const allIds = [...levels.keys()]

const SHOWN = 'Shown by a test'
const READ = 'Shown by reading'
/** The sections with entries of the ASVS: each of its requirements is in exactly one of them. */
const STATES = [SHOWN, READ, 'By the platform', 'Not applicable', 'Not met, or not in full']
const parts = page
  .replaceAll(/^\[[^\]]+\]: .*$/gm, '')
  .split(/^## /m)
  .slice(1)

/** The entries of a section: `- **7.2.3, 7.4.1** …: [a], [b]`, or `- **RFC 6750 3.1** …`. */
const entries: Entry[] = parts.flatMap((part) => {
  const [section = '', ...lines] = part.split('\n')
  const texts = lines.join('\n').split(/^- /m).slice(1)
  return texts.map((text) => {
    const [, ids = ''] = /^\*\*([^*]+)\*\* /.exec(text) ?? []
    const names = [...text.replaceAll(/`[^`]*`/g, '').matchAll(/\[([^\]]+)\]/g)]
    const files = names.map(([, name = '']) => join('test', links.get(name) ?? `no link: ${name}`))
    return { section, text, ids: ids.split(/,\s+/).flatMap(expandRange), files }
  })
})

/** Expands `5.1.1–5.4.3` into all requirements from the first to the last. */
function expandRange(range: string): string[] {
  const [first, last] = range.split('–').map((id) => allIds.indexOf(id))
  if (first === undefined || last === undefined) return [range]
  return first < 0 || last <= first ? [range] : allIds.slice(first, last + 1)
}

/** The entries that have tests, or should. Elsewhere, tests show what is met of a requirement. */
const rows = entries.filter(
  ({ section, files }) => files.length > 0 || section === SHOWN || !STATES.includes(section),
)

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

describe('each requirement of ASVS 5.0.0, levels 1 and 2, has one state in test/README.md:', () => {
  const inStates = entries.filter(({ section }) => STATES.includes(section))
  const listed = inStates.flatMap(({ ids }) => ids).filter((id) => !id.startsWith('RFC '))

  it('no requirement is missing, listed twice or unknown', () => {
    const required = allIds.filter((id) => (levels.get(id) ?? 3) < 3)
    expect(required).toHaveLength(253)
    expect(required.filter((id) => !listed.includes(id))).toEqual([])
    expect(listed.filter((id, index) => listed.indexOf(id) !== index)).toEqual([])
    expect(listed.filter((id) => !levels.has(id))).toEqual([])
    const unmarked = inStates.filter(({ ids, text }) =>
      ids.some((id) => levels.get(id) === 3 && text.includes(id) && !text.includes('(level 3')),
    )
    expect(unmarked).toEqual([])
    const elsewhere = entries.filter(({ section }) => !STATES.includes(section))
    expect(elsewhere.flatMap(({ ids }) => ids).filter((id) => levels.has(id))).toEqual([])
  })

  it('the table at the top of the page has the right numbers', () => {
    const table = [...page.matchAll(/^\| (?:\[(.+)\]\(.*\)|(All)) +\|(.+)\|$/gm)]
    const numbers = table.map(([, state, all, cells = '']) => [
      state ?? all,
      ...cells.split('|').map(Number),
    ])
    const count = (level: number, state?: string) =>
      inStates
        .filter(({ section }) => state === undefined || section === state)
        .flatMap(({ ids }) => ids)
        .filter((id) => levels.get(id) === level).length
    const toRow = (name: string, state?: string) => {
      const [one, two] = [count(1, state), count(2, state)]
      return [name, one, two, one + two]
    }
    expect(numbers).toEqual([...STATES.map((state) => toRow(state, state)), toRow('All')])
  })

  it.each(
    inStates
      .filter(({ section }) => section === READ)
      .map(({ ids, text }) => [ids.join(', '), text]),
  )('%s names the file that shows it', (_, text) => {
    const paths = [...text.matchAll(/`([\w./-]+\.\w+)`/g)].map(([, path = '']) => path)
    expect(paths.filter((path) => existsSync(path))).not.toEqual([])
  })
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
