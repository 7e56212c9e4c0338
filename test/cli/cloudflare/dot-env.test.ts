import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { array, assert, constantFrom, property } from 'fast-check'
import { expect, it } from 'vitest'
import { unstable_getVarsForDev } from 'wrangler'

import { writeRing } from '../../../src/cli/cloudflare/ring-file.ts'
import { parseDotEnv, replaceValues } from '../../../src/cli/cloudflare/dot-env.ts'

const config = join(mkdtempSync(join(tmpdir(), 'dot-env-')), 'wrangler.toml')

function readAsWrangler(text: string) {
  writeFileSync(join(config, '..', '.dev.vars'), text)
  const bindings = unstable_getVarsForDev(config, undefined, {}, undefined, true)
  return Object.fromEntries(Object.entries(bindings).map(([name, { value }]) => [name, value]))
}

const PIECES = [
  'A',
  'B',
  'JWT_SECRET',
  '=',
  "'",
  '"',
  '`',
  '\n',
  '\r\n',
  '#',
  ' ',
  ': ',
  'x',
  '\\',
  '\\n',
  '\uFEFF',
  'export ',
  '.',
]
const texts = array(constantFrom(...PIECES), { maxLength: 40 }).map((parts) => parts.join(''))

it('any text is read as wrangler reads it', () => {
  assert(
    property(texts, (text) => {
      expect(parseDotEnv(text)).toEqual(readAsWrangler(text))
    }),
    { numRuns: 3000 },
  )
})

it('replacing a value changes nothing that comes before or after its lines', () => {
  const lines = constantFrom('A=1', '# JWT_SECRET=old', '', 'B="x\ny"', 'not a variable', 'C: `z`')
  const values = constantFrom('JWT_SECRET=old', 'export JWT_SECRET="old"', "JWT_SECRET='o\nld'")
  assert(
    property(array(lines), values, array(lines), (before, value, after) => {
      const text = [...before, value, ...after].join('\n')
      const changed = replaceValues(text, ['JWT_SECRET'], { JWT_SECRET: 'new' })
      expect(changed).toBe([...before, value.replace(/=[^]*/, "='new'"), ...after].join('\n'))
      const removed = replaceValues(text, ['JWT_SECRET'], {})
      expect(removed.trimEnd()).toBe([...before, ...after].join('\n').trimEnd())
    }),
  )
})

it('a ring that would not read back does not replace the file', () => {
  const file = join(config, '..', '.keys.production')
  writeFileSync(file, "JWT_SECRET='kept'\n")
  for (const secret of ['\' " ` #', '\'\n"\n`\n', 'a\r\nb']) {
    expect(() => writeRing(file, { JWT_SECRET: secret })).toThrow('was not changed: JWT_SECRET')
    expect(readFileSync(file, 'utf8')).toBe("JWT_SECRET='kept'\n")
  }
})
