import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'

import { describe, expect, it } from 'vitest'
import { experimental_getWranglerCommands as getWranglerCommands } from 'wrangler'

const README = readFileSync('README.md', 'utf8')
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  scripts: Record<string, string>
}

/** What others bring: npm, a shell, the program that keeps a Flask app's users. */
const OTHERS = /^(curl|npm install|npm run$|sqlite3|\.ci\/run$)/

/** Every command: the lines of shell blocks, and what stands in backquotes and begins like one. */
function readCommands(): string[] {
  const blocks = [...README.matchAll(/^```(sh|console)\n([^]*?)^```/gm)].flatMap(
    ([, kind, block = '']) =>
      block
        .split('\n')
        .filter((line) => kind === 'sh' || line.startsWith('$ '))
        .map((line) => line.replace(/^\$ /, '')),
  )
  const inline = [...README.matchAll(/`((?:npm|npx|\.ci\/)[^`]+)`/g)].map(([, text = '']) => text)
  const lines = [...blocks, ...inline].flatMap((line) => line.split(' && '))
  return [...new Set(lines.map((line) => line.replace(/\s+#.*$/, '').trim()))].filter(Boolean)
}

/** The words of a command; what stands in quotes is one. */
const splitWords = (command: string) =>
  [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')

const commands = readCommands()
const npmRuns = commands.filter((command) => /^npm (run \w|test)/.test(command))
const wranglerRuns = commands.filter((command) => command.startsWith('npx wrangler '))
const ownRuns = npmRuns.filter((command) => command.includes(' -- ') && toFile(command))

function toScript(command: string): string {
  return splitWords(command)[command.startsWith('npm run') ? 2 : 1] ?? ''
}

/** The file of the project's own command that a script runs. */
function toFile(command: string): string | undefined {
  return /^node (src\/cli\/[\w-]+\.ts)$/.exec(scripts[toScript(command)] ?? '')?.[1]
}

it('the README has commands of every kind, and no other that nobody brings', () => {
  expect(ownRuns.length).toBeGreaterThan(10)
  expect(wranglerRuns.length).toBeGreaterThan(5)
  const known = new Set([...npmRuns, ...wranglerRuns])
  expect(commands.filter((command) => !known.has(command) && !OTHERS.test(command))).toEqual([])
})

it.each(npmRuns)('%s: package.json has that script', (command) => {
  expect(Object.keys(scripts)).toContain(toScript(command))
})

describe('the --help of the project has', () => {
  const helps = new Map<string, Promise<string>>()
  /** The help of a command of the project, or of what stands after it, where that has its own. */
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

describe('the README links and names only what exists:', () => {
  const headings = [...README.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )
  const anchors = [...README.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = '']) => anchor)
  const links = [...README.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path = '']) => path)
  const names = [...README.matchAll(/`((?:src|test|\.ci|\.github)\/[\w./-]+)`/g)].map(
    ([, path = '']) => path,
  )

  it.each([...new Set([...links, ...names])])('%s', (path) => {
    expect(existsSync(path)).toBe(true)
  })

  it.each(anchors)('#%s', (anchor) => {
    expect(headings).toContain(anchor)
  })
})
