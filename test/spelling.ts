// Part of `npm run check`: spelling, and words for which the field has a better one. See .spelling.json.

import { globSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'

/** Files (globs), the words to accept, and patterns to reject, each with what to write instead. */
type Rules = {
  files: string[]
  exclude: string[]
  words: string[]
  rejected: Record<string, string>
}
type Speller = { correct: (word: string) => boolean }

const require = createRequire(import.meta.url)
// The package has no types.
const createSpeller: (dictionary: { aff: Buffer; dic: Buffer }) => Speller = require('nspell')

const rules: Rules = JSON.parse(readFileSync('.spelling.json', 'utf8'))
const rejected = Object.entries(rules.rejected).map(([pattern, better]) => ({
  pattern: new RegExp(`(?<![\\w-])(?:${pattern})(?![\\w-])`, 'gi'),
  better,
}))
const accepted = new Set(rules.words)
// British prose, American web APIs.
const spellers = ['dictionary-en', 'dictionary-en-gb'].map((name) =>
  createSpeller({
    aff: readFileSync(`node_modules/${name}/index.aff`),
    dic: readFileSync(`node_modules/${name}/index.dic`),
  }),
)

const MIN_LENGTH = 4
/** What contains letters but no English words: addresses, escapes, accents, digits (as in a token). */
const NO_WORDS = /https?:\/\/\S+|\\u\{\w+\}\w*|\\[a-z]|[\w-]*\d[\w-]*|\w*[À-ʯͰ-῿][\wÀ-ʯͰ-῿]*/gi
/** The parts of a camelCase name. Names in capitals only are abbreviations. */
const WORDS = /\p{Lu}?\p{Ll}+(?:'\p{Ll}+)?/gu

const known = new Map<string, boolean>()

function isKnown(word: string): boolean {
  const cached = known.get(word)
  if (cached !== undefined) return cached
  const plain = word.replace(/'s$/, '').toLowerCase()
  const forms = [plain, (plain[0] ?? '').toUpperCase() + plain.slice(1)]
  const result =
    accepted.has(plain) || spellers.some((speller) => forms.some((form) => speller.correct(form)))
  known.set(word, result)
  return result
}

function* findProblems(line: string): Generator<string> {
  for (const { pattern, better } of rejected)
    for (const [found] of line.matchAll(pattern)) yield `'${found}': write '${better}'`
  for (const [word] of line.replaceAll(NO_WORDS, ' ').matchAll(WORDS))
    if (word.length >= MIN_LENGTH && !isKnown(word)) yield `unknown word '${word}'`
}

const paths = globSync(rules.files, { exclude: rules.exclude }).filter((path) =>
  statSync(path).isFile(),
)
let problems = 0
for (const path of paths.toSorted())
  for (const [index, line] of readFileSync(path, 'utf8').split('\n').entries())
    for (const problem of findProblems(line)) {
      problems += 1
      process.stdout.write(`${path}:${index + 1} ${problem}\n`)
    }
if (problems > 0)
  process.stdout.write(
    `${problems} problems. If a word is right, add it to "words" in .spelling.json.\n`,
  )
process.exitCode = problems > 0 ? 1 : 0
