import { expect, it } from 'vitest'

import { toTable } from '../../../src/cli/terminal/table.ts'

it('a table has columns as wide as their widest cell, in whole characters', () => {
  const table = toTable(
    ['name', 'x'],
    [
      ['zoë 🚀', '1'],
      ['y', '22'],
    ],
  )
  expect(table).toBe('name   x\nzoë 🚀  1\ny      22')
})

it('a table shows control characters as a sign, so that no cell moves the cursor or adds a line', () => {
  const cells = ['a\u001B[2Jb', 'a\nb', 'a\tb', 'a\u009Bb', 'a\u202Eb', 'a\u2028b', 'a\u0000b']
  const lines = toTable(
    ['name'],
    cells.map((cell) => [cell]),
  ).split('\n')
  expect(lines).toEqual(['name', 'a�[2Jb', ...cells.slice(1).map(() => 'a�b')])
})
