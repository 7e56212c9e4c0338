import { execFile } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

import { describe, expect, it } from 'vitest'
import { experimental_getWranglerCommands as getWranglerCommands } from 'wrangler'

import { OPERATIONS } from '../../src/contract/operations.ts'
import { readWranglerToml, toSettings } from '../../src/cli/cloudflare/wrangler-toml.ts'
import { ERRORS } from '../../src/errors.ts'

const FILES = [
  'README.md',
  'src/cli/README.md',
  'src/client/README.md',
  'src/routes/README.md',
  'test/README.md',
  'test/bench/README.md',
  '.github/CONTRIBUTING.md',
  '.github/SECURITY.md',
]
const pages = FILES.map((file) => ({ file, text: readFileSync(file, 'utf8') }))
const README = pages[0]?.text ?? ''
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  scripts: Record<string, string>
}

/** Commands that are not the project's: npm, git, a shell, the program that holds a Flask app's users. */
const OTHERS =
  /^(curl|cd|git (clone|remote add|fetch|merge)|grep|umask|npm install|npm run$|sqlite3|\.ci\/run$)/

/** Every command of a page: the lines of shell blocks, and code in backquotes that begins like one. */
function readCommands(page: string): string[] {
  const blocks = [...page.matchAll(/^```(sh|console)\n([^]*?)^```/gm)].flatMap(
    ([, language, block = '']) =>
      block
        .split('\n')
        .filter((line) => language === 'sh' || line.startsWith('$ '))
        .map((line) => line.replace(/^\$ /, '')),
  )
  const inline = [...page.matchAll(/`((?:npm|npx|\.ci\/)[^`]+)`/g)].map(([, text = '']) =>
    text.replaceAll(/\s+/g, ' '),
  )
  const lines = [...blocks, ...inline].flatMap((line) => line.split(' && '))
  return lines.map((line) => line.replace(/\s+#.*$/, '').trim()).filter(Boolean)
}

/** The words of a command; a quoted string is one word. */
const splitWords = (command: string) =>
  [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')

const commands = [...new Set(pages.flatMap(({ text }) => readCommands(text)))]
const npmRuns = commands
  .map((command) => command.replace('npm run -s ', 'npm run '))
  .filter((command) => /^npm (run \w|test)/.test(command))
const wranglerRuns = commands.filter((command) => command.startsWith('npx wrangler '))
const ownRuns = npmRuns.filter((command) => command.includes(' -- ') && toFile(command))

function toScript(command: string): string {
  return splitWords(command)[command.startsWith('npm run') ? 2 : 1] ?? ''
}

/** The file of the project's own command that a script runs. */
function toFile(command: string): string | undefined {
  const [, name] =
    /^node src\/cli\/start\.js ([\w-]+)$/.exec(scripts[toScript(command)] ?? '') ?? []
  return name && `src/cli/${name}.ts`
}

it('the pages name commands of the project and of wrangler, and no program that a reader may not have', () => {
  expect(ownRuns.length).toBeGreaterThan(10)
  expect(wranglerRuns.length).toBeGreaterThan(5)
  const known = new Set([...npmRuns, ...wranglerRuns])
  const unknown = commands.filter(
    (command) => !known.has(command.replace('npm run -s ', 'npm run ')) && !OTHERS.test(command),
  )
  expect(unknown).toEqual([])
})

it.each(npmRuns)('%s: package.json contains that script', (command) => {
  expect(Object.keys(scripts)).toContain(toScript(command))
})

describe('the --help of the project has', () => {
  const helps = new Map<string, Promise<string>>()
  /** The help of a command of the project, or of the first word after it. */
  const readHelp = (file: string, ...words: string[]) => {
    const key = [file, ...words].join(' ')
    const known = helps.get(key)
    if (known) return known
    const args = [file, ...words, '--help']
    const help = promisify(execFile)(process.execPath, args).then(({ stdout }) => stdout)
    helps.set(key, help)
    return help
  }

  it.each(ownRuns)('what is in %s', async (command) => {
    const file = toFile(command) ?? ''
    const [, asked = ''] = command.split(' -- ')
    for (const alternative of asked.split(' | ')) {
      const words = splitWords(alternative)
      const named = words.filter((word) => /^[a-z]+$/.test(word))
      const known = isKnown(await readHelp(file), named)
      expect({ alternative, known }).toEqual({ alternative, known: true })
      const help = await readHelp(file, ...named.slice(0, 1))
      for (const option of words.filter((word) => word.startsWith('--')))
        expect(help).toMatch(new RegExp(`${option}\\b`))
    }
  })

  /** Whether the help has a line for these words; `<name>` stands for any. */
  const isKnown = (help: string, [first, second]: string[]) =>
    first === undefined ||
    help.split('\n').some((line) => {
      const [own, next] =
        line
          .trim()
          .split(/\s{2,}/)[0]
          ?.split(' ') ?? []
      const isArgument = next === undefined || /^[<[]/.test(next)
      return own === first && (isArgument || next === second)
    })
})

describe('wrangler has', () => {
  const { registry, globalFlags } = getWranglerCommands()

  it.each(wranglerRuns)('%s', (command) => {
    const words = splitWords(command).slice(2)
    let node: typeof registry | undefined = registry
    let depth = 0
    for (; node?.subtree.size; depth += 1) node = node.subtree.get(words[depth] ?? '')
    const definition = node?.definition
    const args = definition?.type === 'command' ? definition.args : undefined
    expect({ command, args }).toEqual({ command, args: expect.anything() })
    const options = words.slice(depth).filter((word) => word.startsWith('--'))
    for (const option of options)
      expect(Object.keys({ ...args, ...globalFlags })).toContain(option.slice(2))
  })
})

/** Without code blocks, in which `#` begins a comment. */
const stripCode = (text: string) => text.replaceAll(/^```[^]*?^```/gm, '')

/** The anchors that GitHub gives to the headings of a page. */
const toAnchors = (text: string) =>
  [...stripCode(text).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )

describe.each(pages)('$file links and names only what exists:', ({ file, text }) => {
  const links = [
    ...[...text.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, link = '']) => link),
    ...[...text.matchAll(/^\[[^\]]+\]: (\S+)$/gm)].map(([, link = '']) => link),
  ]
  const names = [...text.matchAll(/`((?:src|test|\.ci|\.github)\/[\w./-]+)`/g)].map(
    ([, path = '']) => path,
  )

  it.each([...new Set(names)])('the path %s', (path) => {
    expect(existsSync(path)).toBe(true)
  })

  it.each([...new Set(links)])('the link %s', (link) => {
    const [path = '', anchor] = link.split('#')
    const target = path ? join(dirname(file), path) : file
    expect(existsSync(target)).toBe(true)
    const anchors = anchor ? toAnchors(readFileSync(target, 'utf8')) : [anchor]
    expect(anchors).toContain(anchor)
  })

  it('no line of prose and no table row is wider than 120 characters', () => {
    expect(
      stripCode(text)
        .split('\n')
        .filter((line) => line.length > 120),
    ).toEqual([])
  })
})

/** A section of the README, from its heading to the next. */
const readSection = (title: string) =>
  README.split(/^## /m).find((part) => part.startsWith(title)) ?? ''
const countLines = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\n').length
const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0)

describe('a newcomer can read the Worker:', () => {
  const NOT_BUNDLED =
    /^src\/(cli|client|public)\/|^src\/contract\/(openapi|operations)\.ts$|\.d\.ts$/
  const bundled = globSync('src/**/*.ts').filter((file) => !NOT_BUNDLED.test(file))

  it('the README has at most 250 lines', () => {
    expect(countLines('README.md')).toBeLessThanOrEqual(250)
  })

  it("the files on the README's reading path have at most 1,100 lines in total", () => {
    const list = readSection('Where things are').match(/^1\.[^]*?\n\n/m)?.[0] ?? ''
    const files = [...list.matchAll(/\]\(([^)]+)\)/g)].map(([, file = '']) => file)
    expect(files.length).toBeGreaterThan(10)
    expect(sum(files.map(countLines))).toBeLessThanOrEqual(1100)
  })

  it('no bundled file has more than 200 lines', () => {
    expect(bundled.filter((file) => countLines(file) > 200)).toEqual([])
  })
})

describe('the tables of the README are complete:', () => {
  it.each(Object.keys(OPERATIONS))('Endpoints has %s', (operation) => {
    const [method = '', path = ''] = operation.replaceAll(/\{(\w+)\}/g, ':$1').split(' ')
    const rows = readSection('Endpoints')
      .split('\n')
      .filter((line) => line.includes(method))
    const paths = rows.flatMap((row) =>
      [...row.matchAll(/`(?:[A-Z]+ )?(\/[^`?]*)/g)].map(([, named = '']) => named),
    )
    expect(paths).toContain(path)
  })

  it('Errors has every code of src/errors.ts, next to its status', () => {
    const table = readSection('Errors').split('\n')
    const codes = Object.entries(ERRORS).map(([code, { status }]) => ({ code, status }))
    expect(codes.length).toBeGreaterThan(25)
    const missing = codes.filter(
      ({ code, status }) =>
        !table.some((line) => line.includes(`\`${code}\``) && line.includes(String(status))),
    )
    expect(missing).toEqual([])
  })

  it('wrangler.toml explains every setting, and shows its default', async () => {
    const config = await readWranglerToml(undefined)
    const defaults = toSettings({ ...config, vars: {} })
    expect(toSettings(config)).toEqual(defaults)
    const toml = readFileSync('wrangler.toml', 'utf8')
    const names = Object.keys(defaults).filter((name) => !/SECRET|^DB$|_LIMITER$/.test(name))
    expect(names.length).toBeGreaterThan(10)
    for (const name of names)
      expect(toml).toMatch(new RegExp(`^# [^\n]{20,}\n([A-Z_]+ = "[^"]*"\n)?${name} = "`, 'm'))
  })

  it('CONTRIBUTING.md has a row for every dependency', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
    const [, table = ''] = readFileSync('.github/CONTRIBUTING.md', 'utf8').split('## Dependencies')
    const documented = [...table.matchAll(/^\| (`[^|]+`) +\|/gm)].flatMap(
      ([, cell = '']) => cell.match(/[^`, ]+/g) ?? [],
    )
    expect(documented.toSorted()).toEqual(
      Object.keys({ ...dependencies, ...devDependencies }).toSorted(),
    )
  })
})
